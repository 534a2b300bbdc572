"""Entries at positions: gather, index, scatter, sorting.

Positions are numbers of the entries of a flattened value, so that each of these is a lookup of rows, or its adjoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.leaves import Constant, number
from symfold.core.nodes import Node
from symfold.core.primitives import (
    add_embedded,
    argsort,
    broadcast_to,
    embed,
    is_primitive,
    item,
    reshape,
)
from symfold.core.shapes import Shape, Size, broadcast
from symfold.exchange.reading.arrangement import ordered
from symfold.exchange.reading.checks import covered
from symfold.exchange.reading.creation import positions as counted
from symfold.exchange.reading.functions import apply, choose


def array_of_constant(node: object) -> Any:
    """The numbers of a constant; None for any other node."""
    plain = node.op.plain if isinstance(node, Node) and isinstance(node.op, Constant) else None
    return None if plain is None else np.asarray(plain)


def from_start(positions: Node, size: int) -> Node:
    """Positions counted from the start; negative ones are counted from the end."""
    array = array_of_constant(positions)
    if array is not None and (isinstance(size, int) or (array >= 0).all()):
        return as_node(np.where(array < 0, array + size, array).astype(np.int64) if (array < 0).any() else array)
    if counted_up(positions) is not None:
        return positions
    return choose(apply(functions.less, positions, 0), positions + number(size), positions)


def counted_up(positions: Node) -> Size | None:
    """How many positions there are, if they are the whole numbers from 0 on along the only axis longer than 1."""
    sizes = [size for size in positions.shape if size != 1]
    while is_primitive(positions, reshape, broadcast_to):
        (positions,) = positions.args
    return sizes[0] if len(sizes) == 1 and positions == counted(sizes[0]) else None


def flat_places(positions: Node, shape: Shape, axis: int) -> Node:
    """The numbers of entries in a flattened value of a shape, from their positions along an axis.

    The other axes of the positions count along those of the value.
    """
    strides = [prod(shape[k + 1 :]) for k in range(len(shape))]
    offsets: Any = np.zeros((1,) * len(shape))
    others: list[Node] = []  # offsets along axes of unknown size
    for k, size in enumerate(positions.shape):
        tall = tuple(size if j == k else 1 for j in range(len(shape)))
        if k != axis and isinstance(size, int) and isinstance(strides[k], int):
            offsets = offsets + np.arange(size).reshape(tall) * strides[k]
        elif k != axis:
            others.append(reshape(counted(size), shape=tall) * number(strides[k]))
    array = array_of_constant(positions)
    if array is not None and isinstance(strides[axis], int) and not others:
        return as_node((array * strides[axis] + offsets).astype(np.int64))
    places = positions if strides[axis] == 1 else positions * number(strides[axis])
    for along in others:
        places = places + along
    return places + as_node(offsets) if offsets.any() else places


def add_at_places(values: Node, places: Node, shape: Shape) -> Node:
    """Zeros of a shape with values added at the numbers of their entries."""
    table = broadcast_to(number(0), shape=(prod(shape),))
    return reshape(add_embedded(values, table, places), shape=shape)


def gather(a: Node, axis: int, positions: Node) -> Node:
    """The entries at some positions along an axis, which may differ along the others."""
    axis %= max(len(a.shape), 1)
    if not a.shape:
        return broadcast_to(a, shape=positions.shape) if positions.shape else a
    return embed(reshape(a, shape=(prod(a.shape),)), flat_places(positions, a.shape, axis))


def index_select(a: Node, axis: int, positions: Node) -> Node:
    """The same entries along an axis everywhere."""
    axis %= len(a.shape)
    order = [axis, *(k for k in range(len(a.shape)) if k != axis)]
    moved = ordered(a, order)
    rows = embed(moved, from_start(positions, a.shape[axis]))
    return ordered(rows, [order.index(k) for k in range(len(a.shape))])


def indexed(a: Node, indices: Sequence[Node | None]) -> Node:
    """Entries at arrays of positions along some axes, as NumPy's indexing has them."""
    axes, front, order = _indexed_axes(a.shape, indices)
    places = _places(a.shape, indices, axes)
    rest = [k for k in range(len(a.shape)) if k not in axes]
    moved = ordered(a, order)
    table = (
        reshape(moved, shape=(prod(a.shape[k] for k in axes), *(a.shape[k] for k in rest))) if len(axes) > 1 else moved
    )
    rows = embed(table, places)
    count = len(places.shape)
    if not front or not count:
        return rows
    # the axes of the positions stand where the indexed axes stood
    back = [*range(count, count + front), *range(count), *range(count + front, len(rows.shape))]
    return ordered(rows, back)


def _indexed_axes(shape: Shape, indices: Sequence[Node | None]) -> tuple[list[int], int, list[int]]:
    """The indexed axes, how many axes stand before the result's new ones, and the order with indexed axes first."""
    axes = [k for k, index in enumerate(indices) if index is not None]
    rest = [k for k in range(len(shape)) if k not in axes]
    together = axes == list(range(axes[0], axes[0] + len(axes)))
    return axes, axes[0] if together else 0, [*axes, *rest]


def _places(shape: Shape, indices: Sequence[Node | None], axes: Sequence[int]) -> Node:
    """The numbers of rows of a value whose indexed axes are merged."""
    given = [from_start(index, shape[k]) for k, index in enumerate(indices) if index is not None]
    arrays = [array_of_constant(index) for index in given]
    strides = [prod(shape[k] for k in axes[position + 1 :]) for position in range(len(axes))]
    if all(array is not None for array in arrays) and all(isinstance(stride, int) for stride in strides):
        total: Any = sum(array * stride for array, stride in zip(arrays, strides, strict=True))
        return as_node(np.asarray(total, dtype=np.int64))
    whole = broadcast(*(index.shape for index in given))
    result: Any = 0
    for index, stride in zip(given, strides, strict=True):
        result = index * number(stride) + result if stride != 1 else index + result
    return result if result.shape == whole else broadcast_to(result, shape=whole)


def index_put(a: Node, indices: Sequence[Node | None], values: Node, accumulate: bool = False) -> Node:
    """A value with others put or added at positions."""
    axes, _, order = _indexed_axes(a.shape, indices)
    covered(order == list(range(len(a.shape))), "index_put along axes that are not the first ones")
    places = _places(a.shape, indices, axes)
    rest = a.shape[len(axes) :]
    wide = (*places.shape, *rest)
    table = (prod(a.shape[: len(axes)]), *rest)
    put = added(values if values.shape == wide else broadcast_to(values, shape=wide), places, table)
    put = put if table == a.shape else reshape(put, shape=a.shape)
    if accumulate:
        return a + put
    hits = reshape(added(broadcast_to(number(1), shape=wide), places, table), shape=a.shape)
    return choose(hits, put, a)


def added(values: Node, places: Node, shape: Shape) -> Node:
    """Zeros of a shape with rows added at their numbers."""
    return add_embedded(values, broadcast_to(number(0), shape=shape), places)


def scatter(a: Node, axis: int, positions: Node, source: object, add: bool = False) -> Node:
    """A value with others put or added at positions along an axis."""
    axis %= len(a.shape)
    places = flat_places(positions, a.shape, axis)
    values = as_node(source)
    if values.shape == ():
        values = broadcast_to(values, shape=positions.shape)
    elif values.shape != positions.shape:
        values = item(values, index=tuple((0, size) for size in positions.shape))
    put = add_at_places(values, places, a.shape)
    if add:
        return a + put
    hits = add_at_places(broadcast_to(number(1), shape=positions.shape), places, a.shape)
    return choose(hits, put, a)


# -- order


def entries_in_order(a: Node, axis: int, descending: bool, count: int | None = None) -> tuple[Node, Node]:
    """The entries in order of size along an axis, or the first of them, and their positions."""
    if not a.shape:
        return a, as_node(0)
    axis %= len(a.shape)
    order = [*(k for k in range(len(a.shape)) if k != axis), axis]
    moved = ordered(a, order)
    positions = argsort(moved, descending=descending)
    if count is not None and count < a.shape[axis]:
        positions = item(positions, index=(..., (0, count)))
    entries = gather(moved, -1, positions)
    back = [order.index(k) for k in range(len(order))]
    return ordered(entries, back), ordered(positions, back)
