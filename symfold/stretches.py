"""Stretches: the steps of a fold taken apart into neighbours, where something else is to be done in some of them.

Steps are told by what is said of their places, not one by one: a million of them, or symbolically many, are as few
stretches as three. Of symbolically many only the first can be told apart; all after them are one stretch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from symfold.errors import depth_is_symbolic
from symfold.nodes import Node
from symfold.sequences import has_rest, rest, take
from symfold.shapes import Size

LISTED = 1_000  # numbered names up to so many are listed where some of them change; longer stretches keep their numbers

Stretch = tuple[int, Size]  # the first step, and how many they are


def alike(said: Sequence[Mapping[int, Any]], count: Size, otherwise: Any = False) -> Iterator[tuple[tuple[Any, ...], Stretch]]:
    """Neighbouring steps of which the same is said: what that is, and the stretch. Places not named are `otherwise`.

    >>> list(alike([{0: True, 1: True, 5: True}], 10**6))
    [((True,), (0, 2)), ((False,), (2, 3)), ((True,), (5, 1)), ((False,), (6, 999994))]
    """
    nothing = (otherwise,) * len(said)
    run: tuple[tuple[Any, ...], int, int] = (nothing, 0, 0)  # what is said, the first step, the one after the last
    for place in sorted({place for one in said for place in one}):
        here = tuple(one.get(place, otherwise) for one in said)
        for key, end in ((nothing, place), (here, place + 1)):
            if key == run[0] or end == run[2]:
                run = (run[0], run[1], max(end, run[2]))
            else:
                if run[2] > run[1]:
                    yield run[0], (run[1], run[2] - run[1])
                run = (key, run[2], end)
    if run[0] != nothing:
        yield run[0], (run[1], run[2] - run[1])
        run = (nothing, run[2], run[2])
    if count != run[1]:
        yield nothing, (run[1], count - run[1])


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
