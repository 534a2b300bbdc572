"""Reductions: sums and means over axes, and the functions that are made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from symfold.errors import NoRule, ShapeError
from symfold.nodes import Node
from symfold.primitives.arrangement import expand
from symfold.primitives.broadcasting import spread
from symfold.primitives.table import Primitive, axes_of, primitive
from symfold.shapes import ANY, Shape, is_known, show


def _reduced(a: Shape, axis: tuple[int, ...] | None, keepdims: bool) -> Shape:
    if axis is None and not keepdims:
        return ()
    if not is_known(a):
        return ANY
    axes = axes_of(axis, len(a))
    return tuple(1 if k - len(a) in axes else size for k, size in enumerate(a) if keepdims or k - len(a) not in axes)


def _unreduced(node: Node, bar: Node, axis: tuple[int, ...] | None, keepdims: bool) -> Node:
    """A reduced value with the axes that the reduction took away, as axes of size 1."""
    full = node.args[0]
    if keepdims or (axis is None and bar.shape == ()):
        return bar
    if not is_known(full.shape):
        raise NoRule("the adjoint of a reduction over chosen axes needs the number of axes (give the tensor a shape)")
    for one in reversed(axes_of(axis, len(full.shape))):  # from the end, where axes are counted from
        bar = expand(bar, axis=one)
    return bar


reduce_sum: Primitive = primitive(
    "sum",
    _reduced,
    lambda a, axis, keepdims: np.sum(a, axis=axis, keepdims=keepdims),
    lambda node, bar, axis, keepdims: [spread(_unreduced(node, bar, axis, keepdims), node.args[0])],
)
reduce_mean: Primitive = primitive(
    "mean",
    _reduced,
    lambda a, axis, keepdims: np.sum(a, axis=axis, keepdims=keepdims) / (np.size(a) // max(1, np.size(np.sum(a, axis=axis)))),
    lambda node, bar, axis, keepdims: [
        spread(_unreduced(node, bar, axis, keepdims) * share(node.args[0], axis=axis), node.args[0])
    ],
)
# one over the number of entries that a reduction joins
share: Primitive = primitive(
    "share",
    lambda a, axis: (),
    lambda a, axis: 1.0 / (np.size(a) // max(1, np.size(np.sum(a, axis=axis)))),
    lambda node, bar, axis: [None],
)


def _at_max(a: Any, axis: tuple[int, ...] | None) -> Any:
    """1 at the first largest entry along the axes, 0 elsewhere."""
    axes = axes_of(axis, np.ndim(a))
    last = tuple(range(-len(axes), 0))
    moved = np.moveaxis(np.asarray(a), axes, last)
    flat = moved.reshape(*moved.shape[: moved.ndim - len(axes)], -1)
    marks = np.zeros(flat.shape)
    np.put_along_axis(marks, flat.argmax(-1)[..., None], 1.0, -1)
    return np.moveaxis(marks.reshape(moved.shape), last, axes)


reduce_max: Primitive = primitive(
    "max",
    _reduced,
    lambda a, axis, keepdims: np.max(a, axis=axis, keepdims=keepdims),
    lambda node, bar, axis, keepdims: [
        spread(_unreduced(node, bar, axis, keepdims), node.args[0]) * at_max(node.args[0], axis=axis)
    ],
)
# where the largest entry is: constant as long as it stays the same
at_max: Primitive = primitive("at_max", lambda a, axis: a, _at_max, lambda node, bar, axis: [None])


def _max_shift(a: Any, axis: Any) -> Any:
    return np.max(a, axis=axis, keepdims=True)


def _softmax(a: Any, axis: tuple[int, ...]) -> Any:
    powers = np.exp(a - _max_shift(a, axis))
    return powers / powers.sum(axis=axis, keepdims=True)


def _logsumexp(a: Any, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    top = _max_shift(a, axis)
    total = np.log(np.exp(a - top).sum(axis=axis, keepdims=True)) + top
    return total if keepdims else np.sum(total, axis=axis)


softmax: Primitive = primitive(
    "softmax",
    lambda a, axis: a,
    _softmax,
    lambda node, bar, axis: [node * (bar - reduce_sum(bar * node, axis=axis, keepdims=True))],
)
logsumexp: Primitive = primitive(
    "logsumexp",
    _reduced,
    _logsumexp,
    lambda node, bar, axis, keepdims: [
        softmax(node.args[0], axis=axis if axis is not None else axes_of(None, node.args[0].ndim))
        * _unreduced(node, bar, axis, keepdims)
    ],
)


def _single_shape(a: Shape) -> Shape:
    if is_known(a) and a != ():
        raise ShapeError(f"a loss is a single number, got shape {show(a)} (sum over it, or use sf.squared_error)")
    return ()


# a value that must turn out to be a single number, where its shape is not known yet
single = primitive("single", _single_shape, lambda a: a, lambda node, bar: [bar])
