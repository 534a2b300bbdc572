"""Sharing: a net in which no value is computed twice, and none that nothing reads.

Written out, equal structure is one node. A net of few operations is written out. Of a longer one, the first steps of
each fold are written out until they repeat: each value of a step is then new, or one of so many steps before, or one
that stays. The last steps are written out too, as far back as some of what a step computes is no longer read. The
steps between are a fold whose state is what later steps read, and whose block holds new values alone.

Why the steps go on as they began: let each step differ from the one before in nothing but that its values are one step
younger, for more than twice as many steps as the oldest value that is read again. Then a value equals an earlier one
exactly if the same held one step before, for its arguments are those of that step moved on. So the next step differs
from this one in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any

from symfold.analysis.counting.fused import fused
from symfold.analysis.counting.unread import without_unread
from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, apply_fold, fold_nodes, is_fold
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Constant, Formal
from symfold.core.primitives import concatenate, is_primitive
from symfold.core.sequences import element, joins_sequences, reverse, reverse_row, stack, stack_row, take, take_row
from symfold.core.shapes import is_known
from symfold.core.stacked_inputs import Numbered, StackedInputs, known_count
from symfold.core.walks import walk, with_args
from symfold.transform.rolling import roll_nodes, unroll, without_single_steps

MOST_WRITTEN = 1_000  # nodes of a net that is written out
MOST_STEPS = 40  # that are written out until they repeat, and at the end
LONGEST_PERIOD = 12  # steps that repeat together

Birth = tuple[
    "Node | None", int
]  # the node that computes a value first, and its step; before all steps: None, a number
Delayed = tuple[Node, int]  # the value that a node of a block had so many steps before


def shared(net: Net) -> Net:
    """The net with equal values of all steps computed once, and without what nothing reads.

    >>> import symfold as sf
    >>> x, g = sf.tensor("x"), sf.layer("g")
    >>> net = sf.fold(lambda z, f: f(z) + g(x), sf.layers("f", count=10**6), x)
    >>> sf.cost(net).work, shared(net).bindings[0].op.block.results
    (1000001, (f(z) + w,))
    """
    return net.with_outputs(shared_nodes(net.outputs))


def shared_nodes(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The same of the outputs of a net."""
    return _shared(without_unread(roll_nodes(tuple(roots))))


def _shared(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    if written_size(roots) <= MOST_WRITTEN:
        return written(roots)
    roots = without_unread(fused(roots))
    order = walk(roots)
    read: dict[Node, list[int]] = {}
    for node in order:
        if isinstance(node.op, Select):
            read.setdefault(node.args[0], []).append(node.op.position)
    new: dict[Node, Any] = {}
    for node in order:
        args = tuple(new[arg] for arg in node.args)
        if isinstance(node.op, Fold):
            block = Block(node.op.block.shapes, _shared(node.op.block.results))
            new[node] = shared_fold(Fold(block, node.op.count, node.op.carries, node.op.each), args, read[node])
        elif isinstance(node.op, Select):
            new[node] = args[0][node.op.position]
        else:
            new[node] = with_args(node, args)
    return tuple(new[root] for root in roots)


def written(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The roots with every step of every fold written out."""
    while any(map(is_fold, walk(roots))):
        roots = without_single_steps(unroll(Net(roots)).outputs)
    return roots


def written_size(roots: Sequence[Node]) -> int:
    """How many nodes there are when every step is written out."""
    return sum(
        known_count(node.op.count) * written_size(node.op.block.results) if isinstance(node.op, Fold) else 1
        for node in walk(roots)
    )


def shared_fold(fold: Fold, args: tuple[Node, ...], read: Sequence[int]) -> Sequence[Any]:
    """The results of a fold that are read. A fold whose steps do not repeat stays as it is."""
    gives = [position for position in read if position >= fold.carries]
    if all(is_known(fold.block.results[position].shape) for position in gives):
        for period in range(1, LONGEST_PERIOD + 1):
            results = _repeated(fold, args, read, period)
            if results is not None:
                return results
    return apply_fold(fold.block, fold.count, args[: fold.carries], args[fold.carries :], fold.each)


def _repeated(fold: Fold, args: tuple[Node, ...], read: Sequence[int], period: int) -> Sequence[Any] | None:
    """The results that are read, if so many steps together repeat; steps that are left over come first, written out."""
    if period == 1:
        return Steps(fold, args).results(read)
    count, carries, block = known_count(fold.count), fold.carries, fold.block
    state, operands, left = args[:carries], args[carries:], count % period
    first: list[tuple[Node, ...]] = []
    for step in range(left):
        first.append(block(*state, *_entries(operands, fold.each, step)))
        state = first[-1][:carries]
    taken = [
        take(operand, range(left + step, count, period)) if own else operand
        for operand, own in zip(operands, fold.each, strict=True)
        for step in range(period if own else 1)
    ]
    each = tuple(own for own in fold.each for _ in range(period if own else 1))
    places = [carries + k * period + step for k in range(len(block.results) - carries) for step in range(period)]
    together = Fold(_in_periods(fold, period), count // period, carries, each)
    results = Steps(together, (*state, *taken)).results(
        [k for k in (*range(carries), *places) if (k if k < carries else carries + (k - carries) // period) in read]
    )
    if results is None:
        return None
    given: list[Any] = [None] * (len(block.results) - carries)
    for position in read:
        if position >= carries:
            start = carries + (position - carries) * period
            order = [step * (count // period) + number for number in range(count // period) for step in range(period)]
            parts = take_row(_joined(results[start : start + period]), positions=tuple(order))
            given[position - carries] = _joined(
                [stack([values[position] for values in first]), parts] if first else [parts]
            )
    return [*results[:carries], *given]


def _in_periods(fold: Fold, period: int) -> Block:
    """So many steps as one; of each result that is given out, one a step."""
    block, carries = fold.block, fold.carries
    shapes = [
        *block.shapes[:carries],
        *(
            shape
            for shape, own in zip(block.shapes[carries:], fold.each, strict=True)
            for _ in range(period if own else 1)
        ),
    ]
    formals = [Node(Formal(0, k, shape)) for k, shape in enumerate(shapes)]
    state: Sequence[Node] = formals[:carries]
    given: list[tuple[Node, ...]] = []
    for step in range(period):
        own, place = list[Node](), carries
        for flag in fold.each:
            own.append(formals[place + (step if flag else 0)])
            place += period if flag else 1
        results = block(*state, *own)
        state = results[:carries]
        given.append(results[carries:])
    return Block(tuple(shapes), (*state, *(result for results in zip(*given, strict=True) for result in results)))


def _joined(parts: Sequence[Node]) -> Node:
    """Sequences one after the other, whose entries are not listed."""
    return parts[0] if len(parts) == 1 else concatenate(*parts, axis=-len(parts[0].shape))


def _entries(operands: Sequence[Node], each: Sequence[bool], step: int) -> list[Node]:
    return [element(operand, step) if own else operand for operand, own in zip(operands, each, strict=True)]


@dataclass(frozen=True)
class Steps:
    """A fold over its arguments, step by step until the steps repeat."""

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
        """The parts of the last state that are read; None if the steps do not repeat, one by one."""
        history: list[dict[Node, Node]] = []
        born: dict[Node, Birth] = {node: (None, place) for place, node in enumerate(walk(self.args))}
        pattern: Pattern | None = None
        before: dict[Node, Birth] = {}
        young: set[Node] = set()
        alike = 0
        state: Sequence[Node] = self.args[: self.fold.carries]
        while pattern is None and len(history) < self.count:
            if len(history) == MOST_STEPS:
                return None
            step = len(history)
            values = self._values([*state, *_entries(self.operands, self.fold.each, step)])
            history.append(values)
            births = {node: born.setdefault(values[node], (node, step)) for node in self.order if not is_fold(node)}
            moved = {node for node, birth in births.items() if birth != before.get(node)}
            stays = moved == young and all(_follows(births[node], before.get(node)) for node in moved)
            alike, young = alike + 1 if stays else 0, moved
            if stays and alike > 2 * max((step - births[node][1] for node in moved), default=0) + 1:
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
    """Whether a value is computed where the one before was, one step later."""
    return before is not None and birth[0] is not None and birth == (before[0], before[1] + 1)


@dataclass(frozen=True)
class Pattern:
    """What the values of every further step are: one that stays, or what a node of the block had so many steps before.

    A node that had its own value 0 steps before has a new one.
    """

    steps: Steps
    meanings: Mapping[Node, Any]

    def results(self, history: Sequence[Mapping[Node, Node]], read: Sequence[int]) -> Sequence[Any] | None:
        fold, first, count = self.steps.fold, len(history), self.steps.count
        wanted = self._wanted(read)
        if wanted is None or not self._items_go_on(first):
            return None
        tail = min(len(wanted) - 1, count - first)
        held = sorted(wanted[tail], key=lambda key: (self._place[key[0]], key[1]))
        before = {(node, age): history[-age][node] for node, age in held if age <= first}
        gives = [fold.block.results[position] for position in read if position >= fold.carries]
        given = [[stack([values[result] for values in history])] for result in gives]
        if steps := count - first - tail:
            sequences = [operand for operand, own in zip(self.steps.operands, fold.each, strict=True) if own]

            def step(args: Sequence[Node]) -> Sequence[Node]:
                before = dict(zip(held, args[: len(held)], strict=True))
                values = self._values(before, args[len(held) :])
                after = self._after(before, values)
                return [*(after[key] for key in held), *(values[result] for result in gives)]

            cut = [part_of(sequence, first, first + steps) for sequence in sequences]
            results = fold_nodes(step, steps, [before[key] for key in held], cut)
            before = dict(zip(held, results, strict=False))
            stays = [self.meanings[result] for result in gives]
            mid = [
                take(stack([value]), (0,) * steps) if isinstance(value, Node) else part
                for value, part in zip(stays, results[len(held) :], strict=True)
            ]
            given = [[*parts, part] for parts, part in zip(given, mid, strict=True)]
        last: list[dict[Node, Any]] = []
        for number in range(count - tail, count):
            last.append(
                self._values(
                    before, [element(o, number) for o, own in zip(self.steps.operands, fold.each, strict=True) if own]
                )
            )
            before = self._after(before, last[-1])
        if last:
            given = [
                [*parts, stack([values[result] for values in last])] for parts, result in zip(given, gives, strict=True)
            ]
        state = [
            meaning if isinstance(meaning, Node) else before.get((meaning[0], meaning[1] + 1))
            for meaning in (self.meanings[result] for result in fold.block.results[: fold.carries])
        ]
        sequence = {result: _joined(parts) for result, parts in zip(gives, given, strict=True)}
        return [*state, *(sequence.get(result) for result in fold.block.results[fold.carries :])]

    @cached_property
    def _place(self) -> dict[Node, int]:
        return {node: place for place, node in enumerate(self.steps.order)}

    @cached_property
    def _items(self) -> list[Node]:
        """The formals with an entry of their own at each step."""
        fold = self.steps.fold
        return [formal for formal, own in zip(fold.block.formals[fold.carries :], fold.each, strict=True) if own]

    def _values(self, held: Mapping[Delayed, Node], items: Sequence[Node]) -> dict[Node, Any]:
        """The values of a step, as far as they follow from what is held of the steps before; None for the others."""
        values: dict[Node, Any] = {}
        own = dict(zip(self._items, items, strict=True))
        for node in self.steps.order:
            meaning = self.meanings.get(node)
            if isinstance(meaning, Node):
                values[node] = meaning
            elif meaning and meaning != (node, 0):
                values[node] = held.get(meaning) if meaning[1] else values[meaning[0]]
            elif node in own:
                values[node] = own[node]
            else:
                args = tuple(values[arg] for arg in node.args)
                values[node] = None if any(arg is None for arg in args) else with_args(node, args)
        return values

    def _after(self, held: Mapping[Delayed, Node], values: Mapping[Node, Any]) -> dict[Delayed, Node]:
        """What is held after a step with these values."""
        new = {
            (node, 1): value
            for node, value in values.items()
            if value is not None and self.meanings.get(node) == (node, 0)
        }
        return {**{(node, age + 1): value for (node, age), value in held.items()}, **new}

    @cached_property
    def _reads(self) -> dict[Node, frozenset[Delayed]]:
        """What each node of the block reads of earlier steps."""
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
        """What is read of the values before the end, before the last step, and so on until it stays; or None."""
        fold = self.steps.fold
        results = [(position < fold.carries, fold.block.results[position]) for position in read]
        last = [self.meanings[result] for is_state, result in results if is_state]
        given = [self._reads[result] for is_state, result in results if not is_state]
        wanted = [frozenset((meaning[0], meaning[1] + 1) for meaning in last if not isinstance(meaning, Node))]
        while len(wanted) <= MOST_STEPS:
            before = frozenset().union(
                *given, *(self._reads[node] if age == 1 else {(node, age - 1)} for node, age in wanted[-1])
            )
            if before == wanted[-1]:
                return wanted
            wanted.append(before)
        return None

    def _items_go_on(self, first: int) -> bool:
        """Whether the entries of the sequences that are read have the meanings that those of the first steps had."""
        fold = self.steps.fold
        operands = dict(zip(fold.block.formals[fold.carries :], self.steps.operands, strict=True))
        numbered = {formal: progression for formal in self._items if (progression := progression_of(operands[formal]))}
        for sequence, other in combinations(numbered.values(), 2):
            if sequence.meets(other) and not sequence.runs_along(other, first):
                return False
        listed = [formal for formal in self._items if formal not in numbered]
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
    """Some neighbouring entries of a sequence, which needs no others then, if it is joined of several."""
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
    """A sequence with numbered entries: a family of names, or a value that is read along its leading axis."""

    source: Any
    start: int
    stride: int
    count: int

    @property
    def range(self) -> range:
        return range(self.start, self.start + self.stride * self.count, self.stride)

    def meets(self, other: Progression) -> bool:
        """Whether some entry may stand in both."""
        low, high = (sorted((r[0], r[-1])) for r in (self.range, other.range))
        return self.source == other.source and low[0] <= high[1] and high[0] <= low[1]

    def runs_along(self, other: Progression, steps: int) -> bool:
        """Whether each entry stands in the other sequence fewer than so many steps before or after, or in none."""
        if self.stride != other.stride:
            return False
        between, rest = divmod(other.start - self.start, self.stride)
        return bool(rest) or abs(between) < steps

    def holds(self, node: Node) -> bool:
        """Whether a node is an entry."""
        names = self.source[0] if isinstance(self.source, tuple) else None
        return isinstance(names, str) and str(getattr(node.op, "name", "")).startswith(names)


def progression_of(sequence: Node) -> Progression | None:
    """How the entries of a sequence are numbered; None if they are listed or may be equal."""
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
        inner, positions = progression_of(sequence.args[0]), dict(op.attributes)["positions"]
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
