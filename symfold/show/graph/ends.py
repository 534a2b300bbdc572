"""A deep fold by its ends: the first step, the second, dots, and the last one, each opened.

A fold that reads the states of another from the end is shown by its first step and its last two, so that the steps that
are shown read states that are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from symfold.core.folds import Fold
from symfold.core.interpreter import Entries
from symfold.core.leaves import Constant
from symfold.core.nodes import Node
from symfold.core.primitives import is_primitive
from symfold.core.sequences import element, entry_of, reverse_row
from symfold.show.graph.folded import Position, RolledRecorder, first_index, index_text
from symfold.show.graph.names import plain_name
from symfold.show.graph.places import FoldFrame
from symfold.show.graph.record import Leaf, Reversed

MOST_SHOWN = 4  # steps of a fold that are all shown


@dataclass(frozen=True)
class Shown:
    """A sequence that a fold gives out: the entries of the steps that are shown."""

    entries: dict[Any, str]
    count: Any
    label: str
    node: Node
    backward: bool = False

    def reversed(self) -> Shown:
        entries = {self.count - 1 - place: name for place, name in self.entries.items()}
        return Shown(entries, self.count, self.label, self.node, not self.backward)


class Ends(RolledRecorder):
    """Folds by their first and last steps; a short fold by all of its steps."""

    level = "ends"

    def __init__(self, net: Any):
        super().__init__(net)
        self.stacked_nodes: dict[int, str] = {}

    def fold(self, node: Node[Fold], fold: Fold, args: list[Any]) -> Sequence[Any]:
        block, carries, count = fold.block, fold.carries, fold.count
        backward = any(isinstance(value, Shown) and value.backward for value in args[carries:])
        if isinstance(count, int) and count <= MOST_SHOWN:
            places: list[Any] = list(range(count))
        else:
            places = [0, count - 2, count - 1] if backward else [0, 1, count - 1]
        args = [self._outside(value) for value in args]
        state = [self.whole(value, source) for value, source in zip(args[:carries], node.args[:carries], strict=True)]
        frame = self.places.enter(node)
        emitted: list[dict[Any, str]] = [{} for _ in block.results[carries:]]
        previous: Any = -1
        for place in places:
            if place != previous + 1:
                state = [self._after_dots(part, place, state[part], node, frame) for part in range(carries)]
            previous = place
            self._go_to(frame, place)
            items = [
                self._entry(value, source, frame, place) if each else value
                for value, source, each in zip(args[carries:], node.args[carries:], fold.each, strict=True)
            ]
            results = self.run(block.results, dict(zip(block.formals, [*state, *items], strict=True)))
            results = [self.whole(value, result) for value, result in zip(results, block.results, strict=True)]
            for part, result in enumerate(results[:carries]):
                if isinstance(result, str) and "group" in self.graph.nodes[result]:
                    self.graph.nodes[result].setdefault("state", self._title(part))
            state = results[:carries]
            for entries, result in zip(emitted, results[carries:], strict=True):
                entries[place] = self.materialize(result)
        self.places.leave()
        return [*state, *(Shown(e, count, "...", r) for e, r in zip(emitted, block.results[carries:], strict=True))]

    def _outside(self, value: Any) -> Any:
        """A computed sequence that is read from its end, as a node outside of the steps that read it."""
        return self.materialize(value) if isinstance(value, Reversed) and isinstance(value.value, str) else value

    def _go_to(self, frame: FoldFrame, place: Any) -> None:
        """Go to the step at a place."""
        frame.step = frame.loop.start + frame.loop.sign * (place + 1)
        frame.index = index_text(frame.step)
        self.places.leave()
        self.places.frames.append(frame)
        group = self.places.attributes()["group"]
        number = first_index(frame.loop) + frame.loop.sign * place
        self.graph.graph[f"title {group}"] = f"step {index_text(number)}"

    def _title(self, part: int, before: int = 0) -> str:
        """A part of the state after this step, or some steps before."""
        *outer, frame = self.places.folds
        number = index_text(frame.step - frame.loop.sign * before)
        return f"{frame.letters[part]}_{{{','.join([*(each.index for each in outer), number])}}}"

    def _after_dots(self, part: int, place: Any, before: Any, node: Node[Fold], frame: FoldFrame) -> str:
        """The state before the step at a place, behind dots."""
        self._go_to(frame, place)
        label, around = self._title(part, 1), {}
        self.places.leave()
        if self.places.folds:
            around = self.places.attributes()
        dots = self.put(self.names.counted("dots"), "dots", "dots", "⋯", node, **around)
        state = self.put(self.names.fresh(plain_name(label)), "state", "state", label, node, **around)
        self.places.frames.append(frame)
        self.edge(before, dots, 0, "dots")
        self.edge(dots, state, 0, "data")
        return state

    def _entry(self, value: Any, source: Node, frame: FoldFrame, place: Any) -> Any:
        """The entry of a sequence that the step at a place reads."""
        if isinstance(value, Entries):
            return value[place]
        if isinstance(value, Shown):
            if place in value.entries:
                return value.entries[place]
            return self.put(self.names.counted("entry"), "primitive", "entry", f"[{index_text(place)}]", source)
        if isinstance(value, Leaf) and isinstance(value.node.op, Constant) and isinstance(place, int):
            return self.leaf(element(source, place))
        inner = value.value if isinstance(value, Reversed) else value
        if not isinstance(inner, Leaf):
            return value
        label = self._label_at(value, Position(frame.loop.variable, 1, 0, place))
        name = plain_name(label) if "_{" in label else label
        return Leaf(inner.node, name if isinstance(place, int) else label, name)

    # -- sequences that folds give out

    def materialize(self, meaning: Any) -> str:
        if not isinstance(meaning, Shown):
            return super().materialize(meaning)
        if id(meaning) not in self.stacked_nodes:
            name = self.put(self.names.counted("stack"), "join", "stack", "stack", meaning.node)
            for port, entry in enumerate(meaning.entries.values()):
                self.edge(entry, name, port, "data")
            self.stacked_nodes[id(meaning)] = name
        return self.stacked_nodes[id(meaning)]

    def called(self, meaning: Any) -> str:
        return meaning.label if isinstance(meaning, Shown) else super().called(meaning)

    def meaning(self, node: Node, args: list[Any]) -> Any:
        if args and isinstance(args[0], Shown):
            if is_primitive(node, reverse_row):
                return args[0].reversed()
            if entry := entry_of(node):
                place = entry[1] if entry[1] >= 0 else args[0].count + entry[1]
                if place in args[0].entries:
                    return args[0].entries[place]
        return super().meaning(node, args)
