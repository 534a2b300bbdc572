"""`symfold sweep`: nets trained on a table for every combination of settings, in several processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from symfold.apps.command.options import Decorated, FilePath, Subcommand, as_json, say, say_json, task_option
from symfold.base.decimals import decimal


class Values(click.Path):
    """Values separated by commas; whole numbers may be a range, as 0:10."""

    def __init__(self, kind: type, what: str):
        super().__init__()
        self.kind, self.what, self.name = kind, what, "list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, list):
            return value
        try:
            if self.kind is int and ":" in value:
                first, last = map(int, value.split(":"))
                if not first < last:
                    raise ValueError
                return list(range(first, last))
            convert = decimal if self.kind is float else self.kind
            return [convert(part.strip()) for part in value.split(",")]
        except ValueError:
            self.fail(f"{value[:60]!r} is not a list of {self.what} (write them separated by commas)", param, ctx)


def listed(name: str, kind: type, what: str, default: str | None, text: str) -> Callable[[Decorated], Decorated]:
    return click.option(f"--{name}", type=Values(kind, what), default=default, show_default=True, help=text)


@click.command(
    cls=Subcommand,
    epilog="""\b
Examples:
  symfold sweep residual boosting --depth 1,2,4 --seed 0:3 --data examples/diabetes.csv --target target
  symfold sweep lstm --width 4,8 --rate 0.001,0.01 --data table.csv --target y -o results.jsonl --plot plot.svg""",
)
@click.argument("mappers", metavar="MAPPER...", nargs=-1, required=True)
@click.option("--data", type=FilePath(), required=True, help="A CSV file, the first row naming the columns.")
@click.option("--target", required=True, metavar="COLUMN", help="The column to predict from all others.")
@task_option
@listed("depth", int, "whole numbers", "3", "How many layers.")
@listed("width", int, "whole numbers", "8", "The width of the layers.")
@listed("activation", str, "names", "sigmoid", "The activation of the layers.")
@listed("epochs", int, "whole numbers", "200", "Passes over the training rows.")
@listed("batch-size", int, "whole numbers", "32", "Rows per step.")
@listed("rate", float, "numbers", "0.001", "The learning rate, for the mean error of a batch.")
@listed("loss", str, "names", None, "The loss to minimize ('symfold list losses').")
@listed("validation", float, "numbers", None, "Fractions of the training rows for validation.")
@listed("optimizer", str, "names", "sgd", "The optimizer ('symfold list optimizers').")
@listed("schedule", str, "names", "constant", "The rate in time ('symfold list schedules').")
@listed("seed", int, "whole numbers", "0", "Random seeds; 0:10 is ten of them.")
@click.option(
    "-o", "--output", type=FilePath(), help="A file of JSON lines, a record per trial; what it holds is not run again."
)
@click.option("--retry", is_flag=True, help="Run trials of the file that failed again.")
@click.option("--workers", type=click.IntRange(1), help="How many processes; by default one per processor.")
@click.option("--plot", type=FilePath(), help="Draw the test error or accuracy into this file (extra plot).")
@as_json
def command(
    mappers: tuple[str, ...],
    data: str,
    target: str,
    task: str,
    output: str | None,
    retry: bool,
    workers: int | None,
    plot: str | None,
    json_: bool,
    **lists: list[Any] | None,
) -> None:
    """Train nets on a table, one for every combination of MAPPERs and settings, and compare their errors.

    Settings are lists: --depth 1,2,4. The exit code is 1 if a trial failed or was killed; the others are done.
    """
    from symfold.apps.data import read_table
    from symfold.apps.regression import Settings
    from symfold.apps.sweeps.run import sweep
    from symfold.apps.table_nets import columns_besides
    from symfold.apps.tasks import target_of
    from symfold.base.files import check_writable
    from symfold.errors import MissingPackage

    if output is not None:
        check_writable(output, data)
    if plot is not None:
        check_writable(plot, data, *([output] if output is not None else []))
        try:
            import matplotlib
        except ImportError:
            raise MissingPackage(
                "--plot needs the package matplotlib, which is not installed (pip install 'symfold[plot]')"
            ) from None
        matplotlib.use("agg")
    table = read_table(data, labels=target)
    wanted = target_of(table, target, task)
    columns_besides(table, target)
    for loss in lists["loss"] or []:
        Settings(loss=loss).loss_of(wanted)
    given = {name: values for name, values in lists.items() if values is not None}
    grid = {"mapper": list(mappers), "task": wanted.task, **given}
    found = sweep(grid, data=data, target=target, path=output, workers=workers, retry=retry)
    if plot is not None:
        figure: Any = found.plot(y="test_accuracy" if wanted.classes else "test_rmse").figure
        figure.savefig(plot)
    if json_:
        say_json([{"settings": r.settings, "status": r.status, **r.results, "error": r.error} for r in found])
    else:
        say(str(found))
        for what, path in (("recorded", output), ("drawn", plot)):
            if path is not None:
                say(f"{what}: {path}")
    if len(found.with_status("done")) < len(found):
        raise click.exceptions.Exit(1)
