"""Attaching methods: a package that knows more than the core gives the core's classes their methods, as autograd does.

So `net.graph()` is written beside the graph, and what a net is stays below everything that is done with one. A class
declares what is attached to it under `TYPE_CHECKING`, for readers and type checkers.
"""

from __future__ import annotations

from typing import Any


def attach(cls: type, **methods: Any) -> None:
    """Give a class methods and properties, each once.

    >>> class Empty: ...
    >>> attach(Empty, answer=lambda self: 42)
    >>> Empty().answer()
    42
    >>> attach(Empty, answer=print)
    Traceback (most recent call last):
    ...
    ValueError: Empty has a method 'answer' already
    """
    for name, method in methods.items():
        if name in vars(cls):
            raise ValueError(f"{cls.__name__} has a method {name!r} already")
        setattr(cls, name, method)
