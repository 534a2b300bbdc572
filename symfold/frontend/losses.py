"""Losses: a number from a prediction and a target. A new loss is one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symfold.base.trees import State
from symfold.core.conversion import as_node, wraps_node
from symfold.core.functions import equal
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives import alike, expand, logsumexp, reduce_mean, reduce_sum
from symfold.core.shapes import is_known, show
from symfold.errors import InvalidValue, ShapeError, no_name


def squared_error(prediction: State, target: State) -> State:
    """The sum of the squares of target - prediction.

    >>> import symfold as sf
    >>> loss = squared_error(sf.Net.of(sf.tensor("x")), sf.tensor("target"))
    >>> loss(x=[1.0, 2.0], target=[1.0, 4.0]).item()
    4.0
    """
    return loss_of(prediction, target, lambda y, t: reduce_sum((t - y) ** 2, axis=None, keepdims=False))


def cross_entropy(logits: State, labels: State) -> State:
    """The mean of -log softmax(logits) at the labels: class numbers, or one-hot (or other) weights.

    The classes are the last axis of the logits, of known size. The mean is over the samples, as in PyTorch.

    >>> import symfold as sf
    >>> loss = cross_entropy(sf.Net.of(sf.tensor("y", (None, 2))), sf.tensor("label", (None,)))
    >>> round(loss(y=[[0.0, 0.0], [3.0, 1.0]], label=[1, 0]).item(), 4)
    0.41
    """
    scores, classes = as_node(logits), as_node(labels)
    shape = scores.shape
    if not (is_known(shape) and shape and isinstance(shape[-1], int)):
        raise ShapeError(
            "cross entropy needs logits of a known number of classes along the last axis, "
            f"got shape {show(shape)} (as sf.tensor('y', (None, 10)))"
        )
    if is_known(classes.shape) and len(classes.shape) == len(shape):
        weights = classes
    else:
        weights = Node(equal, (expand(classes, axis=-1), as_node(np.arange(shape[-1]))))
    terms = logsumexp(scores, axis=(-1,), keepdims=False) - reduce_sum(weights * scores, axis=(-1,), keepdims=False)
    mean = reduce_mean(terms, axis=None, keepdims=False)
    return Net.of(mean) if wraps_node(logits) or wraps_node(labels) else mean


def loss_of(prediction: State, target: State, rule: Callable[[Node, Node], Node]) -> State:
    """A loss from a rule over a prediction and a target of equal shape, checked when numbers arrive if unknown."""
    left, right = as_node(prediction), as_node(target)
    checked = alike(left, right)
    node = rule(left if is_known(left.shape) and is_known(right.shape) else checked, right)
    return Net.of(node) if wraps_node(prediction) or wraps_node(target) else node


def check_single(shape: tuple[int, ...]) -> None:
    """Check at the start of training that the loss is a single number."""
    if shape != ():
        raise InvalidValue(f"a loss is a single number, got shape {shape} (sum it, or take its mean)")


LOSSES: dict[str, Callable[[Any, Any], Any]] = {"squared_error": squared_error, "cross_entropy": cross_entropy}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in LOSSES:
        return LOSSES[name]
    raise no_name("sf.losses", name, __dir__())


def __dir__() -> list[str]:
    return sorted(LOSSES)
