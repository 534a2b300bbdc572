"""The source of a program under construction: names, preallocated arrays, and the lines of nested loops.

The source contains no user's names and no depth: it is as long at depth 10 as at depth 1,000.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.compute.evaluate import constant_value
from symfold.core.nodes import Node
from symfold.core.shapes import Shape, sized


@dataclass(frozen=True)
class Ref:
    """An array in the source: its name, its shape, and its level: 0 if bound once, k if bound per step of loop k.

    `stack` names the array over all steps that it is an entry of; a `whole` array is contiguous, so that a reshape
    is a view.
    """

    name: str
    shape: Shape
    level: int = 0
    stack: str | None = None
    whole: bool = False
    scratch: bool = False


@dataclass
class Scope:
    """The body of the program or of a loop."""

    level: int
    lines: list[str] = field(default_factory=list)
    bound: dict[str, str] = field(default_factory=dict)  # loop variable -> the array over whose entries it runs
    number: int = 1  # of steps
    given: set[str] = field(default_factory=set)  # arrays that the loop reads but does not write
    spread: dict[tuple[str, Shape], Ref] = field(default_factory=dict)  # their rows, repeated before the loop


@dataclass
class Source:
    """The source of a program under construction; its numbers have one dtype."""

    dtype: str = "float64"
    setup: dict[str, str] = field(default_factory=dict)  # expressions evaluated before the run, by name
    scopes: list[Scope] = field(default_factory=lambda: [Scope(0)])
    counts: list[int] = field(default_factory=list)
    functions: dict[str, Callable[..., object]] = field(default_factory=dict)
    arrays: dict[str, Any] = field(default_factory=dict)
    array_names: dict[tuple[str, Shape, bytes], str] = field(default_factory=dict)  # by dtype, shape and digest
    free: dict[Shape, list[str]] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    matrices: dict[str, str] = field(default_factory=dict)  # by the name of their transpose
    copies: dict[str, str] = field(default_factory=dict)  # of transposed matrices, made before all loops

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
        """An array for an intermediate value."""
        free = self.free.get(shape)
        name = free.pop() if free else self.once("t", f"empty({self.shape(shape)})")
        return Ref(name, shape, whole=True, scratch=True)

    def release(self, ref: Ref) -> None:
        self.free.setdefault(ref.shape, []).append(ref.name)

    def shape(self, shape: Shape) -> str:
        """The name of a shape: sizes that depend on the depth must not lengthen the source."""
        name = self.name("shape")
        self.arrays[name] = sized(shape)
        return name

    def rows(self, positions: range) -> str:
        """The name of a slice of rows, for the same reason."""
        name = self.name("rows")
        self.arrays[name] = slice(positions.start, positions.stop)
        return name

    def count(self, number: int) -> str:
        self.counts.append(number)
        return f"n{len(self.counts)}"

    def constant(self, node: Node) -> Ref:
        value = np.asarray(constant_value(node), dtype=self.dtype)
        return Ref(self.array("c", value), value.shape)

    def array(self, letter: str, value: NumpyArray) -> str:
        """The name of an array of numbers; equal arrays share one."""
        content = hashlib.blake2b(value.tobytes(), digest_size=16).digest()
        key = (value.dtype.str, value.shape, content)
        if key not in self.array_names:
            self.array_names[key] = self.name(letter)
            self.arrays[self.array_names[key]] = value
        return self.array_names[key]

    def function(self, function: Callable[..., object]) -> str:
        name = self.name("f")
        self.functions[name] = function
        return name

    def entry(self, stack: Ref, shape: Shape, letter: str = "v", array: bool = True) -> Ref:
        """The entry of a sequence at the current step of the innermost loop; `array`: the sequence is one array."""
        name = self.name(letter)
        self.scope.bound[name] = stack.name
        return Ref(name, shape, self.scope.level, stack.name if stack.level == 0 and array else None, whole=stack.whole)
