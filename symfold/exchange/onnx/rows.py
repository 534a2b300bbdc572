"""Primitives in ONNX, one row each: a function of the graph, the node and its arguments' names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symfold.core import primitives as p
from symfold.core.nodes import Node
from symfold.core.primitives import Apply, Primitive
from symfold.core.sequences import add_rows, reverse_row, stack_row, take_row
from symfold.core.shapes import is_concrete, show
from symfold.errors import NoRule
from symfold.exchange.onnx.arrangement import concatenate, indexed, put, rank_of, stack, sum_to, transposed
from symfold.exchange.onnx.elementwise import HEADS, plain
from symfold.exchange.onnx.graph import LAST, Graph
from symfold.exchange.onnx.images import (
    convolution,
    layer_norm,
    max_pool,
    mean_pool,
    means_the_same,
    transposed_convolution,
)
from symfold.exchange.onnx.reductions import at_max, causal, reduced, scattered, share, softmax, whole_numbers
from symfold.exchange.onnx.windows import add_windows, windows


def no_numbers(graph: Graph, node: Node[Apply], names: Sequence[str], **attributes: object) -> Any:
    """Raise the primitive's own error: it has no numbers."""
    return node.op.evaluate(*names)


def no_free_sizes(graph: Graph, node: Node[Apply], names: Sequence[str], rate: float) -> Any:
    """Raise an error: each entry of a mask is computed from its position."""
    raise NoRule(
        f"a random mask of shape {show(node.shape)} has no ONNX operation "
        "(export the net as written, in which dropout is the identity; or give every size a number)"
    )


ROWS: dict[Primitive, Callable[..., Any]] = {
    p.reshape: lambda g, n, a, shape: g.emit("Reshape", a[0], g.shape(n.shape)),
    p.expand: lambda g, n, a, axis: g.emit("Unsqueeze", a[0], g.integers([axis])),
    p.squeeze: lambda g, n, a, axis: g.emit("Squeeze", a[0], g.integers([axis])),
    p.concatenate: concatenate,
    p.item: indexed,
    p.put: put,
    p.sum_to: sum_to,
    p.sum_like: lambda g, n, a: sum_to(g, n, a, n.shape),
    p.broadcast_to: lambda g, n, a, shape: g.spread(a[0], n.args[0].shape, n.shape),
    p.broadcast_like: lambda g, n, a: g.spread(a[0], n.args[0].shape, n.shape),
    p.alike: lambda g, n, a: a[0],
    p.single: lambda g, n, a: a[0],
    p.stopped: lambda g, n, a: a[0],
    p.dot: plain("MatMul"),
    p.swap: lambda g, n, a: transposed(g, a[0], [*range(rank_of(n) - 2), -1, -2]) if rank_of(n) > 1 else a[0],
    p.permute: lambda g, n, a, axes: transposed(g, a[0], axes),
    p.einsum: lambda g, n, a, subscripts: g.emit("Einsum", *a, equation=subscripts),
    p.embed: lambda g, n, a: g.emit("Gather", a[0], whole_numbers(g, a[1])),
    p.add_embedded: lambda g, n, a: scattered(g, n.shape, whole_numbers(g, a[2]), a[0]),
    p.windows: windows,
    p.add_windows: add_windows,
    p.reduce_sum: reduced("ReduceSum"),
    p.reduce_mean: reduced("ReduceMean"),
    p.reduce_max: reduced("ReduceMax"),
    p.first_max: reduced("ReduceMax"),
    p.logsumexp: reduced("ReduceLogSumExp"),
    p.share: share,
    p.cumulative_sum: lambda g, n, a, axis, backward: g.emit(
        "CumSum", a[0], g.constant(axis, np.int64), reverse=int(backward)
    ),
    p.convolution: convolution,
    p.transposed_convolution: transposed_convolution,
    p.max_pool: max_pool,
    p.mean_pool: mean_pool,
    p.layer_norm: layer_norm,
    p.softmax: softmax,
    p.at_max: at_max,
    p.causal: causal,
    p.random_mask: no_free_sizes,
    p.opaque: no_numbers,
    p.directional: no_numbers,
    stack_row: stack,
    take_row: lambda g, n, a, positions: g.emit("Gather", a[0], g.integers(list(positions))),
    add_rows: lambda g, n, a, positions: scattered(g, n.shape, g.integers(list(positions)), a[0]),
    reverse_row: lambda g, n, a: g.emit(
        "Slice", a[0], g.integers([-1]), g.integers([-LAST]), g.integers([0]), g.integers([-1])
    ),
}


def keeps(dtype: str) -> Callable[[Node[Apply]], bool]:
    """Whether to write a primitive by its row instead of its body."""

    def kept(node: Node[Apply]) -> bool:
        if node.op.primitive.sized:  # its body needs the sizes
            return not is_concrete(node.shape)
        return node.op.primitive in ROWS and means_the_same(node, dtype)

    return kept


def write_operation(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """Write the operation of a node to the graph; return the name of its result."""
    op = node.op
    if isinstance(op, type):
        if op not in HEADS:
            supported = ", ".join(sorted(head.__name__ for head in HEADS))
            raise NoRule(f"no ONNX operation for {op.__name__} (those with one: {supported})")
        return HEADS[op](graph, node, names)
    assert isinstance(op, Apply)
    if op.primitive not in ROWS:
        supported = ", ".join(sorted(row.name for row in ROWS))
        raise NoRule(f"no ONNX operation for the primitive {op.primitive.name!r} (those with one: {supported})")
    return ROWS[op.primitive](graph, node, names, **dict(op.attributes))
