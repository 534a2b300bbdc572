"""Transfer: how the outputs of a net depend on its inputs, along paths, each layer on the way worth t.

A block is a matrix over (state, operands), so a fold is a power of a matrix: exact at any depth, and closed in a symbolic
depth where the power closes. A fold that reads what another gives out step by step is one with it: they take their steps
together, the state of both being one. The numbers may be integers, polynomials packed into integers, or SymPy expressions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from symfold.analysis.counting.powers import Row, power, times, unit
from symfold.analysis.counting.weights import Weights, number_of, runs
from symfold.errors import NoRule
from symfold.families import Family
from symfold.folds import Fold, Select
from symfold.layer_kinds import Call, is_name
from symfold.nodes import Node
from symfold.operations import Constant
from symfold.primitives import broadcast_like, concatenate, is_primitive
from symfold.sequences import element, entry_of, joins_steps, renewed, reverse_row, stack_row, take_row
from symfold.walks import walk


class Entries(list[Row]):
    """The rows of a sequence whose entries differ."""


@dataclass(frozen=True, eq=False)
class Given:
    """What a fold gives out at each step, as the fold that gives it: a fold of as many steps runs along with it."""

    source: Running
    position: int  # among the results of the block

    @property
    def entries(self) -> Entries:
        """The entries one by one, for those who read them in another way."""
        found: Entries = self.source.listed[self.position]
        return found

    @property
    def total(self) -> Row:
        """All entries together."""
        return self.source.state(summed=self.position)[-1]

    def entry(self, place: int) -> Row:
        """The entry of one step; the steps before it are all that is run."""
        return self.source.entry(self.position, place)


def transfer(roots: Sequence[Node], sources: Sequence[Node], weights: Weights) -> list[Row]:
    """For each root, a row with one number a source: the sum over paths of the product of the layers on them."""
    width = len(sources)
    units = {source: unit(place, width) for place, source in enumerate(sources)}
    return [summed(row, width) for row in follow(roots, units, weights, width)]


def follow(roots: Sequence[Node], known: Mapping[Node, Any], weights: Weights, width: int) -> list[Any]:
    """The rows of the roots, from those of some nodes; of a sequence whose entries differ, a row an entry.

    In place of a row, the name of a layer has the node that it is outside of all blocks.
    """
    rows: dict[Node, Any] = dict(known)
    for node in walk(roots, stop=known):
        rows[node] = _row(node, [rows[arg] for arg in node.args], known, weights, width)
    return [rows[root] for root in roots]


def _row(node: Node, args: list[Any], units: Mapping[Node, Any], weights: Weights, width: int) -> Any:
    op = node.op
    if is_name(node):
        return renewed(node, args) if args else node
    if isinstance(op, Fold):
        return Running.over(op, args, weights, width)
    if args and isinstance(args[0], Given) and (entry := entry_of(node)):
        return args[0].entry(entry[1])
    if isinstance(op, Select):
        return args[0].result(op.position)
    if isinstance(op, Family):
        if op.role != "input" or not isinstance(op.count, int):
            return [0] * width
        return Entries(units.get(op.member(k), [0] * width) for k in range(op.count))
    if not node.args:
        return [0] * width
    if is_primitive(node, stack_row):
        return Entries(summed(arg, width) for arg in args)
    if is_primitive(node, take_row, reverse_row) or (is_primitive(node, concatenate) and joins_steps(node)):
        args = [arg.entries if isinstance(arg, Given) else arg for arg in args]
    if args and isinstance(args[0], Entries):
        if is_primitive(node, take_row):
            return Entries(args[0][k] for k in dict(op.attributes)["positions"])
        if is_primitive(node, reverse_row):
            return Entries(args[0][::-1])
        if entry := entry_of(node):
            return args[0][entry[1]]
    if is_primitive(node, concatenate) and joins_steps(node) and any(isinstance(arg, Entries) for arg in args):
        parts = zip(args, node.args, strict=True)
        return Entries(row for arg, part in parts for row in (arg if isinstance(arg, Entries) else [arg] * part.shape[0]))
    if is_primitive(node, broadcast_like):  # what it is spread like gives the shape alone
        return summed(args[0], width)
    if isinstance(op, Call):
        worth = weights.of(args[0])
        return [weights.tidy(worth * value) for value in add_rows([summed(arg, width) for arg in args[1:]], width)]
    total = add_rows([summed(arg, width) for arg in args], width)
    if weights.constant and op is sp.Mul:
        for factor in (weights.constant(number_of(arg)) for arg in node.args if isinstance(arg.op, Constant)):
            total = [weights.tidy(factor * value) for value in total]
    return total


def summed(rows: Any, width: int) -> Row:
    """The row of a value read whole: of a sequence, all its entries together."""
    return rows.total if isinstance(rows, Given) else add_rows(rows, width) if isinstance(rows, Entries) else rows


def add_rows(rows: Sequence[Row], width: int) -> Row:
    total: Row = [0] * width
    for row in rows:
        total = [a + b for a, b in zip(total, row, strict=True)]
    return total


@dataclass(frozen=True, eq=False)
class Running:
    """A fold over rows, and the folds that it runs along with: those whose sequences it reads, those that they read, ..."""

    fold: Fold
    args: list[Any]
    weights: Weights
    width: int

    @classmethod
    def over(cls, fold: Fold, args: list[Any], weights: Weights, width: int) -> Running:
        """With sequences listed that are read in another way than step by step."""
        along = [False] * fold.carries + list(fold.each)
        kept = [each and isinstance(arg, Given) and arg.source.fold.count == fold.count for arg, each in zip(args, along, strict=True)]
        return cls(fold, [arg.entries if isinstance(arg, Given) and not keep else arg for arg, keep in zip(args, kept, strict=True)], weights, width)

    def result(self, position: int) -> Any:
        """A result of the fold: by a power of a matrix, where all the steps read and give the same way."""
        if not self.even:
            return self.listed[position]
        return self.final[position] if position < self.fold.carries else Given(self, position)

    @cached_property
    def final(self) -> list[Row]:
        """The state after all the steps."""
        return self.state()

    @cached_property
    def together(self) -> list[Running]:
        """The folds that take their steps together, each after those that it reads."""
        before = [one for arg in self.args if isinstance(arg, Given) for one in arg.source.together]
        return [*dict.fromkeys(before), self]

    @cached_property
    def even(self) -> bool:
        """Whether all the steps read and give the same way. Of a few steps of many folds it is not asked: they are soon taken."""
        if any(isinstance(arg, Entries) for arg in self.args) or (isinstance(self.fold.count, int) and self.fold.count < len(self.together)):
            return False
        return not any(isinstance(row, (Entries, Given)) for row in self._step(0))

    def _step(self, start: int) -> list[Any]:
        """A block's results over its formals, the layers being those of one step."""
        fold, formals = self.fold, self.fold.block.formals
        known: dict[Node, Any] = {formal: unit(place, len(formals)) for place, formal in enumerate(formals)}
        for formal, operand, each in zip(formals[fold.carries :], self.args[fold.carries :], fold.each, strict=True):
            if isinstance(operand, Node):
                known[formal] = element(operand, start) if each else operand
        return follow(fold.block.results, known, self.weights, len(formals))

    @cached_property
    def _places(self) -> tuple[list[Place], list[Place]]:
        """Where there are rows, here and in the folds that run along: in the state, and in what every step reads."""
        rows = [(one, k) for one in reversed(self.together) for k, arg in enumerate(one.args) if not isinstance(arg, (Given, Node))]
        return [(one, k) for one, k in rows if k < one.fold.carries], [(one, k) for one, k in rows if k >= one.fold.carries]

    def _steps(self, start: int, places: Sequence[Place | None]) -> dict[Running, list[Row]]:
        """One step of each of the folds, over all the places."""
        size = len(places)
        found: dict[Running, list[Row]] = {}
        for one in self.together:
            vectors = [
                found[arg.source][arg.position] if isinstance(arg, Given) else unit(-1 if isinstance(arg, Node) else places.index((one, k)), size)
                for k, arg in enumerate(one.args)
            ]
            found[one] = [times(row, vectors, self.weights.tidy, size) for row in one._step(start)]
        return found

    def state(self, count: Any = None, summed: int | None = None) -> list[Row]:
        """The state after all the steps, or after so many; last, the sum of what the steps give out at a place."""
        held, read = self._places
        places = [*held, *([] if summed is None else [None]), *read]
        rows = [[0] * self.width if place is None else place[0].args[place[1]] for place in places]
        carries = len(places) - len(read)
        names = [arg for one in self.together for arg, each in zip(one.args[one.fold.carries :], one.fold.each, strict=True) if each and isinstance(arg, Node)]
        for start, steps in runs(self.fold.count if count is None else count, names, self.weights):
            after = self._steps(start, places)
            block = [after[one][k] for one, k in held]
            if summed is not None:
                block.append(add_rows([unit(len(held), len(places)), after[self][summed]], len(places)))
            rows[:carries] = [times(row, rows, self.weights.tidy, self.width) for row in power(block, carries, steps, self.weights.tidy)]
        return rows[:carries]

    def entry(self, position: int, step: int) -> Row:
        """What one step gives out, from the state before it."""
        before = step if step >= 0 else self.fold.count + step
        if self.weights.own and not isinstance(before, int):
            return self.listed[position][before]  # which layer that is cannot be told
        held, read = self._places
        rows = [*self.state(before), *(one.args[k] for one, k in read)]
        return times(self._steps(before if isinstance(before, int) else 0, [*held, *read])[self][position], rows, self.weights.tidy, self.width)

    @cached_property
    def listed(self) -> list[Any]:
        """The results step by step, where what the steps read or give out differs from step to step."""
        fold, width = self.fold, self.width
        if not isinstance(fold.count, int):
            raise NoRule(f"the paths through the {fold.count} steps of a scan have no closed form here (give the depth a number: net.at(...))")
        carries, block = fold.carries, fold.block
        state, given = self.args[:carries], [Entries() for _ in block.results[carries:]]
        for step in range(fold.count):
            own = [_entry(arg, step) if each else arg for arg, each in zip(self.args[carries:], fold.each, strict=True)]
            results = follow(block.results, dict(zip(block.formals, [*state, *own], strict=True)), self.weights, width)
            state = [row.entries if isinstance(row, Given) else row for row in results[:carries]]
            for kept, row in zip(given, results[carries:], strict=True):
                kept.append(summed(row, width))
        return [*state, *given]


Place = tuple[Running, int]  # an argument of a fold


def _entry(value: Any, step: int) -> Any:
    if isinstance(value, Node):
        return element(value, step)
    return (value.entries if isinstance(value, Given) else value)[step] if isinstance(value, (Entries, Given)) else value
