"""Blocks: closed functions from nodes to nodes, traced from ordinary Python.

    block ::= shapes of the formals -> results

A block refers to nothing outside itself: each node that a mapper captures becomes a formal, and the node itself an
operand of the fold or layer that applies the block. So blocks can be compared, saved, and applied anywhere.

    layer(name, inputs..., weights..., captured...)   a layer applied; opaque, or with a block as its body
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sympy as sp

from symfold.core.conversion import as_node
from symfold.core.leaves import Constant, Formal, number_of
from symfold.core.nodes import Node, Operation, digest, substitute, walk, with_args
from symfold.core.shapes import ANY, NAME, Shape
from symfold.errors import SymfoldError

if TYPE_CHECKING:
    from typing_extensions import TypeIs

# the number of mappers being traced around this point; a context variable, so that threads do not interfere
_nesting: ContextVar[int] = ContextVar("nesting", default=0)


@dataclass(frozen=True)
class Block:
    """Formals by position, and results over them."""

    shapes: tuple[Shape, ...]
    results: tuple[Node, ...]

    @cached_property
    def _hash(self) -> int:
        return hash((self.shapes, self.results))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[object, ...]:
        return Block, (self.shapes, self.results)  # without the cached hash, which differs between processes

    @cached_property
    def formals(self) -> tuple[Node, ...]:
        return tuple(Node(Formal(0, k, shape)) for k, shape in enumerate(self.shapes))

    @cached_property
    def digest(self) -> bytes:
        content = (repr(self.shapes).encode(), *(digest(result) for result in self.results))
        return hashlib.blake2b(b"\0".join(content), digest_size=16).digest()

    def __call__(self, *args: object) -> tuple[Node, ...]:
        """The results with the formals replaced by these nodes: the block inlined."""
        new: dict[Node, Any] = dict(zip(self.formals, map(as_node, args), strict=True))
        for node in self._order:
            new[node] = with_args(node, tuple([new[arg] for arg in node.args]))
        return tuple(new[result] for result in self.results)

    @cached_property
    def _order(self) -> list[Node]:
        return walk(self.results, stop=self.formals)

    def retyped(self, shapes: Sequence[Shape]) -> Block:
        """The same block for arguments of other shapes."""
        if tuple(shapes) == self.shapes:
            return self
        return Block(tuple(shapes), self(*(Node(Formal(0, k, shape)) for k, shape in enumerate(shapes))))

    def without_unused(self, fixed: int) -> tuple[Block, tuple[int, ...]]:
        """The block without the formals that it does not read, except the first `fixed`; and the kept positions."""
        read = set(walk(self.results))
        positions = tuple(k for k, formal in enumerate(self.formals) if k < fixed or formal in read)
        replaced = {self.formals[k]: Node(Formal(0, new, self.shapes[k])) for new, k in enumerate(positions)}
        return Block(tuple(self.shapes[k] for k in positions), substitute(self.results, replaced)), positions


@dataclass(frozen=True)
class Traced:
    """A block, and the operands of its formals after the first `fixed`: captured nodes, or positions of formals."""

    block: Block
    operands: tuple[Node | int, ...]


def trace(function: Callable[[Sequence[Node]], Sequence[Node]], shapes: Sequence[Shape], fixed: int) -> Traced:
    """Run a function on formals, and close its results into a block.

    The first `fixed` formals keep their positions; the others and the captured nodes follow in the order of first use,
    without those that are not used. Of a captured reciprocal in a product, the divisor is captured: a quotient stays a
    quotient.
    """
    level = _nesting.get() + 1
    formals = tuple(Node(Formal(level, k, shape)) for k, shape in enumerate(shapes))
    token = _nesting.set(level)
    try:
        results = tuple(function(formals))
    finally:
        _nesting.reset(token)
    position: dict[Node, int] = {formal: k for k, formal in enumerate(formals)}
    order = walk(results)
    inner: set[Node] = set(formals)
    known: set[Node] = set()  # numbers, and what is computed of numbers alone, as log(2)
    for node in order:
        if any(arg in inner for arg in node.args):
            inner.add(node)
        elif isinstance(node.op, Constant) or (node.args and known.issuperset(node.args)):
            known.add(node)
    inner.update(
        [arg for node in inner if node.op is sp.Mul for arg in node.args if arg not in inner and is_reciprocal(arg)]
    )
    read = [arg for node in order if node in inner for arg in node.args] + list(results)
    operands = [
        node for node in dict.fromkeys(read)
        if (node in position and position[node] >= fixed) or (node not in inner and node not in known)
    ]  # fmt: skip
    closed_shapes = (*shapes[:fixed], *(node.shape for node in operands))
    replaced = {
        node: Node(Formal(0, k, shape))
        for k, (node, shape) in enumerate(zip((*formals[:fixed], *operands), closed_shapes, strict=True))
    }
    block = Block(closed_shapes, substitute(results, replaced))
    return Traced(block, tuple(position.get(node, node) for node in operands))


def is_tracing() -> bool:
    """Whether a mapper is being traced around this point."""
    return _nesting.get() > 0


def is_reciprocal(node: Node) -> bool:
    """Whether a node is the reciprocal of another."""
    return node.op is sp.Pow and number_of(node.args[1]) == -1


def prefixed(error: SymfoldError, where: str) -> SymfoldError:
    """The same error, prefixed by where it happened."""
    again = type(error)(f"{where}: {error.problem}", *error.advice)
    return again.with_traceback(error.__traceback__)


@dataclass(frozen=True)
class Call(Operation):
    """The operation of an applied layer. Its body, if it has one, takes all arguments but the name."""

    body: Block | None
    arity: int
    weights: int = 0  # the number of the layer's own parameters

    def infer(self, args: tuple[Node, ...]) -> Shape:
        if self.body is None:
            return args[1].shape if len(args) > 1 else ANY
        return self.body.retyped([arg.shape for arg in args[1:]]).results[0].shape

    @property
    def digest(self) -> bytes:
        return hashlib.blake2b(
            b"call" + (self.body.digest if self.body else b"") + bytes([self.arity, self.weights])
        ).digest()


def is_call(node: Node) -> TypeIs[Node[Call]]:
    """Whether a node applies a layer."""
    return isinstance(node.op, Call)


def is_name(node: Node) -> bool:
    """Whether a node is the name of a layer, or a sequence of names."""
    return node.shape[-1:] == (NAME,)
