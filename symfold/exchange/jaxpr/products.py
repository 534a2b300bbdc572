"""JAX's reductions, products and windows as nodes, one row each."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from symfold.core.nodes import Node
from symfold.core.primitives import (
    convolution,
    cumulative_sum,
    dot,
    einsum,
    max_pool,
    mean_pool,
    pad,
    reduce_max,
    reduce_sum,
    swap,
)
from symfold.core.shapes import Shape
from symfold.errors import NoRule
from symfold.exchange.jaxpr.arrangement import Row, dilated
from symfold.exchange.jaxpr.values import Value, kind_of
from symfold.exchange.reading.arrangement import flip, ordered, padded
from symfold.exchange.reading.reductions import cumulative_product, first_place, product_over
from symfold.frontend.numpy_choices import CHOICES

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _product(values: list[Value], shape: Shape, axes: Sequence[int], **_: object) -> Node:
    return product_over(values[0].full, list(axes))


def _reduce_sum(values: list[Value], shape: Shape, axes: Sequence[int], **_: object) -> Node:
    return reduce_sum(values[0].full, axis=tuple(axes), keepdims=False) if axes else values[0].full


def _extreme(sign: int) -> Row:
    def row(values: list[Value], shape: Shape, axes: Sequence[int], **_: object) -> Node:
        a = values[0].full
        if not axes:
            return a
        result = reduce_max(a if sign > 0 else -a, axis=tuple(axes), keepdims=False)
        return result if sign > 0 else -result

    return row


def _place(sign: int) -> Row:
    def row(values: list[Value], shape: Shape, axes: Sequence[int], **_: object) -> Node:
        return first_place(values[0].full if sign > 0 else -values[0].full, axes[0])

    return row


def _cumulative(values: list[Value], shape: Shape, axis: int, reverse: bool) -> Node:
    return cumulative_sum(values[0].full, axis=axis - len(shape), backward=reverse)


def _cumulative_product(values: list[Value], shape: Shape, axis: int, reverse: bool) -> Node:
    a = flip(values[0].full, [axis]) if reverse else values[0].full
    result = cumulative_product(a, axis)
    return flip(result, [axis]) if reverse else result


def _dot_general(values: list[Value], shape: Shape, dimension_numbers: Any, **_: object) -> Node:
    """A product over contracted axes, with batch axes in both; a product of matrices where it is one."""
    (left, right), (left_batch, right_batch) = dimension_numbers
    a, b = (value.full for value in values)
    m, n = len(a.shape), len(b.shape)
    lead = tuple(range(len(left_batch)))
    plain = tuple(left_batch) == tuple(right_batch) == lead and (m == len(lead) + 2 if lead else m > 0)
    if plain and len(left) == 1 and left[0] == m - 1 and n == len(lead) + 2:
        if right[0] == n - 2:
            return dot(a, b)
        if right[0] == n - 1:
            return dot(a, swap(b))
    if not lead and m == n == 1 and len(left) == 1:
        return dot(a, b)
    letters = iter(LETTERS)
    first, second = [next(letters) for _ in range(m)], [next(letters) for _ in range(n)]
    for i, j in [*zip(left_batch, right_batch, strict=True), *zip(left, right, strict=True)]:
        second[j] = first[i]
    result = [first[i] for i in left_batch]
    result += [first[i] for i in range(m) if i not in left and i not in left_batch]
    result += [second[j] for j in range(n) if j not in right and j not in right_batch]
    if not first or not second:
        return a * b
    return einsum(a, b, subscripts=f"{''.join(first)},{''.join(second)}->{''.join(result)}")


def _convolution(
    values: list[Value],
    shape: Shape,
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int],
    rhs_dilation: Sequence[int],
    dimension_numbers: Any,
    feature_group_count: int,
    batch_group_count: int,
    **_: object,
) -> Node:
    if batch_group_count != 1:
        raise NoRule("a convolution in groups of samples has no rule")
    x = ordered(values[0].full, dimension_numbers.lhs_spec)
    weight = ordered(values[1].full, dimension_numbers.rhs_spec)
    x = dilated(x, [1, 1, *lhs_dilation])
    border = tuple(min(pair) for pair in padding)
    border = border if all(width >= 0 for width in border) else (0,) * len(border)
    rest = tuple((before - b, after - b) for (before, after), b in zip(padding, border, strict=True))
    if any(map(any, rest)):
        x = pad(x, widths=rest, mode="constant")
    result = convolution(
        x,
        weight,
        stride=tuple(window_strides),
        padding=border,
        dilation=tuple(rhs_dilation),
        groups=feature_group_count,
    )
    spec = list(dimension_numbers.out_spec)
    return ordered(result, [spec.index(k) for k in range(len(spec))])


def _windowed(kind: str) -> Row:
    """Sums or maxima of windows, over the axes that have windows."""

    def row(
        values: list[Value],
        shape: Shape,
        window_dimensions: Sequence[int],
        window_strides: Sequence[int],
        padding: Sequence[tuple[int, int]],
        base_dilation: Sequence[int],
        window_dilation: Sequence[int],
    ) -> Node:
        if set(base_dilation) - {1}:
            raise NoRule("windows over an image with gaps have no rule")
        x, rank = values[0].full, len(shape)
        axes = [k for k in range(rank) if window_dimensions[k] > 1 or window_strides[k] > 1 or any(padding[k])]
        if not axes:
            return x
        order = [*(k for k in range(rank) if k not in axes), *axes]
        moved = ordered(x, order)
        sizes = {"kernel": window_dimensions, "stride": window_strides, "dilation": window_dilation}
        window: dict[str, Any] = {name: tuple(given[k] for k in axes) for name, given in sizes.items()}
        even = all(padding[k][0] == padding[k][1] for k in axes)
        window["padding"] = tuple(padding[k][0] if even else 0 for k in axes)
        if not even:
            widths = [padding[k] for k in axes]
            moved = padded(moved, widths, "constant", -np.inf if kind == "max" else 0.0)
        if kind == "max":
            result = max_pool(moved, **window)
        else:
            result = mean_pool(moved, padded=True, **window) * prod(window["kernel"])
        return ordered(result, [order.index(k) for k in range(rank)])

    return row


def _truths(function: object) -> Row:
    def row(values: list[Value], shape: Shape, axes: Sequence[int], **_: object) -> Node:
        if kind_of(values[0].dtype) != "truth":
            raise NoRule(f"a bitwise reduction of {values[0].dtype} has no rule")
        return CHOICES[function](values[0].full, tuple(axes) or None, False)

    return row


PRODUCTS: dict[str, Row] = {
    "reduce_sum": _reduce_sum, "reduce_max": _extreme(1), "reduce_min": _extreme(-1), "reduce_prod": _product,
    "reduce_and": _truths(np.all), "reduce_or": _truths(np.any), "argmax": _place(1), "argmin": _place(-1),
    "cumsum": _cumulative, "cumprod": _cumulative_product, "dot_general": _dot_general,
    "conv_general_dilated": _convolution, "reduce_window_max": _windowed("max"), "reduce_window_sum": _windowed("sum"),
}  # fmt: skip
