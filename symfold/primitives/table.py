"""What the table of primitives holds: one row a primitive, and a row with its attributes as the operation of a node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symfold.arguments import whole
from symfold.errors import NoRule, ShapeError
from symfold.lifting import lift
from symfold.nodes import Node
from symfold.shapes import Shape, is_known

Attributes = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Primitive:
    """One row of the table. Its name identifies it; the rules take the attributes as keywords."""

    name: str
    shape: Callable[..., Shape] = field(compare=False, repr=False)
    evaluate: Callable[..., Any] = field(compare=False, repr=False)
    adjoint: Callable[..., Sequence[Node | None]] | None = field(default=None, compare=False, repr=False)

    def __call__(self, *args: Any, **attributes: Any) -> Node:
        nodes = tuple(map(lift, args))
        return Apply(self, tuple(sorted(attributes.items()))).rebuild(nodes)


@dataclass(frozen=True)
class Apply:
    """A primitive with its attributes: the operation of a node."""

    primitive: Primitive
    attributes: Attributes = ()

    def infer(self, args: tuple[Node, ...]) -> Shape:
        return self.primitive.shape(*(arg.shape for arg in args), **dict(self.attributes))

    def rebuild(self, args: tuple[Node, ...]) -> Node:
        """The node over these arguments, its axes counted from the end as soon as there is an end to count from."""
        axis = dict(self.attributes).get("axis")
        shape = args[0].shape if args else ()
        if axis is None or not is_known(shape):
            return Node(self, args)
        rank = len(shape) + (self.primitive.name == "expand")  # a new axis may stand at the end
        counted = axes_of(axis, rank)
        attributes = {**dict(self.attributes), "axis": counted if isinstance(axis, tuple) else counted[0]}
        return Node(Apply(self.primitive, tuple(sorted(attributes.items()))), args)

    def pull(self, node: Node, cotangent: Node) -> Sequence[Node | None]:
        """The cotangent of each argument, from the cotangent of the result."""
        if self.primitive.adjoint is None:
            raise NoRule(f"the primitive {self.primitive.name!r} has no adjoint rule (add one to its row)")
        return self.primitive.adjoint(node, cotangent, **dict(self.attributes))

    def evaluate(self, *arrays: Any) -> Any:
        return self.primitive.evaluate(*arrays, **dict(self.attributes))


PRIMITIVES: dict[str, Primitive] = {}


def primitive(name: str, shape: Any, evaluate: Any, adjoint: Any = None) -> Primitive:
    """Add a row to the table."""
    PRIMITIVES[name] = Primitive(name, shape, evaluate, adjoint)
    return PRIMITIVES[name]


def is_primitive(node: Node, *rows: Primitive) -> bool:
    """Whether a node applies one of these rows."""
    return isinstance(node.op, Apply) and node.op.primitive in rows


def axes_given(axis: Any) -> tuple[int, ...]:
    """The axes that an author gave: one whole number or several."""
    return tuple(whole("axis", one, None) for one in (axis if isinstance(axis, (tuple, list)) else [axis]))


def axes_of(axis: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """Axes counted from the end and sorted, so that the same axes are the same attribute at any rank."""
    chosen = range(rank) if axis is None else [axis] if isinstance(axis, (int, np.integer)) else axis
    for one in chosen:
        if not -rank <= one < rank:
            raise ShapeError(f"axis {one} is out of bounds for {rank} axes (must be from {-rank} to {rank - 1})")
    if len({int(one) % rank for one in chosen}) < len(chosen):
        raise ShapeError(f"axes {tuple(chosen)} name one axis of {rank} twice")
    return tuple(sorted({int(one) - rank if one >= 0 else int(one) for one in chosen}))
