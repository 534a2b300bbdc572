"""The names that the command takes, by table: what `symfold list` prints and what a shell completes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

FORMS = ("fold", "steps", "expanded")
STYLES = ("text", "unicode", "latex", "mathml")


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


def levels() -> list[dict[str, object]]:
    from symfold.show.graph import LEVELS

    return names(LEVELS)


def backends() -> list[dict[str, object]]:
    import symfold.api  # noqa: F401 - it fills the table, also for a completion
    from symfold.compute.backends.table import BACKENDS

    return names(["auto", *BACKENDS])


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
    "levels": levels,
    "backends": backends,
    "forms": lambda: names(FORMS),
    "styles": lambda: names(STYLES),
}
