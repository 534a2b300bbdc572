"""Guarded products: zero if a factor is zero, whatever the other factor is.

The cotangent of a branch that `where` does not choose is zero; it stays zero even if the slope is infinite or NaN.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symfold.core.arrays import Array, Namespace
from symfold.core.functions import logical_and, where
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives.broadcasting import unbroadcast
from symfold.core.primitives.table import EACH, Primitive, primitive
from symfold.core.shapes import Shape, elementwise


def _shape(bar: Shape, factor: Shape) -> Shape:
    return elementwise((bar, factor), "cannot multiply {} by {}")


def _product(xp: Namespace, bar: Any, factor: Any) -> Array:
    return xp.where((bar == 0) | (factor == 0), 0.0, bar * factor)


def _adjoint(node: Node, bar: Node) -> list[Node | None]:
    a, b = node.args
    return [unbroadcast(guarded_product(bar, b), a), unbroadcast(guarded_product(a, bar), b)]


def _body(bar: Node, factor: Node) -> Node:
    return Node(where, (Node(logical_and, (bar, factor)), Node(sp.Mul, (bar, factor)), number(0)))


# linear in each factor; its adjoint is guarded too
guarded_product: Primitive = primitive(
    "guarded_product",
    _shape,
    _product,
    _adjoint,
    linear=EACH,
    body=_body,
    examples=((((2, 3), (2, 3)), {}), (((2, 3), (3,)), {})),
)
