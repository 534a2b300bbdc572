"""JAX's operations on shapes, axes and parts as nodes, one row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives import (
    argsort,
    broadcast_to,
    concatenate,
    item,
    put,
)
from symfold.core.shapes import Shape
from symfold.errors import NoRule
from symfold.exchange.jaxpr.values import Value
from symfold.exchange.reading.arrangement import flip, ordered, padded, reshaped, stacked, tiled
from symfold.exchange.reading.indexing import gather

Row = Callable[..., Any]  # (values, shape of the result, parameters of the equation) -> a node, or several


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


ARRANGEMENT: dict[str, Row] = {
    "reshape": _reshape, "broadcast_in_dim": _broadcast, "squeeze": _squeeze, "slice": _slice, "split": _split,
    "pad": _pad, "expand_dims": lambda values, shape, **_: reshaped(values[0].full, shape), "concatenate": _concatenate,
    "transpose": lambda values, shape, permutation: ordered(values[0].full, permutation),
    "rev": lambda values, shape, dimensions: flip(values[0].full, list(dimensions)),
    "tile": lambda values, shape, reps: tiled(shape, values[0].full, list(reps)),
    "stack": lambda values, shape, axis=0, **_: stacked(shape, [value.full for value in values], axis),
    "sort": _sort, "top_k": _top_k,
}  # fmt: skip
