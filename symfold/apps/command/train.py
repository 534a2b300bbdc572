"""`symfold train`: a mapper's net fitted to a table, its error beside those of simple baselines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from symfold.apps.command.options import (
    FilePath,
    Subcommand,
    as_json,
    backend_option,
    bounded,
    depth_option,
    fixed_depth,
    mapper_argument,
    output_option,
    say,
    say_json,
    seed_option,
    task_option,
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
@click.option("--data", type=FilePath(), required=True, help="A CSV file, the first row naming the columns.")
@click.option("--target", required=True, metavar="COLUMN", help="The column to predict from all others.")
@task_option
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
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    help="Rows per step, at most.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    default=0.001,
    show_default=True,
    help="The learning rate, for the mean error of a batch.",
)
@click.option("--loss", metavar="NAME", help="The loss to minimize, a mean over a batch ('symfold list losses').")
@click.option("--optimizer", default="sgd", show_default=True, help="The optimizer ('symfold list optimizers').")
@click.option(
    "--schedule", default="constant", show_default=True, help="The rate over time ('symfold list schedules')."
)
@click.option(
    "--validation", type=click.FloatRange(0, 1, True, True), help="The fraction of the training rows for validation."
)
@click.option(
    "--early-stopping",
    type=click.IntRange(1),
    metavar="EPOCHS",
    help="Stop after this number of epochs without a better validation loss; keep the best.",
)
@backend_option
@click.option("--checkpoint", type=FilePath(), metavar="FOLDER", help="Write the state of the training there.")
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint.")
@click.option(
    "--remat",
    metavar="WAY",
    help="Keep fewer states of a deep net: 'sqrt' recomputes in groups of layers, '256MB' keeps what fits, "
    "'reversible' inverts its steps.",
)
@click.option(
    "--test-fraction", type=float, default=0.2, show_default=True, help="The fraction of the rows for testing."
)
@seed_option
@output_option
@as_json
def command(mapper: str, data: str, output: str | None, json_: bool, **settings: Any) -> None:
    """Train MAPPER, folded over layers between a projection of the columns and a linear readout.

    The columns are standardized by the training rows. A regression reports its root mean squared error in the target's
    unit, a classification its accuracy, each beside simple baselines.
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
    mapper: str, data: str, depth: int | str, target: str, task: str, width: int, activation: str, **options: Any
) -> tuple[Any, dict[str, Any]]:
    """Train, and report."""
    from symfold.apps.data import read_table
    from symfold.apps.regression import Settings, baselines, errors, label_baselines, train
    from symfold.apps.table_nets import Shape, architecture_of, columns_besides
    from symfold.apps.tasks import target_of

    shape_depth = fixed_depth(depth)
    if options["resume"] and options["checkpoint"] is None:
        raise click.UsageError("--resume needs the folder of the checkpoints (give --checkpoint FOLDER)")
    if options["early_stopping"] is not None and options["validation"] is None:
        raise click.UsageError("--early-stopping watches the validation loss (give --validation 0.2)")
    settings = Settings(**options)
    table = read_table(data, labels=target)
    columns = columns_besides(table, target)
    wanted = target_of(table, target, task)
    row = architecture_of(mapper)
    own = row is not None and row.own_activation
    shape = Shape(mapper, shape_depth, width, activation, columns, target, wanted.classes)
    model, history = train(shape, table, wanted, settings)
    values, actual = table.select(columns), wanted.values[:, 0]
    rows = model.train_rows, model.test_rows
    metrics = finite(
        lambda: {
            part: model.metrics(values[which], actual[which])
            for part, which in zip(("train", "test"), rows, strict=True)
        }
    )
    report = {
        "mapper": mapper, "depth": depth, "width": width, "activation": None if own else activation,
        "data": data, "target": target,
        "task": wanted.task, "recognised": wanted.reason if task == "auto" else None, "classes": wanted.classes,
        "loss": settings.loss_of(wanted), "optimizer": settings.optimizer, "schedule": settings.schedule,
        "epochs": options["epochs"], "batch_size": options["batch_size"], "rate": options["rate"],
        "seed": options["seed"], "steps": len(history), "stopped": history.stopped,
        "validation": history.validation.get("loss", []),
        "rows": {"train": len(rows[0]), "test": len(rows[1])},
        "metrics": metrics,
    }  # fmt: skip
    if wanted.classes:
        report["accuracy"] = {part: found["accuracy"] for part, found in metrics.items()}
        report["baselines"] = label_baselines(values, wanted, *rows)
    else:
        report["error"] = errors(model.predict(values), actual, *rows)
        report["baselines"] = baselines(values, actual, *rows)
    return model, report


def table(report: dict[str, Any]) -> str:
    """The report as text."""
    labels = report["task"] == "classification"
    rows = {
        "this net": report["accuracy" if labels else "error"],
        "least squares": report["baselines"]["linear"],
        "most frequent" if labels else "training mean": report["baselines"]["mean"],
    }
    task = f"{report['task']} of {report['target']}"
    if report["recognised"] is not None:
        other = "regression" if labels else "classification"
        choice = f"; --task {other} overrides" if "whole" in report["recognised"] else ""
        task += f" ({report['recognised']}{choice})"
    lines = [
        f"{report['mapper']}: {report['depth']} layers of width {report['width']}"
        f"{', ' + report['activation'] if report['activation'] else ''}; "
        f"{report['rows']['train']} rows to train on, {report['rows']['test']} to test on",
        task,
        *([f"stopped: {report['stopped']}"] if report["stopped"] else []),
        *([f"validation loss: {report['validation'][-1]:.4g}"] if report["validation"] else []),
        f"accuracy on {report['target']}:" if labels else f"root mean squared error of {report['target']}:",
        f"  {'':16}{'train':>12}{'test':>12}",
        *(f"  {name:16}{error['train']:12.4g}{error['test']:12.4g}" for name, error in rows.items()),
    ]
    return "\n".join(lines)


def finite(measure: Callable[[], dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """The metrics of a net, which must be finite."""
    from math import isfinite

    import numpy as np

    from symfold.errors import Diverged

    with np.errstate(all="ignore"):  # reported below, in words
        metrics = measure()
    if not all(isfinite(value) for part in metrics.values() for value in part.values() if isinstance(value, float)):
        raise Diverged(
            "the trained net gives no finite predictions (try a smaller --rate, fewer --epochs, or another mapper)"
        )
    return metrics
