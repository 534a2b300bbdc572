"""Arguments: checked and converted to numbers, arrays, lists and names, or refused with an error that quotes them."""

from __future__ import annotations

import inspect
import math
import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from fractions import Fraction
from numbers import Number, Real
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import sympy as sp

from symfold.errors import (
    InvalidType,
    InvalidValue,
    OutOfRange,
    UnknownName,
    closest,
    listing,
    printable,
    unknown,
    without_address,
)

NumpyArray: TypeAlias = np.ndarray[Any, Any]


def quoted(value: object, most: int = 60) -> str:
    """The repr of a value, on one line, without its address, and cut short.

    >>> quoted(list(range(1000)), 20)
    '[0, 1, 2, 3, 4, 5...'
    """
    text = without_address(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def whole(what: str, value: Any, least: int | None = 0, others: str = "") -> int:
    """A whole number from Python, NumPy or SymPy; True and False are refused. `others` says what else is allowed.

    >>> whole("epochs", np.int64(3), 1)
    3
    >>> whole("epochs", 2.5, 1)
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidType: epochs=2.5 must be a whole number, at least 1 (got a float; int() makes a whole number of one)
    """
    wanted = f"a whole number{'' if least is None else f', at least {least}'}{others}"
    try:
        if isinstance(value, (bool, np.bool_, np.ndarray, type)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        hint = "; int() makes a whole number of one" if isinstance(value, Real) and not isinstance(value, bool) else ""
        raise InvalidType(f"{what}={quoted(value)} must be {wanted} (got a {type(value).__name__}{hint})") from None
    if least is not None and number < least:
        raise InvalidValue(f"{what}={quoted(value)} must be {wanted}")
    return number


def place_of(what: str, index: Any, length: int, hint: str = "") -> int | range:
    """The position of an index in a sequence, counted from 0; the positions of a slice."""
    try:
        if isinstance(index, slice):
            return range(length)[index]
        place = operator.index(index)
    except (TypeError, ValueError):
        raise InvalidType(
            f"{quoted(index)} is not an index of {what}s (give a whole number, as [0], or a slice, as [1:3]{hint})"
        ) from None
    if not -length <= place < length:
        raise OutOfRange(f"{what} {place} of {length} (must be from 0 to {length - 1})")
    return place % length


def real(what: str, value: object, above: float = -math.inf) -> Any:
    """A finite number above a bound, unchanged."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise InvalidType(f"{what}={quoted(value)} is not a number, but a {type(value).__name__} (give a number)")
    if not above < float(value) < math.inf:
        raise InvalidValue(f"{what}={quoted(value)} is not a {'positive' if above == 0 else 'finite'} number")
    return value


def algebraic(what: str, value: object) -> sp.Expr:
    """A number or a SymPy expression, as a SymPy expression; strings are refused, since SymPy would evaluate them.

    >>> algebraic("g", 0.5), algebraic("g", sp.Symbol("g"))
    (0.500000000000000, g)
    """
    if isinstance(value, sp.Expr):
        return value
    if not isinstance(value, Number) or isinstance(value, bool):
        raise InvalidType(
            f"{what}={quoted(value)} is neither a number nor a SymPy expression, but a {type(value).__name__} "
            f"(a symbol is sympy.Symbol('{what}'))"
        )
    return sp.sympify(value)


def flag(what: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidType(f"{what}={quoted(value)} must be True or False")
    return bool(value)


def one_of(what: str, value: object, allowed: Iterable[str]) -> str:
    """A name that is in a table."""
    if not isinstance(value, str) or value not in allowed:
        raise unknown(what, value, allowed)
    return value


UNITS = {
    f"{prefix}{base}": size ** (k + 1) for base, size in (("B", 1000), ("iB", 1024)) for k, prefix in enumerate("kMGT")
}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kKMGT]?i?B)?\s*")


def bytes_of(what: str, value: object, ways: Sequence[str] = ()) -> int:
    """An amount of memory in bytes: a whole number, or a text such as "256MB" (powers of 1000) or "64MiB" (of 1024).

    >>> bytes_of("remat", "1GB"), bytes_of("remat", "64 KiB"), bytes_of("remat", 500)
    (1000000000, 65536, 500)
    >>> bytes_of("remat", "256M", ["sqrt"])
    Traceback (most recent call last):
    ...
    symfold.errors.UnknownName: remat='256M' is neither 'sqrt' nor an amount of memory (as '256MB', '1GiB', or a number of bytes)
    """
    if not isinstance(value, str):
        return whole(what, value, 1)
    match = _AMOUNT.fullmatch(value)
    unit = match and {"": 1, "B": 1, **UNITS}.get((match[2] or "").replace("K", "k"))
    amount = int(Fraction(match[1]) * unit) if match and unit else 0
    if amount < 1:
        neither = f"neither {listing(map(repr, ways))} nor" if ways else "not"
        raise UnknownName(
            f"{what}={quoted(value)} is {neither} an amount of memory (as '256MB', '1GiB', or a number of bytes)"
        )
    return amount


def two_names(names: object) -> tuple[str, str]:
    r"""Two different names that results print, with control characters escaped.

    >>> two_names(("A", "\x1b[31mB"))
    ('A', '\\x1b[31mB')
    """
    if (
        not isinstance(names, (tuple, list))
        or len(names) != 2
        or not all(isinstance(name, str) and name.strip() for name in names)
    ):
        raise InvalidType(
            f"names={quoted(names)}: a comparison has two names (for instance names=('residual', 'boosting'))"
        )
    first, second = map(printable, names)
    if first == second:
        raise InvalidValue(f"both nets would be called {quoted(first)} (give them two different names)")
    return first, second


def ordered(what: str, value: object, kind: str = "list") -> list[Any]:
    """The entries of an ordered iterable (a list, tuple, generator, or an array along its leading axis), as a list."""
    unordered = isinstance(value, (str, bytes, Mapping, Set, type)) or (
        isinstance(value, np.ndarray) and value.ndim == 0
    )
    if unordered or not isinstance(value, Iterable):
        reason = "; a set has no order" if isinstance(value, Set) else ""
        if isinstance(value, str) and ":" in value:
            reason = f"; layers by name are sf.layers({value!r})"
        raise InvalidType(f"{what}, got {quoted(value)} of type {type(value).__name__} (give a {kind}{reason})")
    return list(value)


def check_named(what: str, kind: str, given: Iterable[str], allowed: Sequence[str]) -> None:
    """Refuse a name that is not allowed; `kind` is what the names name.

    >>> check_named("scale", "fact", {"liner": (0,)}, ["linear", "flat"])
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidType: scale has no fact 'liner' (did you mean 'linear'? its facts: linear, flat)
    """
    for name in given:
        if name not in allowed:
            meant = closest(name, allowed)
            hint = f"did you mean {meant!r}? " if meant else ""
            raise InvalidType(f"{what} has no {kind} {name!r} ({hint}its {kind}s: {listing(allowed)})")


def takes(function: Callable[..., object], *values: object, **named: object) -> bool:
    """Whether a function's signature accepts these arguments; True if the signature is unknown."""
    try:
        inspect.signature(function).bind(*values, **named)
    except TypeError:
        return False
    except ValueError:  # no signature
        pass
    return True


def check_unmasked(what: str, value: object) -> None:
    """Refuse arrays with masked entries, inside lists too: NumPy would read the values under the mask.

    >>> check_unmasked("the value of 'x'", np.ma.array([1.0, 99.0], mask=[False, True]))
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidValue: the value of 'x' has 1 masked entry of 2 (fill in values: array.filled(0.0); or leave them out: array.compressed())
    """
    if isinstance(value, (list, tuple)):
        for part in value:
            check_unmasked(what, part)
    elif isinstance(value, np.ma.MaskedArray) and (masked := int(np.ma.getmaskarray(value).sum())):
        entries = "1 masked entry" if masked == 1 else f"{masked} masked entries"
        raise InvalidValue(
            f"{what} has {entries} of {value.size} "
            "(fill in values: array.filled(0.0); or leave them out: array.compressed())"
        )


def is_plain(value: object) -> TypeGuard[NumpyArray]:
    """Whether a value is an array of real numbers as it stands, of no subclass."""
    return type(value) is np.ndarray and value.dtype.kind in "biuf"


def array_of(what: str, value: object, objects: bool = False) -> NumpyArray:
    """A value as an array of numbers; with `objects`, also as an array of number objects, such as SymPy's.

    >>> array_of("the value of 'x'", ["a"])
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidType: the value of 'x' is not an array of numbers, but of type <U1: ['a'] (give numbers)
    """
    if is_plain(value):
        return value
    check_unmasked(what, value)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:  # RuntimeError: a tensor of PyTorch that needs a gradient
        advice = "rows must be equally long, and all entries numbers"
        if isinstance(error, RuntimeError):
            advice = "gradients of a net are nets: sf.grad; or sf.to_torch makes a module of it"
        raise InvalidType(f"{what} is not an array: {' '.join(str(error).split())} ({advice})") from None
    if objects and array.dtype.kind == "O" and all(isinstance(entry, (Number, sp.Expr)) for entry in array.flat):
        return array
    if array.dtype.kind == "O" and {int} != set(map(type, array.flat)) <= {int, float, Fraction}:
        array = array.astype(float)
    if array.dtype.kind not in "biuf":
        raise InvalidType(
            f"{what} is not an array of numbers, but of type {array.dtype}: {quoted(value)} (give numbers)"
        )
    return array


def check_params(params: object) -> None:
    """Refuse what is no mapping of parameters; the result of a training has one.

    >>> from types import SimpleNamespace
    >>> check_params(SimpleNamespace(params={"w": 1.0}))
    Traceback (most recent call last):
    symfold.errors.InvalidType: params must be a mapping from names to arrays, got a SimpleNamespace (give its .params)
    """
    if has_params(params):
        raise InvalidType(
            f"params must be a mapping from names to arrays, got a {type(params).__name__} (give its .params)"
        )
    if not isinstance(params, Mapping):
        raise InvalidType(f"params must be a mapping from names to arrays, got {quoted(params)} (as net.init() gives)")


def has_params(value: object) -> bool:
    """Whether a value holds parameters, as the result of a training does."""
    return not isinstance(value, Mapping) and isinstance(getattr(value, "params", None), Mapping)


def arrays_of(
    values: Mapping[str, object], wanted: Collection[str], optional: Collection[str] = (), what: str = "input"
) -> dict[str, NumpyArray]:
    """Arrays of numbers by name: all wanted names must be given, and no other names but the optional ones."""
    if has_params(values):
        check_params(values)
    if not isinstance(values, Mapping):
        raise InvalidType(
            f"expected values by name, as {{'x': array}}, got {quoted(values)} of type {type(values).__name__}"
        )
    wanted_names = frozenset(wanted)  # there may be thousands
    for name in values:
        if name not in wanted_names and name not in optional:
            raise unknown(what, name, wanted)
    for name in wanted:
        if name not in values:
            raise InvalidValue(
                f"no value for {what} {name!r} "
                f"(wanted: {listing(map(repr, wanted))}; given: {listing(map(repr, values))})"
            )
    return {
        name: value if is_plain(value) else array_of(f"the value of {name!r}", value) for name, value in values.items()
    }
