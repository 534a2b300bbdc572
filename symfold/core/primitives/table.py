"""The table of primitives: one row per operation, with every fact about it.

    dot          linear in each argument; its numbers are `xp.matmul(a, b)`
    sum_like     linear in argument 0; reads only the shape of argument 1
    embed        linear in argument 0; argument 1 holds whole numbers, which have no derivative

Every analysis asks the row; none keeps its own list of primitives.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from symfold.base.arguments import check_named, quoted, takes, whole
from symfold.base.facts import check_places, check_rules, counted, module_of, most_taken, public_name
from symfold.base.public import public
from symfold.core.arrays import Array, namespace
from symfold.core.conversion import as_node
from symfold.core.functions import row_of
from symfold.core.nodes import Node, Operation
from symfold.core.shapes import Shape, differ, is_known, is_shape, show
from symfold.errors import InvalidType, InvalidValue, NoRule, ShapeError, listing

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Attributes = tuple[tuple[str, Any], ...]
Positions = tuple[int, ...]
Example = tuple[tuple[tuple[int, ...], ...], Mapping[str, Any]]  # the shapes of the arguments, and the attributes
Linear = Positions | Literal["all together", "each alone"]
KINDS = ("real", "whole", "truth", "name")  # what an argument may hold
TOGETHER: Literal["all together"] = "all together"
EACH: Literal["each alone"] = "each alone"


@dataclass(frozen=True)
class Primitive:
    """One row of the table, identified by its name and definition. Its rules take the attributes as keywords.

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
    - A `sized` row has a body that reads the sizes of its arguments: it is inlined where they are known.
    - `examples` are shapes and attributes at which the laws of every row are tested.
    - `definition` counts the earlier definitions of the name: operations of different rules are never equal.
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
    sized: bool = field(default=False, compare=False, repr=False)
    definition: int = 0

    def __post_init__(self) -> None:
        what = f"the primitive {self.name!r}"
        given_rules = {"shape": self.shape, "numbers": self.numbers, "adjoint": self.adjoint, "body": self.body}
        check_rules(what, given_rules, required=("shape",))
        check_rules(f"{what}, `spellings`", self.spellings)
        most = most_taken(self.shape)
        if not callable(self.linear):
            check_linear(what, self.linear, most)
        check_places(f"{what}: shape_only", self.shape_only, most)
        if not isinstance(self.dtypes, tuple) or not set(self.dtypes) <= set(KINDS):
            raise InvalidValue(
                f"{what}: dtypes={quoted(self.dtypes)} is not a tuple of kinds of values by position "
                f"(each one of {listing(map(repr, KINDS))})"
            )

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
        row, shapes, attributes = self.primitive, [arg.shape for arg in args], dict(self.attributes)
        try:
            shape = row.shape(*shapes, **attributes)
        except TypeError:
            if takes(row.shape, *shapes, **attributes):
                raise
            named = f" and {', '.join(attributes)}" if attributes else ""
            raise InvalidType(
                f"the primitive {row.name!r} does not take {counted(len(args), 'argument')}{named} "
                f"(it takes {listing(inspect.signature(row.shape).parameters)})"
            ) from None
        if not is_shape(shape):
            raise InvalidValue(
                f"the shape rule of the primitive {row.name!r} gave {quoted(shape)} for the shapes "
                f"{', '.join(map(show, shapes))}, which is not a tuple of sizes (as (3,), or () for a number)"
            )
        return shape

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
        cotangents = self.primitive.adjoint(node, cotangent, **dict(self.attributes))
        what = f"the adjoint of the primitive {self.primitive.name!r}"
        if not isinstance(cotangents, (list, tuple)) or len(cotangents) != len(node.args):
            raise InvalidValue(
                f"{what} gave {quoted(cotangents)}, which is not a list of "
                f"{counted(len(node.args), 'cotangent')} (give one per argument, None for zero)"
            )
        for k, (arg, pulled) in enumerate(zip(node.args, cotangents, strict=True)):
            if pulled is not None and not isinstance(pulled, Node):
                raise InvalidType(f"{what} gave {quoted(pulled)} for argument {k} (give a value of tensors, or None)")
            if pulled is not None and differ(pulled.shape, arg.shape):
                raise ShapeError(
                    f"{what} gave a cotangent of shape {show(pulled.shape)} for argument {k} of shape "
                    f"{show(arg.shape)} (they must be equal)"
                )
        return cotangents

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
            check_linear(f"the primitive {self.primitive.name!r}", linear, arity)
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
DEFINITIONS: Counter[str] = Counter()  # how often each name was defined; never reset, since nets may outlive a row


@public
def primitive(
    name: str, shape: Callable[..., Shape], numbers: Any = None, adjoint: Any = None, **facts: Any
) -> Primitive:
    """Add a row to the table; `facts` are the other fields of `Primitive`. Only the same module can redefine a name."""
    check_named(f"the primitive {name!r}", "fact", facts, [field.name for field in fields(Primitive)][4:-1])
    row = Primitive(public_name("primitive", name), shape, numbers, adjoint, **facts)
    previous = PRIMITIVES.get(name)
    if previous is not None and module_of(previous.shape) != module_of(shape):
        raise InvalidValue(
            f"the name {name!r} is taken by a primitive of {module_of(previous.shape)} (give the new one another name)"
        )
    row = replace(row, definition=DEFINITIONS[name])
    DEFINITIONS[name] += 1
    PRIMITIVES[name] = row
    return row


def check_linear(what: str, linear: object, most: int | None) -> None:
    """Refuse what does not say in which of at most so many arguments a primitive is linear."""
    if linear not in (TOGETHER, EACH):
        check_places(f"{what}: linear", linear, most, f", {TOGETHER!r} or {EACH!r}")


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
