"""The catalogue: every experiment by name, its full and its quick run, and its numbers as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from symfold.apps.experiments.bands import Band, band
from symfold.apps.experiments.epsilon import Epsilon, by_strength
from symfold.apps.experiments.lesions import Lesions, lesion_curves
from symfold.apps.experiments.paths import PathLengths, path_lengths
from symfold.apps.experiments.summary import name_of
from symfold.apps.experiments.training import RATES
from symfold.apps.experiments.where_and_when import TwoByTwo, two_by_two


@dataclass(frozen=True)
class Experiment:
    """One experiment: its question, and its runs from seeds and the diabetes file, full and quick."""

    question: str
    full: Callable[[int, str | Path | None], Any]
    quick: Callable[[int, str | Path | None], Any]


EXPERIMENTS: dict[str, Experiment] = {
    "epsilon": Experiment(
        "How far are a residual and a boosting net of the same layers apart, against the strength of the layers?",
        lambda seeds, data: by_strength(seeds),
        lambda seeds, data: by_strength(seeds, depth=3),
    ),
    "lesions": Experiment(
        "What does it do to the test error to delete layers of a trained net, or to exchange pairs of them?",
        lambda seeds, data: lesion_curves(seeds, data=data),
        lambda seeds, data: lesion_curves(seeds, depth=3, epochs=8, draws=1, rates=(0.01,), data=data),
    ),
    "paths": Experiment(
        "Along paths of which lengths does the gradient of a trained residual net come?",
        lambda seeds, data: path_lengths(seeds, data=data),
        lambda seeds, data: path_lengths(seeds, depth=4, epochs=8, rates=(0.01,), data=data),
    ),
    "diabetes": Experiment(
        "Where a layer reads and when it is fitted: what does that do to the test error on the diabetes data?",
        lambda seeds, data: two_by_two("diabetes", seeds, data=data),
        lambda seeds, data: two_by_two("diabetes", seeds, epochs=12, choosing=1, rates=(0.01, 0.03), data=data),
    ),
    "triangle": Experiment(
        "The same on a triangle wave of 8 pieces, the tent map three times: a function made by "
        "depth. 8 layers of 4 units.",
        lambda seeds, data: two_by_two("triangle", seeds, rates=RATES[1:]),
        lambda seeds, data: two_by_two("triangle", seeds, epochs=16, choosing=1, rates=(0.01, 0.03)),
    ),
    "narrow": Experiment(
        "The same wave with 8 layers of 2 units: there are no more than twice as many units as pieces.",
        lambda seeds, data: two_by_two("triangle", seeds, hidden=2, rates=RATES[1:]),
        lambda seeds, data: two_by_two("triangle", seeds, hidden=2, epochs=16, choosing=1, rates=(0.01, 0.03)),
    ),
}


def table(result: object) -> list[str]:
    """The numbers of a result, one line per row; bands as mean [low, high].

    >>> for line in table(by_strength(seeds=2, depth=3, strengths=(0.1, 0.05))): print(line)
    strength  difference                without the second order
    0.1       0.0... [...]...
    0.05      0.0... [...]...
    """
    return aligned(ROWS[type(result)](result))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of words in columns.

    >>> aligned([["a", "b"], ["long", "c"]])
    ['a     b', 'long  c']
    """
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _entries(found: Band) -> list[str]:
    return [str(Band(*parts)) for parts in zip(found.mean, found.low, found.high, strict=True)]


def _epsilon(found: Epsilon) -> list[list[str]]:
    columns = (
        [f"{strength:g}" for strength in found.strengths],
        _entries(band(found.difference)),
        _entries(band(found.remainder)),
    )
    return [["strength", "difference", "without the second order"], *map(list, zip(*columns, strict=True))]


def _lesions(found: Lesions) -> list[list[str]]:
    heads, columns = ["number"], [[str(number) for number in found.numbers]]
    for what, curve in (("deleted", found.deletion), ("exchanged", found.exchange)):
        heads += [f"{net}, {what}" for net in found.nets]
        columns += [_entries(curve(net)) for net in found.nets]
    return [heads, *map(list, zip(*columns, strict=True))]


def _paths(found: PathLengths) -> list[list[str]]:
    columns = [str(k) for k in range(found.depth + 1)], [str(count) for count in found.counts]
    measured = [_entries(band(values)) for values in (found.path_norm, found.norm, found.share, found.magnitude)]
    heads = ["length", "paths", "norm of one", "norm of all", "share along the gradient", "share of count * norm"]
    return [heads, *map(list, zip(*columns, *measured, strict=True))]


def _two_by_two(found: TwoByTwo) -> list[list[str]]:
    rows = [["arm", "test error", "training error", "rate", "steepness"]]
    for arm, train, (rate, steepness) in zip(found.arms, found.train, found.chosen, strict=True):
        rows.append([name_of(arm), str(found.test_band(arm)), str(band(train)), f"{rate:g}", f"{steepness:g}"])
    return [
        *rows,
        ["least squares", str(found.linear_band), "", "", ""],
        ["mean of the training rows", str(band(found.mean)), "", "", ""],
    ]


ROWS: dict[type, Callable[[Any], list[list[str]]]] = {
    Epsilon: _epsilon, Lesions: _lesions, PathLengths: _paths, TwoByTwo: _two_by_two,
}  # fmt: skip
