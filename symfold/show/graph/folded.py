"""The levels `fold` and `block`: folds as folds, whatever their depth.

`fold` shows one node per fold, with a loop that carries the state. `block` opens it: one step with its index, from the
state z_{k-1} to the state z_k, and a loop back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from symfold.core.folds import Fold
from symfold.core.interpreter import Entries
from symfold.core.leaves import Constant, Formal, FrozenArray, Input
from symfold.core.nodes import Node
from symfold.core.sequences import entry_of
from symfold.core.shapes import length
from symfold.core.stacked_inputs import Numbered, StackedInputs, around_number, count_of
from symfold.show.graph.formulas import step_formula
from symfold.show.graph.names import plain_name
from symfold.show.graph.places import FoldFrame, formal_kinds
from symfold.show.graph.record import Leaf, Recorder, Reversed
from symfold.show.graph.unrolled import layer_weights
from symfold.show.notation.loops import Loop


@dataclass(frozen=True)
class Position:
    """A position in a sequence, as an affine function of the index of a fold: `times * index + offset`.

    With a `value`, the index is that number.
    """

    index: str
    times: int
    offset: Any
    value: Any = None

    def reversed(self, size: Any) -> Position:
        """The same entry, counted from the end of a sequence."""
        return Position(self.index, -self.times, size - 1 - self.offset, self.value)

    def number(self, start: Any = 0, step: int = 1) -> str:
        """The position as text; or its number, if the entries are numbered from `start` by `step`."""
        if self.value is not None:
            return index_text(start + (self.times * self.value + self.offset) * step)
        return affine(self.index, self.times * step, start + self.offset * step)


class Run(NamedTuple):
    """The states that one graph node shows for all steps: their letter, the number of the first, how many, the sign."""

    letter: str
    start: Any
    count: Any
    sign: int


class Given(str):
    """The graph node of a fold, as a sequence that the fold gives: all states of a part, or other values."""

    run: Run | None = None

    @staticmethod
    def by(name: str, run: Run | None) -> Given:
        given = Given(name)
        given.run = run
        return given

    def entry(self, position: Position) -> str:
        """The entry at a position: a state by its number, another value by the fold that gives it."""
        if self.run is None:
            return f"{self}[{position.number()}]"
        return f"{self.run.letter}_{{{position.number(self.run.start, self.run.sign)}}}"


class RolledRecorder(Recorder):
    """Folds stay folds, and families of inputs stay families."""

    def __init__(self, net: Any):
        super().__init__(net)
        self.runs: dict[str, Run] = {}  # by graph node
        self._letters: dict[tuple[Node, ...], str] = {}  # of sequences whose names follow no rule

    def reserved(self, leaf: Node[Input | StackedInputs]) -> Iterable[str]:
        return (leaf.op.name,) if isinstance(leaf.op, Input) else ()

    def stacked(self, node: Node[StackedInputs]) -> Any:
        return Leaf(node, ends_of(node.op), family_name(node.op))

    def _entry_label(self, value: Any, frame: FoldFrame) -> str:
        """The entry of a sequence that a step reads, by the index of the fold."""
        loop = frame.loop
        return self._label_at(value, Position(loop.variable, loop.sign, -loop.sign * first_index(loop)))

    def letter(self, value: Any) -> str:
        """The letter of a sequence of numbers, or of names that follow no rule, as in formulas; else nothing."""
        entries = value if isinstance(value, Entries) else [value]
        if not entries or not all(isinstance(each, Leaf) for each in entries):
            return ""
        axes = 0 if isinstance(value, Entries) else 1
        numbers = all(isinstance(each.node.op, Constant) and len(each.node.shape) == axes for each in entries)
        if not (numbers or (value is entries[0] and is_irregular(value.node))):
            return ""
        key = tuple(each.node for each in entries)
        if key not in self._letters:
            self._letters[key] = self.places.letters.listed(numbers=numbers)
        return self._letters[key]

    def _forward(self, value: Any) -> Any:
        """An array of numbers that a fold has read already, if the value is that array from its end; else the value."""
        op = value.node.op if isinstance(value, Leaf) else None
        if isinstance(op, Constant) and isinstance(op.value, FrozenArray) and (value.node,) not in self._letters:
            forward = Node(Constant(op.value.reversed()))
            if (forward,) in self._letters:
                return Leaf(forward, value.label)
        return value

    def _label_at(self, value: Any, position: Position) -> str:
        """The entry of a sequence at a position."""
        if position.value is None and self.letter(forward := self._forward(value)):
            at = position if forward is value else position.reversed(length(value.node.shape))
            return f"{self.letter(forward)}_{{{at.number(1)}}}"
        if isinstance(value, Given):
            return value.entry(position)
        if isinstance(value, Reversed):
            return self._reversed_label(value, position)
        if not isinstance(value, Leaf):
            return "..." if isinstance(value, Entries) else f"{self.called(value)}[{position.number()}]"
        op = value.node.op
        if isinstance(op, StackedInputs) and isinstance(op.names, Numbered):
            return f"{op.names.prefix.removesuffix('_')}_{{{position.number(op.names.start, op.names.step)}}}"
        if isinstance(op, StackedInputs) and is_irregular(value.node):
            return op.names[position.times * position.value + position.offset]
        if isinstance(op, StackedInputs):
            own = position.times > 0 and position.value is None
            return f"{value.name or value.label}_{{{position.index if own else position.number(1)}}}"
        return f"{value.label}[{position.number()}]"

    def _reversed_label(self, value: Reversed, position: Position) -> str:
        """An entry of a reversed sequence, as an entry of that sequence."""
        inner, position = value.value, position.reversed(length(value.node.shape))
        if isinstance(inner, Leaf) and isinstance(inner.node.op, StackedInputs):
            names = inner.node.op.names
            if isinstance(names, Numbered) and names.step == 1:
                return f"{names.prefix.removesuffix('_')}_{{{position.number(names.start)}}}"
            if is_irregular(inner.node):
                return self._label_at(inner, position)
            return f"{inner.name or inner.label}_{{{position.number(1)}}}"
        if isinstance(inner, str) and inner in self.runs:
            return Given.by(inner, self.runs[inner]).entry(position)
        if isinstance(inner, Given):
            return inner.entry(position)
        return f"{self.called(inner)}[{position.number()}]"


class Folds(RolledRecorder):
    """One node per fold, with a loop edge for each part of the state."""

    level = "fold"

    def __init__(self, net: Any):
        super().__init__(net)
        self._last_states: dict[str, str] = {}  # by graph node

    def called(self, meaning: Any) -> str:
        return self._last_states[meaning] if meaning in self._last_states else super().called(meaning)

    def fold(self, node: Node[Fold], fold: Fold, args: list[Any]) -> Sequence[Any]:
        frame = self.places.enter(node)
        self.places.leave()
        loop, letters, single = frame.loop, frame.letters, fold.count == 1
        name = self.names.counted("fold")
        before, after = state_indices(loop)
        names = [self.called(args[part]) if single else f"{letters[part]}_{{{before}}}" for part in range(fold.carries)]
        names += [
            self._entry_label(value, frame) if each else self.called(value)
            for value, each in zip(args[fold.carries :], fold.each, strict=True)
        ]
        lines = [
            f"{letters[part]}_{{{after}}} = {text}"
            for part in range(fold.carries)
            if (text := step_formula(fold.block, part, names))
        ]
        label = "\n".join([*lines, index_range(loop)])
        self.put(name, "fold", "fold", label, fold.block.results[0], count=plain(fold.count), state=letters[0])
        self._last_states[name] = f"{letters[0]}_{{{index_text(loop.end)}}}"
        hidden = layer_weights(fold.block)
        for port, (value, source, kind) in enumerate(zip(args, node.args, formal_kinds(fold), strict=True)):
            if not (port in hidden and isinstance(value, Leaf) and value.is_own):
                self.edge(self.whole(value, source), name, port, kind)
        for port in range(0 if single else fold.carries):
            self.edge(name, name, port, "state", label=f"{letters[port]}_{{{before}}}")
        starts = {  # of the states before and after each step
            **{state: (part, loop.start) for part, state in enumerate(fold.block.formals[: fold.carries])},
            **{state: (part, loop.start + loop.sign) for part, state in enumerate(fold.block.results[: fold.carries])},
        }
        given = [
            Given.by(name, Run(letters[at[0]], at[1], fold.count, loop.sign) if (at := starts.get(result)) else None)
            for result in fold.block.results[fold.carries :]
        ]
        return [*[name] * fold.carries, *given]


class Blocks(RolledRecorder):
    """One step of each fold, opened, between the incoming and the outgoing state."""

    level = "block"

    def fold(self, node: Node[Fold], fold: Fold, args: list[Any]) -> Sequence[Any]:
        block, carries = fold.block, fold.carries
        before = [self.whole(value, source) for value, source in zip(args[:carries], node.args[:carries], strict=True)]
        frame = self.places.enter(node)
        loop, letters = frame.loop, frame.letters
        index_before, index_after = state_indices(loop)
        frame.results, frame.index = (), index_after if loop.sign > 0 else index_before
        items = [
            self._entry(value, source, frame) if each else value
            for value, source, each in zip(args[carries:], node.args[carries:], fold.each, strict=True)
        ]
        if fold.count != 1:
            inits = before
            before = [self._state(letters[part], index_before, block.results[part]) for part in range(carries)]
            for part, init in enumerate(inits):
                begun = isinstance(init, str) and self.graph.nodes[init]["kind"] == "state"
                more = {} if begun else {"label": self._title(letters[part], index_text(loop.start))}
                self.edge(init, before[part], 0, "init", **more)
        names = [self.called(meaning) for meaning in before]
        names += [
            self._entry_label(value, frame) if each else self.called(value)
            for value, each in zip(args[carries:], fold.each, strict=True)
        ]
        lines = [
            f"{self._title(letters[part], index_after)} = {text}"
            for part in range(carries)
            if (text := step_formula(block, part, names))
        ]
        last = ", ".join([*lines[-1:], index_range(loop)])
        self.graph.graph[f"title {self.places.attributes()['group']}"] = "\n".join([*lines[:-1], last])
        results = self.run(block.results, dict(zip(block.formals, [*before, *items], strict=True)))
        after = [self._state(letters[part], index_after, block.results[part]) for part in range(carries)]
        for part in range(carries):
            self.edge(self.whole(results[part], block.results[part]), after[part], 0, "data")
            if fold.count != 1:
                self.edge(after[part], before[part], 1, "loop")
        if len(self.places.folds) == 1:
            starts = [(after, loop.start + loop.sign), *([(before, loop.start)] if fold.count != 1 else [])]
            self.runs |= {
                state: Run(letter, start, fold.count, loop.sign)
                for states, start in starts
                for state, letter in zip(states, letters, strict=False)
            }
        self.places.leave()
        states = dict(zip(block.results[:carries], after, strict=True))
        return [
            *after,
            *(states.get(r, self.whole(m, r)) for r, m in zip(block.results[carries:], results[carries:], strict=True)),
        ]

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        """An entry of the states by its number is the state of that number."""
        entry = entry_of(node)
        if entry and isinstance(args[0], str) and args[0] in self.runs:
            run = self.runs[args[0]]
            position = entry[1] + (run.count if entry[1] < 0 else 0)
            label = f"{run.letter}_{{{index_text(run.start + run.sign * position)}}}"
            return self._picked(args[0], label, node, "data")
        return super().apply(node, args)

    def _picked(self, sequence: str, label: str, node: Node, kind: str) -> str:
        """One entry of a sequence that is in the graph."""
        name = self.put(self.names.counted("entry"), "primitive", "entry", label, node, **self.places.attributes())
        self.edge(sequence, name, 0, kind)
        return name

    def _title(self, letter: str, index: str) -> str:
        return f"{letter}_{{{','.join([*(frame.index for frame in self.places.folds[:-1]), index])}}}"

    def _state(self, letter: str, index: str, node: Node) -> str:
        label = self._title(letter, index)
        return self.put(self.names.fresh(plain_name(label)), "state", "state", label, node, **self.places.attributes())

    def _entry(self, value: Any, source: Node, frame: FoldFrame) -> Any:
        """The entry of a sequence that a step reads."""
        label, index = self._entry_label(value, frame), frame.loop.variable
        if self.letter(self._forward(value.value if isinstance(value, Reversed) else value)):
            sequence = value.value if isinstance(value, Reversed) else value
            return Leaf(sequence[0].node if isinstance(sequence, Entries) else sequence.node, label, plain_name(label))
        if isinstance(value, Reversed):
            if isinstance(value.value, Leaf):
                return Leaf(_outside(source, value.value), label, f"{value.value.name or value.value.label}_{index}")
            return self._picked(self.materialize(value.value), label, source, "item")
        if isinstance(value, Leaf):
            return Leaf(_outside(source, value), label, f"{value.name or value.label}_{index}")
        return value


def _outside(source: Node, value: Leaf) -> Node:
    """The sequence that a step reads: in a fold inside a fold, what the formal stands for."""
    return value.node if isinstance(source.op, Formal) else source


def first_index(loop: Loop) -> Any:
    """The first value of a loop's index: the number of the state after the step, or before it if numbers run down."""
    return loop.start + 1 if loop.sign > 0 else loop.start


def state_indices(loop: Loop) -> tuple[str, str]:
    """The indices of the states before and after a step; those of a single step are numbers."""
    if loop.fold.count == 1:
        return index_text(loop.start), index_text(loop.end)
    previous = f"{loop.variable}-1"
    return (previous, loop.variable) if loop.sign > 0 else (loop.variable, previous)


def index_range(loop: Loop) -> str:
    """The values of a loop's index: `k = 1, ..., 1000`, `k = 3, 2`, `k = 2`."""
    first, count = first_index(loop), loop.fold.count
    last = first + loop.sign * (count - 1)
    if count == 1:
        return f"{loop.variable} = {first}"
    return f"{loop.variable} = {first}, {'..., ' if count != 2 else ''}{last}"


def index_text(number: Any) -> str:
    """A number, or a depth, as an index.

    >>> index_text(3)
    '3'
    """
    return str(number).replace(" ", "")


def affine(index: str, times: int, offset: Any) -> str:
    """An affine function of an index.

    >>> affine("k", 1, 0), affine("k", 1, -1), affine("k", 3, -2), affine("k", -1, 4)
    ('k', 'k-1', '3*k-2', '4-k')
    """
    if times == -1:
        return f"{index_text(offset)}-{index}"
    product, sum_ = ("" if times == 1 else f"{times}*") + index, index_text(offset)
    return product if offset == 0 else f"{product}{'' if sum_.startswith('-') else '+'}{sum_}"


def ends_of(family: StackedInputs) -> str:
    """The names of a family, the middle ones left out."""
    names = family.names
    if isinstance(names, Numbered):
        last = (
            names.last
            if isinstance(names.count, int)
            else f"{names.prefix}_{{{index_text(names.number(names.count - 1))}}}"
        )
        return f"{names[0]}, ..., {last}" if names.count not in (1, 2) else ", ".join(names)
    return ", ".join(names) if len(names) <= 4 else f"{names[0]}, ..., {names[-1]}"


def is_irregular(node: Node) -> bool:
    """Whether a node is three names or more that differ in more than a number."""
    return (
        isinstance(node.op, StackedInputs)
        and count_of(node.op.names) not in (0, 1, 2)
        and not around_number(node.op.names)
    )


def family_name(family: StackedInputs) -> str:
    """A family's own name: its members' names without the number that counts them."""
    names = family.names
    if isinstance(names, Numbered):
        return names.prefix
    if len(names) > 2 and (parts := around_number(names)):
        prefix, suffix = parts[0]
        return f"{prefix.removesuffix('_')}{suffix}" or prefix
    return "_".join(names[:2])


def plain(count: Any) -> int | str:
    return count if isinstance(count, int) else str(count)
