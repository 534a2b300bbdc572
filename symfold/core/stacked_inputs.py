"""Stacked inputs: inputs of one shape under many names, as one sequence; numbered names cost the same at any length.

names ::= Numbered(prefix, start, count, step)      f1, f4, f7, ...
        | (name, ...)                               any names
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import gcd
from typing import TYPE_CHECKING, TypeAlias

import sympy as sp

from symfold.core.leaves import Input, Normal
from symfold.core.nodes import Node, Operation
from symfold.core.shapes import Shape, Size
from symfold.errors import InvalidValue, depth_is_symbolic

if TYPE_CHECKING:
    from typing_extensions import TypeIs


@dataclass(frozen=True)
class Numbered:
    """The names prefix + start, prefix + (start + step), ...; the count may be a symbol.

    >>> list(Numbered("f", 1, 3, 2)), Numbered("f", 2, 10**6, 3).last
    (['f1', 'f3', 'f5'], 'f2999999')
    """

    prefix: str
    start: int
    count: Size
    step: int = 1  # at least 1; 1 if there are fewer than two names, so that equal names are equal runs

    def __post_init__(self) -> None:
        if isinstance(self.count, int) and self.count < 2:
            object.__setattr__(self, "step", 1)
        if self.step < 1:
            raise InvalidValue(f"names are numbered upward, in steps of 1 or more, got step={self.step}")

    def __getitem__(self, position: int) -> str:
        return f"{self.prefix}{self.start + self.step * position}"

    def __iter__(self) -> Iterator[str]:
        return (self[k] for k in range(known_count(self.count)))

    def __contains__(self, name: str) -> bool:
        return self.position(name) is not None

    def number(self, position: Size) -> Size:
        """The number of the name at a position, which may be symbolic.

        >>> import sympy as sp
        >>> Numbered("f", 1, 9, 3).number(2), Numbered("f", 1, 9, 3).number(sp.Symbol("k") - 1)
        (7, 3*k - 2)
        """
        return self.start + self.step * position

    @property
    def last(self) -> str:
        """The last name, for display: `f9`; if the count is a symbol, `fn` or `f_{3*m}`."""
        number = self.number(self.count - 1)
        return f"{self.prefix}{number}" if str(number).isalnum() else f"{self.prefix}_{{{number}}}".replace(" ", "")

    def position(self, name: str) -> int | None:
        """The position of a name among these, without listing them; None if it is not one.

        >>> Numbered("f", 1, 10**6).position("f250000"), Numbered("f", 1, 3).position("f04")
        (249999, None)
        """
        number = name.removeprefix(self.prefix)
        if not number.isdecimal() or f"{self.prefix}{int(number)}" != name:
            return None
        position, remainder = divmod(int(number) - self.start, self.step)
        if position < 0 or remainder or (isinstance(self.count, int) and position >= self.count):
            return None
        return position

    def taken(self, positions: range) -> Numbered:
        """The names at these increasing positions.

        >>> list(Numbered("f", 1, 9, 3).taken(range(1, 9, 2)))
        ['f4', 'f10', 'f16', 'f22']
        """
        return Numbered(
            self.prefix, self.start + self.step * positions.start, len(positions), self.step * positions.step
        )

    def rest(self, first: int) -> Numbered:
        """All names but the first `first` ones."""
        return replace(self, start=self.start + self.step * first, count=self.count - first)

    def strided(self, stride: int, offset: int) -> Numbered:
        """The names at `offset`, `offset + stride`, ...: one of each full group of `stride` names.

        >>> import sympy as sp
        >>> Numbered("f", 1, 3 * sp.Symbol("m")).strided(3, 1)
        Numbered(prefix='f', start=2, count=m, step=3)
        """
        groups = self.count // stride if isinstance(self.count, int) else sp.expand(self.count / stride)
        return Numbered(self.prefix, self.start + self.step * offset, groups, self.step * stride)

    def shared(self, other: Numbered) -> int | None:
        """The first number in both runs, by the Chinese remainder theorem; a symbolic count has no end.

        >>> Numbered("f", 1, 100, 3).shared(Numbered("f", 10, 100, 5))
        10
        >>> Numbered("f", 1, 100, 2).shared(Numbered("f", 2, 100, 4)) is None
        True
        """
        divisor = gcd(self.step, other.step)
        distance, remainder = divmod(other.start - self.start, divisor)
        if remainder:
            return None
        period = other.step // divisor
        number = self.start + self.step * (distance * pow(self.step // divisor, -1, period) % period)
        common_step = self.step * period
        number += max(0, -((number - other.start) // common_step)) * common_step
        ends = [run.start + run.step * run.count for run in (self, other) if isinstance(run.count, int)]
        return number if all(number < end for end in ends) else None


Names = Numbered | tuple[str, ...]


def around_number(names: Names) -> list[tuple[str, str]]:
    """What stands before and after the number in which names differ; of a single name, around each of its numbers.

    >>> around_number(("norm1_0", "norm2_0")), around_number(("norm1_0",)), around_number(Numbered("f", 1, 3))
    ([('norm', '_0')], [('norm', '_0'), ('norm1_', '')], [('f', '')])
    """
    if isinstance(names, Numbered):
        return [(names.prefix, "")]
    numbers = [(name, number) for name in names for number in re.finditer(r"\d+", name)]
    parts = [(name[: number.start()], name[number.end() :]) for name, number in numbers]
    return [part for part in dict.fromkeys(parts) if parts.count(part) == len(names)]


def count_of(names: Names) -> Size:
    """The number of names."""
    return names.count if isinstance(names, Numbered) else len(names)


def known_count(count: Size) -> int:
    """A count as a number; an error if it is a symbol."""
    if isinstance(count, int):
        return count
    if str(count).endswith("]"):
        raise InvalidValue(
            f"the length {count} is unknown until numbers are given (give the tensor a shape with a number there)"
        )
    raise depth_is_symbolic(count)


def compress(names: Sequence[str]) -> Names:
    """Names as a numbered run, if they are one with an increasing step.

    >>> compress(["W1", "W2", "W3"]), compress(["W1", "V"])
    (Numbered(prefix='W', start=1, count=3, step=1), ('W1', 'V'))
    >>> compress(["W1", "W5", "W9"])
    Numbered(prefix='W', start=1, count=3, step=4)
    """
    first, second = (re.fullmatch(r"(.*?)(0|[1-9][0-9]*)", name) for name in (names[0], names[min(1, len(names) - 1)]))
    if first and second:
        start, step = int(first[2]), max(1, int(second[2]) - int(first[2]))
        if all(name == f"{first[1]}{start + step * k}" for k, name in enumerate(names)):
            return Numbered(first[1], start, len(names), step)
    return tuple(names)


@dataclass(frozen=True)
class StackedInputs(Operation):
    """Inputs of one shape and role, as one sequence."""

    names: Names
    shape: Shape
    role: str = "input"
    start: Normal | None = None

    @property
    def count(self) -> Size:
        return count_of(self.names)

    @cached_property
    def positions(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.names)}

    @cached_property
    def reversed(self) -> StackedInputs:
        """The inputs from the last to the first; each keeps the other, since every adjoint reads layers backward."""
        backward = replace(self, names=compress(tuple(self.names)[::-1]))
        vars(backward)["reversed"] = self
        return backward

    @cached_property
    def _hash(self) -> int:
        return hash((self.names, self.shape, self.role, self.start))

    def __hash__(self) -> int:  # kept: the names may be many
        return self._hash

    def __reduce__(self) -> tuple[object, ...]:
        return StackedInputs, (self.names, self.shape, self.role, self.start)  # without the hash, as for blocks

    def member(self, position: int) -> Node[Input]:
        return Node(Input(self.names[position], self.shape, self.role, self.start))

    @property
    def members(self) -> list[Node[Input]]:
        return [Node(Input(name, self.shape, self.role, self.start)) for name in self.names]

    def infer(self, args: tuple[Node, ...]) -> Shape:
        return (self.count, *self.shape)


Leaf: TypeAlias = Node[Input | StackedInputs]


def is_leaf(node: Node) -> TypeIs[Leaf]:
    """Whether a node is an input, or stacked inputs."""
    return isinstance(node.op, (Input, StackedInputs))


def is_stacked(node: Node) -> TypeIs[Node[StackedInputs]]:
    """Whether a node is stacked inputs."""
    return isinstance(node.op, StackedInputs)


def is_input(node: Node) -> TypeIs[Node[Input]]:
    """Whether a node is a single input, parameter or name."""
    return isinstance(node.op, Input)
