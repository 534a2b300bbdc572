"""Threads: how many the user asks for or the machine has free, and pools of them."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from symfold.base.cores import cores
from symfold.errors import InvalidValue

WORTH = 2**23  # multiplications: a run of fewer does not pay for calling the threads
BUSY = 1.25  # runnable processes for each processor, on average: threads would wait for theirs


def asked() -> int | None:
    """The threads that `SYMFOLD_THREADS` asks for, if it does."""
    text = os.environ.get("SYMFOLD_THREADS")
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise InvalidValue(f"SYMFOLD_THREADS={text!r} must be a whole number, 1 or more")
    return int(text)


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
