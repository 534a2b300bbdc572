"""Padding of the last axes: a border of zeros, or of the value's own entries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symfold.core.arrays import Array, Namespace, padded
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives.arrangement import concatenate, item, put
from symfold.core.primitives.broadcasting import broadcast_to
from symfold.core.primitives.table import Primitive, primitive
from symfold.core.shapes import ANY, Shape, Size, is_known, show
from symfold.errors import ShapeError, unknown

Widths = tuple[tuple[int, int], ...]  # before and after, for each of the last axes; negative widths cut entries off
MODES = ("constant", "reflect", "edge", "wrap")  # as in `numpy.pad`


def runs(positions: Sequence[int]) -> list[range | tuple[int, int]]:
    """Positions as ranges of step 1 or -1, and (position, count) for one that is repeated.

    >>> runs([2, 1, 0, 1, 2, 2, 2])
    [range(2, 0, -1), range(0, 3), (2, 2)]
    """
    result: list[range | tuple[int, int]] = []
    start = 0
    while start < len(positions):
        step = positions[start + 1] - positions[start] if start + 1 < len(positions) else 1
        step = step if step in (-1, 0, 1) else 1
        stop = start + 1
        while stop < len(positions) and positions[stop] - positions[stop - 1] == step:
            stop += 1
        if step == -1 and stop < len(positions):
            stop -= 1  # the turning point begins the way back
        first, last = positions[start], positions[stop - 1]
        result.append((first, stop - start) if step == 0 else range(first, last + step, step))
        start = stop
    return result


def entries_along(a: Node, axis: int, positions: Sequence[int]) -> Node:
    """The entries at some positions along an axis, counted from the end: slices, concatenated."""
    size, after = a.shape[axis], ((None, None),) * (-axis - 1)
    parts = []
    for run in runs(positions):
        if isinstance(run, tuple):
            single = item(a, index=(..., (run[0], run[0] + 1), *after))
            shape = (*single.shape[: len(a.shape) + axis], run[1], *single.shape[len(a.shape) + axis + 1 :])
            parts.append(broadcast_to(single, shape=shape))
        elif run == range(size):
            parts.append(a)
        else:
            stop = None if run.stop < 0 else run.stop
            cut = (run.start, stop) if run.step > 0 else (run.start, stop, -1)
            parts.append(item(a, index=(..., cut, *after)))
    return concatenate(*parts, axis=axis) if len(parts) > 1 else parts[0]


def border_positions(size: int, before: int, after: int, mode: str) -> list[int]:
    """The position of the entry at each place of an axis with borders.

    >>> border_positions(3, 2, 1, "reflect"), border_positions(3, 1, 2, "edge"), border_positions(3, 1, 1, "wrap")
    ([2, 1, 0, 1, 2, 1], [0, 0, 1, 2, 2, 2], [2, 0, 1, 2, 0])
    """
    places = range(-before, size + after)
    if mode == "edge":
        return [min(max(k, 0), size - 1) for k in places]
    if mode == "wrap":
        return [k % size for k in places]
    return [size - 1 - abs(size - 1 - abs(k)) for k in places]


def bordered(a: Node, axis: int, before: int, after: int, mode: str) -> Node:
    """A value between borders of its own entries along an axis of any size; a negative width cuts entries off."""
    left, right = max(before, 0), max(after, 0)
    cuts: dict[str, tuple[tuple[int | None, ...], tuple[int | None, ...]]] = {
        "edge": ((0, 1), (-1, None)),
        "wrap": ((-left, None), (0, right)),
        "reflect": ((left, 0, -1), (-2, -2 - right, -1)),
    }

    def border(cut: tuple[int | None, ...], width: int) -> Node:
        part = item(a, index=(..., cut, *rest))
        shape = list(part.shape)
        shape[axis] = width
        return broadcast_to(part, shape=tuple(shape)) if mode == "edge" else part

    rest = ((None, None),) * (-axis - 1)
    widths = zip(cuts[mode], (left, right), strict=True)
    first, last = ([border(cut, width)] if width else [] for cut, width in widths)
    whole = concatenate(*first, a, *last, axis=axis) if first or last else a
    inside = (-min(before, 0), min(after, 0) or None)
    return whole if inside == (0, None) else item(whole, index=(..., inside, *rest))


def _shape(a: Shape, widths: Widths, mode: str) -> Shape:
    if mode not in MODES:
        raise unknown("mode of padding", mode, MODES)
    if not is_known(a):
        return ANY
    if len(a) < len(widths):
        raise ShapeError(f"cannot pad {len(widths)} axes of a value of shape {show(a)}")
    sizes = [size + before + after for size, (before, after) in zip(a[-len(widths) :], widths, strict=True)]
    for size, pair, result in zip(a[-len(widths) :], widths, sizes, strict=True):
        most = {"reflect": size - 1, "wrap": size}.get(mode)
        if isinstance(most, int) and max(pair) > most:
            raise ShapeError(
                f"cannot pad {show(a)} by {max(pair)} entries of its own with mode {mode!r} (at most {most})"
            )
        if isinstance(result, int) and result < 0:
            raise ShapeError(f"cannot cut {-sum(pair)} entries off an axis of {show(a)}")
    return (*a[: -len(widths)], *sizes)


def _numbers(xp: Namespace, a: Array, widths: Widths, mode: str) -> Array:
    if mode != "constant":
        for axis, (size, pair) in enumerate(zip(a.shape[-len(widths) :], widths, strict=True), -len(widths)):
            positions = np.array(border_positions(size, *pair, mode))
            a = a[(..., positions, *(slice(None),) * (-axis - 1))]
        return a
    cut = tuple(
        slice(max(-before, 0), size - max(-after, 0))
        for size, (before, after) in zip(a.shape[-len(widths) :], widths, strict=True)
    )
    return padded(xp, a[(..., *cut)], tuple((max(before, 0), max(after, 0)) for before, after in widths), 0.0)


def _cuts(width: Size) -> bool:
    """Whether a width cuts entries off; one that is a symbol does not."""
    return isinstance(width, int) and width < 0


def _body(a: Node, widths: Widths, mode: str) -> Node:
    first = -len(widths)
    if mode != "constant":
        for axis, pair in enumerate(widths, first):
            a = bordered(a, axis, *pair, mode) if any(pair) else a
        return a
    if any(_cuts(width) for pair in widths for width in pair):
        ends = (((-b if _cuts(b) else None), (a_ if _cuts(a_) else None)) for b, a_ in widths)
        a = item(a, index=(..., *ends))
    borders = [(0 if _cuts(before) else before, 0 if _cuts(after) else after) for before, after in widths]
    shape = _shape(a.shape, tuple(borders), mode)
    inside = ((before, before + size) for (before, _), size in zip(borders, a.shape[first:], strict=True))
    return put(a, broadcast_to(number(0), shape=shape), index=(..., *inside))


# the last axes with borders (before, after), as in `numpy.pad`; of zeros if the mode is constant; a negative width cuts
# entries off
pad: Primitive = primitive(
    "pad",
    _shape,
    _numbers,
    linear=(0,),
    body=_body,
    examples=(
        (((2, 3, 4),), {"widths": ((1, 1), (0, -1)), "mode": "constant"}),
        (((2, 3, 4),), {"widths": ((2, 1), (1, 3)), "mode": "reflect"}),
        (((2, 3),), {"widths": ((2, 3),), "mode": "edge"}),
    ),
)
