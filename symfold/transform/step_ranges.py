"""Step ranges: the steps of a fold split where only some of them change.

A few steps mark the splits, so a million steps, or symbolically many, may be as few as three ranges. Of symbolically
many steps, only the first can be separated; those after them are one range.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from symfold.core.nodes import Node
from symfold.core.sequences import has_rest, rest, take
from symfold.core.shapes import Size
from symfold.errors import depth_is_symbolic

LISTED = 1_000  # if some of up to this many numbered names change, all are listed; longer ranges stay numbered

StepRange = tuple[int, Size]  # the first step, and the number of steps


def ranges_by_marks(marked: Sequence[Collection[int]], count: Size) -> Iterator[tuple[tuple[bool, ...], StepRange]]:
    """The steps as ranges of equal marks: whether each of the collections marks them, and the range.

    >>> list(ranges_by_marks([{0, 1, 5}], 10**6))
    [((True,), (0, 2)), ((False,), (2, 3)), ((True,), (5, 1)), ((False,), (6, 999994))]
    """
    unmarked = (False,) * len(marked)
    runs: list[tuple[tuple[bool, ...], int, Any]] = [(unmarked, 0, 0)]  # marks, first step, end (exclusive)
    for step in sorted({step for steps in marked for step in steps}):
        marks = tuple(step in steps for steps in marked)
        runs += [(unmarked, runs[-1][2], step), (marks, step, step + 1)]
    runs.append((unmarked, runs[-1][2], count))
    for marks, group in groupby((run for run in runs if run[1] != run[2]), key=itemgetter(0)):
        equal = list(group)
        yield marks, (equal[0][1], equal[-1][2] - equal[0][1])


def ranges_around(changed: Sequence[int], count: Size) -> list[StepRange]:
    """The steps as ranges, with long unchanged ranges separate, so that listing the changed ones stays cheap.

    >>> ranges_around([1, 4], 8), ranges_around([1, 4], 10**6), ranges_around([1, 500_000], 10**6)
    ([(0, 8)], [(0, 5), (5, 999995)], [(0, 2), (2, 499998), (500000, 1), (500001, 499999)])
    """
    ends = [-1, *sorted(changed), count]
    cuts: list[Any] = [0]
    for before, after in pairwise(ends):
        if not isinstance(after, int) or after - before - 1 > LISTED:
            cuts += [before + 1, after]
    return [(first, end - first) for first, end in pairwise([*cuts, count]) if first != end]


def entries_in(sequence: Node, steps: StepRange) -> Node:
    """The entries of a sequence that a range of steps reads."""
    first, count = steps
    if isinstance(count, int):
        return take(sequence, range(first, first + count))
    if first and not has_rest(sequence):
        raise depth_is_symbolic(count)
    return rest(sequence, first) if first else sequence
