"""PyTorch's choices as nodes: comparisons, logic, masks, clamps, extrema, casts.

A truth value is the number 1 or 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symfold.core import functions
from symfold.core.functions import Head
from symfold.core.nodes import Node
from symfold.core.primitives import first_max, reduce_max
from symfold.core.shapes import Shape
from symfold.exchange.pytorch.dtypes import check_cast, kind_of
from symfold.exchange.pytorch.rows import Row, of_arguments
from symfold.exchange.reading.creation import triangle
from symfold.exchange.reading.functions import apply, choose, clamp, truncated
from symfold.exchange.reading.reductions import first_place
from symfold.frontend.numpy_choices import CHOICES as NUMPY_CHOICES


def row_of(head: Head) -> Row:
    """The row of an operation that is a single function."""
    return lambda shape, *args: apply(head, *args)


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
        return extreme if sign > 0 else -extreme, first_place(signed, other, keepdim)

    return row


def _even_extreme(sign: int) -> Row:
    """`amax` and `amin`: equal entries share the gradient evenly."""

    def row(shape: Shape, a: Node, axis: int | Sequence[int] | None = None, keepdim: bool = False) -> Node:
        extreme = reduce_max(a if sign > 0 else -a, axis=axes_of(axis), keepdims=keepdim)
        return extreme if sign > 0 else -extreme

    return row


def _triangle(upper: bool) -> Row:
    return lambda shape, a, diagonal=0: triangle(a, diagonal, upper)


def _argument(sign: int) -> Row:
    return lambda shape, a, axis=None, keepdim=False: first_place(a if sign > 0 else -a, axis, keepdim)


def _joined(function: object) -> Row:
    """`any` and `all`."""
    return lambda shape, a, axis=None, keepdim=False: NUMPY_CHOICES[function](a, axes_of(axis), keepdim)


CHOICES: dict[str, Row] = {
    "where": of_arguments(choose), "masked_fill": lambda shape, a, mask, value: choose(mask, value, a),
    "eq": row_of(functions.equal), "ne": row_of(functions.not_equal), "lt": row_of(functions.less), "le": row_of(functions.less_equal),
    "gt": row_of(functions.greater), "ge": row_of(functions.greater_equal),
    **dict.fromkeys(("logical_and", "bitwise_and", "__and__"), row_of(functions.logical_and)),
    **dict.fromkeys(("logical_or", "bitwise_or", "__or__"), row_of(functions.logical_or)),
    **dict.fromkeys(("logical_xor", "bitwise_xor", "__xor__"), row_of(functions.logical_xor)),
    **dict.fromkeys(("logical_not", "bitwise_not"), row_of(functions.logical_not)),
    "isnan": row_of(functions.isnan), "isinf": row_of(functions.isinf), "isfinite": row_of(functions.isfinite),
    "any": _joined(np.any), "all": _joined(np.all),
    "clamp": of_arguments(clamp), "clamp_min": of_arguments(clamp), "clamp_max": lambda shape, a, high: clamp(a, None, high),
    "max": _extreme(1, sp.Max), "min": _extreme(-1, sp.Min), "amax": _even_extreme(1), "amin": _even_extreme(-1),
    "argmax": _argument(1), "argmin": _argument(-1),
    "tril": _triangle(upper=False), "triu": _triangle(upper=True), "trunc": of_arguments(truncated),
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
