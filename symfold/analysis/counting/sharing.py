"""Sharing: a net in which no value is computed twice, and none without being read.

When folds are unrolled, equal structure is one node. A short net is unrolled. In a longer one, the first steps of each
fold are unrolled until they repeat: each value of a step is then new, the value of a node some steps earlier, or
constant. The last steps are unrolled too, as far back as some of their values are no longer read. The steps between
are a fold whose state is what later steps read, and whose block computes new values only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from symfold.analysis.counting.fused import fused
from symfold.analysis.counting.repeating_steps import Steps, entries, joined
from symfold.analysis.counting.unread import without_unread
from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, apply_fold, is_fold
from symfold.core.leaves import Formal
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt, walk
from symfold.core.sequences import stack, take, take_row
from symfold.core.shapes import is_known
from symfold.core.stacked_inputs import known_count
from symfold.transform.rolling import roll_nodes, unroll_nodes, without_single_steps

MOST_UNROLLED = 1_000  # nodes of a net that is unrolled
LONGEST_PERIOD = 12  # steps that repeat together


def shared(net: Net) -> Net:
    """The net with equal values of all steps computed once, and without values that nothing reads.

    >>> import symfold as sf
    >>> x, g = sf.tensor("x"), sf.layer("g")
    >>> net = sf.fold(lambda z, f: f(z) + g(x), sf.layers("f", count=10**6), x)
    >>> sf.cost(net).work, shared(net).bindings[0].op.block.results
    (1000001, (f(z) + w,))
    """
    return net.with_outputs(shared_nodes(net.outputs))


def shared_nodes(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The same for the outputs of a net."""
    return _shared(without_unread(roll_nodes(tuple(roots))))


def _shared(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    if unrolled_size(roots) <= MOST_UNROLLED:
        return unrolled(roots)
    roots = without_unread(fused(roots))
    read: dict[Node, list[int]] = {}
    for node in walk(roots):
        if isinstance(node.op, Select):
            read.setdefault(node.args[0], []).append(node.op.position)

    def rule(node: Node, args: tuple[Node, ...]) -> Any:
        if not isinstance(node.op, Fold):
            return None
        block = Block(node.op.block.shapes, _shared(node.op.block.results))
        return tuple(shared_fold(replace(node.op, block=block), args, read[node]))

    return rebuilt(roots, rule)


def unrolled(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The roots with all folds unrolled."""
    while any(map(is_fold, walk(roots))):
        roots = without_single_steps(unroll_nodes(roots))
    return roots


def unrolled_size(roots: Sequence[Node]) -> int:
    """The number of nodes with all folds unrolled."""
    return sum(
        known_count(node.op.count) * unrolled_size(node.op.block.results) if isinstance(node.op, Fold) else 1
        for node in walk(roots)
    )


def shared_fold(fold: Fold, args: tuple[Node, ...], read: Sequence[int]) -> Sequence[Any]:
    """The results of a fold that are read. A fold whose steps never repeat stays as it is."""
    outputs = [position for position in read if position >= fold.carries]
    if all(is_known(fold.block.results[position].shape) for position in outputs):
        for period in range(1, LONGEST_PERIOD + 1):
            results = _repeated(fold, args, read, period)
            if results is not None:
                return results
    return apply_fold(fold.block, fold.count, args[: fold.carries], args[fold.carries :], fold.each)


def _repeated(fold: Fold, args: tuple[Node, ...], read: Sequence[int], period: int) -> Sequence[Any] | None:
    """The results that are read, if groups of `period` steps repeat; the remaining steps come first, unrolled."""
    if period == 1:
        return Steps(fold, args).results(read)
    count, carries, block = known_count(fold.count), fold.carries, fold.block
    state, operands, left = args[:carries], args[carries:], count % period
    first: list[tuple[Node, ...]] = []
    for step in range(left):
        first.append(block(*state, *entries(operands, fold.each, step)))
        state = first[-1][:carries]
    taken = [
        take(operand, range(left + step, count, period)) if is_sequence else operand
        for operand, is_sequence in zip(operands, fold.each, strict=True)
        for step in range(period if is_sequence else 1)
    ]
    each = tuple(is_sequence for is_sequence in fold.each for _ in range(period if is_sequence else 1))
    places = [carries + k * period + step for k in range(len(block.results) - carries) for step in range(period)]
    grouped = Fold(_grouped(fold, period), count // period, carries, each)
    results = Steps(grouped, (*state, *taken)).results(
        [k for k in (*range(carries), *places) if (k if k < carries else carries + (k - carries) // period) in read]
    )
    if results is None:
        return None
    outputs: list[Any] = [None] * (len(block.results) - carries)
    for position in read:
        if position >= carries:
            start = carries + (position - carries) * period
            order = [step * (count // period) + number for number in range(count // period) for step in range(period)]
            parts = take_row(joined(results[start : start + period]), positions=tuple(order))
            outputs[position - carries] = joined(
                [stack([values[position] for values in first]), parts] if first else [parts]
            )
    return [*results[:carries], *outputs]


def _grouped(fold: Fold, period: int) -> Block:
    """A block of `period` steps; each output becomes one output per step."""
    block, carries = fold.block, fold.carries
    shapes = [
        *block.shapes[:carries],
        *(
            shape
            for shape, is_sequence in zip(block.shapes[carries:], fold.each, strict=True)
            for _ in range(period if is_sequence else 1)
        ),
    ]
    formals = [Node(Formal(0, k, shape)) for k, shape in enumerate(shapes)]
    state: Sequence[Node] = formals[:carries]
    outputs: list[tuple[Node, ...]] = []
    for step in range(period):
        operands, place = list[Node](), carries
        for is_sequence in fold.each:
            operands.append(formals[place + (step if is_sequence else 0)])
            place += period if is_sequence else 1
        results = block(*state, *operands)
        state = results[:carries]
        outputs.append(results[carries:])
    return Block(tuple(shapes), (*state, *(result for results in zip(*outputs, strict=True) for result in results)))
