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


# Threads meet: the last to come opens the way for all. Who waits for long lets others run, should there be fewer processors.
MEET = """\
declare i32 @sched_yield()
define internal void @meet(ptr %barrier, i64 %threads) noinline {
entry:
  %round = load atomic i64, ptr %barrier seq_cst, align 8
  %count = getelementptr i64, ptr %barrier, i64 8
  %before = atomicrmw add ptr %count, i64 1 seq_cst
  %come = add i64 %before, 1
  %last = icmp eq i64 %come, %threads
  br i1 %last, label %open, label %wait
open:
  store atomic i64 0, ptr %count seq_cst, align 8
  %next = add i64 %round, 1
  store atomic i64 %next, ptr %barrier seq_cst, align 8
  ret void
wait:
  %turns = phi i64 [ 0, %entry ], [ %more, %on ]
  %now = load atomic i64, ptr %barrier seq_cst, align 8
  %opened = icmp ne i64 %now, %round
  br i1 %opened, label %done, label %look
look:
  %more = add i64 %turns, 1
  %long = icmp ugt i64 %more, 20000
  br i1 %long, label %rest, label %on
rest:
  %ignored = call i32 @sched_yield()
  br label %on
on:
  br label %wait
done:
  ret void
}
"""
