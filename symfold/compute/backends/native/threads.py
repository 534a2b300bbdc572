"""Threads: how many pay for a net, and how they call the same code at once, each with its number."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symfold.compute.backends.native.layout import multiplications
from symfold.compute.backends.threads import WORTH, asked, free_cores, helpers, is_crowded
from symfold.core.nodes import Node

DIVIDED = 2**17  # multiplications for each thread: a product of fewer does not pay for its barrier


def threads_for(roots: Sequence[Node]) -> int:
    """The threads of a net: `SYMFOLD_THREADS` if a product is large enough to divide, else as many as pay."""
    largest, total = multiplications(roots)
    if wanted := asked():
        return wanted if largest >= DIVIDED else 1
    return max(1, min(largest // DIVIDED, free_cores())) if total >= WORTH else 1


class Team:
    """A team of threads, including the caller's, and their barrier.

    The barrier of a forked child's parent may be in the middle of a call: the child takes a new one.
    """

    def __init__(self, threads: int):
        self.threads = threads
        self.gather()

    def gather(self) -> None:
        self.process = os.getpid()
        self.barrier = np.zeros(32, np.int64)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function on every thread, or on the caller's alone if the machine is crowded; return its result there.

        Machine code releases Python's lock. Its numbers do not depend on how many threads call it.
        """
        if self.threads == 1:
            return function(*args)
        if self.process != os.getpid():
            self.gather()
        place = self.barrier.ctypes.data
        if is_crowded() and not os.environ.get("SYMFOLD_THREADS"):
            return function(*args, 0, 1, place)
        pool = helpers(self.process, threading.get_ident(), self.threads - 1)
        futures = [pool.submit(function, *args, number, self.threads, place) for number in range(1, self.threads)]
        result = function(*args, 0, self.threads, place)
        for future in futures:
            future.result()
        return result


# A barrier: the last thread to arrive opens it. Long waits yield, in case there are fewer processors than threads.
MEET = """\
declare i32 @sched_yield()
define internal void @meet(ptr %barrier, i64 %threads) noinline {
entry:
  %alone = icmp eq i64 %threads, 1
  br i1 %alone, label %done, label %arrive
arrive:
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
  %turns = phi i64 [ 0, %arrive ], [ %more, %on ]
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
