"""The gamma function and its derivatives over an array namespace, for packages whose own lose digits.

Around each multiple of 1/4 stands a polynomial, whose coefficients mpmath computes; a recurrence leads there from
below 1, a reflection from below 0. The distance from the multiple is exact, so nothing is lost where powers and
logarithms of large numbers lose digits.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import mpmath
import numpy as np

from symfold.core.arrays import whole_numbers

STEP, TERMS, DIGITS = 4, 20, 50
FIRST, MIDDLE = 4, 4 * 16  # the first centre is 1, the last of the polygamma functions 16
LAST = {
    64: 186,
    32: 48,
}  # the last of the gamma function, by bits: beyond all numbers, and so is its reciprocal beside a pole
SINE = [
    float((-1) ** k * mpmath.pi ** (2 * k) / mpmath.factorial(2 * k + 1)) for k in range(12)
]  # sin(pi*r)/(pi*r) by r**2
ORDERS = 6  # of the polygamma functions, the largest


@cache
def gamma_table() -> tuple[Any, Any]:
    """The Taylor coefficients of the gamma function around each centre, over a power of 2; and these powers.

    The power is near the root of the value, so that neither part overflows early.
    """
    series: list[list[Any]] = []
    with mpmath.workdps(DIGITS):
        for k in range(FIRST, STEP * LAST[64] + 1):
            centre = mpmath.mpf(k) / STEP
            if k < FIRST + STEP:
                logs = [mpmath.psi(n, centre) / mpmath.factorial(n) for n in range(TERMS - 1)]
                terms = [mpmath.gamma(centre)]
                for n in range(1, TERMS):  # gamma' = digamma*gamma
                    terms.append(sum(logs[j] * terms[n - 1 - j] for j in range(n)) / n)
            else:  # gamma(c + 1 + t) = (c + t)*gamma(c + t)
                before = series[-STEP]
                terms = [(centre - 1) * before[n] + (before[n - 1] if n else 0) for n in range(TERMS)]
            series.append(terms)
        powers = [mpmath.mpf(2) ** (int(mpmath.log(terms[0], 2)) // 2) for terms in series]
        parts = [[float(term / power) for term in terms] for terms, power in zip(series, powers, strict=True)]
    return np.array(parts).T, np.array(powers, dtype=float)


@cache
def polygamma_table(order: int) -> Any:
    """The Taylor coefficients of a polygamma function around each centre up to 16."""
    orders, rows = range(order, order + TERMS + order), {}
    with mpmath.workdps(DIGITS):
        for k in range(MIDDLE, FIRST - 1, -1):
            centre = mpmath.mpf(k) / STEP
            if k > MIDDLE - STEP:
                rows[k] = [mpmath.psi(n, centre) for n in orders]
            else:  # psi(n, c + 1) = psi(n, c) + (-1)**n*n!/c**(n + 1)
                rows[k] = [
                    after - (-1) ** n * mpmath.factorial(n) / centre ** (n + 1)
                    for n, after in zip(orders, rows[k + STEP], strict=True)
                ]
        return np.array(
            [[float(value / mpmath.factorial(j)) for j, value in enumerate(rows[k])] for k in sorted(rows)]
        ).T


@cache
def far_terms(order: int) -> list[float]:
    """The coefficients of 1/z**(order + 2), 1/z**(order + 4), ... far out, all but the sign that the order gives."""
    return [
        float(mpmath.bernoulli(2 * k) * mpmath.factorial(2 * k + order - 1) / mpmath.factorial(2 * k))
        for k in range(1, 8 + order)
    ]


def around(xp: Any, x: Any, last: int) -> tuple[Any, Any]:
    """The number of the nearest centre, and the distance from it."""
    near = xp.clip(xp.round(xp.where(xp.isnan(x), 1.0, x) * STEP), FIRST, last)
    return whole_numbers(near - FIRST), x - near / STEP


def entries(xp: Any, table: Any, place: Any, like: Any) -> Any:
    """The entries of a table at places; what a number type cannot hold is infinite there."""
    with np.errstate(over="ignore"):
        held = table.astype(str(like.dtype).rpartition(".")[2])
    return (like.new_tensor(held) if hasattr(like, "new_tensor") else xp.asarray(held))[place]


def polynomial(xp: Any, table: Any, place: Any, t: Any) -> Any:
    """The polynomials at places, each at its distance."""
    value = entries(xp, table[-1], place, t)
    for row in table[-2::-1]:
        value = value * t + entries(xp, row, place, t)
    return value


def turns(xp: Any, x: Any) -> tuple[Any, Any]:
    """sin(pi*x)/pi and cos(pi*x), accurate near their zeros."""
    near = xp.round(x)
    r = x - near
    square, sine = r * r, SINE[-1] + 0.0 * r
    for coefficient in SINE[-2::-1]:
        sine = sine * square + coefficient
    sign = 1.0 - 2.0 * xp.abs(near - 2.0 * xp.round(near / 2.0))
    return sign * r * sine, sign * xp.sin(np.pi * (0.5 - xp.abs(r)))


def is_pole(xp: Any, z: Any) -> Any:
    """Whether the functions have no value: at whole numbers below 1, and at -oo."""
    return (z <= 0) & ((z == xp.floor(z)) | xp.isinf(z))


def gamma(xp: Any, z: Any) -> Any:
    """The gamma function; at 0 it is infinite, at its other poles not a number."""
    z = z if hasattr(z, "dtype") else xp.asarray(z)
    size, below = xp.where(z == 0, 1.0, xp.abs(z)), z < 0
    low = size < 1.0
    table, powers = gamma_table()
    last = LAST[xp.finfo(z.dtype).bits]
    place, t = around(xp, xp.where(low, 1.0 + size, xp.where(size > last, 1.0 * last, size)), STEP * last)
    part, power = (
        polynomial(xp, table, place, t),
        entries(xp, powers, place, t),
    )  # their product is gamma(|z|), or gamma(1 + |z|)
    value = part * power / xp.where(low, size, 1.0)
    sine, _ = turns(xp, xp.where(below & ~is_pole(xp, z), xp.where(size > 1e6, 0.5, size), 0.5))
    reflected = -1.0 / part / sine / power / xp.where(low, 1.0, size)
    value = xp.where(xp.isnan(z), z, xp.where(below, reflected, value))
    return xp.where(
        z == 0, 1.0 / xp.where(z == 0, z, 1.0), xp.where(is_pole(xp, z), xp.nan, xp.where(z == xp.inf, xp.inf, value))
    )


def polygamma(xp: Any, order: int, z: Any) -> Any:
    """The slopes of the logarithm of the gamma function: digamma for order 0, and its derivatives up to order 6."""
    z = z if hasattr(z, "dtype") else xp.asarray(z)
    size, below, sign = xp.where(is_pole(xp, z), 0.5, xp.abs(z)), z < 0, (-1.0) ** (order + 1)
    low, far = size < 1.0, xp.where(size > 16.0, size, 16.0)
    place, t = around(xp, xp.where(low, 1.0 + size, xp.where(size > 16.0, 16.0, size)), MIDDLE)
    near = polynomial(xp, polygamma_table(order), place, t)  # of |z|, or 1 + |z|
    inverse, rest = 1.0 / far, 0.0 * far
    for coefficient in reversed(far_terms(order)):
        rest = (rest + coefficient) * inverse * inverse
    first = math.factorial(order - 1) if order else xp.log(far)
    sum_far = rest + math.factorial(order) / 2.0 * inverse
    value = xp.where(size > 16.0, (first + sum_far if order else sum_far - first) * inverse**order * sign, near)
    step = sign * math.factorial(order) / size ** (order + 1)  # psi(n, z) - psi(n, z + 1)
    sine, cosine = turns(xp, xp.where(below & ~is_pole(xp, z), xp.where(size > 1e6, 0.5, z), 0.5))
    ratio, bend = cosine / (sine * np.pi), 0.0
    for term in reversed(cotangents(order)):
        bend = bend * ratio + term
    beyond = xp.where(low, value, value - step)  # of 1 + |z|
    reflected = -sign * beyond - np.pi ** (order + 1) * bend
    return xp.where(is_pole(xp, z), xp.nan, xp.where(below, reflected, xp.where(low, value + step, value)))


def cotangents(order: int) -> list[int]:
    """A derivative of the cotangent as a polynomial in the cotangent, the constant first.

    >>> cotangents(1), cotangents(2)
    ([-1, 0, -1], [0, 2, 0, 2])
    """
    terms = [0, 1]
    for _ in range(order):
        slopes = [k * term for k, term in enumerate(terms)][1:]
        terms = [-(a + b) for a, b in zip([*slopes, 0, 0], [0, 0, *slopes], strict=True)]
    return terms
