"""PyTorch's choices as nodes: comparisons, logic, masks, clamps, extrema, casts.

A truth value is the number 1 or 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.functions import Head
from symfold.core.nodes import Node
from symfold.core.primitives import at_max, first_max, reduce_max, reduce_sum
from symfold.core.shapes import Shape
from symfold.exchange.pytorch.creation import before
from symfold.exchange.pytorch.dtypes import check_cast, kind_of
from symfold.exchange.pytorch.rows import Row
from symfold.frontend.numpy_choices import CHOICES as NUMPY_CHOICES


def apply(head: Head, *args: object) -> Node:
    """A function of nodes and plain numbers."""
    return Node(head, tuple(map(as_node, args)))


def row_of(head: Head) -> Row:
    """The row of an operation that is a single function."""
    return lambda shape, *args: apply(head, *args)


def choose(shape: Shape, mask: object, a: Node | float, b: Node | float) -> Node:
    """`a` where the mask is true, else `b`."""
    return apply(functions.where, mask, a, b)


def clamp(shape: Shape, a: Node | float, low: Node | float | None = None, high: Node | float | None = None) -> Node:
    return apply(functions.clip, a, -sp.oo if low is None else low, sp.oo if high is None else high)


def truncated(a: Node) -> Node:
    """A number rounded toward zero."""
    return choose((), apply(functions.less, a, 0), apply(sp.ceiling, a), apply(sp.floor, a))


def triangle(upper: bool) -> Row:
    """The entries up to a diagonal, or from it on; 0 elsewhere."""

    def row(shape: Shape, a: Node, diagonal: int = 0) -> Node:
        rows, columns = shape[-2:]
        if isinstance(rows, int) and isinstance(columns, int):
            places = np.tri(rows, columns, diagonal - upper, dtype=bool)
            return choose(shape, ~places if upper else places, a, 0)
        below = before(rows, columns, diagonal - upper)
        return choose(shape, below, 0, a) if upper else choose(shape, below, a, 0)

    return row


# -- largest and smallest entries


def axes_of(axis: int | Sequence[int] | None) -> tuple[int, ...] | None:
    """PyTorch's axes as a tuple; None (all axes) for None and an empty list."""
    listed = () if axis is None else tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
    return listed or None


def _extreme(sign: int, shared: Head) -> Row:
    """`max` and `min`: of all entries, of two tensors, or along an axis with the positions of the first extrema."""

    def row(shape: Shape, a: Node, other: Node | int | None = None, keepdim: bool = False) -> Any:
        if isinstance(other, Node):
            return apply(shared, a, other)
        signed = a if sign > 0 else -a
        if other is None:
            extreme = reduce_max(signed, axis=None, keepdims=False)
            return extreme if sign > 0 else -extreme
        extreme = first_max(signed, axis=(other,), keepdims=keepdim)
        return extreme if sign > 0 else -extreme, _places(signed, other, keepdim)

    return row


def _even_extreme(sign: int) -> Row:
    """`amax` and `amin`: equal entries share the gradient evenly."""

    def row(shape: Shape, a: Node, axis: int | Sequence[int] | None = None, keepdim: bool = False) -> Node:
        extreme = reduce_max(a if sign > 0 else -a, axis=axes_of(axis), keepdims=keepdim)
        return extreme if sign > 0 else -extreme

    return row


def _places(a: Node, axis: int | None, keepdim: bool = False) -> Node:
    """The position of the first largest entry along an axis, or of all."""
    axes = tuple(range(len(a.shape))) if axis is None else (axis % len(a.shape),)
    sizes = tuple(size if place in axes else 1 for place, size in enumerate(a.shape))
    numbers = np.arange(prod(sizes), dtype=np.float64).reshape(sizes)
    return reduce_sum(at_max(a, axis=axes) * as_node(numbers), axis=axes, keepdims=keepdim)


def _argument(sign: int) -> Row:
    return lambda shape, a, axis=None, keepdim=False: _places(a if sign > 0 else -a, axis, keepdim)


def _joined(function: object) -> Row:
    """`any` and `all`."""
    return lambda shape, a, axis=None, keepdim=False: NUMPY_CHOICES[function](a, axes_of(axis), keepdim)


CHOICES: dict[str, Row] = {
    "where": choose, "masked_fill": lambda shape, a, mask, value: choose(shape, mask, value, a),
    "eq": row_of(functions.equal), "ne": row_of(functions.not_equal), "lt": row_of(functions.less), "le": row_of(functions.less_equal),
    "gt": row_of(functions.greater), "ge": row_of(functions.greater_equal),
    **dict.fromkeys(("logical_and", "bitwise_and", "__and__"), row_of(functions.logical_and)),
    **dict.fromkeys(("logical_or", "bitwise_or", "__or__"), row_of(functions.logical_or)),
    **dict.fromkeys(("logical_xor", "bitwise_xor", "__xor__"), row_of(functions.logical_xor)),
    **dict.fromkeys(("logical_not", "bitwise_not"), row_of(functions.logical_not)),
    "isnan": row_of(functions.isnan), "isinf": row_of(functions.isinf), "isfinite": row_of(functions.isfinite),
    "any": _joined(np.any), "all": _joined(np.all),
    "clamp": clamp, "clamp_min": lambda shape, a, low: clamp(shape, a, low), "clamp_max": lambda shape, a, high: clamp(shape, a, None, high),
    "max": _extreme(1, sp.Max), "min": _extreme(-1, sp.Min), "amax": _even_extreme(1), "amin": _even_extreme(-1),
    "argmax": _argument(1), "argmin": _argument(-1),
    "tril": triangle(upper=False), "triu": triangle(upper=True), "trunc": lambda shape, a: truncated(a),
}  # fmt: skip

# rows for results that are truth values: True + True is True
TRUTHS: dict[str, Row] = {"add": row_of(functions.logical_or), "mul": row_of(functions.logical_and)}


def cast(source: str, target: str) -> Row:
    """The row of a cast from one dtype to another."""
    check_cast(source, target)
    before, after = kind_of(source), kind_of(target)

    def row(shape: Shape, a: Node, *_: object, **options: object) -> Node:
        if after == "truth" != before:
            return apply(functions.not_equal, a, 0)
        return truncated(a) if after == "whole" and before in ("real", "half") else a

    return row
