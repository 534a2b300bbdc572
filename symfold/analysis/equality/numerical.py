"""Nets compared in numbers, at random points of many magnitudes: what is left where nothing exact decides.

Floating point finds where nets may differ; many digits tell whether they do, or whether it was rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from symfold.analysis.equality.multiprecision import compare_precisely
from symfold.analysis.equality.smooth_layers import Smooth, generator, sizes
from symfold.compute.random_inputs import drawn, rows_of
from symfold.errors import NoRule, ShapeError
from symfold.transform.specialize import with_shapes

TOLERANCE = 1e-9  # relative: what rounding explains
SUSPECT = 1e-13  # relative: what is looked at in many digits
APART = 1e-6  # relative: what rounding does not explain
MAGNITUDES = (1.0, 10.0, 0.1, 1.0, 100.0, 1.0, 1e4, 0.001, 1.0, 1e10, 3.0, 1e6)  # of the inputs, point after point
POINTS = 36  # three times each
FEWEST = 3
MOST_STEPS = 30_000  # over all points
PRECISE = 4  # points at which nets that agree are compared to many digits
MOST_PRECISE = 10  # points that are looked at in many digits


@dataclass(frozen=True)
class Numbers:
    """What was found at random points: whether the nets differ (None: not clear), how much, and where."""

    equal: bool | None
    difference: float  # relative, the largest that was met
    points: int  # that gave finite numbers
    values: tuple[float, float] = (0.0, 0.0)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)  # those that were drawn
    place: tuple[int, ...] = ()
    positive: bool = False  # whether the inputs are, and what the layers give
    spread: str = ""  # where an output is one value for the entries of the other
    digits: int = 0  # points at which the nets agree to many digits as well
    verified: bool = False  # whether the difference was seen in many digits


def compare_numbers(a: Any, b: Any, seed: int, steps: float = 0) -> Numbers:
    """Both nets at random points; where none gives finite numbers, as under a root, at positive ones.

    Parameters and opaque layers are drawn anew at each point. `steps` is what both nets take, from which the number of points follows.

    >>> import symfold as sf
    >>> x = sf.tensor("x")
    >>> compare_numbers(sf.Net.of(sf.tanh(2 * x)), sf.Net.of(2 * sf.tanh(x) / (1 + sf.tanh(x)**2)), seed=0).equal
    True
    >>> compare_numbers(sf.Net.of(sf.relu(sf.tanh(x / 10**9) - 0.5)), sf.Net.of(0 * x), seed=0).equal
    False
    """
    number = max(FEWEST, min(POINTS, int(MOST_STEPS // max(1, steps))))
    rows = rows_of([a, b], {node.op.name: sizes(node) for node in a.inputs})
    best, finite, digits, asked = Numbers(None, 0.0, 0), 0, 0, 0
    for point in [*range(number), *range(POINTS, POINTS + FEWEST)]:
        positive, magnitude, key = point >= POINTS, MAGNITUDES[point % len(MAGNITUDES)], f"{seed} point {point}"
        if positive and finite:
            break
        inputs = _drawn(a, rows, key, magnitude, positive)
        found = _compared(a, b, inputs, key, positive)
        if not found.points:
            best = best if best.points else found
            continue
        finite += 1
        precise = None
        if asked < MOST_PRECISE and (digits < PRECISE or found.difference > SUSPECT):
            precise = compare_precisely(a, b, inputs, key, positive)
            asked = asked + 1 if precise is not None else MOST_PRECISE
        if precise is not None and precise.same:
            digits += 1
            best = best if best.points else replace(found, difference=0.0)
        elif (
            precise is not None and precise.differs is not None and not (precise.rounded and precise.relative <= APART)
        ):
            place, left, right, gap = precise.differs
            return replace(
                found, equal=False, difference=gap, values=(left, right), place=place, points=finite, verified=True
            )
        elif (
            magnitude == 1.0 or positive or found.difference <= TOLERANCE
        ):  # at large numbers, rounding alone may be as large
            best = found if found.difference > best.difference or not best.points else best
    agreed = best.difference <= TOLERANCE if finite else None
    return replace(best, points=finite, equal=False if best.difference > APART else agreed or None, digits=digits)


def _drawn(net: Any, rows: Mapping[str, int], key: str, magnitude: float, positive: bool) -> dict[str, Any]:
    """Inputs at random: of both signs, or positive; numbers of rows as they are."""
    found = drawn(
        {node.op.name: sizes(node) for node in net.inputs}, rows, lambda name: generator(key, f"input {name}")
    )
    return {
        name: array if name in rows else np.exp(2 * array) if positive else magnitude * array
        for name, array in found.items()
    }


def _compared(a: Any, b: Any, inputs: Mapping[str, Any], key: str, positive: bool) -> Numbers:
    """Both nets at one point, in floating point."""
    best = Numbers(None, 0.0, 0, inputs={name: array.tolist() for name, array in inputs.items()}, positive=positive)
    with np.errstate(all="ignore"):
        found, evaluators = zip(*(_evaluated(net, inputs, key, positive) for net in (a, b)), strict=True)
    best = replace(
        best, params={name: array.tolist() for evaluator in evaluators for name, array in evaluator.drawn.items()}
    )
    for output, (left, right) in enumerate(zip(*found, strict=True)):
        if left.shape != right.shape:
            best = replace(
                best, spread=f"output {output + 1} has shape {left.shape} in one and {right.shape} in the other"
            )
            try:
                left, right = np.broadcast_arrays(left, right)
            except ValueError:
                raise ShapeError(best.spread) from None
        clear = np.isfinite(left) & np.isfinite(right)
        if left.size and not np.any(clear):
            continue
        with np.errstate(all="ignore"):
            scale = np.max(np.where(clear, np.maximum(np.abs(left), np.abs(right)), 0.0), initial=1.0)
            gap = np.where(clear, np.abs(left - right), 0.0) / scale
        worst = float(np.max(gap, initial=0.0))
        if worst > best.difference or not best.points:
            where = tuple(int(k) for k in np.unravel_index(int(np.argmax(gap)), gap.shape)) if gap.size else ()
            pair = (float(left[where]), float(right[where])) if gap.size else (0.0, 0.0)
            best = replace(best, difference=worst, points=1, values=pair, place=(output, *where))
    return best


def _evaluated(net: Any, values: Mapping[str, Any], key: str, positive: bool) -> tuple[list[Any], Smooth]:
    shaped = with_shapes(net, {name: np.shape(value) for name, value in values.items()})
    evaluator = Smooth({name: np.asarray(value, dtype=float) for name, value in values.items()}, key, positive)
    try:
        results = evaluator.run_whole(shaped.outputs)
    except NoRule:
        return [np.asarray(np.nan)] * len(net.outputs), evaluator
    return [np.asarray(value, dtype=float) for value in results], evaluator
