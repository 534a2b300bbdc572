"""PyTorch's elementwise operations as nodes."""

from __future__ import annotations

import numpy as np
import sympy as sp

from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives import gelu_tanh, reshape
from symfold.core.shapes import Shape
from symfold.exchange.pytorch.choice import apply, choose, clamp, row_of, truncated
from symfold.exchange.pytorch.rows import HALF, Row, evaluated

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


def _gelu(shape: Shape, a: Node, approximate: str = "none") -> Node:
    return gelu_tanh(a) if approximate == "tanh" else Node(functions.gelu, (a,))


def _softplus(shape: Shape, a: Node, beta: float = 1, threshold: float = 20) -> Node:
    value = Node(functions.softplus, (a,)) if beta == 1 else Node(functions.softplus, (a * beta,)) / beta
    # from 20 on, softplus differs from a straight line by at most 2e-9
    return value if threshold >= 20 else choose(shape, apply(functions.greater, a, threshold / beta), a, value)


def _hardtanh(shape: Shape, a: Node, low: float = -1, high: float = 1) -> Node:
    """A value clipped to two bounds, with slope 0 at the bounds, as in PyTorch."""
    if (low, high) == (0, 6):
        return Node(functions.relu6, (a,))
    return Node(functions.hardtanh, (a, as_node(low), as_node(high)))


def _leaky_relu(shape: Shape, a: Node, slope: object = 0.01) -> Node:
    return Node(functions.leaky_relu, (a, as_node(slope)))


def _prelu(shape: Shape, a: Node, slopes: Node) -> Node:
    tall = (
        slopes
        if len(a.shape) < 2 or slopes.shape == (1,)
        else reshape(slopes, shape=(slopes.shape[0], *(1,) * (len(a.shape) - 2)))
    )
    return _leaky_relu(shape, a, tall)


def _elu(shape: Shape, a: Node, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Node:
    """ELU; with scales of the result and the argument, SELU and CELU."""
    scaled, inner = (a, alpha) if input_scale == 1 else (a * input_scale, alpha * input_scale)
    value = Node(functions.elu, (scaled, as_node(inner)))
    return value if scale == input_scale == 1 else value * (scale / input_scale)


def _threshold(shape: Shape, a: Node, bound: float, value: float) -> Node:
    return choose(shape, apply(functions.less_equal, a, bound), value, a)


def _rrelu(shape: Shape, a: Node, low: float = 1 / 8, high: float = 1 / 3, train: bool = False, *given: object) -> Node:
    evaluated(not train, "rrelu draws its slopes")
    return _leaky_relu(shape, a, (low + high) / 2)


def _logit(shape: Shape, a: Node, eps: float | None = None) -> Node:
    inside = a if eps is None else clamp(shape, a, eps, 1 - eps)
    return apply(sp.log, inside / (1 - inside))


def _nan_to_num(
    shape: Shape, a: Node, nan: float | None = None, high: float | None = None, low: float | None = None
) -> Node:
    """NaN and infinite entries replaced; by 0 and the bounds of float64 if no numbers are given."""
    most = float(np.finfo(np.float64).max)
    finite = choose(shape, apply(functions.isnan, a), 0.0 if nan is None else nan, a)
    below = choose(shape, apply(functions.equal, finite, sp.oo), most if high is None else high, finite)
    return choose(shape, apply(functions.equal, below, -sp.oo), -most if low is None else low, below)


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
    "gelu": _gelu, "softplus": _softplus, "leaky_relu": _leaky_relu, "prelu": _prelu, "elu": _elu,
    "celu": lambda shape, a, alpha=1.0: _elu(shape, a, alpha, 1, 1 / alpha),
    "selu": lambda shape, a: _elu(shape, a, SELU_ALPHA, SELU_SCALE),
    "hardtanh": _hardtanh,
    "softshrink": lambda shape, a, bound=0.5: a - clamp(shape, a, -bound, bound), "hardshrink": lambda shape, a, bound=0.5: _beyond(a, bound, 0),
    "threshold": _threshold, "rrelu": _rrelu, "clip": clamp, "frac": lambda shape, a: a - truncated(a), "fmod": lambda shape, a, b: as_node(a) - as_node(b) * truncated(as_node(a) / b),
    "logit": _logit, "nan_to_num": _nan_to_num, "floor_divide": lambda shape, a, b: _divide(shape, a, b, "floor"), "remainder": _remainder,
    "lerp": lambda shape, a, b, weight: a + (b - a) * weight, "addcmul": lambda shape, a, b, c, value=1: a + (b * c if value == 1 else b * c * value),
    "addcdiv": lambda shape, a, b, c, value=1: a + (b / c if value == 1 else b / c * value),
    "sinc": lambda shape, a: choose(shape, apply(functions.equal, a, 0), 1, apply(sp.sin, a * np.pi) / (a * np.pi)),

    "log_sigmoid": lambda shape, a: -Node(functions.softplus, (-a,)),
}  # fmt: skip
