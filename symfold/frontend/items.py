"""Items: what a fold runs over, each split into a pattern (equal in equal steps) and leaves (one set per step).

item ::= layer | net | tensor, number, array | tuple of items | any other object, compared by ==
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Protocol

import numpy as np
import sympy as sp

from symfold.base.trees import Form, State, unflatten
from symfold.core.blocks import Block
from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.shapes import Shape
from symfold.errors import InvalidType, plural
from symfold.frontend.layer_kinds import Kind
from symfold.frontend.named_layers import Layer, StandInLayer
from symfold.frontend.tracer import Tracer


@dataclass(frozen=True)
class LayerPattern:
    """A layer of this kind."""

    kind: Kind | None

    def build(self, leaves: Sequence[Node]) -> Layer:
        return StandInLayer(self.kind, tuple(leaves))


@dataclass(frozen=True)
class ValuePattern:
    """A tensor, a number or an array."""

    def build(self, leaves: Sequence[Node]) -> Tracer:
        return Tracer(leaves[0])


@dataclass(frozen=True)
class Function:
    """A net used as a function: a call inlines its block."""

    block: Block
    form: Form
    leaves: tuple[Node, ...] = ()

    def __call__(self, *inputs: object) -> State:
        arity = len(self.block.shapes) - len(self.leaves)
        if len(inputs) != arity:
            raise InvalidType(f"a net of {plural(arity, 'input')} was called with {plural(len(inputs), 'argument')}")
        return unflatten(self.form, self.block(*map(as_node, inputs), *self.leaves))


@dataclass(frozen=True)
class FunctionPattern:
    """A net used as a function of its inputs, over its own leaves."""

    block: Block
    form: Form

    def build(self, leaves: Sequence[Node]) -> Function:
        return Function(self.block, self.form, tuple(leaves))


@dataclass(frozen=True, eq=False)
class ObjectPattern:
    """A mapper, a NumPy or SymPy function, or any other Python object, compared by ==."""

    value: object

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ObjectPattern):
            return False
        try:
            return self.value is other.value or bool(self.value == other.value)
        except (ValueError, TypeError, RuntimeError):  # as of two tensors of PyTorch, compared by entries
            return False

    def __hash__(self) -> int:
        return hash(ObjectPattern)

    def build(self, leaves: Sequence[Node]) -> State:
        return self.value


class Pattern(Protocol):
    """An item without its leaves; patterns of like items are equal."""

    def build(self, leaves: Sequence[Node]) -> State: ...


@dataclass(frozen=True)
class TuplePattern:
    """A tuple of patterns, each with its number of leaves."""

    parts: tuple[Pattern, ...]
    sizes: tuple[int, ...]

    def build(self, leaves: Sequence[Node]) -> tuple[State, ...]:
        built, start = [], 0
        for part, size in zip(self.parts, self.sizes, strict=True):
            built.append(part.build(leaves[start : start + size]))
            start += size
        return tuple(built)


@dataclass(frozen=True)
class Item:
    """An item as a pattern and its leaves."""

    pattern: Pattern
    leaves: tuple[Node, ...]

    @property
    def shapes(self) -> tuple[Shape, ...]:
        return tuple(leaf.shape for leaf in self.leaves)

    def like(self, other: Item) -> bool:
        """Whether two items can share one block."""
        return self.pattern == other.pattern and self.shapes == other.shapes


def read_item(value: object) -> Item:
    """Split an item into its pattern and leaves."""
    if isinstance(value, Layer):
        return Item(LayerPattern(value.kind), value.leaves)
    if hasattr(value, "_as_function_"):
        block, form, leaves = value._as_function_()
        return Item(FunctionPattern(block, form), leaves)
    if isinstance(value, (tuple, list)):
        parts = [read_item(part) for part in value]
        pattern = TuplePattern(tuple(p.pattern for p in parts), tuple(len(p.leaves) for p in parts))
        return Item(pattern, tuple(leaf for part in parts for leaf in part.leaves))
    if isinstance(value, (Node, Tracer, sp.Expr, Real, np.ndarray, np.number)):
        return Item(ValuePattern(), (as_node(value),))
    return Item(ObjectPattern(value), ())


def named_in(value: object) -> str:
    """The name of the first layer in an item, for error messages."""
    if isinstance(value, Layer):
        return value.name if value.bound_leaves is None else ""
    if isinstance(value, (tuple, list)):
        return next(filter(None, map(named_in, value)), "")
    return ""
