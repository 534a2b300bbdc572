"""Reductions, masks and scattered rows in ONNX."""

from __future__ import annotations

from collections.abc import Sequence

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

    def row(graph: Graph, node: Node, names: Sequence[str], axis: tuple[int, ...] | None, keepdims: bool) -> str:
        axes = [graph.integers([axis] if isinstance(axis, int) else axis)] if axis is not None else []
        return graph.emit(kind, names[0], *axes, keepdims=int(keepdims)) if node.args[0].shape != () else names[0]

    return row


def share(graph: Graph, node: Node, names: Sequence[str], axis: tuple[int, ...] | None) -> str:
    """One over the number of reduced entries."""
    shape = node.args[0].shape
    check_rank(shape)
    count = total_of([shape[k] for k in (range(len(shape)) if axis is None else axis)])
    number = graph.emit("Cast", graph.emit("Squeeze", graph.size(count)), to=graph.type)
    return graph.constant(1.0 / count) if isinstance(count, int) else graph.emit("Reciprocal", number)


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
    reduced_axes = list(range(rank) if axis is None else [k % rank for k in axis])
    order = [*(k for k in range(rank) if k not in reduced_axes), *reduced_axes]
    kept = [node.shape[k] for k in order[: rank - len(reduced_axes)]]
    count = total_of([node.shape[k] for k in reduced_axes])
    moved = transposed(graph, names[0], order)
    flat = graph.emit("Reshape", moved, graph.shape((*kept, count)))
    numbers = graph.emit(
        "Range", graph.constant(0, np.int64), graph.emit("Squeeze", graph.size(count)), graph.constant(1, np.int64)
    )
    marks = graph.emit(
        "Cast", graph.emit("Equal", numbers, graph.emit("ArgMax", flat, axis=-1, keepdims=1)), to=graph.type
    )
    unflattened = graph.emit("Reshape", marks, graph.shape(tuple(node.shape[k] for k in order)))
    return transposed(graph, unflattened, np.argsort(order).tolist())


def causal(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """-inf after the diagonal, 0 up to it."""
    rows, columns = node.shape
    if isinstance(rows, int) and isinstance(columns, int):
        return graph.constant(Apply(causal_mask).evaluate(np.empty((rows, columns))))
    ones = graph.emit("Expand", graph.constant(1.0), graph.shape(node.shape))
    after = graph.emit("Trilu", ones, graph.constant(1, np.int64), upper=1)
    return where(graph, after, graph.constant(-np.inf), graph.constant(0.0))


def whole_numbers(graph: Graph, name: str) -> str:
    return graph.emit("Cast", name, to=graph.onnx.TensorProto.INT64)


def scattered(graph: Graph, shape: Shape, at: str, rows: str) -> str:
    """Rows added at their positions to zeros of this shape."""
    zeros = graph.emit("Expand", graph.constant(0.0), graph.shape(shape))
    return graph.emit("ScatterND", zeros, graph.emit("Unsqueeze", at, graph.integers([-1])), rows, reduction="add")
