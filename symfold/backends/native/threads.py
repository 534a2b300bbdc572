"""Threads: the same code called by several at once, each with its number."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np


class Team:
    """So many threads, the caller's among them, with the place where they meet."""

    def __init__(self, threads: int):
        self.threads = threads
        self.barrier = np.zeros(32, np.int64)
        self.others = ThreadPoolExecutor(threads - 1) if threads > 1 else None

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """What the first thread's call gives; machine code runs without Python's lock."""
        if self.others is None:
            return function(*args)
        place = self.barrier.ctypes.data
        waiting = [self.others.submit(function, *args, number, place) for number in range(1, self.threads)]
        result = function(*args, 0, place)
        for call in waiting:
            call.result()
        return result
