"""PyTorch's operations on shapes, axes and parts as nodes, and identities."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import prod
from typing import Any

import numpy as np

from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives import (
    broadcast_to,
    item,
    put,
    repeated,
    reshape,
    stopped,
    swap,
    windows,
)
from symfold.core.shapes import Shape, Size, broadcast
from symfold.exchange.pytorch.rows import Row, evaluated, of_arguments
from symfold.exchange.pytorch.sizes import ends_of, from_start
from symfold.exchange.reading.arrangement import cat, flip, listed, ordered, part, reshaped, stacked, tiled
from symfold.exchange.reading.checks import covered
from symfold.exchange.reading.functions import choose


def _reshape(shape: Shape, a: Node, *given: object, **named: object) -> Node:
    return reshaped(a, shape)


def _transpose(shape: Shape, a: Node, first: int = 0, second: int = 1) -> Node:
    axes = list(range(len(a.shape)))
    axes[first], axes[second] = axes[second], axes[first]
    return ordered(a, axes)


def _transposed(shape: Shape, a: Node) -> Node:
    """A matrix transposed; a vector is its own transpose."""
    return ordered(a, range(len(a.shape))[::-1])


def _expand(shape: Shape, a: Node, *given: object, **named: object) -> Node:
    return a if a.shape == shape else broadcast_to(a, shape=shape)


def select(shape: Shape, a: Node, axis: int, index: int) -> Node:
    axis %= len(a.shape)
    size = a.shape[axis]
    if not isinstance(index, int):
        place = from_start(index, size)
        return reshape(part(a, axis, place, place + 1), shape=shape)
    return item(a, index=(*((None, None),) * axis, index % size if isinstance(size, int) else index))


def _slice(
    shape: Shape, a: Node, axis: int = 0, start: Size | None = None, stop: Size | None = None, step: int = 1
) -> Node:
    axis %= len(a.shape)
    first, last = ends_of(start, stop, a.shape[axis], shape[axis] if step == 1 else None)
    return part(a, axis, first, last) if step == 1 else item(a, index=(*((None, None),) * axis, (first, last, step)))


def _narrow(shape: Shape, a: Node, axis: int, start: Size, count: Size) -> Node:
    first = from_start(start, a.shape[axis])
    return part(a, axis, first, first + count)


def _split(shape: Any, a: Node, sizes: Any, axis: int = 0) -> tuple[Node, ...]:
    total = a.shape[axis]
    each = list(sizes) if isinstance(sizes, (list, tuple)) else [min(sizes, total - k) for k in range(0, total, sizes)]
    ends = [*accumulate(each, initial=0)]
    return tuple(part(a, axis, start, stop) for start, stop in pairwise(ends))


def chunk(shape: Shape, a: Node, count: int, axis: int = 0) -> tuple[Node, ...]:
    size = a.shape[axis]
    if isinstance(size, int):
        return _split(shape, a, -(-size // count), axis)
    covered((size / count).is_integer, f"a size of {size} in {count} parts")
    return _split(shape, a, [size / count] * count, axis)


def _differences(
    shape: Shape, a: Node, times: int = 1, axis: int = -1, before: Node | None = None, after: Node | None = None
) -> Node:
    """Each entry along an axis less the one before it."""
    axis %= len(a.shape)
    parts = [each for each in (before, a, after) if each is not None]
    whole = cat(a.shape, parts, axis)
    for _ in range(times):
        size = whole.shape[axis]
        whole = part(whole, axis, 1, size) - part(whole, axis, 0, size - 1)
    return whole


def _tensor_split(shape: Any, a: Node, parts: int | Sequence[int], axis: int = 0) -> tuple[Node, ...]:
    """A number of parts whose sizes differ by at most one, or parts between positions."""
    size = a.shape[axis]
    if isinstance(parts, int):
        least, longer = divmod(size, parts)
        return _split(shape, a, [least + (k < longer) for k in range(parts)], axis)
    ends = [0, *(min(max(end + size if end < 0 else end, 0), size) for end in parts), size]
    return _split(shape, a, [max(after - before, 0) for before, after in pairwise(ends)], axis)


def _unbind(shape: Shape, a: Node, axis: int = 0) -> tuple[Node, ...]:
    return tuple(select((), a, axis, k) for k in range(a.shape[axis]))


def same(shape: Shape, a: Node, *given: object, **named: object) -> Node:
    """An operation that is the identity on numbers."""
    return a


def _dropout(shape: Shape, a: Node, p: float = 0.5, train: bool = False) -> Node:
    evaluated(not train or p == 0, "dropout draws numbers")
    return a


def _roll(shape: Shape, a: Node, shifts: int | Sequence[int], axes: int | Sequence[int] = ()) -> Node:
    """The entries moved along some axes; those that leave at one end enter at the other."""
    by, along = listed(shifts), listed(axes)
    if not along:
        return reshaped(_roll((), reshape(a, shape=(prod(a.shape),)), by, [0]), shape)
    for shift, axis in zip(by, along, strict=True):
        size = a.shape[axis]
        covered(isinstance(size, int) or abs(shift) <= 1, f"roll by {shift} along an axis of unknown size")
        split = size - shift % size if isinstance(size, int) else -shift if shift < 0 else size - shift
        if shift and size and split != size:
            a = cat(a.shape, [part(a, axis, split, size), part(a, axis, 0, split)], axis)
    return a


def _repeat(shape: Shape, a: Node, counts: int | Sequence[int], *more: int) -> Node:
    return tiled(shape, a, [*listed(counts), *more])


def _repeat_each(shape: Shape, a: Node, count: object, axis: int | None = None, output_size: object = None) -> Node:
    """Each entry along an axis repeated."""
    covered(isinstance(count, int), "repeat_interleave by a tensor of counts")
    flat = reshape(a, shape=(prod(a.shape),)) if axis is None else a
    along = -1 if axis is None else axis % len(a.shape) - len(a.shape)
    return repeated(flat, along, int(str(count)))


def _windows(shape: Shape, a: Node, axis: int, size: int, step: int) -> Node:
    """Windows of an axis, as a new last axis."""
    axis %= len(a.shape)
    order = [*(k for k in range(len(a.shape)) if k != axis), axis]
    read = windows(ordered(a, order), kernel=(size,), stride=(step,), padding=(0,), dilation=(1,), fill=0.0)
    count = len(a.shape)
    back = [*range(axis), count - 1, *range(axis, count - 1), count]
    return ordered(read, back)


def _put_part(shape: Shape, a: Node, value: Node, axis: int, start: int, stop: int, step: int = 1) -> Node:
    """A value with a part along an axis replaced."""
    size, place = a.shape[axis], (*((None, None),) * axis, (start, stop) if step == 1 else (start, stop, step))
    if step == 1:
        parts = [part(a, axis, 0, start), value, part(a, axis, stop, size)]
        kept = [piece for piece in parts if piece.shape[axis]]
        return cat(shape, kept, axis)
    hits = np.zeros(size)
    hits[start:stop:step] = 1
    tall = hits.reshape(*(size if k == axis else 1 for k in range(len(shape))))
    return choose(as_node(tall), put(value, a, index=place), a)


def _slice_scatter(
    shape: Shape, a: Node, value: Node, axis: int = 0, start: int | None = None, stop: int | None = None, step: int = 1
) -> Node:
    axis %= len(a.shape)
    first, last = ends_of(start, stop, a.shape[axis], value.shape[axis] if step == 1 else None)
    return a if first == last else _put_part(shape, a, value, axis, first, last, step)


def _select_scatter(shape: Shape, a: Node, value: Node, axis: int, index: int) -> Node:
    axis %= len(a.shape)
    place = index % a.shape[axis]
    single = reshape(value, shape=(*a.shape[:axis], 1, *a.shape[axis + 1 :]))
    return _put_part(shape, a, single, axis, place, place + 1)


def copied(convert: Row = same) -> Row:
    """A value in the shape and the type of another one, which it replaces."""
    return lambda shape, a, value, *given: _expand(shape, convert(value.shape, value))


def _grids(shape: Any, vectors: Sequence[Node], indexing: str = "ij") -> tuple[Node, ...]:
    """Vectors broadcast along each other's axes."""
    full = shape[0] if shape else tuple(v.shape[0] if v.shape else 1 for v in vectors)
    count = len(vectors)
    places = [1, 0, *range(2, count)] if indexing == "xy" and count > 1 else list(range(count))
    if indexing == "xy" and not shape and count > 1:
        full = (full[1], full[0], *full[2:])
    tall = [
        (*(1,) * place, v.shape[0] if v.shape else 1, *(1,) * (count - place - 1))
        for v, place in zip(vectors, places, strict=True)
    ]
    return tuple(_expand(full, reshaped(v, size)) for v, size in zip(vectors, tall, strict=True))


def _broadcast_all(shape: Any, parts: Sequence[Node]) -> tuple[Node, ...]:
    full = broadcast(*(value.shape for value in parts))
    return tuple(_expand(full or (), value) for value in parts)


def _moved(a: Node, source: int | Sequence[int], target: int | Sequence[int]) -> Node:
    """Some axes moved to other places."""
    rank = len(a.shape)
    left, right = ([axis % rank for axis in listed(given)] for given in (source, target))
    order = [k for k in range(rank) if k not in left]
    for place, axis in sorted(zip(right, left, strict=True)):
        order.insert(place, axis)
    return ordered(a, order)


def _rotated(shape: Shape, a: Node, times: int = 1, axes: Sequence[int] = (0, 1)) -> Node:
    """Quarter turns in the plane of two axes."""
    first, second = axes
    for _ in range(times % 4):
        a = _transpose((), flip(a, [second]), first, second)
    return a


ARRANGEMENT: dict[str, Row] = {
    **dict.fromkeys(("view", "reshape", "_unsafe_view", "flatten", "unflatten", "unsqueeze", "squeeze"), _reshape),
    **dict.fromkeys(("contiguous", "clone", "alias", "lift_fresh_copy", "to", "_to_copy", "type_as", "float", "double"), same),
    **dict.fromkeys(("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"), _dropout),
    "flip": of_arguments(flip), "fliplr": lambda shape, a: flip(a, [1]), "flipud": lambda shape, a: flip(a, [0]), "rot90": _rotated, "roll": _roll,
    "repeat": _repeat, "tile": tiled, "repeat_interleave": _repeat_each, "unfold": _windows, "meshgrid": _grids, "broadcast_tensors": _broadcast_all,
    "movedim": of_arguments(_moved), "swapaxes": _transpose, "view_as": _reshape, "reshape_as": _reshape,
    "detach": lambda shape, a: stopped(a), "item": lambda shape, a: stopped(reshaped(a, ())),
    "permute": of_arguments(ordered),
    "transpose": _transpose, "t": _transposed, "numpy_T": _transposed, "mT": lambda shape, a: swap(a),
    "expand": _expand, "expand_as": _expand, "broadcast_to": _expand,
    "select": select, "slice": _slice, "narrow": _narrow,
    "split": _split, "split_with_sizes": _split, "chunk": chunk, "slice_scatter": _slice_scatter, "copy": copied(), "select_scatter": _select_scatter, "tensor_split": _tensor_split, "diff": _differences,
    "fill": lambda shape, a, value: _expand(shape, as_node(value)), "zero": lambda shape, a: _expand(shape, as_node(0)), "unbind": _unbind, "cat": cat, "concat": cat, "stack": stacked,
}  # fmt: skip
