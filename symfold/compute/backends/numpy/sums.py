"""Sums over several axes, sums of products and softmax by BLAS: several times faster than NumPy's own sums.

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


def axes_by_rows(shape: Sizes, axes: Sizes) -> int:
    """How many axes before the last one are summed by a product with ones: 0 if none, or if that does not pay.

    >>> axes_by_rows((8, 64, 128), (-3, -2)), axes_by_rows((8, 4, 64, 32), (-4, -2)), axes_by_rows((99, 9, 99), (-3,))
    (2, 1, 0)
    """
    number = 0
    while number + 1 < len(shape) and -number - 2 in axes and prod(shape[-number - 2 : -1]) <= LONGEST:
        number += 1
    return number if -1 not in axes and prod(shape) >= LARGE else 0


def row_sum(shape: Sizes, axes: Sizes, dtype: str, keepdims: bool) -> Callable[..., None]:
    """A function of an array of this shape, and of an array for its sum over axes that `axes_by_rows` takes.

    >>> total = np.zeros(4)
    >>> row_sum((2, 3, 4), (-3, -2), "float64", False)(np.arange(24.0).reshape(2, 3, 4), total)
    >>> total
    array([60., 66., 72., 78.])
    """
    number = max(1, axes_by_rows(shape, axes))
    *lead, width = shape
    lead, length = lead[: len(lead) - number], prod(lead[len(lead) - number :])
    ones, partial = np.ones((1, length), dtype), np.empty((*lead, 1, width), dtype)
    parts = partial.reshape(*lead, *[1] * number, width)

    def total(array: NumpyArray, out: NumpyArray) -> None:
        np.matmul(ones, array.reshape(*lead, length, width), partial)
        np.add.reduce(parts, axis=axes, out=out, keepdims=keepdims)

    return total


def softmax_by_rows(shape: Sizes, dtype: str) -> Callable[..., None]:
    """A function of an array of this shape, and of an array for its softmax along the last axis.

    >>> result = np.zeros((1, 2))
    >>> softmax_by_rows((1, 2), "float64")(np.log([[1.0, 3.0]]), result)
    >>> result
    array([[0.25, 0.75]])
    """
    largest, ones = np.empty((*shape[:-1], 1), dtype), np.ones((shape[-1], 1), dtype)

    def softmax(array: NumpyArray, out: NumpyArray) -> None:
        np.maximum.reduce(array, axis=-1, out=largest, keepdims=True)
        np.subtract(array, largest, out)
        np.exp(out, out)
        np.matmul(out, ones, largest)
        np.divide(out, largest, out)

    return softmax


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
