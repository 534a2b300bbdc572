"""Readings: from nodes to terms. Each node of a scope is read at a given step, which may be a number or a symbol.

A value is read as a term, a sequence as its entries. Nothing is run: names come from positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import sympy as sp

from symfold.core.blocks import Call
from symfold.core.folds import Fold
from symfold.core.interpreter import Interpreter
from symfold.core.leaves import Constant, FrozenArray
from symfold.core.nodes import Node
from symfold.core.primitives import is_primitive, merges_leading_axes, splits_leading_axis
from symfold.core.sequences import stack_row, take_row
from symfold.core.shapes import Size
from symfold.core.stacked_inputs import Numbered, StackedInputs, compress
from symfold.show.notation.loops import Loop, Scope, is_listed
from symfold.show.notation.terms import (
    Entries,
    Name,
    Term,
    as_term,
    entries_of,
    entry,
    join,
    leaf_term,
    named,
    names_layers,
    shown_op,
)


class Reader:
    """Reads scopes. The fold form writes z_1, not z1, and gives a letter to each sequence whose names follow no rule.

    With `arrays`, an array of numbers that steps read one by one has a letter too; equal arrays share it, and with
    `reuses` so does an array read from its end.
    """

    def __init__(
        self, joined: bool, define: Callable[[Entries], str] | None = None, arrays: bool = False, reuses: bool = False
    ):
        self.joined = joined
        self.define = define
        self.reuses = reuses
        self.arrays: dict[FrozenArray, Entries] | None = {} if arrays else None

    def read(
        self,
        scope: Scope,
        given: dict[Node, Any],
        execution: int = 0,
        names: Mapping[Node, Term] | None = None,
        number: Size | None = None,
    ) -> Reading:
        """The terms of the nodes of a scope; those in `names` are defined by an equation each."""
        reading = Reading(self, scope, given, execution, names or {}, number)
        reading.follow(scope.order, (), reading.known)
        return reading

    def name(self, letter: str, number: Size | None) -> Term:
        if isinstance(number, sp.Integer):
            number = int(number)
        return named(letter, number, self.joined)

    def operand(self, value: Any, count: Size) -> Entries:
        """A value that each step reads an entry of."""
        array = None if isinstance(value, Entries) or self.arrays is None else _row(value)
        if self.arrays is None or array is None:
            return entries_of(value, count)
        if self.reuses and array not in self.arrays and (forward := array.reversed()) in self.arrays:
            return self.arrays[forward].reversed()
        return self.arrays.setdefault(array, self.listed(count, lambda p: entry(value, p)))

    def listed(self, count: Size, at: Callable[[int], Any]) -> Entries:
        """A sequence whose names follow no rule: at a symbolic position it needs a letter."""

        def read(position: Size) -> Any:
            if isinstance(position, int):
                return at(position)
            assert self.define is not None
            sequence.letter = sequence.letter or self.define(sequence)
            return named(sequence.letter, position + 1)

        sequence = Entries(count, read, listed=False)
        return sequence


def _row(value: Term) -> FrozenArray | None:
    """The array of numbers that a term is, if it has one axis."""
    array = value.op.value if isinstance(value.op, Constant) else None
    return array if isinstance(array, FrozenArray) and len(array.shape) == 1 else None


class Reading(Interpreter):
    """The terms of the nodes of a scope in one execution."""

    def __init__(
        self,
        reader: Reader,
        scope: Scope,
        given: dict[Node, Any],
        execution: int,
        names: Mapping[Node, Term],
        number: Size | None,
    ):
        self.reader = reader
        self.scope = scope
        self.execution = execution
        self.known = given
        self.passes: dict[Node, Pass] = {}
        self.names = names
        self.number = number  # of the step
        self.cut: dict[Node, Term] = {}  # definitions of the named operations

    def definition(self, node: Node) -> Term:
        """The right side of the equation that defines a node."""
        return self.cut.get(node) or self.term(node)

    def term(self, node: Node) -> Term:
        return as_term(self.known[node])

    def fold(self, node: Node[Fold], fold: Fold, args: list[Any]) -> list[Any]:
        self.passes[node] = Pass(self.reader, self.scope.loops[node], args, self.execution)
        return self.passes[node].results()

    def leaf(self, node: Node) -> Term:
        return leaf_term(node)

    def stacked(self, node: Node[StackedInputs]) -> Entries:
        return self._family(node.op)

    def whole(self, value: Any, node: Node) -> Any:
        return value  # listed where it is shown

    def apply(self, node: Node, args: Sequence[Any]) -> Term:
        visible = args[: 1 + node.op.arity] if isinstance(node.op, Call) else args
        term = join(shown_op(node), [as_term(arg) for arg in visible])
        if node in self.names:
            self.cut[node] = term
            return self.names[node]
        if (cut := self.scope.cuts.get(node)) is None:
            return term
        self.cut[node] = term
        if cut.position is None:
            return self.reader.name(cut.letter, self.number)
        return self.reader.name(cut.letter, self.execution * len(self.scope.cuts) + cut.position)

    def _family(self, op: StackedInputs) -> Entries:
        names, layer = op.names, names_layers(op)
        run = names if isinstance(names, Numbered) else falling(names)
        if run is None:
            return self.reader.listed(op.count, lambda p: named(names[p], layer=layer))

        def at(position: Size) -> Term:
            if isinstance(position, int):
                return named(names[position], layer=layer)
            return named(run.prefix, run.number(position if run is names else run.count - 1 - position), layer=layer)

        return Entries(op.count, at)

    def arranged(self, node: Node, args: Sequence[Any]) -> Any:
        if is_primitive(node, stack_row):
            return self.reader.listed(len(args), lambda p: args[p])
        first = args[0]
        positions = dict(node.op.attributes)["positions"] if is_primitive(node, take_row) else None
        if isinstance(first, Entries) and isinstance(positions, tuple):
            return self.reader.listed(len(positions), lambda p: first.at(positions[p]))
        return (
            NotImplemented if splits_leading_axis(node) or merges_leading_axes(node) else super().arranged(node, args)
        )

    def joined(self, node: Node, args: Sequence[Any]) -> Entries:
        parts = [entries_of(arg, part.shape[0]) for arg, part in zip(args, node.args, strict=True)]

        def at(position: int) -> Any:
            for part in parts:
                if position < part.size:
                    return part.at(position)
                position -= part.size
            raise IndexError(position)

        unnamed = self.reader.listed(sum(part.size for part in parts), at)

        def entry(position: Size) -> Any:
            if isinstance(position, int):
                return at(position)
            candidates, offset = [], 0
            for part in parts:
                candidates.append(part.at(position - offset) if part.listed else None)
                offset += part.size
            texts = {
                value.op.text if isinstance(value, Term) and isinstance(value.op, Name) else "" for value in candidates
            }
            return candidates[-1] if len(texts) == 1 and "" not in texts else unnamed.at(position)

        return Entries(unnamed.size, entry)


def falling(names: Sequence[str]) -> Numbered | None:
    """Names numbered downward, as those of a reversed list, as a run from the last to the first.

    >>> falling(["f5", "f3", "f1"]), falling(["f1", "g"])
    (Numbered(prefix='f', start=1, count=3, step=2), None)
    """
    run = compress(names[::-1]) if len(names) > 1 else ()
    return run if isinstance(run, Numbered) else None


class Pass:
    """One execution of a loop."""

    def __init__(self, reader: Reader, loop: Loop, args: Sequence[Any], execution: int):
        self.reader = reader
        self.loop = loop
        self.execution = execution
        self.asked: set[int] = set()  # parts of the initial state that other equations refer to
        carries = loop.fold.carries
        self.init = list(args[:carries])
        self.operands = [
            reader.operand(value, loop.fold.count) if each else value
            for value, each in zip(args[carries:], loop.fold.each, strict=True)
        ]

    def number(self, steps: Size) -> Size:
        """The number of the state after some steps. The steps form continues it through every execution."""
        loop = self.loop
        base = loop.offset + self.execution * loop.period if self.reader.joined else 0
        return loop.start + base + loop.sign * steps

    def state(self, part: int, steps: Size) -> Any:
        """The name of a part of the state after some steps."""
        if self.reader.joined and isinstance(steps, int):
            if steps == 0:
                return self.init[part]
            result = self.loop.fold.block.results[part]
            if is_listed(result):  # a state that is a sequence: its entries have names already
                return Entries(result.shape[0], lambda p: self.step(steps).known[result].at(p))
        return self.reader.name(self.loop.letters[part], self.number(steps))

    def given(self, which: int, position: Size) -> Any:
        """The name of an output of the step at a position."""
        block, carries = self.loop.fold.block, self.loop.fold.carries
        result = block.results[carries + which]
        if (letter := self.loop.given[which]) is not None:
            number = self.number(position + 1) if self.loop.sign > 0 else self.number(position)
            return self.reader.name(letter, number)
        if result in block.results[:carries]:
            return self.state(block.results.index(result), position + 1)
        if result in block.formals[:carries] and (position == 0 or not isinstance(position, int)):
            self.asked.add(block.formals.index(result))
        return self.step(position + 1).known[result]

    def initial(self, parts: Iterable[int]) -> list[tuple[Term, Any]]:
        """The names and values of parts of the initial state."""
        return [(self.reader.name(self.loop.letters[part], self.number(0)), self.init[part]) for part in parts]

    def results(self) -> list[Any]:
        fold = self.loop.fold
        states = [self.state(part, fold.count) for part in range(fold.carries)]
        return states + [
            Entries(fold.count, partial(self.given, which)) for which in range(len(fold.block.results) - fold.carries)
        ]

    def step(self, steps: Size, named_init: bool = False) -> Reading:
        """The terms of all nodes of the block at a step (the first is 1)."""
        loop = self.loop
        before = [
            self.reader.name(loop.letters[k], self.number(steps - 1)) if named_init else self.state(k, steps - 1)
            for k in range(loop.fold.carries)
        ]
        operands = [
            value.at(steps - 1) if each else value for value, each in zip(self.operands, loop.fold.each, strict=True)
        ]
        return self.read([*before, *operands], steps)

    def read(self, values: Sequence[Any], steps: Size) -> Reading:
        """The block with these values for its formals; its results have names, which other results may use."""
        loop = self.loop
        arguments = dict(zip(loop.fold.block.formals, values, strict=True))
        inner = self.execution * loop.fold.count + steps - 1 if isinstance(steps, int) and self.reader.joined else 0
        names: dict[Node, Term] = {}
        for position, letter in loop.equations:
            names.setdefault(loop.fold.block.results[position], self.named(position, letter, steps))
        number = self.number(steps if loop.sign > 0 else steps - 1)
        return self.reader.read(loop.scope, arguments, inner, names, number)

    def named(self, position: int, letter: str, steps: Size) -> Term:
        """The name of a result of a step: a state is numbered after the step, an output by the step."""
        given_out = position >= self.loop.fold.carries and self.loop.sign < 0
        return self.reader.name(letter, self.number(steps - 1 if given_out else steps))
