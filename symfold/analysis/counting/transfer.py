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

from symfold.analysis.counting.numbers import NoSingleWeight, Number, computed, number_of, stacked
from symfold.analysis.counting.powers import Row, power, times, unit
from symfold.analysis.counting.rows import Entries, Given, add_rows, check_factors, entries_of, product, total
from symfold.analysis.counting.weights import Weights, runs
from symfold.errors import NoRule
from symfold.families import Family
from symfold.folds import Fold, Select
from symfold.layer_kinds import Call, is_name
from symfold.nodes import Node
from symfold.operations import Constant, Input
from symfold.primitives import alike, broadcast_like, carried_places, concatenate, is_primitive
from symfold.sequences import element, entry_of, joins_steps, renewed, reverse_row, stack_row, take_row
from symfold.walks import walk


def transfer(roots: Sequence[Node], sources: Sequence[Node], weights: Weights) -> list[Row]:
    """For each root, a row with one number a source: the sum over paths of the product of the layers on them."""
    width = len(sources)
    units = {source: unit(place, width) for place, source in enumerate(sources)}
    results = follow(roots, units, weights, width)
    check_factors(results, weights)
    return [total(row, width) for row in results]


def follow(roots: Sequence[Node], known: Mapping[Node, Any], weights: Weights, width: int) -> list[Any]:
    """The rows of the roots, from those of some nodes; of a sequence whose entries differ, a row an entry.

    In place of a row, the name of a layer has the node that it is outside of all blocks, and with weights a number has its value.
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
    if weights.constant and (number := _number(node, args, weights)):
        return number
    if not node.args:
        return [0] * width
    if is_primitive(node, stack_row):
        return Entries(arg if isinstance(arg, Number) else total(arg, width) for arg in args)
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
        return Entries(row for arg, part in zip(args, node.args, strict=True) for row in entries_of(arg, part.shape[0]))
    if op is sp.Mul and weights.constant:
        return product(node, args, weights, width)
    args = [args[k] for k in carried_places(node)]
    check_factors(args, weights)
    if isinstance(op, Call):
        worth = weights.of(args[0])
        return [weights.tidy(worth * value) for value in add_rows([total(arg, width) for arg in args[1:]], width)]
    return add_rows([total(arg, width) for arg in args if not isinstance(arg, Node)], width)


def _number(node: Node, args: list[Any], weights: Weights) -> Number | None:
    """A value that follows from numbers alone."""
    if isinstance(node.op, Constant):
        return number_of(node)
    if getattr(node.op, "name", None) in weights.symbols and isinstance(node.op, Input):
        return Number(sp.Symbol(node.op.name), frozenset({node.op.name}))
    args = [arg.as_number if isinstance(arg, Given) else arg for arg in args]
    if isinstance(node.op, Call) or not args or not all(isinstance(args[k], Number) for k in carried_places(node)):
        return None
    if is_primitive(node, stack_row):
        return stacked(args)
    if isinstance(args[0], Number) and (entry := entry_of(node)) and (entry[1] >= 0 or args[0].is_uniform):
        return args[0].entry(entry[1])
    return computed(node, args) if all(isinstance(arg, Number) for arg in args) or is_primitive(node, broadcast_like, alike) else None


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
    def final(self) -> list[Any]:
        """The state after all the steps."""
        rows, numbers = self.state()
        return [numbers.get((self, k), row) for k, row in enumerate(rows[: self.fold.carries])]

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
        return not any(isinstance(row, (Entries, Given)) for row in self.first)

    @cached_property
    def first(self) -> list[Any]:
        """The results of the first step over the formals of the block."""
        given = {arg: arg.source.first[arg.position] for arg in self.args if isinstance(arg, Given)}
        return self._step(0, self._numbers(0, given, self._initial))

    # -- numbers: which formals are numbers at a step, and what they are

    @cached_property
    def _initial(self) -> Held:
        """The numbers that the state begins with, of all the folds that run along."""
        return {(one, k): arg for one in self.together for k, arg in enumerate(one.args[: one.fold.carries]) if isinstance(arg, Number)}

    def _numbers(self, start: int, given: Mapping[Given, Any], held: Held) -> dict[int, Number]:
        """The numbers among the formals at one step."""
        along = [False] * self.fold.carries + list(self.fold.each)
        values = [held.get((self, k)) if k < self.fold.carries else given[arg] if isinstance(arg, Given) else arg for k, arg in enumerate(self.args)]
        return {
            k: value.entry(start) if each and not isinstance(arg, Given) else value
            for k, (value, arg, each) in enumerate(zip(values, self.args, along, strict=True))
            if isinstance(value, Number)
        }

    def _held(self, results: Mapping[Running, list[Any]]) -> Held:
        """The numbers that a step hands on."""
        return {(one, k): row for one in self.together for k, row in enumerate(results[one][: one.fold.carries]) if isinstance(row, Number)}

    def gives_numbers(self, position: int) -> bool:
        """Whether what every step gives out at a place is a number."""
        if not isinstance(self.first[position], Number):
            return False
        after = self._held(self._steps(0, [place for part in self._places for place in part], self._initial))
        return after.keys() == self._initial.keys()

    @cached_property
    def _weighing(self) -> bool:
        """Whether a number in the state is the weight of something; which numbers there are repeats, whatever they are."""
        held, seen = self._initial, list[set[Place]]()
        while self.weights.constant and set(held) not in seen:  # without numbers at first, there may be some later
            if any(number.symbols for number in held.values()):
                return True
            seen.append(set(held))
            try:
                held = self._held(self._steps(0, [place for part in self._places for place in part], dict.fromkeys(held, Number(None))))
            except NoSingleWeight:
                return True
        return False

    def _numbers_after(self, count: Any) -> Held:
        """The numbers in the state after so many steps."""
        places, varied = [place for part in self._places for place in part], any(self._changes)
        held, step = self._initial, 0
        while self.weights.constant and step != count:
            after = self._held(self._steps(step, places, held))
            if _equal(after, held) and (not held or not varied):
                return held
            held, step = after, step + 1
            if not isinstance(count, int) and step > 1:
                return {place: Number(None, number.symbols) for place, number in held.items()}
        return held

    @cached_property
    def _changes(self) -> list[int]:
        """The steps whose items are other numbers than those of the step before."""
        items = [arg for one in self.together for arg, each in zip(one.args[one.fold.carries :], one.fold.each, strict=True) if each and isinstance(arg, Number)]
        return sorted({place for item in items for place in item.changes})

    # -- steps

    def _step(self, start: int, numbers: Mapping[int, Number]) -> list[Any]:
        """A block's results over its formals, the layers being those of one step."""
        fold, formals = self.fold, self.fold.block.formals
        known: dict[Node, Any] = {formal: numbers.get(place) or unit(place, len(formals)) for place, formal in enumerate(formals)}
        for formal, operand, each in zip(formals[fold.carries :], self.args[fold.carries :], fold.each, strict=True):
            if isinstance(operand, Node):
                known[formal] = element(operand, start) if each else operand
        return follow(fold.block.results, known, self.weights, len(formals))

    @cached_property
    def _places(self) -> tuple[list[Place], list[Place]]:
        """Where there are rows, here and in the folds that run along: in the state, and in what every step reads."""
        state = [(one, k) for one in reversed(self.together) for k in range(one.fold.carries)]
        read = [(one, k) for one in reversed(self.together) for k, arg in enumerate(one.args) if not isinstance(arg, (Given, Node, Number))]
        return state, [place for place in read if place not in state]

    def _steps(self, start: int, places: Sequence[Place | None], held: Held) -> dict[Running, list[Any]]:
        """One step of each of the folds, over all the places; `held` are the numbers in the state."""
        size = len(places)
        results: dict[Running, list[Any]] = {}
        for one in self.together:
            given = {arg: results[arg.source][arg.position] for arg in one.args if isinstance(arg, Given)}
            numbers = one._numbers(start, given, held)
            vectors = [
                unit(-1, size) if k in numbers or isinstance(arg, Node) else given[arg] if isinstance(arg, Given) else unit(places.index((one, k)), size)
                for k, arg in enumerate(one.args)
            ]
            after = one._step(start, numbers)
            results[one] = [row if isinstance(row, Number) else times(row, vectors, self.weights.tidy, size) for row in after]
        return results

    def state(self, count: Any = None, summed: int | None = None) -> tuple[list[Row], Held]:
        """The state after all the steps, or after so many, and the numbers in it; last, the sum of what the steps give out at a place.

        Steps are taken together as a power as long as what they read is worth the same and the numbers that they hand on stay.
        """
        count = self.fold.count if count is None else count
        held, read = self._places
        places = [*held, *([] if summed is None else [None]), *read]
        rows = [[0] * self.width if place is None else total(place[0].args[place[1]], self.width) for place in places]
        carries, numbers = len(places) - len(read), self._initial if self._weighing else {}
        names = [arg for one in self.together for arg, each in zip(one.args[one.fold.carries :], one.fold.each, strict=True) if each and isinstance(arg, Node)]
        for start, end, steps in runs(count, names, self.weights, self._changes):
            while start != end:
                results = self._steps(start, places, numbers)
                block = [total(results[one][k], len(places)) for one, k in held]
                if summed is not None:
                    block.append(add_rows([unit(len(held), len(places)), total(results[self][summed], len(places))], len(places)))
                after = self._held(results) if self._weighing else {}
                stays = _equal(after, numbers)
                if not stays and start > 0 and not isinstance(end, int):
                    raise NoRule(f"the weights differ from step to step, and {count} steps have no closed form (give the depth a number: net.at(...))")
                taken = steps if stays else 1
                rows[:carries] = [times(row, rows, self.weights.tidy, self.width) for row in power(block, carries, taken, self.weights.tidy)]
                start, steps, numbers = end if stays else start + 1, steps - taken, after
        return rows[:carries], numbers if self._weighing else self._numbers_after(count)

    def entry(self, position: int, step: int) -> Any:
        """What one step gives out, from the state before it."""
        before = step if step >= 0 else self.fold.count + step
        if self.weights.own and not isinstance(before, int):
            return self.listed[position][before]  # which layer that is cannot be told
        held, read = self._places
        rows, numbers = self.state(before)
        result = self._steps(before if isinstance(before, int) else 0, [*held, *read], numbers)[self][position]
        if isinstance(result, Number):
            return result
        return times(result, [*rows, *(one.args[k] for one, k in read)], self.weights.tidy, self.width)

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
                kept.append(row if isinstance(row, Number) else total(row, width))
        return [*state, *given]


Place = tuple[Running, int]  # an argument of a fold
Held = Mapping[Place, Number]


def _equal(one: Held, other: Held) -> bool:
    return one.keys() == other.keys() and all(number.equals(other[place]) for place, number in one.items())


def _entry(value: Any, step: int) -> Any:
    if isinstance(value, Node):
        return element(value, step)
    if isinstance(value, Number):
        return value.entry(step)
    return (value.entries if isinstance(value, Given) else value)[step] if isinstance(value, (Entries, Given)) else value
