"""PyTorch's pools as nodes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives import (
    adaptive_max_pool,
    adaptive_mean_pool,
    adaptive_windows,
    at_max,
    max_pool,
    mean_pool,
    pad,
    reduce_mean,
    reduce_sum,
    reshape,
    windows,
)
from symfold.core.shapes import Shape
from symfold.exchange.pytorch.images import sizes
from symfold.exchange.pytorch.rows import Row
from symfold.exchange.reading.indexing import add_at_places, flat_places
from symfold.exchange.reading.windows import Window, largest_of_windows, overhang, pooled_shape


def window_of(kernel: Any, stride: Any, padding: Any, dilation: Any, rank: int) -> Window:
    """The attributes of windows, one size per axis; the stride defaults to the kernel size."""
    size = sizes(kernel, rank)
    step = sizes(stride, rank) if stride not in (None, [], ()) else size
    return {"kernel": size, "stride": step, "padding": sizes(padding, rank), "dilation": sizes(dilation, rank)}


def maxima(rank: int, places: bool = False) -> Row:
    """The largest entry of each window; with `places`, its position in the image as well."""

    def row(
        shape: Any,
        x: Node,
        kernel: object,
        stride: object = None,
        padding: object = 0,
        dilation: object = 1,
        ceil_mode: bool = False,
    ) -> Any:
        window = window_of(kernel, stride, padding, dilation, rank)
        beyond = overhang(shape or pooled_shape(x, window, ceil_mode), x, window)
        largest = largest_of_windows(x, window, beyond)
        if not places:
            return largest
        numbers = _numbered(x.shape[-rank:])
        before = [(p, p + o) for p, o in zip(window["padding"], beyond, strict=True)]
        plain = {**window, "padding": (0,) * rank}
        around = pad(x, widths=tuple(before), mode="constant") if any(map(any, before)) else x
        border = np.pad(np.zeros(x.shape[-rank:]), before, constant_values=-np.inf)
        read = windows(around, fill=0.0, **plain) + windows(as_node(border), fill=0.0, **plain)
        at = windows(as_node(np.pad(numbers, before)), fill=0.0, **plain)
        return largest, _places_of(read, at, rank)

    return row


def _numbered(shape: Shape) -> NumpyArray:
    return np.arange(prod(shape), dtype=np.float64).reshape(shape)


def _places_of(read: Node, at: Node, rank: int) -> Node:
    """The position of the largest entry that each window reads, from the positions in the window."""
    axes = tuple(range(-rank, 0))
    return reduce_sum(at_max(read, axis=axes) * at, axis=axes, keepdims=False)


def avg_pool(rank: int) -> Row:
    def row(
        shape: Shape,
        x: Node,
        kernel: object,
        stride: object = None,
        padding: object = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor: int | None = None,
    ) -> Node:
        window = window_of(kernel, stride, padding, 1, rank)
        beyond = overhang(shape, x, window)
        if not any(beyond) and divisor is None:
            return mean_pool(x, padded=count_include_pad, **window)
        widths = tuple((p, p + o) for p, o in zip(window["padding"], beyond, strict=True))
        plain = {**window, "padding": (0,) * rank}
        around = pad(x, widths=widths, mode="constant") if any(map(any, widths)) else x
        size, mean = prod(window["kernel"]), mean_pool(around, padded=True, **plain)
        if divisor is not None:
            return mean * (size / divisor)
        # entries beyond the padding never count, entries of the padding only if told so
        inside = np.pad(
            np.ones(x.shape[-rank:]), [(p, p) for p in window["padding"]], constant_values=float(count_include_pad)
        )
        counted = np.pad(inside, [(0, o) for o in beyond])
        return mean * as_node(size / _window_sums(counted, shape[-rank:], window))

    return row


def _window_sums(a: NumpyArray, counts: Shape, window: Window) -> NumpyArray:
    view = np.lib.stride_tricks.sliding_window_view(a, window["kernel"])
    steps = tuple(slice(None, (n - 1) * s + 1, s) for n, s in zip(counts, window["stride"], strict=True))
    return view[steps].sum(axis=tuple(range(-len(counts), 0)))


# -- adaptive pools


def _even(x: Node, after: tuple[int, ...]) -> Window | None:
    """The windows of an adaptive pool whose parts have one size; None for others."""
    before = x.shape[-len(after) :]
    if any(a % b for a, b in zip(before, after, strict=True)):
        return None
    kernel = tuple(a // b for a, b in zip(before, after, strict=True))
    return window_of(kernel, kernel, 0, 1, len(after))


def adaptive_mean(rank: int) -> Row:
    def row(shape: Any, x: Node, wanted: object) -> Node:
        after = shape[-rank:]
        if set(after) == {1}:
            return reduce_mean(x, axis=tuple(range(-rank, 0)), keepdims=True)
        window = _even(x, after)
        return adaptive_mean_pool(x, size=after) if window is None else mean_pool(x, padded=True, **window)

    return row


def adaptive_max(rank: int) -> Row:
    def row(shape: Any, x: Node, wanted: Sequence[int]) -> tuple[Node, Node]:
        listed = sizes(wanted, rank)
        after = tuple(b if a is None else a for a, b in zip(listed, x.shape[-rank:], strict=True))
        window = _even(x, after)
        largest = adaptive_max_pool(x, size=after) if window is None else max_pool(x, **window)
        numbers = as_node(_numbered(x.shape[-rank:]))
        return largest, _places_of(adaptive_windows(x, after), adaptive_windows(numbers, after), rank)

    return row


def max_unpool(rank: int) -> Row:
    """The entries of a pool at their positions in the image, zeros elsewhere."""

    def row(shape: Shape, x: Node, places: Node, *given: object) -> Node:
        free = shape[:-rank]
        whole = prod(shape[-rank:])
        flat = (*free, prod(x.shape[-rank:]))
        numbers = flat_places(reshape(places, shape=flat), (*free, whole), len(free))
        return reshape(add_at_places(reshape(x, shape=flat), numbers, (*free, whole)), shape=shape)

    return row


POOLS: dict[str, Row] = {
    **{f"max_pool{rank}d": maxima(rank) for rank in (1, 2, 3)},
    **{f"max_pool{rank}d_with_indices": maxima(rank, places=True) for rank in (1, 2, 3)},
    **{f"avg_pool{rank}d": avg_pool(rank) for rank in (1, 2, 3)},
    **{f"{under}adaptive_avg_pool{rank}d": adaptive_mean(rank) for rank in (1, 2, 3) for under in ("", "_")},
    **{f"adaptive_max_pool{rank}d": adaptive_max(rank) for rank in (1, 2, 3)},
    **{f"max_unpool{rank}d": max_unpool(rank) for rank in (2, 3)},
}
