"""Connections: pairs of an input or layer and the layers and outputs that it reaches without a layer between.

Sources that reach the same values are one class with a size. In a fold, the set of state parts that a class reaches
changes from step to step as the block says, and ends in a cycle: sums over the steps are sums over that cycle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from symfold.analysis.counting.schedule import too_nested
from symfold.core.blocks import Call
from symfold.core.folds import Fold
from symfold.core.interpreter import Entries, Powers
from symfold.core.leaves import Input
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.stacked_inputs import StackedInputs, known_count

SHORT = 4  # folds of fewer steps are run
MOST_NESTED = 20_000  # layer applications in one step of a fold with nested folds


def connections(net: Net) -> int:
    """The number of pairs (input or layer, layer or output) joined by a path with no layer between.

    A residual net has (n + 1)(n + 2)/2: x and all earlier layers reach each layer, and all of them the output.

    >>> import symfold as sf
    >>> x, f = sf.tensor("x"), sf.layers("f", count=10**6)
    >>> [connections(sf.fold(m, f, x)) for m in (sf.mappers.residual, sf.mappers.boosting(x), sf.mappers.feedforward)]
    [500001500001, 2000001, 1000001]
    """
    reach = Reach()
    for meaning, output in zip(reach.run(net.outputs), net.outputs, strict=True):
        reach.total += reach.sources(reach.whole(meaning, output))
    return reach.total


class Reach(Powers):
    """The classes of sources that reach a value, as bits; `total` are the connections so far."""

    def __init__(self, formals: int = 0):
        self.formals = formals  # of a block; its first classes are its formals, of size 0
        self.counts = [0] * formals
        self.total = 0
        self.targets: Counter[int] = Counter()  # of a block: the number of layers by the formals that reach them
        self._inputs: dict[Node, int] = {}

    def sources(self, reached: int) -> int:
        """The number of sources in some classes."""
        return sum(self.counts[k] for k in _bits(reached))

    def new(self, count: int) -> int:
        self.counts.append(count)
        return 1 << (len(self.counts) - 1)

    def leaf(self, node: Node) -> int:
        if not isinstance(node.op, Input) or node.op.role != "input":
            return 0
        if node not in self._inputs:
            self._inputs[node] = self.new(1)
        return self._inputs[node]

    def index(self, value: Any, position: int, node: Node) -> Any:
        return value

    def collect(self, entries: Entries, node: Node) -> int:
        return _union(entries)

    def apply(self, node: Node, args: Sequence[Any]) -> int:
        reached = _union(args)
        if not isinstance(node.op, Call):
            return reached
        self.total += self.sources(reached)
        if self.formals:
            self.targets[reached & ((1 << self.formals) - 1)] += 1
            if len(self.counts) > MOST_NESTED:
                raise too_nested(MOST_NESTED)
        return self.new(1)

    def stacked(self, node: Node[StackedInputs]) -> Any:
        return 0 if node.op.role != "input" else super().stacked(node)

    def worthwhile(self, fold: Fold) -> bool:
        return not self.formals and known_count(fold.count) > SHORT

    def inside(self, formals: int) -> Reach:
        return Reach(formals)

    def unit(self, place: int, formals: int) -> int:
        return 1 << place

    def power(self, step: Any, results: list[int], args: list[int], fold: Fold) -> list[int]:
        """A fold of many steps, class by class."""
        count, carries = known_count(fold.count), fold.carries
        operands = ~((1 << carries) - 1)

        def after(places: int) -> int:
            return _pack(bool(result & places) for result in results) | (places & operands)

        def hits(places: int) -> int:
            return sum(times for reached, times in step.targets.items() if reached & places)

        state = [0] * carries
        for bit in _bits(_union(args)):  # classes from outside
            orbit = Orbit(_pack(arg >> bit & 1 for arg in args), after)
            self.total += self.counts[bit] * orbit.summed(hits, count)
            _spread(state, orbit.at(count), 1 << bit)
        born = Counter(_pack(result >> bit & 1 for result in results) for bit in range(step.formals, len(step.counts)))
        self.total += count * step.total
        for first, times in born.items():  # classes that each step adds, with 0 to count - 1 steps to come
            orbit = Orbit(first, after)
            self.total += times * orbit.summed_twice(hits, count)
            for places, steps in orbit.ends(count).items():
                if places:
                    _spread(state, places, self.new(times * steps))
        return state


class Orbit:
    """The sets of places that a class reaches, step by step: a tail, then a cycle."""

    def __init__(self, first: int, after: Callable[[int], int]):
        self.sets = [first]
        indices = {first: 0}
        while (places := after(self.sets[-1])) not in indices:
            indices[places] = len(self.sets)
            self.sets.append(places)
        self.start = indices[places]
        self.period = len(self.sets) - self.start

    def at(self, step: int) -> int:
        return self.sets[step if step < self.start else self.start + (step - self.start) % self.period]

    def ends(self, count: int) -> Counter[int]:
        """How many of the steps 0..count-1 are in each set."""
        steps: Counter[int] = Counter()
        for index, places in enumerate(self.sets[:count]):
            steps[places] += 1 if index < self.start else -((index - count) // self.period)
        return steps

    def summed(self, worth: Callable[[int], int], count: int) -> int:
        """The sum of a worth over the steps 0..count-1."""
        return sum(worth(places) * steps for places, steps in self.ends(count).items())

    def summed_twice(self, worth: Callable[[int], int], count: int) -> int:
        """The sum of `summed` over the counts 0..count-1: step j is in count - 1 - j of them."""
        total = 0
        for index, places in enumerate(self.sets[:count]):
            times = 1 if index < self.start else -((index - count) // self.period)
            total += worth(places) * (times * (count - 1 - index) - self.period * (times * (times - 1) // 2))
        return total


def _bits(number: int) -> list[int]:
    bits = []
    while number:
        low = number & -number
        bits.append(low.bit_length() - 1)
        number ^= low
    return bits


def _pack(flags: Any) -> int:
    return sum(1 << k for k, flag in enumerate(flags) if flag)


def _union(sets: Sequence[int]) -> int:
    total = 0
    for part in sets:
        total |= part
    return total


def _spread(state: list[int], places: int, bit: int) -> None:
    for part in range(len(state)):
        if places >> part & 1:
            state[part] |= bit
