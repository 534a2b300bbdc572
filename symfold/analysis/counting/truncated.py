"""Truncated Taylor expansions of a polynomial at a point, exactly, in integers alone.

The value, the mean and the variance of a path polynomial need only its value and two derivatives at a point. These are
a few integers times powers of integers (denominators, leading coefficients of deep powers) that are kept as powers: the
quotient of two coefficients needs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd, prod
from typing import Any

import sympy as sp

from symfold.base.big_numbers import coprime, power_of

SHORT = 1 << 64  # fractions of numbers up to this are reduced, so that weights that add up to 1 are 1


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
        """A number; powers of one denominator share a root."""
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
        if not any(self.parts) or not any(other.parts):  # adding 0 changes no scale
            return other if any(other.parts) else self
        roots = {**self.scale, **other.scale}
        common = {root: min(self.scale.get(root, 0), other.scale.get(root, 0)) for root in roots}
        return _lowest(tuple(a + b for a, b in zip(self._over(common), other._over(common), strict=True)), common)

    def _over(self, scale: Mapping[int, int]) -> tuple[int, ...]:
        """The coefficients relative to a scale of lower exponents."""
        factor = prod(power_of(root, self.scale.get(root, 0) - exponent) for root, exponent in scale.items())
        return self.parts if factor == 1 else tuple(part * factor for part in self.parts)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, int) and other == 0:
            return 0  # no path: products skip it
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
        """A power of the series; that of the first coefficient stays a power (Euler's recurrence, in integers).

        >>> (Truncated.about(Fraction(2), 2) ** 10**6).parts, (Truncated.about(Fraction(0), 2) ** 2).parts
        ((4, 2000000, 499999500000), (0, 0, 1))
        """
        first, *others = self.parts
        lowest = next((k for k, part in enumerate(self.parts) if part), len(self.parts))
        if exponent == 0 or lowest == len(self.parts) or lowest * exponent >= len(self.parts):
            return Truncated((int(exponent == 0), *[0] * len(others)))
        if lowest or exponent <= len(others):
            return self * self ** (exponent - 1)
        relative = [1]  # the coefficient of s**k is relative[k] * first**(exponent - k)
        for k in range(1, len(self.parts)):
            terms = (
                (exponent * i - (k - i)) * self.parts[i] * first ** (i - 1) * relative[k - i] for i in range(1, k + 1)
            )
            relative.append(sum(terms) // k)
        rest = exponent - len(others)
        sign = -1 if first < 0 and rest % 2 else 1
        scale = {root: times * exponent for root, times in self.scale.items()}
        scale[abs(first)] = scale.get(abs(first), 0) + rest
        return _lowest(
            tuple(sign * part * first**k for k, part in zip(range(len(others), -1, -1), relative, strict=True)), scale
        )

    def _like(self, other: Any) -> Truncated:
        return other if isinstance(other, Truncated) else Truncated.number(Fraction(other), len(self.parts) - 1)


def _lowest(parts: tuple[int, ...], scale: Mapping[int, int]) -> Truncated:
    """A series without trivial roots, its short denominators as one, in lowest terms."""
    roots = {root: exponent for root, exponent in scale.items() if exponent and root != 1}
    under = {root: -exponent for root, exponent in roots.items() if exponent < 0}
    if (
        under
        and sum(root.bit_length() * exponent for root, exponent in under.items()) <= SHORT.bit_length()
        and all(abs(part) < SHORT for part in parts)
    ):
        below = prod(root**exponent for root, exponent in under.items())
        shared = gcd(below, *parts)
        roots = {root: exponent for root, exponent in roots.items() if exponent > 0}
        if below != shared:
            roots[below // shared] = roots.get(below // shared, 0) - 1
        parts = tuple(part // shared for part in parts)
    return Truncated(parts, roots)


def _fraction(part: int, scale: Mapping[int, int]) -> Fraction:
    """part times powers, as a fraction; a gcd of long numbers is computed only if it may exceed 1."""
    above = part * prod(power_of(root, exponent) for root, exponent in scale.items() if exponent > 0)
    below = prod(power_of(root, -exponent) for root, exponent in scale.items() if exponent < 0)
    if above and below & (below - 1) == 0:  # a power of two
        shared = min((above & -above).bit_length(), below.bit_length()) - 1
        return coprime(above >> shared, below >> shared)
    under = [root for root, exponent in scale.items() if exponent < 0]
    over = [part, *(root for root, exponent in scale.items() if exponent > 0)]
    return coprime(above, below) if all(gcd(a, b) == 1 for a in over for b in under) else Fraction(above, below)
