"""Repeats: repeated equations, found and made folds.

The equations stand in order of computation. Two of them correspond if they apply the same operation at the same shapes,
and their arguments correspond: one value that both read, two leaves of one role, two values from before the repeat, or
two values that correspond in turn. A repeat is a run of equations in which each corresponds to the one a period later.
Its steps are cut where the fewest values cross; these are the state. What steps read from outside are the operands, and
what is read of them outside is emitted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import itemgetter
from typing import Any

from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, apply_fold, is_fold
from symfold.core.leaves import Constant, Formal
from symfold.core.nodes import Node, walk, with_args
from symfold.core.primitives import is_primitive, item
from symfold.core.sequences import element, entry_of, stack
from symfold.core.stacked_inputs import is_leaf

MOST_PERIODS = 32  # candidates for the period of a repeat from one equation on, so the work is linear
ENOUGH = 4  # steps: a repeat of this length is folded before a longer one that holds it
LONG = 256  # equations of such a step


def with_repeats_folded(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with repeated equations as folds.

    >>> from symfold.frontend.named_layers import layers
    >>> from symfold.core.leaves import tensor
    >>> f1, f2, f3 = layers("f1:4")
    >>> [node.op.count for node in walk(with_repeats_folded((f3(f2(f1(tensor("x")))),))) if is_fold(node)]
    [3]
    """
    for least, longest in ((ENOUGH, LONG), (2, math.inf)):  # what repeats in steps of its own is folded first
        equations = Equations.of(roots)
        runs = equations.runs(least, longest)
        if first := equations.out_of_order(runs):
            equations = Equations.of(roots, first)
            runs = equations.runs(least, longest)
        if repeats := equations.chosen(runs):
            return equations.folded(roots, repeats)
    return tuple(roots)


@dataclass
class Run:
    """Equations that correspond to those a period later: `length` of them, from `start` on."""

    start: int
    period: int
    length: int = 0
    before: dict[Node, Node] = field(default_factory=dict)  # values, and what corresponds to them in the step before
    outside: set[Node] = field(default_factory=set)  # what is read from before the run

    @property
    def steps(self) -> int:
        return self.length // self.period + 1

    @property
    def covered(self) -> int:
        """The number of equations in whole steps."""
        return self.period * self.steps


@dataclass(frozen=True)
class Repeat:
    """Steps of one period, and the values that cross from the last step but one to the last."""

    run: Run
    start: int
    steps: int
    state: tuple[Node, ...]

    @property
    def end(self) -> int:
        return self.start + self.steps * self.run.period


@dataclass
class Equations:
    """Nodes that are computed from others, in order of computation, with their positions and readers."""

    order: list[Node]
    position: dict[Node, int]
    fixed: frozenset[Node]  # numbers, and what is computed of numbers alone
    last: dict[Node, int]  # the position of the last reader of each value

    @classmethod
    def of(cls, roots: Sequence[Node], first: Sequence[Node] = ()) -> Equations:
        """The equations that some roots need; those that `first` needs before all others."""
        nodes = deepest_first((*first, *roots))
        selects: dict[Node, dict[int, Node]] = {}
        for node in nodes:
            if isinstance(node.op, Select):
                selects.setdefault(node.args[0], {})[node.op.position] = node
        fixed: set[Node] = set()
        order: list[Node] = []
        for node in nodes:
            if isinstance(node.op, Constant) or (node.args and fixed.issuperset(node.args)):
                fixed.add(node)
            elif node.args and not isinstance(node.op, Select) and not _is_entry(node):
                order += (node, *(select for _, select in sorted(selects.get(node, {}).items(), key=itemgetter(0))))
        last = {arg: k for k, node in enumerate(order) for arg in node.args} | dict.fromkeys(roots, len(order))
        return cls(order, {node: k for k, node in enumerate(order)}, frozenset(fixed), last)

    # -- runs

    def runs(self, least: int, longest: float) -> list[Run]:
        """Runs of at least that many steps, of limited length: from each equation on, the one that covers most."""
        places: dict[Any, list[int]] = {}
        keys = [(node.op, node.shape, tuple(arg.shape for arg in node.args)) for node in self.order]
        number: list[int] = []  # the number of the equation among those of its kind
        for k, key in enumerate(keys):
            number.append(len(places.setdefault(key, [])))
            places[key].append(k)
        kinds = {key: kind for kind, key in enumerate(places)}
        kind_of = [kinds[key] for key in keys]
        result, start = [], 0
        while start < len(self.order):
            alike = places[keys[start]]
            best: Run | None = None
            for later in alike[number[start] + 1 : number[start] + 1 + MOST_PERIODS]:
                period = later - start
                if period > longest:
                    break
                run = self.run(start, period, kind_of)
                if run.steps >= least and (best is None or run.covered > best.covered):
                    best = run
                if best is not None and best.steps >= ENOUGH:
                    break
            if best is not None:
                result.append(best)
            start += 1 if best is None else best.covered if best.steps >= ENOUGH else best.length
        return result

    def run(self, start: int, period: int, kind_of: Sequence[int]) -> Run:
        """The equations from `start` on that correspond to those a period later."""
        run = Run(start, period)
        pairs: dict[tuple[int, int], list[tuple[Node, Node]]] = {}  # arguments from outside, by equation and place
        for k in range(start, len(self.order) - period):
            if kind_of[k] != kind_of[k + period]:
                break
            places = enumerate(zip(self.order[k].args, self.order[k + period].args, strict=True))
            if not all(self._correspond(run, a, b, pairs, ((k - start) % period, at)) for at, (a, b) in places):
                break
            run.length += 1
        return run

    def _correspond(
        self, run: Run, a: Node, b: Node, pairs: dict[tuple[int, int], list[tuple[Node, Node]]], slot: tuple[int, int]
    ) -> bool:
        """Whether two arguments correspond: `a` of an equation, `b` of the one a period later."""
        at, later = self.position.get(a, -1), self.position.get(b, -1)
        if later >= run.start:
            if later - run.period >= run.start:
                matches = at == later - run.period
            else:
                begins = at < run.start and a.shape == b.shape and not is_fold(b)
                matches = begins and run.before.setdefault(b, a) is a
            earlier = (
                pairs.pop(slot, ()) if matches else ()
            )  # a value of two steps before: the first steps read outside
            return matches and all(run.before.setdefault(second, first) is first for first, second in earlier)
        if at >= run.start or not (a is b or (_alike(a, b) and not self.fixed & {a, b})):
            return False
        pairs.setdefault(slot, []).append((a, b))
        run.outside |= {a, b}
        return True

    def out_of_order(self, runs: Sequence[Run]) -> list[Node]:
        """What is out of order in the first step of a run: values that all steps read, then its own equations."""
        outside = dict.fromkeys(node for run in runs for node in run.outside if node in self.position)
        return sorted(outside, key=self.position.__getitem__) + [node for run in runs for node in self.step_before(run)]

    def step_before(self, run: Run) -> list[Node]:
        """The equations before a run that compute its initial state like its first step computes the next, in order."""
        step = self.order[run.start : run.start + run.period]
        inside, matches = set(step), dict[Node, Node]()
        waiting = [(earlier, value) for value, earlier in run.before.items()]
        while waiting:
            a, b = waiting.pop()
            if a.op == b.op and b in inside and b not in matches and self.position.get(a, run.start) < run.start:
                matches[b] = a
                waiting += zip(a.args, b.args, strict=False)
        return [matches[node] for node in step if node in matches]

    # -- steps

    def chosen(self, runs: Sequence[Run]) -> list[Repeat]:
        """The repeats to fold: of runs that overlap, those that cover most; in order."""
        result: list[Repeat] = []
        for run in sorted(runs, key=lambda run: (-run.covered, run.start)):
            repeat = self.cut(run)
            if repeat and all(repeat.end <= other.start or other.end <= repeat.start for other in result):
                result.append(repeat)
        return sorted(result, key=lambda repeat: repeat.start)

    def cut(self, run: Run) -> Repeat | None:
        """The steps of a run, cut where the fewest values cross; None if none do, or steps read nothing."""
        total, period = run.length + run.period, run.period
        last = run.start + total - period  # the last period, in which reading is steady
        crossing = [0] * (period + 1)  # the changes of the number of values that are alive, by offset
        forbidden: set[int] = set()
        reach: dict[int, int] = {}
        for k in range(last, last + period):
            for arg in self.order[k].args:
                at = self.position.get(arg, -1)
                if at >= run.start:
                    offset = (at - run.start) % period
                    reach[offset] = max(reach.get(offset, 0), k - at)
        for offset, distance in reach.items():
            whole, rest = divmod(distance, period)
            crossing[0] += whole
            first, end = offset + 1, offset + 1 + rest  # alive at these offsets, modulo the period
            for low, high in ((first, min(end, period)), (max(first, period) - period, end - period)):
                if low < high:
                    crossing[low] += 1
                    crossing[high] -= 1
                    if is_fold(self.order[run.start + offset]):
                        forbidden.update(range(low, high))
        alive = list(accumulate(crossing[:period]))
        if min(alive) == 0:  # nothing goes from step to step
            return None
        steps = [(total - offset) // period for offset in range(period)]
        cuts = [(alive[k], -steps[k], k) for k in range(period) if steps[k] > 1 and k not in forbidden]
        best = min(cuts, default=(0, 0, 0))[:2]
        repeats = [self.repeat(run, run.start + cut[2], -cut[1]) for cut in cuts if cut[:2] == best]
        repeat = max(repeats, key=self.reads_of_state, default=None)  # the first of those where the most values branch
        return repeat if repeat and self.is_fold(repeat) else None

    def repeat(self, run: Run, start: int, steps: int) -> Repeat:
        return Repeat(run, start, steps, self.state(run, start + (steps - 1) * run.period, start + steps * run.period))

    def reads_of_state(self, repeat: Repeat) -> int:
        """How often the last step reads the state."""
        state = set(repeat.state)
        last = range(repeat.end - repeat.run.period, repeat.end)
        return sum(arg in state for k in last for arg in self.order[k].args)

    def is_fold(self, repeat: Repeat) -> bool:
        """Whether the state begins somewhere and steps read something; of few steps, only the last state is read."""
        if any(self.earlier(repeat.run, value, repeat.steps - 1) is None for value in repeat.state):
            return False
        return bool(self.operands(repeat)) and (repeat.steps >= ENOUGH or not self.read_later(repeat))

    def after(self, repeat: Repeat) -> list[Node]:
        """The state after the last step."""
        return [self.order[self.position[value] + repeat.run.period] for value in repeat.state]

    def read_later(self, repeat: Repeat) -> list[int]:
        """The values of steps that are read after the last step, but for the last state, by position."""
        after = set(self.after(repeat))
        values = range(repeat.start, repeat.end)
        return [k for k in values if self.last.get(self.order[k], -1) >= repeat.end and self.order[k] not in after]

    def state(self, run: Run, start: int, end: int) -> tuple[Node, ...]:
        """The values of earlier steps that the step from `start` to `end` and later ones read."""
        state: dict[Node, None] = {}
        for k in range(start, end):
            for arg in self.order[k].args:
                at = self.position.get(arg, -1)
                if run.start <= at < start:
                    state |= dict.fromkeys(self.order[place] for place in range(at, start, run.period))
        return tuple(state)

    def earlier(self, run: Run, value: Node, steps: int) -> Node | None:
        """What corresponds to a value some steps before."""
        node: Node | None = value
        for _ in range(steps):
            at = self.position.get(node, -1) - run.period if node is not None else -1
            node = self.order[at] if at >= run.start else run.before.get(node) if node is not None else None
        return node

    def operands(self, repeat: Repeat) -> dict[tuple[Node, ...], None]:
        """What steps read from outside, one value per step, in order of first use."""
        result: dict[tuple[Node, ...], None] = {}
        for k in range(repeat.end - repeat.run.period, repeat.end):
            for at, arg in enumerate(self.order[k].args):
                if self.position.get(arg, -1) < repeat.run.start and arg not in self.fixed:
                    result[self.readings(repeat, k, at)] = None
        return result

    def readings(self, repeat: Repeat, k: int, at: int) -> tuple[Node, ...]:
        """The argument of an equation of the last step, in all steps."""
        period = repeat.run.period
        return tuple(self.order[k - back * period].args[at] for back in range(repeat.steps - 1, -1, -1))

    # -- folds

    def folded(self, roots: Sequence[Node], repeats: Sequence[Repeat]) -> tuple[Node, ...]:
        """The roots with repeats as folds."""
        new: dict[Node, Any] = {}
        k, waiting = 0, list(repeats)
        while k < len(self.order):
            if waiting and waiting[0].start == k:
                repeat = waiting.pop(0)
                self.fold(repeat, new)
                k = repeat.end
                continue
            node = self.order[k]
            args = tuple(new.get(arg, arg) for arg in node.args)
            new[node] = _over(node, args)
            k += 1
        return tuple(new.get(root, root) for root in roots)

    def fold(self, repeat: Repeat, new: dict[Node, Any]) -> None:
        """Add the fold of a repeat, and what is read of its steps, to the new nodes."""
        run, first = repeat.run, repeat.end - repeat.run.period
        operands = list(self.operands(repeat))
        shapes = (*(node.shape for node in repeat.state), *(values[0].shape for values in operands))
        formals = [Node(Formal(0, k, shape)) for k, shape in enumerate(shapes)]
        inner: dict[Node, Any] = dict(zip(repeat.state, formals, strict=False))
        formal_of = dict(zip(operands, formals[len(repeat.state) :], strict=True))
        for k in range(first, repeat.end):
            node = self.order[k]
            args = tuple(
                inner[arg] if arg in inner else arg if arg in self.fixed else formal_of[self.readings(repeat, k, at)]
                for at, arg in enumerate(node.args)
            )
            inner[node] = _over(node, args)
        after = self.after(repeat)
        emitted = sorted({(k - repeat.start) % run.period for k in self.read_later(repeat)})
        init = [self.earlier(run, value, repeat.steps - 1) for value in repeat.state]
        results = apply_fold(
            Block(shapes, (*(inner[node] for node in after), *(inner[self.order[first + place]] for place in emitted))),
            repeat.steps,
            [new.get(node, node) for node in init if node is not None],
            [new.get(v[0], v[0]) if len(set(v)) == 1 else stack([new.get(node, node) for node in v]) for v in operands],
            [len(set(values)) > 1 for values in operands],
        )
        for place, sequence in zip(emitted, results[len(after) :], strict=True):
            for step in range(repeat.steps):
                new[self.order[repeat.start + step * run.period + place]] = element(sequence, step)
        new |= dict(zip(after, results, strict=False))


def deepest_first(roots: Sequence[Node]) -> list[Node]:
    """The nodes after their arguments, shallow arguments last: what a step reads follows the step before."""
    height: dict[Node, int] = {}
    for node in walk(roots):
        height[node] = 1 + max((height[arg] for arg in node.args), default=0)
    seen: set[Node] = set()
    order: list[Node] = []
    stack_: list[tuple[Node, bool]] = [(root, False) for root in reversed(roots)]
    while stack_:
        node, done = stack_.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack_.append((node, True))
            half = max((height[arg] for arg in node.args), default=0) / 2
            shallow = [arg for arg in node.args if height[arg] <= half]
            deep = [arg for arg in node.args if height[arg] > half]
            stack_ += [(arg, False) for arg in (*reversed(shallow), *reversed(deep))]
    return order


def _over(node: Node, args: tuple[Any, ...]) -> Any:
    return node.op.over(args) if isinstance(node.op, Fold) else with_args(node, args)


def _is_entry(node: Node) -> bool:
    """Whether a node is a part of an input, or an entry of a sequence of inputs."""
    if not node.args or not is_leaf(node.args[0]):
        return False
    return entry_of(node) is not None or (is_primitive(node, item) and node.args[0].op.role == "input")


def _alike(a: Node, b: Node) -> bool:
    """Whether one value from outside may stand for another: both of one shape; parameters and names for their like."""
    if a.shape != b.shape or is_fold(a) or is_fold(b):
        return False
    roles = [(node.op.role, node.op.start) if is_leaf(node) else ("input", None) for node in (a, b)]
    return roles[0] == roles[1]
