"""Errors: each is a symfold class that is also the fitting built-in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any

__all__ = [
    "Advice",
    "DataError",
    "Diverged",
    "GradientError",
    "ImpureMapper",
    "InvalidType",
    "InvalidValue",
    "MissingPackage",
    "NoRule",
    "OutOfMemory",
    "OutOfRange",
    "ParseError",
    "ShapeError",
    "SymfoldError",
    "SystemFailure",
    "TooLarge",
    "UnknownKey",
    "UnknownName",
]

LONGEST = 2_000  # characters of a message


# control characters, line breaks, marks that change the direction of writing, and halves of pairs
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, also: str = "") -> str:
    r"""Text whose control characters are escaped, except those in `also`: it gives no orders to a terminal.

    >>> print(printable("a\x1b[31m\nb"))
    a\x1b[31m\nb
    """
    return _CONTROLS.sub(lambda match: match[0] if match[0] in also else repr(match[0])[1:-1], text)


def shortened(text: str, most: int) -> str:
    """A text of at most this length; of a longer one the begin and the end, which often holds the remedy.

    >>> shortened("a" * 50 + "b" * 50, 20)
    'aaaaaaaaaaa ... bbbb'
    """
    last = most // 5
    return text if len(text) <= most else f"{text[: most - last - 5]} ... {text[len(text) - last :]}"


@dataclass(frozen=True)
class Advice:
    """A setting that would help: its name, a value for it, and the hint for Python; the command words its own hints."""

    setting: str
    value: object
    python: str


class SymfoldError(Exception):
    """Every error that symfold raises on purpose; catch this one to catch them all.

    >>> error = InvalidValue("the depth n is a symbol", Advice("depth", 10, "give it a number: net.at(n=10)"))
    >>> print(error)
    the depth n is a symbol (give it a number: net.at(n=10))
    >>> error.problem, error.advice[0].setting
    ('the depth n is a symbol', 'depth')
    """

    def __init__(self, problem: str = "", *advice: Advice):
        problem = shortened(printable(str(problem)), LONGEST)
        self.problem, self.advice = problem, advice
        super().__init__(f"{problem} ({' or '.join(each.python for each in advice)})" if advice else problem)


class InvalidValue(SymfoldError, ValueError):
    """A value that is not allowed here."""


class InvalidType(SymfoldError, TypeError):
    """An object of a type that is not allowed here."""


class ShapeError(InvalidValue):
    """Shapes that do not fit together."""


class UnknownName(InvalidValue, AttributeError):
    """A name that is in no table."""


class UnknownKey(SymfoldError, KeyError):
    """A key that is not in a mapping."""

    __str__ = Exception.__str__  # KeyError would put the message in quotes


class OutOfRange(SymfoldError, IndexError):
    """A position beyond the ends of a sequence."""


class NoRule(SymfoldError, NotImplementedError):
    """An operation for which a table has no row."""


class ImpureMapper(InvalidValue):
    """A mapper that is not a pure function of (state, item)."""


class TooLarge(InvalidValue):
    """A result that is larger than the given bound."""


class ParseError(InvalidValue):
    """A typed expression outside the grammar."""


class DataError(InvalidValue):
    """A data table or a saved file that cannot be read or written."""


class SystemFailure(SymfoldError, OSError):
    """A failure of the machine, not a mistake of the user: a full disk, no memory, a program that does not run."""

    def __init__(self, problem: str = "", *advice: Advice):
        SymfoldError.__init__(self, problem, *advice)

    __str__ = Exception.__str__  # OSError would take an advice for its text


class OutOfMemory(SystemFailure, MemoryError):
    """Numbers that do not fit into memory."""


class Diverged(SymfoldError, ArithmeticError):
    """A training run whose loss is no longer finite."""


class GradientError(SymfoldError, ArithmeticError):
    """An adjoint that disagrees with finite differences."""


class MissingPackage(SymfoldError, ModuleNotFoundError):
    """An optional package that is needed but not installed."""


def depth_is_symbolic(symbol: object, *others: Advice, problem: str = "") -> InvalidValue:
    """The error for a depth that must be a number and is still a symbol.

    >>> print(depth_is_symbolic("n"))
    the depth n is a symbol and has no number yet (give it a number: net.at(n=10))
    >>> import sympy as sp
    >>> print(depth_is_symbolic(3 * sp.Symbol("m")))
    the depth 3*m is a symbol and has no number yet (give it a number: net.at(m=10))
    """
    settings = ", ".join(f"{name}=10" for name in sorted(map(str, getattr(symbol, "free_symbols", {symbol}))))
    advice = Advice("depth", 10, f"give it a number: net.at({settings})")
    return InvalidValue(problem or f"the depth {symbol} is a symbol and has no number yet", *others, advice)


def unknown(what: str, name: object, allowed: Iterable[str]) -> UnknownName:
    """The error for a name that is in no table.

    >>> print(unknown("mapper", "resnet", ["residual", "boosting"]))
    unknown mapper: 'resnet' (must be one of 'boosting', 'residual')
    """
    return UnknownName(f"unknown {what}: {name!r} (must be one of {listing(map(repr, sorted(allowed)))})")


def no_name(module: str, name: str, names: Iterable[str], elsewhere: Mapping[str, str] | None = None) -> UnknownName:
    """The error for a name that a public module does not have: it gives the closest name, or lists all of them.

    `elsewhere` gives the spellings of names in other places.

    >>> print(no_name("sf.mappers", "resid", ["residual", "boosting"]))
    sf.mappers has no name 'resid' (did you mean sf.mappers.residual?)
    >>> print(no_name("sf.mappers", "x", ["residual", "boosting"]))
    sf.mappers has no name 'x' (its names: boosting, residual)
    """
    own = {each: f"{module}.{each}" for each in sorted(names)}
    spellings = {**(elsewhere or {}), **own}
    close = get_close_matches(name, spellings, n=1)
    return UnknownName(
        f"{module} has no name {name!r} "
        f"({f'did you mean {spellings[close[0]]}?' if close else 'its names: ' + ', '.join(own)})"
    )


def plural(count: int, noun: str) -> str:
    """A number of things.

    >>> plural(1, "input"), plural(2, "input")
    ('1 input', '2 inputs')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def listing(names: Iterable[str], most: int = 40) -> str:
    """Names for a message, cut short if there are many.

    >>> listing(["a", "b"]), listing(map(str, range(10**6)), 3), listing([])
    ('a, b', '0, 1, 2, ...', 'none')
    """
    shown = list(islice(names, most + 1))
    return ", ".join([*shown[:most], *(["..."] if len(shown) > most else [])]) or "none"


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise no_name("sf.errors", name, __all__)


def __dir__() -> list[str]:
    return __all__
