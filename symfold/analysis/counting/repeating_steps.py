"""Steps of a fold that repeat: unrolled until they do, then told by a pattern.

Why the steps repeat from then on: suppose that each step equals the one before with all values one step younger, for
more than twice as many steps as the age of the oldest value that is read. Then a value equals an earlier one exactly if
the same was true one step before, because its arguments are those of that step, shifted by one. So the next step equals
this one in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

from symfold.analysis.counting.progressions import progression_of
from symfold.core.folds import Fold, fold_nodes, is_fold
from symfold.core.nodes import Node, walk, with_args
from symfold.core.primitives import concatenate, is_primitive
from symfold.core.sequences import element, joins_sequences, reverse, reverse_row, stack, take
from symfold.core.stacked_inputs import known_count

MOST_STEPS = 40  # that are unrolled until they repeat, and at the end

# the node that computes a value first, and its step; None and a position for a value from before all steps
Birth = tuple["Node | None", int]
Delayed = tuple[Node, int]  # a node of a block, and how many steps earlier it had the value


@dataclass(frozen=True)
class Steps:
    """A fold over its arguments, unrolled until its steps repeat."""

    fold: Fold
    args: tuple[Node, ...]

    @property
    def count(self) -> int:
        return known_count(self.fold.count)

    @property
    def operands(self) -> tuple[Node, ...]:
        return self.args[self.fold.carries :]

    @cached_property
    def order(self) -> list[Node]:
        """The nodes of the block, formals first."""
        block = self.fold.block
        return [*block.formals, *walk(block.results, stop=block.formals)]

    def results(self, read: Sequence[int]) -> Sequence[Any] | None:
        """The results that are read; None if the steps do not repeat."""
        history: list[dict[Node, Node]] = []
        born: dict[Node, Birth] = {node: (None, place) for place, node in enumerate(walk(self.args))}
        pattern: Pattern | None = None
        before: dict[Node, Birth] = {}
        changed_before: set[Node] = set()
        alike = 0
        state: Sequence[Node] = self.args[: self.fold.carries]
        while pattern is None and len(history) < self.count:
            if len(history) == MOST_STEPS:
                return None
            step = len(history)
            values = self._values([*state, *entries(self.operands, self.fold.each, step)])
            history.append(values)
            births = {node: born.setdefault(values[node], (node, step)) for node in self.order if not is_fold(node)}
            changed = {node for node, birth in births.items() if birth != before.get(node)}
            repeats = changed == changed_before and all(_follows(births[node], before.get(node)) for node in changed)
            alike, changed_before = alike + 1 if repeats else 0, changed
            if repeats and alike > 2 * max((step - births[node][1] for node in changed), default=0) + 1:
                pattern = Pattern(
                    self,
                    {
                        node: values[node] if birth == before[node] else (birth[0], step - birth[1])
                        for node, birth in births.items()
                    },
                )
            before, state = births, [values[result] for result in self.fold.block.results[: self.fold.carries]]
        if pattern is None:
            return [
                *state,
                *(
                    stack([values[result] for values in history])
                    for result in self.fold.block.results[self.fold.carries :]
                ),
            ]
        return pattern.results(history, read)

    def _values(self, args: Sequence[Node]) -> dict[Node, Any]:
        values: dict[Node, Any] = dict(zip(self.fold.block.formals, args, strict=True))
        for node in self.order[len(values) :]:
            values[node] = with_args(node, tuple(values[arg] for arg in node.args))
        return values


def _follows(birth: Birth, before: Birth | None) -> bool:
    """Whether a value is computed by the same node as the one before, one step later."""
    return before is not None and birth[0] is not None and birth == (before[0], before[1] + 1)


@dataclass(frozen=True)
class Pattern:
    """The values of every further step: a constant, or the value of a node of the block some steps earlier.

    A new value is that of the node itself, 0 steps earlier.
    """

    steps: Steps
    meanings: Mapping[Node, Any]

    def results(self, history: Sequence[Mapping[Node, Node]], read: Sequence[int]) -> Sequence[Any] | None:
        fold, first, count = self.steps.fold, len(history), self.steps.count
        wanted = self._wanted(read)
        if wanted is None or not self._items_fit(first):
            return None
        tail = min(len(wanted) - 1, count - first)
        delayed = sorted(wanted[tail], key=lambda key: (self._place[key[0]], key[1]))
        before = {(node, age): history[-age][node] for node, age in delayed if age <= first}
        outputs = [fold.block.results[position] for position in read if position >= fold.carries]
        parts = [[stack([values[result] for values in history])] for result in outputs]
        if steps := count - first - tail:
            sequences = self._sequences

            def step(args: Sequence[Node]) -> Sequence[Node]:
                before = dict(zip(delayed, args[: len(delayed)], strict=True))
                values = self._values(before, args[len(delayed) :])
                after = self._after(before, values)
                return [*(after[key] for key in delayed), *(values[result] for result in outputs)]

            cut = [part_of(sequence, first, first + steps) for sequence in sequences]
            results = fold_nodes(step, steps, [before[key] for key in delayed], cut)
            before = dict(zip(delayed, results, strict=False))
            meanings = [self.meanings[result] for result in outputs]
            middle = [
                take(stack([value]), (0,) * steps) if isinstance(value, Node) else part
                for value, part in zip(meanings, results[len(delayed) :], strict=True)
            ]
            parts = [[*pieces, piece] for pieces, piece in zip(parts, middle, strict=True)]
        last: list[dict[Node, Any]] = []
        for number in range(count - tail, count):
            last.append(self._values(before, [element(sequence, number) for sequence in self._sequences]))
            before = self._after(before, last[-1])
        if last:
            parts = [
                [*pieces, stack([values[result] for values in last])]
                for pieces, result in zip(parts, outputs, strict=True)
            ]
        state = [
            meaning if isinstance(meaning, Node) else before.get((meaning[0], meaning[1] + 1))
            for meaning in (self.meanings[result] for result in fold.block.results[: fold.carries])
        ]
        whole = {result: joined(pieces) for result, pieces in zip(outputs, parts, strict=True)}
        return [*state, *(whole.get(result) for result in fold.block.results[fold.carries :])]

    @cached_property
    def _place(self) -> dict[Node, int]:
        return {node: place for place, node in enumerate(self.steps.order)}

    @cached_property
    def _items(self) -> list[Node]:
        """The formals that take entries of sequences."""
        fold = self.steps.fold
        return [formal for formal, each in zip(fold.block.formals[fold.carries :], fold.each, strict=True) if each]

    @cached_property
    def _sequences(self) -> list[Node]:
        """The operands with one entry per step."""
        return [operand for operand, each in zip(self.steps.operands, self.steps.fold.each, strict=True) if each]

    def _values(self, delayed: Mapping[Delayed, Node], items: Sequence[Node]) -> dict[Node, Any]:
        """The values of a step that follow from items and from values of earlier steps; None for others."""
        values: dict[Node, Any] = {}
        entries = dict(zip(self._items, items, strict=True))
        for node in self.steps.order:
            meaning = self.meanings.get(node)
            if isinstance(meaning, Node):
                values[node] = meaning
            elif meaning and meaning != (node, 0):
                values[node] = delayed.get(meaning) if meaning[1] else values[meaning[0]]
            elif node in entries:
                values[node] = entries[node]
            else:
                args = tuple(values[arg] for arg in node.args)
                values[node] = None if any(arg is None for arg in args) else with_args(node, args)
        return values

    def _after(self, delayed: Mapping[Delayed, Node], values: Mapping[Node, Any]) -> dict[Delayed, Node]:
        """The values of earlier steps, seen after a step."""
        new = {
            (node, 1): value
            for node, value in values.items()
            if value is not None and self.meanings.get(node) == (node, 0)
        }
        return {**{(node, age + 1): value for (node, age), value in delayed.items()}, **new}

    @cached_property
    def _reads(self) -> dict[Node, frozenset[Delayed]]:
        """The values of earlier steps that each node of the block reads."""
        reads: dict[Node, frozenset[Delayed]] = {}
        for node in self.steps.order:
            meaning = self.meanings.get(node)
            if isinstance(meaning, Node):
                reads[node] = frozenset()
            elif meaning and meaning != (node, 0):
                reads[node] = frozenset({meaning}) if meaning[1] else reads[meaning[0]]
            else:
                reads[node] = frozenset().union(*(reads[arg] for arg in node.args))
        return reads

    def _wanted(self, read: Sequence[int]) -> list[frozenset[Delayed]] | None:
        """The values that are read after the last step, before it, and so on, until that repeats; else None."""
        fold = self.steps.fold
        results = [(position < fold.carries, fold.block.results[position]) for position in read]
        last = [self.meanings[result] for is_state, result in results if is_state]
        output_reads = [self._reads[result] for is_state, result in results if not is_state]
        wanted = [frozenset((meaning[0], meaning[1] + 1) for meaning in last if not isinstance(meaning, Node))]
        while len(wanted) <= MOST_STEPS:
            before = frozenset().union(
                *output_reads, *(self._reads[node] if age == 1 else {(node, age - 1)} for node, age in wanted[-1])
            )
            if before == wanted[-1]:
                return wanted
            wanted.append(before)
        return None

    def _items_fit(self, first: int) -> bool:
        """Whether all entries of the sequences repeat or differ as those of the first steps do."""
        fold = self.steps.fold
        operands = dict(zip(fold.block.formals[fold.carries :], self.steps.operands, strict=True))
        numbered = {formal: progression for formal in self._items if (progression := progression_of(operands[formal]))}
        for sequence, other in combinations(numbered.values(), 2):
            if sequence.meets(other) and not sequence.runs_along(other, first):
                return False
        listed = [formal for formal in self._items if formal not in numbered]
        if not listed:
            return True
        if any(
            p.holds(element(operands[f], k)) for f in listed for k in range(self.steps.count) for p in numbered.values()
        ):
            return False
        place = {formal: k for k, formal in enumerate(listed)}
        born: dict[Node, tuple[int, int]] = {}
        for step in range(self.steps.count):
            for formal in listed:
                entry = element(operands[formal], step)
                birth = born.setdefault(entry, (place[formal], step))
                meaning = self.meanings[formal]
                expected = (
                    entry is meaning
                    if isinstance(meaning, Node)
                    else birth == (place.get(meaning[0]), step - meaning[1])
                )
                if step >= first and not expected:
                    return False
        return True


def part_of(sequence: Node, start: int, stop: int) -> Node:
    """Consecutive entries of a sequence; parts of a concatenation outside them are dropped."""
    size = known_count(sequence.shape[0])
    if is_primitive(sequence, reverse_row):
        return reverse(part_of(sequence.args[0], size - stop, size - start))
    if not (is_primitive(sequence, concatenate) and joins_sequences(sequence)):
        return take(sequence, range(start, stop))
    parts, place = list[Node](), 0
    for part in sequence.args:
        end = place + known_count(part.shape[0])
        if place < stop and start < end:
            parts.append(part_of(part, max(start - place, 0), min(stop, end) - place))
        place = end
    return joined(parts)


def joined(parts: Sequence[Node]) -> Node:
    """Concatenated sequences, their entries not listed."""
    return parts[0] if len(parts) == 1 else concatenate(*parts, axis=-len(parts[0].shape))


def entries(operands: Sequence[Node], each: Sequence[bool], step: int) -> list[Node]:
    return [
        element(operand, step) if is_sequence else operand for operand, is_sequence in zip(operands, each, strict=True)
    ]
