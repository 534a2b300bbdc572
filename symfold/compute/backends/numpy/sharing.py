"""Work divided among threads: NumPy's calls let go of Python's lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import numpy as np

from symfold.compute.backends.threads import WORTH, asked, free_cores, helpers, is_crowded


def threads_for(multiplications: int) -> int:
    """The threads for some work: `SYMFOLD_THREADS`, or the free cores; one for little work."""
    if multiplications < WORTH:
        return 1
    return asked() or free_cores()


def shared(work: Callable[[int, int], None], count: int, threads: int) -> None:
    """Call `work(thread, k)` for each k below a count, on the caller's thread and others."""

    def share(thread: int, threads: int) -> None:
        with np.errstate(all="ignore"):
            for k in range(thread, count, threads):
                work(thread, k)

    if threads > 1 and is_crowded() and not asked():
        threads = 1
    if threads == 1:
        share(0, 1)
        return
    pool = helpers(os.getpid(), threading.get_ident(), threads - 1)
    others = [pool.submit(share, thread, threads) for thread in range(1, threads)]
    share(0, threads)
    for other in others:
        other.result()
