"""Arguments: data, losses and mappers, checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray, array_of, quoted, takes
from symfold.core.nodes import Node
from symfold.errors import InvalidType, InvalidValue, listing, plural, unknown
from symfold.frontend.losses import LOSSES
from symfold.mappers.expressions import named_mapper
from symfold.training.boosting.learners import drawn
from symfold.training.boosting.steps import Rule


def checked_table(name: str, value: object, columns: int | None = None) -> NumpyArray:
    """Rows of finite numbers; with `columns`, of that length."""
    table = array_of(name, value).astype(float)
    if table.ndim != 2 or 0 in table.shape or columns not in (None, table.shape[1]):
        wanted = "columns" if columns is None else f"{columns}"
        raise InvalidValue(f"{name} has shape {table.shape} (must be (samples, {wanted}), with at least one of each)")
    if not np.isfinite(table).all():
        raise InvalidValue(f"{name} has entries that are not finite (leave out the samples with nan or inf)")
    return table


def check_target(table: NumpyArray, target: NumpyArray, name: str = "y") -> None:
    if target.ndim not in (1, 2) or len(target) != len(table) or 0 in target.shape:
        raise InvalidValue(
            f"{name} has shape {target.shape} for {len(table)} rows of x "
            f"(must be ({len(table)},) or ({len(table)}, outputs))"
        )
    if not np.isfinite(target).all():
        raise InvalidValue(f"{name} has entries that are not finite (leave out the samples with nan or inf)")


def check_logits(rule: Rule, target: NumpyArray) -> None:
    """Refuse class numbers where each class needs a prediction of its own, its logit."""
    if rule is LOSSES["cross_entropy"] and (target.ndim == 1 or target.shape[1] == 1):
        raise InvalidValue(
            f"cross_entropy needs a logit per class, and y has shape {target.shape} "
            "(give one-hot rows: y = 1.0 * np.equal.outer(np.ravel(y), np.unique(y)))"
        )


def split(
    table: NumpyArray, target: NumpyArray, validation: object, random: np.random.RandomState
) -> tuple[NumpyArray, NumpyArray, tuple[NumpyArray, NumpyArray] | None]:
    """The rows to train on, and those to validate by."""
    if validation is None:
        return table, target, None
    if isinstance(validation, tuple) and len(validation) == 2:
        held_x = checked_table("validation x", validation[0], table.shape[1])
        held_y = array_of("validation y", validation[1]).astype(float)
        check_target(held_x, held_y, "validation y")
        if held_y.shape[1:] != target.shape[1:]:
            raise InvalidValue(f"validation y has shape {held_y.shape}, and y {target.shape} (give as many outputs)")
        return table, target, (held_x, held_y)
    if isinstance(validation, bool) or not isinstance(validation, (int, float)) or not 0 < validation < 1:
        raise InvalidValue(
            f"validation={quoted(validation)} is neither data nor a fraction of it "
            "(give validation=(x, y), or a number between 0 and 1)"
        )
    count = round(validation * len(table))
    if not 0 < count < len(table):
        raise InvalidValue(
            f"validation={validation} of {len(table)} samples leaves {count} to validate by and {len(table) - count} "
            "to train on (both must be at least 1)"
        )
    held = drawn(len(table), count, random)
    kept = np.setdiff1d(np.arange(len(table)), held)
    return table[kept], target[kept], (table[held], target[held])


def loss_rule(loss: object) -> Rule:
    if callable(loss):
        if not takes(loss, None, None):
            raise InvalidType(f"loss={quoted(loss)} does not take a prediction and a target")
        return loss
    if not isinstance(loss, str) or loss not in LOSSES:
        raise unknown("loss", loss, LOSSES)
    return LOSSES[loss]


def step_maker(mapper: object) -> Callable[[Node], Any]:
    """The mapper as a function of the input."""
    if isinstance(mapper, str):
        row = named_mapper(mapper)
        if len(row.layers) > 1 or row.parts > 1:
            raise InvalidValue(
                f"mapper={quoted(mapper)} has the layers {listing(row.layers)} and {plural(row.parts, 'state')} "
                "(a stage fits one layer to one state: give a mapper such as 'z + f(x)')"
            )
        return row.make
    if callable(mapper):
        if takes(mapper, None):
            return mapper
        if takes(mapper, None, None):
            return lambda x: mapper
    raise InvalidType(
        f"mapper={quoted(mapper)} is neither a name, nor a function (z, f), nor one of the input that gives such a "
        "function (as 'boosting', sf.mappers.residual, sf.mappers.boosting)"
    )
