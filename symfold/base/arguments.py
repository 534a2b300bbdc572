"""Arguments: what a caller gave, as the number, array, list or name that was wanted, or an error that quotes it."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from numbers import Number, Real
from typing import Any

import numpy as np
import sympy as sp

from symfold.errors import InvalidType, InvalidValue, OutOfRange, listing, unknown


def quoted(value: Any, most: int = 60) -> str:
    """A value as its author may know it again, in one short line.

    >>> quoted(list(range(1000)), 20)
    '[0, 1, 2, 3, 4, 5...'
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= most else f"{text[: most - 3]}..."


def whole(what: str, value: Any, least: int | None = 0) -> int:
    """A whole number, of Python, NumPy or SymPy; True and False are none.

    >>> whole("epochs", np.int64(3), 1)
    3
    >>> whole("epochs", 2.5, 1)
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidType: epochs=2.5 must be a whole number, at least 1 (got a float; int() makes a whole number of one)
    """
    wanted = "a whole number" if least is None else f"a whole number, at least {least}"
    try:
        if isinstance(value, (bool, np.bool_, np.ndarray, type)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        rest = "; int() makes a whole number of one" if isinstance(value, Real) and not isinstance(value, bool) else ""
        raise InvalidType(f"{what}={quoted(value)} must be {wanted} (got a {type(value).__name__}{rest})") from None
    if least is not None and number < least:
        raise InvalidValue(f"{what}={quoted(value)} must be {wanted}")
    return number


def place_of(what: str, index: Any, length: int, hint: str = "") -> int | range:
    """Where in a sequence an index points, from 0 on; for a slice, all the places."""
    try:
        if isinstance(index, slice):
            return range(length)[index]
        place = operator.index(index)
    except (TypeError, ValueError):
        raise InvalidType(
            f"{quoted(index)} is no index of {what}s (give a whole number, as [0], or a slice, as [1:3]{hint})"
        ) from None
    if not -length <= place < length:
        raise OutOfRange(f"{what} {place} of {length} (must be from 0 to {length - 1})")
    return place % length


def real(what: str, value: Any, above: float = -math.inf) -> Any:
    """A finite number above a bound, as it was given."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise InvalidType(f"{what}={quoted(value)} is no number, but a {type(value).__name__} (give a number)")
    if not above < float(value) < math.inf:
        raise InvalidValue(f"{what}={quoted(value)} is no {'positive' if above == 0 else 'finite'} number")
    return value


def algebraic(what: str, value: Any) -> sp.Expr:
    """A number or a SymPy expression, as SymPy's; never a text, which SymPy would evaluate.

    >>> algebraic("g", 0.5), algebraic("g", sp.Symbol("g"))
    (0.500000000000000, g)
    """
    if isinstance(value, sp.Expr):
        return value
    if not isinstance(value, Number) or isinstance(value, bool):
        raise InvalidType(
            f"{what}={quoted(value)} is no number and no SymPy expression, but a {type(value).__name__} (a symbol is sympy.Symbol('{what}'))"
        )
    return sp.sympify(value)


def flag(what: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidType(f"{what}={quoted(value)} must be True or False")
    return bool(value)


def one_of(what: str, given: Any, allowed: Iterable[str]) -> str:
    """A name out of a table."""
    if not isinstance(given, str) or given not in allowed:
        raise unknown(what, given, allowed)
    return given


def ordered(what: str, value: Any, kind: str = "list") -> list[Any]:
    """A list, a tuple, a generator, an array along its leading axis: anything that has an order, as a list."""
    unordered = isinstance(value, (str, bytes, Mapping, Set, type)) or (
        isinstance(value, np.ndarray) and value.ndim == 0
    )
    if unordered or not isinstance(value, Iterable):
        why = "; a set has no order" if isinstance(value, Set) else ""
        raise InvalidType(f"{what}, got {quoted(value)} of type {type(value).__name__} (give a {kind}{why})")
    return list(value)


def takes(function: Callable[..., Any], *values: Any, **named: Any) -> bool:
    """Whether a function can be called with these arguments, as far as Python tells."""
    try:
        inspect.signature(function).bind(*values, **named)
    except TypeError:
        return False
    except ValueError:  # no signature is known
        pass
    return True


def check_unmasked(what: str, value: Any) -> None:
    """Refuse arrays with masked entries, also inside of lists: NumPy would read what lies under the mask.

    >>> check_unmasked("the value of 'x'", np.ma.array([1.0, 99.0], mask=[False, True]))
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidValue: the value of 'x' has 1 masked entry of 2 (fill them: array.filled(0.0); or leave them out: array.compressed())
    """
    if isinstance(value, (list, tuple)):
        for part in value:
            check_unmasked(what, part)
    elif isinstance(value, np.ma.MaskedArray) and (masked := int(np.ma.getmaskarray(value).sum())):
        entries = "1 masked entry" if masked == 1 else f"{masked} masked entries"
        raise InvalidValue(
            f"{what} has {entries} of {value.size} (fill them: array.filled(0.0); or leave them out: array.compressed())"
        )


def array_of(what: str, value: Any, objects: bool = False) -> Any:
    """A value as an array of numbers; of objects too, if those are numbers (of SymPy, say) and wanted.

    >>> array_of("the value of 'x'", ["a"])
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidType: the value of 'x' is no array of numbers, but of type <U1: ['a'] (give numbers)
    """
    check_unmasked(what, value)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise InvalidType(f"{what} is no array: {error} (rows must be equally long, and all entries numbers)") from None
    if objects and array.dtype.kind == "O" and all(isinstance(entry, (Number, sp.Expr)) for entry in array.flat):
        return array
    if array.dtype.kind not in "biuf":
        raise InvalidType(f"{what} is no array of numbers, but of type {array.dtype}: {quoted(value)} (give numbers)")
    return array


def arrays_of(
    given: Mapping[str, Any], wanted: Collection[str], others: Collection[str] = (), what: str = "input"
) -> dict[str, Any]:
    """An array of numbers for every name that is wanted; of names that are not, only these others may stand there."""
    if not isinstance(given, Mapping):
        raise InvalidType(
            f"values by name are wanted, got {quoted(given)} of type {type(given).__name__} (as {{'x': array}})"
        )
    for name in given:
        if name not in wanted and name not in others:
            raise unknown(what, name, wanted)
    for name in wanted:
        if name not in given:
            raise InvalidValue(
                f"no value for {what} {name!r} (wanted: {listing(map(repr, wanted))}; given: {listing(map(repr, given))})"
            )
    return {name: array_of(f"the value of {name!r}", value) for name, value in given.items()}
