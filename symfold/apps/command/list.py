"""`symfold list`: the names that the other subcommands accept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from symfold.apps.command.options import FORMS, STYLES, Subcommand, as_json, say, say_json


def mappers() -> list[dict[str, object]]:
    from symfold.mappers import MAPPERS

    return [{"name": r.name, "formula": r.formula, "summary": r.summary, "source": r.source} for r in MAPPERS.values()]


def architectures() -> list[dict[str, object]]:
    from symfold.mappers import ARCHITECTURES

    shown = ("name", "formula", "state", "paths", "span", "work", "inverse", "source")
    return [{key: getattr(row, key) for key in shown} for row in ARCHITECTURES.values()]


def functions() -> list[dict[str, object]]:
    from symfold.mappers.expressions import FUNCTIONS

    return [{"name": name, "arguments": arity or "any"} for name, (_, arity) in sorted(FUNCTIONS.items())]


def activations() -> list[dict[str, object]]:
    from symfold.apps.table_nets import ACTIVATIONS

    return names(ACTIVATIONS)


def optimizers() -> list[dict[str, object]]:
    from symfold.training.optimizers import OPTIMIZERS

    return names(OPTIMIZERS)


def schedules() -> list[dict[str, object]]:
    from symfold.apps.regression import SCHEDULES

    return names(SCHEDULES)


def losses() -> list[dict[str, object]]:
    from symfold.apps.regression import LOSSES

    return [{"name": name, "task": task} for task, losses in LOSSES.items() for name in losses]


def formats() -> list[dict[str, object]]:
    from symfold.show.export import EXPORTS

    return names(EXPORTS)


def names(of: Iterable[str]) -> list[dict[str, object]]:
    return [{"name": name} for name in of]


# What can be listed; a new table is one row.
TABLES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "mappers": mappers,
    "architectures": architectures,
    "functions": functions,
    "activations": activations,
    "optimizers": optimizers,
    "schedules": schedules,
    "losses": losses,
    "formats": formats,
    "forms": lambda: names(FORMS),
    "styles": lambda: names(STYLES),
}


@click.command(
    cls=Subcommand,
    epilog="""\b
Examples:
  symfold list
  symfold list functions --json""",
)
@click.argument("what", type=click.Choice(tuple(TABLES)), default="mappers")
@as_json
def command(what: str, json_: bool) -> None:
    """List WHAT: mappers (the default), architectures, functions, activations, optimizers, schedules, losses, formats,
    forms or styles.
    """
    rows = TABLES[what]()
    if json_:
        say_json(rows)
        return
    widths = [max(len(str(row[key])) for row in rows) for key in rows[0]]
    for row in rows:
        say("  ".join(str(value).ljust(width) for value, width in zip(row.values(), widths, strict=True)).rstrip())
