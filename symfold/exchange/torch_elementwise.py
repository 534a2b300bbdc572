"""PyTorch's elementwise operations as nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symfold import functions
from symfold.exchange.torch_rows import HALF, Row, covered
from symfold.functions import Head
from symfold.lifting import lift
from symfold.nodes import Node


def elementwise(head: Head) -> Row:
    return lambda shape, *args: Node(head, tuple(map(lift, args)))


def _add(shape: Any, a: Any, b: Any, alpha: Any = 1) -> Node:
    return lift(a) + (b if alpha == 1 else b * alpha)


def _sub(shape: Any, a: Any, b: Any, alpha: Any = 1) -> Node:
    return lift(a) - (b if alpha == 1 else b * alpha)


def _divide(shape: Any, a: Any, b: Any, rounding_mode: Any = None) -> Node:
    covered(rounding_mode is None, f"a division with rounding_mode={rounding_mode!r}")
    return lift(a) / b


def _gelu(shape: Any, a: Node, approximate: str = "none") -> Node:
    if approximate == "tanh":
        inner = (a + a**3 * 0.044715) * float(np.sqrt(2 / np.pi))
        return a * (Node(sp.tanh, (inner,)) + 1) * HALF
    return Node(functions.gelu, (a,))


def _softplus(shape: Any, a: Node, beta: Any = 1, threshold: Any = 20) -> Node:
    covered(threshold >= 20, f"softplus that is a straight line from {threshold} on")  # from 20 on the two differ by 2e-9 at most
    return Node(functions.softplus, (a,)) if beta == 1 else Node(functions.softplus, (a * beta,)) / beta


def _clamp(shape: Any, a: Node, low: Any = None, high: Any = None) -> Node:
    above = a if low is None else Node(sp.Max, (a, lift(low)))
    return above if high is None else Node(sp.Min, (above, lift(high)))


def _leaky_relu(shape: Any, a: Node, slope: Any = 0.01) -> Node:
    return Node(functions.relu, (a,)) - Node(functions.relu, (-a,)) * slope


def _elu(shape: Any, a: Node, alpha: Any = 1, scale: Any = 1, input_scale: Any = 1) -> Node:
    below = Node(sp.exp, (Node(sp.Min, (a, lift(0))) * input_scale,)) - 1
    return (Node(functions.relu, (a,)) + below * alpha) * scale


ELEMENTWISE: dict[str, Row] = {
    **{name: elementwise(head) for name, head in {
        "mul": sp.Mul, "pow": sp.Pow, "exp": sp.exp, "log": sp.log, "abs": sp.Abs, "sign": sp.sign, "floor": sp.floor, "ceil": sp.ceiling,
        "sin": sp.sin, "cos": sp.cos, "tan": sp.tan, "sinh": sp.sinh, "cosh": sp.cosh, "tanh": sp.tanh, "asin": sp.asin, "acos": sp.acos,
        "atan": sp.atan, "asinh": sp.asinh, "acosh": sp.acosh, "atanh": sp.atanh, "atan2": sp.atan2, "erf": sp.erf, "erfc": sp.erfc,
        "sigmoid": functions.sigmoid, "silu": functions.silu, "relu": functions.relu, "maximum": sp.Max, "minimum": sp.Min,
    }.items()},
    "add": _add, "sub": _sub, "div": _divide,
    "rsub": lambda shape, a, b, alpha=1: _sub(shape, b, a, alpha),
    "neg": lambda shape, a: -a,
    "reciprocal": lambda shape, a: a**-1,
    "square": lambda shape, a: a**2,
    "sqrt": lambda shape, a: a**HALF,
    "rsqrt": lambda shape, a: a ** -HALF,
    "gelu": _gelu, "softplus": _softplus, "clamp": _clamp, "leaky_relu": _leaky_relu, "elu": _elu,
    "clamp_min": lambda shape, a, low: _clamp(shape, a, low), "clamp_max": lambda shape, a, high: _clamp(shape, a, None, high),
    "hardtanh": lambda shape, a, low=-1, high=1: _clamp(shape, a, low, high),
}  # fmt: skip
