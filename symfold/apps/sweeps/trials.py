"""The trial that trains on a table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from symfold.apps.data import Table, read_table
from symfold.apps.regression import LOSSES, SCHEDULES, Settings, train
from symfold.apps.table_nets import Shape, activation_of, architecture_of, columns_besides
from symfold.apps.tasks import TASKS, target_of
from symfold.base.arguments import one_of, quoted, real, whole
from symfold.compute.backends.table import BACKENDS
from symfold.errors import InvalidValue, unknown
from symfold.mappers.expressions import named_mapper
from symfold.training.boosting.arguments import step_maker
from symfold.training.optimizers import OPTIMIZERS

OWN = ("data", "target", "task", "mapper", "depth", "width", "activation")
TRAINED = tuple(field.name for field in fields(Settings) if field.name not in ("checkpoint", "resume"))


# Checks of a value by itself; a combination that is no net, such as more steps than columns, fails as a trial.
def fraction(name: str, value: object) -> object:
    if not 0 < real(name, value) < 1:
        raise InvalidValue(f"{name}={quoted(value)} must lie between 0 and 1 (as 0.2)")
    return value


CHECKS: dict[str, Callable[[Any], object]] = {
    "task": lambda value: one_of("task", value, ("auto", *TASKS)),
    "mapper": lambda value: architecture_of(value) or (named_mapper if isinstance(value, str) else step_maker)(value),
    "depth": lambda value: whole("depth", value),
    "width": lambda value: whole("width", value, 1),
    "activation": activation_of,
    "epochs": lambda value: whole("epochs", value, 1),
    "batch_size": lambda value: whole("batch_size", value, 1),
    "rate": lambda value: real("rate", value, above=0),
    "loss": lambda value: value is None or one_of("loss", value, [name for names in LOSSES.values() for name in names]),
    "optimizer": lambda value: one_of("optimizer", value, OPTIMIZERS),
    "validation": lambda value: value is None or fraction("validation", value),
    "schedule": lambda value: one_of("schedule", value, SCHEDULES),
    "early_stopping": lambda value: value is None or whole("early_stopping", value, 1),
    "seed": lambda value: whole("seed", value),
    "backend": lambda value: one_of("backend", value, ("auto", *BACKENDS)),
}


def check_settings(settings: Sequence[Mapping[str, Any]]) -> None:
    """Refuse names that are no settings of a training, and values that no training takes."""
    checked = set()
    for one in settings:
        for name, value in one.items():
            if name not in (*OWN, *TRAINED):
                raise unknown("setting", name, (*OWN, *TRAINED))
            if name in CHECKS and (name, repr(value)) not in checked:
                CHECKS[name](value)
                checked.add((name, repr(value)))


def digests_of(settings: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The digest of each table that trials read; an error if one cannot be read, or has no such target."""
    digests: dict[str, str] = {}
    for source, name, task in dict.fromkeys((one["data"], one["target"], one.get("task", "auto")) for one in settings):
        table = read_table(source, labels=name)
        columns_besides(table, name)
        target_of(table, name, task)
        digests[str(source)] = digest_of(table)
    return digests


def digest_of(table: Table) -> str:
    """A text that differs for tables of different names, numbers or words.

    >>> import numpy as np
    >>> one, other = (Table("a.csv", ("y",), np.array([[number]])) for number in (1.0, 2.0))
    >>> digest_of(one) == digest_of(one), digest_of(one) == digest_of(other)
    (True, False)
    """
    names = repr((table.columns, table.texts)).encode()
    return hashlib.sha256(names + table.values.tobytes()).hexdigest()[:16]


def train_on_table(
    data: str,
    target: str,
    task: str = "auto",
    mapper: str = "residual",
    depth: int = 3,
    width: int = 8,
    activation: str = "sigmoid",
    table: Table | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Train a net on a table, as `symfold train`: its metrics on the training rows and on the test rows."""
    table = read_table(data, labels=target) if table is None else table
    columns, wanted = columns_besides(table, target), target_of(table, target, task)
    shape = Shape(mapper, depth, width, activation, columns, target, wanted.classes)
    model, _ = train(shape, table, wanted, Settings(**settings))
    values, actual = table.select(columns), wanted.values[:, 0]
    return {
        f"{part}_{name}": value
        for part, rows in (("train", model.train_rows), ("test", model.test_rows))
        for name, value in model.metrics(values[rows], actual[rows]).items()
        if isinstance(value, float)
    }
