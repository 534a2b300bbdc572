"""Elementwise functions by name, as `sf.tanh`: of nodes, nets and arrays as nodes, of SymPy expressions as SymPy."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from numbers import Number

import sympy as sp

from symfold.base.public import public
from symfold.base.trees import State
from symfold.core import functions
from symfold.core.conversion import as_node, wraps_node
from symfold.core.functions import Head
from symfold.core.nodes import Node
from symfold.core.primitives import axes_given
from symfold.core.primitives import logsumexp as _logsumexp
from symfold.core.primitives import softmax as _softmax


@dataclass(frozen=True)
class Elementwise:
    """An elementwise function of nodes, nets, arrays or SymPy expressions.

    >>> sigmoid(sp.Symbol("z")), sigmoid
    (sigmoid(z), sigmoid)
    """

    head: Head
    summary: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.summary:
            object.__setattr__(self, "__doc__", f"{self.summary}\n\nOf nodes, nets, arrays or SymPy expressions.")

    @public
    def __call__(self, value: State, /, *parameters: object) -> State:
        return _apply(self.head, value, *parameters)

    def __repr__(self) -> str:
        return self.head.__name__


def _apply(head: Head, value: State, *parameters: object) -> State:
    """A function of a value and parameters (numbers or values)."""
    if isinstance(value, (sp.Expr, Number)) and not isinstance(value, bool):
        return head(value, *parameters)
    node = Node(head, tuple(map(as_node, (value, *parameters))))
    return value._wrap_(node) if wraps_node(value) else node


sigmoid = Elementwise(functions.sigmoid, "The logistic function 1/(1 + exp(-z)), from 0 to 1.")
softplus = Elementwise(functions.softplus, "log(1 + exp(z)), a smooth relu, accurate far out.")
silu = Elementwise(functions.silu, "z*sigmoid(z), also called swish.")
gelu = Elementwise(functions.gelu, "z times the normal distribution function at z: z*(1 + erf(z/sqrt(2)))/2.")
mish = Elementwise(functions.mish, "z*tanh(softplus(z)).")
softsign = Elementwise(functions.softsign, "z/(1 + |z|), from -1 to 1.")
relu = Elementwise(functions.relu, "z where z > 0, else 0; its slope at 0 is 0.")
relu6 = Elementwise(functions.relu6, "z between 0 and 6; its slope at both is 0.")
hardsigmoid = Elementwise(functions.hardsigmoid, "relu6(z + 3)/6, a sigmoid of three straight lines.")
hardswish = Elementwise(functions.hardswish, "z*relu6(z + 3)/6, a swish without an exponential.")
tanh = Elementwise(sp.tanh, "The hyperbolic tangent, from -1 to 1.")
exp = Elementwise(sp.exp, "The exponential function.")
log = Elementwise(sp.log, "The natural logarithm.")
sin = Elementwise(sp.sin, "The sine of an angle in radians.")
cos = Elementwise(sp.cos, "The cosine of an angle in radians.")
erf = Elementwise(sp.erf, "The error function, from -1 to 1.")


@public
def elu(value: State, alpha: float | sp.Expr = 1) -> State:
    """z where z > 0, else alpha*(exp(z) - 1), accurate near 0.

    >>> elu(sp.Symbol("z"), alpha=2), elu(sp.Float(-1e-12))
    (elu(z, 2), -9.99999999999500e-13)
    """
    return _apply(functions.elu, value, alpha)


@public
def leaky_relu(value: State, slope: float | sp.Expr = 0.01) -> State:
    """z where z > 0, else slope*z.

    >>> leaky_relu(sp.Symbol("z")), leaky_relu(-4, slope=sp.Rational(1, 2))
    (leaky_relu(z, 0.01), -2)
    """
    return _apply(functions.leaky_relu, value, slope)


@public
def hardtanh(value: State, low: float | sp.Expr = -1, high: float | sp.Expr = 1) -> State:
    """z between two bounds; at the bounds the slope is 0.

    >>> hardtanh(sp.Symbol("z")), hardtanh(3)
    (hardtanh(z, -1, 1), 1)
    """
    return _apply(functions.hardtanh, value, low, high)


@public
def sqrt(value: State) -> State:
    """The square root."""
    if isinstance(value, Fraction):
        value = sp.Rational(value)
    symbolic = wraps_node(value) or isinstance(value, (Node, sp.Expr, Number))
    return (value if symbolic else as_node(value)) ** sp.Rational(1, 2)


@public
def softmax(value: State, axis: int | tuple[int, ...] = -1) -> State:
    """exp(z)/sum(exp(z)) along an axis, without overflow.

    >>> import symfold as sf
    >>> sf.Net.of(softmax(sf.tensor("z", (3,))))([0.0, 0.0, 1000.0]).tolist()
    [0.0, 0.0, 1.0]
    """
    node = _softmax(as_node(value), axis=axes_given(axis))
    return value._wrap_(node) if wraps_node(value) else node


@public
def logsumexp(value: State, axis: int | tuple[int, ...] = -1, keepdims: bool = False) -> State:
    """log(sum(exp(z))) along an axis, without overflow.

    >>> import symfold as sf
    >>> float(sf.Net.of(logsumexp(sf.tensor("z", (2,))))([1000.0, 1000.0]))
    1000.6931471805599
    """
    node = _logsumexp(as_node(value), axis=axes_given(axis), keepdims=bool(keepdims))
    return value._wrap_(node) if wraps_node(value) else node
