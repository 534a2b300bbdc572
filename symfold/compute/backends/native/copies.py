"""Copies: an array filled from another of any layout, or with one number."""

from __future__ import annotations

from collections.abc import Sequence

from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.code import Code
from symfold.compute.backends.native.instructions import Index, Reg
from symfold.compute.backends.native.loops import Axis, Nest, everywhere, fetch


def copy(code: Code, source: Array, target: Array, extents: Sequence[int]) -> None:
    """Copy a source, broadcast to the target's shape, into the target."""
    source = source.spread(target.shape)
    if source == target or 0 in extents:
        return
    across = next((k for k, stride in enumerate(source.strides) if stride == 1 and extents[k] >= code.width), None)
    along = next((k for k, stride in enumerate(target.strides) if stride == 1 and extents[k] >= code.width), None)
    if across is None or along is None or across == along:
        entries(code, source, target, extents)
        return
    with code.kernel():
        squares(code, source, target, extents, across, along)


def squares(code: Code, source: Array, target: Array, extents: Sequence[int], across: int, along: int) -> None:
    """A copy from vectors along one axis to vectors along another: squares are transposed in registers."""
    width = code.width
    full = {axis: extents[axis] // width * width for axis in (across, along)}
    nest = Nest(code, [target, source])
    axes = [
        Axis(extents[k], (target.strides[k], source.strides[k]))
        for k in range(len(extents))
        if k not in full and extents[k] > 1
    ]
    axes += [Axis(full[k] // width, (width * target.strides[k], width * source.strides[k])) for k in (across, along)]

    def square(offsets: list[Index], _: list[Reg]) -> list[Reg]:
        target_offset, source_offset = offsets
        rows = [
            code.load(code.at(source.base, code.plus(source_offset, str(k * source.strides[along]))), width)
            for k in range(width)
        ]
        for k, column in enumerate(code.transposed(rows)):
            code.store(column, code.at(target.base, code.plus(target_offset, str(k * target.strides[across]))))
        return []

    nest.over(axes, nest.offsets, square)
    # the remainders: beside the squares, then below them
    rest = list(extents)
    rest[along] = full[along]
    for axis in (across, along):
        left = extents[axis] - full[axis]
        if left:
            rest[axis] = left
            entries(code, source.moved(axis, full[axis], left), target.moved(axis, full[axis], left), [*rest])
        rest[axis] = extents[axis]


def entries(code: Code, source: Array, target: Array, extents: Sequence[int]) -> None:
    """A copy vector by vector."""
    everywhere(
        code,
        extents,
        [target, source],
        lambda where, lanes: code.store(fetch(code, where(source), lanes), *where(target)),
    )


def fill(code: Code, target: Array, extents: Sequence[int], value: float) -> None:
    everywhere(code, extents, [target], lambda where, lanes: code.store(code.number(value, lanes), *where(target)))
