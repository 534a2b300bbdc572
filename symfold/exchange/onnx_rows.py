"""How ONNX computes elementwise heads and primitives, one row each: from the graph, the node and the names of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import product
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from symfold import functions
from symfold import primitives as p
from symfold.errors import NoRule
from symfold.exchange.onnx_graph import LAST, Graph, check_rank
from symfold.functions import Head
from symfold.nodes import Node
from symfold.operations import Constant
from symfold.primitives import Primitive
from symfold.sequences import add_rows, reverse_row, stack_row, take_row
from symfold.shapes import Shape, Size, is_concrete

Row = Callable[..., str]  # (graph, node, names of the arguments, **attributes)


def plain(kind: str) -> Row:
    """An operation that ONNX has under a name of its own."""
    return lambda graph, node, names, **_: graph.emit(kind, *names)


def chain(kind: str) -> Row:
    """An operation of two that is applied to many."""
    return lambda graph, node, names: reduce(lambda a, b: graph.emit(kind, a, b), names)


def where(graph: Graph, z: str, positive: str, other: str) -> str:
    return graph.emit("Where", graph.emit("Greater", z, graph.constant(0.0)), positive, other)


def power(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """A power; the common ones by operations of their own."""
    exponent = node.args[1].op
    value = exponent.value if isinstance(exponent, Constant) else None
    if value == -1:
        return graph.emit("Reciprocal", names[0])
    if value == sp.Rational(1, 2):
        return graph.emit("Sqrt", names[0])
    if value == 2:
        return graph.emit("Mul", names[0], names[0])
    return graph.emit("Pow", *names)


def heaviside(graph: Graph, node: Node, names: Sequence[str]) -> str:
    half = names[1] if len(names) > 1 else graph.constant(0.5)
    zero = graph.emit("Equal", names[0], graph.constant(0.0))
    return graph.emit("Where", zero, half, where(graph, names[0], graph.constant(1.0), graph.constant(0.0)))


def softplus(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """max(z, 0) + log(1 + exp(-|z|)): ONNX's own overflows in some runtimes."""
    small = graph.emit("Log", graph.emit("Add", graph.constant(1.0), graph.emit("Exp", graph.emit("Neg", graph.emit("Abs", names[0])))))
    return graph.emit("Add", graph.emit("Relu", names[0]), small)


HEADS: dict[Head, Row] = {
    sp.Add: chain("Add"), sp.Mul: chain("Mul"), sp.Max: chain("Max"), sp.Min: chain("Min"), sp.Pow: power,
    sp.exp: plain("Exp"), sp.log: plain("Log"), sp.Abs: plain("Abs"), sp.sign: plain("Sign"), sp.floor: plain("Floor"), sp.ceiling: plain("Ceil"),
    sp.sin: plain("Sin"), sp.cos: plain("Cos"), sp.tan: plain("Tan"), sp.sinh: plain("Sinh"), sp.cosh: plain("Cosh"), sp.tanh: plain("Tanh"),
    sp.asin: plain("Asin"), sp.acos: plain("Acos"), sp.atan: plain("Atan"),
    sp.asinh: plain("Asinh"), sp.acosh: plain("Acosh"), sp.atanh: plain("Atanh"),
    sp.erf: plain("Erf"), sp.erfc: lambda g, n, a: g.emit("Sub", g.constant(1.0), g.emit("Erf", a[0])),
    sp.Heaviside: heaviside,
    functions.sigmoid: plain("Sigmoid"), functions.relu: plain("Relu"), functions.softplus: softplus,
    functions.step: lambda g, n, a: where(g, a[0], g.constant(1.0), g.constant(0.0)),
}  # fmt: skip


def rank_of(node: Node) -> int:
    check_rank(node.shape)
    return len(node.shape)


def transposed(graph: Graph, value: str, axes: Sequence[int]) -> str:
    return graph.emit("Transpose", value, perm=[axis % len(axes) for axis in axes])


def total_of(sizes: Sequence[Size]) -> Size:
    """The product of some sizes."""
    total: Any = reduce(lambda a, b: a * b, sizes, 1)
    return int(total) if not isinstance(total, sp.Expr) or total.is_Integer else total


def whole_index(shape: Shape, index: Sequence[Any]) -> list[Any]:
    """An index with an entry for each axis: a whole number, or the ends of a slice."""
    check_rank(shape)
    at = list(index).index(...) if ... in index else len(index)
    named = len(index) - (... in index)
    return [*index[:at], *[(None, None)] * (len(shape) - named), *index[at + 1 :]]


def indexed(graph: Graph, node: Node, names: Sequence[str], index: Sequence[Any]) -> str:
    """Entries by whole numbers and slices."""
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
        value = graph.emit("Slice", value, graph.shape(tuple(starts)), graph.shape(tuple(ends)), graph.integers(axes), graph.integers(steps))
    return graph.emit("Squeeze", value, graph.integers(squeezed)) if squeezed else value


def put(graph: Graph, node: Node, names: Sequence[str], index: Sequence[Any]) -> str:
    """Zeros of another's shape with a value at an index: the value, padded."""
    before, after, squeezed = [], [], []
    for axis, (size, part) in enumerate(zip(node.args[1].shape, whole_index(node.args[1].shape, index), strict=True)):
        if isinstance(part, int):
            squeezed.append(axis)
            part = (part, part + 1) if part >= 0 else (size + part, size + part + 1)
        if len(part) > 2 and part[2] not in (None, 1):
            raise NoRule(f"values put {part[2]} places apart cannot be written for ONNX (export the net itself, not its gradient)")
        start, end = (0 if part[0] is None else part[0]), (size if part[1] is None else part[1])
        before.append(start + size if isinstance(start, int) and start < 0 else start)
        after.append(-end if isinstance(end, int) and end < 0 else size - end)
    value = graph.emit("Unsqueeze", names[0], graph.integers(squeezed)) if squeezed else names[0]
    return padded(graph, value, before, after)


def padded(graph: Graph, value: str, before: Sequence[Size], after: Sequence[Size], fill: float = 0.0) -> str:
    return graph.emit("Pad", value, graph.shape((*before, *after)), graph.constant(fill), mode="constant")


def sum_to(graph: Graph, node: Node, names: Sequence[str], shape: Shape) -> str:
    """Summed over the axes that broadcasting added or enlarged."""
    before = node.args[0].shape
    check_rank(before)
    extra = len(before) - len(shape)
    axes = [*range(extra), *(extra + k for k, size in enumerate(shape) if size == 1 and before[extra + k] != 1)]
    total = graph.emit("ReduceSum", names[0], graph.integers(axes), keepdims=1) if axes else names[0]
    return graph.emit("Squeeze", total, graph.integers(range(extra))) if extra else total


def concatenate(graph: Graph, node: Node, names: Sequence[str], axis: int) -> str:
    """Parts one after the other; their other axes broadcast."""
    where = axis % rank_of(node)
    wanted = [(*node.shape[:where], arg.shape[where], *node.shape[where + 1 :]) for arg in node.args]
    return graph.emit("Concat", *(graph.spread(n, a.shape, w) for n, a, w in zip(names, node.args, wanted, strict=True)), axis=where)


def stack(graph: Graph, node: Node, names: Sequence[str]) -> str:
    check_rank(node.shape)
    parts = [graph.spread(name, arg.shape, node.shape[1:]) for name, arg in zip(names, node.args, strict=True)]
    return graph.emit("Concat", *(graph.emit("Unsqueeze", part, graph.integers([0])) for part in parts), axis=0)


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
    return graph.emit("Exp", graph.emit("Sub", names[0], graph.emit("ReduceLogSumExp", names[0], graph.integers(axis), keepdims=1)))


def at_max(graph: Graph, node: Node, names: Sequence[str], axis: Sequence[int] | None) -> str:
    """1 at the first largest entry along the axes, 0 elsewhere."""
    rank = rank_of(node)
    last = list(range(rank) if axis is None else [one % rank for one in axis])
    order = [*(k for k in range(rank) if k not in last), *last]
    kept, joined = [node.shape[k] for k in order[: rank - len(last)]], total_of([node.shape[k] for k in last])
    moved = transposed(graph, names[0], order)
    flat = graph.emit("Reshape", moved, graph.shape((*kept, joined)))
    numbers = graph.emit("Range", graph.constant(0, np.int64), graph.emit("Squeeze", graph.size(joined)), graph.constant(1, np.int64))
    marks = graph.emit("Cast", graph.emit("Equal", numbers, graph.emit("ArgMax", flat, axis=-1, keepdims=1)), to=graph.type)
    return transposed(graph, graph.emit("Reshape", marks, graph.shape(tuple(node.shape[k] for k in order))), np.argsort(order).tolist())


def causal(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """Minus infinity after the diagonal, 0 up to it."""
    rows, columns = node.shape
    if isinstance(rows, int) and isinstance(columns, int):
        return graph.constant(np.triu(np.full((rows, columns), -np.inf), 1))
    after = graph.emit("Trilu", graph.emit("Expand", graph.constant(1.0), graph.shape(node.shape)), graph.constant(1, np.int64), upper=1)
    return where(graph, after, graph.constant(-np.inf), graph.constant(0.0))


def whole_numbers(graph: Graph, name: str) -> str:
    return graph.emit("Cast", name, to=graph.onnx.TensorProto.INT64)


def scattered(graph: Graph, shape: Shape, at: str, rows: str) -> str:
    """Rows added up at their places in zeros of this shape."""
    zeros = graph.emit("Expand", graph.constant(0.0), graph.shape(shape))
    return graph.emit("ScatterND", zeros, graph.emit("Unsqueeze", at, graph.integers([-1])), rows, reduction="add")


def windows(graph: Graph, node: Node, names: Sequence[str], kernel: Any, stride: Any, padding: Any, dilation: Any, fill: float) -> str:
    """Every window: for each place in a window, the entries that stand there, all of them stacked."""
    shape = node.args[0].shape
    free = (0,) * (len(shape) - len(kernel))
    value = padded(graph, names[0], (*free, *padding), (*free, *padding), fill) if any(padding) else names[0]
    places, axes = concrete_places(node.shape, kernel), graph.integers(range(-len(kernel), 0))
    parts = []
    for at in p.window_slices(places, kernel, stride, dilation):
        ends = ([part.start for part in at[1:]], [part.stop for part in at[1:]], [part.step for part in at[1:]])
        first, last, steps = map(graph.integers, ends)
        parts.append(graph.emit("Unsqueeze", graph.emit("Slice", value, first, last, axes, steps), graph.integers([-1])))
    return graph.emit("Reshape", graph.emit("Concat", *parts, axis=-1), graph.shape(node.shape))


def add_windows(graph: Graph, node: Node, names: Sequence[str], kernel: Any, stride: Any, padding: Any, dilation: Any, fill: float) -> str:
    """Windows added up where they overlap: each place of a window spread out by the strides, padded to its place, and all summed."""
    rank, shape = len(kernel), node.shape
    places, free = concrete_places(node.args[0].shape, kernel), len(shape) - len(kernel)
    long = [(n - 1) * s + 1 for n, s in zip(places, stride, strict=True)]
    flat = graph.emit("Reshape", names[0], graph.shape((*shape[:free], *places, prod(kernel))))
    parts = []
    for number, at in enumerate(product(*map(range, kernel))):
        part = graph.emit("Gather", flat, graph.constant(number, np.int64), axis=-1)
        for axis, step in enumerate(stride):
            if step > 1:  # zeros between the entries: a new axis after this one, padded and joined with it
                grown = graph.emit("Unsqueeze", part, graph.integers([free + axis + 1]))
                rest = len(shape) - axis - free - 1
                grown = padded(graph, grown, (0,) * (len(shape) + 1), (*(0,) * (free + axis + 1), step - 1, *(0,) * rest))
                joined = (*shape[:free], *long[:axis], places[axis] * step, *places[axis + 1 :])
                whole = graph.emit("Reshape", grown, graph.shape(joined))
                part = graph.emit("Slice", whole, graph.integers([0]), graph.integers([long[axis]]), graph.integers([free + axis]))
        before = [k * d for k, d in zip(at, dilation, strict=True)]
        after = [n + 2 * q - b - m for n, q, b, m in zip(shape[free:], padding, before, long, strict=True)]
        parts.append(padded(graph, part, (*(0,) * free, *before), (*(0,) * free, *after)))
    total = graph.emit("Sum", *parts)
    starts, ends = list(padding), [n + q for n, q in zip(shape[free:], padding, strict=True)]
    return graph.emit("Slice", total, graph.integers(starts), graph.integers(ends), graph.integers(range(-rank, 0)))


def concrete_places(shape: Shape, kernel: Sequence[int]) -> tuple[int, ...]:
    places = shape[-2 * len(kernel) : -len(kernel)]
    if not is_concrete(places):
        raise NoRule("windows over an axis of unknown size cannot be written for ONNX (give the inputs their sizes: shapes={'x': (32, 3, 8, 8)})")
    return places


def no_numbers(graph: Graph, node: Node, names: Sequence[str], **attributes: Any) -> str:
    what = attributes.get("operation", node.op.primitive.name)
    raise NoRule(f"the operation {what} has no numbers, and so none in ONNX")


ROWS: dict[Primitive, Row] = {
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
    p.logsumexp: reduced("ReduceLogSumExp"),
    p.share: share,
    p.softmax: softmax,
    p.at_max: at_max,
    p.causal: causal,
    p.opaque: no_numbers,
    p.directional: no_numbers,
    stack_row: stack,
    take_row: lambda g, n, a, positions: g.emit("Gather", a[0], g.integers(list(positions))),
    add_rows: lambda g, n, a, positions: scattered(g, n.shape, g.integers(list(positions)), a[0]),
    reverse_row: lambda g, n, a: g.emit("Slice", a[0], g.integers([-1]), g.integers([-LAST]), g.integers([0]), g.integers([-1])),
}


def written(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """The operation of a node in the graph; the name of its result."""
    op = node.op
    if isinstance(op, type):
        if op not in HEADS:
            raise NoRule(f"no ONNX operation for {op.__name__} (those with one: {', '.join(sorted(head.__name__ for head in HEADS))})")
        return HEADS[op](graph, node, names)
    if op.primitive not in ROWS:
        raise NoRule(f"no ONNX operation for the primitive {op.primitive.name!r} (those with one: {', '.join(sorted(row.name for row in ROWS))})")
    return ROWS[op.primitive](graph, node, names, **dict(op.attributes))
