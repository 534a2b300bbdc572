"""Numbers by interpretation: slow, simple, and right for any number type; what every backend is compared with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, reduce
from typing import Any

import numpy as np
import sympy as sp

from symfold.arguments import array_of
from symfold.errors import InvalidValue, NoRule
from symfold.functions import Head, gelu, relu, sigmoid, silu, softplus, step
from symfold.interpreter import Entries, Interpreter
from symfold.layer_kinds import Call
from symfold.nodes import Node
from symfold.operations import Constant, FrozenArray, Input
from symfold.shapes import NAME


def _sigmoid(z: Any) -> Any:
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-z))


def _power(a: Any, b: Any) -> Any:
    return np.divide(1.0, a) if np.ndim(b) == 0 and b == -1 else np.power(np.asarray(a, dtype=float), b)


_erf = np.vectorize(math.erf, otypes=[float])

FUNCTIONS: dict[Head, Callable[..., Any]] = {
    sp.Add: lambda *a: reduce(np.add, a),
    sp.Mul: lambda *a: reduce(np.multiply, a),
    sp.Pow: _power,
    sp.Max: lambda *a: reduce(np.maximum, a),
    sp.Min: lambda *a: reduce(np.minimum, a),
    sp.exp: np.exp, sp.log: np.log, sp.Abs: np.abs, sp.sign: np.sign, sp.floor: np.floor, sp.ceiling: np.ceil,
    sp.sin: np.sin, sp.cos: np.cos, sp.tan: np.tan, sp.sinh: np.sinh, sp.cosh: np.cosh, sp.tanh: np.tanh,
    sp.asin: np.arcsin, sp.acos: np.arccos, sp.atan: np.arctan,
    sp.asinh: np.arcsinh, sp.acosh: np.arccosh, sp.atanh: np.arctanh, sp.atan2: np.arctan2,
    sp.Heaviside: lambda z, half=0.5: np.heaviside(z, half),
    sp.erf: _erf, sp.erfc: np.vectorize(math.erfc, otypes=[float]),
    sp.gamma: np.vectorize(math.gamma, otypes=[float]), sp.loggamma: np.vectorize(math.lgamma, otypes=[float]),
    sigmoid: _sigmoid,
    softplus: lambda z: np.logaddexp(0.0, z),
    silu: lambda z: z * _sigmoid(z),
    gelu: lambda z: z * (1.0 + _erf(z * math.sqrt(0.5))) / 2.0,
    relu: lambda z: np.maximum(z, 0.0),
    step: lambda z: np.where(np.asarray(z) > 0, 1.0, 0.0),
}  # fmt: skip


@cache
def function_of(head: Head) -> Callable[..., Any]:
    """How NumPy computes an elementwise head."""
    if head in FUNCTIONS:
        return FUNCTIONS[head]
    raise NoRule(f"no numbers for the SymPy function {head.__name__} (those with a rule: {', '.join(sorted(h.__name__ for h in FUNCTIONS))})")


def constant_value(node: Node) -> Any:
    """A constant as NumPy computes with it."""
    value = node.op.value
    if isinstance(value, FrozenArray):
        return value.array
    return int(value) if isinstance(value, sp.Integer) and abs(int(value)) < 2**53 else float(value)


def as_numbers(name: str, value: Any) -> Any:
    """A value as an array to compute with: numbers as float64, so that none wraps around; objects as they are."""
    array = array_of(f"the value of {name!r}", value, objects=True)
    return array if array.dtype.kind == "O" else array.astype(np.float64)


def has_no_numbers(layer: str) -> NoRule:
    """The error that names a layer without a body."""
    return NoRule(f"layer {layer} is opaque and has no numbers (give it a body: net.bind({{{layer!r}: lambda z: ...}}))")


class Evaluator(Interpreter):
    """The numbers of a net, from values by input name. Arrays of objects (SymPy numbers) give exact results."""

    def __init__(self, values: Mapping[str, Any], exact: bool = False):
        self.values = values
        self.exact = exact

    def leaf(self, node: Node) -> Any:
        if isinstance(node.op, Constant):
            if self.exact and isinstance(node.op.value, sp.Expr):
                return np.asarray(node.op.value, dtype=object)
            return constant_value(node)
        if node.shape[-1:] == (NAME,):
            return node.op.name
        assert isinstance(node.op, Input)
        if node.op.name not in self.values:
            raise InvalidValue(f"no value for {node.op.role} {node.op.name!r} (given: {', '.join(map(repr, self.values)) or 'nothing'})")
        return self.values[node.op.name]

    def index(self, value: Any, position: int, node: Node) -> Any:
        return value[position]

    def collect(self, entries: Entries, node: Node) -> Any:
        return np.stack([np.asarray(entry) for entry in entries])

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        op = node.op
        if isinstance(op, Call):
            if op.body is None:
                raise has_no_numbers(args[0])
            given = dict(zip(op.body.formals, args[1:], strict=True))
            return self.run(op.body.results, given)[0]
        if isinstance(op, type):
            if self.exact:
                return np.frompyfunc(op, len(args), 1)(*args)
            return function_of(op)(*args)
        return op.evaluate(*args)
