"""Numbers for the plots: nets with random smooth layers of adjustable strength, drawn by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.compute.random_inputs import drawn, rows_of
from symfold.core.blocks import Call
from symfold.core.folds import walk_inside
from symfold.core.leaves import Normal, tensor
from symfold.core.names import applied_layers, label, names_of
from symfold.core.net import Net
from symfold.core.primitives import dot
from symfold.core.shapes import Shape, is_known
from symfold.core.stacked_inputs import Names, Numbered
from symfold.errors import InvalidValue
from symfold.frontend.elementwise import tanh
from symfold.frontend.layer_kinds import Weight, make_kind

SEEDS = tuple(range(10))
WIDTH, ROWS, HIDDEN = 5, 3, 8  # of random inputs of unknown size, and of the layers
STRENGTH = "strength"
LAYERS = f"layers tanh(z W + b) V with random weights, {len(SEEDS)} draws"


def with_layers(net: Net, strength: bool = False) -> Net:
    """The net with layers tanh(z W + b) V for its opaque ones; with `strength`, an input of that name scales them.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x"))
    >>> with_layers(net, strength=True).inputs
    (x, strength)
    """
    calls = list(applied_layers(net.outputs))
    if any(node.op.name == STRENGTH for node in net.inputs):
        raise InvalidValue(f"an input is named {STRENGTH!r}, which the measurements need for themselves (rename it)")
    if not calls:
        raise InvalidValue("these nets apply no layers, so there is nothing to measure")
    opaque = [(op, args[0]) for op, args in calls if op.body is None]
    if not opaque or len(opaque) < len(calls) or any(op.arity != 1 for op, _ in opaque):
        raise InvalidValue(
            "measurements put random layers in the place of opaque layers of one argument, and these nets have others"
        )
    width = width_of(net)
    weights = tuple(
        Weight(name, shape, Normal())
        for name, shape in (("W", (width, HIDDEN)), ("b", (1, HIDDEN)), ("V", (HIDDEN, width)))
    )
    factor = tensor(STRENGTH, ()) if strength else None

    def body(z: object, W: object, b: object, V: object) -> Any:
        value = dot(tanh(dot(z, W) + b), V)
        return value if factor is None else factor * value

    kind = make_kind(body, 1, weights)
    names = dict.fromkeys(_stem(names_of(name)) for _, name in opaque)
    return net.bind(dict.fromkeys(names, kind))


def _stem(names: Names) -> str:
    """The prefix of numbered names: binding it binds all of them."""
    return names.prefix if isinstance(names, Numbered) else label(names[0])


def width_of(net: Net) -> int:
    """The size of the last axis of the layers' inputs, if one is known."""
    widths = (node.args[1].shape[-1] for node in walk_inside(net.outputs) if isinstance(node.op, Call))
    return next((size for size in widths if isinstance(size, int)), WIDTH)


def draw(nets: Sequence[Net], seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and inputs for several nets, drawn once per name."""
    random = np.random.default_rng(seed)
    params = {node.op.name: node.shape for net in nets for node in net.params}
    inputs = {node.op.name: node.shape for net in nets for node in net.inputs if node.op.name != STRENGTH}
    width = width_of(nets[0])
    values = {
        name: random.standard_normal(shape) * (0.5 if shape[:1] in ((), (1,)) else shape[0] ** -0.5)
        for name, shape in sorted(params.items())
    }
    picked = rows_of(nets)
    free = {
        name: shape
        if all(isinstance(size, int) for size in shape)
        else _some(shape)
        if name in picked
        else (ROWS, width)
        for name, shape in sorted(inputs.items())
    }
    return values, drawn(free, rows_of(nets, free), lambda name: random)


def _some(shape: Shape) -> tuple[int, ...]:
    """A shape of row numbers, with a default for unknown sizes."""
    return tuple(size if isinstance(size, int) else ROWS for size in shape) if is_known(shape) else (ROWS,)


def norm(value: NumpyArray) -> float:
    return float(np.sqrt(np.mean(np.square(value))))


def band(rows: Sequence[Sequence[float]]) -> tuple[list[float], list[tuple[float, float]]]:
    """The median over the draws at each place, and the range from the least to the largest."""
    columns = np.array(rows)
    return np.median(columns, axis=0).tolist(), list(
        zip(columns.min(axis=0).tolist(), columns.max(axis=0).tolist(), strict=True)
    )


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The exponent of a power law through points, by least squares in logarithms; nan unless all values are positive.

    >>> round(slope([0.1, 0.2, 0.4], [0.03, 0.12, 0.48]), 6)
    2.0
    """
    if min(ys) <= 0:
        return float("nan")
    return float(np.polyfit(np.log(xs), np.log(ys), 1)[0])


def each_draw(
    measure: Callable[[dict[str, NumpyArray], dict[str, NumpyArray]], Sequence[float]], nets: Sequence[Net]
) -> list[list[float]]:
    """A measurement for every draw of layers and inputs."""
    return [[float(value) for value in measure(*draw(nets, seed))] for seed in SEEDS]
