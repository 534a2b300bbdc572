"""Arrays in memory: a base, a shape and strides, so that most arrangements are views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import TypeGuard

from symfold.core.nodes import Node
from symfold.core.primitives import (
    Apply,
    alike,
    broadcast_like,
    broadcast_to,
    expand,
    is_primitive,
    item,
    permute,
    single,
    squeeze,
    stopped,
    swap,
    windows,
)
from symfold.core.sequences import reverse_row, take_row


@dataclass(frozen=True)
class Array:
    """Numbers in memory: `base` is an address in the code; offset and strides count entries."""

    base: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    def spread(self, shape: Sequence[int]) -> Array:
        """The array broadcast to a larger shape: repeated axes have stride 0."""
        front = len(shape) - len(self.shape)
        strides = [0] * front + [
            0 if size == 1 and target != 1 else stride
            for size, target, stride in zip(self.shape, shape[front:], self.strides, strict=True)
        ]
        return replace(self, shape=tuple(shape), strides=tuple(strides))

    def moved(self, axis: int, start: int, size: int, step: int = 1) -> Array:
        """`size` entries along an axis, from `start`."""
        shape, strides = list(self.shape), list(self.strides)
        offset = self.offset + start * strides[axis]
        shape[axis], strides[axis] = size, strides[axis] * step
        return Array(self.base, tuple(shape), tuple(strides), offset)

    def entry(self, axis: int, position: int) -> Array:
        """One entry along an axis, without that axis."""
        shape = self.shape[:axis] + self.shape[axis + 1 :]
        strides = self.strides[:axis] + self.strides[axis + 1 :]
        return Array(self.base, shape, strides, self.offset + position * self.strides[axis])

    @property
    def contiguous(self) -> bool:
        """Whether the entries are stored in order, without gaps."""
        return all(
            size == 1 or stride == prod(self.shape[k + 1 :])
            for k, (size, stride) in enumerate(zip(self.shape, self.strides, strict=True))
        )


def whole_lines(count: int) -> int:
    """The size of memory for `count` numbers in whole cache lines, at least one."""
    return -(-max(count, 1) // 16) * 16


@dataclass
class Workspace:
    """Memory for intermediate values; freed places are reused."""

    size: int = 0
    free: dict[int, list[int]] = field(default_factory=dict)

    def take(self, count: int, fresh: bool = False) -> int:
        """A place for `count` entries; a `fresh` one keeps its contents from before the run."""
        count = whole_lines(count)
        free = None if fresh else self.free.get(count)
        if free:
            return free.pop()
        self.size += count
        return self.size - count

    def give_back(self, offset: int, count: int) -> None:
        self.free.setdefault(whole_lines(count), []).append(offset)


def strides_for(shape: Sequence[int], inner: int | None, padded: int) -> tuple[tuple[int, ...], int]:
    """Strides and size of a new array: in order, or with one axis (counted from the end) innermost and padded.

    >>> strides_for((5, 10, 3), None, 16), strides_for((5, 10, 3), -2, 16)
    (((30, 3, 1), 150), ((48, 1, 16), 240))
    """
    axes = list(range(-len(shape), 0))
    if inner is not None:
        axes = [axis for axis in axes if axis != inner] + [inner]
    strides, count = [0] * len(shape), 1
    for axis in reversed(axes):
        strides[axis] = count
        count *= padded if axis == inner else shape[axis]
    return tuple(strides), count


VIEWS = (swap, permute, expand, squeeze, broadcast_to, broadcast_like, reverse_row, alike, single, stopped)


def is_view(node: Node) -> TypeGuard[Node[Apply]]:
    """Whether a node is a view of its first argument."""
    if is_primitive(node, take_row):
        return isinstance(dict(node.op.attributes)["positions"], range)
    if is_primitive(node, windows):
        return not any(dict(node.op.attributes)["padding"])
    return is_primitive(node, *VIEWS, item)


def view(node: Node[Apply], array: Array) -> Array:
    """The view of an array that a node is."""
    attributes = dict(node.op.attributes)
    rank = len(array.shape)
    if is_primitive(node, alike, single, stopped):
        return array
    if is_primitive(node, swap):
        return permuted(array, [*range(rank - 2), rank - 1, rank - 2] if rank > 1 else [*range(rank)])
    if is_primitive(node, permute):
        return permuted(array, attributes["axes"])
    if is_primitive(node, windows):
        return windowed(array, **attributes)
    if is_primitive(node, expand):
        place = rank + 1 + attributes["axis"]
        return replace(
            array,
            shape=(*array.shape[:place], 1, *array.shape[place:]),
            strides=(*array.strides[:place], 0, *array.strides[place:]),
        )
    if is_primitive(node, squeeze):
        return array.entry(rank + attributes["axis"], 0)
    if is_primitive(node, broadcast_to, broadcast_like):
        return array.spread(node.shape)
    if is_primitive(node, reverse_row):
        return array.moved(0, array.shape[0] - 1, array.shape[0], -1)
    if is_primitive(node, take_row):
        positions = attributes["positions"]
        return array.moved(0, positions.start, len(positions), positions.step)
    return indexed(array, attributes["index"])


def permuted(array: Array, axes: Sequence[int]) -> Array:
    """The array with its axes in another order."""
    return replace(array, shape=tuple(array.shape[k] for k in axes), strides=tuple(array.strides[k] for k in axes))


def windowed(array: Array, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], **_: object) -> Array:
    """The windows along the last axes of a padded array: axes of places, then axes within a window.

    >>> windowed(Array("%x", (5, 6), (6, 1)), (2, 3), (3, 1), (1, 2))
    Array(base='%x', shape=(2, 2, 2, 3), strides=(18, 1, 6, 2), offset=0)
    """
    lead = len(array.shape) - len(kernel)
    sizes, strides = array.shape[lead:], array.strides[lead:]
    places = [(size - d * (k - 1) - 1) // s + 1 for size, k, s, d in zip(sizes, kernel, stride, dilation, strict=True)]
    between, within = ([by * s for by, s in zip(steps, strides, strict=True)] for steps in (stride, dilation))
    return replace(
        array, shape=(*array.shape[:lead], *places, *kernel), strides=(*array.strides[:lead], *between, *within)
    )


def indexed(array: Array, index: Sequence[object]) -> Array:
    """The part of an array at an index of positions, slices (as pairs) and an ellipsis."""
    explicit = len([part for part in index if part is not ...])
    ellipsis = index.index(...) if ... in index else len(index)
    parts = [*index[:ellipsis], *[(None, None)] * (len(array.shape) - explicit), *index[ellipsis + 1 :]]
    axis = 0
    for part in parts:
        size = array.shape[axis]
        if isinstance(part, tuple):
            positions = range(*slice(*part).indices(size))
            array = array.moved(axis, positions.start if len(positions) else 0, len(positions), positions.step)
            axis += 1
        else:
            assert isinstance(part, int)
            array = array.entry(axis, part % size)
    return array
