"""Paths: the contribution of paths of each length to the gradient of a trained residual net.

The gradient by the input is a sum over all 2**n subsets of layers: the product of their transposed Jacobians, later
layers first, applied to the cotangent of the output. Sorted by the size of the subset it is a polynomial in t, and one
backward pass gives all its coefficients, one vector per length:

    a_{k-1}[l] = a_k[l] + J_k^T a_k[l-1],    a_n = (cotangent, 0, ..., 0)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import comb
from pathlib import Path
from typing import Any

import numpy as np

from symfold.apps.data import Array
from symfold.apps.experiments.bands import Band, Budget, band
from symfold.apps.experiments.samples import diabetes
from symfold.apps.experiments.training import RATES, Errors, by_choice, errors_of, fitted, steps_of
from symfold.base.arguments import NumpyArray, whole
from symfold.base.public import public
from symfold.base.results import Result
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.frontend.folding import fold, scan
from symfold.frontend.layer_kinds import dense
from symfold.frontend.losses import squared_error
from symfold.frontend.named_layers import layer, layers
from symfold.mappers import residual
from symfold.transform.autodiff.differentiate import adjoint, grad

Pull = Callable[[Array], Array]  # a transposed Jacobian: from cotangents of a layer's output to those of its input
MOST_PATHS = 2**12  # up to this number every path is followed, above it a sample


@dataclass(frozen=True, eq=False)
class PathLengths(Result):
    """The gradient by path length, 0 to depth; arrays are seeds by lengths, norms are means over the rows."""

    budget: Budget
    depth: int
    rate: float
    counts: tuple[int, ...]
    followed: int  # the number of paths in the mean norms, if not all
    path_norm: Array  # the mean norm of one path's contribution
    norm: Array  # the norm of the contribution of all paths of a length
    share: Array  # that contribution along the gradient, relative to it: adds up to 1
    off: Array  # the relative difference between all contributions and the gradient, per seed

    @property
    def magnitude(self) -> Array:
        """The share of each length in count times mean norm, as in Veit et al. (2016)."""
        total = np.array(self.counts, dtype=float) * self.path_norm
        shares: Array = total / total.sum(axis=1, keepdims=True)
        return shares

    @property
    def mean_length(self) -> Band:
        """The mean length of a path, weighted by magnitude; the unweighted mean is depth / 2."""
        return band(self.magnitude @ np.arange(self.depth + 1))


@public
def path_lengths(
    seeds: int = 10,
    *,
    depth: int = 10,
    epochs: int = 60,
    batch: int = 64,
    rows: int = 32,
    choosing: int = 2,
    rates: Sequence[float] = RATES,
    data: str | Path | None = None,
) -> PathLengths:
    """Train a residual net with a linear readout on the diabetes data; split the gradient of its test error by path."""
    seeds, depth, rows = whole("seeds", seeds, 2), whole("depth", depth, 1), whole("rows", rows, 1)
    width = diabetes(0, data).train[0].shape[1]
    x, target = tensor("x", (None, width)), tensor("target", (None, 1))
    kind = dense(width, width, np.tanh)
    blocks = layers("f", kind, count=depth)
    net = Net.of(layer("out", dense(width, 1))(fold(residual, blocks, x)))
    loss = squared_error(net, target)
    states = Net.of(scan(residual, blocks, x)).compile()
    gradient_of, by_state = (
        grad(loss, wrt="x").compile(),
        grad(squared_error(layer("out", dense(width, 1))(x), target), wrt="x").compile(),
    )
    back = Net.of(adjoint(layer("f", kind)(x)).parts["x"]).compile()

    def run(rate: float, seed: int) -> Errors:
        sample = diabetes(seed, data)
        return errors_of(
            lambda: fitted(net, net.init(seed), sample.train, rate, epochs, batch, seed), net.compile(), sample
        )

    rate = float(rates[int(by_choice(run, rates, choosing).argmin())])
    masks = masks_of(depth)
    path_norm, norm, share, gaps = [], [], [], []
    for seed in range(seeds):
        sample = diabetes(seed, data)
        params = fitted(net, net.init(seed), sample.train, rate, epochs, batch, seed)
        batch_data = {"x": sample.test[0][:rows], "target": sample.test[1][:rows]}
        layer_inputs = [
            batch_data["x"],
            *states({name: params[name] for name in states.layout.names}, x=batch_data["x"]),
        ]
        pulls = [partial(pulled, back, params, k + 1, layer_inputs[k]) for k in range(depth)]
        cotangent = by_state(
            {name: params[name] for name in by_state.layout.names}, x=layer_inputs[-1], target=batch_data["target"]
        )["x"]
        by_length = contributions(pulls, cotangent)
        whole_gradient = gradient_of(params, **batch_data)["x"]
        lengths = np.linalg.norm(path_vectors(pulls, cotangent, masks), axis=-1).mean(axis=-1)
        path_norm.append([lengths[masks.sum(axis=1) == number].mean() for number in range(depth + 1)])
        norm.append(np.linalg.norm(by_length, axis=-1).mean(axis=-1))
        share.append((by_length * whole_gradient).sum(axis=(1, 2)) / (whole_gradient**2).sum())
        gaps.append(np.linalg.norm(by_length.sum(axis=0) - whole_gradient) / np.linalg.norm(whole_gradient))
    trained = len(sample.train[1])
    return PathLengths(
        Budget(seeds, trained, steps_of(trained, epochs, batch), len(rates) * choosing + seeds), depth, rate,
        tuple(comb(depth, number) for number in range(depth + 1)), len(masks) if len(masks) < 2**depth else 0,
        np.array(path_norm), np.array(norm), np.array(share), np.array(gaps),
    )  # fmt: skip


def pulled(back: Any, params: Mapping[str, NumpyArray], number: int, read: Array, cotangents: Array) -> Array:
    """J_k^T at the input of layer k, applied to cotangents (any, rows, width): all of them as rows of one call."""
    flat = cotangents.reshape(-1, read.shape[-1])
    points = np.broadcast_to(read, cotangents.shape).reshape(flat.shape)
    params_of_layer = {"W_f": params[f"W{number}"], "b_f": params[f"b{number}"]}
    result: Array = back(params_of_layer, x=points, a=flat).reshape(cotangents.shape)
    return result


def contributions(pulls: Sequence[Pull], cotangent: Array) -> Array:
    """The contribution of the paths of each length to the gradient, (lengths, *shape), from transposed Jacobians.

    >>> double, triple = lambda a: 2 * a, lambda a: 3 * a
    >>> contributions([double, triple], np.array([1.0])).ravel()          # (1 + 2 t) (1 + 3 t)
    array([1., 5., 6.])
    """
    lengths = np.zeros((len(pulls) + 1, *cotangent.shape))
    lengths[0] = cotangent
    for longest, pull in enumerate(reversed(pulls), start=1):
        lengths[1 : longest + 1] += pull(lengths[:longest])
    return lengths


def path_vectors(pulls: Sequence[Pull], cotangent: Array, masks: NumpyArray) -> Array:
    """The contributions of single paths, (paths, *shape); a row of `masks` marks the layers of a path.

    >>> double, triple = lambda a: 2 * a, lambda a: 3 * a
    >>> path_vectors([double, triple], np.array([1.0]), masks_of(2)).ravel()
    array([1., 2., 3., 6.])
    """
    vectors = np.broadcast_to(cotangent, (len(masks), *cotangent.shape)).copy()
    for place in reversed(range(len(pulls))):
        through = masks[:, place]
        vectors[through] = pulls[place](vectors[through])
    return vectors


def masks_of(depth: int, most: int = MOST_PATHS) -> NumpyArray:
    """All paths through some layers, as masks of layers; above `most`, a random sample with as many of each length.

    >>> masks_of(2).astype(int).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    if 2**depth <= most:
        return (np.arange(2**depth)[:, None] >> np.arange(depth) & 1).astype(bool)
    random = np.random.default_rng(0)
    each = max(1, most // (depth + 1))
    ranks = random.random((depth + 1, each, depth)).argsort(axis=-1)
    return (ranks < np.arange(depth + 1)[:, None, None]).reshape(-1, depth)
