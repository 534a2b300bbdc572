"""Functions whose plain formula loses digits: logarithms and exponentials near 0, hypot, logaddexp, gaussian."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

import symfold.core.functions.heads as h
from symfold.core.arrays import Array, Namespace
from symfold.core.functions.table import Point, function

HALF, LN2, LN10 = sp.Rational(1, 2), sp.log(2), sp.log(10)


def jax_log1p(z: Array) -> Array:
    """log1p by JAX; below -1/4 log(1 + z), since XLA's log1p is off by up to 100 units in the last place there."""
    from jax import numpy as jnp

    return jnp.where(z < -0.25, jnp.log(jnp.where(z < -0.25, 1.0 + z, 1.0)), jnp.log1p(jnp.where(z < -0.25, 0.0, z)))


function(
    h.log1p,
    lambda xp, z: xp.log1p(z),
    numpy=(np.log1p,),
    slopes=(lambda z: 1 / (1 + z),),
    definition=lambda z: sp.log(1 + z),
    spellings={"jax": jax_log1p},
    special=(Point((0,), 0, (1,)), Point((-1,), -sp.oo, (sp.oo,)), Point((sp.oo,), sp.oo, (0,)), Point((-2,), sp.nan)),
)
function(
    h.expm1,
    lambda xp, z: xp.expm1(z),
    numpy=(np.expm1,),
    slopes=(lambda z: sp.exp(z),),
    definition=lambda z: sp.exp(z) - 1,
    special=(Point((0,), 0, (1,)), Point((-sp.oo,), -1, (0,)), Point((sp.oo,), sp.oo, (sp.oo,))),
)
function(
    h.log2,
    lambda xp, z: xp.log2(z),
    numpy=(np.log2,),
    slopes=(lambda z: h.divide(1, LN2 * z),),
    definition=lambda z: sp.log(z) / LN2,
    special=(
        Point((8,), 3, (1 / (8 * LN2),)),
        Point((0,), -sp.oo, (sp.oo,)),
        Point((sp.oo,), sp.oo, (0,)),
        Point((-1,), sp.nan),
    ),
)
function(
    h.log10,
    lambda xp, z: xp.log10(z),
    numpy=(np.log10,),
    slopes=(lambda z: h.divide(1, LN10 * z),),
    definition=lambda z: sp.log(z) / LN10,
    special=(
        Point((1000,), 3, (1 / (1000 * LN10),)),
        Point((0,), -sp.oo, (sp.oo,)),
        Point((sp.oo,), sp.oo, (0,)),
        Point((-1,), sp.nan),
    ),
)


def jax_exp2(z: Array) -> Array:
    """2**z as the power of the nearest whole number times the power of the difference."""
    from jax import numpy as jnp

    near = jnp.round(jnp.clip(z, -2000.0, 2000.0))
    return jnp.ldexp(jnp.exp((z - near) * float(LN2)), jnp.where(jnp.isnan(near), 0.0, near).astype(int))


function(
    h.exp2,
    lambda xp, z: xp.exp2(z),
    numpy=(np.exp2,),
    slopes=(lambda z: LN2 * h.exp2(z),),
    definition=lambda z: 2**z,
    spellings={"jax": jax_exp2},
    special=(Point((3,), 8, (8 * LN2,)), Point((-sp.oo,), 0, (0,)), Point((sp.oo,), sp.oo, (sp.oo,))),
)


def cbrt(xp: Namespace, z: Any) -> Array:
    """The cube root; if the namespace has none, a power corrected by a Newton step."""
    if hasattr(xp, "cbrt"):
        return xp.cbrt(z)
    root = xp.sign(z) * xp.abs(z) ** (1 / 3)
    return root - xp.where((z == 0) | xp.isinf(z), 0.0, (root - z / (root * root)) / 3)


function(
    h.cbrt,
    cbrt,
    numpy=(np.cbrt,),
    slopes=(lambda z: 1 / (3 * h.cbrt(z) ** 2),),
    definition=lambda z: sp.Piecewise(
        (sp.Pow(sp.Abs(z), sp.Rational(1, 3)), z > 0), (-sp.Pow(sp.Abs(z), sp.Rational(1, 3)), True)
    ),
    ulps={"numpy": 8, "native": 8, "jax": 8, "torch": 8},
    special=(
        Point((27,), 3, (sp.Rational(1, 27),)),
        Point((-8,), -2, (sp.Rational(1, 12),)),
        Point((sp.oo,), sp.oo, (0,)),
    ),
)


def share(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """a/hypot(a, b): 0 for a = 0, and 1 or -1 for infinite a."""
    return h.where(h.equal(a, 0), 0, h.where(h.isinf(a), sp.sign(a), a / h.hypot(a, b)))


def hypot(xp: Namespace, a: Any, b: Any) -> Array:
    """The namespace's hypot, not called at the origin, where automatic derivatives would divide by 0."""
    origin = (a == 0) & (b == 0)
    return xp.where(origin, 0.0, xp.hypot(xp.where(origin, 1.0, a), b))


function(
    h.hypot,
    hypot,
    numpy=(np.hypot,),
    slopes=(share, lambda a, b: share(b, a)),
    definition=lambda a, b: sp.sqrt(a**2 + b**2),
    spellings={"numpy": np.hypot},
    special=(
        Point((0, 0), 0, (0, 0)),
        Point((3, 4), 5, (sp.Rational(3, 5), sp.Rational(4, 5))),
        Point((sp.oo, 1), sp.oo, (1, 0)),
        Point((1, -sp.oo), sp.oo, (0, -1)),
    ),
)
function(
    h.logaddexp,
    lambda xp, a, b: xp.logaddexp(a, b),
    numpy=(np.logaddexp,),
    slopes=(lambda a, b: h.logistic(a, b), lambda a, b: h.logistic(b, a)),
    composition=lambda a, b: sp.Max(a, b) + h.log1p(sp.exp(-sp.Abs(_gap(a, b)))),
    definition=lambda a, b: sp.log(sp.exp(a) + sp.exp(b)),
    special=(
        Point((-sp.oo, -sp.oo), -sp.oo, (HALF, HALF)), Point((sp.oo, sp.oo), sp.oo, (HALF, HALF)), Point((1, 1), 1 + LN2, (HALF, HALF)),
        Point((1, -sp.oo), 1, (1, 0)), Point((-sp.oo, 1), 1, (0, 1)), Point((sp.oo, 1), sp.oo, (1, 0)),
    ),
)  # fmt: skip


def _gap(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """a - b, and 0 if both are the same infinity."""
    return h.where(h.equal(a, b), 0, a - b)


def logistic(xp: Namespace, a: Array, b: Array) -> Array:
    """The logistic function of a - b, corrected for the rounding error of the difference."""
    gap = xp.where(a == b, 0.0, a - b)
    part = a - gap
    lost = (a - (gap + part)) + (part - b)
    e = xp.exp(-xp.abs(gap))
    value, complement = (xp.where(sign, e, 1.0) / (1.0 + e) for sign in (gap < 0, gap >= 0))
    return value + value * complement * xp.where(xp.isfinite(lost), lost, 0.0)


function(
    h.logistic,
    logistic,
    slopes=(lambda a, b: h.logistic(a, b) * h.logistic(b, a), lambda a, b: -h.logistic(a, b) * h.logistic(b, a)),
    composition=lambda a, b: h.sigmoid(_gap(a, b)),
    definition=lambda a, b: 1 / (1 + sp.exp(b - a)),
    special=(
        Point((sp.oo, sp.oo), HALF, (sp.Rational(1, 4), -sp.Rational(1, 4))),
        Point((1, -sp.oo), 1, (0, 0)),
        Point((1, sp.oo), 0, (0, 0)),
    ),
)


def gaussian(xp: Namespace, z: Array, s: Array) -> Array:
    """exp(-s*z**2), corrected for the rounding error of z**2: the square of a multiple of 1/16 is exact."""
    size = xp.minimum(xp.abs(z), xp.ones_like(z) * 64.0)
    near = xp.floor(size * 16.0) / 16.0
    remainder = (size - near) * (size + near)
    square = near * near + remainder
    power = xp.exp(-s * square)
    return power - power * s * (remainder - (square - near * near))


function(
    h.gaussian,
    gaussian,
    slopes=(
        lambda z, s: -2 * s * h.clip(z, -64, 64) * h.gaussian(z, s),
        lambda z, s: -(h.clip(z, -64, 64) ** 2) * h.gaussian(z, s),
    ),
    composition=lambda z, s: _in_two_parts(sp.Min(sp.Abs(z), 64), s),
    definition=lambda z, s: sp.exp(-s * z**2),
    underflow={"numpy": 1024, "native": 1024, "jax": 1024, "torch": 1024},
    special=(Point((0, 1), 1, (0, 0)), Point((sp.oo, 1), 0, (0, 0)), Point((-sp.oo, 1), 0, (0, 0))),
)


def _in_two_parts(size: sp.Expr, s: sp.Expr) -> sp.Expr:
    near = sp.floor(16 * size) / 16
    return sp.exp(-s * near**2) * sp.exp(-s * (size - near) * (size + near))
