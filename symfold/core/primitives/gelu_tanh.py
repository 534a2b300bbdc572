"""The tanh approximation of GELU, as one operation."""

from __future__ import annotations

import math

import sympy as sp

from symfold.core.arrays import Array, Namespace
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives.table import Primitive, primitive

FACTOR, CUBIC = math.sqrt(2 / math.pi), 0.044715  # Hendrycks & Gimpel 2016


def _body(z: Node) -> Node:
    inner = (z + z**3 * number(CUBIC)) * number(FACTOR)
    return z * (Node(sp.tanh, (inner,)) + 1) * number(sp.Rational(1, 2))


def _numbers(xp: Namespace, z: Array) -> Array:
    return z * (xp.tanh((z + z**3 * CUBIC) * FACTOR) + 1) * 0.5


gelu_tanh: Primitive = primitive("gelu_tanh", lambda z: z, _numbers, body=_body, examples=((((2, 3),), {}),))
