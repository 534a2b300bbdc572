"""Families: inputs of one shape under many names, as one sequence; numbered names cost the same at any length."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from symfold.errors import InvalidValue, depth_is_symbolic
from symfold.nodes import Node
from symfold.operations import Input, Normal
from symfold.shapes import Shape, Size


@dataclass(frozen=True)
class Numbered:
    """The names prefix + start, prefix + (start + 1), ...: any number of them, or symbolically many."""

    prefix: str
    start: int
    count: Size

    def __getitem__(self, position: int) -> str:
        return f"{self.prefix}{self.start + position}"

    def __iter__(self) -> Iterator[str]:
        return (self[k] for k in range(known_count(self.count)))

    def position(self, name: str) -> int | None:
        """Where a name stands among these, found without listing them; None where it does not.

        >>> Numbered("f", 1, 10**6).position("f250000"), Numbered("f", 1, 3).position("f04")
        (249999, None)
        """
        number = name.removeprefix(self.prefix)
        if not number.isdecimal() or f"{self.prefix}{int(number)}" != name:
            return None
        place = int(number) - self.start
        return place if place >= 0 and not (isinstance(self.count, int) and place >= self.count) else None


Names = Numbered | tuple[str, ...]


def known_count(count: Size) -> int:
    """A count as a number, or the error that says it is still a symbol."""
    if not isinstance(count, int) and str(count).endswith("]"):
        raise InvalidValue(f"the length {count} is known only when numbers come (give the tensor a shape with a number there)")
    if not isinstance(count, int):
        raise depth_is_symbolic(count)
    return count


def compress(names: Sequence[str]) -> Names:
    """Names as a numbered run where they are one.

    >>> compress(["W1", "W2", "W3"]), compress(["W1", "V"])
    (Numbered(prefix='W', start=1, count=3), ('W1', 'V'))
    """
    first = re.fullmatch(r"(.*?)(0|[1-9][0-9]*)", names[0])
    if first:
        prefix, start = first[1], int(first[2])
        if all(name == f"{prefix}{start + k}" for k, name in enumerate(names)):
            return Numbered(prefix, start, len(names))
    return tuple(names)


@dataclass(frozen=True)
class Family:
    """Inputs of one shape and role, as a sequence."""

    names: Names
    shape: Shape
    role: str = "input"
    start: Normal | None = None

    @property
    def count(self) -> Size:
        return self.names.count if isinstance(self.names, Numbered) else len(self.names)

    @cached_property
    def positions(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.names)}

    def member(self, position: int) -> Node:
        return Node(Input(self.names[position], self.shape, self.role, self.start))

    def infer(self, args: tuple[Node, ...]) -> Shape:
        return (self.count, *self.shape)
