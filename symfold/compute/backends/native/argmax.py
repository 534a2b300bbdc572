"""Marks of the first largest entry along axes."""

from __future__ import annotations

from collections.abc import Sequence

from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.instructions import Index, Reg
from symfold.compute.backends.native.loops import Axis, Chunk, Nest, fetch, merged, reduce
from symfold.compute.backends.native.writer import Source
from symfold.core.nodes import Node
from symfold.core.primitives import Apply


def write_at_max(
    source: Source,
    node: Node[Apply],
    args: Sequence[Array],
    axes: Sequence[int | None],
    target: Array,
    axis: int | None,
) -> None:
    """1 at the first largest entry, 0 elsewhere; as in NumPy, the first nan counts as largest."""
    code, value, rank = source.code, args[0], len(target.shape)
    over = dict(node.op.attributes)["axis"] or tuple(range(-rank, 0))
    reduced_shape = tuple(1 if k - rank in over else size for k, size in enumerate(target.shape))
    top = source.array(reduced_shape, axis)
    reduce(code, Chunk((), {node.args[0]: value}, {}), node.args[0], over, top, "maximum")
    largest = top.spread(target.shape)
    nest = Nest(code, [target, value, largest])
    extents = source.extents(target.shape, axis)
    loop_axes = [
        Axis(extents[k], tuple(array.strides[k] for array in nest.arrays), k - rank in over) for k in range(rank)
    ]
    kept = merged(sorted((a for a in loop_axes if not a.summed), key=lambda a: -abs(a.strides[0])))
    reduced = merged([a for a in loop_axes if a.summed])  # in order, to find the first entry
    inner = kept[-1] if kept else Axis(1, (0,) * len(nest.arrays))

    def at_vector(place: list[Index], lanes: int, _: list[Reg]) -> list[Reg]:
        maximum = fetch(code, nest.where(place, inner)(largest), lanes)

        def mark(offsets: list[Index], searching: list[Reg]) -> list[Reg]:
            """`searching` is 1 until the entry is found."""
            where = nest.where(offsets, inner)
            entry = fetch(code, where(value), lanes)
            is_first = code.select("oeq", searching[0], code.number(0), entry, maximum)
            is_first = code.select("uno", searching[0], is_first, entry, entry)
            code.store(is_first, *where(target))
            return [code.binary("fsub", searching[0], is_first)]

        nest.over(reduced, place, mark, [code.number(1, lanes)])
        return []

    with code.kernel():
        nest.over(kept[:-1], nest.offsets, lambda offsets, _: nest.vectors(inner, offsets, at_vector))
    source.give_back(top, axis)
