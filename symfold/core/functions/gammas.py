"""The gamma function and the polygamma functions over an array namespace, for packages whose own lose digits.

They are Taylor polynomials around the multiples of 1/4, with coefficients computed by mpmath; arguments below 1 use a
recurrence, negative ones a reflection. The distance from the multiple is exact, so no digits are lost, as they are in
powers and logarithms of large numbers.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import mpmath
import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.core.arrays import Array, Namespace, whole_numbers

STEP, TERMS, DIGITS = 4, 20, 50  # centers per unit, terms of a polynomial, digits of the coefficients
FIRST, MIDDLE = 4, 4 * 16  # in steps: the first center is 1, the last center of the polygamma functions is 16
# the last center of the gamma function, by bits: its value overflows, and its reciprocal beside a pole underflows
LAST = {64: 186, 32: 48}
# coefficients of sin(pi*r)/(pi*r) in powers of r**2
SINE = [float((-1) ** k * mpmath.pi ** (2 * k) / mpmath.factorial(2 * k + 1)) for k in range(12)]
ORDERS = 6  # the largest order of the polygamma functions


@cache
def gamma_table() -> tuple[NumpyArray, NumpyArray]:
    """The Taylor coefficients of the gamma function around each center, divided by a power of 2; and these powers.

    The power is near the square root of the value, so that neither factor overflows early.
    """
    series: list[list[Any]] = []
    with mpmath.workdps(DIGITS):
        for k in range(FIRST, STEP * LAST[64] + 1):
            center = mpmath.mpf(k) / STEP
            if k < FIRST + STEP:
                digammas = [mpmath.psi(n, center) / mpmath.factorial(n) for n in range(TERMS - 1)]
                terms = [mpmath.gamma(center)]
                for n in range(1, TERMS):  # gamma' = digamma*gamma
                    terms.append(sum(digammas[j] * terms[n - 1 - j] for j in range(n)) / n)
            else:  # gamma(c + 1 + t) = (c + t)*gamma(c + t)
                previous = series[-STEP]
                terms = [(center - 1) * previous[n] + (previous[n - 1] if n else 0) for n in range(TERMS)]
            series.append(terms)
        powers = [mpmath.mpf(2) ** (int(mpmath.log(terms[0], 2)) // 2) for terms in series]
        parts = [[float(term / power) for term in terms] for terms, power in zip(series, powers, strict=True)]
    return np.array(parts).T, np.array(powers, dtype=float)


@cache
def polygamma_table(order: int) -> Any:
    """The Taylor coefficients of a polygamma function around each center up to 16."""
    orders, rows = range(order, order + TERMS + order), {}
    with mpmath.workdps(DIGITS):
        for k in range(MIDDLE, FIRST - 1, -1):
            center = mpmath.mpf(k) / STEP
            if k > MIDDLE - STEP:
                rows[k] = [mpmath.psi(n, center) for n in orders]
            else:  # psi(n, c + 1) = psi(n, c) + (-1)**n*n!/c**(n + 1)
                rows[k] = [
                    following - (-1) ** n * mpmath.factorial(n) / center ** (n + 1)
                    for n, following in zip(orders, rows[k + STEP], strict=True)
                ]
        return np.array(
            [[float(value / mpmath.factorial(j)) for j, value in enumerate(rows[k])] for k in sorted(rows)]
        ).T


@cache
def far_terms(order: int) -> list[float]:
    """The coefficients of 1/z**(order + 2), 1/z**(order + 4), ... in the asymptotic series, up to the sign."""
    return [
        float(mpmath.bernoulli(2 * k) * mpmath.factorial(2 * k + order - 1) / mpmath.factorial(2 * k))
        for k in range(1, 8 + order)
    ]


def around(xp: Namespace, x: object, last: int) -> tuple[Any, Any]:
    """The number of the nearest center, and the distance from it."""
    near = xp.clip(xp.round(xp.where(xp.isnan(x), 1.0, x) * STEP), FIRST, last)
    return whole_numbers(near - FIRST), x - near / STEP


def entries(xp: Namespace, table: NumpyArray, place: Array, like: Array) -> Array:
    """The entries of a table at these places, in the type of an array; infinite if the type cannot hold them."""
    with np.errstate(over="ignore"):
        converted = table.astype(str(like.dtype).rpartition(".")[2])
    return (like.new_tensor(converted) if hasattr(like, "new_tensor") else xp.asarray(converted))[place]


def polynomial(xp: Namespace, table: NumpyArray, place: Array, t: Array) -> Any:
    """The polynomials of these centers, at distance t."""
    value = entries(xp, table[-1], place, t)
    for row in table[-2::-1]:
        value = value * t + entries(xp, row, place, t)
    return value


def turns(xp: Namespace, x: object) -> tuple[Any, Any]:
    """sin(pi*x)/pi and cos(pi*x), accurate near their zeros."""
    near = xp.round(x)
    r = x - near
    square, sine = r * r, SINE[-1] + 0.0 * r
    for coefficient in SINE[-2::-1]:
        sine = sine * square + coefficient
    sign = 1.0 - 2.0 * xp.abs(near - 2.0 * xp.round(near / 2.0))
    return sign * r * sine, sign * xp.sin(np.pi * (0.5 - xp.abs(r)))


def is_pole(xp: Namespace, z: Array) -> Any:
    """Whether z is a pole: a whole number below 1, or -oo."""
    return (z <= 0) & ((z == xp.floor(z)) | xp.isinf(z))


def gamma(xp: Namespace, z: Array) -> Array:
    """The gamma function; infinite at 0, NaN at the other poles."""
    z = z if hasattr(z, "dtype") else xp.asarray(z)
    size, below = xp.where(z == 0, 1.0, xp.abs(z)), z < 0
    low = size < 1.0
    table, powers = gamma_table()
    last = LAST[xp.finfo(z.dtype).bits]
    place, t = around(xp, xp.where(low, 1.0 + size, xp.where(size > last, 1.0 * last, size)), STEP * last)
    # their product is gamma(|z|), or gamma(1 + |z|)
    part, power = polynomial(xp, table, place, t), entries(xp, powers, place, t)
    value = part * power / xp.where(low, size, 1.0)
    sine, _ = turns(xp, xp.where(below & ~is_pole(xp, z), xp.where(size > 1e6, 0.5, size), 0.5))
    reflected = -1.0 / part / sine / power / xp.where(low, 1.0, size)
    value = xp.where(xp.isnan(z), z, xp.where(below, reflected, value))
    return xp.where(
        z == 0, 1.0 / xp.where(z == 0, z, 1.0), xp.where(is_pole(xp, z), xp.nan, xp.where(z == xp.inf, xp.inf, value))
    )


def polygamma(xp: Namespace, order: int, z: Array) -> Any:
    """The polygamma functions: digamma for order 0, and its derivatives up to order 6."""
    z = z if hasattr(z, "dtype") else xp.asarray(z)
    size, below, sign = xp.where(is_pole(xp, z), 0.5, xp.abs(z)), z < 0, (-1.0) ** (order + 1)
    low, far = size < 1.0, xp.where(size > 16.0, size, 16.0)
    place, t = around(xp, xp.where(low, 1.0 + size, xp.where(size > 16.0, 16.0, size)), MIDDLE)
    near = polynomial(xp, polygamma_table(order), place, t)  # of |z|, or 1 + |z|
    inverse, tail = 1.0 / far, 0.0 * far
    for coefficient in reversed(far_terms(order)):
        tail = (tail + coefficient) * inverse * inverse
    first = math.factorial(order - 1) if order else xp.log(far)
    sum_far = tail + math.factorial(order) / 2.0 * inverse
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
    """The coefficients of a derivative of the cotangent as a polynomial in the cotangent, the constant first.

    >>> cotangents(1), cotangents(2)
    ([-1, 0, -1], [0, 2, 0, 2])
    """
    terms = [0, 1]
    for _ in range(order):
        slopes = [k * term for k, term in enumerate(terms)][1:]
        terms = [-(a + b) for a, b in zip([*slopes, 0, 0], [0, 0, *slopes], strict=True)]
    return terms
