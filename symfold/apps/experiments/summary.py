"""Summary: the conclusions that the measurements support, in sentences made from the numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symfold.apps.experiments.bands import Band
from symfold.apps.experiments.epsilon import Epsilon
from symfold.apps.experiments.learners import RealLearners
from symfold.apps.experiments.lesions import Lesions
from symfold.apps.experiments.paths import PathLengths
from symfold.apps.experiments.where_and_when import Arm, TwoByTwo
from symfold.base.public import public

CAVEAT = (
    "Bands are means over the seeds with two standard errors to each side, each by itself: among many comparisons, "
    "some lie outside by chance. What is said holds for these nets, data and budgets."
)


@public
def summary(result: object) -> list[str]:
    """The sentences of a result of any experiment.

    >>> from symfold.apps.experiments import by_strength
    >>> print(summary(by_strength(seeds=2, depth=3))[0])
    The difference between the residual and the boosting net goes with strength to the power 2.00 [...
    """
    return SENTENCES[type(result)](result)


def compared(one: str, other: str, bands: tuple[Band, Band], apart: Band) -> str:
    """Which of two has the lower error, if any: by the differences seed by seed, and by the bands themselves.

    >>> wide, low = Band(0.5, 0.3, 0.7), Band(0.4, 0.2, 0.6)
    >>> print(compared("A", "B", (wide, low), Band(0.1, -0.1, 0.3)))
    no difference can be told between A and B (0.1 [-0.1, 0.3], seed by seed)
    >>> print(compared("A", "B", (wide, low), Band(0.1, 0.05, 0.15)))
    A has a higher error than B, by 0.1 [0.05, 0.15] seed by seed (their bands overlap: ...)
    """
    if not np.isfinite([apart.low, apart.high]).all():
        return f"{one} and {other} cannot be compared: a training diverged"
    if apart.holds(0):
        return f"no difference can be told between {one} and {other} ({apart}, seed by seed)"
    overlap = (
        "their bands overlap: over other rows the order may turn"
        if bands[0].overlaps(bands[1])
        else "their bands do not overlap"
    )
    size = apart if apart.mean > 0 else Band(-apart.mean, -apart.high, -apart.low)
    return (
        f"{one} has a {'higher' if apart.mean > 0 else 'lower'} error than {other}, by {size} seed by seed ({overlap})"
    )


def of_epsilon(found: Epsilon) -> list[str]:
    def line(what: str, slope: Band, wanted: int) -> str:
        return (
            f"{what} goes with strength to the power {slope.mean:.2f} [{slope.low:.2f}, "
            f"{slope.high:.2f}]; the series says {wanted}."
        )

    return [
        line("The difference between the residual and the boosting net", found.slope, 2),
        line("What is left of it without the second-order term", found.remainder_slope, 3),
    ]


def of_lesions(found: Lesions) -> list[str]:
    said = []
    for what, done in (("deleted", "one layer deleted"), ("swapped", "one pair of layers exchanged")):
        harms = {net: found.harm(net, what, 1) for net in found.nets}
        said += [f"With {done}, the error of the {net} net {risen(harm)}." for net, harm in harms.items()]
        names = list(harms)
        for k, one in enumerate(names):
            said += [f"With {done}, {more_harmed(one, other, harms[one], harms[other])}." for other in names[k + 1 :]]
    return said


def risen(harm: Band) -> str:
    """The change of an error, in words.

    >>> risen(Band(0.2, 0.1, 0.3)), risen(Band(0.0, -1e-17, 1e-17)), risen(Band(0.1, -0.1, 0.3))
    ('rises by 0.2 [0.1, 0.3]', 'stays the same to rounding', 'changes by 0.1 [-0.1, 0.3]: no rise can be told')
    """
    if max(abs(harm.low), abs(harm.high)) < 1e-9:
        return "stays the same to rounding"
    if harm.holds(0):
        return f"changes by {harm}: no rise can be told"
    return (
        f"{'rises' if harm.mean > 0 else 'falls'} by {Band(abs(harm.mean), *sorted((abs(harm.low), abs(harm.high))))}"
    )


def more_harmed(one: str, other: str, first: Band, second: Band) -> str:
    if first.overlaps(second):
        return f"the bands of the {one} and the {other} net overlap: no difference can be told"
    return (
        f"the {one} net is harmed {'more' if first.mean > second.mean else 'less'} than the "
        f"{other} net (the bands do not overlap)"
    )


def of_paths(found: PathLengths) -> list[str]:
    mean, middle = found.mean_length, found.depth / 2
    against = (
        "no difference can be told from"
        if mean.holds(middle)
        else "shorter than"
        if mean.mean < middle
        else "longer than"
    )
    norms = found.path_norm.mean(axis=0)
    return [
        f"What the paths contribute, summed over all lengths, is the gradient to a relative {found.off.max():.0e}.",
        f"A path through no layer contributes a vector of mean norm {norms[0]:.2g}, one through "
        f"{found.depth // 2} layers {norms[found.depth // 2]:.2g}, "
        f"one through all {found.depth} {norms[-1]:.2g}.",
        f"Weighted by count times mean norm the mean length is {mean}: {against} the mean of all "
        f"paths alike, {middle:g}.",
    ]


def of_two_by_two(found: TwoByTwo) -> list[str]:
    said = [
        f"On the {found.sample} sample, {diverged} of {found.budget.seeds} trainings of {name_of(arm)} diverged."
        for arm, row in zip(found.arms, found.test, strict=True)
        if (diverged := int(np.sum(~np.isfinite(row))))
    ]
    pairs: list[tuple[str, Arm, Arm]] = [
        ("Where, fitted at once", ("residual", "at once"), ("boosting", "at once")),
        ("Where, fitted in stages", ("residual", "stages"), ("boosting", "stages")),
        ("When, residual", ("residual", "stages"), ("residual", "at once")),
        ("When, boosting", ("boosting", "stages"), ("boosting", "at once")),
        ("Shrinkage", ("boosting", "shrinkage"), ("boosting", "stages")),
    ]
    for what, one, other in pairs:
        bands = found.test_band(one), found.test_band(other)
        said.append(f"{what}: {compared(name_of(one), name_of(other), bands, found.apart(one, other))}.")
    best = min(found.arms, key=lambda arm: float(found.test_band(arm).mean))
    gap = found.against_linear(best)
    said.append(
        f"The arm of the least mean error, {name_of(best)}: "
        f"{compared('it', 'least squares', (found.test_band(best), found.linear_band), gap)}."
    )
    if found.at_the_edge:
        said.append(
            f"At an edge of the grid lie the choices of {'; '.join(map(name_of, found.at_the_edge))}: "
            "a wider one might serve better."
        )
    return said


def of_real_learners(found: RealLearners) -> list[str]:
    def line(what: str, one: tuple[str, str, str], other: tuple[str, str, str], names: tuple[str, str]) -> str:
        bands = found.test_band(one), found.test_band(other)
        return f"{what}: {compared(*names, bands, found.apart(one, other))}."

    where = [
        line(
            f"{learner}, {when}",
            (learner, "residual", when),
            (learner, "boosting", when),
            ("reading the state", "reading the input"),
        )
        for learner, when in found.pairs
    ]
    when = [
        line(
            f"{learner}, {reads}",
            (learner, where, "stages"),
            (learner, where, "end to end"),
            ("fitting in stages", "fitting end to end"),
        )
        for learner, time in found.pairs
        if time == "end to end"
        for where, reads in (("boosting", "reading the input"), ("residual", "reading the state"))
    ]
    return where + when


def name_of(arm: Arm) -> str:
    """An arm in words.

    >>> name_of(("boosting", "at once"))
    'boosting fitted at once'
    """
    where, when = arm
    manner = {"at once": "fitted at once", "stages": "in stages"}.get(when, f"with {when}")
    return f"{where} {manner}"


SENTENCES: dict[type, Callable[[Any], list[str]]] = {
    Epsilon: of_epsilon, Lesions: of_lesions, PathLengths: of_paths, TwoByTwo: of_two_by_two,
    RealLearners: of_real_learners,
}  # fmt: skip
