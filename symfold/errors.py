"""What can go wrong, each a symfold error that also is the fitting built-in."""

from __future__ import annotations

from collections.abc import Iterable


class SymfoldError(Exception):
    """Every error that symfold raises on purpose; catch this one to catch them all."""


class InvalidValue(SymfoldError, ValueError):
    """A value that is not allowed where it was given."""


class InvalidType(SymfoldError, TypeError):
    """An object of a kind that is not allowed where it was given."""


class ShapeError(InvalidValue):
    """Shapes that do not fit together."""


class UnknownName(InvalidValue, AttributeError):
    """A name that is in no table."""


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


def unknown(what: str, given: object, allowed: Iterable[str]) -> UnknownName:
    """The error for a name that is in no table.

    >>> print(unknown("mapper", "resnet", ["residual", "boosting"]))
    unknown mapper: 'resnet' (must be one of 'boosting', 'residual')
    """
    names = ", ".join(repr(name) for name in sorted(allowed))
    return UnknownName(f"unknown {what}: {given!r} (must be one of {names})")
