"""PyTorch's elementwise operations as nodes."""

from __future__ import annotations

import numpy as np
import sympy as sp

from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives import reshape
from symfold.core.shapes import Shape
from symfold.exchange.pytorch.choice import row_of
from symfold.exchange.pytorch.rows import Row, evaluated, of_arguments
from symfold.exchange.reading.functions import (
    HALF,
    apply,
    celu,
    choose,
    clamp,
    elu,
    gelu,
    leaky_relu,
    threshold,
    truncated,
)

LN2 = sp.log(2)
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al. 2017


def _add(shape: Shape, a: Node | float, b: Node | float, alpha: float = 1) -> Node:
    return as_node(a) + (b if alpha == 1 else b * alpha)


def _sub(shape: Shape, a: Node | float, b: Node | float, alpha: float = 1) -> Node:
    return as_node(a) - (b if alpha == 1 else b * alpha)


def _divide(shape: Shape, a: Node | float, b: Node | float, rounding_mode: object = None) -> Node:
    quotient = as_node(a) / b
    if rounding_mode is None:
        return quotient
    return apply(sp.floor, quotient) if rounding_mode == "floor" else truncated(quotient)


def _softplus(shape: Shape, a: Node, beta: float = 1, threshold: float = 20) -> Node:
    value = Node(functions.softplus, (a,)) if beta == 1 else Node(functions.softplus, (a * beta,)) / beta
    # from 20 on, softplus differs from a straight line by at most 2e-9
    return value if threshold >= 20 else choose(apply(functions.greater, a, threshold / beta), a, value)


def _hardtanh(shape: Shape, a: Node, low: float = -1, high: float = 1) -> Node:
    """A value clipped to two bounds, with slope 0 at the bounds, as in PyTorch."""
    if (low, high) == (0, 6):
        return Node(functions.relu6, (a,))
    return Node(functions.hardtanh, (a, as_node(low), as_node(high)))


def _prelu(shape: Shape, a: Node, slopes: Node) -> Node:
    tall = (
        slopes
        if len(a.shape) < 2 or slopes.shape == (1,)
        else reshape(slopes, shape=(slopes.shape[0], *(1,) * (len(a.shape) - 2)))
    )
    return leaky_relu(a, tall)


def _rrelu(shape: Shape, a: Node, low: float = 1 / 8, high: float = 1 / 3, train: bool = False, *given: object) -> Node:
    evaluated(not train, "rrelu draws its slopes")
    return leaky_relu(a, (low + high) / 2)


def _logit(shape: Shape, a: Node, eps: float | None = None) -> Node:
    inside = a if eps is None else clamp(a, eps, 1 - eps)
    return apply(sp.log, inside / (1 - inside))


def _nan_to_num(
    shape: Shape, a: Node, nan: float | None = None, high: float | None = None, low: float | None = None
) -> Node:
    """NaN and infinite entries replaced; by 0 and the bounds of float64 if no numbers are given."""
    most = float(np.finfo(np.float64).max)
    finite = choose(apply(functions.isnan, a), 0.0 if nan is None else nan, a)
    below = choose(apply(functions.equal, finite, sp.oo), most if high is None else high, finite)
    return choose(apply(functions.equal, below, -sp.oo), -most if low is None else low, below)


def _remainder(shape: Shape, a: Node | float, b: Node | float) -> Node:
    """The rest of a division rounded down."""
    return as_node(a) - as_node(b) * apply(sp.floor, as_node(a) / b)


def _beyond(a: Node, bound: float, inside: float) -> Node:
    """A value if its absolute value exceeds a bound, else `inside`."""
    return Node(functions.where, (Node(functions.greater, (Node(sp.Abs, (a,)), as_node(bound))), a, as_node(inside)))


ELEMENTWISE: dict[str, Row] = {
    **{name: row_of(head) for name, head in {
        "mul": sp.Mul, "pow": sp.Pow, "exp": sp.exp, "log": sp.log, "abs": sp.Abs, "sign": sp.sign, "floor": sp.floor, "ceil": sp.ceiling,
        "sin": sp.sin, "cos": sp.cos, "tan": sp.tan, "sinh": sp.sinh, "cosh": sp.cosh, "tanh": sp.tanh, "asin": sp.asin, "acos": sp.acos,
        "atan": sp.atan, "asinh": sp.asinh, "acosh": sp.acosh, "atanh": sp.atanh, "atan2": sp.atan2, "erf": sp.erf, "erfc": sp.erfc,
        "log1p": functions.log1p, "expm1": functions.expm1, "log2": functions.log2, "log10": functions.log10, "exp2": functions.exp2,
        "hypot": functions.hypot, "logaddexp": functions.logaddexp, "lgamma": sp.loggamma, "digamma": sp.digamma,
        "special_ndtr": functions.ndtr, "mish": functions.mish,
        "sigmoid": functions.sigmoid, "silu": functions.silu, "relu": functions.relu,
        "relu6": functions.relu6, "hardsigmoid": functions.hardsigmoid, "hardswish": functions.hardswish, "maximum": sp.Max, "minimum": sp.Min,
    }.items()},
    "add": _add, "sub": _sub, "div": _divide,
    "rsub": lambda shape, a, b, alpha=1: _sub(shape, b, a, alpha),
    "neg": lambda shape, a: -a,
    "reciprocal": lambda shape, a: a**-1,
    "square": lambda shape, a: a**2,
    "sqrt": lambda shape, a: a**HALF,
    "rsqrt": lambda shape, a: a ** -HALF,
    "logaddexp2": lambda shape, a, b: Node(functions.logaddexp, (as_node(a) * LN2, as_node(b) * LN2)) / LN2,
    "gelu": of_arguments(gelu), "softplus": _softplus, "leaky_relu": of_arguments(leaky_relu), "prelu": _prelu, "elu": of_arguments(elu),
    "celu": of_arguments(celu),
    "selu": lambda shape, a: elu(a, SELU_ALPHA, SELU_SCALE),
    "hardtanh": _hardtanh,
    "softshrink": lambda shape, a, bound=0.5: a - clamp(a, -bound, bound), "hardshrink": lambda shape, a, bound=0.5: _beyond(a, bound, 0),
    "threshold": of_arguments(threshold), "rrelu": _rrelu, "clip": of_arguments(clamp), "frac": lambda shape, a: a - truncated(a), "fmod": lambda shape, a, b: as_node(a) - as_node(b) * truncated(as_node(a) / b),
    "logit": _logit, "nan_to_num": _nan_to_num, "floor_divide": lambda shape, a, b: _divide(shape, a, b, "floor"), "remainder": _remainder,
    "lerp": lambda shape, a, b, weight: a + (b - a) * weight, "addcmul": lambda shape, a, b, c, value=1: a + (b * c if value == 1 else b * c * value),
    "addcdiv": lambda shape, a, b, c, value=1: a + (b / c if value == 1 else b / c * value),
    "sinc": lambda shape, a: choose(apply(functions.equal, a, 0), 1, apply(sp.sin, a * np.pi) / (a * np.pi)),

    "log_sigmoid": lambda shape, a: -Node(functions.softplus, (-a,)),
}  # fmt: skip
