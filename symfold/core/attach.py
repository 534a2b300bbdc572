"""Attached methods: later packages add methods to the classes of the core, as HIPS autograd does.

So `net.graph()` is defined in the graph's package, and the core imports none of the packages that use nets. A class
declares its attached methods under `TYPE_CHECKING`, for readers and type checkers.
"""

from __future__ import annotations


def attach(cls: type, **methods: object) -> None:
    """Add methods and properties to a class, each name once.

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
