"""Gradients against finite differences, as a public tool for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symfold.base.arguments import array_of, quoted, real, whole
from symfold.base.public import public
from symfold.compute.bounded_inputs import unbounded
from symfold.compute.compile import small_shapes
from symfold.compute.parameters import init
from symfold.compute.random_inputs import drawn, rows_of
from symfold.core.net import Net
from symfold.errors import GradientError, InvalidType
from symfold.training.step_counter import STEP
from symfold.transform.autodiff.differentiate import value_and_grad


@public
def check_grad(
    loss: object, values: Mapping[str, object] | None = None, *, seed: int = 0, tolerance: float = 1e-4
) -> float:
    """Compare the adjoint of a loss with central differences; return the worst relative difference.

    Values of inputs and parameters are drawn from `seed` unless given; unknown sizes are 2. For every input and
    parameter, the slope along a random direction is compared; inputs that index rows of tables have none. Raises
    `GradientError` above the tolerance.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3, sf.sigmoid)), sf.tensor("x", (None, 3)))
    >>> check_grad(sf.squared_error(net, sf.tensor("target", (None, 3)))) < 1e-6
    True
    """
    net, tolerance = unbounded(Net.of(loss)), real("tolerance", tolerance, above=0)
    if values is not None and not isinstance(values, Mapping):
        raise InvalidType(f"values must be a mapping from names to arrays, got {quoted(values)} (as {{'x': array}})")
    generator = np.random.default_rng(whole("seed", seed))
    point: dict[str, Any] = {name: np.array(value) for name, value in init(net, seed).items()}
    for name in point:  # biases at zero would test little: move everything off its start
        if name != STEP.op.name:  # a number of steps
            point[name] = point[name] + 0.5 * generator.standard_normal(point[name].shape)
    given = {name: array_of(f"the value of {name!r}", value).astype(float) for name, value in (values or {}).items()}
    shapes = small_shapes(net)
    rows = rows_of([net], {name: given[name].shape if name in given else shape for name, shape in shapes.items()})
    point |= drawn(shapes, rows, lambda name: generator)
    point |= given
    names = tuple(name for name in point if name not in rows and name != STEP.op.name)  # whole numbers have no slope
    run = net.compile()
    _, gradient = value_and_grad(net, wrt=names).compile()({}, **point)
    worst, where = 0.0, ""
    for name in names:
        direction = generator.standard_normal(point[name].shape)
        step = 1e-5 * max(1.0, float(np.max(np.abs(point[name]), initial=0.0)))
        ahead, behind = (float(run({}, **{**point, name: point[name] + sign * step * direction})) for sign in (1, -1))
        measured = (ahead - behind) / (2 * step)
        derived = float(np.sum(gradient[name] * direction))
        # differences cannot resolve slopes below the rounding of the loss
        floor = 1e-10 * max(abs(ahead), abs(behind), 1.0) / step
        ratio = abs(measured - derived) / max(abs(measured), abs(derived), floor)
        if not ratio <= worst:
            worst = ratio
            where = f"{name!r}: the adjoint gives a slope of {derived:.9g}, differences give {measured:.9g}"
    if not worst <= tolerance:
        raise GradientError(
            f"the gradient disagrees with finite differences for {where} (ratio {worst:.2g}, allowed {tolerance:.2g})"
        )
    return worst
