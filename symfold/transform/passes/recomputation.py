"""Recomputation within a budget: a fold and the fold of its gradient, rewritten so that what is kept fits.

    forward fold of n steps, which emits values  ->  fold of m groups of k steps, which emits the state before each
    backward fold, which reads them backward     ->  fold of m groups: the k steps once more, then their gradients

`memory_plans` chooses the groups; the last steps may keep their values. The pass runs when a program is made, with all
sizes known, and is the end of the marks of `sf.value_and_grad(remat="256MB")`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from symfold.core.blocks import Block
from symfold.core.folds import Fold, apply_fold
from symfold.core.leaves import Formal
from symfold.core.nodes import Node, rebuilt
from symfold.core.primitives import concatenate, reshape
from symfold.core.sequences import reverse
from symfold.core.shapes import Shape
from symfold.errors import Advice, InvalidValue
from symfold.transform.passes.fold_pairs import Pair, marks, pairs, trimmed, unmarked, whole_values
from symfold.transform.passes.memory_plans import Plan, shares
from symfold.transform.passes.rematerialization import rows, without_unused


def within_budget(roots: Sequence[Node], itemsize: int = 8) -> tuple[Node, ...]:
    """The roots without marks of a budget, their folds in groups so that what they keep for gradients fits into it.

    Shapes must be numbers, of `itemsize` bytes each.
    """
    budgets = marks(roots)
    if not budgets:
        return tuple(roots)
    roots, budget = trimmed(roots), min(budgets)
    found = pairs(roots)
    fixed = whole_values(roots, found)
    least = (fixed + sum(pair.steps.least for pair in found)) * itemsize
    if least > budget:
        raise InvalidValue(
            f"remat is a budget of {budget:,} bytes, and this gradient keeps {least:,} at least",
            Advice("remat", least, f"give remat={least} or more"),
            Advice("batch_size", 1, "take fewer samples at once"),
        )
    return unmarked(regrouped(roots, plans(found, budget // itemsize - fixed)))


def plans(found: Sequence[Pair], budget: int) -> dict[Pair, Plan]:
    """The plans of the pairs that do not keep all their values."""
    parts = [pair.steps for pair in found]
    divided = shares(parts, budget)
    chosen = {pair: part.plan(share) for pair, part, share in zip(found, parts, divided, strict=True)}
    return {pair: plan for pair, plan in chosen.items() if plan is not None}


def regrouped(roots: Sequence[Node], plans: Mapping[Pair, Plan]) -> tuple[Node, ...]:
    """The roots with these pairs of folds in groups."""
    forwards: dict[Node, Pair] = {pair.forward: pair for pair in plans}
    backwards: dict[Node, Pair] = {pair.backward: pair for pair in plans}
    tapes: dict[Pair, tuple[Forward, Tape]] = {}

    def rule(node: Node, args: tuple[Node, ...]) -> Any:
        if node in forwards:
            pair = forwards[node]
            forward = Forward.of(pair, args)
            results, tapes[pair] = forward.results(plans[pair])
            places = dict(zip(forward.positions, results, strict=True))
            # nothing reads the sequences that are no longer kept
            return tuple(places.get(k, whole) for k, whole in enumerate(pair.forward.op.over(args)))
        if node in backwards:
            pair = backwards[node]
            read = {k: place for place, (k, _) in enumerate(pair.saved)}
            return Backward(pair.backward.op, args, read).results(*tapes[pair], plans[pair])
        return None

    return rebuilt(roots, rule)


@dataclass(frozen=True)
class Tape:
    """What a forward fold keeps: values of its last steps, and states before groups of the steps before."""

    values: tuple[Node, ...]
    states: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Forward:
    """A fold over arguments. Its last `saved` results are the values that the gradient reads."""

    fold: Fold
    args: tuple[Node, ...]
    saved: int
    positions: tuple[int, ...] = ()  # of the other results in the fold as it was

    @classmethod
    def of(cls, pair: Pair, args: tuple[Node, ...]) -> Forward:
        fold = pair.forward.op
        saved = [position for _, position in pair.saved]
        others = [k for k in range(len(fold.block.results)) if k not in saved]
        block = Block(fold.block.shapes, tuple(fold.block.results[k] for k in (*others, *saved)))
        return cls(*without_unused(replace(fold, block=block), args), len(saved), tuple(others))

    def steps(self, count: int, args: Sequence[Node], first: int, last: int | None) -> tuple[Node, ...]:
        """Some of the results of a fold of several steps, or of one: the states, and the emitted ones in a range."""
        block, carries = self.fold.block, self.fold.carries
        shorter = Block(block.shapes, (*block.results[:carries], *block.results[first:last]))
        if count == 1:
            return shorter(*args)
        return apply_fold(shorter, count, args[:carries], args[carries:], self.fold.each)

    def results(self, plan: Plan | None) -> tuple[tuple[Node, ...], tuple[Forward, Tape]]:
        """The results without the saved values, and what is kept instead of them."""
        fold, carries = self.fold, self.fold.carries
        others = len(fold.block.results) - self.saved
        if plan is None:
            results = fold.over(self.args)
            return results[:others], (self, Tape(results[others:]))
        sequences = (*[False] * carries, *fold.each)
        shapes = entry_shapes(fold.block.shapes, sequences, plan.size)
        formals = [Node(Formal(0, k, shape)) for k, shape in enumerate(shapes)]
        inner = self.steps(plan.size, formals, carries, others)
        main = in_rows(self.args, sequences, plan, 0)
        block = Block(shapes, (*inner, *formals[:carries]))
        grouped = apply_fold(block, plan.groups, main[:carries], main[carries:], fold.each)
        state, states = grouped[:carries], grouped[others:]
        emitted = [[flat(part, plan)] for part in grouped[carries:others]]
        values: tuple[Node, ...] = ()
        if plan.rest:
            last = [
                rows(arg, plan.groups * plan.size, int(arg.shape[0]), int(arg.shape[0])) if each else arg
                for arg, each in zip(self.args, sequences, strict=True)
            ]
            results = apply_fold(fold.block, plan.rest, state, last[carries:], fold.each)
            state, values = results[:carries], results[others:]
            emitted = [[*parts, part] for parts, part in zip(emitted, results[carries:others], strict=True)]
        return (*state, *map(joined, emitted)), (self, Tape(values, states))


@dataclass(frozen=True)
class Backward:
    """The fold of a gradient over arguments; `read` maps operands to the saved values whose reverse they are."""

    fold: Fold
    args: tuple[Node, ...]
    read: Mapping[int, int]

    def over(self, count: int, state: Sequence[Node], args: Sequence[Node], values: Sequence[Node]) -> tuple[Node, ...]:
        """The results of these steps, which read the values backward."""
        carries = self.fold.carries
        operands = [
            reverse(values[self.read[k]]) if k in self.read else args[k] for k in range(carries, len(self.args))
        ]
        return apply_fold(self.fold.block, count, state, operands, self.fold.each)

    def results(self, forward: Forward, tape: Tape, plan: Plan | None) -> tuple[Node, ...]:
        """The results, from what the forward fold keeps."""
        carries, state = self.fold.carries, self.args[: self.fold.carries]
        if plan is None:
            return self.over(int(self.fold.count), state, self.args, tape.values)
        sequences = (*[False] * carries, *self.fold.each)
        emitted: list[list[Node]] = [[] for _ in self.fold.block.results[carries:]]
        if plan.rest:
            first = [
                rows(arg, 0, plan.rest, int(arg.shape[0])) if each and k not in self.read else arg
                for k, (arg, each) in enumerate(zip(self.args, sequences, strict=True))
            ]
            results = self.over(plan.rest, state, first, tape.values)
            state = results[:carries]
            emitted = [[part] for part in results[carries:]]
        results = self.groups(forward, tape, plan, state)
        emitted = [[*parts, flat(part, plan)] for parts, part in zip(emitted, results[carries:], strict=True)]
        return (*results[:carries], *map(joined, emitted))

    def groups(self, forward: Forward, tape: Tape, plan: Plan, state: Sequence[Node]) -> tuple[Node, ...]:
        """The results of the groups, each of which computes its steps once more from the state before it."""
        carries, sequences = self.fold.carries, (*[False] * self.fold.carries, *self.fold.each)
        mine = [k for k in range(carries, len(self.args)) if k not in self.read]
        operands = in_rows([self.args[k] for k in mine], [sequences[k] for k in mine], plan, plan.rest)
        each = [sequences[k] for k in mine]
        shapes = [*self.fold.block.shapes[:carries]]
        shapes += entry_shapes([self.fold.block.shapes[k] for k in mine], each, plan.size)

        fold = forward.fold
        before = in_rows(forward.args[fold.carries :], fold.each, plan, 0)
        operands += [reverse(part) for part in tape.states]
        operands += [reverse(arg) if flag else arg for arg, flag in zip(before, fold.each, strict=True)]
        each += [*[True] * fold.carries, *fold.each]
        shapes += entry_shapes(fold.block.shapes, (*[False] * fold.carries, *fold.each), plan.size)

        formals = [Node(Formal(0, k, shape)) for k, shape in enumerate(shapes)]
        places = dict(zip(mine, formals[carries:], strict=False))
        args = (*formals[:carries], *(places.get(k, formals[0]) for k in range(carries, len(self.args))))
        read = tuple(formals[carries + len(mine) :])
        if plan.size == 1:
            values = fold.block(*read)[-forward.saved :]
            step = self.fold.block(*(values[self.read[k]] if k in self.read else arg for k, arg in enumerate(args)))
            inner = regrouped(step, plans(pairs(step), plan.left))
        else:
            results = fold.block.results
            kept = Block(fold.block.shapes, (*results[: fold.carries], *results[-forward.saved :]))
            again = Forward(replace(fold, block=kept, count=plan.size), read, forward.saved)
            _, (again, inner_tape) = again.results(plan.inner)
            backward = Backward(replace(self.fold, count=plan.size), args, self.read)
            inner = backward.results(again, inner_tape, plan.inner)
        return apply_fold(Block(tuple(shapes), inner), plan.groups, state, operands, each)


def entry_shapes(shapes: Sequence[Shape], each: Sequence[bool], size: int) -> tuple[Shape, ...]:
    """The shapes of a group's formals: those of a step's, a sequence having one entry per step of the group."""
    return tuple((size, *shape) if flag and size > 1 else shape for shape, flag in zip(shapes, each, strict=True))


def in_rows(args: Sequence[Node], each: Sequence[bool], plan: Plan, first: int) -> list[Node]:
    """Arguments with each sequence, from an entry on, as one entry per group."""
    count = plan.groups * plan.size
    parts = [
        rows(arg, first, first + count, int(arg.shape[0])) if flag else arg
        for arg, flag in zip(args, each, strict=True)
    ]
    if plan.size == 1:
        return parts
    return [
        reshape(part, shape=(plan.groups, plan.size, *part.shape[1:])) if flag else part
        for part, flag in zip(parts, each, strict=True)
    ]


def flat(part: Node, plan: Plan) -> Node:
    """A sequence of groups as a sequence of steps."""
    return part if plan.size == 1 else reshape(part, shape=(plan.groups * plan.size, *part.shape[2:]))


def joined(parts: Sequence[Node]) -> Node:
    """Sequences one after the other."""
    return concatenate(*parts, axis=-len(parts[0].shape)) if len(parts) > 1 else parts[0]
