"""Maxima of windows whose last ones reach beyond the image."""

from __future__ import annotations

import numpy as np

from symfold.core.nodes import Node
from symfold.core.primitives import max_pool
from symfold.core.shapes import Shape
from symfold.exchange.reading.arrangement import padded

Window = dict[str, tuple[int, ...]]  # kernel, stride, padding and dilation: one size per axis


def overhang(shape: Shape, x: Node, window: Window) -> tuple[int, ...]:
    """How far the last windows reach beyond the image and its padding, as in `ceil_mode`."""
    rank = len(window["kernel"])
    parts = zip(
        x.shape[-rank:], shape[-rank:], *(window[k] for k in ("kernel", "stride", "padding", "dilation")), strict=True
    )
    return tuple(max((after - 1) * s + d * (k - 1) + 1 - (n + 2 * p), 0) for n, after, k, s, p, d in parts)


def pooled_shape(x: Node, window: Window, ceil_mode: bool) -> Shape:
    """The shape of a pool; with `ceil_mode`, no window begins in the padding at the end."""
    rank, counts = len(window["kernel"]), []
    for n, k, s, p, d in zip(
        x.shape[-rank:], *(window[key] for key in ("kernel", "stride", "padding", "dilation")), strict=True
    ):
        last = n + 2 * p - d * (k - 1) - 1
        count = -(-last // s) + 1 if ceil_mode else last // s + 1
        counts.append(count - (ceil_mode and (count - 1) * s >= n + p))
    return (*x.shape[:-rank], *counts)


def largest_of_windows(x: Node, window: Window, beyond: tuple[int, ...]) -> Node:
    """The largest entry of each window; the last windows reach beyond the image."""
    if not any(beyond):
        return max_pool(x, **window)
    widths = [(p, p + o) for p, o in zip(window["padding"], beyond, strict=True)]
    plain = {**window, "padding": (0,) * len(beyond)}
    return max_pool(padded(x, widths, "constant", -np.inf), **plain)
