"""The levels `fold` and `block`: folds as they are held, whatever their depth.

`fold` shows one node a fold, with a loop that carries the state. `block` opens it: one step with its index, from the
state z_{k-1} to the state z_k, and a loop back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from symfold.core.folds import Fold
from symfold.core.interpreter import Entries
from symfold.core.nodes import Node
from symfold.core.operations import Input
from symfold.core.sequences import entry_of
from symfold.core.shapes import length
from symfold.core.stacked_inputs import Numbered, StackedInputs
from symfold.show.graph.edges import formal_kinds
from symfold.show.graph.formulas import step_formula
from symfold.show.graph.names import plain_name
from symfold.show.graph.record import Leaf, Recorder, Reversed
from symfold.show.graph.stepped import layer_weights
from symfold.show.notation.letters import INDICES, stems_of


class Held(Recorder):
    """Families of inputs stay whole."""

    def __init__(self, net: Any):
        super().__init__(net)
        names = stems_of(net)
        self.indices = [letter for letter in INDICES if letter not in names]
        self.runs: dict[
            str, tuple[str, Any, Any]
        ] = {}  # for a state that stands for all of its steps: its letter, the first one, how many

    def reserved(self, leaf: Node) -> Iterable[str]:
        return (leaf.op.name,) if isinstance(leaf.op, Input) else ()

    def stacked(self, node: Node) -> Any:
        return Leaf(node, span(node.op), family_name(node.op))

    def _letter(self, depth: int) -> str:
        """The index of the folds that lie so deep in others, which no name of the net is."""
        return self.indices[depth - 1] if depth <= len(self.indices) else f"k{depth}"

    def _entry_label(self, value: Any, first: Any, index: str) -> str:
        """One entry of a sequence, by its index."""
        if isinstance(value, Reversed):
            return self._from_the_end(value, first, index)
        if not isinstance(value, Leaf):
            return "..." if isinstance(value, Entries) else f"{self.called(value)}[{shifted(index, -first)}]"
        op = value.node.op
        if isinstance(op, StackedInputs) and isinstance(op.names, Numbered):
            return f"{op.names.prefix.removesuffix('_')}_{{{shifted(index, op.names.start - op.names.step * first, op.names.step)}}}"
        return (
            f"{value.name or value.label}_{{{index}}}"
            if isinstance(op, StackedInputs)
            else f"{value.label}[{shifted(index, -first)}]"
        )

    def _from_the_end(self, value: Reversed, first: Any, index: str) -> str:
        """The entry of a sequence read backwards, as an entry of that sequence."""
        inner, size = value.value, length(value.node.shape)
        if isinstance(inner, Leaf) and isinstance(inner.node.op, StackedInputs):
            names = inner.node.op.names
            if isinstance(names, Numbered) and names.step == 1:
                return f"{names.prefix.removesuffix('_')}_{{{backward(index, names.start + size - 1 + first)}}}"
            return f"{inner.name or inner.label}_{{{backward(index, size + first)}}}"
        if isinstance(inner, str) and inner in self.runs:
            letter, start, count = self.runs[inner]
            return f"{letter}_{{{backward(index, start + count - 1 + first)}}}"
        return f"{self.called(inner)}[{backward(index, size - 1 + first)}]"


class Folds(Held):
    """One node a fold, with a loop edge for each part of the state."""

    level = "fold"

    def fold(self, node: Node, fold: Fold, args: list[Any]) -> Sequence[Any]:
        frame = self.places.enter(node)
        first, letters = frame.step, frame.letters
        frame.step += fold.count
        self.places.leave(node)
        name = self.names.counted("fold")
        letter = self._letter(1)
        index = letter if fold.count != 1 else str(first)
        steps = [
            f"{letters[part]}_{{{letter}-1}}" if fold.count != 1 else self.called(args[part])
            for part in range(fold.carries)
        ]
        steps += [
            self._entry_label(value, first, letter) if each else self.called(value)
            for value, each in zip(args[fold.carries :], fold.each, strict=True)
        ]
        told = [
            f"{letters[part]}_{{{index}}} = {text}"
            for part in range(fold.carries)
            if (text := step_formula(fold.block, part, steps))
        ]
        label = "\n".join([*told, run_text(letter, first, fold.count)])
        self.put(name, "fold", "fold", label, fold.block.results[0], count=plain(fold.count), state=letters[0])
        hidden = layer_weights(fold.block)
        for port, (value, source, kind) in enumerate(zip(args, node.args, formal_kinds(fold), strict=True)):
            if not (port in hidden and isinstance(value, Leaf) and value.is_own):
                self.edge(self.whole(value, source), name, port, kind)
        for port in range(fold.carries if fold.count != 1 else 0):
            self.edge(name, name, port, "state", label=f"{letters[port]}_{{{letter}-1}}")
        return [name] * len(fold.block.results)


class Blocks(Held):
    """One step of each fold, opened, between the state that comes in and the state that goes out."""

    level = "block"

    def fold(self, node: Node, fold: Fold, args: list[Any]) -> Sequence[Any]:
        block, carries = fold.block, fold.carries
        before = [self.whole(value, source) for value, source in zip(args[:carries], node.args[:carries], strict=True)]
        frame = self.places.enter(node)
        first, frame.results = frame.step, ()
        depth = len(self.places.folds)
        name = self._letter(depth)
        frame.index = str(first) if fold.count == 1 else name
        own = [
            self._entry(value, source, name, first) if each else value
            for value, source, each in zip(args[carries:], node.args[carries:], fold.each, strict=True)
        ]
        if fold.count != 1:
            inits = before
            before = [self._state(frame.letters[part], f"{name}-1", block.results[part]) for part in range(carries)]
            for part, init in enumerate(inits):
                begun = isinstance(init, str) and self.graph.nodes[init]["kind"] == "state"
                more = {} if begun else {"label": self._title(frame.letters[part], str(first - 1))}
                self.edge(init, before[part], 0, "init", **more)
        names = [self.called(meaning) for meaning in before]
        names += [
            self._entry_label(value, first, name) if each else self.called(value)
            for value, each in zip(args[carries:], fold.each, strict=True)
        ]
        told = [
            f"{self._title(frame.letters[part], frame.index)} = {text}"
            for part in range(carries)
            if (text := step_formula(block, part, names))
        ]
        told = (
            [*told[:-1], f"{told[-1]}, {run_text(name, first, fold.count)}"]
            if told
            else [run_text(name, first, fold.count)]
        )
        self.graph.graph[f"title {self.places.attributes()['group']}"] = "\n".join(told)
        results = self.run(block.results, dict(zip(block.formals, [*before, *own], strict=True)))
        after = [self._state(frame.letters[part], frame.index, block.results[part]) for part in range(carries)]
        for part in range(carries):
            self.edge(self.whole(results[part], block.results[part]), after[part], 0, "data")
            if fold.count != 1:
                self.edge(after[part], before[part], 1, "loop")
        frame.step += fold.count
        self.places.leave(node)
        if depth == 1:
            self.runs |= {
                state: (letter, first, fold.count) for state, letter in zip(after, frame.letters, strict=False)
            }
            self.runs |= {
                state: (letter, first - 1, fold.count)
                for state, letter in zip(before, frame.letters, strict=False)
                if fold.count != 1
            }
        states = dict(zip(block.results[:carries], after, strict=True))
        return [
            *after,
            *(states.get(r, self.whole(m, r)) for r, m in zip(block.results[carries:], results[carries:], strict=True)),
        ]

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        """An entry of the states by its number is the state of that number."""
        entry = entry_of(node)
        if entry and isinstance(args[0], str) and args[0] in self.runs:
            letter, first, count = self.runs[args[0]]
            place = first + entry[1] + (count if entry[1] < 0 else 0)
            return self._picked(args[0], f"{letter}_{{{str(place).replace(' ', '')}}}", node)
        return super().apply(node, args)

    def _picked(self, sequence: str, label: str, node: Node) -> str:
        """One entry of a sequence that is in the graph."""
        name = self.put(self.names.counted("entry"), "primitive", "entry", label, node)
        self.edge(sequence, name, 0, "data")
        return name

    def _title(self, letter: str, index: str) -> str:
        return f"{letter}_{{{','.join([*(frame.index for frame in self.places.folds[:-1]), index])}}}"

    def _state(self, letter: str, index: str, node: Node) -> str:
        label = self._title(letter, index)
        return self.put(self.names.fresh(plain_name(label)), "state", "state", label, node, **self.places.attributes())

    def _entry(self, value: Any, source: Node, index: str, first: Any) -> Any:
        """One entry of a sequence, by its index."""
        if isinstance(value, Reversed):
            label = self._entry_label(value, first, index)
            if isinstance(value.value, Leaf):
                return Leaf(source, label, f"{value.value.name or value.value.label}_{index}")
            return self._picked(self.materialise(value.value), label, source)
        if not isinstance(value, Leaf):
            return value
        return Leaf(source, self._entry_label(value, first, index), f"{value.name or value.label}_{index}")


def run_text(index: str, first: Any, count: Any) -> str:
    """The values that an index takes.

    >>> run_text("k", 1, 1000), run_text("k", 2, 1)
    ('k = 1, ..., 1000', 'k = 2')
    """
    last = first + count - 1
    return f"{index} = {first}" if last == first else f"{index} = {first}, {'..., ' if last != first + 1 else ''}{last}"


def shifted(index: str, offset: Any, times: int = 1) -> str:
    """An index times a number and moved: `k`, `k-1`, `3*k-2`, `k-n-1`."""
    told = str(offset).replace(" ", "")
    return ("" if times == 1 else f"{times}*") + (
        index if offset == 0 else f"{index}{told}" if told.startswith("-") else f"{index}+{told}"
    )


def backward(index: str, last: Any) -> str:
    """An index that counts down from a number: `n-k`, `4-k`, `n+1-k`."""
    return f"{last}-{index}".replace(" ", "")


def span(family: StackedInputs) -> str:
    """The names of a family, the middle ones left out."""
    names = family.names
    if isinstance(names, Numbered):
        return f"{names[0]}, ..., {names.last}" if names.count not in (1, 2) else ", ".join(names)
    return ", ".join(names) if len(names) <= 4 else f"{names[0]}, ..., {names[-1]}"


def family_name(family: StackedInputs) -> str:
    """A family's own name: what its members' names begin with."""
    names = family.names
    return (
        names.prefix
        if isinstance(names, Numbered)
        else "_".join(names[:2])
        if len(names) <= 2
        else f"{names[0]}_to_{names[-1]}"
    )


def plain(count: Any) -> int | str:
    return count if isinstance(count, int) else str(count)
