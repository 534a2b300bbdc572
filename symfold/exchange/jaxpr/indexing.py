"""JAX's reads and writes at positions as nodes, one row each.

At known positions, JAX itself says which entries are meant: the operation runs on the numbers of the entries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives import add_embedded, broadcast_to, embed, item
from symfold.core.shapes import Shape
from symfold.errors import NoRule
from symfold.exchange.jaxpr.values import Value
from symfold.exchange.reading.arrangement import ordered, reshaped
from symfold.exchange.reading.functions import apply, choose

# an operation of JAX with its parameters, as a function of arrays
Run = Callable[..., Any]


def _gather(run: Run, values: list[Value], shape: Shape, **given: Any) -> Node:
    """Entries or whole rows at positions along some axes."""
    table, positions = values
    a = table.full
    if positions.known is not None and a.shape:
        read = np.asarray(run(np.arange(prod(a.shape), dtype=np.int32).reshape(a.shape), positions.known))
        part = _one_part(read, a.shape)
        flat = reshaped(a, (prod(a.shape),))
        return embed(flat, as_node(read)) if part is None else reshaped(item(a, index=part), shape)
    numbers, sizes = given["dimension_numbers"], given["slice_sizes"]
    batch = tuple(numbers.operand_batching_dims)
    indexed = tuple(numbers.start_index_map)
    kept = [k for k in range(len(a.shape)) if k not in numbers.collapsed_slice_dims and k not in batch]
    if set(indexed) != set(numbers.collapsed_slice_dims) or any(sizes[k] != a.shape[k] for k in kept):
        raise NoRule("a gather of slices at computed positions has no rule, except of whole rows")
    front = [*batch, *indexed]
    rows = reshaped(ordered(a, [*front, *kept]), (prod(a.shape[k] for k in front), *(a.shape[k] for k in kept)))
    strides = {k: prod(a.shape[j] for j in front[place + 1 :]) for place, k in enumerate(front)}
    places: Any = 0
    index, lead = positions.full, positions.shape[:-1]
    for place, k in enumerate(indexed):
        along = item(index, index=(..., place))
        places = places + (along if strides[k] == 1 else along * strides[k])
    for k, axis in zip(batch, numbers.start_indices_batching_dims, strict=True):
        count = np.arange(a.shape[k]).reshape([a.shape[k] if j == axis else 1 for j in range(len(lead))])
        places = places + as_node(count * strides[k])
    if not indexed:
        raise NoRule("a gather without positions has no rule")
    result = embed(rows, places if places.shape == lead else broadcast_to(places, shape=lead))
    offset = list(numbers.offset_dims)
    order = [k for k in range(len(shape)) if k not in offset] + offset  # where each axis of the result stands
    return ordered(result, [order.index(k) for k in range(len(shape))])


def _one_part(array: NumpyArray, shape: Shape) -> tuple[Any, ...] | None:
    """The index of a rectangular part of a value that is read in order, from the numbers of its entries."""
    if not array.size or array.min() < 0:
        return None
    along = np.unravel_index(array.ravel(), shape)
    first, last = [int(k.min()) for k in along], [int(k.max()) for k in along]
    part = tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))
    if not np.array_equal(np.arange(prod(shape)).reshape(shape)[part].ravel(), array.ravel()):
        return None
    index: list[Any] = [
        (None, None) if (a, b) == (0, size - 1) else a if a == b else (a, b + 1)
        for a, b, size in zip(first, last, shape, strict=True)
    ]
    while index and index[-1] == (None, None):
        index.pop()
    return tuple(index)


def _scatter(add: bool) -> Callable[..., Node]:
    """Values put or added at known positions."""

    def row(run: Run, values: list[Value], shape: Shape, **given: Any) -> Node:
        table, positions, updates = values
        if positions.known is None:
            raise NoRule("a scatter to computed positions has no rule")
        count = prod(updates.shape)
        dtype = np.dtype(table.dtype)
        ids = np.arange(1, count + 1).astype(dtype).reshape(updates.shape)
        nothing = np.zeros(shape, dtype)
        put = np.asarray(run(nothing, positions.known, ids)).astype(int)
        hits = np.asarray(run(nothing, positions.known, np.ones(updates.shape, dtype)))
        if add and (hits.max(initial=0) > 1 or count >= 2**24):
            raise NoRule("a scatter that adds several values to one entry has no rule")
        source = reshaped(updates.full, (count,))
        entries = embed(source, as_node(np.maximum(put - 1, 0)))
        return choose(as_node(put > 0), table.full + entries if add else entries, table.full)

    return row


def _dynamic_slice(run: Run, values: list[Value], shape: Shape, slice_sizes: Sequence[int], **given: Any) -> Node:
    """A part whose start is known, or computed along one axis."""
    table, *starts = values
    a = table.full
    bounded = [
        None if s.known is None else min(max(int(np.asarray(s.known)), 0), n - size)
        for s, n, size in zip(starts, a.shape, slice_sizes, strict=True)
    ]
    computed = [k for k, start in enumerate(bounded) if start is None and slice_sizes[k] < a.shape[k]]
    if len(computed) > 1:
        raise NoRule("a slice from computed positions along several axes has no rule")
    index = [
        (None, None) if start is None or size == n else (start, start + size)
        for start, n, size in zip(bounded, a.shape, slice_sizes, strict=True)
    ]
    part = item(a, index=tuple(index)) if any(each != (None, None) for each in index) else a
    if not computed:
        return part
    (axis,) = computed
    size = slice_sizes[axis]
    start = apply(functions.clip, starts[axis].loose, 0, a.shape[axis] - size)
    order = [axis, *(k for k in range(len(shape)) if k != axis)]
    rows = embed(ordered(part, order), start + as_node(np.arange(size)))
    return ordered(rows, [order.index(k) for k in range(len(shape))])


def _dynamic_update(run: Run, values: list[Value], shape: Shape, **given: Any) -> Node:
    """A value with a part replaced, whose start is known, or computed along one axis."""
    table, update, *starts = values
    placed, everywhere = update.full, as_node(1)
    mask = everywhere
    for axis, (start, size, n) in enumerate(zip(starts, update.shape, shape, strict=True)):
        if size == n:
            continue
        first = apply(functions.clip, start.loose, 0, n - size)
        order = [axis, *(k for k in range(len(shape)) if k != axis)]
        moved = ordered(placed, order)
        zeros = broadcast_to(number(0), shape=(n, *moved.shape[1:]))
        rows = add_embedded(moved, zeros, first + as_node(np.arange(size)))
        placed = ordered(rows, [order.index(k) for k in range(len(shape))])
        numbers = as_node(np.arange(n).reshape([n if k == axis else 1 for k in range(len(shape))]))
        inside = apply(
            functions.logical_and,
            apply(functions.greater_equal, numbers, first),
            apply(functions.less, numbers, first + size),
        )
        mask = inside if mask == everywhere else apply(functions.logical_and, mask, inside)
    return placed if mask == everywhere else choose(mask, placed, table.full)


INDEXING: dict[str, Callable[..., Node]] = {
    "gather": _gather,
    "scatter": _scatter(add=False),
    "scatter-add": _scatter(add=True),
    "scatter_add": _scatter(add=True),
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update,
}
