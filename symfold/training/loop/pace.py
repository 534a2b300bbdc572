"""Pace: the steps of one call of a backend, few enough that Ctrl-C and the progress wait for about half a second.

A backend is not interrupted while it takes steps. The first calls rest on an estimate, the later ones on the time of
those before.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from math import prod

from symfold.compute.backends.choice import operations
from symfold.compute.backends.stacks import Stack
from symfold.core.net import Net

SECONDS = 0.5
NUMBER, OPERATION, CALL = 6e-9, 1e-7, 3e-6  # seconds per parameter and row; per operation compiled, and in NumPy


class Pace:
    """The number of steps per call, a power of 2: backends compile for a number of steps."""

    def __init__(self, net: Net, numbers: int, compiled: bool, bounded: bool = True):
        executed = operations(net.outputs)[1] or 1
        self.overhead, self.numbers, self.bounded = executed * (OPERATION if compiled else CALL), numbers, bounded
        self.most: int | None = None
        self.seen: set[tuple[int, ...]] = set()

    def pieces(self, stack: Stack) -> Iterator[Stack]:
        """A stack in parts, one per call; the whole if it is fast enough."""
        start = 0
        while start < stack.count:
            size = self.size(stack)
            piece = stack if start == 0 and size >= stack.count else stack.cut(start, start + size)
            begun = time.perf_counter()
            yield piece
            self.learn(piece, time.perf_counter() - begun)
            start += piece.count

    def size(self, stack: Stack) -> int:
        """The number of steps for the next call."""
        if not self.bounded:
            return stack.count
        if self.most is None:
            rows = max((prod(stack.shape(name)[1:2]) for name in stack), default=1)
            values = sum(prod(stack.shape(name)[1:]) for name in stack)
            self.most = power(SECONDS / (self.overhead + NUMBER * (self.numbers * rows + values)))
        return self.most

    def learn(self, piece: Stack, seconds: float) -> None:
        """Adapt the number of steps to the time of a call, if it is far off; the first call of its kind compiles."""
        if seconds < 2 * SECONDS and (self.most is None or piece.count < self.most):
            return
        key = (piece.count, *(size for name in piece for size in piece.shape(name)[1:]))
        if key not in self.seen:
            self.seen.add(key)
        elif self.most is not None and (seconds > 2 * SECONDS or (piece.count == self.most and seconds < SECONDS / 4)):
            self.most = power(piece.count * SECONDS / max(seconds, 1e-6))


def power(count: float) -> int:
    """The largest power of 2 that is no greater, at least 1.

    >>> power(0.3), power(1000.0)
    (1, 512)
    """
    return 2 ** max(0, math.floor(math.log2(max(count, 1.0))))
