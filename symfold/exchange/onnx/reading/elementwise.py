"""ONNX's elementwise operations as nodes, one row each: a function of the operation and its values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp

from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.functions import Head
from symfold.core.nodes import Node
from symfold.core.primitives import reshape
from symfold.errors import NoRule
from symfold.exchange.onnx.graph import onnx_package
from symfold.exchange.onnx.reading.values import Value, kind_of
from symfold.exchange.reading.functions import (
    HALF,
    apply,
    celu,
    choose,
    elu,
    gelu,
    leaky_relu,
    rounded_to_even,
    threshold,
    truncated,
)


@dataclass(frozen=True)
class Operation:
    """An operation of a graph: its type, attributes, number of results, and the opset of the model."""

    kind: str
    attributes: dict[str, Any]
    results: int
    opset: int

    def get(self, name: str, default: Any = None) -> Any:
        return self.attributes.get(name, default)


Row = Callable[..., Any]  # (operation, values) -> a node or a value, or a tuple of them


def applied(head: Head) -> Row:
    return lambda op, *values: apply(head, *(value.node for value in values))


def joined(head: Head) -> Row:
    """A function of any number of values, two by two."""
    return lambda op, *values: reduce(lambda a, b: apply(head, a, b), (value.node for value in values))


def truth(head: Head) -> Row:
    return lambda op, *values: Value("truth", apply(head, *(value.node for value in values)))


def _cast(op: Operation, value: Value, like: Value | None = None) -> Value:
    if like is not None:
        after = like.kind
    else:
        number = int(op.get("to", 0))
        after = kind_of(onnx_package().helper.tensor_dtype_to_np_dtype(number))
    if value.is_constant and value.known.dtype != object:
        types: dict[str, type] = {"real": np.float64, "whole": np.int64, "truth": np.bool_}
        return Value(after, None, value.known.astype(types[after]))
    if after == value.kind or value.is_constant:
        return Value(after, value.given, value.array)
    if after == "truth":
        return Value(after, apply(functions.not_equal, value.node, 0))
    return Value(after, truncated(value.node) if (after, value.kind) == ("whole", "real") else value.node)


def _divide(op: Operation, a: Value, b: Value) -> Node:
    quotient = a.node / b.node
    return truncated(quotient) if a.kind == "whole" else quotient


def _modulo(op: Operation, a: Value, b: Value) -> Node:
    quotient = a.node / b.node
    return a.node - b.node * (truncated(quotient) if op.get("fmod", 0) else apply(sp.floor, quotient))


def _clip(op: Operation, a: Value, low: Value | None = None, high: Value | None = None) -> Node:
    ends = [(-sp.oo if low is None else low.node), (sp.oo if high is None else high.node)]
    return apply(functions.clip, a.node, *ends)


def _where(op: Operation, mask: Value, a: Value, b: Value) -> Value:
    return Value(a.kind, choose(mask.node, a.node, b.node))


def _prelu(op: Operation, a: Value, slope: Value) -> Node:
    return Node(functions.leaky_relu, (a.node, slope.node))


def _hard_sigmoid(op: Operation, a: Value) -> Node:
    inner = a.node * float(op.get("alpha", 0.2)) + float(op.get("beta", 0.5))
    return Node(functions.hardtanh, (inner, as_node(0), as_node(1)))


def _gelu(op: Operation, a: Value) -> Node:
    return gelu(a.node, op.get("approximate", b"none").decode())


def _is_infinite(op: Operation, a: Value) -> Value:
    if not (op.get("detect_negative", 1) and op.get("detect_positive", 1)):
        raise NoRule("infinity of one sign alone has no rule")
    return Value("truth", apply(functions.isinf, a.node))


def _mean(op: Operation, *values: Value) -> Node:
    total: Any = reduce(lambda a, b: a + b, (value.node for value in values))
    return total / len(values) if len(values) > 1 else total


def scaled(function: Callable[..., Node], **defaults: float) -> Row:
    """A function with attributes, in the order of the defaults."""

    def row(op: Operation, a: Value) -> Node:
        return function(a.node, *(float(op.get(key, default)) for key, default in defaults.items()))

    return row


def _same(op: Operation, a: Value, *rest: Value | None) -> Value:
    return a


def tall(a: Node, rank: int) -> Node:
    """A value per channel beside samples of `rank` further axes."""
    return reshape(a, shape=(*a.shape, *(1,) * rank)) if rank else a


ELEMENTWISE: dict[str, Row] = {
    **{name: applied(head) for name, head in {
        "Relu": functions.relu, "Sigmoid": functions.sigmoid, "Tanh": sp.tanh, "Exp": sp.exp, "Log": sp.log,
        "Abs": sp.Abs,
        "Floor": sp.floor, "Ceil": sp.ceiling, "Sign": sp.sign, "Sin": sp.sin, "Cos": sp.cos, "Tan": sp.tan,
        "Erf": sp.erf,
        "Sinh": sp.sinh, "Cosh": sp.cosh, "Asin": sp.asin, "Acos": sp.acos, "Atan": sp.atan, "Asinh": sp.asinh,
        "Acosh": sp.acosh, "Atanh": sp.atanh, "Softplus": functions.softplus, "Softsign": functions.softsign,
        "Mish": functions.mish, "Pow": sp.Pow,
    }.items()},
    **{name: truth(head) for name, head in {
        "Equal": functions.equal, "Less": functions.less, "LessOrEqual": functions.less_equal,
        "Greater": functions.greater,
        "GreaterOrEqual": functions.greater_equal, "And": functions.logical_and, "Or": functions.logical_or,
        "Xor": functions.logical_xor, "Not": functions.logical_not, "IsNaN": functions.isnan,
    }.items()},
    "Add": lambda op, a, b: a.node + b.node, "Sub": lambda op, a, b: a.node - b.node,
    "Mul": lambda op, a, b: a.node * b.node,
    "Div": _divide, "Mod": _modulo, "Neg": lambda op, a: -a.node, "Sqrt": lambda op, a: a.node**HALF,
    "Reciprocal": lambda op, a: a.node**-1, "Max": joined(sp.Max), "Min": joined(sp.Min), "Sum": joined(sp.Add),
    "Mean": _mean,
    "Cast": _cast, "CastLike": _cast, "Clip": _clip, "Where": _where, "PRelu": _prelu, "HardSigmoid": _hard_sigmoid,
    "Gelu": _gelu, "Round": lambda op, a: rounded_to_even(a.node), "IsInf": _is_infinite,
    "Identity": _same, "Dropout": _same,
    "LeakyRelu": scaled(leaky_relu, alpha=0.01), "Elu": scaled(elu, alpha=1.0), "Celu": scaled(celu, alpha=1.0),
    "ThresholdedRelu": lambda op, a: threshold(a.node, float(op.get("alpha", 1.0)), 0.0),
    "HardSwish": applied(functions.hardswish),
    "Selu": scaled(elu, alpha=1.67326319217681884765625, gamma=1.05070102214813232421875),
}  # fmt: skip
