"""Values resampled along their last axes: interpolation, adaptive means and maxima, pixel shuffle."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.core.arrays import Array, Namespace
from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives.arrangement import reshape
from symfold.core.primitives.broadcasting import broadcast_to
from symfold.core.primitives.contractions import einsum
from symfold.core.primitives.images import permute
from symfold.core.primitives.padding import entries_along
from symfold.core.primitives.reductions import first_max
from symfold.core.primitives.table import Primitive, primitive
from symfold.core.shapes import ANY, Shape, Size, is_known, show
from symfold.errors import ShapeError, unknown

Sizes = tuple[int, ...]
Steps = tuple[float | None, ...]  # entries of the value per entry of the result; None for the ratio of the sizes
MODES = ("nearest", "nearest-exact", "linear", "cubic")
LETTERS = "abcdefghijklmnop"

# -- matrices (entries of the result, entries of the value)


def nearest_positions(before: int, after: int, step: float | None, exact: bool) -> list[int]:
    """The nearest entry of the value for each entry of the result; PyTorch computes it in float32.

    >>> nearest_positions(3, 6, None, exact=False), nearest_positions(5, 3, None, exact=True)
    ([0, 0, 1, 1, 2, 2], [0, 2, 4])
    """
    scale = np.float32(before / after if step is None else step)
    places = np.arange(after, dtype=np.float32) + np.float32(0.5 if exact else 0.0)
    return np.minimum(np.floor(places * scale).astype(int), before - 1).tolist()


def _places(before: int, after: int, step: float | None, corners: bool) -> NumpyArray:
    """Where the entries of the result lie among those of the value; with `corners`, the outermost ones coincide."""
    if corners:
        return np.arange(after) * ((before - 1) / (after - 1) if after > 1 else 0.0)
    return (np.arange(after) + 0.5) * (before / after if step is None else step) - 0.5


def _cubic(distance: NumpyArray, a: float = -0.75) -> NumpyArray:
    """The kernel of cubic convolution (Keys 1981)."""
    d = np.abs(distance)
    near, far = ((a + 2) * d - (a + 3)) * d * d + 1, ((d - 5) * d + 8) * d * a - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


@lru_cache(maxsize=256)
def weights(before: int, after: int, step: float | None, mode: str, corners: bool) -> NumpyArray:
    """The matrix of an interpolation along one axis.

    >>> weights(2, 4, None, "linear", False).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    rows = np.arange(after)
    result = np.zeros((after, before))
    if mode.startswith("nearest"):
        result[rows, nearest_positions(before, after, step, mode == "nearest-exact")] = 1.0
        return result
    places = _places(before, after, step, corners)
    places = np.maximum(places, 0.0) if mode == "linear" else places
    first = np.floor(places).astype(int)
    for offset in (0, 1) if mode == "linear" else (-1, 0, 1, 2):
        distance = places - (first + offset)
        share = 1 - np.abs(distance) if mode == "linear" else _cubic(distance)
        np.add.at(result, (rows, np.clip(first + offset, 0, before - 1)), share)
    return result


def bounds(before: int, after: int) -> list[range]:
    """The entries of the value that each entry of an adaptive pool reads.

    >>> bounds(5, 3)
    [range(0, 2), range(1, 4), range(3, 5)]
    """
    return [range(k * before // after, -(-(k + 1) * before // after)) for k in range(after)]


@lru_cache(maxsize=256)
def mean_weights(before: int, after: int) -> NumpyArray:
    result = np.zeros((after, before))
    for k, read in enumerate(bounds(before, after)):
        result[k, read] = 1 / len(read)
    return result


def _along(rank: int, axis: int) -> str:
    """The einsum of a value of some rank with a matrix along an axis.

    >>> _along(3, -2)
    'abc,zb->azc'
    """
    letters = LETTERS[:rank]
    place = rank + axis
    return f"{letters},z{letters[place]}->{letters[:place]}z{letters[place + 1 :]}"


def _resized(a: Shape, size: Sizes, **_: object) -> Shape:
    if not is_known(a):
        return ANY
    if len(a) < len(size):
        raise ShapeError(f"cannot resample {len(size)} axes of a value of shape {show(a)}")
    return (*a[: -len(size)], *size)


# -- interpolation


def _interpolated(a: Shape, size: Sizes, mode: str, corners: bool, step: Steps) -> Shape:
    if mode not in MODES:
        raise unknown("mode of interpolation", mode, MODES)
    return _resized(a, size)


def _interpolate(xp: Namespace, a: Array, size: Sizes, mode: str, corners: bool, step: Steps) -> Array:
    for axis, (after, each) in enumerate(zip(size, step, strict=True), -len(size)):
        if mode.startswith("nearest"):
            positions = np.array(nearest_positions(a.shape[axis], after, each, mode == "nearest-exact"))
            a = a[(..., positions, *(slice(None),) * (-axis - 1))]
        else:
            a = _product(xp, a, weights(a.shape[axis], after, each, mode, corners), axis)
    return a


def _product(xp: Namespace, a: Any, matrix: NumpyArray, axis: int) -> Any:
    device = {"device": a.device} if hasattr(a, "is_cuda") else {}
    return xp.einsum(_along(len(a.shape), axis), a, xp.asarray(matrix, dtype=a.dtype, **device))


def _interpolation(a: Node, size: Sizes, mode: str, corners: bool, step: Steps) -> Node:
    for axis, (after, each) in enumerate(zip(size, step, strict=True), -len(size)):
        before = a.shape[axis]
        if mode.startswith("nearest") and after % before == 0:
            positions = nearest_positions(before, after, each, mode == "nearest-exact")
            if positions == [k // (after // before) for k in range(after)]:
                a = repeated(a, axis, after // before)
                continue
        a = einsum(a, as_node(weights(before, after, each, mode, corners)), subscripts=_along(len(a.shape), axis))
    return a


def repeated(a: Node, axis: int, count: int) -> Node:
    """Each entry along an axis, counted from the end, repeated."""
    place = len(a.shape) + axis
    lead, size, rest = a.shape[:place], a.shape[place], a.shape[place + 1 :]
    if count == 1:
        return a
    wide = broadcast_to(reshape(a, shape=(*lead, size, 1, *rest)), shape=(*lead, size, count, *rest))
    return reshape(wide, shape=(*lead, size * count, *rest))


STEPS: Steps = (None, None)
# the last axes resampled to a size, at PyTorch's places
interpolate: Primitive = primitive(
    "interpolate",
    _interpolated,
    _interpolate,
    linear=(0,),
    body=_interpolation,
    examples=(
        (((2, 3, 4),), {"size": (6, 8), "mode": "nearest", "corners": False, "step": STEPS}),
        (((2, 3, 4),), {"size": (5, 6), "mode": "cubic", "corners": True, "step": STEPS}),
    ),
)

# -- adaptive pools


def _adaptive_mean(xp: Namespace, a: Array, size: Sizes) -> Array:
    for axis, after in enumerate(size, -len(size)):
        a = _product(xp, a, mean_weights(a.shape[axis], after), axis)
    return a


def _adaptive_mean_body(a: Node, size: Sizes) -> Node:
    for axis, after in enumerate(size, -len(size)):
        a = einsum(a, as_node(mean_weights(a.shape[axis], after)), subscripts=_along(len(a.shape), axis))
    return a


def _window_positions(before: int, after: int) -> list[int]:
    """The entries that each entry of an adaptive pool reads, the last one repeated to equal lengths."""
    reads = bounds(before, after)
    longest = max(map(len, reads), default=0)
    return [min(read.start + k, read.stop - 1) for read in reads for k in range(longest)]


def adaptive_windows(a: Node, size: Sizes) -> Node:
    """What each entry of an adaptive pool reads: (..., size, entries along each axis)."""
    rank, free = len(size), a.shape[: -len(size)]
    before = a.shape[-rank:]
    parts: list[Size] = []
    for axis, after in enumerate(size, -rank):
        positions = _window_positions(before[axis], after)
        a = entries_along(a, axis, positions)
        parts += [after, len(positions) // after]
    split = reshape(a, shape=(*free, *parts))
    ends = [*range(-2 * rank, 0, 2), *range(-2 * rank + 1, 0, 2)]
    return permute(split, axes=(*range(-len(split.shape), -2 * rank), *ends)) if rank > 1 else split


def _adaptive_max(xp: Namespace, a: Any, size: Sizes) -> Any:
    for axis, after in enumerate(size, -len(size)):
        rest = (slice(None),) * (-axis - 1)
        reads = bounds(a.shape[axis], after)
        a = xp.stack([xp.max(a[(..., slice(r.start, r.stop), *rest)], axis=axis) for r in reads], axis=axis)
    return a


def _adaptive_max_body(a: Node, size: Sizes) -> Node:
    return first_max(adaptive_windows(a, size), axis=tuple(range(-len(size), 0)), keepdims=False)


# means and maxima of parts of the last axes, of nearly equal sizes
adaptive_mean_pool: Primitive = primitive(
    "adaptive_mean_pool",
    _resized,
    _adaptive_mean,
    linear=(0,),
    body=_adaptive_mean_body,
    examples=((((2, 5, 7),), {"size": (2, 3)}),),
)
adaptive_max_pool: Primitive = primitive(
    "adaptive_max_pool",
    _resized,
    _adaptive_max,
    body=_adaptive_max_body,
    examples=((((2, 5, 7),), {"size": (2, 3)}),),
)

# -- pixels and channels


def _shuffled(a: Shape, factor: int) -> Shape:
    if not is_known(a):
        return ANY
    if len(a) < 3 or (isinstance(a[-3], int) and a[-3] % factor**2):
        raise ShapeError(f"cannot shuffle {show(a)} into pixels by {factor} (give {factor**2} channels per channel)")
    channels = a[-3] // factor**2 if isinstance(a[-3], int) else a[-3] / factor**2
    return (*a[:-3], channels, a[-2] * factor, a[-1] * factor)


def _split(a: Shape, factor: int) -> tuple[Shape, Sizes, Shape]:
    """The shapes before and after the permutation of a pixel shuffle, and its axes."""
    result = _shuffled(a, factor)
    parts = (*a[:-3], result[-3], factor, factor, *a[-2:])
    return parts, (*range(-len(parts), -5), -5, -2, -4, -1, -3), result


def _shuffle(xp: Namespace, a: Array, factor: int) -> Array:
    parts, axes, result = _split(a.shape, factor)
    return xp.reshape(xp.permute_dims(xp.reshape(a, parts), tuple(axis % len(parts) for axis in axes)), result)


def _shuffle_body(a: Node, factor: int) -> Node:
    parts, axes, result = _split(a.shape, factor)
    return reshape(permute(reshape(a, shape=parts), axes=axes), shape=result)


# channels as pixels: (..., channels * factor**2, height, width) to (..., channels, height * factor, width * factor)
pixel_shuffle: Primitive = primitive(
    "pixel_shuffle",
    _shuffled,
    _shuffle,
    linear=(0,),
    body=_shuffle_body,
    examples=((((2, 8, 3, 2),), {"factor": 2}),),
)
