"""Convolutions in NumPy, and their adjoints: products with columns, the image as the entries of the kernel read it.

At stride 1, entries along the first spatial axis need no copies of their own: one reads the memory of another, some
rows further. The columns of a few samples, or of some rows of one sample, stay in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import product
from math import prod

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.compute.backends.numpy.pieces import pieces, stays_alone
from symfold.compute.backends.numpy.sharing import shared, threads_for
from symfold.compute.backends.threads import WORTH
from symfold.transform.passes.convolutions import Correlation, Sizes, Window, joined_axes

CACHED = 2**21  # bytes of the columns and products at hand: about a core's caches
SHARES = 4  # the number of parts of the samples is a multiple, so that threads have equal ones
DEEP = 16  # summands from which on a product need not sum over the first axis of a kernel, too


def correlator(of: Correlation) -> Callable[[NumpyArray, NumpyArray, NumpyArray], None]:
    """A convolution, or one of its adjoints, as a function that writes to its last argument and keeps its memory."""
    kept: dict[object, Columns] = {}

    def columns(window: Window, groups: int, outputs: int, image: NumpyArray) -> Columns:
        key = window, groups, outputs, image.shape, image.dtype
        if key not in kept:
            kept.clear()
            kept[key] = Columns(window, groups, outputs, image.shape, image.dtype)
        return kept[key]

    def correlate(first: NumpyArray, second: NumpyArray, out: NumpyArray) -> None:
        groups, (left, right) = of.arranged(first, second)
        target = joined_axes(out, of.names[2], of.letters.order(of.wanted))
        direct = np.may_share_memory(target, out) and target.flags.c_contiguous
        if not direct:
            target = np.empty(target.shape, target.dtype)
        COMPUTE[of.wanted](of.window, groups, left, right, target, columns)
        if not direct:
            np.copyto(out, of.parted(target))

    return correlate


def result_of(
    window: Window, groups: int, image: NumpyArray, kernel: NumpyArray, out: NumpyArray, columns: Callable[..., Columns]
) -> None:
    """The convolution of an image with a kernel."""
    columns(window, groups, len(kernel) // groups, image).result(image, kernel, out)


def kernel_of(
    window: Window, groups: int, image: NumpyArray, bar: NumpyArray, out: NumpyArray, columns: Callable[..., Columns]
) -> None:
    """The cotangent of the kernel, from that of the result."""
    columns(window, groups, bar.shape[1] // groups, image).kernel(image, bar, out)


def image_of(
    window: Window, groups: int, bar: NumpyArray, kernel: NumpyArray, out: NumpyArray, columns: Callable[..., Columns]
) -> None:
    """The cotangent of the image, from that of the result.

    At stride 1, it is a convolution with the kernel backward, if the zeros around it do not meet infinite weights; else
    columns are added where they were read.
    """
    border = tuple(d * (k - 1) - p for k, p, d in zip(window.kernel, window.padding, window.dilation, strict=True))
    by_group = kernel.reshape(groups, len(kernel) // groups, -1, *window.kernel)
    if set(window.stride) == {1} and min(border) >= 0 and np.isfinite(kernel).all():
        flips = [slice(None)] * 3 + [slice(None, None, -1)] * len(border)
        backward = by_group.swapaxes(1, 2)[tuple(flips)]
        flipped = backward.reshape(out.shape[1], len(kernel) // groups, *window.kernel)
        result_of(replace(window, image=window.places, padding=border), groups, bar, flipped, out, columns)
        return
    rows = by_group.reshape(*by_group.shape[:2], -1).swapaxes(-1, -2)
    places = bar.reshape(len(bar), groups, bar.shape[1] // groups, prod(window.places))
    wide = np.zeros(
        (*out.shape[:2], *(n + 2 * p for n, p in zip(window.image, window.padding, strict=True))), out.dtype
    )
    size = max(1, CACHED // max(1, out.itemsize * out.shape[1] * prod(window.kernel) * places.shape[-1]))
    for samples in (slice(start, start + size) for start in range(0, len(out), size)):
        parts = np.empty((len(bar[samples]), *rows.shape[:2], places.shape[-1]), out.dtype)
        for right, part in zip(*(pieces(a, prod(rows.shape[1:])) for a in (places[samples], parts)), strict=True):
            np.matmul(rows, right, part)
        by_entry = parts.reshape(len(parts), out.shape[1], -1, *window.places)
        for k, entry in enumerate(window.entries()):
            wide[(samples, slice(None), *entry)] += by_entry[:, :, k]
    inside = (slice(p, p + n) for n, p in zip(window.image, window.padding, strict=True))
    np.copyto(out, wide[(slice(None), slice(None), *inside)])


COMPUTE = {"result": result_of, "kernel": kernel_of, "image": image_of}


class Columns:
    """Products with the columns of an image, some samples or rows of places at a time, divided among threads."""

    def __init__(self, window: Window, groups: int, outputs: int, shape: Sizes, dtype: np.dtype[np.floating]):
        self.window, self.groups, self.outputs, self.dtype = window, groups, outputs, dtype
        samples, self.channels, *_ = shape
        first, *others = window.kernel
        deep = self.channels // groups * prod(others) >= DEEP
        self.shifts = first if deep and window.stride[0] == 1 else 1  # products, each of one entry along the first axis
        self.reach = window.dilation[0] * (self.shifts - 1)
        self.entries = list(product(range(first // self.shifts), *map(range, others)))
        self.summands = self.channels // groups * len(self.entries)
        self.height, self.inner = window.places[0], prod(window.places[1:])
        row = dtype.itemsize * self.inner * groups * (self.summands + self.shifts * outputs)
        fitting = max(1, CACHED // max(1, row))
        cost = outputs * self.summands
        total = samples * groups * self.shifts * cost * self.height * self.inner
        self.rows = evenly(self.height, fitting - self.reach, 1)
        self.at_once = evenly(samples, fitting // (self.height + self.reach), SHARES if total >= WORTH else 1)
        self.chunks = [
            (slice(start, min(start + self.at_once, samples)), slice(top, min(top + self.rows, self.height)))
            for start in range(0, samples, self.at_once)
            for top in range(0, self.height, max(1, self.rows))
        ]
        alone = stays_alone(self.rows * self.inner, cost)
        self.threads = max(1, min(len(self.chunks), threads_for(total))) if alone else 1
        self.memories = [Memory(self) for _ in range(self.threads)]

    def result(self, image: NumpyArray, kernel: NumpyArray, out: NumpyArray) -> None:
        """The convolution of an image with a kernel."""
        parts = kernel.reshape(self.groups, self.outputs, -1, self.shifts, len(self.entries))
        rows = np.moveaxis(parts, 3, 1).reshape(self.groups, self.shifts, self.outputs, self.summands)
        flat = out.reshape(len(out), self.groups, self.outputs, self.height * self.inner)

        def compute(thread: int, place: int) -> None:
            samples, block = self.chunks[place]
            target = flat[samples, ..., block.start * self.inner : block.stop * self.inner]
            memory = self.memories[thread]
            memory.load(image, samples, block)
            memory.multiply(rows, target, block.stop - block.start)

        shared(compute, len(self.chunks), self.threads)

    def kernel(self, image: NumpyArray, bar: NumpyArray, out: NumpyArray) -> None:
        """The cotangent of the kernel of an image."""
        flat = bar.reshape(len(bar), self.groups, self.outputs, self.height * self.inner)
        sums = np.zeros((len(self.chunks), self.groups, self.shifts, self.summands, self.outputs), self.dtype)

        def compute(thread: int, place: int) -> None:
            samples, block = self.chunks[place]
            memory = self.memories[thread]
            memory.load(image, samples, block)
            slopes = flat[samples, ..., block.start * self.inner : block.stop * self.inner]
            memory.sums(slopes, sums[place], block.stop - block.start)

        shared(compute, len(self.chunks), self.threads)
        total = sums.sum(axis=0).reshape(self.groups, self.shifts, -1, len(self.entries), self.outputs)
        np.copyto(out, total.transpose(0, 4, 2, 1, 3).reshape(out.shape))


class Memory:
    """The columns of some samples or rows, and products with them: the memory of one thread."""

    def __init__(self, of: Columns):
        self.of = of
        places, lead = of.window.places, (of.at_once, of.channels, len(of.entries), of.rows + of.reach)
        self.columns = np.zeros((*lead, *places[1:]), of.dtype)
        self.products = np.empty((of.at_once, of.groups, of.shifts, of.outputs, of.rows * of.inner), of.dtype)
        self.copies = cache(self._copies)
        self.read = cache(self._read)
        self.parts = cache(self._parts)

    def load(self, image: NumpyArray, samples: slice, block: slice) -> None:
        """Copy what the rows of a block read of some samples; what lies outside of the image is zero."""
        number = samples.stop - samples.start
        for target, read, borders in self.copies(block.start, block.stop):
            target[:number] = image[samples][read]
            for border in borders:
                border[...] = 0

    def _copies(self, start: int, stop: int) -> list[tuple[NumpyArray, tuple[slice, ...], list[NumpyArray]]]:
        """For each entry of the kernel: its columns, what it reads of samples, and the rows outside of the image."""
        of, stop = self.of, stop + self.of.reach
        copies = []
        for k, offset in enumerate(of.entries):
            ends = [(start, stop), *((0, size) for size in of.window.places[1:])]
            sides = [covered(of.window, axis, entry, *ends[axis]) for axis, entry in enumerate(offset)]
            inside, read = zip(*sides, strict=True)
            part = self.columns[:, :, k]
            outside = [part[:, :, : inside[0].start], part[:, :, inside[0].stop : stop - start]]
            borders = [border for border in outside if border.size and of.rows < of.height]  # else they stay zero
            copies.append((part[(slice(None), slice(None), *inside)], (slice(None), slice(None), *read), borders))
        return copies

    def _read(self, rows: int) -> list[tuple[NumpyArray, NumpyArray]]:
        """The columns of some rows and products with them: (pieces, samples, groups, shifts, ..., places)."""
        of, (lead, channel, entry, *_) = self.of, self.columns.strides
        shape = (of.at_once, of.groups, of.shifts, of.summands, rows * of.inner)
        shift = of.window.dilation[0] * of.inner * self.columns.itemsize
        strides = (lead, of.channels // of.groups * channel, shift, entry, self.columns.itemsize)
        view = np.lib.stride_tricks.as_strided(self.columns, shape, strides)
        products = self.products[..., : rows * of.inner]
        return list(zip(*(pieces(array, of.outputs * of.summands) for array in (view, products)), strict=True))

    def multiply(self, weights: NumpyArray, out: NumpyArray, rows: int) -> None:
        """The sum over the shifts of products of weights with columns, into (samples, groups, outputs, places)."""
        number = len(out)
        for columns, products in self.read(rows):
            np.matmul(weights, columns[:, :number], products[:, :number])
        first, *others = (self.products[:number, :, k, :, : out.shape[-1]] for k in range(self.of.shifts))
        if not others:
            np.copyto(out, first)
        for k, other in enumerate(others):
            np.add(out if k else first, other, out)

    def sums(self, slopes: NumpyArray, out: NumpyArray, rows: int) -> None:
        """The products of columns with the cotangent of a result, summed over samples and places."""
        number = len(slopes)
        bars = pieces(slopes[:, :, None], self.of.outputs * self.of.summands)
        for (columns, _), bar, parts in zip(self.read(rows), bars, self.parts(rows), strict=True):
            np.matmul(columns[:, :number], bar.swapaxes(-1, -2), parts[:, :number])
            out += np.add.reduce(parts[:, :number], axis=(0, 1))

    def _parts(self, rows: int) -> list[NumpyArray]:
        """Memory for the products of each piece and sample."""
        of = self.of
        shape = of.at_once, of.groups, of.shifts, of.summands, of.outputs
        return [np.empty((len(columns), *shape), of.dtype) for columns, _ in self.read(rows)]


def evenly(number: int, most: int, multiple: int) -> int:
    """The size of equal parts of at most that size, whose number is a multiple.

    >>> evenly(32, 5, 4), evenly(32, 99, 1), evenly(2, 0, 1)
    (4, 32, 1)
    """
    parts = -(-number // max(1, most))
    return max(1, -(-number // max(1, -(-parts // multiple) * multiple)))


def covered(window: Window, axis: int, entry: int, start: int, stop: int) -> tuple[slice, slice]:
    """The places from `start` to `stop` at which an entry of the kernel reads the image, and what it reads there."""
    stride, size = window.stride[axis], window.image[axis]
    offset = entry * window.dilation[axis] - window.padding[axis]
    low = min(stop, max(start, -(offset // stride)))
    high = max(low, min(stop, (size - 1 - offset) // stride + 1))
    read = slice(low * stride + offset, (high - 1) * stride + offset + 1, stride) if high > low else slice(0)
    return slice(low - start, high - start), read
