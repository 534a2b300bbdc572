"""Folds over rows, as powers of a matrix: one with the folds whose sequences it reads, in lockstep or backwards.

A part of the state that is a number stays one in every step. A run of steps with equal numbers is one power.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from symfold.analysis.counting.mirrored import Place, is_mirrored, is_short, mirrored
from symfold.analysis.counting.numbers import NoSingleWeight, Number
from symfold.analysis.counting.path_rows import SEQUENCES, Backwards, StepOutputs, add_rows, total
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
        """A fold over arguments; sequences that can be read neither in lockstep nor backwards are unrolled."""
        each = [False] * fold.carries + list(fold.each)
        rows = [
            _as_operand(arg, fold.count if along else None) if place >= fold.carries else arg
            for place, (arg, along) in enumerate(zip(args, each, strict=True))
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
        if any(isinstance(arg, SEQUENCES) for arg in self.args[: self.fold.carries]):
            return False
        return all(is_mirrored(self, *place) for place in self.backwards) and not any(
            isinstance(row, (Entries, *SEQUENCES)) for row in self.first
        )

    @cached_property
    def backwards(self) -> list[Place]:
        """The arguments of the folds in lockstep that are sequences read backwards."""
        return [
            (member, k) for member in self.lockstep for k, arg in enumerate(member.args) if isinstance(arg, Backwards)
        ]

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
        after = self._state_numbers(self.steps(0, self.all_places, self._initial))
        return after.keys() == self._initial.keys()

    @cached_property
    def state_weighs(self) -> bool:
        """Whether a number in the state is a weight in some step. Which parts are numbers repeats in the end."""
        numbers, seen = self._initial, list[set[Place]]()
        while self.weights.constant and set(numbers) not in seen:  # a part may become a number later
            if any(number.symbols for number in numbers.values()):
                return True
            seen.append(set(numbers))
            try:
                numbers = self._state_numbers(self.steps(0, self.all_places, dict.fromkeys(numbers, Number(None))))
            except NoSingleWeight:
                return True
        return False

    def _numbers_after(self, count: Any) -> StateNumbers:
        """The numbers in the state after `count` steps."""
        varied = any(self._changes)
        numbers, step = self._initial, 0
        while self.weights.constant and step != count:
            after = self._state_numbers(self.steps(step, self.all_places, numbers))
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
    def places(self) -> tuple[list[Place], list[Place]]:
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
    def all_places(self) -> list[Place]:
        state, operands = self.places
        return [*state, *operands]

    def steps(self, start: int, places: Sequence[Place | None], state: StateNumbers) -> dict[RowFold, list[Any]]:
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

    def matrix(
        self, start: int, places: Sequence[Place | None], numbers: StateNumbers, summed: int | None = None
    ) -> tuple[list[Row], dict[RowFold, list[Any]]]:
        """The rows of the state after one step, and of the sum of an output sequence; and the results of the step."""
        results, size = self.steps(start, places, numbers), len(places)
        rows = [total(results[member][k], size) for member, k in self.places[0]]
        if summed is not None:
            rows.append(add_rows([unit(len(rows), size), total(results[self][summed], size)], size))
        return rows, results

    def runs(self, count: Any) -> list[tuple[int, Any, Any]]:
        """Runs of steps with equal weights and equal numbers, as (first step, end, length)."""
        names = [
            arg
            for member in self.lockstep
            for arg, each in zip(member.args[member.fold.carries :], member.fold.each, strict=True)
            if each and isinstance(arg, Node)
        ]
        return list(runs(count, names, self.weights, self._changes))

    def _initial_row(self, place: Place | None) -> Row:
        """The row of an argument before the first step; sequences that are read backwards are added later."""
        arg = place[0].args[place[1]] if place else None
        return [0] * self.width if place is None or isinstance(arg, Backwards) else total(arg, self.width)

    def state(self, count: Any = None, summed: int | None = None) -> tuple[list[Row], StateNumbers]:
        """The state after all steps, or after `count`, and its numbers.

        With `summed`, the last row is the sum of the output sequence at that position. A run of steps is one power as
        long as its weights are equal and the numbers in the state stay.
        """
        count = self.fold.count if count is None else count
        state, operands = self.places
        places = [*state, *([] if summed is None else [None]), *operands]
        rows = [self._initial_row(place) for place in places]
        carries, numbers = len(places) - len(operands), self._initial if self.state_weighs else {}
        for start, end, steps in self.runs(count):
            while start != end:
                block, results = self.matrix(start, places, numbers, summed)
                after = self._state_numbers(results) if self.state_weighs else {}
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
        for place in self.backwards:
            added = mirrored(self, place, places, summed, count)
            rows[:carries] = [add_rows(pair, self.width) for pair in zip(rows, added, strict=False)]
        return rows[:carries], numbers if self.state_weighs else self._numbers_after(count)

    def entry(self, position: int, step: int) -> Any:
        """One entry of an output sequence, from the state before its step."""
        state, given = self.fold.block.results[: self.fold.carries], self.fold.block.results[position]
        if step == -1 and given in state:
            return self.final[state.index(given)]
        before = step if step >= 0 else self.fold.count + step
        if self.weights.by_name and not isinstance(before, int):
            return self.unrolled[position][before]  # the layer of that step is unknown
        _, operands = self.places
        rows, numbers = self.state(before)
        result = self.steps(before if isinstance(before, int) else 0, self.all_places, numbers)[self][position]
        if isinstance(result, Number):
            return result
        values = [member.args[k] for member, k in operands]
        read = [arg.entry(before) if isinstance(arg, Backwards) else arg for arg in values]
        return times(result, [*rows, *read], self.weights.tidy, self.width)

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
            state = [_listed(row) for row in results[:carries]]
            for output, row in zip(outputs, results[carries:], strict=True):
                output.append(row if isinstance(row, Number) else total(row, width))
        return [*state, *outputs]


StateNumbers = Mapping[Place, Number]


def _as_operand(value: Any, count: Any) -> Any:
    """An operand of a fold of `count` steps, if it is read step by step; None if each step reads it whole."""
    if not isinstance(value, SEQUENCES):
        return value
    outputs = value.forwards if isinstance(value, Backwards) else value
    if count is None or outputs.source.fold.count != count:
        return value.entries
    return value.as_number if isinstance(value, Backwards) else value


def _listed(value: Any) -> Any:
    """A part of a state; a sequence of few steps of large matrices is unrolled."""
    if not isinstance(value, SEQUENCES):
        return value
    source = (value.forwards if isinstance(value, Backwards) else value).source
    return value.entries if is_short(source, len(source.all_places)) else value


def _equal(left: StateNumbers, right: StateNumbers) -> bool:
    return left.keys() == right.keys() and all(number.equals(right[place]) for place, number in left.items())


def _entry(value: Any, step: int) -> Any:
    if isinstance(value, Node):
        return element(value, step)
    if isinstance(value, Number):
        return value.entry(step)
    if isinstance(value, SEQUENCES):
        return value.entries[step]
    return value[step] if isinstance(value, Entries) else value
