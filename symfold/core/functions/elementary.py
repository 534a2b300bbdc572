"""Rows of SymPy's functions: arithmetic, powers, exponentials, trigonometric and hyperbolic functions, and inverses."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, reduce
from typing import Any

import numpy as np
import sympy as sp

import symfold.core.functions.heads as h
from symfold.core.arrays import Array, Namespace, namespace
from symfold.core.functions.logarithms import share
from symfold.core.functions.special import in_torch
from symfold.core.functions.table import Head, Point, function, numbers_of

HALF = sp.Rational(1, 2)


# -- arithmetic


def numpy_power(a: Any, b: Any) -> Array:
    """A power by NumPy; an integer base becomes a float, so that a negative exponent is not an error."""
    if np.ndim(b) == 0 and b == -1:
        return 1.0 / a
    dtype = np.result_type(a, np.float32) if hasattr(a, "dtype") and a.dtype.kind == "f" else float
    return np.power(np.asarray(a, dtype=dtype), b)


@cache
def jax_variable_power() -> Callable[..., Array]:
    """JAX's power with the slopes of this row; its own are NaN at base 0."""
    import jax
    from jax import numpy as jnp

    power = jax.custom_jvp(jnp.power)

    def by_base(tangent: Any, result: Any, a: Any, b: Any) -> Array:
        return tangent * jnp.where(b == 0, 0.0, b * jnp.power(a, jnp.where(b == 0, 1.0, b - 1)))

    def by_exponent(tangent: Any, result: Any, a: Any, b: Any) -> Array:
        flat = (a == 0) & (b >= 0)
        return tangent * jnp.where(flat, 0.0, result * jnp.log(jnp.where(flat, 1.0, a)))

    power.defjvps(by_base, by_exponent)
    return power


def jax_power(a: Array, b: Array) -> Array:
    """A power by JAX; if the exponent is a literal number, without logarithms if possible."""
    import jax

    if not isinstance(b, float):
        dtype = jax.numpy.result_type(a, b)
        return jax_variable_power()(*(jax.numpy.asarray(part, dtype) for part in jax.numpy.broadcast_arrays(a, b)))
    if b.is_integer() and abs(b) < 2**10:
        return jax.lax.integer_pow(jax.numpy.asarray(a), int(b))
    return jax.numpy.sqrt(a) if b == 0.5 else jax.numpy.power(a, b)


def jax_divide(a: Array, b: Array) -> Array:
    """A quotient by JAX. Without the barrier, XLA multiplies by the reciprocal of a divisor that many entries share."""
    import jax
    from jax import numpy as jnp

    shape = jnp.broadcast_shapes(jnp.shape(a), jnp.shape(b))
    if jnp.shape(b) == shape and isinstance(b, jax.core.Tracer):
        return a / b
    return a / jax.lax.optimization_barrier(jnp.broadcast_to(jnp.asarray(b, jnp.result_type(a, b)), shape))


def slope_by_base(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """b*a**(b - 1), and 0 for exponent 0, whatever the base."""
    return b * a ** (b - 1) if b.is_number else h.where(h.equal(b, 0), 0, b * a ** (b - 1))


def slope_by_exponent(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """a**b*log(a), and 0 for base 0 if the exponent is 0 or positive."""
    if a.is_zero:
        return h.where(h.less(b, 0), -sp.oo, 0)
    if a.is_number:
        return a**b * sp.log(a) if a.is_positive else sp.nan
    return h.where(h.logical_and(h.equal(a, 0), h.greater_equal(b, 0)), 0, a**b * sp.log(a))


def share_of_largest(kind: Head) -> Callable[..., sp.Expr]:
    """The slope of Max or Min: equal entries share it evenly."""

    def slope(position: int, *args: sp.Expr) -> sp.Expr:
        this, others = args[position], [*args[:position], *args[position + 1 :]]
        if not others:
            return sp.Integer(1)
        if len(others) == 1:
            beyond = h.greater if kind is sp.Max else h.less
            return h.where(h.equal(this, others[0]), HALF, beyond(this, others[0]))
        extreme = kind(*args)
        return h.equal(this, extreme) / sp.Add(*(h.equal(arg, extreme) for arg in args))

    return slope


function(sp.Add, lambda xp, *a: reduce(lambda x, y: x + y, a), numpy=(np.add,))
function(
    h.divide,
    lambda xp, a, b: a / b,
    slopes=(lambda a, b: h.divide(1, b), lambda a, b: -h.divide(a, b) * h.divide(1, b)),
    definition=lambda a, b: a / b,
    spellings={"jax": jax_divide},
)
function(sp.Mul, lambda xp, *a: reduce(lambda x, y: x * y, a), numpy=(np.multiply,))
function(
    sp.Pow,
    lambda xp, a, b: xp.pow(a, b),
    numpy=(np.power, np.float_power),
    slopes=(slope_by_base, slope_by_exponent),
    spellings={"numpy": numpy_power, "jax": jax_power},
    underflow={"numpy": 1024, "native": 1024, "jax": 1024},
    special=(
        Point((0, 2), 0, (0, 0)), Point((0, 1), 0, (1, 0)), Point((0, 0), 1, (0, 0)), Point((0, HALF), 0, (sp.oo, 0)),
        Point((2, 0), 1, (0, sp.log(2))), Point((1, sp.oo), 1), Point((sp.oo, -1), 0, (0,)),
    ),
)  # fmt: skip
function(
    sp.Max,
    lambda xp, *a: reduce(xp.maximum, a) if len(a) < 3 else xp.max(xp.stack(xp.broadcast_arrays(*a)), axis=0),
    numpy=(np.maximum,),
    spellings={"numpy": lambda *a: reduce(np.maximum, a)},
    slopes=share_of_largest(sp.Max),
    special=(
        Point((1, 1), 1, (HALF, HALF)),
        Point((2, 2, 2), 2, (sp.Rational(1, 3),) * 3),
        Point((-sp.oo, -sp.oo), -sp.oo, (HALF, HALF)),
        Point((sp.oo, 1), sp.oo, (1, 0)),
    ),
)
function(
    sp.Min,
    lambda xp, *a: reduce(xp.minimum, a) if len(a) < 3 else xp.min(xp.stack(xp.broadcast_arrays(*a)), axis=0),
    numpy=(np.minimum,),
    spellings={"numpy": lambda *a: reduce(np.minimum, a)},
    slopes=share_of_largest(sp.Min),
    special=(
        Point((1, 1), 1, (HALF, HALF)),
        Point((2, 2, 2), 2, (sp.Rational(1, 3),) * 3),
        Point((sp.oo, sp.oo), sp.oo, (HALF, HALF)),
        Point((-sp.oo, 1), -sp.oo, (1, 0)),
    ),
)
function(
    sp.Abs,
    lambda xp, z: xp.where(z == 0, 0.0, xp.abs(z)),
    numpy=(np.absolute, np.fabs),
    spellings={"numpy": np.abs, "torch": in_torch("abs")},
    special=(Point((0,), 0, (0,)), Point((-sp.oo,), sp.oo, (-1,))),
)
function(
    sp.sign,
    lambda xp, z: xp.sign(z),
    numpy=(np.sign,),
    flat=True,
    special=(Point((0,), 0, (0,)), Point((-sp.oo,), -1, (0,))),
)
function(
    sp.floor,
    lambda xp, z: xp.floor(z),
    numpy=(np.floor,),
    flat=True,
    special=(Point((1,), 1, (0,)), Point((sp.oo,), sp.oo, (0,))),
)
function(
    sp.ceiling,
    lambda xp, z: xp.ceil(z),
    numpy=(np.ceil,),
    flat=True,
    special=(Point((1,), 1, (0,)), Point((sp.oo,), sp.oo, (0,))),
)
function(
    sp.Heaviside,
    lambda xp, z, half=0.5: xp.where(z > 0, 1.0, xp.where(z < 0, 0.0, xp.where(z == 0, half, z))),
    numpy=(np.heaviside,),
    flat=True,
    spellings={"numpy": lambda z, half=0.5: np.heaviside(z, half)},
    special=(Point((0,), HALF, (0,)), Point((sp.oo,), 1, (0,)), Point((-sp.oo,), 0, (0,))),
)

# -- exponentials

function(
    sp.exp,
    lambda xp, z: xp.exp(z),
    numpy=(np.exp,),
    special=(Point((-sp.oo,), 0, (0,)), Point((sp.oo,), sp.oo, (sp.oo,)), Point((0,), 1, (1,))),
)
function(
    sp.log,
    lambda xp, z: xp.log(z),
    numpy=(np.log,),
    special=(Point((0,), -sp.oo, (sp.oo,)), Point((1,), 0, (1,)), Point((sp.oo,), sp.oo, (0,)), Point((-1,), sp.nan)),
)

# -- trigonometric and hyperbolic functions


def atan_composed(z: sp.Expr) -> sp.Expr:
    """Four times the arctangent of a quarter of the angle, by its series; above 1, from the reciprocal."""
    size = sp.Abs(z)
    small: sp.Expr = h.where(h.greater(size, 1), 1 / size, size)
    for _ in range(2):
        small = small / (1 + h.hypot(1, small))
    series: sp.Expr = sp.Integer(0)
    for k in reversed(range(12)):
        series = series * small**2 + sp.Rational((-1) ** k, 2 * k + 1)
    return sp.sign(z) * h.where(h.greater(size, 1), sp.pi / 2 - 4 * small * series, 4 * small * series)


def sinh_composed(z: sp.Expr) -> sp.Expr:
    """By expm1; for large arguments by exp(|z|/2), which does not overflow early."""
    size = sp.Abs(z)
    less = h.expm1(sp.Min(size, 30))
    return sp.sign(z) * h.where(
        h.greater(size, 25), h.divide(sp.exp(size / 2), 2 * sp.exp(-size / 2)), (less + less / (1 + less)) / 2
    )


def asinh_composed(z: sp.Expr) -> sp.Expr:
    """By log1p; for large arguments by the logarithm of 2|z|."""
    size = sp.Abs(z)
    near = h.log1p(size + size**2 / (1 + h.hypot(1, size)))
    return sp.sign(z) * h.where(h.greater(size, 10**8), sp.log(size) + sp.log(2), near)


def acosh_composed(z: sp.Expr) -> sp.Expr:
    """By log1p; for large arguments by the logarithm of 2z."""
    return h.where(h.greater(z, 10**8), sp.log(z) + sp.log(2), h.log1p(z - 1 + sp.sqrt(z - 1) * sp.sqrt(z + 1)))


function(sp.sin, lambda xp, z: xp.sin(z), numpy=(np.sin,), special=(Point((0,), 0, (1,)), Point((sp.oo,), sp.nan)))
function(sp.cos, lambda xp, z: xp.cos(z), numpy=(np.cos,), special=(Point((0,), 1, (0,)), Point((sp.oo,), sp.nan)))
function(
    sp.tan,
    lambda xp, z: xp.tan(z),
    numpy=(np.tan,),
    composition=lambda z: h.divide(sp.sin(z), sp.cos(z)),
    special=(Point((0,), 0, (1,)), Point((sp.oo,), sp.nan)),
)


def sinh_by_half(xp: Namespace, z: Array) -> Array:
    """(exp(z) - exp(-z))/2, from half the exponent if it is large, else from expm1."""
    size = xp.where(z < 0, -z, z)
    small, root = xp.expm1(xp.where(size > 30.0, 30.0, size)), xp.exp(size / 2)
    positive = xp.where(size > 25.0, root / 2 * root, (small + small / (small + 1)) / 2)
    return xp.where(z < 0, -positive, positive)


def cosh_by_half(xp: Namespace, z: Array) -> Array:
    """(exp(z) + exp(-z))/2, from half the exponent, which overflows only where the result does."""
    root = xp.exp(xp.abs(z) / 2)
    return root / 2 * root + 0.5 / root / root


def in_packages(numbers: Callable[..., Array], *packages: str) -> dict[str, Callable[..., Array]]:
    """Numbers over an array namespace, as the spelling of some packages."""
    return {package: lambda *args, package=package: numbers(namespace(package), *args) for package in packages}


function(
    sp.sinh,
    lambda xp, z: xp.sinh(z),
    numpy=(np.sinh,),
    composition=sinh_composed,
    spellings=in_packages(sinh_by_half, "jax", "torch"),
    special=(Point((0,), 0, (1,)), Point((-sp.oo,), -sp.oo, (sp.oo,))),
)
function(
    sp.cosh,
    lambda xp, z: xp.cosh(z),
    numpy=(np.cosh,),
    composition=lambda z: h.divide(sp.exp(sp.Abs(z) / 2), 2 * sp.exp(-sp.Abs(z) / 2)) + sp.exp(-sp.Abs(z)) / 2,
    spellings=in_packages(cosh_by_half, "jax", "torch"),
    special=(Point((0,), 1, (0,)), Point((-sp.oo,), sp.oo, (-sp.oo,))),
)
function(
    sp.tanh,
    lambda xp, z: xp.tanh(z),
    numpy=(np.tanh,),
    slopes=(lambda z: sp.sech(z) ** 2,),
    ulps={"jax": 8},
    special=(Point((0,), 0, (1,)), Point((sp.oo,), 1, (0,)), Point((-sp.oo,), -1, (0,))),
)


def sech(xp: Namespace, z: Array) -> Array:
    """2e/(1 + e**2) with e = exp(-|z|), which never overflows."""
    e = xp.exp(-xp.abs(z))
    return 2.0 * e / (1.0 + e * e)


function(
    sp.sech,
    sech,
    slopes=(lambda z: -sp.tanh(z) * sp.sech(z),),
    ulps={"jax": 8},
    underflow={"numpy": 1, "jax": 2, "torch": 2},
    spellings={"torch": lambda z: 1.0 / cosh_by_half(namespace("torch"), z)},
    composition=lambda z: 2 * sp.exp(-sp.Abs(z)) / (1 + sp.exp(-sp.Abs(z)) ** 2),
    special=(Point((0,), 1, (0,)), Point((sp.oo,), 0, (0,)), Point((-sp.oo,), 0, (0,))),
)
function(
    sp.asin,
    lambda xp, z: xp.asin(z),
    numpy=(np.arcsin,),
    composition=lambda z: sp.atan(z / sp.sqrt((1 - z) * (1 + z))),
    slopes=(lambda z: 1 / sp.sqrt((1 - z) * (1 + z)),),
    special=(Point((0,), 0, (1,)), Point((2,), sp.nan)),
)
function(
    sp.acos,
    lambda xp, z: xp.acos(z),
    numpy=(np.arccos,),
    composition=lambda z: 2 * sp.atan(sp.sqrt(h.divide(1 - z, 1 + z))),
    slopes=(lambda z: -1 / sp.sqrt((1 - z) * (1 + z)),),
    special=(Point((1,), 0, (-sp.oo,)), Point((2,), sp.nan)),
)
function(
    sp.atan,
    lambda xp, z: xp.atan(z),
    numpy=(np.arctan,),
    composition=atan_composed,
    underflow={"numpy": 1, "native": 1},
    special=(Point((0,), 0, (1,)), Point((sp.oo,), sp.pi / 2, (0,)), Point((-sp.oo,), -sp.pi / 2, (0,))),
)
function(
    sp.asinh,
    lambda xp, z: xp.asinh(z),
    numpy=(np.arcsinh,),
    composition=asinh_composed,
    slopes=(lambda z: 1 / h.hypot(1, z),),
    special=(Point((0,), 0, (1,)), Point((-sp.oo,), -sp.oo, (0,))),
)
function(
    sp.acosh,
    lambda xp, z: xp.acosh(z),
    numpy=(np.arccosh,),
    composition=acosh_composed,
    slopes=(lambda z: 1 / (sp.sqrt(z - 1) * sp.sqrt(z + 1)),),
    special=(Point((1,), 0, (sp.oo,)), Point((sp.oo,), sp.oo, (0,))),
)


def jax_atanh(z: Array) -> Array:
    """log((1 + |z|)/(1 - |z|))/2 by log1p, with the sign of z; z itself near 0."""
    from jax import numpy as jnp

    size = jnp.abs(z)
    positive = numbers_of(h.log1p, "jax")(2.0 * size / (1.0 - size)) / 2.0
    return jnp.where(z < 0, -positive, jnp.where(size < 1e-30, z, positive))


function(
    sp.atanh,
    lambda xp, z: xp.atanh(z),
    numpy=(np.arctanh,),
    composition=lambda z: sp.sign(z) * h.log1p(2 * sp.Abs(z) / (1 - sp.Abs(z))) / 2,
    spellings={"jax": jax_atanh},
    slopes=(lambda z: 1 / ((1 - z) * (1 + z)),),
    special=(Point((0,), 0, (1,)), Point((1,), sp.oo, (sp.oo,)), Point((-1,), -sp.oo, (sp.oo,))),
)


def over_squared_norm(of: sp.Expr, y: sp.Expr, x: sp.Expr) -> sp.Expr:
    """of/(x**2 + y**2) without overflow; 0 at the origin and at infinity. `of` is x or y."""
    size = h.hypot(x, y)
    return h.where(h.logical_or(h.equal(size, 0), h.isinf(size)), 0, share(of, x if of is y else y) / size)


def atan2(xp: Namespace, y: Any, x: Any) -> Array:
    """The namespace's atan2, not called at the origin, where automatic derivatives would divide by 0."""
    origin = (y == 0) & (x == 0)
    at_origin = xp.atan2(0.0 * y, xp.copysign(xp.ones_like(x), x))
    return xp.where(origin, at_origin, xp.atan2(y, xp.where(origin, 1.0, x)))


function(
    sp.atan2,
    atan2,
    numpy=(np.arctan2,),
    spellings={"numpy": np.arctan2},
    ulps={"jax": 8},
    slopes=(lambda y, x: over_squared_norm(x, y, x), lambda y, x: -over_squared_norm(y, y, x)),
    special=(
        Point((0, 1), 0, (1, 0)),
        Point((1, 0), sp.pi / 2, (0, -1)),
        Point((0, 0), 0, (0, 0)),
        Point((1, sp.oo), 0, (0, 0)),
    ),
)
