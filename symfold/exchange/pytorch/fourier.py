"""PyTorch's Fourier transforms as products with matrices of cosines and sines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives import dot, expand
from symfold.core.shapes import Shape, Size
from symfold.exchange.pytorch.complex_numbers import Complex, parts_of
from symfold.exchange.pytorch.rows import Row
from symfold.exchange.reading.arrangement import ordered, part
from symfold.exchange.reading.checks import covered
from symfold.exchange.reading.creation import positions
from symfold.exchange.reading.functions import HALF, apply, choose


def _waves(rows: Size, columns: Size, count: Size) -> tuple[Node, Node]:
    """The cosines and sines of the angles 2 pi j k / count."""
    if all(isinstance(size, int) for size in (rows, columns, count)):
        turns = np.outer(np.arange(rows), np.arange(columns)) % max(int(count), 1)
        angles = 2 * np.pi * turns / count
        return as_node(np.cos(angles)), as_node(np.where(2 * turns % count == 0, 0.0, np.sin(angles)))
    waves = expand(positions(rows), axis=-1) * positions(columns) * number(2 * sp.pi / count)
    return apply(sp.cos, waves), apply(sp.sin, waves)


def _along(a: Node, axis: int, matrix: Node) -> Node:
    """The product of each vector along an axis with a matrix."""
    last = [*(k for k in range(len(a.shape)) if k != axis), axis]
    return ordered(dot(ordered(a, last), matrix), [last.index(k) for k in range(len(a.shape))])


def _first(a: Any, axis: int, count: Size) -> Any:
    """The first entries along an axis, if there are more of them; a Fourier transform takes the others for zeros."""
    more = sp.sympify(a.shape[axis]) - count
    covered(more.is_negative or more.is_nonnegative, f"a Fourier transform of {count} of {a.shape[axis]} numbers")
    if not more.is_positive:
        return a
    if isinstance(a, Node):
        return part(a, axis, 0, count)
    return Complex(part(a.re, axis, 0, count), part(a.im, axis, 0, count))


def _scale(norm: str | None, count: Size, inverse: bool) -> Any:
    if norm == "ortho":
        return sp.sympify(count) ** -HALF
    return 1 / sp.sympify(count) if inverse == (norm != "forward") else sp.S.One


def _half(count: Size) -> Size:
    """How many numbers of a transform are enough for real numbers."""
    return count // 2 + 1 if isinstance(count, int) else sp.floor(count / 2) + 1


def _transformed(a: Any, axis: int, count: Size, norm: str | None, inverse: bool, half: bool = False) -> Complex:
    """The Fourier transform along an axis: all of it, or the half that is enough for real numbers."""
    a = _first(a, axis, count)
    cosines, sines = _waves(a.shape[axis], _half(count) if half else count, count)
    sines = sines if inverse else number(0) - sines  # not -sines: the numbers' sign of 0 counts
    scale = _scale(norm, count, inverse)
    if scale != 1:
        cosines, sines = cosines * number(scale), sines * number(scale)
    if isinstance(a, Node):
        return Complex(_along(a, axis, cosines), _along(a, axis, sines))
    re, im = a.re, a.im
    return Complex(
        _along(re, axis, cosines) - _along(im, axis, sines), _along(im, axis, cosines) + _along(re, axis, sines)
    )


def _real_from_half(a: Any, axis: int, count: Size, norm: str | None) -> Node:
    """The real numbers whose transform has a given half: its numbers count twice, except the first and the middle."""
    re, im = parts_of(_first(a, axis, _half(count)))
    size = re.shape[axis]
    places = positions(size)
    once = apply(
        functions.logical_or, apply(functions.equal, places, 0), apply(functions.equal, places * 2, number(count))
    )
    scale = _scale(norm, count, True)
    weights = expand(choose(once, number(scale), number(2 * scale)), axis=-1)
    cosines, sines = (weights * wave for wave in _waves(size, count, count))
    return _along(re, axis, cosines) - _along(im, axis, sines)


def _transform(default: int | Sequence[int] | None, inverse: bool, half: bool) -> Row:
    """Transforms along some axes, one after another; the half one is along the last, forward first and inverse last."""

    def row(shape: Shape, a: Any, counts: Any = None, axes: Any = default, norm: str | None = None) -> Any:
        rank = len(a.shape)
        counts = counts if isinstance(counts, list) or counts is None else [counts]
        axes = range(rank - len(counts or a.shape), rank) if axes is None else [axes] if isinstance(axes, int) else axes
        along = [axis % rank for axis in axes]
        back = inverse and half
        sizes = [a.shape[axis] for axis in along]
        sizes[-1] = 2 * (sizes[-1] - 1) if back else sizes[-1]
        pairs = [*zip(along, counts or sizes, strict=True)]
        for axis, count in pairs[:-1] if back else pairs[::-1]:
            a = _transformed(a, axis, count, norm, inverse, half and axis == along[-1])
        return _real_from_half(a, *pairs[-1], norm) if back else a

    return row


AXES: dict[str, int | Sequence[int] | None] = {"": -1, "2": (-2, -1), "n": None}  # by default
FOURIER: dict[str, Row] = {
    f"fft_{'i' * inverse}{'r' * half}fft{kind}": _transform(default, inverse, half)
    for inverse in (False, True)
    for half in (False, True)
    for kind, default in AXES.items()
}
