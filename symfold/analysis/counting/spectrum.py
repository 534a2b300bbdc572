"""Spectrum: the share of paths between two lengths by Fourier inversion, for counts too large to be held exactly.

The polynomial of a net, over its value at 1, is the characteristic function of the number of layers on a path. It is
taken at roots of unity, in floats that carry an exponent of their own, and turned back by one transform.
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
    """An array of numbers times a power of two; so large powers do not overflow."""

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
            return 0  # no way at all, and not a small number: it is left out of products
        other = Scaled.of(other)
        return Scaled(self.values * other.values, self.exponent + other.exponent)

    __radd__, __rmul__ = __add__, __mul__

    def tidied(self) -> Scaled:
        """The same with the largest value near 1."""
        size = int(np.frexp(np.max(np.abs(self.values)))[1])
        return Scaled(self.values * ldexp(1.0, -size), self.exponent + size)


def share(total: Callable[[Any, Callable[[Any], Any]], Any], longest: int, low: int, high: int) -> Estimate:
    """The share of coefficients from `low` to `high` of a polynomial that `total(t, tidy)` evaluates, of degree up to `longest`.

    Every coefficient being 0 or more, no value on the unit circle is larger than that at 1. A rounding error doubles when
    a matrix is squared, so it is of the order of the depth; by Parseval the error of a sum of W coefficients is at most
    sqrt(W) times that of the values.

    >>> share(lambda t, tidy: (t + 1) * (t + 1) * (t + 1), 3, 1, 2)
    0.75 ± 1e-14
    """
    size = longest + 1
    angles = -2 * np.pi * np.arange(size // 2 + 1) / size
    found: list[Any] = []
    for start in range(0, len(angles), CHUNK):
        value = Scaled.of(total(Scaled(np.exp(1j * angles[start : start + CHUNK])), _tidied)).tidied()
        if not found:
            whole = Scaled(value.values[0].real, value.exponent)
        found.append(value.values * ldexp(1.0, max(-2000, value.exponent - whole.exponent)) / whole.values)
    shares = np.fft.irfft(np.concatenate(found), size)
    window = shares[max(0, low) : max(0, high + 1)]
    return Estimate(float(window.sum()), 16 * size * ROUNDING * sqrt(max(1, len(window))))


def _tidied(value: Any) -> Any:
    return value.tidied() if isinstance(value, Scaled) else value
