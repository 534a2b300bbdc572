"""Running: a fold over rows, as a power of a matrix, together with the folds whose sequences it reads step by step.

A number in the state or among the items is one in every step. Steps whose numbers are equal are taken together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from symfold.analysis.counting.numbers import NoSingleWeight, Number
from symfold.analysis.counting.path_rows import Entries, Given, add_rows, total
from symfold.analysis.counting.powers import Row, power, times, unit
from symfold.analysis.counting.weights import Weights, runs
from symfold.core.folds import Fold
from symfold.core.nodes import Node
from symfold.core.sequences import element
from symfold.errors import NoRule

Follow = Callable[[Sequence[Node], Mapping[Node, Any], Weights, int], list[Any]]


@dataclass(frozen=True, eq=False)
class Running:
    """A fold over rows, and the folds that it runs along with: those whose sequences it reads, those that they read."""

    fold: Fold
    args: list[Any]
    weights: Weights
    width: int
    follow: Follow  # the rows of a block

    @classmethod
    def over(cls, fold: Fold, args: list[Any], weights: Weights, width: int, follow: Follow) -> Running:
        """With sequences listed that are read in another way than step by step."""
        along = [False] * fold.carries + list(fold.each)
        kept = [
            each and isinstance(arg, Given) and arg.source.fold.count == fold.count
            for arg, each in zip(args, along, strict=True)
        ]
        return cls(
            fold,
            [arg.entries if isinstance(arg, Given) and not keep else arg for arg, keep in zip(args, kept, strict=True)],
            weights,
            width,
            follow,
        )

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
        """Whether all the steps read and give the same way. Few steps of many folds are run without asking."""
        if any(isinstance(arg, Entries) for arg in self.args) or (
            isinstance(self.fold.count, int) and self.fold.count < len(self.together)
        ):
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
        return {
            (one, k): arg
            for one in self.together
            for k, arg in enumerate(one.args[: one.fold.carries])
            if isinstance(arg, Number)
        }

    def _numbers(self, start: int, given: Mapping[Given, Any], held: Held) -> dict[int, Number]:
        """The numbers among the formals at one step."""
        along = [False] * self.fold.carries + list(self.fold.each)
        values = [
            held.get((self, k)) if k < self.fold.carries else given[arg] if isinstance(arg, Given) else arg
            for k, arg in enumerate(self.args)
        ]
        return {
            k: value.entry(start) if each and not isinstance(arg, Given) else value
            for k, (value, arg, each) in enumerate(zip(values, self.args, along, strict=True))
            if isinstance(value, Number)
        }

    def _held(self, results: Mapping[Running, list[Any]]) -> Held:
        """The numbers that a step hands on."""
        return {
            (one, k): row
            for one in self.together
            for k, row in enumerate(results[one][: one.fold.carries])
            if isinstance(row, Number)
        }

    def gives_numbers(self, position: int) -> bool:
        """Whether what every step gives out at a place is a number."""
        if not isinstance(self.first[position], Number):
            return False
        after = self._held(self._steps(0, [place for part in self._places for place in part], self._initial))
        return after.keys() == self._initial.keys()

    @cached_property
    def _weighing(self) -> bool:
        """Whether a number in the state is ever a weight. Which parts are numbers repeats in time."""
        held, seen = self._initial, list[set[Place]]()
        while self.weights.constant and set(held) not in seen:  # without numbers at first, there may be some later
            if any(number.symbols for number in held.values()):
                return True
            seen.append(set(held))
            try:
                held = self._held(
                    self._steps(
                        0, [place for part in self._places for place in part], dict.fromkeys(held, Number(None))
                    )
                )
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
        items = [
            arg
            for one in self.together
            for arg, each in zip(one.args[one.fold.carries :], one.fold.each, strict=True)
            if each and isinstance(arg, Number)
        ]
        return sorted({place for item in items for place in item.changes})

    # -- steps

    def _step(self, start: int, numbers: Mapping[int, Number]) -> list[Any]:
        """A block's results over its formals, the layers being those of one step."""
        fold, formals = self.fold, self.fold.block.formals
        known: dict[Node, Any] = {
            formal: numbers.get(place) or unit(place, len(formals)) for place, formal in enumerate(formals)
        }
        for formal, operand, each in zip(formals[fold.carries :], self.args[fold.carries :], fold.each, strict=True):
            if isinstance(operand, Node):
                known[formal] = element(operand, start) if each else operand
        return self.follow(fold.block.results, known, self.weights, len(formals))

    @cached_property
    def _places(self) -> tuple[list[Place], list[Place]]:
        """Where there are rows, here and in the folds that run along: in the state, and in what every step reads."""
        state = [(one, k) for one in reversed(self.together) for k in range(one.fold.carries)]
        read = [
            (one, k)
            for one in reversed(self.together)
            for k, arg in enumerate(one.args)
            if not isinstance(arg, (Given, Node, Number))
        ]
        return state, [place for place in read if place not in state]

    def _steps(self, start: int, places: Sequence[Place | None], held: Held) -> dict[Running, list[Any]]:
        """One step of each of the folds, over all the places; `held` are the numbers in the state."""
        size = len(places)
        results: dict[Running, list[Any]] = {}
        for one in self.together:
            given = {arg: results[arg.source][arg.position] for arg in one.args if isinstance(arg, Given)}
            numbers = one._numbers(start, given, held)
            vectors = [
                unit(-1, size)
                if k in numbers or isinstance(arg, Node)
                else given[arg]
                if isinstance(arg, Given)
                else unit(places.index((one, k)), size)
                for k, arg in enumerate(one.args)
            ]
            after = one._step(start, numbers)
            results[one] = [
                row if isinstance(row, Number) else times(row, vectors, self.weights.tidy, size) for row in after
            ]
        return results

    def state(self, count: Any = None, summed: int | None = None) -> tuple[list[Row], Held]:
        """The state after all the steps, or after so many, and its numbers.

        With `summed`, the last row is the sum of what steps give out at that place. Steps are taken together as a power
        as long as what they read is worth the same and the numbers that they hand on stay.
        """
        count = self.fold.count if count is None else count
        held, read = self._places
        places = [*held, *([] if summed is None else [None]), *read]
        rows = [[0] * self.width if place is None else total(place[0].args[place[1]], self.width) for place in places]
        carries, numbers = len(places) - len(read), self._initial if self._weighing else {}
        names = [
            arg
            for one in self.together
            for arg, each in zip(one.args[one.fold.carries :], one.fold.each, strict=True)
            if each and isinstance(arg, Node)
        ]
        for start, end, steps in runs(count, names, self.weights, self._changes):
            while start != end:
                results = self._steps(start, places, numbers)
                block = [total(results[one][k], len(places)) for one, k in held]
                if summed is not None:
                    block.append(
                        add_rows([unit(len(held), len(places)), total(results[self][summed], len(places))], len(places))
                    )
                after = self._held(results) if self._weighing else {}
                stays = _equal(after, numbers)
                if not stays and start > 0 and not isinstance(end, int):
                    raise NoRule(
                        f"the weights differ from step to step, and {count} steps have no closed form "
                        "(give the depth a number: net.at(...))"
                    )
                taken = steps if stays else 1
                rows[:carries] = [
                    times(row, rows, self.weights.tidy, self.width)
                    for row in power(block, carries, taken, self.weights.tidy)
                ]
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
            raise NoRule(
                f"the paths through the {fold.count} steps of a scan have no closed form here "
                "(give the depth a number: net.at(...))"
            )
        carries, block = fold.carries, fold.block
        state, given = self.args[:carries], [Entries() for _ in block.results[carries:]]
        for step in range(fold.count):
            own = [_entry(arg, step) if each else arg for arg, each in zip(self.args[carries:], fold.each, strict=True)]
            known = dict(zip(block.formals, [*state, *own], strict=True))
            results = self.follow(block.results, known, self.weights, width)
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
    return (
        (value.entries if isinstance(value, Given) else value)[step] if isinstance(value, (Entries, Given)) else value
    )
