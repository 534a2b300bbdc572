"""Small values as plain data, and back: sizes, shapes, SymPy's numbers, positions. No text is evaluated.

value ::= null | true | number | text | ["tuple", value, ...] | ["range", start, stop, step] | ["..."]
        | ["rest", name, ...] | ["integer", hex] | ["rational", hex, hex]
        | ["float", hex, exponent, precision] | ["constant", name] | ["size", name]
        | ["symbol", name, assumptions] | [an arithmetic head, value, ...]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from symfold.core.shapes import Rest, positive_integer
from symfold.errors import DataError, NoRule

CONSTANTS: dict[str, sp.Expr] = {
    "pi": sp.pi, "E": sp.E, "EulerGamma": sp.EulerGamma, "Catalan": sp.Catalan, "GoldenRatio": sp.GoldenRatio,
    "oo": sp.oo, "-oo": -sp.oo, "nan": sp.nan, "zoo": sp.zoo,
}  # fmt: skip
_CONSTANT_NAMES = {value: name for name, value in CONSTANTS.items()}

# the operations in sizes
ARITHMETIC: dict[str, Any] = {
    "Add": sp.Add,
    "Mul": sp.Mul,
    "Pow": sp.Pow,
    "floor": sp.floor,
    "ceiling": sp.ceiling,
    "Max": sp.Max,
    "Min": sp.Min,
}

LARGEST_POWER = 64  # exponents in a file, so that reading it never computes a number of a million digits
MOST_BITS = 2**16  # bits of an expression of numbers
LONGEST = 200  # operations in an expression


def encode_value(value: object) -> object:
    """A value as plain data.

    >>> encode_value((sp.Rational(1, 2), Rest(("x",)), range(3)))
    ['tuple', ['rational', '0x1', '0x2'], ['rest', 'x'], ['range', 0, 3, 1]]
    """
    if (
        value is None
        or isinstance(value, (bool, str))
        or (isinstance(value, (int, float)) and not isinstance(value, np.generic))
    ):
        return value
    if isinstance(value, np.generic):
        return encode_value(value.item())
    if isinstance(value, tuple):
        return ["tuple", *map(encode_value, value)]
    if isinstance(value, range):
        return ["range", value.start, value.stop, value.step]
    if value is ...:
        return ["..."]
    if isinstance(value, Rest):
        return ["rest", *value.names]
    if isinstance(value, sp.Expr):
        return _encode_expression(value)
    raise NoRule(
        f"a value of type {type(value).__name__} cannot be saved: {str(value)[:60]} "
        "(numbers, text, tuples and sizes can)"
    )


def _encode_expression(value: sp.Expr) -> list[object]:
    if value in _CONSTANT_NAMES:
        return ["constant", _CONSTANT_NAMES[value]]
    if isinstance(value, sp.Integer):
        return ["integer", hex(int(value))]
    if isinstance(value, sp.Rational):
        return ["rational", hex(int(value.p)), hex(int(value.q))]
    if isinstance(value, sp.Float):
        sign, mantissa, exponent, _ = value._mpf_
        return ["float", hex(-int(mantissa) if sign else int(mantissa)), int(exponent), int(value._prec)]
    if isinstance(value, sp.Symbol) and type(value) is sp.Symbol:
        if value == positive_integer(value.name):
            return ["size", value.name]
        return ["symbol", value.name, dict(sorted(value.assumptions0.items()))]
    name = type(value).__name__
    if ARITHMETIC.get(name) is type(value):
        return [name, *map(_encode_expression, value.args)]
    raise NoRule(
        f"a SymPy {name} cannot be saved: {str(value)[:60]} (numbers, symbols and {', '.join(ARITHMETIC)} can)"
    )


def _float(mantissa: Any, exponent: Any, precision: Any) -> sp.Float:
    digits = int(mantissa, 16)
    if not (0 < int(precision) <= 10_000 and abs(int(exponent)) <= 100_000):
        raise DataError(f"a number of precision {precision} and exponent {exponent} is out of bounds")
    if digits == 0:
        return sp.Float(0.0, precision=int(precision))  # from a mantissa of 0, SymPy makes the integer 0
    return sp.Float((int(digits < 0), abs(digits), int(exponent)), precision=int(precision))


def _symbol(name: Any, assumptions: Any) -> sp.Symbol:
    if not all(flag in (True, False) for flag in assumptions.values()):
        raise DataError(f"symbol {name!r} has assumptions other than true and false: {assumptions!r}")
    return sp.Symbol(_text(name), **assumptions)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise DataError(f"{value!r} is not a name")
    return value


def _constant(name: object) -> sp.Expr:
    if name not in CONSTANTS:
        raise DataError(f"unknown constant: {name!r} (must be one of {', '.join(CONSTANTS)})")
    return CONSTANTS[name]


def _rational(p: Any, q: Any) -> sp.Rational:
    if int(q, 16) == 0:
        raise DataError("a rational number has the denominator 0")
    return sp.Rational(int(p, 16), int(q, 16))


def _check_cheap(data: Any) -> None:
    """Raise unless an expression is short, and each of its parts a number that is quick to compute."""
    operations = _operations(data)
    if operations > LONGEST:
        raise DataError(f"an expression of more than {LONGEST} operations")
    if _bits(data) > MOST_BITS:
        raise DataError(f"an expression of more than {MOST_BITS:,} bits (the largest power read is {LARGEST_POWER})")


def _operations(data: Any) -> int:
    """The number of operations in an expression; those that round count tenfold, as SymPy evaluates what they round."""
    if not isinstance(data, list) or not data or data[0] not in ARITHMETIC:
        return 0
    return (1 if data[0] in ("Add", "Mul", "Pow") else 10) + sum(map(_operations, data[1:]))


def _bits(data: Any) -> float:
    """A bound on the bits of an expression, with 8 for a symbol; infinite if a power is not a small number."""
    if not isinstance(data, list) or not data:
        return 8.0
    kind, *fields = data
    if kind in ("integer", "rational"):
        return 4.0 * max((len(str(digits)) for digits in fields), default=1)
    if kind not in ARITHMETIC:
        return 8.0
    if kind != "Pow":
        sizes = [_bits(field) for field in fields] or [0.0]
        return sum(sizes) if kind == "Mul" else max(sizes) + len(sizes)
    base, exponent = fields
    power = decode_value(exponent, number=True)
    if not power.is_Rational or max(abs(power.p), power.q) > LARGEST_POWER:
        return math.inf
    return _bits(base) * max(1, abs(power.p))


NUMBERS: dict[str, Callable[..., sp.Expr]] = {
    "integer": lambda digits: sp.Integer(int(digits, 16)),
    "rational": _rational,
    "float": _float,
    "constant": _constant,
}
OTHERS: dict[str, Callable[..., Any]] = {
    "tuple": lambda *parts: tuple(map(decode_value, parts)),
    "range": lambda start, stop, step: range(start, stop, step),
    "...": lambda: ...,
    "rest": lambda *names: Rest(tuple(map(_text, names))),
    "size": lambda name: positive_integer(_text(name)),
    "symbol": _symbol,
}


def decode_value(data: Any, number: bool = False, checked: bool = False) -> Any:
    """The value that `encode_value` wrote; with `number`, a number of SymPy, as sqrt(2)/2, or a depth, is required.

    >>> decode_value(encode_value((2, sp.Symbol("n") + 1, sp.Float("0.1"))))
    (2, n + 1, 0.100000000000000)
    """
    if not isinstance(data, list):
        if number or not (data is None or isinstance(data, (bool, str, int, float))):
            raise DataError(f"{data!r} is not a value that a net can hold")
        return data
    if not data or not isinstance(data[0], str):
        raise DataError(f"a value without a kind: {str(data)[:60]}")
    kind, *fields = data
    if kind in NUMBERS:
        return NUMBERS[kind](*fields)
    if kind in OTHERS and (not number or kind == "size"):
        return OTHERS[kind](*fields)
    if kind in ARITHMETIC:
        if not checked:
            _check_cheap(data)
        args = [decode_value(field, number, checked=True) for field in fields]
        if not all(isinstance(arg, sp.Expr) for arg in args):
            raise DataError(f"{kind} of something other than sizes: {args!r}")
        return ARITHMETIC[kind](*args)
    raise DataError(f"unknown kind of value: {kind!r} (must be one of {', '.join((*NUMBERS, *OTHERS, *ARITHMETIC))})")
