"""Numerical comparison of nets at random points of many magnitudes, if no exact method decides.

Floating point finds points at which nets may differ; many digits separate differences from rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from symfold.analysis.equality.multiprecision import compare_precisely
from symfold.analysis.equality.smooth_layers import SmoothEvaluator, generator, sizes
from symfold.compute.random_inputs import drawn, rows_of
from symfold.errors import NoRule, ShapeError
from symfold.transform.specialize import with_shapes

TOLERANCE = 1e-9  # relative difference that rounding explains
SUSPECT = 1e-13  # relative difference above which many digits are computed
APART = 1e-6  # relative difference that rounding does not explain
MAGNITUDES = (1.0, 10.0, 0.1, 1.0, 100.0, 1.0, 1e4, 0.001, 1.0, 1e10, 3.0, 1e6)  # of the inputs, point by point
POINTS = 36  # three times each
FEWEST = 3
MOST_STEPS = 30_000  # over all points
PRECISE = 4  # points at which nets that agree are compared to many digits
MOST_PRECISE = 10  # points at which many digits are computed


@dataclass(frozen=True)
class NumericalComparison:
    """The result at random points: whether the nets are equal (None: unclear), how much they differ, and where."""

    equal: bool | None
    difference: float  # relative, the largest
    points: int  # with finite values
    values: tuple[float, float] = (0.0, 0.0)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)  # the random ones
    place: tuple[int, ...] = ()
    positive: bool = False  # whether inputs and values of layers are
    spread: str = ""  # if an output was broadcast to the shape of the other
    digits: int = 0  # points at which the nets also agree to many digits
    verified: bool = False  # whether many digits confirm the difference


def compare_numbers(a: Any, b: Any, seed: int, steps: float = 0) -> NumericalComparison:
    """Both nets at random points; at positive points if no other gives finite values, as under a root.

    Each point has new parameters and opaque layers. The number of points depends on `steps`, those of both nets.

    >>> import symfold as sf
    >>> x = sf.tensor("x")
    >>> compare_numbers(sf.Net.of(sf.tanh(2 * x)), sf.Net.of(2 * sf.tanh(x) / (1 + sf.tanh(x)**2)), seed=0).equal
    True
    >>> compare_numbers(sf.Net.of(sf.relu(sf.tanh(x / 10**9) - 0.5)), sf.Net.of(0 * x), seed=0).equal
    False
    """
    number = max(FEWEST, min(POINTS, int(MOST_STEPS // max(1, steps))))
    rows = rows_of([a, b], {node.op.name: sizes(node) for node in a.inputs})
    best, finite, digits, asked = NumericalComparison(None, 0.0, 0), 0, 0, 0
    shaped: list[Any] = []
    for point in [*range(number), *range(POINTS, POINTS + FEWEST)]:
        positive, magnitude, key = point >= POINTS, MAGNITUDES[point % len(MAGNITUDES)], f"{seed} point {point}"
        if positive and finite:
            break
        inputs = _drawn(a, rows, key, magnitude, positive)
        shaped = shaped or [
            with_shapes(net, {name: np.shape(value) for name, value in inputs.items()}) for net in (a, b)
        ]
        result = _compared(shaped, inputs, key, positive)
        if not result.points:
            best = best if best.points else result
            continue
        finite += 1
        precise = None
        if asked < MOST_PRECISE and (digits < PRECISE or result.difference > SUSPECT):
            precise = compare_precisely(a, b, inputs, key, positive)
            asked = asked + 1 if precise is not None else MOST_PRECISE
        if precise is not None and precise.same:
            digits += 1
            best = best if best.points else replace(result, difference=0.0)
        elif (
            precise is not None and precise.differs is not None and not (precise.rounded and precise.relative <= APART)
        ):
            place, left, right, gap = precise.differs
            verified = replace(result, difference=gap, values=(left, right), place=place, verified=True)
            return replace(_listed(verified), equal=False, points=finite)
        elif precise is None and magnitude == 1.0 and result.difference > APART:  # no other point changes the answer
            return replace(_listed(result), equal=False, points=finite, digits=digits)
        elif magnitude == 1.0 or positive or result.difference <= TOLERANCE:  # large numbers have large rounding errors
            best = result if result.difference > best.difference or not best.points else best
    agreed = best.difference <= TOLERANCE if finite else None
    equal = False if best.difference > APART else agreed or None
    return replace(_listed(best), points=finite, equal=equal, digits=digits)


def _listed(result: NumericalComparison) -> NumericalComparison:
    """The same result, its arrays as lists."""
    inputs, params = (
        {name: np.asarray(array).tolist() for name, array in arrays.items()}
        for arrays in (result.inputs, result.params)
    )
    return replace(result, inputs=inputs, params=params)


def _drawn(net: Any, rows: Mapping[str, int], key: str, magnitude: float, positive: bool) -> dict[str, Any]:
    """Random inputs, of both signs or positive; row numbers are not scaled."""
    arrays = drawn(
        {node.op.name: sizes(node) for node in net.inputs}, rows, lambda name: generator(key, f"input {name}")
    )
    return {
        name: array if name in rows else np.exp(2 * array) if positive else magnitude * array
        for name, array in arrays.items()
    }


def _compared(nets: Sequence[Any], inputs: Mapping[str, Any], key: str, positive: bool) -> NumericalComparison:
    """Both nets at one point, in floating point."""
    with np.errstate(all="ignore"):
        outputs, evaluators = zip(*(_evaluated(net, inputs, key, positive) for net in nets), strict=True)
    params = {name: array for evaluator in evaluators for name, array in evaluator.drawn.items()}
    best = NumericalComparison(None, 0.0, 0, inputs=inputs, params=params, positive=positive)
    for output, (left, right) in enumerate(zip(*outputs, strict=True)):
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
            index = tuple(int(k) for k in np.unravel_index(int(np.argmax(gap)), gap.shape)) if gap.size else ()
            pair = (float(left[index]), float(right[index])) if gap.size else (0.0, 0.0)
            best = replace(best, difference=worst, points=1, values=pair, place=(output, *index))
    return best


def _evaluated(net: Any, values: Mapping[str, Any], key: str, positive: bool) -> tuple[list[Any], SmoothEvaluator]:
    evaluator = SmoothEvaluator({name: np.asarray(value, dtype=float) for name, value in values.items()}, key, positive)
    try:
        results = evaluator.run_whole(net.outputs)
    except NoRule:
        return [np.asarray(np.nan)] * len(net.outputs), evaluator
    return [np.asarray(value, dtype=float) for value in results], evaluator
