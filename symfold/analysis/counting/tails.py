"""Sums of coefficients of a large power of a small polynomial, between two exponents.

A power of two terms gives a sum of hypergeometric terms: binary splitting, one exact division, and the first term by
the prime factors of a binomial. The coefficients of other powers follow Euler's recurrence. If neither is feasible, the
normal distribution is an estimate (the steps are independent), and the Berry-Esseen theorem bounds its error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb, erf, isqrt, log2, prod, sqrt

import numpy as np

MOST_BITS = 3_000_000  # of a sum for a power of two terms: some seconds
MOST_WORK = 40_000_000_000  # bits processed by Euler's recurrence: some seconds
BERRY_ESSEEN = 0.469  # Shevtsova (2013), for sums of independent, identically distributed variables


class Estimate(float):
    """A number with an error bound.

    >>> Estimate(0.5, 0.001)
    0.5 ± 0.001
    """

    error: float

    def __new__(cls, value: float, error: float) -> Estimate:
        self = super().__new__(cls, value)
        self.error = error
        return self

    def __repr__(self) -> str:
        return f"{float(self):.6g} ± {self.error:.1g}"


@dataclass(frozen=True)
class Power:
    """The polynomial first * base**count; both map exponents to coefficients, positive integers."""

    first: Mapping[int, int]
    base: Mapping[int, int]
    count: int

    def share(self, low: int, high: int) -> Fraction | Estimate:
        """The share of the coefficients with exponents from `low` to `high`, both included.

        >>> Power({0: 1}, {0: 1, 1: 1}, 10).share(4, 6) == Fraction(210 + 252 + 210, 1024)
        True
        >>> Power({0: 1}, {0: 1, 1: 1}, 10**12).share(499_999_000_000, 500_000_000_000)
        0.47725 ± 9e-07
        """
        if not self.is_feasible(low, high):
            return self._estimate(low, high)
        total = sum(weight * self._between(low - shift, high - shift) for shift, weight in self.first.items())
        return Fraction(total, sum(self.first.values()) * sum(self.base.values()) ** self.count)

    def is_feasible(self, low: int, high: int) -> bool:
        """Whether the exact share takes no more than some seconds."""
        bits = self.count * log2(max(2, sum(self.base.values())))
        degree = max(self.base) - min(self.base)
        return bits <= MOST_BITS if len(self.base) < 3 else bits * self._steps(low, high) * degree <= MOST_WORK

    def _steps(self, low: int, high: int) -> int:
        """The number of steps of Euler's recurrence, from the nearer end."""
        bottom, top = min(self.base) * self.count, max(self.base) * self.count
        return max(0, min(high - bottom, top + max(self.first) - low))

    def _between(self, low: int, high: int) -> int:
        """The sum of the coefficients of base**count."""
        bottom = min(self.base)
        low, high = low - bottom * self.count, high - bottom * self.count
        coefficients = [self.base.get(bottom + k, 0) for k in range(max(self.base) - bottom + 1)]
        degree = len(coefficients) - 1
        low, high = max(0, low), min(degree * self.count, high)
        if low > high:
            return 0
        if degree == 0:
            return int(coefficients[0] ** self.count)
        if len(self.base) == 2:
            first, last = -(-low // degree), high // degree
            return two_terms(coefficients[0], coefficients[-1], self.count, first, last) if first <= last else 0
        if degree * self.count - low < high:  # the other end is nearer
            return euler(coefficients[::-1], self.count, degree * self.count - high, degree * self.count - low)
        return euler(coefficients, self.count, low, high)

    def _estimate(self, low: int, high: int) -> Estimate:
        total = sum(self.base.values())
        mean = Fraction(sum(k * c for k, c in self.base.items()), total)
        variance = float(sum(c * (k - mean) ** 2 for k, c in self.base.items()) / total)
        third = float(sum(c * abs(k - mean) ** 3 for k, c in self.base.items()) / total)
        deviation = sqrt(variance * self.count)

        def below(edge: Fraction) -> float:
            return (1 + erf(float(edge - mean * self.count) / deviation / sqrt(2))) / 2

        half = Fraction(1, 2)
        parts = ((w, below(high - s + half) - below(low - s - half)) for s, w in self.first.items())
        value = sum(w * part for w, part in parts) / sum(self.first.values())
        return Estimate(value, 2 * BERRY_ESSEEN * third / (variance**1.5 * sqrt(self.count)))


def euler(base: Sequence[int], count: int, low: int, high: int) -> int:
    """The sum of the coefficients from `low` to `high` of a power of a polynomial.

    By k p_0 c_k = sum_j (count j - k + j) p_j c_{k-j}.

    >>> euler([1, 1, 1], 3, 2, 4)  # 1 3 6 7 6 3 1
    19
    """
    degree = len(base) - 1
    recent = [base[0] ** count]
    total = recent[0] if low == 0 else 0
    for k in range(1, high + 1):
        new = sum((count * j - k + j) * base[j] * recent[-j] for j in range(1, min(degree, k) + 1) if base[j]) // (
            k * base[0]
        )
        recent = [*recent[-degree + 1 :], new] if degree > 1 else [new]
        if k >= low:
            total += new
    return total


def two_terms(a: int, b: int, count: int, low: int, high: int) -> int:
    """The sum over k from `low` to `high` of binomial(count, k) a**(count - k) b**k.

    >>> two_terms(2, 3, 5, 1, 2) == 5 * 2**4 * 3 + 10 * 2**3 * 9
    True
    """
    bits = count * (a + b).bit_length() + 1
    twos = _twos(high + 1) - _twos(low) + ((a & -a).bit_length() - 1) * (high + 1 - low)
    mask = (1 << (bits + twos)) - 1  # the sum is an integer below 2**bits: dividing modulo a power of 2 is enough
    _, divisor, relative = _split(count, a, b, low, high + 1, mask)
    scaled = binomial(count, low) * a ** (count - low) * b**low * relative & mask
    return _divided(scaled >> twos, divisor >> twos, bits)


def _twos(number: int) -> int:
    """The exponent of 2 in the factorial of a number (Legendre)."""
    return number - number.bit_count()


def _split(count: int, a: int, b: int, low: int, high: int, mask: int) -> tuple[int, int, int]:
    """The products of numerators and of denominators of the ratios of terms low..high-1, and the sum of these terms."""
    if high - low <= 32:
        above, under, total = 1, 1, 0
        for k in range(low, high):
            ratio, divisor = b * (count - k), a * (k + 1)
            above, under, total = above * ratio, under * divisor, (total + above) * divisor
        return above & mask, under & mask, total & mask
    middle = (low + high) // 2
    a1, u1, t1 = _split(count, a, b, low, middle, mask)
    a2, u2, t2 = _split(count, a, b, middle, high, mask)
    return a1 * a2 & mask, u1 * u2 & mask, (t1 * u2 + a1 * t2) & mask


def _divided(number: int, odd: int, bits: int) -> int:
    """number / odd, an integer below 2**bits: times the inverse modulo 2**bits (Newton; Jebelean 1993)."""
    inverse, precision = odd & 7, 3
    while precision < bits:
        precision = min(2 * precision, bits)
        mask = (1 << precision) - 1
        inverse = inverse * (2 - (odd & mask) * inverse) & mask
    return number * inverse & ((1 << bits) - 1)


def binomial(n: int, k: int) -> int:
    """A binomial coefficient, a large one from its prime factors (Legendre).

    >>> binomial(3000, 1000) == comb(3000, 1000)
    True
    """
    if n < 2000:
        return comb(n, k)
    sieve = np.ones(n + 1, dtype=bool)
    sieve[:2] = False
    for p in range(2, isqrt(n) + 1):
        if sieve[p]:
            sieve[p * p :: p] = False
    parts = []
    for p in np.flatnonzero(sieve).tolist():
        exponent, q = 0, p
        while q <= n:
            exponent += n // q - k // q - (n - k) // q
            q *= p
        if exponent:
            parts.append(p**exponent)
    while len(parts) > 1:
        parts = [prod(parts[j : j + 2]) for j in range(0, len(parts), 2)]
    return int(parts[0]) if parts else 1
