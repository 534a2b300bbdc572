"""Plans of recomputation: which steps of a fold keep their values within a budget, and which are computed again.

    n steps = m groups of k steps, then r steps that keep their values      n = m k + r

For a group, the state before it is kept. Its steps are computed again when their gradient is due, and keep their values
then, or are grouped again: with l levels of groups of equal length, memory grows with the root of order l + 1 of the
depth, for l more evaluations (Chen et al. 2016, "Training deep nets with sublinear memory cost"; Griewank and Walther
2000, "Algorithm 799: revolve", whose groups of unequal length need a few evaluations less).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import isqrt

MOST = 64  # groups that are tried for the least memory
BESIDE = 4  # states that a level of groups holds besides those that are kept: the current ones and their cotangents
LEVELS = 3  # levels of groups that are tried for the least recomputation


@dataclass(frozen=True)
class Plan:
    """Groups of steps that are computed again, by the inner plan if they do not keep all their values then.

    For groups of one step, `left` is the budget for the folds inside the step.
    """

    groups: int
    size: int
    rest: int = 0  # the last steps, which keep their values
    inner: Plan | None = None
    left: int = 0


@dataclass(frozen=True)
class Steps:
    """Steps of a fold: their number, and the sizes of a state and of the values that a gradient reads of a step.

    If a step contains folds, `inside` is the least that these keep for their gradients.
    """

    count: int
    state: int
    values: int
    inside: int | None = None

    @property
    def most(self) -> int:
        """The size of all values."""
        return self.count * self.values

    @property
    def least(self) -> int:
        """The least that any plan keeps.

        >>> Steps(1000, 1, 1).most, Steps(1000, 1, 1).least
        (1000, 35)
        """
        return _least(self)[0]

    def plan(self, budget: int) -> Plan | None:
        """The plan within a budget of `least` or more that computes the fewest steps again; None: none of them.

        >>> Steps(100, 1, 1).plan(100), Steps(100, 1, 1).plan(80)
        (None, Plan(groups=6, size=6, rest=64, inner=None, left=0))
        >>> Steps(100, 1, 1).plan(15)
        Plan(groups=4, size=25, rest=0, inner=Plan(groups=5, size=5, rest=0, inner=None, left=0), left=0)
        """
        if self.most <= budget:
            return None
        for levels in range(1, LEVELS + 1):
            if (found := _cheapest(self, budget, levels)) is not None:
                return found[1]
        return _least(self)[1]

    def kept(self, plan: Plan | None) -> int:
        """What a plan keeps."""
        if plan is None:
            return self.most
        inner = plan.left if plan.size == 1 else replace(self, count=plan.size).kept(plan.inner)
        return self.before(plan.groups) + plan.rest * self.values + inner

    def before(self, groups: int) -> int:
        """What the states before this number of groups take."""
        return (groups + BESIDE) * self.state


@cache
def _least(steps: Steps) -> tuple[int, Plan | None]:
    """The least that a plan keeps, and the plan."""
    best: tuple[int, Plan | None] = (steps.most, None)
    if steps.inside is not None and (kept := steps.before(steps.count) + steps.inside) < best[0]:
        best = kept, Plan(steps.count, 1, left=steps.inside)
    for groups in range(2, min(steps.count // 2, MOST) + 1):
        size, rest = divmod(steps.count, groups)
        if rest == 1:  # a single step is not a fold
            continue
        inner, plan = _least(replace(steps, count=size))
        kept = steps.before(groups) + rest * steps.values + inner
        if kept < best[0]:
            best = kept, Plan(groups, size, rest, plan)
    return best


def _cheapest(steps: Steps, budget: int, levels: int) -> tuple[int, Plan | None] | None:
    """The steps computed again and the plan, with at most this number of levels of groups; None if nothing fits."""
    count, state, values = steps.count, steps.state, steps.values
    excess = steps.most - budget
    if excess <= 0:
        return 0, None
    best: tuple[int, Plan | None] | None = None
    if levels == 1:  # the size follows from the number of groups: groups * size is least near the root
        for groups in range(2, min(count // 2, 2 * isqrt(excess // max(state, 1)) + 8) + 1):
            size = max(2, -(-(excess + steps.before(groups)) // ((groups - 1) * values)))
            rest = count - groups * size
            if rest >= 0 and rest != 1 and (best is None or groups * size < best[0]):
                best = groups * size, Plan(groups, size, rest)
        left = budget - steps.before(count)
        if best is None and steps.inside is not None and left >= steps.inside:
            return count, Plan(count, 1, left=left)
        return best
    for groups in _numbers(min(count // 2, budget // max(state, 1)), levels):
        size, rest = divmod(count, groups)
        left = budget - steps.before(groups) - rest * values
        if rest == 1 or left < 0:
            continue
        inner = _cheapest(replace(steps, count=size), left, levels - 1)
        if inner is not None:
            again = groups * (size + inner[0])
            if best is None or again < best[0]:
                best = again, Plan(groups, size, rest, inner[1])
    return best


def _numbers(most: int, levels: int) -> list[int]:
    """Numbers from 2 on, to try: all small ones, then a few per doubling."""
    step = 8 if levels == 2 else 2
    found, number = [], 2
    while number <= most:
        found.append(number)
        number += max(1, number // step)
    return found


def shares(parts: Sequence[Steps], budget: int) -> list[int]:
    """A budget, enough for the least of all, divided among folds by what each would keep without one.

    >>> shares([Steps(100, 1, 1), Steps(200, 1, 1)], 150), shares([Steps(100, 1, 1), Steps(200, 1, 1)], 300)
    ([50, 100], [100, 200])
    """
    least, most = [part.least for part in parts], [part.most for part in parts]
    if sum(most) <= budget:
        return most
    low, high = 0, 2**40  # of a fraction in units of 2**-40
    while high - low > 1:
        middle = (low + high) // 2
        total = sum(max(few, many * middle >> 40) for few, many in zip(least, most, strict=True))
        low, high = (middle, high) if total <= budget else (low, middle)
    return [max(few, many * low >> 40) for few, many in zip(least, most, strict=True)]
