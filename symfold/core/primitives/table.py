"""The table of primitives: one row per operation, with every fact about it.

    dot          linear in each argument; its numbers are `xp.matmul(a, b)`
    sum_like     linear in argument 0; reads only the shape of argument 1
    embed        linear in argument 0; argument 1 holds whole numbers, which have no derivative

Every analysis asks the row; none keeps its own list of primitives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from symfold.base.arguments import whole
from symfold.core.arrays import Array, namespace
from symfold.core.conversion import as_node
from symfold.core.functions import row_of
from symfold.core.nodes import Node, Operation
from symfold.core.shapes import Shape, is_known
from symfold.errors import InvalidValue, NoRule, ShapeError

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Attributes = tuple[tuple[str, Any], ...]
Positions = tuple[int, ...]
Example = tuple[tuple[tuple[int, ...], ...], Mapping[str, Any]]  # the shapes of the arguments, and the attributes
Linear = Positions | Literal["all together", "each alone"]
TOGETHER: Literal["all together"] = "all together"
EACH: Literal["each alone"] = "each alone"


@dataclass(frozen=True)
class Primitive:
    """One row of the table, identified by its name. Its rules take the attributes as keywords.

    - `shape(*shapes)` is the shape of the result.
    - `numbers(xp, *arrays)` computes the result over an array namespace; `spellings[package](*arrays)` replaces it for
      one package.
    - `adjoint(node, cotangent)` gives the cotangent of each argument, None for zero.
    - `linear` names the arguments that the result is linear in: these positions together while the others are fixed
      (-1 is the last), all of them together, or each alone.
    - `shape_only` are the arguments whose shape is read, but not their values.
    - `dtypes` says by position what an argument holds: "real" numbers (the default), or "whole" numbers, "truth" values
      or a "name", which have no derivative.
    - A `flat` row is locally constant: it has no derivative at all.
    - `body` is the same operation composed of others, inlined for every target and analysis without a rule of its own.
    - `examples` are shapes and attributes at which the laws of every row are tested.
    """

    name: str
    shape: Callable[..., Shape] = field(compare=False, repr=False)
    numbers: Callable[..., Array] | None = field(default=None, compare=False, repr=False)
    adjoint: Callable[..., Sequence[Node | None]] | None = field(default=None, compare=False, repr=False)
    linear: Linear | Callable[..., Linear] = field(default=(), compare=False, repr=False)
    shape_only: Positions = field(default=(), compare=False, repr=False)
    dtypes: tuple[str, ...] = field(default=(), compare=False, repr=False)
    flat: bool = field(default=False, compare=False, repr=False)
    body: Callable[..., Node] | None = field(default=None, compare=False, repr=False)
    spellings: Mapping[str, Callable[..., Array]] = field(default_factory=dict, compare=False, repr=False)
    examples: tuple[Example, ...] = field(default=(), compare=False, repr=False)

    def __call__(self, *args: object, **attributes: object) -> Node:
        nodes = tuple(map(as_node, args))
        return Apply(self, tuple(sorted(attributes.items()))).rebuild(nodes)

    def spelled(self, package: str) -> Callable[..., Array]:
        """The function by which a package computes the primitive: `spelled("jax")(*arrays, **attributes)`."""
        if package in self.spellings:
            return self.spellings[package]
        if self.numbers is None:
            raise NoRule(f"the primitive {self.name!r} has no numbers (give its row `numbers`, or a `body`)")
        return partial(self.numbers, namespace(package))

    def carries(self, arity: int) -> Positions:
        """The positions of the arguments that the result depends on smoothly: real numbers that it reads.

        >>> from symfold.core.primitives import embed, sum_like
        >>> embed.carries(2), sum_like.carries(2)
        ((0,), (0,))
        """
        if self.flat:
            return ()
        excluded = {*self.shape_only, *(k for k, kind in enumerate(self.dtypes) if kind != "real")}
        return tuple(k for k in range(arity) if k not in excluded)


@dataclass(frozen=True)
class Apply(Operation):
    """A primitive with its attributes: the operation of a node."""

    primitive: Primitive
    attributes: Attributes = ()

    def infer(self, args: tuple[Node, ...]) -> Shape:
        return self.primitive.shape(*(arg.shape for arg in args), **dict(self.attributes))

    def rebuild(self, args: tuple[Node, ...]) -> Node:
        """The node over these arguments; its axes are counted from the end once the number of axes is known."""
        axis = dict(self.attributes).get("axis")
        shape = args[0].shape if args else ()
        if axis is None or not is_known(shape):
            return Node(self, args)
        rank = len(shape) + (self.primitive.name == "expand")  # the new axis may be the last
        counted = axes_of(axis, rank)
        attributes = {**dict(self.attributes), "axis": counted if isinstance(axis, tuple) else counted[0]}
        return Node(Apply(self.primitive, tuple(sorted(attributes.items()))), args)

    def pull(self, node: Node, cotangent: Node) -> Sequence[Node | None]:
        """The cotangents of the arguments, from that of the result; None for zero."""
        if self.primitive.adjoint is None:
            raise NoRule(f"the primitive {self.primitive.name!r} has no adjoint rule (add one to its row)")
        return self.primitive.adjoint(node, cotangent, **dict(self.attributes))

    def evaluate(self, *arrays: object) -> Any:
        """The result for NumPy arrays."""
        return self.primitive.spelled("numpy")(*map(np.asarray, arrays), **dict(self.attributes))

    def groups(self, arity: int) -> tuple[Positions, ...]:
        """The groups of arguments that the result is linear in, each while the others are fixed.

        >>> from symfold.core.primitives import concatenate, dot
        >>> Apply(dot).groups(2), Apply(concatenate, (("axis", 0),)).groups(3)
        (((0,), (1,)), ((0, 1, 2),))
        """
        linear = self.primitive.linear
        if callable(linear):
            linear = linear(**dict(self.attributes))
        if isinstance(linear, tuple):
            positions = tuple(k % arity for k in linear if k < arity)
            return (positions,) if positions else ()
        carried = self.primitive.carries(arity)
        return (carried,) if linear == TOGETHER else tuple((k,) for k in carried)

    def is_multilinear(self, arity: int) -> bool:
        """Whether the result is linear in each of the arguments that it depends on, in groups or alone."""
        return set(self.primitive.carries(arity)) <= {k for group in self.groups(arity) for k in group}

    def is_linear(self, arity: int) -> bool:
        """Whether the result is linear in all arguments that it depends on, together."""
        return self.is_multilinear(arity) and len(self.groups(arity)) <= 1


PRIMITIVES: dict[str, Primitive] = {}


def primitive(
    name: str, shape: Callable[..., Shape], numbers: Any = None, adjoint: Any = None, **facts: Any
) -> Primitive:
    """Add a row to the table; `facts` are the other fields of `Primitive`. Only the same module can redefine a name."""
    previous = PRIMITIVES.get(name)
    if previous is not None and previous.shape.__module__ != shape.__module__:
        raise InvalidValue(
            f"the name {name!r} is taken by a primitive of {previous.shape.__module__} (give the new one another name)"
        )
    PRIMITIVES[name] = Primitive(name, shape, numbers, adjoint, **facts)
    return PRIMITIVES[name]


def is_primitive(node: Node, *rows: Primitive) -> TypeIs[Node[Apply]]:
    """Whether a node applies one of these rows."""
    return isinstance(node.op, Apply) and node.op.primitive in rows


def is_apply(node: Node) -> TypeIs[Node[Apply]]:
    """Whether a node applies a primitive."""
    return isinstance(node.op, Apply)


def carried_places(node: Node) -> Positions:
    """The positions of the arguments that a node depends on smoothly; paths pass through them.

    >>> from symfold.core.primitives import alike
    >>> from symfold.core.leaves import tensor
    >>> a, b = tensor("a"), tensor("b")
    >>> carried_places(alike(a, b)), carried_places(a + b), carried_places(a > b)
    ((0,), (0, 1), ())
    """
    op, arity = node.op, len(node.args)
    if isinstance(op, Apply):
        return op.primitive.carries(arity)
    return row_of(op).carries(arity) if isinstance(op, type) else tuple(range(arity))


def read_places(node: Node[Apply]) -> Positions:
    """The positions of the arguments whose values, not only shapes, a primitive's node reads."""
    return tuple(k for k in range(len(node.args)) if k not in node.op.primitive.shape_only)


def axes_given(axis: object) -> tuple[int, ...]:
    """The axes that a caller gave: one whole number or several."""
    return tuple(whole("axis", entry, None) for entry in (axis if isinstance(axis, (tuple, list)) else [axis]))


def axes_of(axis: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """Axes counted from the end and sorted, so that the same axes are the same attribute at any rank."""
    axes = range(rank) if axis is None else [axis] if isinstance(axis, (int, np.integer)) else axis
    for k in axes:
        if not -rank <= k < rank:
            raise ShapeError(f"axis {k} is out of bounds for {rank} axes (must be from {-rank} to {rank - 1})")
    if len({int(k) % rank for k in axes}) < len(axes):
        raise ShapeError(f"axes {tuple(axes)} name one axis of {rank} twice")
    return tuple(sorted({int(k) - rank if k >= 0 else int(k) for k in axes}))
