"""Lesions: the test error of trained nets with layers deleted or exchanged (Veit, Wilber and Belongie 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symfold.apps.data import Array
from symfold.apps.experiments.bands import Band, Budget, band
from symfold.apps.experiments.samples import Sample, diabetes
from symfold.apps.experiments.training import RATES, Errors, by_choice, error_on, errors_of, fitted, steps_of
from symfold.apps.table_nets import Shape
from symfold.base.arguments import NumpyArray, whole
from symfold.base.public import public
from symfold.base.results import Result
from symfold.core.net import Net
from symfold.transform.rewiring.lesion import lesion
from symfold.transform.rewiring.order import swap

NETS = ("residual", "feedforward", "boosting")


@dataclass(frozen=True, eq=False)
class Lesions(Result):
    """Test errors of trained nets: by layers deleted, and by pairs of layers exchanged; nets by seeds by numbers."""

    budget: Budget
    depth: int
    draws: int  # random choices of layers per number, over which an error is averaged
    nets: tuple[str, ...]
    rates: tuple[float, ...]
    numbers: tuple[int, ...]
    deleted: Array
    swapped: Array

    def deletion(self, net: str) -> Band:
        """The error of a net against the number of layers deleted."""
        return band(self.deleted[self.nets.index(net)])

    def exchange(self, net: str) -> Band:
        """The error of a net against the number of pairs exchanged, one after the other."""
        return band(self.swapped[self.nets.index(net)])

    def harm(self, net: str, what: str, number: int) -> Band:
        """The rise of the error, seed by seed, when `number` layers are `deleted` or pairs `swapped`."""
        errors = (self.deleted if what == "deleted" else self.swapped)[self.nets.index(net)]
        return band(errors[:, self.numbers.index(number)] - errors[:, 0])


@public
def lesion_curves(
    seeds: int = 10,
    *,
    depth: int = 8,
    width: int = 8,
    epochs: int = 60,
    batch: int = 64,
    draws: int = 4,
    choosing: int = 2,
    rates: Sequence[float] = RATES,
    data: str | Path | None = None,
) -> Lesions:
    """Train a residual, a feedforward and a boosting net on the diabetes data, then delete or exchange layers.

    Each net has a linear projection before it, a linear readout behind it, and its own best rate of one grid. The
    layers to delete or exchange are drawn once, the same for every net and seed.
    """
    seeds, draws = whole("seeds", seeds, 2), whole("draws", draws, 1)
    numbers = tuple(range(depth + 1))
    names = [f"f{k}" for k in range(1, depth + 1)]
    random = np.random.default_rng(0)
    lost = [
        [sorted(random.choice(names, size=number, replace=False).tolist()) for _ in range(draws)] for number in numbers
    ]
    pairs = [
        [[random.choice(names, size=2, replace=False).tolist() for _ in range(number)] for _ in range(draws)]
        for number in numbers
    ]
    samples = [diabetes(seed, data) for seed in range(seeds)]
    columns = tuple(f"column{k}" for k in range(samples[0].train[0].shape[1]))
    deleted, swapped, chosen = [], [], []
    for mapper in NETS:
        net = Shape(mapper, depth, width, "tanh", columns, "target").net()

        def params_of(rate: float, seed: int, sample: Sample, net: Net = net) -> Mapping[str, NumpyArray]:
            return fitted(net, net.init(seed), sample.train, rate, epochs, batch, seed)

        def run(rate: float, seed: int, net: Net = net) -> Errors:
            sample = diabetes(seed, data)
            return errors_of(lambda: params_of(rate, seed, sample), net.compile(), sample)

        chosen.append(float(rates[int(by_choice(run, rates, choosing).argmin())]))
        trained = [params_of(chosen[-1], seed, sample) for seed, sample in enumerate(samples)]
        deleted.append(np.array([errors([lesion(net, some) for some in drawn], trained, samples) for drawn in lost]).T)
        swapped.append(
            np.array([errors([exchanged(net, some) for some in drawn], trained, samples) for drawn in pairs]).T
        )
    rows = len(samples[0].train[1])
    budget = Budget(seeds, rows, steps_of(rows, epochs, batch), len(NETS) * (len(rates) * choosing + seeds))
    return Lesions(budget, depth, draws, NETS, tuple(chosen), numbers, np.array(deleted), np.array(swapped))


def exchanged(net: Net, pairs: list[list[str]]) -> Net:
    """The net after pairs of layers changed places, one pair after the other."""
    for first, second in pairs:
        net = swap(net, first, second)
    return net


def errors(nets: list[Net], trained: list[Mapping[str, Any]], samples: list[Sample]) -> list[float]:
    """The mean test error of some nets for each seed's parameters."""
    rows = []
    for net in nets:
        predict = net.compile()
        names = predict.layout.names
        rows.append(
            [
                error_on(predict, {name: params[name] for name in names}, sample.test)
                for params, sample in zip(trained, samples, strict=True)
            ]
        )
    return [float(value) for value in np.mean(rows, axis=0)]
