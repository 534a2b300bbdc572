"""Elementwise functions in ONNX: one row per head, a function of the graph, the node and its arguments' names."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce

import sympy as sp

from symfold.core import functions
from symfold.core.functions import Head
from symfold.core.functions.special import ERF, ERFC
from symfold.core.leaves import Constant
from symfold.core.nodes import Node
from symfold.exchange.onnx.graph import Graph

Row = Callable[..., str]  # (graph, node, names of the arguments, **attributes)


def plain(kind: str) -> Row:
    """One ONNX operation."""
    return lambda graph, node, names, **_: graph.emit(kind, *names)


def chain(kind: str) -> Row:
    """A binary operation chained over several arguments."""
    return lambda graph, node, names: reduce(lambda a, b: graph.emit(kind, a, b), names)


def where(graph: Graph, z: str, positive: str, other: str) -> str:
    return graph.emit("Where", graph.emit("Greater", z, graph.constant(0.0)), positive, other)


def power(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """A power; common exponents have operations of their own."""
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
    value = graph.emit("Where", zero, half, where(graph, names[0], graph.constant(1.0), graph.constant(0.0)))
    return graph.emit("Where", graph.emit("IsNaN", names[0]), names[0], value)


def softplus(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """max(z, 0) + log1p(exp(-|z|)): ONNX's Softplus overflows in some runtimes."""
    small = graph.emit("Exp", graph.emit("Neg", graph.emit("Abs", names[0])))
    return graph.emit("Add", graph.emit("Relu", names[0]), log1p(graph, node, [small]))


def compared(kind: str) -> Row:
    """A comparison, as the numbers 1 and 0."""
    return lambda graph, node, names, **_: numbers(graph, graph.emit(kind, *names))


def numbers(graph: Graph, flags: str) -> str:
    """Truth values as the numbers 1 and 0."""
    return graph.emit("Cast", flags, to=graph.type)


def flags(graph: Graph, name: str) -> str:
    """Truth values: whether numbers are not 0."""
    return graph.emit("Not", graph.emit("Equal", name, graph.constant(0.0)))


def logic(kind: str) -> Row:
    """An operation on truth values."""
    return lambda graph, node, names, **_: numbers(graph, graph.emit(kind, *(flags(graph, name) for name in names)))


# -- functions that ONNX lacks, to full precision; its Elu, LeakyRelu and Softsign lose digits or round parameters


def log1p(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """log(u)*z/(u - 1) with the rounded sum u = 1 + z: the quotient corrects for the rounding."""
    one = graph.constant(1.0)
    total = graph.emit("Add", names[0], one)
    rounded = graph.emit("Sub", total, one)
    value = graph.emit("Mul", graph.emit("Log", total), graph.emit("Div", names[0], rounded))
    is_identity = graph.emit(
        "Or", graph.emit("Equal", rounded, graph.constant(0.0)), graph.emit("Equal", total, graph.constant(math.inf))
    )
    return graph.emit("Where", is_identity, names[0], value)


def expm1(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """(u - 1)*z/log(u) with the rounded power u = exp(z), for the same reason; u - 1 if z is not small."""
    power = graph.emit("Exp", names[0])
    less = graph.emit("Sub", power, graph.constant(1.0))
    value = graph.emit("Mul", less, graph.emit("Div", names[0], graph.emit("Log", power)))
    small = graph.emit("Where", graph.emit("Equal", less, graph.constant(0.0)), names[0], value)
    return graph.emit("Where", graph.emit("Greater", graph.emit("Abs", names[0]), graph.constant(1.0)), less, small)


def logarithm(base: float) -> Row:
    """A logarithm to a base, exact at powers of the base."""

    def row(graph: Graph, node: Node, names: Sequence[str]) -> str:
        value = graph.emit("Div", graph.emit("Log", names[0]), graph.constant(math.log(base)))
        whole = graph.emit("Round", value)
        exact = graph.emit("Equal", graph.emit("Pow", graph.constant(base), whole), names[0])
        return graph.emit("Where", exact, whole, value)

    return row


def cbrt(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """The power 1/3, corrected by a Newton step."""
    root = graph.emit(
        "Mul", graph.emit("Sign", names[0]), graph.emit("Pow", graph.emit("Abs", names[0]), graph.constant(1 / 3))
    )
    step = graph.emit("Sub", root, graph.emit("Div", names[0], graph.emit("Mul", root, root)))
    better = graph.emit("Sub", root, graph.emit("Div", step, graph.constant(3.0)))
    edge = graph.emit("Or", graph.emit("Equal", names[0], graph.constant(0.0)), graph.emit("IsInf", names[0]))
    return graph.emit("Where", edge, names[0], better)


def hypot(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """max * sqrt(1 + (min/max)**2)."""
    a, b = (graph.emit("Abs", name) for name in names)
    large, small = graph.emit("Max", a, b), graph.emit("Min", a, b)
    share = graph.emit("Div", small, large)
    value = graph.emit(
        "Mul", large, graph.emit("Sqrt", graph.emit("Add", graph.constant(1.0), graph.emit("Mul", share, share)))
    )
    edge = graph.emit("Or", graph.emit("Equal", large, graph.constant(0.0)), graph.emit("IsInf", large))
    return graph.emit("Where", edge, large, value)


def tail(graph: Graph, size: str, scale: float) -> str:
    """erfc(sqrt(scale)*size) for arguments >= 1: the exponential of a square in two parts, times a polynomial."""
    near = graph.emit("Div", graph.emit("Floor", graph.emit("Mul", size, graph.constant(16.0))), graph.constant(16.0))
    rest = graph.emit("Mul", graph.emit("Sub", size, near), graph.emit("Add", size, near))
    powers = [
        graph.emit("Exp", graph.emit("Mul", part, graph.constant(-scale)))
        for part in (graph.emit("Mul", near, near), rest)
    ]
    x = graph.emit("Mul", size, graph.constant(math.sqrt(scale)))
    u = graph.emit("Div", graph.emit("Sub", x, graph.constant(3.0)), graph.emit("Add", x, graph.constant(3.0)))
    return graph.emit("Mul", graph.emit("Mul", *powers), polynomial(graph, u, ERFC))


def polynomial(graph: Graph, x: str, coefficients: Sequence[float]) -> str:
    """A polynomial; coefficients start with the constant."""
    value = graph.constant(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = graph.emit("Add", graph.emit("Mul", value, x), graph.constant(coefficient))
    return value


def erf(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """Erf in float32; in float64, which runtimes lack, a polynomial up to 1 and the tail beyond."""
    if graph.dtype.itemsize == 4:
        return graph.emit("Erf", names[0])
    size, one = graph.emit("Abs", names[0]), graph.constant(1.0)
    near = graph.emit(
        "Add", names[0], graph.emit("Mul", names[0], polynomial(graph, graph.emit("Mul", names[0], names[0]), ERF))
    )
    far = graph.emit(
        "Mul", graph.emit("Sign", names[0]), graph.emit("Sub", one, tail(graph, bounded(graph, size, 1.0, 64.0), 1.0))
    )
    return graph.emit("Where", graph.emit("Greater", size, one), far, near)


def erfc(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """1 - erf(z); beyond 1, the tail."""
    far = tail(graph, bounded(graph, names[0], 1.0, 64.0), 1.0)
    near = graph.emit("Sub", graph.constant(1.0), erf(graph, node, names))
    return graph.emit("Where", graph.emit("Greater", names[0], graph.constant(1.0)), far, near)


def ndtr(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """erfc(-z/sqrt(2))/2."""
    edge, half = math.sqrt(2.0), graph.constant(0.5)
    far = graph.emit("Mul", tail(graph, bounded(graph, graph.emit("Neg", names[0]), edge, 64.0), 0.5), half)
    inside = erf(graph, node, [graph.emit("Mul", names[0], graph.constant(math.sqrt(0.5)))])
    near = graph.emit("Mul", graph.emit("Add", graph.constant(1.0), inside), half)
    return graph.emit("Where", graph.emit("Less", names[0], graph.constant(-edge)), far, near)


def bounded(graph: Graph, name: str, low: float, high: float) -> str:
    return graph.emit("Min", graph.emit("Max", name, graph.constant(low)), graph.constant(high))


def sigmoid(graph: Graph, node: Node, names: Sequence[str]) -> str:
    """1/(1 + exp(-z)): the Sigmoid of runtimes has three digits in the tails."""
    return graph.emit(
        "Reciprocal", graph.emit("Add", graph.constant(1.0), graph.emit("Exp", graph.emit("Neg", names[0])))
    )


HEADS: dict[Head, Row] = {
    sp.Add: chain("Add"), sp.Mul: chain("Mul"), sp.Max: chain("Max"), sp.Min: chain("Min"), sp.Pow: power,
    sp.exp: plain("Exp"), sp.log: plain("Log"), sp.Abs: plain("Abs"), sp.sign: plain("Sign"), sp.floor: plain("Floor"), sp.ceiling: plain("Ceil"),
    sp.sin: plain("Sin"), sp.cos: plain("Cos"), sp.tan: plain("Tan"), sp.sinh: plain("Sinh"), sp.cosh: plain("Cosh"), sp.tanh: plain("Tanh"),
    sp.asin: plain("Asin"), sp.acos: plain("Acos"), sp.atan: plain("Atan"),
    sp.asinh: plain("Asinh"), sp.acosh: plain("Acosh"), sp.atanh: plain("Atanh"),
    sp.erf: erf, sp.erfc: erfc, functions.ndtr: ndtr,
    functions.log1p: log1p, functions.expm1: expm1, functions.log2: logarithm(2.0), functions.log10: logarithm(10.0),
    functions.exp2: lambda g, n, a: g.emit("Pow", g.constant(2.0), a[0]), functions.cbrt: cbrt, functions.hypot: hypot,
    sp.Heaviside: heaviside,
    functions.divide: plain("Div"), functions.sigmoid: sigmoid, functions.relu: plain("Relu"), functions.softplus: softplus,
    functions.greater: compared("Greater"), functions.greater_equal: compared("GreaterOrEqual"), functions.less: compared("Less"),
    functions.less_equal: compared("LessOrEqual"), functions.equal: compared("Equal"),
    functions.not_equal: lambda g, n, a: numbers(g, g.emit("Not", g.emit("Equal", *a))),
    functions.where: lambda g, n, a: g.emit("Where", flags(g, a[0]), a[1], a[2]),
    functions.logical_and: logic("And"), functions.logical_or: logic("Or"), functions.logical_xor: logic("Xor"), functions.logical_not: logic("Not"),
    functions.isnan: compared("IsNaN"), functions.isinf: compared("IsInf"),
    functions.isfinite: lambda g, n, a: numbers(g, g.emit("Not", g.emit("Or", g.emit("IsNaN", a[0]), g.emit("IsInf", a[0])))),
    functions.step: lambda g, n, a: where(g, a[0], g.constant(1.0), g.constant(0.0)),
}  # fmt: skip

# functions that runtimes have in float32 only; in float64 they are composed of others
SINGLE = (sp.tan, sp.sinh, sp.cosh, sp.asin, sp.acos, sp.atan, sp.asinh, sp.acosh, sp.atanh)


def has(dtype: str) -> Callable[[Head], bool]:
    """Whether a function has a row for a dtype."""
    return lambda head: head in HEADS and (dtype != "float64" or head not in SINGLE)
