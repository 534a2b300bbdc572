"""Products along axes, and positions of the largest entries."""

from __future__ import annotations

from math import prod

import numpy as np

from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives import at_max, concatenate, reduce_sum, reshape
from symfold.core.shapes import Shape
from symfold.exchange.reading.arrangement import part, reshaped
from symfold.exchange.reading.checks import covered
from symfold.exchange.reading.creation import positions


def first_place(a: Node, axis: int | None = None, keepdims: bool = False) -> Node:
    """The position of the first largest entry along an axis, or of all."""
    axes = tuple(range(len(a.shape))) if axis is None else (axis % len(a.shape),)
    sizes = tuple(size if place in axes else 1 for place, size in enumerate(a.shape))
    count = prod(sizes)
    numbers = as_node(np.arange(count, dtype=np.float64)) if isinstance(count, int) else positions(count)
    return reduce_sum(at_max(a, axis=axes) * reshaped(numbers, sizes), axis=axes, keepdims=keepdims)


def product(shape: Shape, a: Node, axis: int | None = None) -> Node:
    """The product of entries along an axis, factor by factor."""
    flat = reshape(a, shape=(prod(a.shape),)) if axis is None else a
    along = 0 if axis is None else axis % len(a.shape)
    covered(flat.shape[along] <= 64, f"a product of {flat.shape[along]} factors")
    factors = [part(flat, along, k, k + 1) for k in range(flat.shape[along])]
    result = factors[0] if factors else as_node(1)
    for factor in factors[1:]:
        result = result * factor
    return reshaped(result, shape)


def product_over(a: Node, axes: list[int]) -> Node:
    """The product of entries over some axes, counted from the start."""
    for axis in sorted(axes, reverse=True):
        a = product((*a.shape[:axis], *a.shape[axis + 1 :]), a, axis)
    return a


def cumulative_product(a: Node, axis: int) -> Node:
    """Products of the entries up to each one, by doubling (Hillis & Steele 1986)."""
    if not a.shape:
        return a
    axis %= len(a.shape)
    size, by = a.shape[axis], 1
    while by < size:
        first = part(a, axis, 0, by)
        a = concatenate(first, part(a, axis, by, size) * part(a, axis, 0, size - by), axis=axis - len(a.shape))
        by *= 2
    return a
