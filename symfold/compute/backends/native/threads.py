"""Threads: several call the same code at once, each with its number."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np


class Team:
    """A team of threads, including the caller's, and their barrier.

    A forked child has no threads of its parent, and its barrier may be in the middle of a call: it gathers a new team.
    """

    def __init__(self, threads: int):
        self.threads = threads
        self.gather()

    def gather(self) -> None:
        self.process = os.getpid()
        self.barrier = np.zeros(32, np.int64)
        self.pool = ThreadPoolExecutor(self.threads - 1) if self.threads > 1 else None

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function on every thread; return the caller's result. Machine code releases Python's lock."""
        if self.pool is None:
            return function(*args)
        if self.process != os.getpid():
            self.gather()
        place = self.barrier.ctypes.data
        futures = [self.pool.submit(function, *args, number, place) for number in range(1, self.threads)]
        result = function(*args, 0, place)
        for future in futures:
            future.result()
        return result


# A barrier: the last thread to arrive opens it. Long waits yield, in case there are fewer processors than threads.
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
