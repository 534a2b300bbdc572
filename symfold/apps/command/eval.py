"""`symfold eval`: the values of a net with random layers, or of a trained model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from symfold.apps.command.options import (
    FilePath,
    Subcommand,
    as_json,
    backend_option,
    depth_option,
    fixed_depth,
    is_model,
    json_line,
    output_option,
    say,
    seed_option,
    without_effect,
    write,
)
from symfold.base.arguments import NumpyArray
from symfold.base.decimals import decimal
from symfold.errors import printable


@click.command(
    cls=Subcommand,
    epilog="""\b
Examples:
  symfold eval residual --depth 3 --x 1,2,3
  symfold eval "z * f(z)" --depth 2 --x 0.5 --layers tanh
  symfold eval model.safetensors --data examples/diabetes.csv -o predictions.csv""",
)
@click.argument("what", metavar="MAPPER|MODEL.safetensors")
@depth_option
@click.option("--x", "x_text", metavar="ROWS", help="The input: numbers separated by commas, rows by semicolons.")
@click.option(
    "--layers",
    "layers_name",
    default="dense",
    show_default=True,
    help="dense (random weights), or an elementwise function for every layer.",
)
@click.option("--activation", default="sigmoid", show_default=True, help="The activation of dense layers.")
@seed_option
@backend_option
@click.option("--data", type=FilePath(), help="The table to predict for, with a trained model.")
@click.option("--metrics", "only_metrics", is_flag=True, help="Print metrics of the predictions, not the predictions.")
@output_option
@as_json
def command(
    what: str,
    depth: int | str,
    x_text: str | None,
    layers_name: str,
    activation: str,
    seed: int,
    backend: str,
    data: str | None,
    only_metrics: bool,
    output: str | None,
    json_: bool,
) -> None:
    """Evaluate MAPPER folded over layers at --x, or predict by a trained model for --data."""
    if is_model(what):
        without_effect("depth", "layers_name", "activation", "seed", "backend", because="on a trained model")
        if data is None or x_text is not None:
            raise click.UsageError(f"a trained model takes --data FILE.csv: symfold eval {what} --data FILE.csv")
        predict(what, data, only_metrics, output, json_)
        return
    if Path(what).is_file():
        raise click.UsageError(
            f"{what} is neither a mapper nor a model (a model ends in .safetensors; --data takes a table)"
        )
    without_effect("only_metrics", because="on a mapper (give a trained model)")
    if x_text is None or data is not None:
        raise click.UsageError("a mapper takes --x, numbers separated by commas: symfold eval residual --x 1,2,3")
    if layers_name != "dense":
        without_effect("activation", "seed", because=f"on --layers {layers_name}, which has no weights")
    value = evaluate(what, fixed_depth(depth), rows_of(x_text), layers_name, activation, seed, backend)
    if json_:
        about = {"mapper": what, "depth": depth, "layers": layers_name, "activation": activation, "seed": seed}
        write(json_line({**about, "x": rows_of(x_text), "value": value}), output)
    else:
        write("\n".join(",".join(repr(float(number)) for number in row) for row in value), output)
        if output is not None:
            say(f"{len(value)} row{'s'[: len(value) - 1]} written: {output}")


def rows_of(text: str) -> list[list[float]]:
    """The rows that were typed.

    >>> rows_of("1,2;3,4")
    [[1.0, 2.0], [3.0, 4.0]]
    """
    try:
        rows = [[decimal(part) for part in row.split(",")] for row in text.split(";")]
    except ValueError:
        raise click.UsageError(f"--x {text[:60]!r} is not a list of finite numbers (write 1,2,3 or 1,2;3,4)") from None
    if len({len(row) for row in rows}) > 1 or not all(math.isfinite(number) for row in rows for number in row):
        raise click.UsageError(f"--x {text[:60]!r} must have finite numbers, as many in every row")
    return rows


def evaluate(
    mapper: str, depth: int, rows: list[list[float]], layers_name: str, activation: str, seed: int, backend: str
) -> NumpyArray:
    """The value of a mapper over dense layers with random weights, or over copies of one function."""
    import numpy as np

    from symfold.apps.table_nets import ACTIVATIONS
    from symfold.core.leaves import tensor
    from symfold.core.net import Net
    from symfold.core.primitives import zeros
    from symfold.errors import unknown
    from symfold.frontend.named_layers import layers
    from symfold.mappers.expressions import FUNCTIONS, folded, named_mapper
    from symfold.mappers.registry import dense_layers, first

    width = len(rows[0])
    x = tensor("x", (None, width))
    one_argument = [name for name, (_, arity) in FUNCTIONS.items() if arity == 1]
    if layers_name == "dense" and activation not in ACTIVATIONS:
        raise unknown("activation", activation, ACTIVATIONS)
    if layers_name not in ("dense", *one_argument):
        raise unknown("kind of layers", layers_name, ["dense", *one_argument])

    def layers_of(name: str) -> Any:
        if layers_name == "dense":
            return dense_layers(name, depth, width, ACTIVATIONS[activation])
        return layers(name, lambda z: FUNCTIONS[layers_name][0](z), count=depth)

    typed = named_mapper(mapper)
    others = [zeros(x)] * (typed.parts - 1)
    net = Net.of(first(Net.of(folded(typed, x, (x, *others) if others else x, layers_of))))
    with np.errstate(all="ignore"):
        value = net.compile(backend=backend)(net.init(seed), x=np.array(rows))
    return np.broadcast_to(np.asarray(value, dtype=float), np.broadcast_shapes(np.shape(value), (1, 1)))


def predict(model_path: str, data: str, only_metrics: bool, output: str | None, json_: bool) -> None:
    """Predictions of a trained model, one per row of the table; if one is not finite, an error that names its row.

    If the table has the target, metrics are reported too: in JSON, and beside the file that takes the predictions.
    """
    import numpy as np

    from symfold.apps.data import read_table
    from symfold.apps.saved import load_model
    from symfold.base.files import check_writable
    from symfold.errors import DataError

    if output is not None:
        check_writable(output, data, model_path)
    model = load_model(model_path)
    target, classes = model.shape.target, model.shape.classes
    table = read_table(data, only=model.shape.columns)
    with np.errstate(all="ignore"):  # reported below, in words
        predicted = model.predict(table.values)
    wrong = np.flatnonzero(~np.isfinite(predicted))
    if wrong.size:
        raise DataError(
            f"{model_path!r} gives no finite prediction for {wrong.size} of {len(predicted)} rows of {data!r}, "
            f"the first in row {wrong[0] + 1} under the header: {predicted[wrong[0]]} "
            "(check its numbers, and that the model was trained on similar ones)"
        )
    metrics = metrics_of(model, table, data, required=only_metrics) if only_metrics or json_ or output else None
    shown = [classes[int(value)] for value in predicted] if classes else predicted.tolist()
    if json_:
        report: dict[str, Any] = {"model": model_path, "data": data, "target": target, "metrics": metrics}
        if classes:
            report["classes"] = classes
        write(json_line(report if only_metrics else {**report, "predictions": shown}), output)
        return
    if not only_metrics:
        cells = [csv_cell(value) if classes else repr(float(value)) for value in shown]
        write("\n".join([csv_cell(f"predicted {target}"), *cells]), output)
        if output is not None:
            say(f"{len(predicted)} predictions written: {output}")
    if metrics is not None:
        write(metrics_text(metrics, classes), output if only_metrics else None)


def metrics_of(model: Any, table: Any, data: str, required: bool) -> dict[str, Any] | None:
    """The metrics on a table that has the target; None if it has not, or an error if they are required."""
    from symfold.apps.data import places, read_table
    from symfold.apps.tasks import class_numbers, labels_of
    from symfold.errors import DataError

    target, classes = model.shape.target, model.shape.classes
    try:
        known = read_table(data, only=[target], labels=target if classes else None)
    except DataError:
        if required:
            raise
        return None
    places(data, [target], known.columns)
    actual = class_numbers(labels_of(known, target), classes, data, target) if classes else known.values[:, 0]
    metrics: dict[str, Any] = model.metrics(table.values, actual)
    return metrics


def metrics_text(metrics: dict[str, Any], classes: tuple[str, ...]) -> str:
    """Metrics as text, the confusion matrix as a table: a row per true class, a column per prediction."""
    lines = [f"{name}: {value:.6g}" for name, value in metrics.items() if isinstance(value, float)]
    if classes:
        cells = [
            ["", *classes],
            *([name, *map(str, row)] for name, row in zip(classes, metrics["confusion"], strict=True)),
        ]
        widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
        lines.append("confusion (true class by row, prediction by column):")
        lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    return "\n".join(lines)


def csv_cell(text: str) -> str:
    """A name as a cell of a CSV file, without orders to a terminal.

    >>> csv_cell("a,b"), csv_cell("a\x1b[31m")
    ('"a,b"', 'a\\\\x1b[31m')
    """
    text = printable(text, also="\n\r\t")
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n\r') else text
