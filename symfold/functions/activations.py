"""Rows of activations. Their slopes at kinks are PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symfold.functions import heads as h
from symfold.functions.table import Point, function

HALF = sp.Rational(1, 2)


def sigmoid(xp: Any, z: Any) -> Any:
    """1/(1 + e) or e/(1 + e) with e = exp(-|z|), which overflows nowhere."""
    e = xp.exp(-xp.abs(z))
    return xp.where(z < 0, e, e * 0.0 + 1.0) / (1.0 + e)


def numpy_sigmoid(z: Any) -> Any:
    """1/(1 + exp(-z)): an overflow leads to the 0 that it should."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-z))


def jax_nn(name: str) -> Any:
    """A function of jax.nn."""

    def compute(*args: Any) -> Any:
        import jax

        return getattr(jax.nn, name)(*args)

    return compute


def torch_nn(name: str) -> Any:
    """A function of torch.nn.functional."""

    def compute(*args: Any) -> Any:
        import torch

        return getattr(torch.nn.functional, name)(*args)

    return compute


function(
    h.sigmoid,
    sigmoid,
    slopes=(lambda z: h.sigmoid(z) * h.sigmoid(-z),),
    definition=lambda z: 1 / (1 + sp.exp(-z)),
    spellings={"numpy": numpy_sigmoid, "jax": jax_nn("sigmoid"), "torch": torch_nn("sigmoid")},
    special=(Point((0,), HALF, (sp.Rational(1, 4),)), Point((sp.oo,), 1, (0,)), Point((-sp.oo,), 0, (0,))),
)
function(
    h.softplus,
    lambda xp, z: xp.where(z <= 0, 0.0, z) + xp.log1p(xp.exp(-xp.abs(z))),
    slopes=(lambda z: h.sigmoid(z),),
    composition=lambda z: h.relu(z) + h.log1p(sp.exp(-sp.Abs(z))),
    definition=lambda z: sp.log(1 + sp.exp(z)),
    spellings={"numpy": lambda z: np.logaddexp(0.0, z)},
    special=(Point((0,), sp.log(2), (HALF,)), Point((sp.oo,), sp.oo, (1,)), Point((-sp.oo,), 0, (0,))),
)


function(
    h.silu,
    slopes=(lambda z: h.sigmoid(z) * (1 + h.clip(z, -1000, 1000) * h.sigmoid(-z)),),
    composition=lambda z: sp.Max(z, -1000) * h.sigmoid(z),
    definition=lambda z: z / (1 + sp.exp(-z)),
    special=(Point((0,), 0, (HALF,)), Point((sp.oo,), sp.oo, (1,)), Point((-sp.oo,), 0, (0,))),
)
function(
    h.gelu,
    slopes=(lambda z: h.ndtr(z) + h.clip(z, -64, 64) * h.gaussian(z, HALF) / sp.sqrt(2 * sp.pi),),
    composition=lambda z: sp.Max(z, -64) * h.ndtr(z),
    definition=lambda z: z * sp.erfc(-z / sp.sqrt(2)) / 2,
    special=(Point((0,), 0, (HALF,)), Point((sp.oo,), sp.oo, (1,)), Point((-sp.oo,), 0, (0,))),
)
function(
    h.step,
    lambda xp, z: xp.where(z > 0, 1.0, xp.where(z <= 0, 0.0, z)),
    definition=lambda z: sp.Piecewise((1, z > 0), (0, True)),
    flat=True,
    spellings={"numpy": lambda z: np.heaviside(z, 0.0)},
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
