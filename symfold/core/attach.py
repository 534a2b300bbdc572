"""Attached methods: later packages add methods to the classes of the core, as HIPS autograd does.

So `net.graph()` is defined in the graph's package, and the core imports none of the packages that use nets. A class
declares its attached methods under `TYPE_CHECKING`, for readers and type checkers.
"""

from __future__ import annotations

from types import FunctionType

from symfold.base.public import inside, public


def attach(cls: type, **methods: object) -> None:
    """Add methods and properties to a class, each name once. Errors of a call name the method, not its function.

    >>> class Empty: ...
    >>> attach(Empty, answer=lambda self: 42)
    >>> Empty().answer()
    42
    >>> Empty().answer(1)
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidType: empty.answer takes 0 arguments by position, got 1 (its arguments: none)
    >>> attach(Empty, answer=print)
    Traceback (most recent call last):
    ...
    ValueError: Empty has a method 'answer' already
    """
    for name, method in methods.items():
        if name in vars(cls):
            raise ValueError(f"{cls.__name__} has a method {name!r} already")
        setattr(cls, name, _named(inside(method), cls, name) if isinstance(method, FunctionType) else method)


def _named(function: FunctionType, cls: type, name: str) -> FunctionType:
    """A copy of a function by the name of a method; a public method checks its arguments."""
    method = FunctionType(function.__code__, function.__globals__, name, function.__defaults__, function.__closure__)
    method.__dict__.update(function.__dict__)
    method.__kwdefaults__, method.__annotations__ = function.__kwdefaults__, function.__annotations__
    method.__doc__, method.__module__ = function.__doc__, function.__module__
    method.__qualname__ = f"{cls.__qualname__}.{name}"
    return method if name.startswith("_") and name != "__call__" else public(method)
