"""`symfold inspect`: a model made by Python code, as a net: its folds, paths, cost and formula."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

import click

from symfold.apps.command.options import FilePath, Subcommand, as_json, say, say_json, without_effect
from symfold.base.public import PACKAGE
from symfold.errors import listing

if TYPE_CHECKING:
    from symfold.core.net import Net


@click.command(
    cls=Subcommand,
    epilog="""\b
Examples:
  symfold inspect examples.models:blocks
  symfold inspect mymodels:encoder --partial -o encoder.svg

FACTORY is a function without arguments that returns a net, or a torch.nn.Module with its example inputs:
(module, inputs) or (module, inputs, keywords).""",
)
@click.argument("what", metavar="MODULE:FACTORY")
@click.option("--partial", is_flag=True, help="Keep unknown operations as opaque layers.")
@click.option("--depth", type=click.IntRange(0), help="Open PyTorch modules to this depth.")
@click.option("-o", "--output", type=FilePath(), help="Also draw the rolled net into this file.")
@as_json
def command(what: str, partial: bool, depth: int | None, output: str | None, json_: bool) -> None:
    """Import MODULE, call its FACTORY, and report the folds of the model that it returns.

    Importing the module, from here or from Python's path, runs its code, as with `python -m`.
    """
    from symfold.apps.status import Status

    if output is not None:
        from symfold.base.files import check_writable

        check_writable(output)
    result = called(what)  # which may print
    with Status("reading the model"):
        report = answers(net_of(result, partial, depth))
    if output is not None:
        with Status("drawing"):
            report["net"].draw(output, level="fold")
    module = what.partition(":")[0]
    net, repetition = report.pop("net"), report.pop("repetition")
    if json_:
        say_json({"imported": module, **report, "file": output})
        return
    say(f"imported: {module} (its code has run)")
    say(repetition)
    for title in ("layers", "parameters", "buffers", "multiply-adds", "paths", "work", "span", "closed"):
        if report[title] not in ("", 0):
            say(f"{title}: {report[title]}")
    say("formula:")
    say("\n".join(f"  {line}" for line in report["formula"].splitlines()) if net.bindings else f"  {report['formula']}")
    if output is not None:
        say(f"drawn:    {output}")


def called(what: str) -> Any:
    """The result of a factory given as MODULE:FACTORY."""
    module_name, colon, factory_name = what.partition(":")
    if not (colon and module_name and factory_name.isidentifier()):
        dotted = module_name.removesuffix(".py").replace("/", ".").replace("\\", ".")
        spelled = f"{dotted}:FACTORY" if module_name.endswith(".py") else "MODULE:FACTORY, as mymodels:encoder"
        raise click.UsageError(f"{what!r} names no factory (write {spelled})")
    if module_name.endswith(".py"):
        dotted = module_name.removesuffix(".py").removeprefix("./").replace("/", ".").replace("\\", ".")
        raise click.UsageError(f"{what!r} names a file, not a module (write {dotted}:{factory_name})")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:  # imported code may raise anything
        raise click.UsageError(f"{module_name} cannot be imported: {type(error).__name__}: {error}") from error
    factory = getattr(module, factory_name, None)
    if not callable(factory):
        names = listing(
            name
            for name, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
        )
        raise click.UsageError(f"{module_name} has no function {factory_name!r} (it has {names})")
    try:
        return factory()
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:  # called code may raise anything
        frames = traceback.extract_tb(error.__traceback__)
        place = next((frame for frame in reversed(frames) if not frame.filename.startswith(PACKAGE)), frames[-1])
        raise click.UsageError(
            f"{what} raised {type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
        ) from error


def net_of(result: object, partial: bool, depth: int | None = None) -> Net:
    """The net of a factory's result."""
    from symfold.core.net import Net

    if isinstance(result, tuple) and len(result) in (2, 3) and hasattr(result[0], "named_modules"):
        from symfold.exchange.pytorch.reader import from_torch

        return from_torch(*result, dynamic_shapes={}, partial=partial, depth=depth)[0]  # counts at the example's sizes
    if hasattr(result, "named_modules"):
        raise click.UsageError(
            "the factory returns a module without example inputs (give both: return module, (torch.zeros(2, 3),))"
        )
    without_effect("partial", "depth", because="on a factory that returns a net")
    return Net.of(result)


def answers(net: Net) -> dict[str, Any]:
    """The report on a net, as plain values; and the rolled net."""
    from symfold.analysis.counting.cost import cost
    from symfold.analysis.counting.paths import paths
    from symfold.analysis.counting.polynomials import in_powers
    from symfold.analysis.repetition import folds
    from symfold.analysis.summary import summary
    from symfold.core.stacked_inputs import StackedInputs, is_leaf
    from symfold.show.notation import formula
    from symfold.transform.rolling import roll

    rolled = roll(net)
    costs, table, repetition = cost(rolled), summary(rolled), folds(rolled)
    counted = paths(rolled)
    inputs = [leaf for leaf in counted.inputs if is_leaf(leaf)]
    starts = [f"from {leaf.op.names[0]} " if len(inputs) > 1 else "" for leaf in inputs]
    polynomials = [
        f"{start}{in_powers(counted.matrix[row, column])}"
        for row in range(len(rolled.outputs))
        for column, start in enumerate(starts)
    ]
    return {
        "folds": [{**vars(fold), "count": str(fold.count), "state": len(fold.state)} for fold in repetition.folds],
        "apart": [vars(part) for part in repetition.apart],
        "layers": sum(
            leaf.op.count if isinstance(leaf.op, StackedInputs) else 1
            for leaf in rolled.leaves
            if leaf.op.role == "layer"
        ),
        "parameters": _plain(table.parameters),
        "buffers": _plain(table.buffers),
        "multiply-adds": "unknown" if table.multiply_adds is None else _plain(table.multiply_adds),
        "paths": "; ".join(polynomials),
        "work": str(costs.work),
        "span": str(costs.span),
        "closed": costs.closed,
        "formula": formula(rolled, form="fold"),
        "net": rolled,
        "repetition": str(repetition),
    }


def _plain(number: Any) -> int | str:
    return number if isinstance(number, int) else str(number)
