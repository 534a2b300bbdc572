"""Losses: from a prediction and a target to one number. A new loss is one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symfold.core.conversion import leads, lift
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives import alike, reduce_sum
from symfold.core.shapes import is_known
from symfold.errors import InvalidValue


def squared_error(prediction: Any, target: Any) -> Any:
    """The sum of squares of target - prediction.

    >>> import symfold as sf
    >>> loss = squared_error(sf.Net.of(sf.tensor("x")), sf.tensor("target"))
    >>> loss(x=[1.0, 2.0], target=[1.0, 4.0]).item()
    4.0
    """
    return _of(prediction, target, lambda y, t: reduce_sum((t - y) ** 2, axis=None, keepdims=False))


def _of(prediction: Any, target: Any, rule: Callable[[Node, Node], Node]) -> Any:
    """A loss of a prediction and a target of one shape; where that is not known yet, it is checked when numbers come."""
    left, right = lift(prediction), lift(target)
    checked = alike(left, right)
    node = rule(left if is_known(left.shape) and is_known(right.shape) else checked, right)
    return Net.of(node) if leads(prediction) or leads(target) else node


def check_single(shape: tuple[int, ...]) -> None:
    """A loss is a single number, where training begins."""
    if shape != ():
        raise InvalidValue(f"a loss is a single number, got shape {shape} (sum it, or take its mean)")


LOSSES: dict[str, Callable[[Any, Any], Any]] = {"squared_error": squared_error}
