"""Stretches: the steps of a fold taken apart into neighbours, where something else is to be done in some of them.

Steps are told by a few places, not one by one: a million of them, or symbolically many, are as few
stretches as three. Of symbolically many only the first can be told apart; all after them are one stretch.
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

LISTED = 1_000  # numbered names up to so many are listed where some of them change; longer stretches keep their numbers

Stretch = tuple[int, Size]  # the first step, and how many they are


def alike(marked: Sequence[Collection[int]], count: Size) -> Iterator[tuple[tuple[bool, ...], Stretch]]:
    """Neighbouring steps that are marked alike: by which of some collections of places, and the stretch.

    >>> list(alike([{0, 1, 5}], 10**6))
    [((True,), (0, 2)), ((False,), (2, 3)), ((True,), (5, 1)), ((False,), (6, 999994))]
    """
    nothing = (False,) * len(marked)
    runs: list[tuple[tuple[bool, ...], int, Any]] = [
        (nothing, 0, 0)
    ]  # the marks, the first step, the one after the last
    for place in sorted({place for one in marked for place in one}):
        here = tuple(place in one for one in marked)
        runs += [(nothing, runs[-1][2], place), (here, place, place + 1)]
    runs.append((nothing, runs[-1][2], count))
    for key, group in groupby((each for each in runs if each[1] != each[2]), key=itemgetter(0)):
        run = list(group)
        yield key, (run[0][1], run[-1][2] - run[0][1])


def listed(places: Sequence[int], count: Size) -> list[Stretch]:
    """The stretches of steps of which some change: long ones without a change stand apart.

    >>> listed([1, 4], 8), listed([1, 4], 10**6), listed([1, 500_000], 10**6)
    ([(0, 8)], [(0, 5), (5, 999995)], [(0, 2), (2, 499998), (500000, 1), (500001, 499999)])
    """
    ends = [-1, *sorted(places), count]
    cuts: list[Any] = [0]
    for before, after in pairwise(ends):
        if not isinstance(after, int) or after - before - 1 > LISTED:
            cuts += [before + 1, after]
    return [(first, end - first) for first, end in pairwise([*cuts, count]) if first != end]


def part(sequence: Node, stretch: Stretch) -> Node:
    """The entries of a sequence in a stretch."""
    first, count = stretch
    if isinstance(count, int):
        return take(sequence, range(first, first + count))
    if first and not has_rest(sequence):
        raise depth_is_symbolic(count)
    return rest(sequence, first) if first else sequence
