"""Facts of the rows of a table: names, rules and positions from a user's code, checked when a row is added."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Collection, Mapping

from symfold.base.arguments import quoted
from symfold.errors import InvalidType, InvalidValue


def public_name(kind: str, name: object) -> str:
    """A name for a row: an identifier that Python code can write, without a leading underscore.

    >>> public_name("mapper", "class")
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidValue: 'class' is not a name for a mapper (it is a keyword of Python; choose another name)
    """
    what = f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    if not isinstance(name, str):
        raise InvalidType(f"{quoted(name)} of type {type(name).__name__} is not a name for {what} (give a string)")
    if not name.isidentifier():
        raise InvalidValue(f"{name!r} is not a name for {what} (use letters, digits and underscores)")
    if keyword.iskeyword(name):
        raise InvalidValue(f"{name!r} is not a name for {what} (it is a keyword of Python; choose another name)")
    if name.startswith("_"):
        raise InvalidValue(f"{name!r} is not a name for {what} (it is private; begin it with a letter)")
    return name


def check_rules(what: str, rules: Mapping[str, object], required: Collection[str] = ()) -> None:
    """Refuse rules that are not functions; those that are not required may be None."""
    if not isinstance(rules, Mapping):
        raise InvalidType(f"{what}: expected functions by name, got {quoted(rules)} of type {type(rules).__name__}")
    for name, rule in rules.items():
        if not callable(rule) and (rule is not None or name in required):
            raise InvalidType(f"{what}: {name}={quoted(rule)} is not callable (give a function)")


def check_places(what: str, places: object, most: int | None = None, also: str = "") -> None:
    """Refuse what is not a tuple of positions of at most so many arguments.

    >>> check_places("linear", (7,), 1)
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidValue: linear=(7,) is not a tuple of positions of its 1 argument (as (0,) for the first)
    """
    if not isinstance(places, tuple) or not all(
        isinstance(k, int) and not isinstance(k, bool) and (most is None or -most <= k < most) for k in places
    ):
        of = "arguments" if most is None else f"its {counted(most, 'argument')}"
        raise InvalidValue(f"{what}={quoted(places)} is not a tuple of positions of {of}{also} (as (0,) for the first)")


def counted(count: int, noun: str) -> str:
    """A number of things: `1 argument`, `2 arguments`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def most_taken(function: Callable[..., object]) -> int | None:
    """The most values that a function takes by position; None if there is no bound, or no signature."""
    try:
        kinds = [p.kind for p in inspect.signature(function).parameters.values()]
    except (TypeError, ValueError):
        return None
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return None
    return sum(kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD) for kind in kinds)


def module_of(rule: object) -> str:
    """The module that defines a function or an object's type."""
    return str(getattr(rule, "__module__", None) or type(rule).__module__)
