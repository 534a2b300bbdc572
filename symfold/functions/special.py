"""Rows of special functions: the error function, the gamma function and its relatives."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from symfold.functions import heads as h
from symfold.functions.table import Point, function


def entrywise(compute: Any) -> Any:
    """A function of one number over the entries of arrays."""
    vectorized = np.vectorize(compute, otypes=[float])
    return lambda *args: vectorized(*args).astype(np.result_type(*args, np.float32), copy=False)


def in_jax(name: str) -> Any:
    """A function of jax.scipy.special."""

    def compute(*args: Any) -> Any:
        from jax.scipy import special

        return getattr(special, name)(*args)

    return compute


def in_torch(name: str) -> Any:
    """A function of PyTorch's."""

    def compute(*args: Any) -> Any:
        import torch

        return getattr(torch, name)(*args)

    return compute


def gamma(z: float) -> float:
    """The gamma function, infinite where C says so."""
    try:
        return math.gamma(z)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.copysign(math.inf, z) if z == 0 else math.nan


def loggamma(z: float) -> float:
    """The logarithm of the gamma function's size, infinite at its poles."""
    try:
        return math.lgamma(z)
    except (OverflowError, ValueError):
        return math.inf


def polygamma(order: float, z: float) -> float:
    """A derivative of digamma."""
    if math.isnan(z) or z == -math.inf:
        return math.nan
    if z == math.inf:
        return math.inf if order == 0 else 0.0
    try:
        return float(mpmath.psi(int(order), z))
    except ValueError:
        return math.nan if order == 0 else math.inf


function(
    sp.erf,
    slopes=(lambda z: 2 / sp.sqrt(sp.pi) * h.gaussian(z, 1),),
    spellings={"numpy": entrywise(math.erf), "jax": in_jax("erf"), "torch": in_torch("erf")},
    special=(Point((0,), 0, (2 / sp.sqrt(sp.pi),)), Point((sp.oo,), 1, (0,)), Point((-sp.oo,), -1, (0,))),
)
function(
    sp.erfc,
    slopes=(lambda z: -2 / sp.sqrt(sp.pi) * h.gaussian(z, 1),),
    spellings={"numpy": entrywise(math.erfc), "jax": in_jax("erfc"), "torch": in_torch("erfc")},
    special=(Point((0,), 1, (-2 / sp.sqrt(sp.pi),)), Point((sp.oo,), 0, (0,)), Point((-sp.oo,), 2, (0,))),
)
function(
    sp.gamma,
    slopes=(lambda z: sp.gamma(z) * sp.digamma(z),),
    spellings={"numpy": entrywise(gamma), "jax": in_jax("gamma"), "torch": lambda z: (z > 0) * 0 + in_torch("exp")(in_torch("lgamma")(z))},
)
function(
    sp.loggamma,
    slopes=(lambda z: sp.digamma(z),),
    spellings={"numpy": entrywise(loggamma), "jax": in_jax("gammaln"), "torch": in_torch("lgamma")},
)
function(
    sp.digamma,
    slopes=(lambda z: sp.polygamma(1, z),),
    spellings={"numpy": entrywise(lambda z: polygamma(0, z)), "jax": in_jax("digamma"), "torch": in_torch("digamma")},
)
function(
    sp.polygamma,
    slopes=(lambda n, z: sp.Integer(0), lambda n, z: sp.polygamma(n + 1, z)),
    spellings={"numpy": entrywise(polygamma), "jax": in_jax("polygamma"), "torch": lambda n, z: in_torch("polygamma")(int(n), z)},
)
function(
    h.ndtr,
    slopes=(lambda z: h.gaussian(z, sp.Rational(1, 2)) / sp.sqrt(2 * sp.pi),),
    composition=lambda z: h.where(h.less(z, 0), _lower_tail(sp.erfc(sp.Abs(z) / sp.sqrt(2))), 1 - _lower_tail(sp.erfc(sp.Abs(z) / sp.sqrt(2)))),
    definition=lambda z: sp.erfc(-z / sp.sqrt(2)) / 2,
    special=(Point((0,), sp.Rational(1, 2), (1 / sp.sqrt(2 * sp.pi),)), Point((sp.oo,), 1, (0,)), Point((-sp.oo,), 0, (0,))),
)


def _lower_tail(complement: sp.Expr) -> sp.Expr:
    return complement / 2
