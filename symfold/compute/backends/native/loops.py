"""Loops over arrays: elementwise values and reductions. Adjacent axes with compatible strides become one loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.code import Code, pieces
from symfold.compute.backends.native.functions import emit
from symfold.compute.backends.native.instructions import Index, Reg
from symfold.core.functions import Head
from symfold.core.leaves import number_of
from symfold.core.nodes import Node

Where = Callable[[Array], tuple[str, int]]  # the address of an array's entry, and its stride along the vector


@dataclass(frozen=True)
class Chunk:
    """Elementwise nodes of one shape, computed together: the arrays that they read and write."""

    order: tuple[Node[Head], ...]
    reads: Mapping[Node, Array]
    writes: Mapping[Node, Array]

    def values(self, code: Code, where: Where, lanes: int, registers: Mapping[Node, Reg]) -> dict[Node, Reg]:
        """The values at one place; some are in registers already."""
        values = dict(registers)
        for node, array in self.reads.items():
            if node not in values:
                values[node] = fetch(code, where(array), lanes)
        for node in self.order:
            if code.long:
                values[node] = called(code, node, values, lanes)
                continue
            args = [values[arg] if arg in values else literal(code, arg) for arg in node.args]
            values[node] = code.splat(emit(code, node, args), lanes)
        return values

    def write(self, code: Code, where: Where, lanes: int, registers: Mapping[Node, Reg]) -> None:
        values = self.values(code, where, lanes, registers)
        for node, array in self.writes.items():
            address, stride = where(array)
            code.store(values[node], address, stride)


def called(code: Code, node: Node[Head], values: Mapping[Node, Reg], lanes: int) -> Reg:
    """The value of a node by a call: in very long code, the instructions of a function are written once."""
    numbers = tuple([None if arg in values else number_of(arg) for arg in node.args])
    args = [values[arg] for arg, value in zip(node.args, numbers, strict=True) if value is None]

    def body(formals: list[Reg]) -> Reg:
        rest = iter(formals)
        regs = [literal(code, arg) if arg not in values else next(rest) for arg in node.args]
        return code.splat(emit(code, node, regs), lanes)

    return code.call((node.op, numbers, lanes), args, lanes, body)


def fetch(code: Code, place: tuple[str, int], lanes: int) -> Reg:
    """The vector of numbers at a place."""
    address, stride = place
    return code.load(address, lanes, stride)


def literal(code: Code, node: Node) -> Reg:
    value = number_of(node)
    assert value is not None, node
    return code.number(float(value))


@dataclass(frozen=True)
class Axis:
    """One loop: its extent and the stride of each array."""

    extent: int
    strides: tuple[int, ...]
    summed: bool = False


def merged(axes: Sequence[Axis]) -> list[Axis]:
    """Axes, outermost first, with adjacent ones merged if the strides of all arrays allow it."""
    result: list[Axis] = []
    for axis in axes:
        if axis.extent == 1:
            continue
        if (
            result
            and result[-1].summed == axis.summed
            and all(a == axis.extent * b for a, b in zip(result[-1].strides, axis.strides, strict=True))
        ):
            result[-1] = Axis(result[-1].extent * axis.extent, axis.strides, axis.summed)
        else:
            result.append(axis)
    return result


def axes_over(extents: Sequence[int], arrays: Sequence[Array], summed: Sequence[bool] = ()) -> list[Axis]:
    """The axes of some arrays of one shape, in the memory order of the first."""
    rank = len(extents)
    axes = [Axis(extents[k], tuple(a.strides[k] for a in arrays), bool(summed) and summed[k]) for k in range(rank)]
    return merged(sorted(axes, key=lambda axis: -abs(axis.strides[0])))


class Nest:
    """Nested loops over some arrays."""

    def __init__(self, code: Code, arrays: Sequence[Array]):
        self.code = code
        self.arrays = list(dict.fromkeys(arrays))
        self.position = {array: k for k, array in enumerate(self.arrays)}
        self.offsets: list[Index] = [str(array.offset) for array in self.arrays]

    def step(self, offsets: Sequence[Index], axis: Axis, index: Index) -> list[Index]:
        return [
            self.code.plus(offset, self.code.times(index, stride))
            for offset, stride in zip(offsets, axis.strides, strict=True)
        ]

    def over(
        self,
        axes: Sequence[Axis],
        offsets: Sequence[Index],
        body: Callable[[list[Index], list[Reg]], Sequence[Reg]],
        carried: Sequence[Reg] = (),
    ) -> list[Reg]:
        """The body at every place of these axes."""
        if not axes:
            return list(body(list(offsets), list(carried)))
        first, *rest = axes
        return self.code.loop(
            first.extent, lambda k, inside: self.over(rest, self.step(offsets, first, k), body, inside), carried
        )

    def vectors(
        self,
        axis: Axis,
        offsets: Sequence[Index],
        body: Callable[[list[Index], int, list[Reg]], Sequence[Reg]],
        carried: Sequence[Reg] = (),
    ) -> list[Reg]:
        """The body at every vector along an axis, full ones first. Carried values have one lane."""
        start, values = 0, list(carried)
        for count, lanes in pieces(axis.extent, self.code.width):
            base = self.step(offsets, axis, str(start))
            wide = Axis(count, tuple(stride * lanes for stride in axis.strides))

            def at_vector(
                k: Index, inside: list[Reg], base: list[Index] = base, wide: Axis = wide, lanes: int = lanes
            ) -> Sequence[Reg]:
                return body(self.step(base, wide, k), lanes, inside)

            values = self.code.loop(count, at_vector, values)
            start += count * lanes
        return values

    def where(self, offsets: Sequence[Index], axis: Axis | None) -> Where:
        def place(array: Array) -> tuple[str, int]:
            k = self.position[array]
            return self.code.at(array.base, offsets[k]), axis.strides[k] if axis else 0

        return place


def everywhere(code: Code, extents: Sequence[int], arrays: Sequence[Array], body: Callable[[Where, int], None]) -> None:
    """`body(where, lanes)` at every vector of arrays of one shape, in the memory order of the first."""
    if 0 in extents:
        return
    nest = Nest(code, arrays)
    axes = axes_over(extents, nest.arrays)
    inner = axes[-1] if axes else Axis(1, (0,) * len(nest.arrays))

    def at_vectors(offsets: list[Index], _: list[Reg]) -> list[Reg]:
        def at_vector(place: list[Index], lanes: int, _: list[Reg]) -> list[Reg]:
            body(nest.where(place, inner), lanes)
            return []

        return nest.vectors(inner, offsets, at_vector)

    with code.kernel():
        nest.over(axes[:-1], nest.offsets, at_vectors)


def run_chunk(code: Code, extents: Sequence[int], chunk: Chunk) -> None:
    """Compute all entries of a chunk."""
    everywhere(
        code,
        extents,
        [*chunk.writes.values(), *chunk.reads.values()],
        lambda where, lanes: chunk.write(code, where, lanes, {}),
    )


IDENTITY = {"fadd": 0.0, "maximum": -np.inf}


def reduce(
    code: Code, chunk: Chunk, value: Node, axes: Sequence[int], target: Array, name: str = "fadd", scale: float = 1.0
) -> None:
    """Sums (or maxima) of a value over axes, times `scale`; in `target` the reduced axes have size 1.

    Vectors run along the contiguous axis of the value; if it is reduced, a reduction over the lanes ends it.
    """
    arrays = [*chunk.reads.values()]
    shape = value.shape
    rank = len(shape)
    spread = Array(
        target.base,
        shape,
        tuple(0 if k - rank in axes else stride for k, stride in enumerate(target.strides)),
        target.offset,
    )
    nest = Nest(code, [*arrays, spread])
    loop_axes = axes_over(shape, nest.arrays, [k - rank in axes for k in range(rank)])
    kept, summed = [a for a in loop_axes if not a.summed], [a for a in loop_axes if a.summed]
    inner = min(loop_axes, key=lambda axis: abs(axis.strides[0]) or 1 << 60, default=None)

    def combined(a: Reg, b: Reg) -> Reg:
        return code.binary(name, a, b) if name == "fadd" else code.intrinsic(name, a, b)

    def finish(total: Reg, offsets: list[Index], axis: Axis | None) -> None:
        if scale != 1.0:
            total = code.binary("fmul", total, code.number(scale))
        address, stride = nest.where(offsets, axis)(spread)
        code.store(total, address, stride)

    def added(offsets: list[Index], axis: Axis | None, lanes: int, so_far: Reg) -> Reg:
        return combined(so_far, code.splat(chunk.values(code, nest.where(offsets, axis), lanes, {})[value], lanes))

    def along_summed(offsets: list[Index], _: list[Reg]) -> list[Reg]:
        total, start = code.number(IDENTITY[name]), 0
        others = [axis for axis in summed if axis is not inner]
        for count, lanes in pieces(inner.extent if inner else 1, code.width):
            base = nest.step(offsets, inner, str(start)) if inner else offsets
            wide = [Axis(count, tuple(stride * lanes for stride in inner.strides))] if inner else []

            def at_vector(place: list[Index], so_far: list[Reg], lanes: int = lanes) -> list[Reg]:
                return [added(place, inner, lanes, so_far[0])]

            part = nest.over([*others, *wide], base, at_vector, [code.number(IDENTITY[name], lanes)])
            total = combined(total, code.total(part[0], name))
            start += count * lanes
        finish(total, offsets, None)
        return []

    def along_kept(offsets: list[Index], _: list[Reg]) -> list[Reg]:
        def at_vector(place: list[Index], lanes: int, _: list[Reg]) -> list[Reg]:
            total = nest.over(
                summed,
                place,
                lambda inside, so_far: [added(inside, inner, lanes, so_far[0])],
                [code.number(IDENTITY[name], lanes)],
            )
            finish(total[0], place, inner)
            return []

        assert inner is not None
        return nest.vectors(inner, offsets, at_vector)

    with code.kernel():
        outer = kept if inner is None or inner.summed else [axis for axis in kept if axis is not inner]
        nest.over(outer, nest.offsets, along_summed if inner is None or inner.summed else along_kept)
