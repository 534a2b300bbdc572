"""Cuts: where a run is cut into steps, and which of the repeats that overlap are chosen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import accumulate

from symfold.core.folds import is_fold
from symfold.transform.repeats.runs import Run
from symfold.transform.repeats.steps import Repeat, operations, reads_of_state


def chosen(runs: Sequence[Run], which: Callable[[Repeat], bool]) -> list[Repeat]:
    """The repeats of some kind that runs give: of those that overlap, the ones that cover most; in order."""
    result: list[Repeat] = []
    known: set[object] = set()
    for run in sorted(runs, key=lambda run: (-run.covered, run.start)):
        repeat = cut(run, known)
        if repeat and which(repeat) and not any(_overlap(repeat, other) for other in result):
            result.append(repeat)
            known.add(operations(repeat))
    return sorted(result, key=lambda repeat: repeat.start)


def _overlap(a: Repeat, b: Repeat) -> bool:
    return a.start < b.end and b.start < a.end


def cut(run: Run, known: Collection[object] = ()) -> Repeat | None:
    """The steps of a run, cut where the fewest values cross; None if none do, or they begin nowhere.

    Of several such cuts, one that gives steps with known operations; else the first of those where most values
    branch.
    """
    total, period = run.length + run.period, run.period
    alive, forbidden = _crossing(run)
    if min(alive) == 0:  # nothing goes from step to step
        return None
    steps = [(total - offset) // period for offset in range(period)]
    cuts = [(alive[k], -steps[k], k) for k in range(period) if steps[k] > 1 and k not in forbidden]
    best = min(cuts, default=(0, 0, 0))[:2]
    repeats = [Repeat(run, run.start + cut[2], -cut[1]) for cut in cuts if cut[:2] == best]
    alike = [repeat for repeat in repeats if known and operations(repeat) in known]
    repeat = max(alike or repeats, key=reads_of_state, default=None)
    return repeat if repeat and len(repeat.init) == len(repeat.state) else None


def _crossing(run: Run) -> tuple[list[int], set[int]]:
    """The number of values that cross a cut at each offset in a period, and the offsets where a fold would cross.

    They are counted in the last period, in which reading is steady.
    """
    order, position, period = run.equations.order, run.equations.position, run.period
    last = run.start + run.length
    reach: dict[int, int] = {}  # how far the last reader of the value at an offset is behind it
    for k in range(last, last + period):
        for arg in order[k].args:
            at = position.get(arg, -1)
            if at >= run.start:
                offset = (at - run.start) % period
                reach[offset] = max(reach.get(offset, 0), k - at)
    changes = [0] * (period + 1)  # of the number of values that are alive, by offset
    forbidden: set[int] = set()
    for offset, distance in reach.items():
        whole, rest = divmod(distance, period)
        changes[0] += whole
        first, end = offset + 1, offset + 1 + rest  # alive at these offsets, modulo the period
        for low, high in ((first, min(end, period)), (max(first, period) - period, end - period)):
            if low < high:
                changes[low] += 1
                changes[high] -= 1
                if is_fold(order[run.start + offset]):
                    forbidden.update(range(low, high))
    return list(accumulate(changes[:period])), forbidden
