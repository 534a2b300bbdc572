"""A program being written: names, arrays made beforehand, and the lines of nested loops.

The source holds no name of a user's and no depth: it is as long at depth 10 as at depth 1,000.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symfold.compute.evaluate import constant_value
from symfold.core.nodes import Node
from symfold.core.shapes import Shape, sized


@dataclass(frozen=True)
class Ref:
    """An array in the source: its name, its shape, and where it is bound: level 0 once, level k at each step of a loop.

    `stack` names the array of all the steps that it is one entry of; `whole` says that nothing else is in its memory's
    way, so that it can be seen in another shape.
    """

    name: str
    shape: Shape
    level: int = 0
    stack: str | None = None
    whole: bool = False
    scratch: bool = False


@dataclass
class Scope:
    """A body being written: the program's or a loop's."""

    level: int
    lines: list[str] = field(default_factory=list)
    bound: dict[str, str] = field(default_factory=dict)  # loop variable -> the array whose entries it runs over
    number: int = 1  # of steps
    given: set[str] = field(default_factory=set)  # arrays that the loop reads and does not write
    spread: dict[tuple[str, Shape], Ref] = field(default_factory=dict)  # rows of theirs, repeated before the loop


@dataclass
class Source:
    """A program being written."""

    setup: dict[str, str] = field(default_factory=dict)  # what is made before the run, by name
    scopes: list[Scope] = field(default_factory=lambda: [Scope(0)])
    counts: list[int] = field(default_factory=list)
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)
    arrays: dict[str, Any] = field(default_factory=dict)
    free: dict[Shape, list[str]] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)

    # -- names, arrays, lines

    def name(self, letter: str) -> str:
        self.used[letter] = self.used.get(letter, 0) + 1
        return f"{letter}{self.used[letter]}"

    @property
    def scope(self) -> Scope:
        return self.scopes[-1]

    def emit(self, *lines: str) -> None:
        self.scope.lines += lines

    def once(self, letter: str, expression: str) -> str:
        """A name bound before the run."""
        name = self.name(letter)
        self.setup[name] = expression
        return name

    def scratch(self, shape: Shape) -> Ref:
        """An array for a value in between."""
        waiting = self.free.get(shape)
        name = waiting.pop() if waiting else self.once("t", f"empty({self.shape(shape)})")
        return Ref(name, shape, whole=True, scratch=True)

    def release(self, ref: Ref) -> None:
        self.free.setdefault(ref.shape, []).append(ref.name)

    def shape(self, shape: Shape) -> str:
        """A shape by name: sizes that follow the depth must not make the source longer."""
        name = self.name("shape")
        self.arrays[name] = sized(shape)
        return name

    def rows(self, positions: range) -> str:
        """Neighbouring rows by name, for the same reason."""
        name = self.name("rows")
        self.arrays[name] = slice(positions.start, positions.stop)
        return name

    def count(self, number: int) -> str:
        self.counts.append(number)
        return f"n{len(self.counts)}"

    def constant(self, node: Node) -> Ref:
        value = np.asarray(constant_value(node), dtype=float)
        return Ref(self.array("c", value), value.shape)

    def array(self, letter: str, value: Any) -> str:
        """An array of numbers that the source holds, by the name that an equal one has already or a new one."""
        found = next(
            (
                k
                for k, v in self.arrays.items()
                if isinstance(v, np.ndarray)
                and v.dtype == value.dtype
                and v.shape == value.shape
                and np.array_equal(v, value)
            ),
            None,
        )
        name = found or self.name(letter)
        self.arrays[name] = value
        return name

    def function(self, function: Callable[..., Any]) -> str:
        name = self.name("f")
        self.functions[name] = function
        return name

    def entry(self, stack: Ref, shape: Shape, letter: str = "v", array: bool = True) -> Ref:
        """The entry of a sequence at the step that the innermost loop is at; `array` says that the sequence is one array."""
        name = self.name(letter)
        self.scope.bound[name] = stack.name
        return Ref(name, shape, self.scope.level, stack.name if stack.level == 0 and array else None, whole=stack.whole)
