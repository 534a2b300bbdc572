"""Folds: a block and a count, as an operation over nodes, and its results.

    fold(init..., operands...)[j]

An operand is one value for all steps, or a sequence with one entry per step.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from symfold.core.blocks import Block, Call, trace
from symfold.core.nodes import Node, Operation, rebuilt, walk
from symfold.core.sequences import element, has_rest, join, repeated_value, rest, take
from symfold.core.shapes import ANY, Shape, Size, depth_of, fits, is_known, settled, show
from symfold.errors import Advice, ShapeError, listing

if TYPE_CHECKING:
    from typing_extensions import TypeIs

T = TypeVar("T")


@dataclass(frozen=True)
class Fold(Operation):
    """A block applied `count` times. Its first `carries` formals are the state; `each` marks the sequences.

    The block's first `carries` results are the next state; the others are emitted, one entry per step.
    """

    block: Block
    count: Size
    carries: int
    each: tuple[bool, ...]

    def infer(self, args: tuple[Node, ...]) -> Shape:
        flags = (False,) * self.carries + self.each
        shapes = tuple(arg.shape[1:] if each else arg.shape for arg, each in zip(args, flags, strict=False))
        same_count = len(flags) == len(args) == len(self.block.shapes)
        if not (same_count and all(map(fits, shapes, self.block.shapes)) and len(self.block.results) >= self.carries):
            raise ShapeError(
                f"a block for {', '.join(map(show, self.block.shapes))} "
                f"cannot be folded over {', '.join(map(show, shapes))}"
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
        """The results of the fold over other arguments of the same shapes, or with another block."""
        init, operands = self.split(args)
        return apply_fold(block or self.block, self.count, init, operands, self.each)

    def rebuild(self, args: tuple[Node, ...]) -> tuple[Node, ...]:
        """The results of the fold over other arguments, whose shapes may differ."""
        init, operands = self.split(args)
        shapes = [a.shape[1:] if each else a.shape for a, each in zip(operands, self.each, strict=True)]

        def step_for(state: tuple[Shape, ...], first: int) -> Step:
            return Step(self.block.retyped((*state, *shapes)), operands, self.each)

        lengths = {a.shape[0] for a, each in zip(operands, self.each, strict=True) if each}
        count = lengths.pop() if len(lengths) == 1 else self.count
        return settle(step_for, count if isinstance(count, int) else self.count, init)


@dataclass(frozen=True)
class Select(Operation):
    """One result of a fold: a part of the last state, or a sequence of emitted values."""

    position: int

    def infer(self, args: tuple[Node, ...]) -> Shape:
        (fold,) = args
        assert is_fold(fold)
        return fold.op.result_shape(self.position)

    def rebuild(self, args: tuple[Any, ...]) -> Node:
        results = args[0]
        return results[self.position] if isinstance(results, tuple) else Node(self, (results,))


def is_fold(node: Node) -> TypeIs[Node[Fold]]:
    """Whether a node is a fold; `Select` nodes read its results."""
    return isinstance(node.op, Fold)


def is_last_state(node: Node) -> TypeGuard[Node[Select]]:
    """Whether a node is a part of the last state of a fold."""
    return isinstance(node.op, Select) and node.op.position < fold_of(node).op.carries


def is_emitted(node: Node) -> TypeGuard[Node[Select]]:
    """Whether a node is a sequence that a fold emits, one entry per step."""
    return isinstance(node.op, Select) and node.op.position >= fold_of(node).op.carries


def fold_of(result: Node) -> Node[Fold]:
    """The fold of one of its results."""
    fold = result.args[0]
    assert is_fold(fold)
    return fold


def apply_fold(
    block: Block, count: Size, init: Sequence[Node], operands: Sequence[Node], each: Sequence[bool]
) -> tuple[Node, ...]:
    """The results of a fold in normal form: sequences of one entry, or of equal entries, become a single value."""
    args, flags = [], []
    for operand, is_sequence in zip(operands, each, strict=True):
        if is_sequence and count == 1:
            operand, is_sequence = element(operand, 0), False
        elif is_sequence and (value := repeated_value(operand)) is not None:
            operand, is_sequence = value, False
        args.append(operand)
        flags.append(is_sequence)
    node = Node(Fold(block, count, len(init), tuple(flags)), (*init, *args))
    return tuple(Node(Select(k), (node,)) for k in range(len(block.results)))


def walk_inside(roots: Sequence[Node], layers: bool = False) -> Iterator[Node]:
    """The nodes that the roots depend on, then those in the blocks of their folds, each block once.

    With `layers`, those in the bodies of layers, too. Outer blocks come before the blocks nested in them.
    """
    seen: set[Block] = set()
    waiting = deque([tuple(roots)])
    while waiting:
        for node in walk(waiting.popleft()):
            yield node
            op = node.op
            inner = op.block if isinstance(op, Fold) else op.body if layers and isinstance(op, Call) else None
            if inner is not None and inner not in seen:
                seen.add(inner)
                waiting.append(inner.results)


Rule = Callable[[Node, tuple[Node, ...]], Any]
FoldRule = Callable[[Fold, Block, tuple[Node, ...]], tuple[Node, ...]]


def rebuilt_inside(roots: Sequence[Node], rule: Rule, fold_rule: FoldRule | None = None) -> tuple[Node, ...]:
    """`rebuilt`, with the rule applied inside the blocks of folds as well, once per block.

    `fold_rule(fold, rebuilt block, arguments)` gives the results of a fold; by default, those of the rebuilt block.
    """
    memo: dict[Block, Block] = {}

    def rebuilt_block(block: Block) -> Block:
        if block not in memo:
            memo[block] = Block(block.shapes, rebuilt(block.results, rule_inside))
        return memo[block]

    def rule_inside(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        if not isinstance(node.op, Fold):
            return rule(node, args)
        block = rebuilt_block(node.op.block)
        return fold_rule(node.op, block, args) if fold_rule else node.op.over(args, block)

    return rebuilt(roots, rule_inside)


@dataclass(frozen=True)
class Step:
    """A block with its operands over all steps; `each` marks those that are sequences."""

    block: Block
    operands: tuple[Node, ...]
    each: tuple[bool, ...]


def traced_step(
    step: Callable[[Sequence[Node]], Sequence[Node]],
    shapes: Sequence[Shape],
    values: Sequence[Node],
    along: bool = True,
) -> Step:
    """Trace a Python function over (state..., entries...) for a state of these shapes; outer nodes are captured.

    The entries are those of `values`, which are sequences; without `along`, the values themselves, shared by all steps.
    """
    carries = len(shapes)
    traced = trace(step, [*shapes, *(value.shape[1:] if along else value.shape for value in values)], fixed=carries)
    return Step(
        traced.block,
        tuple(values[o - carries] if isinstance(o, int) else o for o in traced.operands),
        tuple(along and isinstance(o, int) for o in traced.operands),
    )


def fold_nodes(
    step: Callable[[Sequence[Node]], Sequence[Node]], count: Size, init: Sequence[Node], sequences: Sequence[Node]
) -> tuple[Node, ...]:
    """A step folded over sequences: the last state, then the emitted sequences."""
    return settle(lambda shapes, first: traced_step(step, shapes, sequences), count, init)


def state_of(shapes: Sequence[Shape]) -> str:
    """A state by its shapes, for error messages."""
    return f"state of shape{'s'[: len(shapes) > 1]} {listing(map(show, shapes), 8)}"


def settle(step_for: Callable[[tuple[Shape, ...], int], Step], count: Size, init: Sequence[Node]) -> tuple[Node, ...]:
    """The results of a fold; the first steps are peeled off until the shapes of the state settle.

    `step_for(shapes of the state, first step)` gives the step for a state of these shapes.
    """
    state, emitted, first = tuple(init), [], 0
    depth_of(count)
    if count == 0:
        step = step_for(tuple(part.shape for part in state), 0)
        return (*state, *apply_fold(step.block, 0, state, step.operands, step.each)[len(state) :])
    while True:
        shapes = tuple(part.shape for part in state)
        step = step_for(shapes, first)
        next_shapes = tuple(result.shape for result in step.block.results[: len(state)])
        stays = all(map(settled, shapes, next_shapes))
        if not stays and (first > 0 or not isinstance(count, int)) and not all(map(is_known, next_shapes)):
            # unknown shapes that keep changing, as when two parts swap places in each step, become ANY
            shapes = tuple(
                shape if is_known(shape) and is_known(new) else ANY
                for shape, new in zip(shapes, next_shapes, strict=True)
            )
            step = step_for(shapes, first)
            next_shapes = tuple(result.shape for result in step.block.results[: len(state)])
            stays = all(shape == ANY or settled(shape, new) for shape, new in zip(shapes, next_shapes, strict=True))
        if isinstance(count, int):
            positions = range(first, count if stays else first + 1)
            steps: Size = len(positions)
            operands = [take(o, positions) if e else o for o, e in zip(step.operands, step.each, strict=True)]
        elif stays or (first == 0 and all(has_rest(o) for o, e in zip(step.operands, step.each, strict=True) if e)):
            steps = count - first if stays else 1  # a symbolic depth is 1 or more: its first step can be peeled off
            operands = [rest(o) if e and first else o for o, e in zip(step.operands, step.each, strict=True)]
        else:
            raise ShapeError(
                f"the state changes its shape from {', '.join(map(show, shapes))} "
                f"to {', '.join(map(show, next_shapes))} "
                "in a fold of unknown depth",
                Advice("depth", 10, "give the depth a number"),
                Advice("init", "x", "give an initial state of the final shape"),
            )
        results = apply_fold(step.block, steps, state, operands, step.each)
        state = results[: len(state)]
        emitted.append(results[len(state) :])
        if stays or first + 1 == count:
            return (*state, *(join(parts) for parts in zip(*emitted, strict=True)))
        first += 1
