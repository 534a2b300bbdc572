"""Shapes, axes and parts of tensors. A result that is the argument itself stays the same node."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives import broadcast_to, concatenate, item, pad, permute, reshape, swap
from symfold.core.sequences import stack
from symfold.core.shapes import Shape, Size


def reshaped(a: Node, shape: Shape) -> Node:
    """A tensor in a shape."""
    return a if a.shape == shape else reshape(a, shape=shape)


def ordered(a: Node, axes: Sequence[int]) -> Node:
    """A tensor with its axes permuted, as a transpose if possible."""
    rank = len(a.shape)
    order = tuple(axis % rank - rank for axis in axes)
    identity = tuple(range(-rank, 0))
    if order == identity:
        return a
    return swap(a) if order == (*identity[:-2], -1, -2) else permute(a, axes=order)


def part(a: Node, axis: int, start: Size, stop: Size) -> Node:
    """The entries from start to stop along an axis."""
    axis %= len(a.shape)
    return a if (start, stop) == (0, a.shape[axis]) else item(a, index=(*((None, None),) * axis, (start, stop)))


def listed(given: int | Sequence[int]) -> list[int]:
    """One axis or several, as a list."""
    return [given] if isinstance(given, int) else list(given)


def flip(a: Node, axes: int | Sequence[int]) -> Node:
    """The entries in reverse order along some axes."""
    reverse = {axis % len(a.shape) for axis in listed(axes)}
    index = tuple((None, None, -1) if k in reverse else (None, None) for k in range(len(a.shape)))
    return item(a, index=index) if reverse else a


def cat(shape: Shape, parts: Sequence[Node], axis: int = 0) -> Node:
    """Parts one after another along an axis; empty vectors among values of any rank count as nothing."""
    parts = [value for value in parts if value.shape != (0,) or len(shape) == 1]
    return concatenate(*parts, axis=axis % len(shape) - len(shape)) if len(parts) > 1 else parts[0]


def stacked(shape: Shape, parts: Sequence[Node], axis: int = 0) -> Node:
    """Parts of one shape along a new axis: a sequence, as a fold gives it out, in the order of those axes."""
    order = list(range(1, len(shape)))
    order.insert(axis % len(shape), 0)
    return ordered(stack(parts), order)


def tiled(shape: Shape, a: Node, counts: Sequence[int]) -> Node:
    """The value repeated along its last axes, or along new ones before them."""
    tiles = [*(1,) * (len(a.shape) - len(counts)), *counts]
    single = (*(1,) * (len(tiles) - len(a.shape)), *a.shape)
    between = tuple(size for pair in zip((1,) * len(tiles), single, strict=True) for size in pair)
    wide = tuple(size for pair in zip(tiles, single, strict=True) for size in pair)
    if all(count == 1 for count in tiles):
        return reshaped(a, shape)
    return reshape(broadcast_to(reshape(a, shape=between), shape=wide), shape=shape)


def padded(a: Node, widths: Sequence[tuple[int, int]], mode: str = "constant", value: float | None = None) -> Node:
    """A tensor with borders before and after its last axes; negative widths cut it. The modes are those of NumPy."""
    pairs = tuple(widths)
    if not any(map(any, pairs)):
        return a
    result = pad(a, widths=pairs, mode=mode)
    if mode != "constant" or not value:
        return result
    inside = [
        size + min(before, 0) + min(after, 0)
        for size, (before, after) in zip(a.shape[-len(pairs) :], pairs, strict=True)
    ]
    border = [(max(before, 0), max(after, 0)) for before, after in pairs]
    return result + as_node(np.pad(np.zeros(inside), border, constant_values=value))
