"""Convolutions in NumPy, and their adjoints: products with columns, the image as each entry of the kernel reads it.

Columns are written for a few samples at a time, so that they stay in the second-level cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.transform.passes.convolutions import Correlation, Sizes, Window

CACHED = 2**17  # numbers of the columns at hand: a megabyte


def correlate(of: Correlation, first: NumpyArray, second: NumpyArray, out: NumpyArray) -> None:
    """A convolution, or one of its adjoints, written to `out`."""

    def compute(groups: int, first: NumpyArray, second: NumpyArray, shape: Sizes) -> NumpyArray:
        if of.wanted == "result":
            return result_of(of.window, groups, first, second)
        if of.wanted == "kernel":
            return kernel_of(of.window, groups, first, second)
        return image_of(of.window, groups, first, second, shape)

    np.copyto(out, of(compute, first, second))


def result_of(window: Window, groups: int, image: NumpyArray, kernel: NumpyArray) -> NumpyArray:
    rows = kernel.reshape(groups, len(kernel) // groups, -1)
    result = np.empty((len(image), *rows.shape[:2], prod(window.places)), image.dtype)
    for samples in chunks(window, image.shape):
        np.matmul(rows, columns(window, groups, image[samples]), result[samples])
    return result.reshape(len(image), len(kernel), *window.places)


def kernel_of(window: Window, groups: int, image: NumpyArray, bar: NumpyArray) -> NumpyArray:
    """The cotangent of the kernel, from that of the result."""
    rows = bar.reshape(len(bar), groups, bar.shape[1] // groups, prod(window.places))
    total = np.zeros((groups, rows.shape[2], image.shape[1] // groups * prod(window.kernel)), image.dtype)
    for samples in chunks(window, image.shape):
        total += np.matmul(rows[samples], columns(window, groups, image[samples]).swapaxes(-1, -2)).sum(axis=0)
    return total.reshape(bar.shape[1], image.shape[1] // groups, *window.kernel)


def image_of(window: Window, groups: int, bar: NumpyArray, kernel: NumpyArray, shape: Sizes) -> NumpyArray:
    """The cotangent of the image, from that of the result: columns are added where they were read."""
    rows = kernel.reshape(groups, len(kernel) // groups, -1).swapaxes(-1, -2)
    places = bar.reshape(len(bar), groups, bar.shape[1] // groups, prod(window.places))
    wide, inside = bordered(window, shape, bar.dtype)
    for samples in chunks(window, shape):
        parts = np.matmul(rows, places[samples]).reshape(-1, shape[1], prod(window.kernel), *window.places)
        for k, entry in enumerate(window.entries()):
            wide[(samples, slice(None), *entry)] += parts[:, :, k]
    return wide[inside]


def columns(window: Window, groups: int, image: NumpyArray) -> NumpyArray:
    """The columns of some samples: (n, groups, channels and entries, places)."""
    wide, inside = bordered(window, image.shape, image.dtype)
    wide[inside] = image
    entries = window.entries()
    parts = np.empty((*image.shape[:2], len(entries), *window.places), image.dtype)
    for k, entry in enumerate(entries):
        parts[:, :, k] = wide[(slice(None), slice(None), *entry)]
    return parts.reshape(len(image), groups, -1, prod(window.places))


def bordered(window: Window, shape: Sizes, dtype: np.dtype[np.floating]) -> tuple[NumpyArray, tuple[slice, ...]]:
    """Zeros for an image with its border, and the place of the image in it."""
    wide = np.zeros((*shape[:2], *(n + 2 * p for n, p in zip(window.image, window.padding, strict=True))), dtype)
    inside = (slice(p, p + n) for n, p in zip(window.image, window.padding, strict=True))
    return wide, (slice(None), slice(None), *inside)


def chunks(window: Window, shape: Sizes) -> Iterator[slice]:
    """The samples of an image of this shape, a few at a time."""
    size = max(1, CACHED // max(1, shape[1] * prod(window.kernel) * prod(window.places)))
    for start in range(0, shape[0], size):
        yield slice(start, start + size)
