"""Folds: a block and a count, as an operation over nodes, and its results.

fold(init..., operands...)[j]     each operand one value for all steps, or a sequence with one entry a step
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from symfold.core.blocks import Block, trace
from symfold.core.nodes import Node
from symfold.core.sequences import element, has_rest, join, repeated_value, rest, take
from symfold.core.shapes import ANY, Shape, Size, fits, is_known, settled, show
from symfold.core.walks import rebuilt
from symfold.errors import Advice, ShapeError

T = TypeVar("T")


@dataclass(frozen=True)
class Fold:
    """A block applied `count` times: its first `carries` formals are the state; `each` says which operands are sequences.

    The block's first `carries` results are the next state, the others are given out at each step.
    """

    block: Block
    count: Size
    carries: int
    each: tuple[bool, ...]

    def infer(self, args: tuple[Node, ...]) -> Shape:
        steps = (False,) * self.carries + self.each
        given = tuple(arg.shape[1:] if each else arg.shape for arg, each in zip(args, steps, strict=False))
        alike = len(steps) == len(args) == len(self.block.shapes) and all(map(fits, given, self.block.shapes))
        if not alike or len(self.block.results) < self.carries:
            raise ShapeError(
                f"a block for {', '.join(map(show, self.block.shapes))} cannot be folded over {', '.join(map(show, given))}"
            )
        return ()

    @property
    def digest(self) -> bytes:
        content = self.block.digest + repr((self.count, self.carries, self.each)).encode()
        return hashlib.blake2b(content, digest_size=16).digest()

    def result_shape(self, position: int) -> Shape:
        shape = self.block.results[position].shape
        return shape if position < self.carries else (self.count, *shape)

    def split(self, args: Sequence[T]) -> tuple[tuple[T, ...], tuple[T, ...]]:
        """The arguments as the initial state and the operands."""
        return tuple(args[: self.carries]), tuple(args[self.carries :])

    def over(self, args: Sequence[Node], block: Block | None = None) -> tuple[Node, ...]:
        """The results of as many steps over other arguments of the same shapes, or of another block."""
        init, operands = self.split(args)
        return apply_fold(block or self.block, self.count, init, operands, self.each)

    def rebuild(self, args: tuple[Node, ...]) -> tuple[Node, ...]:
        """The results of this fold over other arguments, whose shapes may be others too."""
        init, operands = self.split(args)
        steps = [a.shape[1:] if each else a.shape for a, each in zip(operands, self.each, strict=True)]

        def step_for(state: tuple[Shape, ...], first: int) -> Step:
            return Step(self.block.retyped((*state, *steps)), operands, self.each)

        lengths = {a.shape[0] for a, each in zip(operands, self.each, strict=True) if each}
        count = lengths.pop() if len(lengths) == 1 else self.count
        return settle(step_for, count if isinstance(count, int) else self.count, init)


@dataclass(frozen=True)
class Select:
    """One result of a fold: a part of the last state, or a sequence that the steps gave out."""

    position: int

    def infer(self, args: tuple[Node, ...]) -> Shape:
        shape: Shape = args[0].op.result_shape(self.position)
        return shape

    def rebuild(self, args: tuple[Any, ...]) -> Node:
        results = args[0]
        return results[self.position] if isinstance(results, tuple) else Node(self, (results,))


def is_fold(node: Node) -> bool:
    """Whether a node is a fold (whose results are read by `Select`)."""
    return isinstance(node.op, Fold)


def apply_fold(
    block: Block, count: Size, init: Sequence[Node], operands: Sequence[Node], each: Sequence[bool]
) -> tuple[Node, ...]:
    """The results of a fold in normal form: one step holds plain values, and a repeated entry is one value for all."""
    args, flags = [], []
    for operand, one_a_step in zip(operands, each, strict=True):
        if one_a_step and count == 1:
            operand, one_a_step = element(operand, 0), False
        elif one_a_step and (same := repeated_value(operand)) is not None:
            operand, one_a_step = same, False
        args.append(operand)
        flags.append(one_a_step)
    node = Node(Fold(block, count, len(init), tuple(flags)), (*init, *args))
    return tuple(Node(Select(k), (node,)) for k in range(len(block.results)))


Rule = Callable[[Node, tuple[Node, ...]], Any]
FoldRule = Callable[[Fold, Block, tuple[Node, ...]], tuple[Node, ...]]


def rebuilt_inside(roots: Sequence[Node], rule: Rule, fold_rule: FoldRule | None = None) -> tuple[Node, ...]:
    """`rebuilt`, with the rule applied in the blocks of folds as well, once per block.

    `fold_rule(fold, rebuilt block, arguments)` says what becomes of a fold; without it, the fold of the rebuilt block.
    """
    known: dict[Block, Block] = {}

    def block_of(block: Block) -> Block:
        if block not in known:
            known[block] = Block(block.shapes, rebuilt(block.results, everywhere))
        return known[block]

    def everywhere(node: Node, args: tuple[Node, ...]) -> Any:
        if not isinstance(node.op, Fold):
            return rule(node, args)
        block = block_of(node.op.block)
        return fold_rule(node.op, block, args) if fold_rule else node.op.over(args, block)

    return rebuilt(roots, everywhere)


@dataclass(frozen=True)
class Step:
    """A block with its operands over all the steps; `each` says which of them are sequences."""

    block: Block
    operands: tuple[Node, ...]
    each: tuple[bool, ...]


def traced_step(
    step: Callable[[Sequence[Node]], Sequence[Node]], shapes: Sequence[Shape], given: Sequence[Node], along: bool = True
) -> Step:
    """A step, as Python over (state..., entries...), traced for a state of these shapes; what it reads from outside is captured.

    Entries are those of sequences, or where not `along`, values that all steps share.
    """
    carries = len(shapes)
    traced = trace(step, [*shapes, *(value.shape[1:] if along else value.shape for value in given)], fixed=carries)
    return Step(
        traced.block,
        tuple(given[o - carries] if isinstance(o, int) else o for o in traced.operands),
        tuple(along and isinstance(o, int) for o in traced.operands),
    )


def fold_nodes(
    step: Callable[[Sequence[Node]], Sequence[Node]], count: Size, init: Sequence[Node], sequences: Sequence[Node]
) -> tuple[Node, ...]:
    """A step folded over sequences: the last state, then what the steps gave out besides, as sequences."""
    return settle(lambda shapes, first: traced_step(step, shapes, sequences), count, init)


def settle(step_for: Callable[[tuple[Shape, ...], int], Step], count: Size, init: Sequence[Node]) -> tuple[Node, ...]:
    """Apply a block to all steps; the first steps stand apart until the shapes of the state settle.

    `step_for(shapes of the state, first step)` gives the block for a state of these shapes.
    """
    state, given, first = tuple(init), [], 0
    if count == 0:
        step = step_for(tuple(part.shape for part in state), 0)
        return (*state, *apply_fold(step.block, 0, state, step.operands, step.each)[len(state) :])
    while True:
        shapes = tuple(part.shape for part in state)
        step = step_for(shapes, first)
        after = tuple(result.shape for result in step.block.results[: len(state)])
        stays = all(map(settled, shapes, after))
        if not stays and (first > 0 or not isinstance(count, int)) and not all(map(is_known, after)):
            # unknown shapes that go on changing, as when two parts take each other's place, are taken as any
            shapes = tuple(
                shape if is_known(shape) and is_known(new) else ANY for shape, new in zip(shapes, after, strict=True)
            )
            step = step_for(shapes, first)
            after = tuple(result.shape for result in step.block.results[: len(state)])
            stays = all(shape == ANY or settled(shape, new) for shape, new in zip(shapes, after, strict=True))
        if isinstance(count, int):
            part = range(first, count if stays else first + 1)
            steps: Size = len(part)
            chosen = [take(o, part) if e else o for o, e in zip(step.operands, step.each, strict=True)]
        elif stays or (first == 0 and all(has_rest(o) for o, e in zip(step.operands, step.each, strict=True) if e)):
            steps = count - first if stays else 1  # a symbolic depth is 1 or more: its first step can stand apart
            chosen = [rest(o) if e and first else o for o, e in zip(step.operands, step.each, strict=True)]
        else:
            raise ShapeError(
                f"the state changes its shape from {', '.join(map(show, shapes))} to {', '.join(map(show, after))} "
                "in a fold of unknown depth",
                Advice("depth", 10, "give the depth a number"),
                Advice("init", "x", "give an initial state of the final shape"),
            )
        results = apply_fold(step.block, steps, state, chosen, step.each)
        state = results[: len(state)]
        given.append(results[len(state) :])
        if stays or first + 1 == count:
            return (*state, *(join(parts) for parts in zip(*given, strict=True)))
        first += 1
