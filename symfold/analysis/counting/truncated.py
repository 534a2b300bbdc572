"""Truncated: a polynomial about a point up to an order, exactly, by integers alone.

The value, the mean and the variance of a polynomial's exponents take its value and two derivatives at a point, and no
more of it. What whole numbers and fractions give is a few whole numbers times powers of whole numbers, which are not worked
out: denominators, and what a deep power makes of a value. What is a quotient of two coefficients needs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd, prod
from typing import Any

import sympy as sp

from symfold.base.big_numbers import coprime, power_of

SHORT = 1 << 64  # numbers up to this are taken to lower terms: so that weights that add up to one are one


@dataclass(frozen=True, eq=False)
class Truncated:
    """(c_0 + c_1 s + c_2 s**2 + ...) times the product of root**exponent; higher powers of s are dropped."""

    parts: tuple[int, ...]
    scale: Mapping[int, int] = field(default_factory=dict)  # roots above 1 with exponents other than 0

    @classmethod
    def about(cls, point: Fraction, order: int) -> Truncated:
        """t = point + s.

        >>> t = Truncated.about(Fraction(1, 2), 2)
        >>> (t * t + t * Fraction(1, 3)).fractions
        [Fraction(5, 12), Fraction(4, 3), Fraction(1, 1)]
        """
        return _lowest((point.numerator, point.denominator, *[0] * order)[: order + 1], {point.denominator: -1})

    @classmethod
    def number(cls, value: Fraction, order: int) -> Truncated:
        """A number; the powers of one denominator have one root."""
        root, exponent = sp.perfect_power(value.denominator) or (value.denominator, 1)
        return _lowest((value.numerator, *[0] * order), {int(root): -int(exponent)})

    @property
    def fractions(self) -> list[Fraction]:
        """The coefficients."""
        return [_fraction(part, self.scale) for part in self.parts]

    def __add__(self, other: Any) -> Truncated:
        if isinstance(other, int) and other == 0:
            return self
        other = self._like(other)
        if not any(self.parts) or not any(other.parts):  # nothing is no reason to work out a scale
            return other if any(other.parts) else self
        roots = {**self.scale, **other.scale}
        common = {root: min(self.scale.get(root, 0), other.scale.get(root, 0)) for root in roots}
        return _lowest(tuple(a + b for a, b in zip(self._over(common), other._over(common), strict=True)), common)

    def _over(self, scale: Mapping[int, int]) -> tuple[int, ...]:
        """The coefficients over a scale of lower exponents."""
        factor = prod(power_of(root, self.scale.get(root, 0) - exponent) for root, exponent in scale.items())
        return self.parts if factor == 1 else tuple(part * factor for part in self.parts)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, int) and other == 0:
            return 0  # no way at all: it is left out of products
        if isinstance(other, int) and other == 1:
            return self
        other = self._like(other)
        a, b = self.parts, other.parts
        products = tuple(sum(a[i] * b[k - i] for i in range(k + 1) if a[i] and b[k - i]) for k in range(len(a)))
        return _lowest(
            products,
            {root: self.scale.get(root, 0) + other.scale.get(root, 0) for root in {**self.scale, **other.scale}},
        )

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, exponent: int) -> Truncated:
        """The power of a series by its first coefficient's, which is kept as one (Euler's recurrence, in whole numbers).

        >>> (Truncated.about(Fraction(2), 2) ** 10**6).parts, (Truncated.about(Fraction(0), 2) ** 2).parts
        ((4, 2000000, 499999500000), (0, 0, 1))
        """
        first, *others = self.parts
        lowest = next((k for k, part in enumerate(self.parts) if part), len(self.parts))
        if exponent == 0 or lowest == len(self.parts) or lowest * exponent >= len(self.parts):
            return Truncated((int(exponent == 0), *[0] * len(others)))
        if lowest or exponent <= len(others):
            return self * self ** (exponent - 1)
        found = [1]  # the coefficient of s**k is found[k] * first**(exponent - k)
        for k in range(1, len(self.parts)):
            found.append(
                sum((exponent * i - (k - i)) * self.parts[i] * first ** (i - 1) * found[k - i] for i in range(1, k + 1))
                // k
            )
        rest = exponent - len(others)
        sign = -1 if first < 0 and rest % 2 else 1
        scale = {root: times * exponent for root, times in self.scale.items()}
        scale[abs(first)] = scale.get(abs(first), 0) + rest
        return _lowest(
            tuple(sign * part * first**k for k, part in zip(range(len(others), -1, -1), found, strict=True)), scale
        )

    def _like(self, other: Any) -> Truncated:
        return other if isinstance(other, Truncated) else Truncated.number(Fraction(other), len(self.parts) - 1)


def _lowest(parts: tuple[int, ...], scale: Mapping[int, int]) -> Truncated:
    """Without roots that are nothing, and short denominators as one, in lowest terms."""
    kept = {root: exponent for root, exponent in scale.items() if exponent and root != 1}
    under = {root: -exponent for root, exponent in kept.items() if exponent < 0}
    if (
        under
        and sum(root.bit_length() * exponent for root, exponent in under.items()) <= SHORT.bit_length()
        and all(abs(part) < SHORT for part in parts)
    ):
        below = prod(root**exponent for root, exponent in under.items())
        shared = gcd(below, *parts)
        kept = {root: exponent for root, exponent in kept.items() if exponent > 0}
        if below != shared:
            kept[below // shared] = kept.get(below // shared, 0) - 1
        parts = tuple(part // shared for part in parts)
    return Truncated(parts, kept)


def _fraction(part: int, scale: Mapping[int, int]) -> Fraction:
    """part times powers, a greatest common divisor of long numbers looked for only where there may be one."""
    above = part * prod(power_of(root, exponent) for root, exponent in scale.items() if exponent > 0)
    below = prod(power_of(root, -exponent) for root, exponent in scale.items() if exponent < 0)
    if above and below & (below - 1) == 0:  # a power of two
        shared = min((above & -above).bit_length(), below.bit_length()) - 1
        return coprime(above >> shared, below >> shared)
    under = [root for root, exponent in scale.items() if exponent < 0]
    over = [part, *(root for root, exponent in scale.items() if exponent > 0)]
    return coprime(above, below) if all(gcd(a, b) == 1 for a in over for b in under) else Fraction(above, below)
