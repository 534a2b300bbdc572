"""Reductions: sums and means over axes, and the functions that are made of them."""

from __future__ import annotations

import math
from math import prod
from typing import Any

import sympy as sp

from symfold.core.functions import equal, greater, isfinite, logical_and, where
from symfold.core.nodes import Node
from symfold.core.primitives.arrangement import expand
from symfold.core.primitives.broadcasting import spread
from symfold.core.primitives.table import Primitive, axes_of, primitive
from symfold.core.shapes import ANY, Shape, is_known, show
from symfold.core.tensors import number
from symfold.errors import NoRule, ShapeError

# shapes and attributes to test reductions at
REDUCED = (
    (((2, 4, 3),), {"axis": (-2,), "keepdims": False}),
    (((2, 3),), {"axis": None, "keepdims": False}),
    (((2, 4, 3),), {"axis": (-3, -1), "keepdims": True}),
)
ALONG = ((((2, 4),), {"axis": (-1,)}), (((2, 4, 3),), {"axis": (-3, -2)}))


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


def reduced_count(shape: tuple[int, ...], axis: tuple[int, ...] | None) -> int:
    """How many entries a reduction joins.

    >>> reduced_count((2, 3, 4), (-1, -2)), reduced_count((2, 3), None)
    (12, 6)
    """
    return prod(shape if axis is None else (shape[one] for one in axis))


def _mean(xp: Any, a: Any, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    return xp.sum(a, axis=axis, keepdims=keepdims) / reduced_count(a.shape, axis)


def _share(xp: Any, a: Any, axis: tuple[int, ...] | None) -> Any:
    count = reduced_count(a.shape, axis)
    return xp.asarray(1.0 / count if count else math.inf, dtype=a.dtype)


reduce_sum: Primitive = primitive(
    "sum",
    _reduced,
    lambda xp, a, axis, keepdims: xp.sum(a, axis=axis, keepdims=keepdims),
    lambda node, bar, axis, keepdims: [spread(_unreduced(node, bar, axis, keepdims), node.args[0])],
    linear=(0,),
    examples=REDUCED,
)
reduce_mean: Primitive = primitive(
    "mean",
    _reduced,
    _mean,
    lambda node, bar, axis, keepdims: [
        spread(_unreduced(node, bar, axis, keepdims) * share(node.args[0], axis=axis), node.args[0])
    ],
    linear=(0,),
    examples=REDUCED,
)
# one over the number of entries that a reduction joins
share: Primitive = primitive(
    "share",
    lambda a, axis: (),
    _share,
    lambda node, bar, axis: [None],
    shape_only=(0,),
    examples=((((2, 3),), {"axis": (-1,)}),),
)


def _largest(xp: Any, a: Any, axis: tuple[int, ...] | None, keepdims: bool = True) -> Any:
    """The largest entry along the axes; of no entries -inf, which is below all, as their sum is 0."""
    if reduced_count(a.shape, axis) == 0:
        return xp.full(_reduced(a.shape, axis, keepdims), -math.inf, dtype=a.dtype)
    return xp.max(a, axis=axis, keepdims=keepdims)


def _even_shares(xp: Any, a: Any, axis: tuple[int, ...] | None) -> Any:
    """1 shared evenly among the entries that are equal to the largest one; not a number where that is none, which XLA makes 0."""
    largest = _largest(xp, a, axis)
    equal = xp.astype(a == largest, a.dtype)
    return xp.where(xp.isnan(largest), largest, equal / xp.sum(equal, axis=axis, keepdims=True))


def _shares_body(a: Node, axis: tuple[int, ...] | None) -> Node:
    same = Node(equal, (a, reduce_max(a, axis=axis, keepdims=True)))
    return same / reduce_sum(same, axis=axis, keepdims=True)


def _first_largest(xp: Any, a: Any, axis: tuple[int, ...] | None) -> Any:
    """1 at the first entry that is equal to the largest one, 0 elsewhere."""
    if reduced_count(a.shape, axis) == 0:
        return a
    rank = len(a.shape)
    axes = tuple(one % rank for one in axes_of(axis, rank))
    order = (*(k for k in range(rank) if k not in axes), *axes)
    moved = xp.permute_dims(a, order)
    kept = moved.shape[: rank - len(axes)]
    flat = xp.reshape(moved, (*kept, reduced_count(moved.shape[rank - len(axes) :], None)))
    first = xp.expand_dims(xp.argmax(flat, axis=-1), axis=-1)
    places = xp.cumulative_sum(xp.ones_like(flat), axis=-1) - 1
    marks = xp.reshape(xp.astype(places == xp.astype(first, places.dtype), a.dtype), moved.shape)
    return xp.permute_dims(marks, tuple(order.index(k) for k in range(rank)))


# The largest entry: where several are equal, each of them gets its share of the slope (NumPy's max, PyTorch's amax), or
# the first of them gets all (PyTorch's max along an axis, pooling).
reduce_max: Primitive = primitive(
    "max",
    _reduced,
    _largest,
    lambda node, bar, axis, keepdims: [
        spread(_unreduced(node, bar, axis, keepdims), node.args[0]) * even_shares(node.args[0], axis=axis)
    ],
    examples=REDUCED,
)
even_shares: Primitive = primitive(
    "even_shares",
    lambda a, axis: a,
    _even_shares,
    lambda node, bar, axis: [None],
    flat=True,
    body=_shares_body,
    examples=ALONG,
)
first_max: Primitive = primitive(
    "first_max",
    _reduced,
    _largest,
    lambda node, bar, axis, keepdims: [
        spread(_unreduced(node, bar, axis, keepdims), node.args[0]) * at_max(node.args[0], axis=axis)
    ],
    examples=REDUCED,
)
at_max: Primitive = primitive(
    "at_max", lambda a, axis: a, _first_largest, lambda node, bar, axis: [None], flat=True, examples=ALONG
)


def _softmax(xp: Any, a: Any, axis: tuple[int, ...]) -> Any:
    powers = xp.exp(a - _largest(xp, a, axis))
    return powers / xp.sum(powers, axis=axis, keepdims=True)


def _shift(xp: Any, a: Any, axis: tuple[int, ...] | None) -> Any:
    """The largest entry, which keeps exponentials within bounds; 0 where it is infinite, so that inf - inf is never taken."""
    top = _largest(xp, a, axis)
    return xp.where(xp.isinf(top), xp.zeros_like(top), top)


def _logsumexp(xp: Any, a: Any, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    top = _shift(xp, a, axis)
    total = xp.log(xp.sum(xp.exp(a - top), axis=axis, keepdims=True)) + top
    return total if keepdims else xp.sum(total, axis=axis)


def safe_softmax_of(xp: Any, a: Any, axis: tuple[int, ...]) -> Any:
    infinite = xp.astype(a == math.inf, a.dtype)
    some = xp.sum(infinite, axis=axis, keepdims=True) > 0
    powers = xp.where(some, infinite, xp.exp(a - _shift(xp, a, axis)))
    total = xp.sum(powers, axis=axis, keepdims=True)
    return powers / xp.where(total == 0, xp.ones_like(total), total)


def _safe_softmax_body(a: Node, axis: tuple[int, ...]) -> Node:
    top = reduce_max(a, axis=axis, keepdims=True)
    infinite = Node(equal, (a, number(sp.oo)))
    some = Node(greater, (reduce_sum(infinite, axis=axis, keepdims=True), number(0)))
    shift = Node(where, (Node(isfinite, (top,)), top, number(0)))
    powers = Node(where, (some, infinite, Node(sp.exp, (a - shift,))))
    total = reduce_sum(powers, axis=axis, keepdims=True)
    return powers / Node(where, (total, total, number(1)))


softmax: Primitive = primitive(
    "softmax",
    lambda a, axis: a,
    _softmax,
    lambda node, bar, axis: [node * (bar - reduce_sum(bar * node, axis=axis, keepdims=True))],
    examples=ALONG,
)
logsumexp: Primitive = primitive(
    "logsumexp",
    _reduced,
    _logsumexp,
    lambda node, bar, axis, keepdims: [
        safe_softmax(node.args[0], axis=axis if axis is not None else axes_of(None, node.args[0].ndim))
        * _unreduced(node, bar, axis, keepdims)
    ],
    examples=REDUCED,
)
# the softmax that is 0 where every entry is -inf, and all at the entries that are inf: what attention takes, and the slope of logsumexp
safe_softmax: Primitive = primitive(
    "safe_softmax",
    lambda a, axis: a,
    safe_softmax_of,
    lambda node, bar, axis: [node * (bar - reduce_sum(bar * node, axis=axis, keepdims=True))],
    body=_safe_softmax_body,
    examples=ALONG,
)


def _norm(xp: Any, a: Any, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    """By the largest entry, so that no square overflows or vanishes."""
    size = xp.abs(a)
    top = _largest(xp, size, axis)
    scale = xp.where((top == 0) | xp.isinf(top), xp.ones_like(top), top)
    total = xp.sqrt(xp.sum((size / scale) ** 2, axis=axis, keepdims=True)) * scale
    return total if keepdims else xp.sum(total, axis=axis)


def _norm_body(a: Node, axis: tuple[int, ...] | None, keepdims: bool) -> Node:
    size = Node(sp.Abs, (a,))
    top = reduce_max(size, axis=axis, keepdims=True)
    scale = Node(where, (Node(logical_and, (top, Node(isfinite, (top,)))), top, number(1)))
    total = reduce_sum((size / scale) ** 2, axis=axis, keepdims=True) ** sp.Rational(1, 2) * scale
    return total if keepdims else reduce_sum(total, axis=axis, keepdims=False)


def _norm_adjoint(node: Node, bar: Node, axis: tuple[int, ...] | None, keepdims: bool) -> list[Node]:
    full = node if keepdims else norm(node.args[0], axis=axis, keepdims=True)
    direction = node.args[0] / Node(where, (full, full, number(1)))
    return [spread(_unreduced(node, bar, axis, keepdims), node.args[0]) * direction]


# the Euclidean norm; at 0, where it has a kink, its slope is 0
norm: Primitive = primitive("norm", _reduced, _norm, _norm_adjoint, body=_norm_body, examples=REDUCED)


def _single_shape(a: Shape) -> Shape:
    if is_known(a) and a != ():
        raise ShapeError(f"a loss is a single number, got shape {show(a)} (sum over it, or use sf.squared_error)")
    return ()


# a value that must turn out to be a single number, where its shape is not known yet
single = primitive(
    "single", _single_shape, lambda xp, a: a, lambda node, bar: [bar], linear=(0,), examples=((((),), {}),)
)
