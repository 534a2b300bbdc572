"""Folds over rows, as powers of a matrix: one with the folds whose sequences it reads, in lockstep.

A part of the state that is a number stays one in every step. A run of steps with equal numbers is one power.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from symfold.analysis.counting.numbers import NoSingleWeight, Number
from symfold.analysis.counting.path_rows import StepOutputs, add_rows, total
from symfold.analysis.counting.powers import Row, power, times, unit
from symfold.analysis.counting.weights import Weights, runs
from symfold.core.folds import Fold
from symfold.core.interpreter import Entries, check_steps
from symfold.core.nodes import Node
from symfold.core.sequences import element
from symfold.errors import NoRule

Follow = Callable[[Sequence[Node], Mapping[Node, Any], Weights, int], list[Any]]


@dataclass(frozen=True, eq=False)
class RowFold:
    """A fold over rows, in lockstep with the folds whose sequences it reads, directly or through others."""

    fold: Fold
    args: list[Any]
    weights: Weights
    width: int
    follow: Follow  # gives the rows of nodes

    @classmethod
    def over(cls, fold: Fold, args: list[Any], weights: Weights, width: int, follow: Follow) -> RowFold:
        """A fold over arguments; sequences that cannot be read in lockstep are unrolled."""
        along = [False] * fold.carries + list(fold.each)
        rows = [
            arg.entries if isinstance(arg, StepOutputs) and not (each and arg.source.fold.count == fold.count) else arg
            for arg, each in zip(args, along, strict=True)
        ]
        return cls(fold, rows, weights, width, follow)

    def result(self, position: int) -> Any:
        """A result of the fold, by a power of a matrix if its steps are uniform."""
        if not self.uniform:
            return self.unrolled[position]
        return self.final[position] if position < self.fold.carries else StepOutputs(self, position)

    @cached_property
    def final(self) -> list[Any]:
        """The state after all the steps."""
        rows, numbers = self.state()
        return [numbers.get((self, k), row) for k, row in enumerate(rows[: self.fold.carries])]

    @cached_property
    def lockstep(self) -> list[RowFold]:
        """The folds that run in lockstep, each after those that it reads."""
        before = [source for arg in self.args if isinstance(arg, StepOutputs) for source in arg.source.lockstep]
        return [*dict.fromkeys(before), self]

    @cached_property
    def uniform(self) -> bool:
        """Whether one matrix describes all steps: none reads or gives a sequence. False for few steps of many folds."""
        if any(isinstance(arg, Entries) for arg in self.args) or (
            isinstance(self.fold.count, int) and self.fold.count < len(self.lockstep)
        ):
            return False
        return not any(isinstance(row, (Entries, StepOutputs)) for row in self.first)

    @cached_property
    def first(self) -> list[Any]:
        """The results of the first step over the formals of the block."""
        outputs = {arg: arg.source.first[arg.position] for arg in self.args if isinstance(arg, StepOutputs)}
        return self._step(0, self._numbers(0, outputs, self._initial))

    # -- the numbers among the formals

    @cached_property
    def _initial(self) -> StateNumbers:
        """The numbers in the initial states of all folds in lockstep."""
        return {
            (member, k): arg
            for member in self.lockstep
            for k, arg in enumerate(member.args[: member.fold.carries])
            if isinstance(arg, Number)
        }

    def _numbers(self, start: int, outputs: Mapping[StepOutputs, Any], state: StateNumbers) -> dict[int, Number]:
        """The numbers among the formals at one step."""
        along = [False] * self.fold.carries + list(self.fold.each)
        values = [
            state.get((self, k)) if k < self.fold.carries else outputs[arg] if isinstance(arg, StepOutputs) else arg
            for k, arg in enumerate(self.args)
        ]
        return {
            k: value.entry(start) if each and not isinstance(arg, StepOutputs) else value
            for k, (value, arg, each) in enumerate(zip(values, self.args, along, strict=True))
            if isinstance(value, Number)
        }

    def _state_numbers(self, results: Mapping[RowFold, list[Any]]) -> StateNumbers:
        """The numbers in the state after a step."""
        return {
            (member, k): row
            for member in self.lockstep
            for k, row in enumerate(results[member][: member.fold.carries])
            if isinstance(row, Number)
        }

    def gives_numbers(self, position: int) -> bool:
        """Whether every entry of an output sequence is a number."""
        if not isinstance(self.first[position], Number):
            return False
        after = self._state_numbers(self._steps(0, self._all_places, self._initial))
        return after.keys() == self._initial.keys()

    @cached_property
    def _state_weighs(self) -> bool:
        """Whether a number in the state is a weight in some step. Which parts are numbers repeats in the end."""
        numbers, seen = self._initial, list[set[Place]]()
        while self.weights.constant and set(numbers) not in seen:  # a part may become a number later
            if any(number.symbols for number in numbers.values()):
                return True
            seen.append(set(numbers))
            try:
                numbers = self._state_numbers(self._steps(0, self._all_places, dict.fromkeys(numbers, Number(None))))
            except NoSingleWeight:
                return True
        return False

    def _numbers_after(self, count: Any) -> StateNumbers:
        """The numbers in the state after `count` steps."""
        varied = any(self._changes)
        numbers, step = self._initial, 0
        while self.weights.constant and step != count:
            after = self._state_numbers(self._steps(step, self._all_places, numbers))
            if _equal(after, numbers) and (not numbers or not varied):
                return numbers
            numbers, step = after, step + 1
            if not isinstance(count, int) and step > 1:
                return {place: Number(None, number.symbols) for place, number in numbers.items()}
        return numbers

    @cached_property
    def _changes(self) -> list[int]:
        """The steps whose items include a number that differs from that of the step before."""
        items = [
            arg
            for member in self.lockstep
            for arg, each in zip(member.args[member.fold.carries :], member.fold.each, strict=True)
            if each and isinstance(arg, Number)
        ]
        return sorted({place for item in items for place in item.changes})

    # -- steps

    def _step(self, start: int, numbers: Mapping[int, Number]) -> list[Any]:
        """The results of a block over its formals, with the layers of one step."""
        fold, formals = self.fold, self.fold.block.formals
        rows: dict[Node, Any] = {
            formal: numbers.get(place) or unit(place, len(formals)) for place, formal in enumerate(formals)
        }
        for formal, operand, each in zip(formals[fold.carries :], self.args[fold.carries :], fold.each, strict=True):
            if isinstance(operand, Node):
                rows[formal] = element(operand, start) if each else operand
        return self.follow(fold.block.results, rows, self.weights, len(formals))

    @cached_property
    def _places(self) -> tuple[list[Place], list[Place]]:
        """The arguments with rows, of all folds in lockstep: the state, and the operands that all steps share."""
        state = [(member, k) for member in reversed(self.lockstep) for k in range(member.fold.carries)]
        operands = [
            (member, k)
            for member in reversed(self.lockstep)
            for k, arg in enumerate(member.args)
            if not isinstance(arg, (StepOutputs, Node, Number))
        ]
        return state, [place for place in operands if place not in state]

    @property
    def _all_places(self) -> list[Place]:
        state, operands = self._places
        return [*state, *operands]

    def _steps(self, start: int, places: Sequence[Place | None], state: StateNumbers) -> dict[RowFold, list[Any]]:
        """One step of each fold in lockstep, over all the places; `state` are the numbers in the state."""
        size = len(places)
        results: dict[RowFold, list[Any]] = {}
        for member in self.lockstep:
            outputs = {arg: results[arg.source][arg.position] for arg in member.args if isinstance(arg, StepOutputs)}
            numbers = member._numbers(start, outputs, state)
            vectors = [
                unit(-1, size)
                if k in numbers or isinstance(arg, Node)
                else outputs[arg]
                if isinstance(arg, StepOutputs)
                else unit(places.index((member, k)), size)
                for k, arg in enumerate(member.args)
            ]
            after = member._step(start, numbers)
            results[member] = [
                row if isinstance(row, Number) else times(row, vectors, self.weights.tidy, size) for row in after
            ]
        return results

    def state(self, count: Any = None, summed: int | None = None) -> tuple[list[Row], StateNumbers]:
        """The state after all steps, or after `count`, and its numbers.

        With `summed`, the last row is the sum of the output sequence at that position. A run of steps is one power as
        long as its weights are equal and the numbers in the state stay.
        """
        count = self.fold.count if count is None else count
        state, operands = self._places
        places = [*state, *([] if summed is None else [None]), *operands]
        rows = [[0] * self.width if place is None else total(place[0].args[place[1]], self.width) for place in places]
        carries, numbers = len(places) - len(operands), self._initial if self._state_weighs else {}
        names = [
            arg
            for member in self.lockstep
            for arg, each in zip(member.args[member.fold.carries :], member.fold.each, strict=True)
            if each and isinstance(arg, Node)
        ]
        for start, end, steps in runs(count, names, self.weights, self._changes):
            while start != end:
                results = self._steps(start, places, numbers)
                block = [total(results[member][k], len(places)) for member, k in state]
                if summed is not None:
                    before = unit(len(state), len(places))
                    block.append(add_rows([before, total(results[self][summed], len(places))], len(places)))
                after = self._state_numbers(results) if self._state_weighs else {}
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
        return rows[:carries], numbers if self._state_weighs else self._numbers_after(count)

    def entry(self, position: int, step: int) -> Any:
        """One entry of an output sequence, from the state before its step."""
        before = step if step >= 0 else self.fold.count + step
        if self.weights.by_name and not isinstance(before, int):
            return self.unrolled[position][before]  # the layer of that step is unknown
        _, operands = self._places
        rows, numbers = self.state(before)
        result = self._steps(before if isinstance(before, int) else 0, self._all_places, numbers)[self][position]
        if isinstance(result, Number):
            return result
        return times(result, [*rows, *(member.args[k] for member, k in operands)], self.weights.tidy, self.width)

    @cached_property
    def unrolled(self) -> list[Any]:
        """The results, step by step."""
        fold, width = self.fold, self.width
        if not isinstance(fold.count, int):
            raise NoRule(
                f"the paths through the {fold.count} steps of a scan have no closed form here "
                "(give the depth a number: net.at(...))"
            )
        check_steps(fold.count)
        carries, block = fold.carries, fold.block
        state, outputs = self.args[:carries], [Entries() for _ in block.results[carries:]]
        for step in range(fold.count):
            operands = [
                _entry(arg, step) if each else arg for arg, each in zip(self.args[carries:], fold.each, strict=True)
            ]
            rows = dict(zip(block.formals, [*state, *operands], strict=True))
            results = self.follow(block.results, rows, self.weights, width)
            state = [row.entries if isinstance(row, StepOutputs) else row for row in results[:carries]]
            for output, row in zip(outputs, results[carries:], strict=True):
                output.append(row if isinstance(row, Number) else total(row, width))
        return [*state, *outputs]


Place = tuple[RowFold, int]  # an argument of a fold
StateNumbers = Mapping[Place, Number]


def _equal(left: StateNumbers, right: StateNumbers) -> bool:
    return left.keys() == right.keys() and all(number.equals(right[place]) for place, number in left.items())


def _entry(value: Any, step: int) -> Any:
    if isinstance(value, Node):
        return element(value, step)
    if isinstance(value, Number):
        return value.entry(step)
    if isinstance(value, StepOutputs):
        return value.entries[step]
    return value[step] if isinstance(value, Entries) else value
