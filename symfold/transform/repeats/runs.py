"""Runs: equations that correspond to those a period later, found from each equation on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

import sympy as sp

from symfold.core.folds import is_fold
from symfold.core.nodes import Node
from symfold.core.primitives import is_primitive, item
from symfold.core.stacked_inputs import is_leaf
from symfold.transform.repeats.equations import Equations

MOST_PERIODS = 32  # candidates for the period of a repeat from one equation on, so the work is linear
GLANCE = 64  # equations whose kinds are compared before anything else
ENOUGH = 4  # steps: a repeat of this length is folded before a longer one that holds it


@dataclass(frozen=True)
class Run:
    """Equations that correspond to those a period later: `length` of them, from `start` on.

    `before` holds, for values of the first period, what corresponds to them before the run. `outside` are the values
    from before the run that all steps read, and those computed of parameters. `entries` are the places in a period at
    which each step takes another part of a value from before the run.
    """

    equations: Equations
    start: int
    period: int
    length: int
    before: Mapping[Node, Node]
    outside: Set[Node]
    entries: Set[int]

    @property
    def steps(self) -> int:
        """The number of whole steps."""
        return self.length // self.period + 1

    @property
    def covered(self) -> int:
        """The number of equations in whole steps."""
        return self.period * self.steps

    def takes_an_entry(self, k: int) -> bool:
        """Whether the equation at a position takes a part of a value from before the run, each step another one."""
        return (k - self.start) % self.period in self.entries

    def earlier(self, value: Node, steps: int) -> Node | None:
        """What corresponds to a value some steps before; None if nothing does."""
        node: Node | None = value
        for _ in range(steps):
            if node is None:
                return None
            at = self.equations.position.get(node, -1) - self.period
            node = self.equations.order[at] if at >= self.start else self.before.get(node)
        return node


def runs_of(equations: Equations, least: int, longest: float, misses: float = math.inf) -> list[Run]:
    """The runs of at least that many steps of limited length: from each equation on, the one that covers most.

    The search ends without any if from more than `misses` equations on there is none.
    """
    kinds = _kinds(equations)
    places: dict[int, list[int]] = {}  # the positions of the equations of each kind
    number: list[int] = []  # the number of each equation among those of its kind
    for k, kind in enumerate(kinds):
        number.append(len(places.setdefault(kind, [])))
        places[kind].append(k)
    result, start = [], 0
    while start < len(kinds):
        following = places[kinds[start]][number[start] + 1 : number[start] + 1 + MOST_PERIODS]
        best = _best_run(equations, kinds, start, (later - start for later in following), least, longest)
        if best is not None:
            result.append(best)
        elif (misses := misses - 1) < 0:
            return []
        start += 1 if best is None else best.covered if best.steps >= ENOUGH else best.length
    return result


def _kinds(equations: Equations) -> list[int]:
    """A number for each equation: those that apply one operation at the same shapes have the same number."""
    numbers: dict[object, int] = {}
    return [
        numbers.setdefault(
            (item if is_primitive(node, item) else node.op, node.shape, tuple([arg.shape for arg in node.args])),
            len(numbers),
        )
        for node in equations.order
    ]


def _best_run(
    equations: Equations, kinds: Sequence[int], start: int, periods: Iterable[int], least: int, longest: float
) -> Run | None:
    """The run from `start` on that covers most, one per period; the search ends at one of enough steps."""
    best: Run | None = None
    for period in periods:
        if period > longest:
            break
        glance = min(period * (least - 1), GLANCE)
        if kinds[start : start + glance] != kinds[start + period : start + period + glance]:
            continue
        run = run_from(equations, kinds, start, period)
        if run.steps >= least and (best is None or run.covered > best.covered):
            best = run
        if best is not None and best.steps >= ENOUGH:
            break
    return best


def run_from(equations: Equations, kinds: Sequence[int], start: int, period: int) -> Run:
    """The equations from `start` on that correspond to those a period later."""
    order, position = equations.order, equations.position
    before: dict[Node, Node] = {}
    outside: set[Node] = set()
    entries: set[int] = set()
    waiting: dict[tuple[int, int], list[tuple[Node, Node]]] = {}  # arguments from outside, by equation and place

    def correspond(a: Node, b: Node, slot: tuple[int, int]) -> bool:
        """Whether two arguments correspond: `a` of an equation, `b` of the one a period later.

        Where steps read what was computed two steps before, the first ones read outside: `waiting` keeps these.
        """
        at, later = position.get(a, -1), position.get(b, -1)
        if later >= start:
            if later - period >= start:
                matches = at == later - period
            else:
                begins = at < start and a.shape == b.shape and not is_fold(b)
                matches = begins and before.setdefault(b, a) is a
            earlier = waiting.pop(slot, ()) if matches else ()
            return matches and all(before.setdefault(second, first) is first for first, second in earlier)
        if at >= start or not (a is b or (_alike(a, b) and not equations.fixed & {a, b})):
            return False
        waiting.setdefault(slot, []).append((a, b))
        if a is b or a in equations.weights:
            outside.update((a, b))
        return True

    length = 0
    for k in range(start, len(order) - period):
        if kinds[k] != kinds[k + period]:
            break
        first, second, place = order[k], order[k + period], (k - start) % period
        if first.op != second.op:
            if not are_entries(equations, first, second, start):
                break
            entries.add(place)
            outside.add(first.args[0])
        elif place in entries and position.get(second.args[0], -1) >= start:
            break
        else:
            varies = _numbers_that_vary(equations, first, second)
            args = enumerate(zip(first.args, second.args, strict=True))
            if not all(at in varies or correspond(a, b, (place, at)) for at, (a, b) in args):
                break
        length += 1
    return Run(equations, start, period, length, before, outside, entries)


def are_entries(equations: Equations, a: Node, b: Node, start: int) -> bool:
    """Whether two equations take parts of one value that is computed before `start`."""
    return is_primitive(a, item) and a.args == b.args and equations.position.get(a.args[0], -1) < start


def _numbers_that_vary(equations: Equations, a: Node, b: Node) -> set[int]:
    """The places of numbers in which two equations differ; an exponent is a part of the operation."""
    fixed = equations.fixed
    if fixed.isdisjoint(a.args):  # most
        return set()
    return {
        at
        for at, (x, y) in enumerate(zip(a.args, b.args, strict=True))
        if x is not y and x in fixed and y in fixed and x.shape == y.shape and (a.op, at) != (sp.Pow, 1)
    }


def _alike(a: Node, b: Node) -> bool:
    """Whether one value from outside may stand for another: both of one shape; parameters and names for their like."""
    if a.shape != b.shape or is_fold(a) or is_fold(b):
        return False
    roles = [(node.op.role, node.op.start) if is_leaf(node) else ("input", None) for node in (a, b)]
    return roles[0] == roles[1]
