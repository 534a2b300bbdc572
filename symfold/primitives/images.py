"""What image and language nets need besides: axes in another order, rows picked by numbers, windows of neighbouring entries."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from symfold.errors import OutOfRange, ShapeError
from symfold.nodes import Node
from symfold.primitives.arrangement import reshape
from symfold.primitives.products import dot, swap
from symfold.primitives.table import Primitive, primitive
from symfold.shapes import ANY, Shape, is_known, show


def _permuted(a: Shape, axes: tuple[int, ...]) -> Shape:
    if not is_known(a):
        return ANY
    if sorted(axes) != list(range(-len(a), 0)):
        raise ShapeError(f"cannot put the axes of {show(a)} in the order {axes} (give each axis once, counted from the end)")
    return tuple(a[axis] for axis in axes)


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The order that undoes an order of axes.

    >>> _inverse((-1, -3, -2))
    (-2, -1, -3)
    """
    return tuple(axes.index(axis) - len(axes) for axis in range(-len(axes), 0))


permute: Primitive = primitive(
    "permute",
    _permuted,
    lambda a, axes: np.transpose(a, axes),
    lambda node, bar, axes: [permute(bar, axes=_inverse(axes))],
)


def row_numbers(numbers: Any, rows: int) -> Any:
    """Numbers of rows, which come as floats, as whole numbers."""
    given = np.asarray(numbers, dtype=float)
    whole = np.nan_to_num(given, nan=-1.0).astype(int)
    if np.any(whole != given) or np.any(whole < 0) or np.any(whole >= rows):
        wrong = given[(whole != given) | (whole < 0) | (whole >= rows)].flat[0]
        raise OutOfRange(f"the table has no row {wrong:g} (give whole numbers from 0 to {rows - 1})")
    return whole


def _rows_added(bar: Any, table: Any, numbers: Any) -> Any:
    full = np.zeros(np.shape(table), dtype=np.result_type(bar))
    np.add.at(full, row_numbers(numbers, len(full)), bar)
    return full


embed: Primitive = primitive(  # the rows of a table that an array of whole numbers asks for
    "embed",
    lambda table, numbers: (*numbers, *table[1:]),
    lambda table, numbers: np.asarray(table)[row_numbers(numbers, len(table))],
    lambda node, bar: [add_embedded(bar, *node.args), None],
)
add_embedded: Primitive = primitive(  # the adjoint of `embed`: rows added up where they were taken
    "add_embedded",
    lambda bar, table, numbers: table,
    _rows_added,
    lambda node, bar: [embed(bar, node.args[2]), None, None],
)

Sizes = tuple[int, ...]


def _places(size: Any, kernel: int, stride: int, padding: int, dilation: int) -> Any:
    """In how many places a window stands along an axis."""
    left = size + 2 * padding - dilation * (kernel - 1) - 1
    return left // stride + 1 if isinstance(left, int) else left + 1 if stride == 1 else sp.floor(left / stride) + 1


def _windowed(a: Shape, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, fill: float) -> Shape:
    rank = len(kernel)
    if not is_known(a):
        return ANY
    if len(a) < rank:
        raise ShapeError(f"windows are taken along {rank} last axes, got a value of shape {show(a)}")
    places = tuple(map(_places, a[-rank:], kernel, stride, padding, dilation))
    if any(isinstance(count, int) and count < 1 for count in places):
        raise ShapeError(f"windows of {kernel} do not fit into {show(a)} (give a smaller window or more padding)")
    return (*a[:-rank], *places, *kernel)


def window_slices(places: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Iterator[tuple[Any, ...]]:
    """Of padded entries, those that stand at one place of every window: for each place in a window.

    >>> list(window_slices((3,), (2,), (2,), (1,)))
    [(Ellipsis, slice(0, 5, 2)), (Ellipsis, slice(1, 6, 2))]
    """
    for at in product(*map(range, kernel)):
        yield (..., *(slice(k * d, k * d + s * (n - 1) + 1, s) for n, k, s, d in zip(places, at, stride, dilation, strict=True)))


def _windows(a: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, fill: float) -> Any:
    rank = len(kernel)
    padded = np.pad(a, [(0, 0)] * (np.ndim(a) - rank) + [(p, p) for p in padding], constant_values=fill)
    shape = _windowed(np.shape(a), kernel, stride, padding, dilation, fill)
    parts = [padded[at] for at in window_slices(shape[-2 * rank : -rank], kernel, stride, dilation)]
    return np.stack(parts, axis=-1).reshape(shape)


def _unwindowed(bar: Any, like: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, fill: float) -> Any:
    rank, shape = len(kernel), np.shape(like)
    full = np.zeros((*shape[:-rank], *(n + 2 * p for n, p in zip(shape[-rank:], padding, strict=True))), dtype=np.result_type(bar))
    parts = np.reshape(bar, (*np.shape(bar)[:-rank], -1))
    for number, at in enumerate(window_slices(np.shape(bar)[-2 * rank : -rank], kernel, stride, dilation)):
        full[at] += parts[..., number]
    inside: Any = (..., *(slice(p, p + n) for n, p in zip(shape[-rank:], padding, strict=True)))
    return full[inside]


windows: Primitive = primitive(  # every window of neighbouring entries along the last axes: what convolutions and pools read
    "windows",
    _windowed,
    _windows,
    lambda node, bar, **given: [add_windows(bar, node.args[0], **given)],
)
add_windows: Primitive = primitive(  # the adjoint of `windows`: entries added up where windows overlap
    "add_windows",
    lambda bar, like, **given: like,
    _unwindowed,
    lambda node, bar, **given: [windows(bar, **{**given, "fill": 0.0}), None],
)


def convolution(x: Node, weight: Node, stride: Sizes, padding: Sizes, dilation: Sizes) -> Node:
    """A convolution (channels first, no flip, as everywhere in deep learning): windows, then one product of matrices.

    >>> from symfold.tensors import tensor
    >>> convolution(tensor("x", (2, 3, 8, 8)), tensor("W", (4, 3, 3, 3)), (1, 1), (1, 1), (1, 1)).shape
    (2, 4, 8, 8)
    """
    kernel = weight.shape[2:]
    rank = len(kernel)
    read = windows(x, kernel=kernel, stride=stride, padding=padding, dilation=dilation, fill=0.0)
    samples, channels, places = x.shape[0], x.shape[1], read.shape[2 : 2 + rank]
    ordered = permute(read, axes=(-2 * rank - 2, *range(-2 * rank, -rank), -2 * rank - 1, *range(-rank, 0)))
    width = int(channels * np.prod(kernel))
    rows = reshape(ordered, shape=(samples, int(np.prod(places)), width))
    product_ = dot(rows, swap(reshape(weight, shape=(weight.shape[0], width))))
    return reshape(swap(product_), shape=(samples, weight.shape[0], *places))
