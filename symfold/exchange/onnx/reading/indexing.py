"""ONNX's operations on entries at positions as nodes, one row each."""

from __future__ import annotations

from typing import Any

import numpy as np

from symfold.core.nodes import Node
from symfold.core.primitives import embed, item, one_hot
from symfold.errors import NoRule
from symfold.exchange.onnx.reading.arrangement import axis_of, rank_of
from symfold.exchange.onnx.reading.elementwise import Operation, Row
from symfold.exchange.onnx.reading.values import Value, constant, wholes_of
from symfold.exchange.reading.arrangement import ordered
from symfold.exchange.reading.indexing import (
    entries_in_order,
    from_start,
    gather,
    index_put,
    index_select,
    indexed,
    scatter,
)


def _gather(op: Operation, value: Value, positions: Value) -> Any:
    axis = axis_of(int(op.get("axis", 0)), rank_of(value))
    if value.is_constant and positions.is_constant:
        return constant(np.take(value.known, positions.known.astype(np.int64), axis))
    size = value.shape[axis]
    if positions.array is not None and positions.array.ndim == 0:
        place = int(positions.array)
        index = (*((None, None),) * axis, place % size if isinstance(size, int) else place)
        return item(value.node, index=index)
    if not isinstance(size, int):
        raise NoRule("rows of an axis of unknown size have no rule")
    return (
        index_select(value.node, axis, positions.node) if axis else embed(value.node, from_start(positions.node, size))
    )


def _gather_elements(op: Operation, value: Value, positions: Value) -> Node:
    axis = axis_of(int(op.get("axis", 0)), rank_of(value))
    return gather(value.node, axis, from_start(positions.node, int(value.shape[axis])))


def _gather_nd(op: Operation, value: Value, positions: Value) -> Node:
    if op.get("batch_dims", 0):
        raise NoRule("GatherND with batch_dims has no rule")
    depth = int(positions.shape[-1])
    parts = [item(positions.node, index=(..., k)) for k in range(depth)]
    return indexed(value.node, parts)


def _scatter_nd(op: Operation, value: Value, positions: Value, updates: Value) -> Node:
    reduction = op.get("reduction", b"none").decode()
    if reduction not in ("none", "add"):
        raise NoRule(f"ScatterND with reduction={reduction!r} has no rule")
    depth = int(positions.shape[-1])
    parts = [item(positions.node, index=(..., k)) for k in range(depth)]
    return index_put(value.node, parts, updates.node, reduction == "add")


def _scatter_elements(op: Operation, value: Value, positions: Value, updates: Value) -> Node:
    reduction = op.get("reduction", b"none").decode()
    if reduction not in ("none", "add"):
        raise NoRule(f"ScatterElements with reduction={reduction!r} has no rule")
    axis = axis_of(int(op.get("axis", 0)), rank_of(value))
    places = from_start(positions.node, int(value.shape[axis]))
    return scatter(value.node, axis, places, updates.node, reduction == "add")


def _one_hot(op: Operation, labels: Value, depth: Value, values: Value) -> Node:
    off, on = values.known.ravel().tolist()
    rank = rank_of(labels)
    axis = int(op.get("axis", -1)) % (rank + 1)
    count = wholes_of(depth)[0]
    marks = one_hot(from_start(labels.node, count), count=count)
    order = list(range(rank))
    order.insert(axis, rank)
    moved = ordered(marks, order)
    return moved if (off, on) == (0, 1) else moved * (on - off) + off


def _top_k(op: Operation, value: Value, count: Value) -> tuple[Any, ...]:
    entries, places = entries_in_order(
        value.node, int(op.get("axis", -1)), bool(op.get("largest", 1)), wholes_of(count)[0]
    )
    return entries, Value("whole", places)


def _nonzero(op: Operation, value: Value) -> Value:
    return constant(np.array(np.nonzero(value.known)))


INDEXING: dict[str, Row] = {
    "Gather": _gather, "GatherElements": _gather_elements, "GatherND": _gather_nd, "ScatterND": _scatter_nd,
    "ScatterElements": _scatter_elements, "OneHot": _one_hot, "TopK": _top_k, "NonZero": _nonzero,
}  # fmt: skip
