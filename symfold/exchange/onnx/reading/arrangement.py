"""ONNX's operations on shapes, axes and parts as nodes, one row each; on known arrays, NumPy's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import NumpyArray
from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives import broadcast_to, concatenate, cumulative_sum, item, reshape
from symfold.core.shapes import broadcast, is_known
from symfold.errors import NoRule
from symfold.exchange.onnx.reading.elementwise import Operation, Row
from symfold.exchange.onnx.reading.values import Value, bounded, constant, size_of, sizes_of, wholes_of
from symfold.exchange.reading.arrangement import ordered, padded, reshaped, tiled
from symfold.exchange.reading.creation import triangle

LONG = 2**31  # an end of a slice from here on is the end of the axis


def rank_of(value: Value) -> int:
    if not is_known(value.shape):
        raise NoRule("the number of its axes is not known")
    return len(value.shape)


def axes_given(op: Operation, given: Value | None, rank: int) -> list[int] | None:
    """Axes from an attribute (older opsets) or a value, counted from the start."""
    listed = op.get("axes") if given is None else wholes_of(given)
    return None if listed is None else [axis_of(axis, rank) for axis in listed]


def axis_of(axis: int, rank: int) -> int:
    """An axis counted from the start."""
    if not -rank <= axis < max(rank, 1):
        raise NoRule(f"axis {axis} is out of bounds for {rank} axes")
    return axis % max(rank, 1)


def total(shape: Sequence[Any]) -> Any:
    product: Any = 1
    for size in shape:
        product = product * size
    return size_of(product)


def _reshape(op: Operation, value: Value, wanted: Value) -> Any:
    sizes = sizes_of(wanted)
    if not op.get("allowzero", 0):
        sizes = [value.shape[k] if size == 0 else size for k, size in enumerate(sizes)]
    if -1 in sizes:
        rest = total([size for size in sizes if size != -1])
        missing = sp.cancel(sp.sympify(total(value.shape)) / rest) if rest != 0 else sp.Integer(0)
        sizes = [size_of(missing) if size == -1 else size for size in sizes]
    if value.is_constant and all(isinstance(size, int) for size in sizes):
        return constant(value.known.reshape([int(size) for size in sizes]))
    return reshaped(value.node, tuple(sizes))


def _flatten(op: Operation, value: Value) -> Node:
    axis = int(op.get("axis", 1)) % (rank_of(value) + 1)
    return reshaped(value.node, (total(value.shape[:axis]), total(value.shape[axis:])))


def _squeeze(op: Operation, value: Value, given: Value | None = None) -> Any:
    axes = axes_given(op, given, rank_of(value))
    axes = [k for k, size in enumerate(value.shape) if size == 1] if axes is None else axes
    if value.is_constant:
        return constant(np.squeeze(value.known, tuple(axes)))
    index = tuple(0 if k in axes else (None, None) for k in range(rank_of(value)))
    shape = tuple(size for k, size in enumerate(value.shape) if k not in axes)
    if getattr(value.node.op, "primitive", None) is item and axes == [0] and len(value.shape) > 0:
        return item(value.node, index=index[:1])
    return reshaped(value.node, shape)


def _unsqueeze(op: Operation, value: Value, given: Value | None = None) -> Any:
    listed = op.get("axes") if given is None else wholes_of(given)
    rank = rank_of(value) + len(listed or [])
    axes = [axis_of(axis, rank) for axis in listed or []]
    if value.is_constant:
        return constant(np.expand_dims(value.known, tuple(axes)))
    sizes = iter(value.shape)
    return reshaped(value.node, tuple(1 if k in axes else next(sizes) for k in range(rank)))


def _transpose(op: Operation, value: Value) -> Any:
    axes = op.get("perm") or list(range(rank_of(value)))[::-1]
    return constant(np.transpose(value.known, axes)) if value.is_constant else ordered(value.node, axes)


def _concat(op: Operation, *values: Value) -> Any:
    axis = int(op.get("axis", 0))
    if all(value.is_constant for value in values):
        return constant(np.concatenate([value.known for value in values], axis))
    parts = [value.node for value in values if value.shape[axis] != 0]
    return (
        concatenate(*parts, axis=axis_of(axis, rank_of(values[0])) - rank_of(values[0])) if len(parts) > 1 else parts[0]
    )


def _split(op: Operation, value: Value, given: Value | None = None) -> tuple[Any, ...]:
    axis = axis_of(int(op.get("axis", 0)), rank_of(value))
    size = value.shape[axis]
    if given is not None:
        each = wholes_of(given)
    else:
        count = int(op.get("num_outputs", op.results))
        if not isinstance(size, int) or not 0 < count <= max(size, 1):
            raise NoRule(f"an axis of size {size} cannot be split into {count} parts")
        step = -(-size // count)
        each = [min(step, size - k * step) for k in range(count)]
    ends = np.cumsum([0, *each]).tolist()
    if value.is_constant:
        return tuple(constant(part) for part in np.split(value.known, ends[1:-1], axis))
    lead = ((None, None),) * axis
    return tuple(item(value.node, index=(*lead, (start, stop))) for start, stop in pairwise(ends))


def _slice(
    op: Operation, value: Value, starts: Value, ends: Value, axes: Value | None = None, steps: Value | None = None
) -> Any:
    rank = rank_of(value)
    along = list(range(len(sizes_of(starts)))) if axes is None else [axis_of(k, rank) for k in wholes_of(axes)]
    by = [1] * len(along) if steps is None else wholes_of(steps)
    index: list[Any] = [(None, None)] * rank
    for axis, start, end, step in zip(along, sizes_of(starts), sizes_of(ends), by, strict=True):
        index[axis] = _part(value.shape[axis], start, end, step)
    if value.is_constant:
        return constant(value.known[tuple(slice(*part) for part in index)])
    while index and index[-1] == (None, None):
        index.pop()
    return item(value.node, index=tuple(index)) if index else value


def _part(size: Any, start: Any, end: Any, step: int) -> tuple[Any, ...]:
    """A slice of an axis, with whole axes as (None, None)."""
    if step == 0:
        raise NoRule("a slice in steps of 0 has no meaning")
    if all(isinstance(each, int) for each in (size, start, end)):
        first, last, _ = slice(start, end, step).indices(size)
        if (first, last, step) == (0, size, 1):
            return (None, None)
        if step == 1:
            return (first, max(first, last))
        return (first, None if last < 0 else last, step)
    whole_end = end == size or (isinstance(end, int) and end >= LONG)
    if step == 1 and start == 0 and whole_end:
        return (None, None)
    if step == -1 and isinstance(end, int) and end < -LONG // 2:
        return (None, None, -1)
    return (start, None if whole_end else end) if step == 1 else (start, None if whole_end else end, step)


def _expand(op: Operation, value: Value, wanted: Value) -> Any:
    sizes = tuple(sizes_of(wanted))
    if value.is_constant and all(isinstance(size, int) for size in sizes):
        return constant(np.broadcast_to(value.known, np.broadcast_shapes(value.known.shape, sizes)))
    shape = broadcast(value.shape, sizes)
    if shape is None:
        raise NoRule(f"a value of shape {value.shape} cannot be expanded to {sizes}")
    return value if shape == value.shape else broadcast_to(value.node, shape=shape)


def _tile(op: Operation, value: Value, counts: Value) -> Any:
    tiles = wholes_of(counts)
    shape = tuple(size * tile for size, tile in zip(value.shape, tiles, strict=True))
    if value.is_constant:
        bounded(shape)
        return constant(np.tile(value.known, tiles))
    return tiled(shape, value.node, tiles)


def _pad(op: Operation, value: Value, pads: Value, fill: Value | None = None, axes: Value | None = None) -> Node:
    rank = rank_of(value)
    along = list(range(rank)) if axes is None else [axis_of(k, rank) for k in wholes_of(axes)]
    given = wholes_of(pads)
    before, after = [0] * rank, [0] * rank
    for k, axis in enumerate(along):
        before[axis], after[axis] = given[k], given[k + len(along)]
    bounded(
        [max(a + b, 0) + (n if isinstance(n, int) else 0) for n, a, b in zip(value.shape, before, after, strict=True)]
    )
    first = next((k for k in range(rank) if before[k] or after[k]), rank)
    widths = list(zip(before[first:], after[first:], strict=True))
    mode = op.get("mode", b"constant").decode()
    number = 0.0 if fill is None or mode != "constant" else float(fill.known.ravel()[0])
    return padded(value.node, widths, mode, number)


def _shape(op: Operation, value: Value) -> Value:
    rank = rank_of(value)
    start, end, _ = slice(op.get("start", 0), op.get("end")).indices(rank)
    return constant(_sizes(value.shape[start:end]))


def _sizes(shape: Sequence[Any]) -> NumpyArray:
    """Sizes as an array of whole numbers, or of symbols."""
    result = np.empty(len(shape), dtype=object)
    result[:] = [size if isinstance(size, int) else sp.sympify(size) for size in shape]
    return result if len(shape) else np.empty(0, dtype=np.int64)


def _constant_of_shape(op: Operation, wanted: Value) -> Any:
    fill = np.asarray(op.get("value", np.zeros(1, np.float32))).ravel()[0]
    sizes = sizes_of(wanted)
    if all(isinstance(size, int) for size in sizes):
        if any(int(size) < 0 for size in sizes):
            raise NoRule(f"a shape has no negative sizes, got {sizes}")
        return constant(np.broadcast_to(fill, [int(size) for size in sizes]))
    return Value(constant(fill).kind, broadcast_to(as_node(fill.item()), shape=tuple(sizes)))


def _range(op: Operation, start: Value, end: Value, step: Value) -> Value:
    first, last, by = (each.known.ravel()[0] for each in (start, end, step))
    if not all(isinstance(each, (int, float, np.number)) for each in (first, last, by)):
        raise NoRule("a range of unknown length has no rule")
    if by == 0 or abs((last - first) / by) > 2**26:
        raise NoRule(f"the range from {first} to {last} in steps of {by} has no or too many entries")
    return constant(np.arange(first, last, by))


def _triangle(op: Operation, value: Value, diagonal: Value | None = None) -> Any:
    upper = bool(op.get("upper", 1))
    place = 0 if diagonal is None else wholes_of(diagonal)[0]
    if value.is_constant:
        return constant((np.triu if upper else np.tril)(value.known, place))
    return triangle(value.node, place, upper)


def _cumulative(op: Operation, value: Value, axis: Value) -> Node:
    if op.get("exclusive", 0):
        raise NoRule("an exclusive CumSum has no rule")
    along = axis_of(wholes_of(axis)[0], rank_of(value)) - rank_of(value)
    return cumulative_sum(value.node, axis=along, backward=bool(op.get("reverse", 0)))


def _depth_to_space(op: Operation, value: Value) -> Node:
    samples, channels, height, width = value.shape
    step, mode = int(op.get("blocksize", 1)), op.get("mode", b"DCR").decode()
    small = channels // (step * step)
    parts = (
        (samples, step, step, small, height, width) if mode == "DCR" else (samples, small, step, step, height, width)
    )
    axes = (0, 3, 4, 1, 5, 2) if mode == "DCR" else (0, 1, 4, 2, 5, 3)
    return reshape(ordered(reshape(value.node, shape=parts), axes), shape=(samples, small, height * step, width * step))


ARRANGEMENT: dict[str, Row] = {
    "Reshape": _reshape, "Flatten": _flatten, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze, "Transpose": _transpose,
    "Concat": _concat, "Split": _split, "Slice": _slice, "Expand": _expand, "Tile": _tile, "Pad": _pad,
    "Shape": _shape, "Size": lambda op, value: constant(_sizes([total(value.shape)]).reshape(())),
    "ConstantOfShape": _constant_of_shape, "Range": _range, "Trilu": _triangle,
    "CumSum": _cumulative, "DepthToSpace": _depth_to_space,
}  # fmt: skip
