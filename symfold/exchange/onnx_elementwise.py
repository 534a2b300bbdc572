"""Elementwise functions in ONNX: one row a head, from the graph, the node and the names of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import sympy as sp

from symfold import functions
from symfold.exchange.onnx_graph import Graph
from symfold.functions import Head
from symfold.nodes import Node
from symfold.operations import Constant

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


def compared(kind: str) -> Row:
    """A comparison, as the numbers 1 and 0."""
    return lambda graph, node, names, **_: numbers(graph, graph.emit(kind, *names))


def numbers(graph: Graph, flags: str) -> str:
    """Truth values as the numbers 1 and 0."""
    return graph.emit("Cast", flags, to=graph.type)


def flags(graph: Graph, name: str) -> str:
    """Where a number is not 0."""
    return graph.emit("Not", graph.emit("Equal", name, graph.constant(0.0)))


def logic(kind: str) -> Row:
    """An operation on truth values."""
    return lambda graph, node, names, **_: numbers(graph, graph.emit(kind, *(flags(graph, name) for name in names)))


HEADS: dict[Head, Row] = {
    sp.Add: chain("Add"), sp.Mul: chain("Mul"), sp.Max: chain("Max"), sp.Min: chain("Min"), sp.Pow: power,
    sp.exp: plain("Exp"), sp.log: plain("Log"), sp.Abs: plain("Abs"), sp.sign: plain("Sign"), sp.floor: plain("Floor"), sp.ceiling: plain("Ceil"),
    sp.sin: plain("Sin"), sp.cos: plain("Cos"), sp.tan: plain("Tan"), sp.sinh: plain("Sinh"), sp.cosh: plain("Cosh"), sp.tanh: plain("Tanh"),
    sp.asin: plain("Asin"), sp.acos: plain("Acos"), sp.atan: plain("Atan"),
    sp.asinh: plain("Asinh"), sp.acosh: plain("Acosh"), sp.atanh: plain("Atanh"),
    sp.erf: plain("Erf"), sp.erfc: lambda g, n, a: g.emit("Sub", g.constant(1.0), g.emit("Erf", a[0])),
    sp.Heaviside: heaviside,
    functions.sigmoid: plain("Sigmoid"), functions.relu: plain("Relu"), functions.softplus: softplus,
    functions.greater: compared("Greater"), functions.greater_equal: compared("GreaterOrEqual"), functions.less: compared("Less"),
    functions.less_equal: compared("LessOrEqual"), functions.equal: compared("Equal"),
    functions.not_equal: lambda g, n, a: numbers(g, g.emit("Not", g.emit("Equal", *a))),
    functions.where: lambda g, n, a: g.emit("Where", flags(g, a[0]), a[1], a[2]),
    functions.logical_and: logic("And"), functions.logical_or: logic("Or"), functions.logical_xor: logic("Xor"), functions.logical_not: logic("Not"),
    functions.isnan: compared("IsNaN"), functions.isinf: compared("IsInf"),
    functions.isfinite: lambda g, n, a: numbers(g, g.emit("Not", g.emit("Or", g.emit("IsNaN", a[0]), g.emit("IsInf", a[0])))),
    functions.step: lambda g, n, a: where(g, a[0], g.constant(1.0), g.constant(0.0)),
}  # fmt: skip
