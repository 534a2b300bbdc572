"""Big numbers: integers and fractions that print at any length, as powers or by their size.

Python refuses to print integers of more than 4300 digits; 2**1000000, the number of paths through as many residual
layers, has 301030.
"""

from __future__ import annotations

import numbers
from fractions import Fraction
from math import log, log2, log10
from typing import Any

import sympy as sp

from symfold.errors import Advice, TooLarge

LONG = 13_000  # bits: a little less than 4000 digits
BASES = range(2, 1000)  # a power of one of these is printed as such
PRIME = (1 << 61) - 1  # remainders by it distinguish most powers cheaply
MOST_BITS = 1 << 30  # of a number: 128 MB
MOST_WORK = 4e10  # of a product, in the steps of Karatsuba's method: about two seconds


def is_long(value: object) -> bool:
    """Whether a number has too many digits to be written out."""
    if isinstance(value, int):
        return value.bit_length() > LONG
    return isinstance(value, numbers.Rational) and (is_long(int(value.numerator)) or is_long(int(value.denominator)))


def written(value: int) -> str:
    """An integer as text: a long one as a power, or else by its size.

    >>> written(12345), written(7 ** 10**6), written(-(2 ** 10**6)), written(7 ** 10**6 + 1)
    ('12345', '7**1000000', '-2**1000000', 'about 10**845098')
    """
    if not is_long(value):
        return int.__repr__(value)
    about, base, exponent = _power(abs(value))
    return f"{about}{'-' if value < 0 else ''}{base}**{exponent}"


def _power(size: int) -> tuple[str, int, int]:
    """A long number as a power, `("", base, exponent)`; else as `("about ", 10, exponent)`."""
    remainder = size % PRIME
    for base in BASES:
        exponent = round(log(size) / log(base))
        if pow(base, exponent, PRIME) == remainder and power_of(base, exponent) == size:
            return "", base, exponent
    return "about ", 10, magnitude(size)


def power_of(base: int, exponent: int) -> int:
    """A power of an integer; factors of 2 are shifted in. One that would take too long is refused beforehand.

    >>> power_of(3, 10**12)
    Traceback (most recent call last):
    symfold.errors.TooLarge: the number 3**1000000000000 is too long to be computed (take a smaller depth, ...
    """
    odd, twos = _without_twos(base)
    half = log2(abs(odd) or 1) * exponent / 2  # the last product is a square
    if half + twos * exponent > LONG:
        _check(f"{_short(base)}**{exponent}", 2 * half + twos * exponent, half, half)
    return odd**exponent << twos * exponent


def product_of(a: int, b: int) -> int:
    """A product of integers; factors of 2 are shifted in. One that would take too long is refused beforehand."""
    bits = a.bit_length() + b.bit_length()
    if bits <= LONG or (min(a.bit_length(), b.bit_length()) <= 64 and bits <= MOST_BITS):
        return a * b
    (left, i), (right, j) = _without_twos(a), _without_twos(b)
    _check(f"{_short(a)} * {_short(b)}", bits, left.bit_length(), right.bit_length())
    return left * right << i + j


def _without_twos(number: int) -> tuple[int, int]:
    """A number as an odd one (or 0) and the number of its factors of 2."""
    twos = max((number & -number).bit_length() - 1, 0)
    return number >> twos, twos


def _check(number: str, bits: float, left: float, right: float) -> None:
    """Raise an error if a number has too many bits, or its last product, of factors of these lengths, takes long."""
    if bits > MOST_BITS or max(left, right) * min(left, right) ** 0.585 > MOST_WORK:
        raise TooLarge(
            f"the number {number} is too long to be computed",
            Advice("depth", "n", 'take a smaller depth, or a symbol for it: sf.layers("f", count="n")'),
        )


def _short(value: int) -> str:
    return str(value) if value.bit_length() <= 64 else f"(about 10**{magnitude(abs(value))})"


def magnitude(value: int) -> int:
    """The decimal logarithm of a number from 1 up, rounded."""
    return round(log10(value))


class Whole(int):
    """An integer that prints at any length."""

    def __repr__(self) -> str:
        return written(int(self))

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return written(int(self)) if is_long(self) else int.__format__(self, spec)


class Quotient(Fraction):
    """A fraction that prints at any length."""

    def __repr__(self) -> str:
        return f"Fraction({written(self.numerator)}, {written(self.denominator)})"

    def __str__(self) -> str:
        return (
            written(self.numerator)
            if self.denominator == 1
            else f"{written(self.numerator)}/{written(self.denominator)}"
        )

    def __format__(self, spec: str) -> str:
        return str(self) if is_long(self) else super().__format__(spec)


def legible(value: object) -> Any:
    """The same number, printable at any length.

    >>> legible(3), legible(2 ** 10**6), legible(Fraction(1, 2 ** 10**6)), legible(2 ** 10**6) == 2 ** 10**6
    (3, 2**1000000, Fraction(1, 2**1000000), True)
    """
    if not is_long(value) or isinstance(value, sp.Basic):
        return value
    return Whole(value) if isinstance(value, int) else Quotient(value) if isinstance(value, Fraction) else value


def printable(expression: object) -> sp.Expr:
    """A SymPy expression for printing only: long numbers become powers of symbols, so that nothing multiplies them out.

    >>> x = sp.Symbol("x")
    >>> print(printable(x**2 + 2 ** 10**6 * x), "|", printable(sp.Pow(sp.Rational(1, 3), 10**6, evaluate=False) + x))
    2**1000000*x + x**2 | x + 3**(-1000000)
    """
    if not isinstance(expression, (sp.Basic, sp.MatrixBase)):
        return expression
    parts = {
        number: _symbolic(number.p) / _symbolic(number.q) for number in expression.atoms(sp.Rational) if is_long(number)
    }
    for power in expression.atoms(sp.Pow):
        if power.base.is_Rational and power.exp.is_Integer:  # an unevaluated power
            parts[power] = (_base(power.base.p) / _base(power.base.q)) ** power.exp
    return expression.xreplace(parts) if parts else expression


def _symbolic(number: int) -> sp.Expr:
    if not is_long(number):
        return sp.Integer(number)
    about, base, exponent = _power(abs(number))
    return sp.sign(number) * sp.Symbol(f"{about}{base}", positive=True) ** exponent


def _base(number: int) -> sp.Expr:
    return sp.sign(number) * sp.Symbol(str(abs(number)), positive=True) if abs(number) != 1 else sp.Integer(number)


class _Coprime:
    """A numerator and a denominator without a common divisor."""

    def __init__(self, numerator: int, denominator: int):
        self.numerator, self.denominator = numerator, denominator


numbers.Rational.register(_Coprime)


def coprime(numerator: int, denominator: int) -> Fraction:
    """The fraction of two coprime numbers, without the search for a common divisor, which is slow for long numbers.

    >>> coprime(3, 4)
    Fraction(3, 4)
    """
    return Fraction(_Coprime(numerator, denominator))  # type: ignore[call-overload]
