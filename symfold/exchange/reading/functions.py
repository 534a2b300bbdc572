"""Functions that several packages have, and nets write by others."""

from __future__ import annotations

import sympy as sp

from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.functions import Head
from symfold.core.nodes import Node
from symfold.core.primitives.gelu_tanh import gelu_tanh

HALF = sp.Rational(1, 2)


def apply(head: Head, *args: object) -> Node:
    """A function of nodes and plain numbers."""
    return Node(head, tuple(map(as_node, args)))


def choose(mask: object, a: Node | float, b: Node | float) -> Node:
    """`a` where the mask is true, else `b`."""
    return apply(functions.where, mask, a, b)


def clamp(a: Node | float, low: Node | float | None = None, high: Node | float | None = None) -> Node:
    """A value between two bounds, which may be missing."""
    return apply(functions.clip, a, -sp.oo if low is None else low, sp.oo if high is None else high)


def truncated(a: Node) -> Node:
    """A number rounded toward zero."""
    return choose(apply(functions.less, a, 0), apply(sp.ceiling, a), apply(sp.floor, a))


def rounded_to_even(a: Node) -> Node:
    """The nearest whole number; of two, the even one.

    >>> import numpy as np, symfold as sf
    >>> sf.Net.of(rounded_to_even(sf.tensor("x", (4,))))(x=np.array([-0.5, 0.5, 1.5, 2.4])).tolist()
    [0.0, 0.0, 2.0, 2.0]
    """
    up = Node(sp.floor, (a + HALF,))
    even = 2 * Node(sp.floor, (a * HALF + HALF * HALF,))
    return choose(apply(functions.equal, a + HALF, up), even, up)


def gelu(a: Node, approximate: str = "none") -> Node:
    """GELU, or with "tanh" its approximation."""
    return gelu_tanh(a) if approximate == "tanh" else Node(functions.gelu, (a,))


def leaky_relu(a: Node, slope: object = 0.01) -> Node:
    """A positive value, or a slope times a negative one."""
    return Node(functions.leaky_relu, (a, as_node(slope)))


def elu(a: Node, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Node:
    """ELU; with scales of the result and the argument, SELU and CELU."""
    scaled, inner = (a, alpha) if input_scale == 1 else (a * input_scale, alpha * input_scale)
    value = Node(functions.elu, (scaled, as_node(inner)))
    return value if scale == input_scale == 1 else value * (scale / input_scale)


def celu(a: Node, alpha: float = 1.0) -> Node:
    """ELU whose slope is continuous for every `alpha`."""
    return elu(a, alpha, 1, 1 / alpha)


def threshold(a: Node, bound: float, value: float) -> Node:
    """A value above a bound, else a number."""
    return choose(apply(functions.less_equal, a, bound), value, a)
