"""Blocks: closed functions from nodes to nodes, traced from ordinary Python.

    block ::= shapes of the formals -> results

A block refers to nothing outside itself: what a mapper captures becomes a formal as well, and the outer node an
operand of whoever applies the block. So a block may be placed anywhere, compared, and kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from symfold.core.nodes import Node, digest
from symfold.core.operations import Constant, Formal
from symfold.core.shapes import Shape
from symfold.core.walks import substitute, walk, with_args
from symfold.errors import ShapeError

# how many mappers are being traced around this point; a context variable, so that threads do not see each other
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

    def __reduce__(self) -> tuple[Any, ...]:
        return Block, (self.shapes, self.results)  # without the hash, which is another in every process

    @cached_property
    def formals(self) -> tuple[Node, ...]:
        return tuple(Node(Formal(0, k, shape)) for k, shape in enumerate(self.shapes))

    @cached_property
    def digest(self) -> bytes:
        content = (repr(self.shapes).encode(), *(digest(result) for result in self.results))
        return hashlib.blake2b(b"\0".join(content), digest_size=16).digest()

    def __call__(self, *args: Node) -> tuple[Node, ...]:
        """The results with the formals replaced: the block written out in place."""
        new: dict[Node, Any] = dict(zip(self.formals, args, strict=True))
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
        """The block over those formals that it reads, and their positions; the first `fixed` are kept in any case."""
        used = set(walk(self.results))
        kept = tuple(k for k, formal in enumerate(self.formals) if k < fixed or formal in used)
        replaced = {self.formals[k]: Node(Formal(0, place, self.shapes[k])) for place, k in enumerate(kept)}
        return Block(tuple(self.shapes[k] for k in kept), substitute(self.results, replaced)), kept


@dataclass(frozen=True)
class Traced:
    """A block with what fills its formals after the first `fixed`: nodes from outside, or the formals given by position."""

    block: Block
    operands: tuple[Node | int, ...]


def trace(function: Callable[[Sequence[Node]], Sequence[Node]], shapes: Sequence[Shape], fixed: int) -> Traced:
    """Run a function on formals and close what it gives.

    The first `fixed` formals keep their place; the others and the captured nodes follow in the order of first use,
    and what is not used is left out. Of a captured reciprocal in a product it is the divisor that is captured: a quotient
    stays a quotient.
    """
    level = _nesting.get() + 1
    formals = tuple(Node(Formal(level, k, shape)) for k, shape in enumerate(shapes))
    token = _nesting.set(level)
    try:
        results = tuple(function(formals))
    finally:
        _nesting.reset(token)
    position = {formal: k for k, formal in enumerate(formals)}
    order = walk(results)
    inner: set[Node] = set(formals)
    for node in order:
        if any(arg in inner for arg in node.args):
            inner.add(node)
    inner.update(
        [arg for node in inner if node.op is sp.Mul for arg in node.args if arg not in inner and is_reciprocal(arg)]
    )
    used = [arg for node in order if node in inner for arg in node.args] + list(results)
    operands = [
        node for node in dict.fromkeys(used)
        if (node in position and position[node] >= fixed) or (node not in inner and not isinstance(node.op, Constant))
    ]  # fmt: skip
    closed = (*shapes[:fixed], *(node.shape for node in operands))
    replaced = {
        node: Node(Formal(0, k, shape))
        for k, (node, shape) in enumerate(zip((*formals[:fixed], *operands), closed, strict=True))
    }
    block = Block(tuple(closed), substitute(results, replaced))
    return Traced(block, tuple(position.get(node, node) for node in operands))


def is_reciprocal(node: Node) -> bool:
    """Whether a node is one over another."""
    return node.op is sp.Pow and isinstance(node.args[1].op, Constant) and node.args[1].op.value == -1


def prefixed(error: ShapeError, where: str) -> ShapeError:
    """The same error, saying where it happened."""
    return ShapeError(f"{where}: {error.problem}", *error.advice)
