"""Spectrum: the share of paths between two lengths by Fourier inversion, if there are too many to count exactly.

The path polynomial over its value at 1 is the characteristic function of the number of layers on a path. It is
evaluated at the roots of unity, in floats with a separate exponent, and inverted by one FFT.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ldexp, sqrt
from typing import Any

import numpy as np

from symfold.analysis.counting.tails import Estimate

MOST_LENGTHS = 4_000_000
CHUNK = 1 << 16
ROUNDING = 2.0**-53


@dataclass(frozen=True, eq=False)
class Scaled:
    """An array times a power of two, so that large powers do not overflow."""

    values: Any
    exponent: int = 0

    @classmethod
    def of(cls, value: Any) -> Scaled:
        if isinstance(value, Scaled):
            return value
        shift = max(0, int(value).bit_length() - 53)
        return cls(float(int(value) >> shift), shift)

    def __add__(self, other: Any) -> Scaled:
        other = Scaled.of(other)
        top = max(self.exponent, other.exponent)
        a, b = (part.values * ldexp(1.0, max(part.exponent - top, -2000)) for part in (self, other))
        return Scaled(a + b, top)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, int) and other == 0:
            return 0  # no path, rather than a small number: products skip it
        other = Scaled.of(other)
        return Scaled(self.values * other.values, self.exponent + other.exponent)

    __radd__, __rmul__ = __add__, __mul__

    def tidied(self) -> Scaled:
        """The same numbers, the largest value scaled to about 1."""
        size = int(np.frexp(np.max(np.abs(self.values)))[1])
        return Scaled(self.values * ldexp(1.0, -size), self.exponent + size)


def share(total: Callable[[Any, Callable[[Any], Any]], Any], longest: int, low: int, high: int) -> Estimate:
    """The share of the coefficients from `low` to `high` of a polynomial of degree `longest`.

    `total(t, tidy)` evaluates it. As no coefficient is negative, no value on the unit circle exceeds that at 1.
    Squaring a matrix doubles the rounding error, which is thus of the order of the depth; by Parseval the error of a
    sum of W coefficients is at most sqrt(W) times that of the values.

    >>> share(lambda t, tidy: (t + 1) * (t + 1) * (t + 1), 3, 1, 2)
    0.75 ± 1e-14
    """
    size = longest + 1
    angles = -2 * np.pi * np.arange(size // 2 + 1) / size
    values: list[Any] = []
    for start in range(0, len(angles), CHUNK):
        value = Scaled.of(total(Scaled(np.exp(1j * angles[start : start + CHUNK])), _tidied)).tidied()
        if not values:
            at_one = Scaled(value.values[0].real, value.exponent)
        values.append(value.values * ldexp(1.0, max(-2000, value.exponent - at_one.exponent)) / at_one.values)
    shares = np.fft.irfft(np.concatenate(values), size)
    window = shares[max(0, low) : max(0, high + 1)]
    return Estimate(float(window.sum()), 16 * size * ROUNDING * sqrt(max(1, len(window))))


def _tidied(value: Any) -> Any:
    return value.tidied() if isinstance(value, Scaled) else value
