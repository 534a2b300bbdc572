"""Windows of neighboring entries in ONNX, and their adjoint, for the bodies of convolutions and pools."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

import numpy as np

from symfold.core import primitives as p
from symfold.core.nodes import Node
from symfold.core.shapes import Shape, is_concrete
from symfold.errors import NoRule
from symfold.exchange.onnx.arrangement import padded
from symfold.exchange.onnx.graph import Graph


def windows(
    graph: Graph,
    node: Node,
    names: Sequence[str],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    fill: float,
) -> str:
    """Every window: a slice per position within the window, stacked."""
    shape = node.args[0].shape
    free = (0,) * (len(shape) - len(kernel))
    value = padded(graph, names[0], (*free, *padding), (*free, *padding), fill) if any(padding) else names[0]
    places, axes = concrete_places(node.shape, kernel), graph.integers(range(-len(kernel), 0))
    parts = []
    for at in p.window_slices(places, kernel, stride, dilation):
        ends = ([part.start for part in at[1:]], [part.stop for part in at[1:]], [part.step for part in at[1:]])
        first, last, steps = map(graph.integers, ends)
        parts.append(
            graph.emit("Unsqueeze", graph.emit("Slice", value, first, last, axes, steps), graph.integers([-1]))
        )
    return graph.emit("Reshape", graph.emit("Concat", *parts, axis=-1), graph.shape(node.shape))


def add_windows(
    graph: Graph,
    node: Node,
    names: Sequence[str],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    fill: float,
) -> str:
    """Overlapping windows added up: entries per position within the window, dilated by the stride, padded, summed."""
    rank, shape = len(kernel), node.shape
    places, free = concrete_places(node.args[0].shape, kernel), len(shape) - len(kernel)
    long = [(n - 1) * s + 1 for n, s in zip(places, stride, strict=True)]
    flat = graph.emit("Reshape", names[0], graph.shape((*shape[:free], *places, prod(kernel))))
    parts = []
    for number, at in enumerate(product(*map(range, kernel))):
        part = graph.emit("Gather", flat, graph.constant(number, np.int64), axis=-1)
        for axis, step in enumerate(stride):
            if step > 1:  # zeros between entries: pad a new axis after this one, and merge the two
                unsqueezed = graph.emit("Unsqueeze", part, graph.integers([free + axis + 1]))
                after = (*(0,) * (free + axis + 1), step - 1, *(0,) * (len(shape) - axis - free - 1))
                with_zeros = padded(graph, unsqueezed, (0,) * (len(shape) + 1), after)
                merged = (*shape[:free], *long[:axis], places[axis] * step, *places[axis + 1 :])
                dilated = graph.emit("Reshape", with_zeros, graph.shape(merged))
                bounds = graph.integers([0]), graph.integers([long[axis]]), graph.integers([free + axis])
                part = graph.emit("Slice", dilated, *bounds)
        before = [k * d for k, d in zip(at, dilation, strict=True)]
        behind = [n + 2 * q - b - m for n, q, b, m in zip(shape[free:], padding, before, long, strict=True)]
        parts.append(padded(graph, part, (*(0,) * free, *before), (*(0,) * free, *behind)))
    total = graph.emit("Sum", *parts)
    starts, ends = list(padding), [n + q for n, q in zip(shape[free:], padding, strict=True)]
    return graph.emit("Slice", total, graph.integers(starts), graph.integers(ends), graph.integers(range(-rank, 0)))


def concrete_places(shape: Shape, kernel: Sequence[int]) -> tuple[int, ...]:
    places = shape[-2 * len(kernel) : -len(kernel)]
    if not is_concrete(places):
        raise NoRule(
            "windows over an axis of unknown size cannot be written for ONNX "
            "(give the inputs their sizes: shapes={'x': (32, 3, 8, 8)})"
        )
    return places
