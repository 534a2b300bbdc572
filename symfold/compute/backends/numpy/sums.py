"""Sums over several axes, and sums of products, by BLAS: several times faster than NumPy's own, and in one pass.

The last axes are summed by dot products, which BLAS leaves to one thread, and the rest pairwise.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from symfold.base.arguments import NumpyArray

SHORTEST, LONGEST = 64, 4096  # numbers of a dot product that pays, and that rounds as little as a pairwise sum
LARGE = 2**13  # numbers of an array for which the calls pay

Sizes = tuple[int, ...]


def axes_by_dot(shape: Sizes, axes: Sizes) -> int:
    """How many of the last axes are summed by dot products: 0 if that does not pay. Axes count from the end.

    >>> axes_by_dot((32, 16, 32, 32), (-4, -2, -1)), axes_by_dot((99, 99, 99), (-2, -1)), axes_by_dot((999, 99), (-2,))
    (2, 1, 0)
    """
    number = 0
    while number < len(shape) and -number - 1 in axes and prod(shape[-number - 1 :]) <= LONGEST:
        number += 1
    pays = prod(shape) >= LARGE and number and prod(shape[-number:]) >= SHORTEST
    return number if pays else 0


def dot_sum(shape: Sizes, axes: Sizes, dtype: str, keepdims: bool) -> Callable[..., None]:
    """A function of an array of this shape, or of two to be multiplied, and of an array for the sum over the axes.

    >>> total = np.zeros(3)
    >>> dot_sum((3, 4), (-1,), "float64", False)(np.eye(3, 4), np.full((3, 4), 2), total)
    >>> total
    array([2., 2., 2.])
    """
    number = max(1, axes_by_dot(shape, axes))
    lead, length = shape[:-number], prod(shape[-number:])
    ones, partial = np.ones((length, 1), dtype), np.empty((*lead, 1, 1), dtype)
    parts = partial.reshape(*lead, *[1] * number)

    def total(*arrays: NumpyArray) -> None:
        first, *second, out = arrays
        left, right = first.reshape(*lead, 1, length), second[0].reshape(*lead, length, 1) if second else ones
        np.matmul(left, right, partial)
        np.add.reduce(parts, axis=axes, out=out, keepdims=keepdims)

    return total
