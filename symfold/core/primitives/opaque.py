"""Opaque operations: known by name and shape, without numbers."""

from __future__ import annotations

from symfold.core.arrays import Array, Namespace
from symfold.core.nodes import Node
from symfold.core.primitives.table import Primitive, primitive
from symfold.core.shapes import Shape
from symfold.errors import NoRule


def _shape(*args: Shape, operation: str, result: int, shape: Shape) -> Shape:
    return shape


def _no_numbers(xp: Namespace, *arrays: Array, operation: str, result: int, shape: Shape) -> Array:
    raise NoRule(f"the operation {operation} has no numbers here (it was read by name only)")


def _no_adjoint(node: Node, bar: Node, operation: str, result: int, shape: Shape) -> list[Node | None]:
    raise NoRule(f"the operation {operation} has no derivative here (it was read by name only)")


opaque: Primitive = primitive("opaque", _shape, _no_numbers, _no_adjoint)
