"""Primitives of image and language nets: permuted axes, embedding (rows selected by number), windows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from symfold.core.arrays import Array, Namespace, add_at, add_once, padded, shape_of, whole_numbers, zeros_like
from symfold.core.primitives.table import Linear, Primitive, primitive
from symfold.core.shapes import ANY, Shape, Size, is_known, show
from symfold.errors import OutOfRange, ShapeError


def _permuted(a: Shape, axes: tuple[int, ...]) -> Shape:
    if not is_known(a):
        return ANY
    if sorted(axes) != list(range(-len(a), 0)):
        raise ShapeError(
            f"cannot put the axes of {show(a)} in the order {axes} (give each axis once, counted from the end)"
        )
    return tuple(a[axis] for axis in axes)


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The inverse of a permutation of axes.

    >>> _inverse((-1, -3, -2))
    (-2, -1, -3)
    """
    return tuple(axes.index(axis) - len(axes) for axis in range(-len(axes), 0))


permute: Primitive = primitive(
    "permute",
    _permuted,
    lambda xp, a, axes: xp.permute_dims(a, tuple(axis % len(axes) for axis in axes)),
    lambda node, bar, axes: [permute(bar, axes=_inverse(axes))],
    linear=(0,),
    examples=((((2, 3, 4),), {"axes": (-1, -3, -2)}),),
)


NO_ROW = "the table has no row {}"


def row_numbers(numbers: object, rows: int, complaint: str = NO_ROW) -> Array:
    """Row numbers, given as floats, as integers; an error if the table has no such row."""
    floats = np.asarray(numbers, dtype=float)
    integers = np.nan_to_num(floats, nan=-1.0).astype(int)
    invalid = (integers != floats) | (integers < 0) | (integers >= rows)
    if np.any(invalid):
        problem = complaint.format(f"{floats[invalid].flat[0]:g}")
        raise OutOfRange(f"{problem} (give whole numbers from 0 to {rows - 1})")
    return integers


def valid_rows(xp: Namespace, numbers: Any, rows: int) -> Any:
    """Whether numbers are whole and from 0 to rows - 1."""
    return (xp.floor(xp.asarray(numbers)) == numbers) & (numbers >= 0) & (numbers < rows)


def _jax_rows(table: Any, numbers: Any) -> Array:
    """Rows of a table; nan for an invalid row number, where JAX alone would take the nearest row."""
    import jax.numpy as jnp

    numbers = jnp.asarray(numbers)
    valid = valid_rows(jnp, numbers, len(table)).reshape((*numbers.shape, *(1,) * (table.ndim - 1)))
    return jnp.where(valid, table[whole_numbers(numbers)], jnp.nan)


def _added_embedded(xp: Namespace, bar: Array, table: Array, numbers: Array) -> Array:
    return add_at(xp, zeros_like(xp, table, bar), whole_numbers(numbers), bar)


embed: Primitive = primitive(  # rows of a table, selected by an array of whole numbers
    "embed",
    lambda table, numbers: (*numbers, *table[1:]),
    lambda xp, table, numbers: table[whole_numbers(numbers)],
    lambda node, bar: [add_embedded(bar, *node.args), None],
    linear=(0,),
    dtypes=("real", "whole"),
    spellings={"numpy": lambda table, numbers: table[row_numbers(numbers, len(table))], "jax": _jax_rows},
    examples=((((5, 3), (2, 4)), {}),),
)
add_embedded: Primitive = primitive(  # the adjoint of `embed`: rows summed at their numbers
    "add_embedded",
    lambda bar, table, numbers: table,
    _added_embedded,
    lambda node, bar: [embed(bar, node.args[2]), None, None],
    linear=(0,),
    shape_only=(1,),
    dtypes=("real", "real", "whole"),
    spellings={"numpy": lambda bar, table, numbers: _added_embedded(np, bar, table, row_numbers(numbers, len(table)))},
    examples=((((2, 4, 3), (5, 3), (2, 4)), {}),),
)

Sizes = tuple[int, ...]


def _window_count(size: Size, kernel: int, stride: int, padding: int, dilation: int) -> Size:
    """The number of windows along an axis."""
    last = size + 2 * padding - dilation * (kernel - 1) - 1
    return last // stride + 1 if isinstance(last, int) else last + 1 if stride == 1 else sp.floor(last / stride) + 1


def windowed_shape(a: Shape, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, fill: float) -> Shape:
    """The shape of all windows: (..., window counts..., kernel...)."""
    rank = len(kernel)
    if not is_known(a):
        return ANY
    if len(a) < rank:
        raise ShapeError(f"windows are taken along {rank} last axes, got a value of shape {show(a)}")
    counts = tuple(map(_window_count, a[-rank:], kernel, stride, padding, dilation))
    if any(isinstance(count, int) and count < 1 for count in counts):
        raise ShapeError(f"windows of {kernel} do not fit into {show(a)} (give a smaller window or more padding)")
    return (*a[:-rank], *counts, *kernel)


def window_slices(counts: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Iterator[tuple[Any, ...]]:
    """For each offset in a window, the index of the entries at that offset in all windows of a padded array.

    >>> list(window_slices((3,), (2,), (2,), (1,)))
    [(Ellipsis, slice(0, 5, 2)), (Ellipsis, slice(1, 6, 2))]
    """
    for offsets in product(*map(range, kernel)):
        slices = (
            slice(k * d, k * d + s * (n - 1) + 1, s)
            for n, k, s, d in zip(counts, offsets, stride, dilation, strict=True)
        )
        yield (..., *slices)


def windows_of(
    xp: Namespace, a: Array, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, fill: float
) -> Array:
    """All windows of an array, `fill` around it."""
    rank = len(kernel)
    image = padded(xp, a, tuple((size, size) for size in padding), fill)
    shape = windowed_shape(shape_of(a), kernel, stride, padding, dilation, fill)
    parts = [image[index] for index in window_slices(shape[-2 * rank : -rank], kernel, stride, dilation)]
    return xp.reshape(xp.stack(parts, axis=-1), shape)


def added_windows(
    xp: Namespace, bar: Array, like: Array, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, fill: float
) -> Array:
    """Windows added up where they overlap."""
    rank, shape = len(kernel), shape_of(like)
    image = padded(xp, zeros_like(xp, like, bar), tuple((size, size) for size in padding), 0.0)
    parts = xp.reshape(bar, (*bar.shape[:-rank], -1))
    for number, index in enumerate(window_slices(bar.shape[-2 * rank : -rank], kernel, stride, dilation)):
        image = add_once(image, index, parts[..., number])
    inside: Any = (..., *(slice(size, size + n) for n, size in zip(shape[-rank:], padding, strict=True)))
    return image[inside]


def _linear_unless_filled(fill: float, **_: object) -> Linear:
    """Windows of an image padded with a number other than 0, as for maxima, are not linear in it."""
    return (0,) if fill == 0 else ()


# every window of neighboring entries along the last axes, as convolutions and pools read them
windows: Primitive = primitive(
    "windows",
    windowed_shape,
    windows_of,
    lambda node, bar, **options: [add_windows(bar, node.args[0], **options)],
    linear=_linear_unless_filled,
    examples=(
        (((2, 5, 6),), {"kernel": (2, 3), "stride": (2, 1), "padding": (1, 1), "dilation": (1, 2), "fill": 0.0}),
    ),
)
add_windows: Primitive = primitive(  # the adjoint of `windows`: entries summed where windows overlap
    "add_windows",
    lambda bar, like, **options: like,
    added_windows,
    lambda node, bar, **options: [windows(bar, **{**options, "fill": 0.0}), None],
    linear=(0,),
    shape_only=(1,),
    examples=(
        (
            ((2, 3, 4, 2, 3), (2, 5, 6)),
            {"kernel": (2, 3), "stride": (2, 1), "padding": (1, 1), "dilation": (1, 2), "fill": 0.0},
        ),
    ),
)
