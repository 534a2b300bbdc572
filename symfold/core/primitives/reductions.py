"""Reductions: sums, means and maxima over axes, and functions built on them: softmax, logsumexp, norms."""

from __future__ import annotations

import math
from math import prod
from typing import Any

import sympy as sp

from symfold.core.arrays import Array, Namespace
from symfold.core.functions import equal, greater, isfinite, logical_and, where
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives.arrangement import expand
from symfold.core.primitives.broadcasting import spread
from symfold.core.primitives.table import Primitive, axes_of, primitive
from symfold.core.shapes import ANY, Shape, is_known, show
from symfold.errors import NoRule, ShapeError

# examples of reductions
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
    """A reduced value with the reduced axes restored, of size 1."""
    full = node.args[0]
    if keepdims or (axis is None and bar.shape == ()):
        return bar
    if not is_known(full.shape):
        raise NoRule("the adjoint of a reduction over chosen axes needs the number of axes (give the tensor a shape)")
    for reduced_axis in reversed(axes_of(axis, len(full.shape))):  # the last first, since axes count from the end
        bar = expand(bar, axis=reduced_axis)
    return bar


def reduced_count(shape: tuple[int, ...], axis: tuple[int, ...] | None) -> int:
    """The number of entries that a reduction combines into one.

    >>> reduced_count((2, 3, 4), (-1, -2)), reduced_count((2, 3), None)
    (12, 6)
    """
    return prod(shape if axis is None else (shape[k] for k in axis))


def _mean(xp: Namespace, a: Array, axis: tuple[int, ...] | None, keepdims: bool) -> Array:
    return xp.sum(a, axis=axis, keepdims=keepdims) / reduced_count(a.shape, axis)


def _share(xp: Namespace, a: Array, axis: tuple[int, ...] | None) -> Array:
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
# 1 / reduced_count
share: Primitive = primitive(
    "share",
    lambda a, axis: (),
    _share,
    lambda node, bar, axis: [None],
    shape_only=(0,),
    examples=((((2, 3),), {"axis": (-1,)}),),
)


def _largest(xp: Namespace, a: Array, axis: tuple[int, ...] | None, keepdims: bool = True) -> Any:
    """The largest entry along the axes; -inf if there are none."""
    if reduced_count(a.shape, axis) == 0:
        return xp.full(_reduced(a.shape, axis, keepdims), -math.inf, dtype=a.dtype)
    return xp.max(a, axis=axis, keepdims=keepdims)


def _even_shares(xp: Namespace, a: Array, axis: tuple[int, ...] | None) -> Array:
    """1 shared evenly among the entries equal to the largest one; NaN if that is NaN, which XLA would make 0."""
    largest = _largest(xp, a, axis)
    equal = xp.astype(a == largest, a.dtype)
    return xp.where(xp.isnan(largest), largest, equal / xp.sum(equal, axis=axis, keepdims=True))


def _shares_body(a: Node, axis: tuple[int, ...] | None) -> Node:
    at_largest = Node(equal, (a, reduce_max(a, axis=axis, keepdims=True)))
    return at_largest / reduce_sum(at_largest, axis=axis, keepdims=True)


def _first_largest(xp: Namespace, a: Array, axis: tuple[int, ...] | None) -> Array:
    """1 at the first entry equal to the largest one, 0 elsewhere."""
    if reduced_count(a.shape, axis) == 0:
        return a
    rank = len(a.shape)
    axes = tuple(k % rank for k in axes_of(axis, rank))
    order = (*(k for k in range(rank) if k not in axes), *axes)
    moved = xp.permute_dims(a, order)
    leading = moved.shape[: rank - len(axes)]
    flat = xp.reshape(moved, (*leading, reduced_count(moved.shape[rank - len(axes) :], None)))
    first = xp.expand_dims(xp.argmax(flat, axis=-1), axis=-1)
    positions = xp.cumulative_sum(xp.ones_like(flat), axis=-1) - 1
    marks = xp.reshape(xp.astype(positions == xp.astype(first, positions.dtype), a.dtype), moved.shape)
    return xp.permute_dims(marks, tuple(order.index(k) for k in range(rank)))


# The largest entry. If several are equal, `max` shares the slope evenly among them (NumPy's max, PyTorch's amax), and
# `first_max` gives it to the first (PyTorch's max along an axis, pooling).
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


def _softmax(xp: Namespace, a: Array, axis: tuple[int, ...]) -> Array:
    powers = xp.exp(a - _largest(xp, a, axis))
    return powers / xp.sum(powers, axis=axis, keepdims=True)


def _shift(xp: Namespace, a: Array, axis: tuple[int, ...] | None) -> Array:
    """The largest entry, subtracted before exponentials; 0 if it is infinite, to avoid inf - inf."""
    top = _largest(xp, a, axis)
    return xp.where(xp.isinf(top), xp.zeros_like(top), top)


def _logsumexp(xp: Namespace, a: Array, axis: tuple[int, ...] | None, keepdims: bool) -> Array:
    top = _shift(xp, a, axis)
    total = xp.log(xp.sum(xp.exp(a - top), axis=axis, keepdims=True)) + top
    return total if keepdims else xp.sum(total, axis=axis)


def safe_softmax_of(xp: Namespace, a: Any, axis: tuple[int, ...]) -> Array:
    infinite = xp.astype(a == math.inf, a.dtype)
    any_infinite = xp.sum(infinite, axis=axis, keepdims=True) > 0
    powers = xp.where(any_infinite, infinite, xp.exp(a - _shift(xp, a, axis)))
    total = xp.sum(powers, axis=axis, keepdims=True)
    return powers / xp.where(total == 0, xp.ones_like(total), total)


def _safe_softmax_body(a: Node, axis: tuple[int, ...]) -> Node:
    top = reduce_max(a, axis=axis, keepdims=True)
    infinite = Node(equal, (a, number(sp.oo)))
    any_infinite = Node(greater, (reduce_sum(infinite, axis=axis, keepdims=True), number(0)))
    shift = Node(where, (Node(isfinite, (top,)), top, number(0)))
    powers = Node(where, (any_infinite, infinite, Node(sp.exp, (a - shift,))))
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
# the softmax that is 0 if every entry is -inf, and shared among entries that are inf: for attention, and as the slope
# of logsumexp
safe_softmax: Primitive = primitive(
    "safe_softmax",
    lambda a, axis: a,
    safe_softmax_of,
    lambda node, bar, axis: [node * (bar - reduce_sum(bar * node, axis=axis, keepdims=True))],
    body=_safe_softmax_body,
    examples=ALONG,
)


def _norm(xp: Namespace, a: object, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    """The Euclidean norm, scaled by the largest entry so that no square overflows or underflows."""
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


# the Euclidean norm; its slope at the kink, 0, is 0
norm: Primitive = primitive("norm", _reduced, _norm, _norm_adjoint, body=_norm_body, examples=REDUCED)


def _single_shape(a: Shape) -> Shape:
    if is_known(a) and a != ():
        raise ShapeError(f"a loss is a single number, got shape {show(a)} (sum over it, or use sf.squared_error)")
    return ()


# a value that must be a single number, checked when its shape is known
single = primitive(
    "single", _single_shape, lambda xp, a: a, lambda node, bar: [bar], linear=(0,), examples=((((),), {}),)
)
