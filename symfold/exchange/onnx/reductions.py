"""Reductions and masks in ONNX, and rows added up where they were taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symfold.core.nodes import Node
from symfold.core.primitives import Apply
from symfold.core.primitives import causal as causal_mask
from symfold.core.shapes import Shape
from symfold.exchange.onnx.arrangement import rank_of, total_of, transposed
from symfold.exchange.onnx.elementwise import Row, where
from symfold.exchange.onnx.graph import Graph, check_rank


def reduced(kind: str) -> Row:
    """A reduction over some axes, or all."""

    def row(graph: Graph, node: Node, names: Sequence[str], axis: Any, keepdims: bool) -> str:
        axes = [graph.integers([axis] if isinstance(axis, int) else axis)] if axis is not None else []
        return graph.emit(kind, names[0], *axes, keepdims=int(keepdims)) if node.args[0].shape != () else names[0]

    return row


def share(graph: Graph, node: Node, names: Sequence[str], axis: Any) -> str:
    """One over the number of entries that a reduction joins."""
    shape = node.args[0].shape
    check_rank(shape)
    joined = total_of([shape[one] for one in (range(len(shape)) if axis is None else axis)])
    counted = graph.emit("Cast", graph.emit("Squeeze", graph.size(joined)), to=graph.type)
    return graph.constant(1.0 / joined) if isinstance(joined, int) else graph.emit("Reciprocal", counted)


def softmax(graph: Graph, node: Node, names: Sequence[str], axis: Sequence[int]) -> str:
    if len(axis) == 1:
        return graph.emit("Softmax", names[0], axis=axis[0])
    powers = graph.emit(
        "Exp", graph.emit("Sub", names[0], graph.emit("ReduceMax", names[0], graph.integers(axis), keepdims=1))
    )
    return graph.emit("Div", powers, graph.emit("ReduceSum", powers, graph.integers(axis), keepdims=1))


def at_max(graph: Graph, node: Node, names: Sequence[str], axis: Sequence[int] | None) -> str:
    """1 at the first largest entry along the axes, 0 elsewhere."""
    rank = rank_of(node)
    last = list(range(rank) if axis is None else [one % rank for one in axis])
    order = [*(k for k in range(rank) if k not in last), *last]
    kept, joined = [node.shape[k] for k in order[: rank - len(last)]], total_of([node.shape[k] for k in last])
    moved = transposed(graph, names[0], order)
    flat = graph.emit("Reshape", moved, graph.shape((*kept, joined)))
    numbers = graph.emit(
        "Range", graph.constant(0, np.int64), graph.emit("Squeeze", graph.size(joined)), graph.constant(1, np.int64)
    )
    marks = graph.emit(
        "Cast", graph.emit("Equal", numbers, graph.emit("ArgMax", flat, axis=-1, keepdims=1)), to=graph.type
    )
    return transposed(
        graph,
        graph.emit("Reshape", marks, graph.shape(tuple(node.shape[k] for k in order))),
        np.argsort(order).tolist(),
    )


def causal(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """Minus infinity after the diagonal, 0 up to it."""
    rows, columns = node.shape
    if isinstance(rows, int) and isinstance(columns, int):
        return graph.constant(Apply(causal_mask).evaluate(np.empty((rows, columns))))
    after = graph.emit(
        "Trilu",
        graph.emit("Expand", graph.constant(1.0), graph.shape(node.shape)),
        graph.constant(1, np.int64),
        upper=1,
    )
    return where(graph, after, graph.constant(-np.inf), graph.constant(0.0))


def whole_numbers(graph: Graph, name: str) -> str:
    return graph.emit("Cast", name, to=graph.onnx.TensorProto.INT64)


def scattered(graph: Graph, shape: Shape, at: str, rows: str) -> str:
    """Rows added up at their places in zeros of this shape."""
    zeros = graph.emit("Expand", graph.constant(0.0), graph.shape(shape))
    return graph.emit("ScatterND", zeros, graph.emit("Unsqueeze", at, graph.integers([-1])), rows, reduction="add")
