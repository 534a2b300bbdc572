"""Convolutions in NumPy, and their adjoints: products with columns, the image as each entry of the kernel reads it.

At stride 1, what an entry of the kernel reads of a sample with its border is one run of memory, which also crosses the
border. The columns of a sample are such runs, and products with them have some numbers that nothing reads. At other
strides, columns are written for a few samples at a time. Both stay in the second-level cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.transform.passes.convolutions import Correlation, Sizes, Window, joined_axes

CACHED = 2**18  # numbers of the columns at hand: one or two megabytes


def correlator(of: Correlation) -> Callable[[NumpyArray, NumpyArray, NumpyArray], None]:
    """A convolution, or one of its adjoints, as a function that writes to its last argument and keeps its memory."""
    kept: dict[object, Runs] = {}

    def runs(window: Window, groups: int, image: NumpyArray) -> Runs:
        key = window, groups, image.shape, image.dtype
        if key not in kept:
            kept.clear()
            kept[key] = Runs(window, groups, image.shape, image.dtype)
        return kept[key]

    def correlate(first: NumpyArray, second: NumpyArray, out: NumpyArray) -> None:
        groups, (left, right) = of.arranged(first, second)
        target = joined_axes(out, of.names[2], of.letters.order(of.wanted))
        direct = np.may_share_memory(target, out)
        COMPUTE[of.wanted](of.window, groups, left, right, target, runs)
        if not direct:
            np.copyto(out, of.parted(target))

    return correlate


def result_of(
    window: Window, groups: int, image: NumpyArray, kernel: NumpyArray, out: NumpyArray, runs: Callable[..., Runs]
) -> None:
    """The convolution of an image with a kernel."""
    rows = kernel.reshape(groups, len(kernel) // groups, -1)
    if set(window.stride) == {1}:
        runs(window, groups, image).result(image, rows, out)
        return
    for samples in chunks(window, image.shape):
        products = np.matmul(rows, columns(window, groups, image[samples]))
        out[samples] = products.reshape(-1, len(kernel), *window.places)


def kernel_of(
    window: Window, groups: int, image: NumpyArray, bar: NumpyArray, out: NumpyArray, runs: Callable[..., Runs]
) -> None:
    """The cotangent of the kernel, from that of the result."""
    if set(window.stride) == {1}:
        runs(window, groups, image).kernel(image, bar, out)
        if np.isfinite(out).all():  # else zeros between the runs may have met infinite entries
            return
    rows = bar.reshape(len(bar), groups, bar.shape[1] // groups, prod(window.places))
    total = np.zeros((groups, rows.shape[2], image.shape[1] // groups * prod(window.kernel)), image.dtype)
    for samples in chunks(window, image.shape):
        total += np.matmul(rows[samples], columns(window, groups, image[samples]).swapaxes(-1, -2)).sum(axis=0)
    np.copyto(out, total.reshape(out.shape))


def image_of(
    window: Window, groups: int, bar: NumpyArray, kernel: NumpyArray, out: NumpyArray, runs: Callable[..., Runs]
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
        result_of(replace(window, image=window.places, padding=border), groups, bar, flipped, out, runs)
        return
    rows = by_group.reshape(*by_group.shape[:2], -1).swapaxes(-1, -2)
    places = bar.reshape(len(bar), groups, bar.shape[1] // groups, prod(window.places))
    wide, inside = bordered(window, out.shape, bar.dtype)
    for samples in chunks(window, out.shape):
        parts = np.matmul(rows, places[samples]).reshape(-1, out.shape[1], prod(window.kernel), *window.places)
        for k, entry in enumerate(window.entries()):
            wide[(samples, slice(None), *entry)] += parts[:, :, k]
    np.copyto(out, wide[inside])


COMPUTE = {"result": result_of, "kernel": kernel_of, "image": image_of}


class Runs:
    """Memory for some samples of an image at stride 1, with their border, and the runs of them.

    A block is some places along the first spatial axis, and all along the others.
    """

    def __init__(self, window: Window, groups: int, shape: Sizes, dtype: np.dtype[np.floating]):
        self.window, self.groups, self.dtype = window, groups, dtype
        self.row = prod(n + 2 * p for n, p in zip(window.image[1:], window.padding[1:], strict=True))
        self.column = shape[1] * prod(window.kernel) * self.row  # numbers of the columns per place along the first axis
        self.at_once = min(shape[0], max(1, CACHED // max(1, self.column * window.places[0])))
        self.wide, inside = bordered(window, (self.at_once, *shape[1:]), dtype)
        self.samples = self.wide[inside]
        self.arrays: dict[tuple[str, Sizes], NumpyArray] = {}

    def array(self, name: str, *shape: int) -> NumpyArray:
        """An array of zeros at the first call, the same one later."""
        if (name, shape) not in self.arrays:
            self.arrays[name, shape] = np.zeros(shape, self.dtype)
        return self.arrays[name, shape]

    def chunks(self, image: NumpyArray) -> Iterator[tuple[slice, int]]:
        """The samples of an image, some at a time in the memory, and how many they are."""
        for start in range(0, len(image), max(1, self.at_once)):
            samples = slice(start, min(start + self.at_once, len(image)))
            self.samples[: samples.stop - start] = image[samples]
            yield samples, samples.stop - start

    def entries(self, start: int, places: int) -> NumpyArray:
        """A block as every entry of the kernel reads it: (samples, groups, channels, *kernel, run).

        The run of an entry goes from the first place of the block to its last one.
        """
        lead, channel, *axes = self.wide.strides
        lasts = (places - 1, *(n - 1 for n in self.window.places[1:]))
        run = sum(n * stride for n, stride in zip(lasts, axes, strict=True)) // self.wide.itemsize + 1
        channels = self.wide.shape[1] // self.groups
        steps = [stride * d for stride, d in zip(axes, self.window.dilation, strict=True)]
        strides = (lead, channels * channel, channel, *steps, self.wide.itemsize)
        shape = (self.at_once, self.groups, channels, *self.window.kernel, run)
        return np.lib.stride_tricks.as_strided(self.wide[:, :, start:], shape, strides)

    def places_in(self, block: NumpyArray, places: int) -> NumpyArray:
        """The places in the rows of a block, which hold what is read across the border, too."""
        inner = [slice(None)] * 3 + [slice(n) for n in self.window.places[1:]]
        rows = block.reshape(len(block), prod(block.shape[1:3]), places, *self.wide.shape[3:])
        return rows[tuple(inner)]

    def result(self, image: NumpyArray, rows: NumpyArray, out: NumpyArray) -> None:
        """The convolution of an image with a kernel, given as rows of each group."""
        height = self.window.places[0]
        size = min(height, max(1, CACHED // max(1, self.column)))
        blocks = []
        for start in range(0, height, size):
            places = min(size, height - start)
            entries = self.entries(start, places)
            columns = self.array("columns", self.at_once, self.groups, rows.shape[2], entries.shape[-1])
            block = self.array("block", self.at_once, *rows.shape[:2], places * self.row)
            products, read = block[..., : entries.shape[-1]], self.places_in(block, places)
            blocks.append(
                (slice(start, start + places), columns.reshape(entries.shape), entries, columns, products, read)
            )
        for samples, number in self.chunks(image):
            for block_places, parts, entries, columns, products, read in blocks:
                np.copyto(parts[:number], entries[:number])
                np.matmul(rows, columns[:number], products[:number])
                out[samples, :, block_places] = read[:number]

    def kernel(self, image: NumpyArray, bar: NumpyArray, out: NumpyArray) -> None:
        """The cotangent of the kernel of an image: for each entry, a product with its run."""
        height = self.window.places[0]
        outputs, channels = bar.shape[1] // self.groups, image.shape[1] // self.groups
        block = self.array("block", self.at_once, self.groups, outputs, height * self.row)
        read, entries = self.places_in(block, height), self.entries(0, height)
        slopes = block[..., : entries.shape[-1]]
        entries = np.moveaxis(entries, (-1, 2), (-2, -1))  # (samples, groups, *kernel, run, channels)
        runs = [entries[(slice(None), slice(None), *offset)] for offset in np.ndindex(*self.window.kernel)]
        parts = self.array("parts", len(runs), self.at_once, self.groups, outputs, channels)
        total = np.zeros((len(runs), self.groups, outputs, channels), self.dtype)
        for samples, number in self.chunks(image):
            read[:number] = bar[samples]
            for columns, part in zip(runs, parts, strict=True):
                np.matmul(slopes[:number], columns[:number], part[:number])
            total += parts[:, :number].sum(axis=1)
        np.copyto(out, np.moveaxis(total, 0, -1).reshape(out.shape))


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
