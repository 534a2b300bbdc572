"""Sharing: a net in which no value is computed twice, and none without being read.

When folds are unrolled, equal structure is one node. A short net is unrolled. In a longer one, the first steps of each
fold are unrolled until they repeat: each value of a step is then new, the value of a node some steps earlier, or
constant. The last steps are unrolled too, as far back as some of their values are no longer read. The steps between
are a fold whose state is what later steps read, and whose block computes new values only.

Why the steps repeat from then on: suppose that each step equals the one before with all values one step younger, for
more than twice as many steps as the age of the oldest value that is read. Then a value equals an earlier one exactly if
the same was true one step before, because its arguments are those of that step, shifted by one. So the next step equals
this one in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any

from symfold.analysis.counting.fused import fused
from symfold.analysis.counting.unread import without_unread
from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, apply_fold, fold_nodes, is_fold
from symfold.core.leaves import Constant, Formal, Input
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt, walk, with_args
from symfold.core.primitives import concatenate, is_primitive
from symfold.core.sequences import element, joins_sequences, reverse, reverse_row, stack, stack_row, take, take_row
from symfold.core.shapes import is_known
from symfold.core.stacked_inputs import Numbered, StackedInputs, known_count
from symfold.transform.rolling import roll_nodes, unroll_nodes, without_single_steps

MOST_UNROLLED = 1_000  # nodes of a net that is unrolled
MOST_STEPS = 40  # that are unrolled until they repeat, and at the end
LONGEST_PERIOD = 12  # steps that repeat together

# the node that computes a value first, and its step; None and a position for a value from before all steps
Birth = tuple["Node | None", int]
Delayed = tuple[Node, int]  # a node of a block, and how many steps earlier it had the value


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
        first.append(block(*state, *_entries(operands, fold.each, step)))
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
            parts = take_row(_joined(results[start : start + period]), positions=tuple(order))
            outputs[position - carries] = _joined(
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


def _joined(parts: Sequence[Node]) -> Node:
    """Concatenated sequences, their entries not listed."""
    return parts[0] if len(parts) == 1 else concatenate(*parts, axis=-len(parts[0].shape))


def _entries(operands: Sequence[Node], each: Sequence[bool], step: int) -> list[Node]:
    return [
        element(operand, step) if is_sequence else operand for operand, is_sequence in zip(operands, each, strict=True)
    ]


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
            values = self._values([*state, *_entries(self.operands, self.fold.each, step)])
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
        joined = {result: _joined(pieces) for result, pieces in zip(outputs, parts, strict=True)}
        return [*state, *(joined.get(result) for result in fold.block.results[fold.carries :])]

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
    return _joined(parts)


@dataclass(frozen=True)
class Progression:
    """A sequence of numbered entries: stacked inputs, or a value read along its leading axis."""

    source: Any
    start: int
    stride: int
    count: int

    @property
    def range(self) -> range:
        return range(self.start, self.start + self.stride * self.count, self.stride)

    def meets(self, other: Progression) -> bool:
        """Whether the two may share an entry."""
        low, high = (sorted((r[0], r[-1])) for r in (self.range, other.range))
        return self.source == other.source and low[0] <= high[1] and high[0] <= low[1]

    def runs_along(self, other: Progression, steps: int) -> bool:
        """Whether each entry is in the other sequence fewer than `steps` steps earlier or later, or not at all."""
        if self.stride != other.stride:
            return False
        between, rest = divmod(other.start - self.start, self.stride)
        return bool(rest) or abs(between) < steps

    def holds(self, node: Node) -> bool:
        """Whether a node is an entry."""
        names = self.source[0] if isinstance(self.source, tuple) else None
        return isinstance(names, str) and isinstance(node.op, Input) and node.op.name.startswith(names)


def progression_of(sequence: Node) -> Progression | None:
    """The numbering of the entries of a sequence; None if they are listed or may be equal."""
    op, count = sequence.op, known_count(sequence.shape[0])
    if isinstance(op, StackedInputs):
        names = op.names
        return (
            Progression((names.prefix, op.shape, op.role), names.start, names.step, count)
            if isinstance(names, Numbered)
            else None
        )
    if is_primitive(sequence, reverse_row):
        inner = progression_of(sequence.args[0])
        return inner and Progression(inner.source, inner.range[-1], -inner.stride, count)
    if is_primitive(sequence, take_row):
        inner, positions = progression_of(sequence.args[0]), dict(sequence.op.attributes)["positions"]
        strides = {b - a for a, b in pairwise(positions)} if len(positions) > 1 else {1}
        if inner is None or len(strides) > 1 or 0 in strides:
            return None
        (stride,) = strides
        return Progression(inner.source, inner.range[positions[0]], inner.stride * stride, count)
    return (
        None
        if isinstance(op, Constant) or is_primitive(sequence, stack_row, concatenate)
        else Progression(sequence, 0, 1, count)
    )
