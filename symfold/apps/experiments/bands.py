"""Bands: measurements over seeds, as a mean and two standard errors to each side; and their budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symfold.apps.data import Array
from symfold.base.results import Result


@dataclass(frozen=True)
class Budget:
    """The budget of an experiment: seeds, training rows, update steps per training, and the number of trainings.

    >>> print(Budget(seeds=10, rows=265, steps=400, trainings=60))
    10 seeds, 265 rows, 400 steps a training, 60 trainings
    """

    seeds: int
    rows: int
    steps: int = 0
    trainings: int = 0

    def __str__(self) -> str:
        trained = f"{self.steps} steps a training, {self.trainings} trainings" if self.trainings else "nothing trained"
        return f"{self.seeds} seeds, {self.rows} rows, {trained}"


@dataclass(frozen=True, eq=False)
class Band(Result):
    """The mean over seeds, minus and plus two standard errors: numbers, or arrays of one shape.

    >>> one, other = Band(2.0, 1.5, 2.5), Band(3.0, 2.4, 3.6)
    >>> print(one, one.overlaps(other), other.holds(2.0))
    2 [1.5, 2.5] True False
    """

    mean: Any
    low: Any
    high: Any

    def overlaps(self, other: Band) -> bool:
        """Whether two bands of a number overlap."""
        return bool(self.low <= other.high and other.low <= self.high)

    def holds(self, value: float) -> bool:
        """Whether a number lies in a band of a number."""
        return bool(self.low <= value <= self.high)

    def __str__(self) -> str:
        return f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}]"


def band(values: Array) -> Band:
    """The band of values whose first axis is the seeds, at least two.

    >>> print(band(np.array([1.0, 2.0, 3.0])))
    2 [0.845, 3.15]
    """
    with np.errstate(invalid="ignore"):  # the infinite error of a training that diverged has no width
        mean = values.mean(axis=0)
        width = 2 * values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return Band(mean, mean - width, mean + width)


def difference(one: Array, other: Array) -> Band:
    """The band of the differences, seed by seed, of two measurements under the same seeds.

    >>> print(difference(np.array([1.0, 2.0]), np.array([0.5, 1.5])))
    0.5 [0.5, 0.5]
    """
    with np.errstate(invalid="ignore"):  # of two that diverged
        return band(one - other)
