"""Ranges: a value whose entries are promised to lie between bounds; values of inputs are checked when they arrive."""

from __future__ import annotations

from typing import Any

from symfold.core.arrays import Array, Namespace
from symfold.core.nodes import Node
from symfold.core.primitives.table import TOGETHER, Primitive, primitive
from symfold.core.shapes import Shape


def _shape(a: Shape, low: float, high: float | None = None, total: float | None = None) -> Shape:
    return a


def _numbers(xp: Namespace, a: Array, **bounds: Any) -> Array:
    return a


def _adjoint(node: Node, bar: Node, **bounds: Any) -> list[Node | None]:
    return [bar]


def _body(a: Node, **bounds: Any) -> Node:
    return a


# the value, from `low` to `high` in each entry; with `total`, the sum along the last axis
within: Primitive = primitive(
    "within",
    _shape,
    _numbers,
    _adjoint,
    linear=TOGETHER,
    body=_body,
    examples=((((2, 3),), {"low": -100}), (((2, 3),), {"low": -100, "high": 100})),
)
