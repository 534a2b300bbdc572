"""Repeats: repeated equations, found and made folds.

The equations stand in order of computation. Two of them correspond if they apply the same operation at the same shapes,
and their arguments correspond: one value that both read, two numbers, two leaves of one role, two values from before
the repeat, or two values that correspond in turn. Parts of one value from before the repeat correspond, too. A repeat
is a run of equations in which each corresponds to the one a period later. Its steps are cut where the fewest values
cross; these are the state. What steps read from outside are the operands, and what is read of them outside is emitted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import itemgetter
from typing import Any

import sympy as sp

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
SMALL = 2  # equations of a step that is worth a fold of a few only for what it reads
MOST_IN_ORDER = 3  # arguments of an equation that are computed in their order


def with_repeats_folded(roots: Sequence[Node], least: int = 2) -> tuple[Node, ...]:
    """The roots with repeated equations as folds of at least that many steps.

    >>> from symfold.frontend.named_layers import layers
    >>> from symfold.core.leaves import tensor
    >>> f1, f2, f3 = layers("f1:4")
    >>> [node.op.count for node in walk(with_repeats_folded((f3(f2(f1(tensor("x")))),))) if is_fold(node)]
    [3]
    """
    equations = Equations.of(roots)
    for first in ([], equations.read_alike()):
        equations = Equations.of(roots, first) if first else equations
        for steps, longest in ((ENOUGH, LONG), (least, math.inf)):  # what repeats in steps of its own is folded first
            runs = equations.runs(steps, longest)
            repeats = equations.chosen(runs, equations.reads)
            while earlier := equations.out_of_order(repeats):
                reordered = Equations.of(roots, earlier)
                other_runs = reordered.runs(steps, longest)
                others = reordered.chosen(other_runs, reordered.reads)
                if covered(others) <= covered(repeats):
                    break
                equations, runs, repeats = reordered, other_runs, others
            if repeats := equations.chosen(runs, equations.is_fold):
                return equations.folded(roots, repeats)
    return tuple(roots)


@dataclass
class Run:
    """Equations that correspond to those a period later: `length` of them, from `start` on."""

    start: int
    period: int
    length: int = 0
    before: dict[Node, Node] = field(default_factory=dict)  # values, and what corresponds to them in the step before
    outside: set[Node] = field(
        default_factory=set
    )  # what all steps read from before the run, and what is computed of parameters
    entries: set[int] = field(
        default_factory=set
    )  # the places in a step of parts of outer values, another in each step

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


def covered(repeats: Sequence[Repeat]) -> int:
    """The number of equations in some repeats."""
    return sum(repeat.run.period * repeat.steps for repeat in repeats)


@dataclass
class Equations:
    """Nodes that are computed from others, in order of computation, with their positions and readers."""

    order: list[Node]
    position: dict[Node, int]
    fixed: frozenset[Node]  # numbers, and what is computed of numbers alone
    weights: frozenset[Node]  # parameters, and what is computed of them and numbers alone
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
        weights: set[Node] = set()
        order: list[Node] = []
        for node in nodes:
            if is_leaf(node) and node.op.role == "parameter":
                weights.add(node)
            elif isinstance(node.op, Constant) or (node.args and fixed.issuperset(node.args)):
                fixed.add(node)
            elif node.args and not isinstance(node.op, Select) and not _is_entry(node):
                if all(arg in weights or arg in fixed for arg in node.args):
                    weights.add(node)
                order += (node, *(select for _, select in sorted(selects.get(node, {}).items(), key=itemgetter(0))))
        last = {arg: k for k, node in enumerate(order) for arg in node.args} | dict.fromkeys(roots, len(order))
        return cls(order, {node: k for k, node in enumerate(order)}, frozenset(fixed), frozenset(weights), last)

    # -- runs

    def runs(self, least: int, longest: float) -> list[Run]:
        """Runs of at least that many steps, of limited length: from each equation on, the one that covers most."""
        places: dict[Any, list[int]] = {}
        keys = [
            (item if is_primitive(node, item) else node.op, node.shape, tuple(arg.shape for arg in node.args))
            for node in self.order
        ]
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
            first, second, place = self.order[k], self.order[k + period], (k - start) % period
            if first.op != second.op:
                if not self._are_entries(run, first, second):
                    break
                run.entries.add(place)
                run.outside.add(first.args[0])
            elif place in run.entries and self.position.get(second.args[0], -1) >= start:
                break
            else:
                varies = self.constants_that_vary(first, second)
                args = enumerate(zip(first.args, second.args, strict=True))
                if not all(at in varies or self._correspond(run, a, b, pairs, (place, at)) for at, (a, b) in args):
                    break
            run.length += 1
        return run

    def _are_entries(self, run: Run, a: Node, b: Node) -> bool:
        """Whether two equations read different parts of one value from before a run."""
        return is_primitive(a, item) and a.args == b.args and self.position.get(a.args[0], -1) < run.start

    def constants_that_vary(self, a: Node, b: Node) -> set[int]:
        """The places of numbers in which two equations differ; an exponent is a part of the operation."""
        return {
            at
            for at, (x, y) in enumerate(zip(a.args, b.args, strict=True))
            if x is not y and x in self.fixed and y in self.fixed and x.shape == y.shape and (a.op, at) != (sp.Pow, 1)
        }

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
        if a is b or a in self.weights:
            run.outside |= {a, b}
        return True

    def read_alike(self) -> list[Node]:
        """Values that several equations of one kind read at the same place, perhaps one of each step; in order."""
        readers = Counter((arg, node.op, at) for node in self.order for at, arg in enumerate(node.args))
        several = {arg for (arg, *_), count in readers.items() if count > 1 and arg in self.position}
        return sorted(several, key=self.position.__getitem__)

    def out_of_order(self, repeats: Sequence[Repeat]) -> list[Node]:
        """What is out of order around some repeats, as it should be.

        First come values that all steps read; then the equations of earlier steps; and those of the steps themselves,
        if they read computed values in turn, so that what is computed for a step becomes a part of it.
        """
        outside = dict.fromkeys(node for repeat in repeats for node in repeat.run.outside if node in self.position)
        result = sorted(outside, key=self.position.__getitem__)
        for repeat in repeats:
            before = self.steps_before(repeat)
            result += [node for step in before for node in step]
            if self.takes(repeat) or (before and len(before[-1]) == repeat.run.period):
                result += self.order[repeat.start : repeat.end]
        return result

    def steps_before(self, repeat: Repeat) -> list[list[Node]]:
        """Equations that compute the initial state of a repeat like its steps compute the next, step by step.

        Before them stands the state that they begin with.
        """
        step = self.order[repeat.end - repeat.run.period : repeat.end]
        after, init = self.after(repeat), self.init(repeat)
        steps: list[list[Node]] = []
        while len(init) == len(after):
            matches = self.matches(dict(zip(after, init, strict=True)), step, repeat)
            init = [matches[node] for node in repeat.state if node in matches]
            if before := [matches[node] for node in step if node in matches]:
                steps.append(before)
            if len(before) < len(step):
                break
        if steps:
            steps.append([node for node in init if node in self.position])
        return steps[::-1]

    def matches(self, known: dict[Node, Node], step: Sequence[Node], repeat: Repeat) -> dict[Node, Node]:
        """What stands for the values of a step and for the state in another one, of which some values are known."""
        inside, state = set(step), set(repeat.state)
        matches: dict[Node, Node] = {}
        waiting = list(known.items())
        while waiting:
            node, other = waiting.pop()
            if node in state:
                matches.setdefault(node, other)
            elif node in inside and node not in matches and other in self.position:
                if node.op == other.op:
                    matches[node] = other
                    waiting += zip(node.args, other.args, strict=False)
                elif self._are_entries(repeat.run, node, other):
                    matches[node] = other
        return matches

    # -- steps

    def chosen(self, runs: Sequence[Run], which: Callable[[Repeat], bool]) -> list[Repeat]:
        """The repeats that runs give, of some kind: of those that overlap, the ones that cover most; in order."""
        result: list[Repeat] = []
        steps: set[Any] = set()
        for run in sorted(runs, key=lambda run: (-run.covered, run.start)):
            repeat = self.cut(run, steps)
            if (
                repeat
                and which(repeat)
                and all(repeat.end <= other.start or other.end <= repeat.start for other in result)
            ):
                result.append(repeat)
                steps.add(self.operations(repeat))
        return sorted(result, key=lambda repeat: repeat.start)

    def cut(self, run: Run, known: Collection[Any] = ()) -> Repeat | None:
        """The steps of a run, cut where the fewest values cross; None if none do, or they begin nowhere.

        Of several such cuts, one that gives steps with known operations; else the first of those where most values
        branch.
        """
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
        alike = [repeat for repeat in repeats if known and self.operations(repeat) in known]
        repeat = max(alike or repeats, key=self.reads_of_state, default=None)
        return repeat if repeat and len(self.init(repeat)) == len(repeat.state) else None

    def repeat(self, run: Run, start: int, steps: int) -> Repeat:
        return Repeat(run, start, steps, self.state(run, start + (steps - 1) * run.period, start + steps * run.period))

    def operations(self, repeat: Repeat) -> tuple[Any, ...]:
        """The operations of the last step, in order."""
        return tuple([self.order[k].op for k in range(repeat.end - repeat.run.period, repeat.end)])

    def reads_of_state(self, repeat: Repeat) -> int:
        """How often the last step reads the state."""
        state = set(repeat.state)
        last = range(repeat.end - repeat.run.period, repeat.end)
        return sum(arg in state for k in last for arg in self.order[k].args)

    def is_fold(self, repeat: Repeat) -> bool:
        """Whether steps read something; a few steps neither give values to others nor take them from others in turn."""
        if repeat.steps >= ENOUGH:
            return self.reads(repeat)
        return self.reads(repeat) and not self.takes(repeat) and not self.read_later(repeat)

    def takes(self, repeat: Repeat) -> bool:
        """Whether the steps read computed values in turn, apart from those computed of parameters alone."""
        before = range(repeat.run.start)
        return any(
            len(set(values)) > 1 and self.position.get(values[-1], -1) in before and values[-1] not in self.weights
            for values in self.operands(repeat)
        )

    def reads(self, repeat: Repeat) -> bool:
        """Whether steps read values from outside: few small ones an input, a parameter or the name of a layer."""
        operands = [values for values in self.operands(repeat) if not self.fixed.issuperset(values)]
        large = repeat.steps >= ENOUGH or repeat.run.period - len(repeat.run.entries) > SMALL
        return bool(operands) and (large or any(is_leaf(value) for values in operands for value in values))

    def after(self, repeat: Repeat) -> list[Node]:
        """The state after the last step."""
        return [self.order[self.position[value] + repeat.run.period] for value in repeat.state]

    def init(self, repeat: Repeat) -> list[Node]:
        """The state before the first step."""
        init = (self.earlier(repeat.run, value, repeat.steps - 1) for value in repeat.state)
        return [node for node in init if node is not None]

    def read_later(self, repeat: Repeat) -> list[int]:
        """The values of steps that are read after the last step, but for the last state, by position."""
        after = set(self.after(repeat))
        values = range(repeat.start, repeat.end)
        return [
            k
            for k in values
            if self.last.get(self.order[k], -1) >= repeat.end
            and self.order[k] not in after
            and (k - repeat.run.start) % repeat.run.period not in repeat.run.entries
        ]

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
        run = repeat.run
        for k in range(repeat.end - run.period, repeat.end):
            nodes = self.in_all_steps(repeat, k)
            if (k - run.start) % run.period in run.entries:
                result[nodes] = None
                continue
            for at, arg in enumerate(self.order[k].args):
                if self.position.get(arg, -1) < run.start:
                    values = tuple([node.args[at] for node in nodes])
                    if arg not in self.fixed or len(set(values)) > 1:
                        result[values] = None
        return result

    def in_all_steps(self, repeat: Repeat, k: int) -> tuple[Node, ...]:
        """The equations that correspond to one of the last step."""
        period = repeat.run.period
        return tuple([self.order[k - back * period] for back in range(repeat.steps - 1, -1, -1)])

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
            node, nodes = self.order[k], self.in_all_steps(repeat, k)
            if nodes in formal_of:
                inner[node] = formal_of[nodes]
                new |= {entry: _over(entry, tuple([new.get(arg, arg) for arg in entry.args])) for entry in nodes}
                continue
            values = [tuple([other.args[at] for other in nodes]) for at in range(len(node.args))]
            args = tuple(
                inner[arg] if arg in inner else formal_of.get(values[at], arg) for at, arg in enumerate(node.args)
            )
            inner[node] = _over(node, args)
        after = self.after(repeat)
        emitted = sorted({(k - repeat.start) % run.period for k in self.read_later(repeat)})
        init = self.init(repeat)
        results = apply_fold(
            Block(shapes, (*(inner[node] for node in after), *(inner[self.order[first + place]] for place in emitted))),
            repeat.steps,
            [new.get(node, node) for node in init],
            [new.get(v[0], v[0]) if len(set(v)) == 1 else stack([new.get(node, node) for node in v]) for v in operands],
            [len(set(values)) > 1 for values in operands],
        )
        for place, sequence in zip(emitted, results[len(after) :], strict=True):
            for step in range(repeat.steps):
                new[self.order[repeat.start + step * run.period + place]] = element(sequence, step)
        new |= dict(zip(after, results, strict=False))


def deepest_first(roots: Sequence[Node]) -> list[Node]:
    """The nodes after their arguments, in an order that steps share: what a step reads follows the step before.

    Shallow arguments of a node come last. Of many arguments, as where states are collected, the deepest comes first.
    """
    height: dict[Node, int] = {}
    for node in walk(roots):
        height[node] = 1 + max((height[arg] for arg in node.args), default=0)

    def in_order(args: tuple[Node, ...]) -> list[Node]:
        if len(args) > MOST_IN_ORDER:
            return sorted(args, key=height.__getitem__, reverse=True)
        half = max((height[arg] for arg in args), default=0) / 2
        return sorted(args, key=lambda arg: height[arg] <= half)

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
            stack_ += [(arg, False) for arg in reversed(in_order(node.args))]
    return order


def _over(node: Node, args: tuple[Any, ...]) -> Any:
    return node.op.over(args) if isinstance(node.op, Fold) else with_args(node, args)


def _is_entry(node: Node) -> bool:
    """Whether a node is an entry of a sequence of inputs."""
    return bool(node.args) and is_leaf(node.args[0]) and entry_of(node) is not None


def _alike(a: Node, b: Node) -> bool:
    """Whether one value from outside may stand for another: both of one shape; parameters and names for their like."""
    if a.shape != b.shape or is_fold(a) or is_fold(b):
        return False
    roles = [(node.op.role, node.op.start) if is_leaf(node) else ("input", None) for node in (a, b)]
    return roles[0] == roles[1]
