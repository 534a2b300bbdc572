"""JAX's operations on shapes, axes and parts, reductions, products and windows as nodes, one row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives import (
    argsort,
    broadcast_to,
    concatenate,
    convolution,
    cumulative_sum,
    dot,
    einsum,
    item,
    max_pool,
    mean_pool,
    pad,
    put,
    reduce_max,
    reduce_sum,
    swap,
)
from symfold.core.shapes import Shape
from symfold.errors import NoRule
from symfold.exchange.jaxpr.values import Value, kind_of
from symfold.exchange.reading.arrangement import flip, ordered, padded, reshaped, stacked, tiled
from symfold.exchange.reading.indexing import gather
from symfold.exchange.reading.reductions import cumulative_product, first_place, product_over
from symfold.frontend.numpy_choices import CHOICES

Row = Callable[..., Any]  # (values, shape of the result, parameters of the equation) -> a node, or several

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _reshape(values: list[Value], shape: Shape, dimensions: object = None, **_: object) -> Node:
    if dimensions is not None:
        raise NoRule("a reshape that permutes its axes has no rule")
    return reshaped(values[0].full, shape)


def _broadcast(values: list[Value], shape: Shape, broadcast_dimensions: Sequence[int], **_: object) -> Node:
    """A value with new axes: of size 1 here, since nodes broadcast by themselves; leading ones are left out."""
    a = values[0].full
    single = [1] * len(shape)
    for size, axis in zip(values[0].shape, broadcast_dimensions, strict=True):
        single[axis] = size
    first = min(broadcast_dimensions, default=len(shape))
    return reshaped(a, tuple(single[first:]))


def _slice(
    values: list[Value], shape: Shape, start_indices: Sequence[int], limit_indices: Sequence[int], strides: Any
) -> Node:
    a = values[0].full
    steps = strides or (1,) * len(shape)
    index: list[Any] = [
        (None, None) if (start, stop, step) == (0, size, 1) else (start, stop) if step == 1 else (start, stop, step)
        for start, stop, step, size in zip(start_indices, limit_indices, steps, a.shape, strict=True)
    ]
    while index and index[-1] == (None, None):
        index.pop()
    return item(a, index=tuple(index)) if index else a


def _squeeze(values: list[Value], shape: Shape, dimensions: Sequence[int]) -> Node:
    """Axes of size 1 removed; of a slice of one entry, the entry."""
    a = values[0].full
    if a.op is not None and dimensions and getattr(a.op, "primitive", None) is item:
        index = list(dict(a.op.attributes)["index"])  # type: ignore[union-attr]
        index += [(None, None)] * (len(values[0].shape) - len(index))
        single = all(
            isinstance(index[k], tuple)
            and len(index[k]) == 2
            and None not in index[k]
            and index[k][1] == index[k][0] + 1
            for k in dimensions
        )
        if single and all(isinstance(part, tuple) for part in index):
            picked: list[Any] = [part[0] if k in dimensions else part for k, part in enumerate(index)]
            while picked and picked[-1] == (None, None):
                picked.pop()
            return item(a.args[0], index=tuple(picked))
    return reshaped(a, shape)


def _concatenate(values: list[Value], shape: Shape, dimension: int) -> Node:
    parts = [value.full for value in values if value.shape[dimension]]
    return concatenate(*parts, axis=dimension - len(shape)) if len(parts) > 1 else (parts or [values[0].full])[0]


def _pad(values: list[Value], shape: Shape, padding_config: Sequence[tuple[int, int, int]]) -> Node:
    """A value with borders of one number, and with gaps between its entries."""
    a, fill = values[0].full, values[1]
    padding_config = [(int(before), int(after), int(between)) for before, after, between in padding_config]
    if any(between for _, _, between in padding_config):
        a = dilated(a, [between + 1 for _, _, between in padding_config])
        if fill.known is None or float(np.asarray(fill.known)) != 0:
            raise NoRule("gaps filled with another number than 0 have no rule")
    if fill.known is None:
        raise NoRule("padding with a computed number has no rule")
    widths = [(before, after) for before, after, _ in padding_config]
    return padded(a, widths, "constant", float(np.asarray(fill.known)))


def dilated(a: Node, steps: Sequence[int]) -> Node:
    """A value with zeros between its entries."""
    shape = tuple((size - 1) * step + 1 if size else 0 for size, step in zip(a.shape, steps, strict=True))
    index = tuple((None, None) if step == 1 else (None, None, step) for step in steps)
    return a if shape == a.shape else put(a, broadcast_to(number(0), shape=shape), index=index)


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


def _split(values: list[Value], shape: Shape, sizes: Sequence[int], axis: int) -> tuple[Node, ...]:
    ends = np.cumsum([0, *sizes]).tolist()
    lead = ((None, None),) * axis
    return tuple(item(values[0].full, index=(*lead, (start, stop))) for start, stop in pairwise(ends))


def _sort(values: list[Value], shape: Shape, dimension: int, num_keys: int = 1, **_: object) -> tuple[Node, ...]:
    """Values in the order of the first; the others follow it."""
    if num_keys != 1:
        raise NoRule(f"a sort by {num_keys} keys has no rule")
    rank = len(values[0].shape)
    order = [*(k for k in range(rank) if k != dimension), dimension]
    back = [order.index(k) for k in range(rank)]
    moved = [ordered(value.full, order) for value in values]
    places = argsort(moved[0], descending=False)
    return tuple(ordered(gather(part, -1, places), back) for part in moved)


def _top_k(values: list[Value], shape: Shape, k: int, axis: int = -1, **_: object) -> tuple[Node, ...]:
    a = values[0].full
    if axis % len(a.shape) != len(a.shape) - 1:
        raise NoRule("the largest entries along another axis than the last have no rule")
    places = item(argsort(a, descending=True), index=(..., (0, k)))
    return gather(a, -1, places), places


def _truths(function: object) -> Row:
    def row(values: list[Value], shape: Shape, axes: Sequence[int], **_: object) -> Node:
        if kind_of(values[0].dtype) != "truth":
            raise NoRule(f"a bitwise reduction of {values[0].dtype} has no rule")
        return CHOICES[function](values[0].full, tuple(axes) or None, False)

    return row


ARRANGEMENT: dict[str, Row] = {
    "reshape": _reshape, "broadcast_in_dim": _broadcast, "squeeze": _squeeze, "slice": _slice, "split": _split,
    "pad": _pad, "expand_dims": lambda values, shape, **_: reshaped(values[0].full, shape), "concatenate": _concatenate,
    "transpose": lambda values, shape, permutation: ordered(values[0].full, permutation),
    "rev": lambda values, shape, dimensions: flip(values[0].full, list(dimensions)),
    "reduce_sum": _reduce_sum, "reduce_max": _extreme(1), "reduce_min": _extreme(-1), "reduce_prod": _product,
    "reduce_and": _truths(np.all), "reduce_or": _truths(np.any), "argmax": _place(1), "argmin": _place(-1),
    "cumsum": _cumulative, "cumprod": _cumulative_product, "dot_general": _dot_general,
    "conv_general_dilated": _convolution, "reduce_window_max": _windowed("max"), "reduce_window_sum": _windowed("sum"),
    "tile": lambda values, shape, reps: tiled(shape, values[0].full, list(reps)),
    "stack": lambda values, shape, axis=0, **_: stacked(shape, [value.full for value in values], axis),
    "sort": _sort, "top_k": _top_k,
}  # fmt: skip
