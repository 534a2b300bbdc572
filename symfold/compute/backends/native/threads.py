"""Threads: how many pay for a net, and how they call the same code at once, each with its number."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np

from symfold.base.cores import cores
from symfold.compute.backends.native.layout import multiplications
from symfold.core.nodes import Node
from symfold.errors import InvalidValue

DIVIDED = 2**17  # multiplications for each thread: a product of fewer does not pay for its barrier
WORTH = 2**23  # and in all: a run of fewer does not pay for calling the threads
BUSY = 1.25  # runnable processes for each processor, on average: threads would wait for theirs


def threads_for(roots: Sequence[Node]) -> int:
    """The threads of a net: `SYMFOLD_THREADS` if a product is large enough to divide, else as many as pay."""
    largest, total = multiplications(roots)
    text = os.environ.get("SYMFOLD_THREADS")
    if not text:
        return max(1, min(largest // DIVIDED, free_cores())) if total >= WORTH else 1
    if not text.isdecimal() or int(text) < 1:
        raise InvalidValue(f"SYMFOLD_THREADS={text!r} must be a whole number, 1 or more")
    return int(text) if largest >= DIVIDED else 1


def free_cores() -> int:
    """The cores to divide work among, at most `OMP_NUM_THREADS`."""
    limit = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(cores(), int(limit)) if limit.isdecimal() and int(limit) else cores()


def is_crowded() -> bool:
    """Whether others divide the machine already: this is a child process or not the main thread, or all are busy.

    A thread that waits for its turn makes its whole team wait, at every barrier.
    """
    if multiprocessing.parent_process() or threading.current_thread() is not threading.main_thread():
        return True
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > BUSY * (os.cpu_count() or 1)


@lru_cache(maxsize=8)
def helpers(process: int, caller: int, count: int) -> ThreadPoolExecutor:
    """The other threads of a team: a caller's programs run one after the other, and share them.

    A forked child has no threads of its parent, so a process has its own.
    """
    return ThreadPoolExecutor(count)


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
