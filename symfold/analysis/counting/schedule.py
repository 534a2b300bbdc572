"""ASAP schedule: the level of a layer is the longest chain of layers that ends in it.

Within a block a level is the maximum of (level of a formal + layers between), so a step is a matrix over (max, +). A
fold is run until its levels grow by the same amounts in every period and no slower term can overtake; the levels of all
further steps are then arithmetic progressions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import lcm
from typing import Any, NamedTuple

from symfold.core.blocks import Call
from symfold.core.folds import Fold
from symfold.core.interpreter import Entries, Powers
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.stacked_inputs import StackedInputs, known_count
from symfold.errors import TooLarge

Level = tuple["int | None", ...]  # over the formals of a block, then level 0, where every chain may begin
Row = tuple[tuple[int, int], ...]  # the terms of a maximum: place and number of layers between
SHORT = 4  # folds of fewer steps are run
LONGEST_PERIOD = 12
MOST_NESTED = 100_000  # layer applications in one step of a fold with nested folds
MOST_STRIDE = 100_000  # the common multiple of the strides of progressions


def too_nested(most: int) -> TooLarge:
    """The error for a step that applies more layers than are followed one by one."""
    return TooLarge(
        f"one step of a fold applies more than {most:,} layers in nested folds "
        "(give the inner or the outer depth a smaller number)"
    )


class Progression(NamedTuple):
    """Layer applications at `times` levels: start, start + stride, ..."""

    start: int
    stride: int
    times: int


def schedule(net: Net) -> tuple[int, int]:
    """The number of levels, and the most layer applications in one of them.

    >>> import symfold as sf
    >>> x, f = sf.tensor("x"), sf.layers("f", count=10**6)
    >>> [schedule(sf.fold(m, f, x)) for m in (sf.mappers.residual, sf.mappers.boosting(x))]
    [(1000000, 1), (1, 1000000)]
    """
    levels = Levels(1)
    levels.run(net.outputs)
    return levels.highest, peak(levels.done)


class Levels(Powers):
    """The levels of values, over `width` places where chains may begin; `done` are the layers by level."""

    def __init__(self, width: int):
        self.width = width
        self.ground: Level = (*(None,) * (width - 1), 0)
        self.calls: list[Level] = []
        self.done: list[Progression] = []

    @property
    def highest(self) -> int:
        return max((p.start + p.stride * (p.times - 1) for p in self.done), default=0)

    def leaf(self, node: Node) -> Level:
        return self.ground

    def index(self, value: Any, position: int, node: Node) -> Any:
        return value

    def collect(self, entries: Entries, node: Node) -> Level:
        return greatest(entries)

    def apply(self, node: Node, args: Sequence[Any]) -> Level:
        level = greatest(args)
        if isinstance(node.op, Call):
            level = tuple(None if part is None else part + 1 for part in level)
            if self.width > 1:
                self.calls.append(level)
                if len(self.calls) > MOST_NESTED:
                    raise too_nested(MOST_NESTED)
            else:
                self.done.append(Progression(level[0] or 0, 0, 1))
        return level

    def stacked(self, node: Node[StackedInputs]) -> Level:
        return self.ground

    def worthwhile(self, fold: Fold) -> bool:
        return self.width == 1 and known_count(fold.count) > SHORT

    def inside(self, formals: int) -> Levels:
        return Levels(formals + 1)

    def unit(self, place: int, formals: int) -> Level:
        return tuple(0 if k == place else None for k in range(formals + 1))

    def power(self, step: Any, results: list[Level], args: list[Level], fold: Fold) -> list[Level]:
        start = [arg[0] or 0 for arg in args]
        run = Run([_terms(r) for r in results], [_terms(c) for c in step.calls], [*start, 0], fold.carries)
        state = run.advanced(known_count(fold.count))
        self.done += run.done
        return [(level,) for level in state]


def greatest(levels: Sequence[Level]) -> Level:
    """The maximum of levels, place by place."""
    return tuple(max((v for v in parts if v is not None), default=None) for parts in zip(*levels, strict=True))


def _terms(level: Level) -> Row:
    return tuple((place, part) for place, part in enumerate(level) if part is not None)


class Run:
    """The steps of one fold: the levels of its state after each, until their growth is periodic."""

    def __init__(self, results: list[Row], calls: list[Row], values: list[int], carries: int):
        self.results, self.calls, self.carries = results, calls, carries
        self.history = [values]
        self.done: list[Progression] = []

    def step(self) -> None:
        values = self.history[-1]
        self.done += [Progression(max(values[k] + w for k, w in row), 0, 1) for row in self.calls]
        state = [max(values[k] + w for k, w in row) for row in self.results]
        self.history.append([*state, *values[self.carries :]])
        if len(self.history) > 2 * LONGEST_PERIOD + 1:
            self.history.pop(0)

    def advanced(self, count: int) -> list[int]:
        """The state after `count` steps."""
        left = count
        while left:
            self.step()
            left -= 1
            for period in range(1, min(LONGEST_PERIOD, len(self.history) // 2) + 1):
                if left >= period and (growth := self.growth(period)) is not None:
                    left = self.leap(period, growth, left)
                    break
        return self.history[-1][: self.carries]

    def growth(self, period: int) -> list[list[int]] | None:
        """The growth of each place per period, by phase; None if it may change later.

        It stays if each maximum is attained by a term that grows as fast as any of its terms.
        """
        if len(self.history) < 2 * period + 1:
            return None
        now, before = self.history[-period - 1 :], self.history[-2 * period - 1 : -period]
        grown = [[a - b for a, b in zip(x, y, strict=True)] for x, y in zip(now, before, strict=True)]
        if grown[0] != grown[-1]:
            return None
        for phase in range(period):
            values, rates = now[phase], grown[phase]
            for position, row in enumerate((*self.results, *self.calls)):
                attained = max(values[k] + w for k, w in row)
                rate = max(rates[k] for k, w in row if values[k] + w == attained)
                if rate < max(rates[k] for k, _ in row):
                    return None
                if position < self.carries and rate != grown[phase + 1][position]:
                    return None
        return grown

    def leap(self, period: int, grown: list[list[int]], left: int) -> int:
        """All remaining full periods in one go; returns the number of steps that remain then."""
        times = left // period
        for values, rates in zip(self.history[-period - 1 : -1], grown, strict=False):
            for row in self.calls:
                attained = max(values[k] + w for k, w in row)
                rate = max(rates[k] for k, w in row if values[k] + w == attained)
                self.done.append(Progression(attained + rate, rate, times))
        last = self.history[-1]
        self.history = [[v + times * g for v, g in zip(last, grown[0], strict=True)]]
        return left - times * period


def peak(done: Sequence[Progression]) -> int:
    """The most layer applications at one level: a sweep over intervals for each residue modulo all strides.

    >>> peak([Progression(1, 2, 10), Progression(5, 3, 10), Progression(6, 0, 2)])
    2
    """
    common = lcm(*(p.stride for p in done if p.stride and p.times > 1)) if done else 1
    if common > MOST_STRIDE:
        raise TooLarge(
            f"the levels of the layers repeat only after {common:,} levels, so their number at each is not counted"
        )
    changes: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for start, stride, count in done:
        if not stride or count == 1:
            pieces, weight = [(start, 1)], count
        else:
            every = common // stride
            pieces, weight = [(start + k * stride, -((k - count) // every)) for k in range(min(every, count))], 1
        for first, times in pieces:
            line = changes[first % common]
            line[first // common] += weight
            line[first // common + times] -= weight
    most = 0
    for line in changes.values():
        height = 0
        for place in sorted(line):
            height += line[place]
            most = max(most, height)
    return most
