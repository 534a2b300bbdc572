"""A product that is zero where a factor is, whatever the other: a cotangent times a slope, below a branch that a choice does not read."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symfold.core.functions import logical_and, where
from symfold.core.nodes import Node
from symfold.core.primitives.broadcasting import unbroadcast
from symfold.core.primitives.table import EACH, Primitive, primitive
from symfold.core.shapes import Shape, elementwise
from symfold.core.tensors import number


def _shape(bar: Shape, factor: Shape) -> Shape:
    return elementwise((bar, factor), "cannot multiply {} by {}")


def _product(xp: Any, bar: Any, factor: Any) -> Any:
    return xp.where((bar == 0) | (factor == 0), 0.0, bar * factor)


def _adjoint(node: Node, bar: Node) -> list[Node | None]:
    left, right = node.args
    return [unbroadcast(guarded_product(bar, right), left), unbroadcast(guarded_product(left, bar), right)]


def _body(bar: Node, factor: Node) -> Node:
    return Node(where, (Node(logical_and, (bar, factor)), Node(sp.Mul, (bar, factor)), number(0)))


# linear in each, and differentiated so: zero where one is, even if the other is infinite or not a number
guarded_product: Primitive = primitive(
    "guarded_product",
    _shape,
    _product,
    _adjoint,
    linear=EACH,
    body=_body,
    examples=((((2, 3), (2, 3)), {}), (((2, 3), (3,)), {})),
)
