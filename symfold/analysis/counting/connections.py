"""Connections: which inputs and layer outputs reach which layers and outputs without passing through another layer.

Sources that reach the same values are one class with a number. Within a fold a class moves among the parts of the state
as the block says, from set to set, and so ends in a cycle of sets: sums over the steps are sums over that cycle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from symfold.analysis.counting.schedule import too_nested
from symfold.core.applied_layers import Call
from symfold.core.folds import Fold
from symfold.core.interpreter import Entries, Powers
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.stacked_inputs import known_count

SHORT = 4  # folds of fewer steps are run
MOST_NESTED = 20_000  # layer applications in one step, of nested folds together


def connections(net: Net) -> int:
    """The pairs (input or layer, layer or output) that are joined by a way without a layer between them, each once.

    A residual net has (n + 1)(n + 2)/2: x and all earlier layers reach each layer, and all of them the output.

    >>> import symfold as sf
    >>> x, f = sf.tensor("x"), sf.layers("f", count=10**6)
    >>> [connections(sf.fold(m, f, x)) for m in (sf.mappers.residual, sf.mappers.boosting(x), sf.mappers.feedforward)]
    [500001500001, 2000001, 1000001]
    """
    reach = Reach()
    for meaning in reach.run(net.outputs):
        reach.total += reach.sources(
            reach.collect(meaning, net.outputs[0]) if isinstance(meaning, Entries) else meaning
        )
    return reach.total


class Reach(Powers):
    """What each value is reached by: a set of classes of sources, as bits; and the connections so far."""

    def __init__(self, formals: int = 0):
        self.formals = (
            formals  # of a block: its first classes stand for what reaches its formals, and count for nothing here
        )
        self.counts = [0] * formals
        self.total = 0
        self.targets: Counter[int] = Counter()  # of a block: how many layers are reached by which formals
        self._inputs: dict[Node, int] = {}

    def sources(self, reached: int) -> int:
        """How many sources there are in some classes."""
        return sum(self.counts[k] for k in _bits(reached))

    def new(self, count: int) -> int:
        self.counts.append(count)
        return 1 << (len(self.counts) - 1)

    def leaf(self, node: Node) -> int:
        if getattr(node.op, "role", "") != "input":
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

    def stacked(self, node: Node) -> Any:
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

        def after(held: int) -> int:
            return _pack(bool(result & held) for result in results) | (held & operands)

        def hits(held: int) -> int:
            return sum(times for reached, times in step.targets.items() if reached & held)

        state = [0] * carries
        for one in _bits(_union(args)):  # what comes in from outside
            way = Way(_pack(arg >> one & 1 for arg in args), after)
            self.total += self.counts[one] * way.summed(hits, count)
            _spread(state, way.at(count), 1 << one)
        born = Counter(_pack(result >> one & 1 for result in results) for one in range(step.formals, len(step.counts)))
        self.total += count * step.total
        for first, times in born.items():  # what each step adds: it goes through 0 to count - 1 steps more
            way = Way(first, after)
            self.total += times * way.summed_twice(hits, count)
            for held, steps in way.ends(count).items():
                if held:
                    _spread(state, held, self.new(times * steps))
        return state


class Way:
    """The sets that a class is held in, step after step: some of them once, then a cycle."""

    def __init__(self, first: int, after: Callable[[int], int]):
        self.sets = [first]
        places = {first: 0}
        while (held := after(self.sets[-1])) not in places:
            places[held] = len(self.sets)
            self.sets.append(held)
        self.start = places[held]
        self.period = len(self.sets) - self.start

    def at(self, step: int) -> int:
        return self.sets[step if step < self.start else self.start + (step - self.start) % self.period]

    def ends(self, count: int) -> Counter[int]:
        """How many of the steps 0..count-1 find it in which set."""
        found: Counter[int] = Counter()
        for place, held in enumerate(self.sets[:count]):
            found[held] += 1 if place < self.start else -((place - count) // self.period)
        return found

    def summed(self, worth: Callable[[int], int], count: int) -> int:
        """The sum of a worth over the steps 0..count-1."""
        return sum(worth(held) * steps for held, steps in self.ends(count).items())

    def summed_twice(self, worth: Callable[[int], int], count: int) -> int:
        """The sum of that sum over 0..count-1 in the place of count: step j comes up count - 1 - j times."""
        total = 0
        for place, held in enumerate(self.sets[:count]):
            times = 1 if place < self.start else -((place - count) // self.period)
            total += worth(held) * (times * (count - 1 - place) - self.period * (times * (times - 1) // 2))
        return total


def _bits(number: int) -> list[int]:
    found = []
    while number:
        low = number & -number
        found.append(low.bit_length() - 1)
        number ^= low
    return found


def _pack(flags: Any) -> int:
    return sum(1 << k for k, flag in enumerate(flags) if flag)


def _union(sets: Sequence[int]) -> int:
    total = 0
    for part in sets:
        total |= part
    return total


def _spread(state: list[int], held: int, bit: int) -> None:
    for part in range(len(state)):
        if held >> part & 1:
            state[part] |= bit
