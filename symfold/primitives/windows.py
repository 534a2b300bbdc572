"""Windows over the last two axes: what convolutions and pooling read. (..., H, W) gives (..., rows, columns, height, width)."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symfold.errors import ShapeError
from symfold.primitives.table import Primitive, primitive
from symfold.shapes import ANY, Shape, is_known, show

Two = tuple[int, int]


def _windowed(a: Shape, size: Two, stride: Two, padding: Two) -> Shape:
    if not is_known(a):
        return ANY
    if len(a) < 2:
        raise ShapeError(f"windows are taken of images (..., height, width), got a value of shape {show(a)}")
    places = [_places(*axis) for axis in zip(a[-2:], size, stride, padding, strict=True)]
    if any(isinstance(count, int) and count < 1 for count in places):
        raise ShapeError(f"a window of {show(size)} does not fit into {show(a)} with a padding of {show(padding)}")
    return (*a[:-2], *places, *size)


def _places(full: Any, size: int, stride: int, padding: int) -> Any:
    """In how many places a window stands along an axis."""
    left = full + 2 * padding - size
    return left // stride + 1 if isinstance(left, int) else left + 1 if stride == 1 else sp.floor(left / stride) + 1


def _windows(a: Any, size: Two, stride: Two, padding: Two) -> Any:
    padded = np.pad(a, [(0, 0)] * (np.ndim(a) - 2) + [(one, one) for one in padding]) if any(padding) else np.asarray(a)
    return np.lib.stride_tricks.sliding_window_view(padded, size, axis=(-2, -1))[..., :: stride[0], :: stride[1], :, :]


def _add_windows(a: Any, like: Any, size: Two, stride: Two, padding: Two) -> Any:
    *lead, height, width = np.shape(like)
    rows, columns = np.shape(a)[-4:-2]
    full = np.zeros((*lead, height + 2 * padding[0], width + 2 * padding[1]), dtype=np.result_type(a))
    for i, j in np.ndindex(*size):
        full[..., i : i + rows * stride[0] : stride[0], j : j + columns * stride[1] : stride[1]] += a[..., i, j]
    return full[..., padding[0] : padding[0] + height, padding[1] : padding[1] + width]


windows: Primitive = primitive(
    "windows",
    _windowed,
    _windows,
    lambda node, bar, **how: [add_windows(bar, node.args[0], **how)],
)
add_windows: Primitive = primitive(  # the adjoint of `windows`: each entry gets back what its windows hold
    "add_windows",
    lambda a, like, **how: like,
    _add_windows,
    lambda node, bar, **how: [windows(bar, **how), None],
)
