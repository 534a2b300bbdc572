"""Initial distributions by name, for the weights of any layer kind.

A weight is a parameter of two axes or more that are longer than 1; others (biases, gains, statistics) keep the start of
their kind. A weight whose start has a deviation of 1/sqrt(n) sums over n inputs, and its axes of that size are the
inputs; if none are, its first axis is. The other axes are the outputs. A table of an embedding is a
matrix of one-hot rows: its rows are the inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations
from math import prod
from re import fullmatch

import numpy as np

from symfold.base.arguments import NumpyArray, one_of, quoted
from symfold.core.leaves import Fixed, Normal
from symfold.core.stacked_inputs import Leaf
from symfold.errors import InvalidType, unknown

Random = np.random.Generator


@dataclass(frozen=True)
class WeightShape:
    """The shape of a weight, and which of its axes are inputs.

    >>> WeightShape((4, 3, 5, 5), Normal(0.0, 75**-0.5)).fans, WeightShape((2, 6), Normal()).fans
    ((75, 100), (2, 6))
    """

    sizes: tuple[int, ...]
    start: Normal

    @cached_property
    def input_axes(self) -> tuple[int, ...]:
        long = [axis for axis, size in enumerate(self.sizes) if size != 1]
        inputs = round(self.start.deviation**-2) if 0 < self.start.deviation < 1 else 0
        groups = chain.from_iterable(combinations(long, count) for count in range(1, len(long)))
        return next((axes for axes in groups if prod(self.sizes[axis] for axis in axes) == inputs), (long[0],))

    @cached_property
    def fans(self) -> tuple[int, int]:
        """The number of inputs that an output sums over, and of outputs that read an input."""
        inputs = prod(self.sizes[axis] for axis in self.input_axes)
        window = prod(self.sizes[2:]) if len(self.sizes) == 4 and self.input_axes == (1, 2, 3) else 1
        return inputs, prod(self.sizes) // max(1, inputs) * window


Draw = Callable[[Random, int, WeightShape], NumpyArray]  # the numbers of several weights of one shape
Variance = Callable[[int, int], float]  # of the numbers of inputs and outputs


def normal(variance: Variance) -> Draw:
    """Normal numbers of a variance."""
    return lambda random, count, shape: variance(*shape.fans) ** 0.5 * random.standard_normal((count, *shape.sizes))


def uniform(variance: Variance) -> Draw:
    """Numbers of a variance, uniform between two bounds."""
    return lambda random, count, shape: (
        (3 * variance(*shape.fans)) ** 0.5 * random.uniform(-1.0, 1.0, (count, *shape.sizes))
    )


def orthogonal(random: Random, count: int, shape: WeightShape) -> NumpyArray:
    """Matrices (inputs, outputs) whose rows, or else columns, are orthonormal, uniformly among these."""
    inside = shape.input_axes
    order = (*inside, *(axis for axis in range(len(shape.sizes)) if axis not in inside))
    rows = prod(shape.sizes[axis] for axis in inside)
    columns = prod(shape.sizes) // max(1, rows)
    q, r = np.linalg.qr(random.standard_normal((count, max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[:, None, :]
    matrices = q if rows >= columns else q.swapaxes(-1, -2)
    arranged = matrices.reshape((count, *(shape.sizes[axis] for axis in order)))
    result: NumpyArray = np.moveaxis(arranged, range(1, len(order) + 1), [1 + axis for axis in order])
    return result


DRAWS: dict[str, Draw] = {
    "glorot": uniform(lambda inputs, outputs: 2 / (inputs + outputs)),
    "glorot_normal": normal(lambda inputs, outputs: 2 / (inputs + outputs)),
    "he": normal(lambda inputs, outputs: 2 / inputs),
    "he_uniform": uniform(lambda inputs, outputs: 2 / inputs),
    "normal": normal(lambda inputs, outputs: 1 / inputs),
    "orthogonal": orthogonal,
    "uniform": uniform(lambda inputs, outputs: 1 / (3 * inputs)),
    "zeros": lambda random, count, shape: np.zeros((count, *shape.sizes)),
}


def weight_shape(leaf: Leaf) -> WeightShape | None:
    """The shape of a weight; None for any other parameter."""
    sizes = tuple(int(size) for size in leaf.op.shape)
    if isinstance(leaf.op.start, Fixed) or sum(size != 1 for size in sizes) < 2:
        return None
    return WeightShape(sizes, leaf.op.start or Normal())


def checked_names(by: str | Mapping[str, str] | None, parameters: Iterable[str]) -> Callable[[str], Draw | None]:
    """The distribution for a parameter's name; None for that of its kind. A mapping holds names or prefixes of them.

    >>> checked_names({"W": "zeros"}, ["W1", "W2", "b1"])("W2") is DRAWS["zeros"]
    True
    """
    if by is None:
        return lambda name: None
    if isinstance(by, str):
        draw = DRAWS[one_of("initialization", by, DRAWS)]
        return lambda name: draw
    if not isinstance(by, Mapping):
        raise InvalidType(
            f"by={quoted(by)} is neither the name of an initialization nor a mapping from parameters to such names "
            "(as by='he', or by={'W': 'orthogonal'} for W1, W2, ...)"
        )
    draws = {name: DRAWS[one_of("initialization", value, DRAWS)] for name, value in by.items()}
    names = list(parameters)
    for key in draws:
        if not any(matches(key, name) for name in names):
            raise unknown("parameter", key, names)
    return lambda name: next((draw for key, draw in draws.items() if matches(key, name)), None)


def matches(key: str, name: str) -> bool:
    """Whether a key is the name of a parameter or its prefix: `W` for `W1` and `W_gate`."""
    return name == key or (name.startswith(key) and fullmatch(r"\d+|_\w+", name[len(key) :]) is not None)
