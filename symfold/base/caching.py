"""Caching: `functools.lru_cache` with the types of the function that it wraps.

For a type checker, `lru_cache` takes any hashable arguments, but no classes of SymPy, which are untyped.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T", covariant=True)


class Cached(Protocol[P, T]):
    """A function that remembers its results."""

    def __call__(self, *args: P.args, **named: P.kwargs) -> T: ...
    def cache_clear(self) -> None: ...


def cached(size: int | None) -> Callable[[Callable[P, T]], Cached[P, T]]:
    """Remember the results of a function: the latest ones, or all if `size` is None.

    >>> from collections import Counter
    >>> calls = Counter()
    >>> @cached(None)
    ... def square(number: int) -> int:
    ...     calls[number] += 1
    ...     return number * number
    >>> square(3) + square(3), calls[3]
    (18, 1)
    """
    decorator: Any = lru_cache(maxsize=size)
    return decorator
