"""Epsilon: the difference of a residual net and a boosting net of the same layers, against the strength of the layers.

residual - boosting = epsilon**2 * sum_{i<j} f_j'(x)[f_i(x)] + O(epsilon**3)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symfold.analysis.strength.scaling import scaled
from symfold.analysis.strength.series import series
from symfold.apps.data import Array
from symfold.apps.experiments.bands import Band, Budget, band
from symfold.base.arguments import whole
from symfold.base.public import public
from symfold.base.results import Result
from symfold.base.trees import Layered
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.frontend.folding import fold
from symfold.frontend.layer_kinds import Kind
from symfold.frontend.named_layers import layer, layers
from symfold.mappers import boosting, residual

STRENGTHS = tuple(2.0**-k for k in range(3, 9))


@dataclass(frozen=True, eq=False)
class Epsilon(Result):
    """The norms of the difference, and of its remainder without the second-order term: seeds by strengths."""

    budget: Budget
    strengths: Array
    difference: Array
    remainder: Array

    @property
    def slope(self) -> Band:
        """The log-log slope of the difference; the series says 2."""
        return band(slopes(self.strengths, self.difference))

    @property
    def remainder_slope(self) -> Band:
        """The log-log slope of the remainder; the series says 3."""
        return band(slopes(self.strengths, self.remainder))


@public
def by_strength(
    seeds: int = 10, depth: int = 6, width: int = 4, rows: int = 16, strengths: Sequence[float] = STRENGTHS
) -> Epsilon:
    """Measure the difference on random smooth layers, tanh(z W + b) V, at random points; nothing is trained.

    >>> result = by_strength(seeds=2, depth=3)
    >>> round(result.slope.mean), round(result.remainder_slope.mean)
    (2, 3)
    """
    seeds = whole("seeds", seeds, 2)
    x = tensor("x", (None, width))
    blocks = layers("f", smooth(width, 2 * width), count=depth)
    nets = fold(residual, blocks, x), fold(boosting(x), blocks, x)
    gap_of = Net.of(scaled(nets[0]) - scaled(nets[1])).compile()
    second = (series(nets[0], order=2) - series(nets[1], order=2)).coefficient(2, named=False).compile()
    scale = np.array([float(strength) for strength in strengths])
    difference, remainder = [], []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        params = {
            name: random.standard_normal(value.shape) / len(value) ** 0.5 for name, value in nets[0].init(seed).items()
        }
        points = random.standard_normal((rows, width))
        term = second(params, x=points)
        gaps = [gap_of(params, x=points, epsilon=strength) for strength in scale]
        difference.append([np.linalg.norm(gap) for gap in gaps])
        remainder.append([np.linalg.norm(gap - strength**2 * term) for strength, gap in zip(scale, gaps, strict=True)])
    return Epsilon(Budget(seeds, rows), scale, np.array(difference), np.array(remainder))


def smooth(width: int, hidden: int, activation: Layered = np.tanh) -> Kind | None:
    """The layer kind activation(z W + b) V: it reads by W and writes by V."""
    shapes = {"W": (width, hidden), "b": (1, hidden), "V": (hidden, width)}
    return layer("f", lambda z, W, b, V: activation(z @ W + b) @ V, **shapes).kind


def slopes(strengths: Array, sizes: Array) -> Array:
    """The slope of log size against log strength by least squares, for every seed."""
    return np.array([np.polyfit(np.log(strengths), np.log(row), 1)[0] for row in sizes])
