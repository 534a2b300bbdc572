"""PyTorch's `grid_sample` as nodes: entries of images at computed places, by lookups of rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

import numpy as np
import sympy as sp

from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives import embed, expand, item, reshape
from symfold.core.shapes import Shape
from symfold.exchange.pytorch.rows import Row
from symfold.exchange.reading.arrangement import ordered
from symfold.exchange.reading.checks import covered
from symfold.exchange.reading.functions import HALF, apply, choose

LINEAR, NEAREST = 0, 1
ZEROS, BORDER, REFLECTION = 0, 1, 2


def grid_sample(
    shape: Shape, x: Node, grid: Node, mode: int = LINEAR, border: int = ZEROS, corners: bool = False
) -> Node:
    """Entries of images (samples, channels, size...) at places from -1 to 1, the last axis first."""
    covered(mode in (LINEAR, NEAREST), "a bicubic grid_sample")
    size, channels = x.shape[2:], x.shape[1]
    places = [
        _inside(_place(item(grid, index=(..., len(size) - 1 - k)), n, bool(corners)), n, border, bool(corners))
        for k, n in enumerate(size)
    ]
    rows = reshape(_channels_last(x), shape=(x.shape[0] * prod(size), channels))
    read = _nearest if mode == NEAREST else _linear
    return ordered(read(rows, places, size, border == ZEROS), [0, len(size) + 1, *range(1, len(size) + 1)])


def _channels_last(x: Node) -> Node:
    return ordered(x, [0, *range(2, len(x.shape)), 1])


def _place(coordinate: Node, size: int, corners: bool) -> Node:
    """The place of a coordinate among the entries; -1 and 1 are the outermost entries or the outer edges of these."""
    return (coordinate + 1) * (sp.Rational(size - 1, 2)) if corners else ((coordinate + 1) * size - 1) * HALF


def _inside(place: Node, size: int, border: int, corners: bool) -> Node:
    """A place moved into the image, unless zeros surround it."""
    if border == ZEROS:
        return place
    if border == REFLECTION:
        low, span = (0.0, float(size - 1)) if corners else (-0.5, float(size))
        if not span:
            return place * 0
        distance = apply(sp.Abs, place - low)
        turns = apply(sp.floor, distance / span)
        rest = distance - turns * span
        even = apply(functions.equal, turns - apply(sp.floor, turns * HALF) * 2, 0)
        place = choose(even, rest + low, span - rest + low)
    return Node(functions.hardtanh, (place, as_node(0), as_node(size - 1)))


def _nearest(rows: Node, places: Sequence[Node], size: Shape, zeros: bool) -> Node:
    return _entries(rows, [_rounded(place) for place in places], size, zeros)


def _rounded(place: Node) -> Node:
    """The nearest whole number; of two equally near ones, the even one."""
    low = apply(sp.floor, place)
    rest = place - low
    odd = low - apply(sp.floor, low * HALF) * 2
    up = choose(apply(functions.equal, rest, HALF), odd, apply(functions.greater, rest, HALF))
    return low + up


def _linear(rows: Node, places: Sequence[Node], size: Shape, zeros: bool) -> Node:
    """The entries around each place, weighted by how near they are."""
    first = [apply(sp.floor, place) for place in places]
    rest = [place - low for place, low in zip(places, first, strict=True)]
    total: Node | None = None
    for offsets in product((0, 1), repeat=len(size)):
        corner = [low + offset if offset else low for low, offset in zip(first, offsets, strict=True)]
        shares = [near if offset else 1 - near for near, offset in zip(rest, offsets, strict=True)]
        share = shares[0]
        for factor in shares[1:]:
            share = share * factor
        part = _entries(rows, corner, size, zeros) * expand(share, axis=-1)
        total = part if total is None else total + part
    assert total is not None
    return total


def _entries(rows: Node, places: Sequence[Node], size: Shape, zeros: bool) -> Node:
    """The entries at whole places: (samples, places..., channels). Outside they are zero, or the nearest ones."""
    samples, *after = places[0].shape
    number = as_node(np.arange(samples).reshape(samples, *(1,) * len(after)) * float(prod(size)))
    inside: Node | None = None
    for k, (place, n) in enumerate(zip(places, size, strict=True)):
        stride = prod(size[k + 1 :])
        kept = apply(functions.clip, place, 0, n - 1)
        number = number + (kept if stride == 1 else kept * stride)
        here = apply(functions.equal, kept, place)
        inside = here if inside is None else apply(functions.logical_and, inside, here)
    read = embed(rows, number)
    assert inside is not None
    return choose(expand(inside, axis=-1), read, 0) if zeros else read


SAMPLING: dict[str, Row] = dict.fromkeys(("grid_sampler", "grid_sampler_2d", "grid_sampler_3d"), grid_sample)
