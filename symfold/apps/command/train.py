"""`symfold train`: a mapper's net fitted to a table, its error beside those of simple baselines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from symfold.apps.command.options import (
    FilePath,
    Subcommand,
    as_json,
    bounded,
    depth_option,
    fixed_depth,
    mapper_argument,
    output_option,
    say,
    say_json,
    seed_option,
    without_effect,
)


@click.command(
    cls=Subcommand,
    epilog="""\b
Examples:
  symfold train residual --depth 10 --data examples/diabetes.csv --target target -o model.safetensors
  symfold train "f(x) + z" --depth 10 --data examples/diabetes.csv --target target --json""",
)
@mapper_argument
@depth_option
@click.option("--data", type=FilePath(), required=True, help="A CSV file of numbers, the first row naming the columns.")
@click.option("--target", required=True, metavar="COLUMN", help="The column to predict from all others.")
@click.option("--width", type=click.IntRange(1, 10_000), default=8, show_default=True, help="The width of the layers.")
@click.option(
    "--activation",
    default="sigmoid",
    show_default=True,
    help="The activation of the layers ('symfold list activations').",
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Passes over the training rows.",
)
@click.option("--batch-size", type=click.IntRange(1), default=32, show_default=True, help="Rows per step.")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    default=0.001,
    show_default=True,
    help="The learning rate, for the mean error of a batch.",
)
@click.option(
    "--remat",
    metavar="WAY",
    help="Keep fewer states of a deep net: 'sqrt' recomputes in groups of layers, 'reversible' inverts its steps.",
)
@click.option(
    "--test-fraction", type=float, default=0.2, show_default=True, help="The fraction of the rows for testing."
)
@seed_option
@output_option
@as_json
def command(mapper: str, data: str, output: str | None, json_: bool, **settings: Any) -> None:
    """Train MAPPER folded over dense layers, between a linear projection and a linear readout.

    The columns are standardized by the training rows; the error is the root mean squared error in the target's unit.
    """
    from symfold.apps.saved import MAX_DEPTH, save_model
    from symfold.apps.table_nets import architecture_of
    from symfold.base.files import check_writable

    if output is not None:
        check_writable(output, data)
        if not output.lower().endswith(".safetensors"):
            raise click.UsageError(f"-o {output}: models are safetensors files (give a name that ends in .safetensors)")
        bounded(settings["depth"], MAX_DEPTH, "or leave out -o")
    row = architecture_of(mapper)
    if row is not None and row.own_activation:
        without_effect("activation", because=f"on {mapper}, whose layers have activations of their own")
    model, report = run(mapper, data, **settings)
    if output is not None:
        save_model(output, model)
    if json_:
        say_json({**report, "file": output})
    else:
        say(table(report))
        if output is not None:
            say(f"saved: {output}")


def run(
    mapper: str, data: str, depth: int | str, target: str, width: int, activation: str, epochs: int,
    batch_size: int, rate: float, remat: str | None, test_fraction: float, seed: int,
) -> tuple[Any, dict[str, Any]]:  # fmt: skip
    """Train, and report."""
    from symfold.apps.data import places, read_table
    from symfold.apps.regression import baselines, errors, train
    from symfold.apps.table_nets import Shape
    from symfold.errors import DataError

    shape_depth = fixed_depth(depth)
    table = read_table(data)
    places(data, [target], table.columns)
    columns = tuple(name for name in table.columns if name != target)
    if not columns:
        raise DataError(f"{data!r} has no column besides {target!r} (there is nothing to predict from)")
    shape = Shape(mapper, shape_depth, width, activation, columns, target)
    model, losses = train(shape, table, epochs, batch_size, rate, test_fraction, seed, remat)
    values, actual = table.select(columns), table.select([target])[:, 0]
    rows = model.train_rows, model.test_rows
    report = {
        "mapper": mapper, "depth": depth, "width": width, "activation": activation, "data": data, "target": target,
        "epochs": epochs, "batch_size": batch_size, "rate": rate, "seed": seed, "steps": len(losses),
        "rows": {"train": len(rows[0]), "test": len(rows[1])},
        "error": finite(lambda: errors(model.predict(values), actual, *rows)),
        "baselines": baselines(values, actual, *rows),
    }  # fmt: skip
    return model, report


def table(report: dict[str, Any]) -> str:
    """The report as text."""
    rows = {
        "this net": report["error"],
        "least squares": report["baselines"]["linear"],
        "training mean": report["baselines"]["mean"],
    }
    lines = [
        f"{report['mapper']}: {report['depth']} layers of width {report['width']}, {report['activation']}; "
        f"{report['rows']['train']} rows to train on, {report['rows']['test']} to test on",
        f"root mean squared error of {report['target']}:",
        f"  {'':16}{'train':>12}{'test':>12}",
        *(f"  {name:16}{error['train']:12.4g}{error['test']:12.4g}" for name, error in rows.items()),
    ]
    return "\n".join(lines)


def finite(measure: Callable[[], dict[str, float]]) -> dict[str, float]:
    """The errors of a net, which must be finite."""
    from math import isfinite

    import numpy as np

    from symfold.errors import Diverged

    with np.errstate(all="ignore"):  # reported below, in words
        error = measure()
    if not all(map(isfinite, error.values())):
        raise Diverged(
            "the trained net gives no finite predictions (try a smaller --rate, fewer --epochs, or another mapper)"
        )
    return error
