"""Entries: the names of a sequence, entry by entry; a position may be a number or a symbol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from symfold.core import interpreter
from symfold.core.leaves import Constant
from symfold.core.nodes import Node
from symfold.core.primitives import Apply
from symfold.core.sequences import element
from symfold.core.shapes import Size
from symfold.core.stacked_inputs import Numbered, compress, known_count
from symfold.show.notation.terms import At, Listing, Term


class Entries(interpreter.Entries):
    """The names of a sequence: its entries by position, which may be symbolic."""

    def __init__(self, count: Size, at: Callable[[Size], Any], listed: bool = True):
        self.size = count
        self.at = at
        self.listed = listed  # whether entries at a symbolic position have a name too

    def __len__(self) -> int:
        return known_count(self.size)

    def __iter__(self) -> Iterator[Any]:
        return (self.at(k) for k in range(len(self)))

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return [self.at(k) for k in range(len(self))[position]]
        return self.at(position if position >= 0 else self.size + position)  # counted from the end

    def taken(self, positions: Sequence[int]) -> Entries:
        if isinstance(positions, range):
            return Entries(len(positions), lambda p: self.at(positions.start + p * positions.step))
        return Entries(len(positions), lambda p: self.at(positions[p]))

    def reversed(self) -> Entries:
        return Entries(self.size, lambda p: self.at(self.size - 1 - p))


def listing(entries: Entries) -> Term:
    """A sequence as one term: a few entries, or its first and its last."""
    if isinstance(entries.size, int) and entries.size <= 4:
        return Term(Listing(), [as_term(entries.at(k)) for k in range(entries.size)])
    return Term(Listing(elided=True), [as_term(entries.at(0)), as_term(entries.at(entries.size - 1))])


def as_term(value: Any) -> Term:
    return listing(value) if isinstance(value, Entries) else value


def falling(names: Sequence[str]) -> Numbered | None:
    """Names numbered downward, as those of a reversed list, as a run from the last to the first.

    >>> falling(["f5", "f3", "f1"]), falling(["f1", "g"])
    (Numbered(prefix='f', start=1, count=3, step=2), None)
    """
    run = compress(names[::-1]) if len(names) > 1 else ()
    return run if isinstance(run, Numbered) else None


def entries_of(value: Any, count: Size) -> Entries:
    """A value read along its leading axis; an entry of a slice is named as an entry of the sliced value."""
    if isinstance(value, Entries):
        return value
    if isinstance(value.op, Apply):
        source, name, attributes = value.args[0], value.op.primitive.name, dict(value.op.attributes)
        if name == "reverse":
            return Entries(count, lambda p: entry(source, count - 1 - p))
        index = attributes["positions"] if name == "take" else attributes["index"][0] if name == "item" else None
        start = index.start if isinstance(index, range) else index[0] or 0 if isinstance(index, tuple) else None
        is_slice = name == "item" and len(attributes["index"]) == 1 and isinstance(index, tuple) and len(index) == 2
        if start is not None and start >= 0 and (is_slice or (isinstance(index, range) and index.step == 1)):
            return Entries(count, lambda p: entry(source, p + start))
    return Entries(count, lambda p: entry(value, p))


def entry(value: Any, position: Size) -> Term:
    """An entry of a value; for an array of numbers, the number."""
    if isinstance(value.op, Constant) and isinstance(position, int):
        return Term(element(Node(value.op), position).op)
    return Term(At(position), (value,))
