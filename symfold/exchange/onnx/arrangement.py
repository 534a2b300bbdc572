"""Shapes, axes, indexing and concatenation in ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import sympy as sp

from symfold.core.nodes import Node
from symfold.core.shapes import Shape, Size
from symfold.errors import NoRule
from symfold.exchange.onnx.graph import LAST, Graph, check_rank


def rank_of(node: Node) -> int:
    check_rank(node.shape)
    return len(node.shape)


def transposed(graph: Graph, value: str, axes: Sequence[int]) -> str:
    return graph.emit("Transpose", value, perm=[axis % len(axes) for axis in axes])


def total_of(sizes: Sequence[Size]) -> Size:
    """The product of some sizes."""
    total: Any = reduce(lambda a, b: a * b, sizes, 1)
    return int(total) if not isinstance(total, sp.Expr) or total.is_Integer else total


def whole_index(shape: Shape, index: Sequence[object]) -> list[Any]:
    """An index with one entry per axis: a whole number, or the ends of a slice."""
    check_rank(shape)
    ellipsis = list(index).index(...) if ... in index else len(index)
    explicit = len(index) - (... in index)
    return [*index[:ellipsis], *[(None, None)] * (len(shape) - explicit), *index[ellipsis + 1 :]]


def indexed(graph: Graph, node: Node, names: Sequence[str], index: Sequence[object]) -> str:
    """Entries at whole numbers and slices."""
    starts: list[Size] = []
    ends: list[Size] = []
    axes, steps, squeezed = [], [], []
    for axis, part in enumerate(whole_index(node.args[0].shape, index)):
        if isinstance(part, int):
            squeezed.append(axis)
            part = (part, part + 1 if part != -1 else None)
        start, end, step = (*part, None, None)[:3]
        if (start, end, step) == (None, None, None):
            continue
        forward = step is None or step > 0
        starts.append((0 if forward else LAST) if start is None else start)
        ends.append((LAST if forward else -LAST) if end is None else end)
        axes.append(axis)
        steps.append(1 if step is None else step)
    value = names[0]
    if axes:
        value = graph.emit(
            "Slice",
            value,
            graph.shape(tuple(starts)),
            graph.shape(tuple(ends)),
            graph.integers(axes),
            graph.integers(steps),
        )
    return graph.emit("Squeeze", value, graph.integers(squeezed)) if squeezed else value


def put(graph: Graph, node: Node, names: Sequence[str], index: Sequence[object]) -> str:
    """Zeros with a value at an index: the value, padded."""
    before, after, squeezed = [], [], []
    for axis, (size, part) in enumerate(zip(node.args[1].shape, whole_index(node.args[1].shape, index), strict=True)):
        if isinstance(part, int):
            squeezed.append(axis)
            part = (part, part + 1) if part >= 0 else (size + part, size + part + 1)
        if len(part) > 2 and part[2] not in (None, 1):
            raise NoRule(
                f"values put {part[2]} places apart cannot be written for ONNX "
                "(export the net itself, not its gradient)"
            )
        start, end = (0 if part[0] is None else part[0]), (size if part[1] is None else part[1])
        before.append(start + size if isinstance(start, int) and start < 0 else start)
        after.append(-end if isinstance(end, int) and end < 0 else size - end)
    value = graph.emit("Unsqueeze", names[0], graph.integers(squeezed)) if squeezed else names[0]
    return padded(graph, value, before, after)


def padded(graph: Graph, value: str, before: Sequence[Size], after: Sequence[Size], fill: float = 0.0) -> str:
    return graph.emit("Pad", value, graph.shape((*before, *after)), graph.constant(fill), mode="constant")


def sum_to(graph: Graph, node: Node, names: Sequence[str], shape: Shape) -> str:
    """The sum over the axes that broadcasting added or expanded."""
    before = node.args[0].shape
    check_rank(before)
    extra = len(before) - len(shape)
    axes = [*range(extra), *(extra + k for k, size in enumerate(shape) if size == 1 and before[extra + k] != 1)]
    total = graph.emit("ReduceSum", names[0], graph.integers(axes), keepdims=1) if axes else names[0]
    return graph.emit("Squeeze", total, graph.integers(range(extra))) if extra else total


def concatenate(graph: Graph, node: Node, names: Sequence[str], axis: int) -> str:
    return graph.emit("Concat", *names, axis=axis % rank_of(node))


def stack(graph: Graph, node: Node, names: Sequence[str]) -> str:
    check_rank(node.shape)
    return graph.emit("Concat", *(graph.emit("Unsqueeze", name, graph.integers([0])) for name in names), axis=0)
