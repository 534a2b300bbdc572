"""Where the largest entries are: the first of them along the axes that a maximum joins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.instructions import Index, Reg
from symfold.compute.backends.native.loops import Axis, Chunk, Nest, fetch, merged, reduce
from symfold.compute.backends.native.writer import Source
from symfold.core.nodes import Node


def first_largest(
    source: Source, node: Node, args: Sequence[Array], axes: Sequence[Any], target: Array, axis: Any
) -> None:
    """1 at the first largest entry, 0 elsewhere; the first that is not a number, where there is any, as NumPy has it."""
    code, value, rank = source.code, args[0], len(target.shape)
    over = dict(node.op.attributes)["axis"] or tuple(range(-rank, 0))
    small = tuple(1 if k - rank in over else size for k, size in enumerate(target.shape))
    top = source.array(small, axis)
    reduce(code, Chunk((), {node.args[0]: value}, {}), node.args[0], over, top, "maximum")
    largest = top.spread(target.shape)
    nest = Nest(code, [target, value, largest])
    extents = source.extents(target.shape, axis)
    found = [Axis(extents[k], tuple(array.strides[k] for array in nest.arrays), k - rank in over) for k in range(rank)]
    kept = merged(sorted((a for a in found if not a.summed), key=lambda a: -abs(a.strides[0])))
    joined = merged([a for a in found if a.summed])  # in their order: the first is what is asked for
    inner = kept[-1] if kept else Axis(1, (0,) * len(nest.arrays))

    def at_vector(place: list[Index], lanes: int, _: list[Reg]) -> list[Reg]:
        wanted = fetch(code, nest.where(place, inner)(largest), lanes)

        def mark(inside: list[Index], waiting: list[Reg]) -> list[Reg]:
            """`waiting` is 1 until the entry is found."""
            where = nest.where(inside, inner)
            entry = fetch(code, where(value), lanes)
            found = code.select("oeq", waiting[0], code.number(0), entry, wanted)
            found = code.select("uno", waiting[0], found, entry, entry)
            code.store(found, *where(target))
            return [code.binary("fsub", waiting[0], found)]

        nest.over(joined, place, mark, [code.number(1, lanes)])
        return []

    with code.kernel():
        nest.over(kept[:-1], nest.offsets, lambda offsets, _: nest.vectors(inner, offsets, at_vector))
    source.give_back(top, axis)
