"""What can go wrong, each a symfold error that also is the fitting built-in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True)
class Advice:
    """A setting that would help: its name, a value for it, and how that is written in Python. The command words its own options."""

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
        self.problem, self.advice = problem, advice
        super().__init__(f"{problem} ({' or '.join(each.python for each in advice)})" if advice else problem)


class InvalidValue(SymfoldError, ValueError):
    """A value that is not allowed where it was given."""


class InvalidType(SymfoldError, TypeError):
    """An object of a kind that is not allowed where it was given."""


class ShapeError(InvalidValue):
    """Shapes that do not fit together."""


class UnknownName(InvalidValue, AttributeError):
    """A name that is in no table."""


class UnknownKey(SymfoldError, KeyError):
    """A key that a mapping does not hold."""

    __str__ = Exception.__str__  # a KeyError would show the message quoted once more


class OutOfRange(SymfoldError, IndexError):
    """A position beyond the ends of a sequence."""


class NoRule(SymfoldError, NotImplementedError):
    """An operation for which a table has no row."""


class ImpureMapper(InvalidValue):
    """A mapper that is not a pure function of (state, item)."""


class TooLarge(InvalidValue):
    """A result whose size is over the bound that was given."""


class ParseError(InvalidValue):
    """A typed expression outside the grammar."""


class DataError(InvalidValue):
    """A table of data or a saved file that cannot be read as what it should be."""


class Diverged(SymfoldError, ArithmeticError):
    """A training run whose loss stopped being finite."""


class GradientError(SymfoldError, ArithmeticError):
    """An adjoint that disagrees with finite differences."""


class MissingPackage(SymfoldError, ImportError):
    """An optional package that is needed and not installed."""


def depth_is_symbolic(symbol: object, *others: Advice, problem: str = "") -> InvalidValue:
    """The error for a depth that must be a number and is still a symbol.

    >>> print(depth_is_symbolic("n"))
    the depth n is a symbol and has no number yet (give it a number: net.at(n=10))
    >>> import sympy as sp
    >>> print(depth_is_symbolic(3 * sp.Symbol("m")))
    the depth 3*m is a symbol and has no number yet (give it a number: net.at(m=10))
    """
    named = ", ".join(f"{one}=10" for one in sorted(map(str, getattr(symbol, "free_symbols", {symbol}))))
    advice = Advice("depth", 10, f"give it a number: net.at({named})")
    return InvalidValue(problem or f"the depth {symbol} is a symbol and has no number yet", *others, advice)


def unknown(what: str, given: object, allowed: Iterable[str]) -> UnknownName:
    """The error for a name that is in no table.

    >>> print(unknown("mapper", "resnet", ["residual", "boosting"]))
    unknown mapper: 'resnet' (must be one of 'boosting', 'residual')
    """
    return UnknownName(f"unknown {what}: {given!r} (must be one of {listing(map(repr, sorted(allowed)))})")


def listing(names: Iterable[str], most: int = 40) -> str:
    """Names for a message, of very many the first.

    >>> listing(["a", "b"]), listing(map(str, range(10**6)), 3), listing([])
    ('a, b', '0, 1, 2, ...', 'none')
    """
    shown = list(islice(names, most + 1))
    return ", ".join([*shown[:most], *(["..."] if len(shown) > most else [])]) or "none"
