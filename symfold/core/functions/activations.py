"""Rows of activations. Their slopes at kinks are PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

import symfold.core.functions.heads as h
from symfold.core.arrays import Array, Namespace
from symfold.core.functions.table import Point, function

HALF = sp.Rational(1, 2)


def sigmoid(xp: Namespace, z: Array) -> Array:
    """1/(1 + e) or e/(1 + e) with e = exp(-|z|), which never overflows."""
    e = xp.exp(xp.where(z < 0, z, -z))
    return xp.where(z < 0, e, 1.0) / (1.0 + e)


def numpy_sigmoid(z: Any) -> Array:
    """1/(1 + exp(-z)); if exp overflows, the result is 0, as it should be."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-z))


def jax_nn(name: str) -> Callable[..., Array]:
    """A function of jax.nn."""

    def compute(*args: Array) -> Array:
        import jax

        return getattr(jax.nn, name)(*args)

    return compute


def torch_nn(name: str) -> Callable[..., Array]:
    """A function of torch.nn.functional."""

    def compute(*args: Array) -> Array:
        import torch

        return getattr(torch.nn.functional, name)(*args)

    return compute


def torch_sigmoid(z: Array) -> Array:
    """PyTorch's sigmoid."""
    import torch

    return torch.sigmoid(z)


function(
    h.sigmoid,
    sigmoid,
    slopes=(lambda z: h.sigmoid(z) * h.sigmoid(-z),),
    definition=lambda z: 1 / (1 + sp.exp(-z)),
    underflow={"numpy": 1, "torch": 1},
    spellings={"numpy": numpy_sigmoid, "jax": jax_nn("sigmoid"), "torch": torch_sigmoid},
    special=(Point((0,), HALF, (sp.Rational(1, 4),)), Point((sp.oo,), 1, (0,)), Point((-sp.oo,), 0, (0,))),
)
function(
    h.softplus,
    lambda xp, z: xp.where(z <= 0, 0.0, z) + xp.log1p(xp.exp(xp.where(z <= 0, z, -z))),
    slopes=(lambda z: h.sigmoid(z),),
    composition=lambda z: h.relu(z) + h.log1p(sp.exp(-sp.Abs(z))),
    definition=lambda z: sp.log(1 + sp.exp(z)),
    underflow={"numpy": 1, "torch": 1},
    spellings={"numpy": lambda z: np.logaddexp(0.0, z)},
    special=(Point((0,), sp.log(2), (HALF,)), Point((sp.oo,), sp.oo, (1,)), Point((-sp.oo,), 0, (0,))),
)


FAR = -80.0  # below, 1 + exp(z) is 1 in every number type


def decay(xp: Namespace, z: Array) -> tuple[Array, Array]:
    """z, finite below, and exp(-|z|); in the far tail exp(z/2), which is normal even if exp(z) is subnormal."""
    z = xp.where(z < -10000.0, -10000.0, z)
    return z, xp.exp(xp.where(z < FAR, z / 2.0, xp.where(z < 0, z, -z)))


def silu(xp: Namespace, z: Array) -> Array:
    """z times the sigmoid; z*exp(z) in the far tail."""
    z, e = decay(xp, z)
    return xp.where(z < FAR, z * e * e, z * (xp.where(z < 0, e, 1.0) / (1.0 + e)))


function(
    h.silu,
    silu,
    slopes=(lambda z: sp.exp(sp.Min(z, 0)) * h.sigmoid(sp.Abs(z)) + sp.Min(h.silu(z), 1000) * h.sigmoid(-z),),
    underflow={"jax": 1024},
    composition=lambda z: sp.Max(z, -1000) * h.sigmoid(z),
    definition=lambda z: z / (1 + sp.exp(-z)),
    special=(Point((0,), 0, (HALF,)), Point((sp.oo,), sp.oo, (1,)), Point((-sp.oo,), 0, (0,))),
)
function(
    h.gelu,
    slopes=(lambda z: h.ndtr(z) + h.clip(z, -64, 64) * h.gaussian(z, HALF) / sp.sqrt(2 * sp.pi),),
    composition=lambda z: sp.Max(z, -64) * h.ndtr(z),
    definition=lambda z: z * sp.erfc(-z / sp.sqrt(2)) / 2,
    ulps={"native": 16, "jax": 16},
    underflow={"numpy": 64, "native": 64, "jax": 64, "torch": 64},
    special=(Point((0,), 0, (HALF,)), Point((sp.oo,), sp.oo, (1,)), Point((-sp.oo,), 0, (0,))),
)
function(
    h.step,
    lambda xp, z: xp.where(z > 0, 1.0, xp.where(z <= 0, 0.0, z)),
    definition=lambda z: sp.Piecewise((1, z > 0), (0, True)),
    flat=True,
    spellings={"numpy": lambda z: np.sign(np.maximum(z, 0.0)), "torch": lambda z: z.clamp(0.0, 1.0).ceil()},
    special=(Point((0,), 0, (0,)), Point((sp.oo,), 1, (0,)), Point((-sp.oo,), 0, (0,))),
)
function(
    h.relu,
    lambda xp, z: xp.where(z <= 0, 0.0, z),
    slopes=(lambda z: h.step(z),),
    definition=lambda z: sp.Piecewise((z, z > 0), (0, True)),
    spellings={"numpy": lambda z: np.maximum(z, 0.0), "jax": jax_nn("relu"), "torch": torch_nn("relu")},
    special=(Point((0,), 0, (0,)), Point((sp.oo,), sp.oo, (1,)), Point((-sp.oo,), 0, (0,))),
)


# -- activations with parameters: z, then the parameters


def elu(xp: Namespace, z: Array, alpha: Array) -> Array:
    """elu; the branch that is not taken is kept finite, so that automatic derivatives are finite."""
    return xp.where(z > 0, z, alpha * xp.expm1(xp.where(z > 0, 0.0, z)))


function(
    h.elu,
    elu,
    slopes=(
        lambda z, alpha: h.where(h.greater(z, 0), 1, alpha * sp.exp(z)),
        lambda z, alpha: h.where(h.greater(z, 0), 0, h.expm1(z)),
    ),
    composition=lambda z, alpha: h.where(h.greater(z, 0), z, alpha * h.expm1(z)),
    definition=lambda z, alpha: sp.Piecewise((z, z > 0), (alpha * (sp.exp(z) - 1), True)),
    special=(
        Point((0, HALF), 0, (HALF, 0)),
        Point((0, 1), 0, (1, 0)),
        Point((sp.oo, 1), sp.oo, (1, 0)),
        Point((-sp.oo, HALF), -HALF, (0, -1)),
    ),
)
function(
    h.leaky_relu,
    lambda xp, z, slope: xp.where(z > 0, z, z * slope),
    slopes=(lambda z, slope: h.where(h.greater(z, 0), 1, slope), lambda z, slope: sp.Min(z, 0)),
    composition=lambda z, slope: h.where(h.greater(z, 0), z, slope * z),
    definition=lambda z, slope: sp.Piecewise((z, z > 0), (slope * z, True)),
    special=(
        Point((0, HALF), 0, (HALF, 0)),
        Point((sp.oo, HALF), sp.oo, (1, 0)),
        Point((-sp.oo, HALF), -sp.oo, (HALF, -sp.oo)),
    ),
)
function(
    h.hardtanh,
    lambda xp, z, low, high: xp.where(
        xp.isnan(low) | xp.isnan(high), low + high, xp.where(z >= high, high, xp.where(z <= low, low, z))
    ),
    slopes=(
        lambda z, low, high: h.logical_and(h.greater(z, low), h.less(z, high)),
        lambda z, low, high: h.less_equal(z, low),
        lambda z, low, high: h.greater_equal(z, high),
    ),
    composition=lambda z, low, high: sp.Min(sp.Max(z, low), high),
    definition=lambda z, low, high: sp.Piecewise((low, z < low), (high, z > high), (z, True)),
    special=(
        Point((-1, -1, 1), -1, (0, 1, 0)),
        Point((1, -1, 1), 1, (0, 0, 1)),
        Point((sp.oo, -1, 1), 1, (0, 0, 1)),
        Point((-sp.oo, -1, 1), -1, (0, 1, 0)),
    ),
)


# -- activations of straight lines


def hardswish(xp: Namespace, z: Array) -> Array:
    """0 below -3, z from 3 on; no product overflows, since z is limited before."""
    inside = xp.where(z <= -3, 0.0, xp.where(z < 3, z, 0.0))
    return xp.where(z < 3, inside * (inside + 3.0) / 6.0, z)


function(
    h.relu6,
    lambda xp, z: xp.where(z <= 0, 0.0, xp.where(z >= 6, 6.0, z)),
    slopes=(lambda z: h.logical_and(h.greater(z, 0), h.less(z, 6)),),
    composition=lambda z: h.hardtanh(z, 0, 6),
    definition=lambda z: sp.Piecewise((0, z <= 0), (z, z < 6), (6, True)),
    special=(
        Point((0,), 0, (0,)),
        Point((6,), 6, (0,)),
        Point((sp.oo,), 6, (0,)),
        Point((-sp.oo,), 0, (0,)),
    ),
)
function(
    h.hardsigmoid,
    lambda xp, z: xp.where(z <= -3, 0.0, xp.where(z >= 3, 6.0, z + 3.0)) / 6.0,
    slopes=(lambda z: h.logical_and(h.greater(z, -3), h.less(z, 3)) / 6,),
    composition=lambda z: h.divide(h.hardtanh(z + 3, 0, 6), 6),
    definition=lambda z: sp.Piecewise((0, z <= -3), ((z + 3) / 6, z < 3), (1, True)),
    special=(
        Point((-3,), 0, (0,)),
        Point((3,), 1, (0,)),
        Point((sp.oo,), 1, (0,)),
        Point((-sp.oo,), 0, (0,)),
    ),
)
function(
    h.hardswish,
    hardswish,
    slopes=(lambda z: h.where(h.greater(z, -3), h.where(h.less(z, 3), h.divide(2 * z + 3, 6), 1), 0),),
    composition=lambda z: h.where(h.less_equal(z, -3), 0, h.where(h.less(z, 3), h.divide(z * (z + 3), 6), z)),
    definition=lambda z: sp.Piecewise((0, z <= -3), (z * (z + 3) / 6, z < 3), (z, True)),
    special=(
        Point((-3,), 0, (0,)),
        Point((0,), 0, (HALF,)),
        Point((3,), 3, (1,)),
        Point((sp.oo,), sp.oo, (1,)),
        Point((-sp.oo,), 0, (0,)),
    ),
)


# -- smooth activations


def softsign(xp: Namespace, z: Array) -> Array:
    """z/(1 + |z|), and 1 or -1 if z is infinite."""
    return xp.where(xp.isinf(z), xp.sign(z), z / (1.0 + xp.abs(z)))


function(
    h.softsign,
    softsign,
    slopes=(lambda z: 1 / (1 + sp.Abs(z)) ** 2,),
    underflow={"numpy": 1, "native": 1},
    composition=lambda z: h.where(h.isinf(z), sp.sign(z), z / (1 + sp.Abs(z))),
    definition=lambda z: z / (1 + sp.Abs(z)),
    special=(Point((0,), 0, (1,)), Point((sp.oo,), 1, (0,)), Point((-sp.oo,), -1, (0,))),
)


def mish(xp: Namespace, z: Array) -> Array:
    """z*tanh(softplus(z)) as a quotient of polynomials in exp(-|z|), which never overflow; z*exp(z) far out."""
    z, e = decay(xp, z)
    above = xp.where(z < 0, e * (e + 2.0), 1.0 + 2.0 * e)
    below = xp.where(z < 0, above + 2.0, above + 2.0 * e * e)
    return xp.where(z < FAR, z * e * e, z * (above / below))


function(
    h.mish,
    mish,
    slopes=(lambda z: sp.tanh(h.softplus(z)) + sp.Min(h.silu(z), 1000) * sp.sech(h.softplus(z)) ** 2,),
    ulps={"numpy": 8, "native": 8, "jax": 8},
    underflow={"jax": 1024},
    composition=lambda z: sp.Max(z, -1000) * sp.tanh(h.softplus(z)),
    definition=lambda z: z * sp.tanh(sp.log(1 + sp.exp(z))),
    special=(Point((0,), 0, (sp.Rational(3, 5),)), Point((sp.oo,), sp.oo, (1,)), Point((-sp.oo,), 0, (0,))),
)
