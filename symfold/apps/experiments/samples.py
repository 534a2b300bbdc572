"""Samples: small real data, and a function that needs depth; each split by a seed to train, choose and test on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from symfold.apps.data import Array, Scale, read_table, split_rows
from symfold.base.results import Result
from symfold.errors import DataError

Rows = tuple[Array, Array]  # inputs, targets


@dataclass(frozen=True, eq=False)
class Sample(Result):
    """Standardised rows: to train on, to choose learning rates by, to test on."""

    train: Rows
    validation: Rows
    test: Rows


def diabetes_file(path: str | Path | None = None) -> Path:
    """The path of the diabetes table: the one given, or examples/ of the working directory or of this checkout."""
    if path is not None:
        return Path(path)
    name = Path("examples") / "diabetes.csv"
    for place in (name, Path(__file__).parents[2] / name):
        if place.exists():
            return place
    raise DataError(
        f"the diabetes table is not at {name.as_posix()!r} "
        "(give its path: data='diabetes.csv'; it comes with the source of symfold)"
    )


def diabetes(seed: int, path: str | Path | None = None) -> Sample:
    """The diabetes study of Efron et al. (2004), 442 patients: 60 % to train, 20 % to choose by, 20 % to test.

    >>> [len(target) for _, target in (diabetes(0).train, diabetes(0).validation, diabetes(0).test)]
    [266, 88, 88]
    """
    table = read_table(diabetes_file(path))
    values, target = table.values[:, :-1], table.values[:, -1:]
    rest, test = split_rows(len(table), 0.2, seed)
    inner, chosen = split_rows(len(rest), 0.25, seed)
    train, validation = rest[inner], rest[chosen]
    scale, target_scale = Scale.of(values[train]), Scale.of(target[train])
    parts = [
        (scale.standardize(values[rows]), target_scale.standardize(target[rows])) for rows in (train, validation, test)
    ]
    return Sample(*parts)


def tent(x: Array, times: int) -> Array:
    """The triangle wave of 2**(times - 1) teeth on [0, 1]: the tent map, iterated (Telgarsky 2016).

    A shallow net needs exponentially many units for it, a net of `times` layers a few per layer.

    >>> tent(np.array([0.0, 0.125, 0.25, 0.5]), 2).tolist()
    [0.0, 0.5, 1.0, 0.0]
    """
    for _ in range(times):
        x = 1 - np.abs(1 - 2 * x)
    return x


def triangle(seed: int, times: int = 3, rows: int = 128) -> Sample:
    """The triangle wave at random points of [0, 1]; inputs and targets are rescaled to [-1, 1]."""
    random = np.random.default_rng(seed)

    def part(count: int) -> Rows:
        x = random.random((count, 1))
        return 2 * x - 1, 2 * tent(x, times) - 1

    return Sample(part(rows), part(rows), part(2 * rows))


SAMPLES: dict[str, Callable[[int], Sample]] = {"diabetes": diabetes, "triangle": triangle}
