"""Garbage: no look for it while many objects are made that live on, since each would look through all of them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused(stays: bool = False) -> Iterator[None]:
    """A block in which Python does not look for garbage; afterwards it does again, if it did before.

    If what is made `stays`, as modules do, it then counts as old, without a look at it.

    >>> with collection_paused():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if stays and not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()  # from what is never looked at to the oldest
        if enabled:
            gc.enable()
