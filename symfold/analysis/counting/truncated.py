"""Truncated: a polynomial about a point up to an order, exactly, by integers alone.

The value, the mean and the variance of a polynomial's exponents take its value and two derivatives at a point, and no
more of it. What whole numbers and fractions give is a whole number over a power of one denominator: sums and products of
such numbers need no greatest common divisor, which of long numbers would take far longer than the products.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import Any

from symfold.large import coprime

SHORT = 1 << 64  # numbers up to this are taken to lower terms: so that weights that add up to one are one


@dataclass(frozen=True, eq=False)
class Truncated:
    """c_0 + c_1 s + c_2 s**2 + ..., the coefficients over base**exponent; higher powers of s are dropped."""

    parts: tuple[int, ...]
    base: int = 1
    exponent: int = 0

    @classmethod
    def about(cls, point: Fraction, order: int) -> Truncated:
        """t = point + s.

        >>> t = Truncated.about(Fraction(1, 2), 2)
        >>> (t * t + t * Fraction(1, 3)).fractions
        [Fraction(5, 12), Fraction(4, 3), Fraction(1, 1)]
        """
        return cls((point.numerator, point.denominator, *[0] * order)[: order + 1], point.denominator, 1)

    @classmethod
    def number(cls, value: Fraction, order: int) -> Truncated:
        return cls((value.numerator, *[0] * order), value.denominator, 1)

    @property
    def fractions(self) -> list[Fraction]:
        """The coefficients."""
        return [_fraction(part, self.base, self.exponent) for part in self.parts]

    def _over(self, base: int, exponent: int) -> tuple[int, ...]:
        """The whole numbers that the coefficients are over another denominator."""
        factor = (base // self.base) ** self.exponent * base ** (exponent - self.exponent)
        return self.parts if factor == 1 else tuple(part * factor for part in self.parts)

    def __add__(self, other: Any) -> Truncated:
        other = self._like(other)
        base, exponent = lcm(self.base, other.base), max(self.exponent, other.exponent)
        return _lowest(tuple(a + b for a, b in zip(self._over(base, exponent), other._over(base, exponent), strict=True)), base, exponent)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, int) and other == 0:
            return 0  # no way at all: it is left out of products
        if isinstance(other, int) and other == 1:
            return self
        other = self._like(other)
        base = lcm(self.base, other.base)
        a, b = self._over(base, self.exponent), other._over(base, other.exponent)
        products = tuple(sum(a[i] * b[k - i] for i in range(k + 1) if a[i] and b[k - i]) for k in range(len(a)))
        return _lowest(products, base, self.exponent + other.exponent)

    __radd__, __rmul__ = __add__, __mul__

    def _like(self, other: Any) -> Truncated:
        return other if isinstance(other, Truncated) else Truncated.number(Fraction(other), len(self.parts) - 1)


def _lowest(parts: tuple[int, ...], base: int, exponent: int) -> Truncated:
    while exponent and all(-SHORT < part < SHORT and part % base == 0 for part in parts):
        parts, exponent = tuple(part // base for part in parts), exponent - 1
    return Truncated(parts, base, exponent)


def _fraction(part: int, base: int, exponent: int) -> Fraction:
    """part / base**exponent, a greatest common divisor of long numbers looked for only where there may be one."""
    below = base**exponent
    if part and base & (base - 1) == 0:  # a power of two
        shared = min((part & -part).bit_length(), below.bit_length()) - 1
        return coprime(part >> shared, below >> shared)
    return coprime(part, below) if gcd(part, base) == 1 else Fraction(part, below)
