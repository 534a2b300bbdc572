"""Windows of neighboring entries, as views of a padded copy, and their adjoint, which adds them up."""

from __future__ import annotations

from collections.abc import Sequence

from symfold.compute.backends.native.arrays import Array, windowed
from symfold.compute.backends.native.code import Code
from symfold.compute.backends.native.copies import copy, fill
from symfold.compute.backends.native.folds import entry
from symfold.compute.backends.native.instructions import Index, Reg
from symfold.compute.backends.native.loops import Where, everywhere, fetch
from symfold.compute.backends.native.writer import Source
from symfold.core.nodes import Node
from symfold.core.primitives import Apply


def padded_windows(source: Source, node: Node[Apply], value: Array, axis: int | None) -> Array:
    """The windows of a padded value. Padding of zeros is in the fresh array already: only the interior is copied."""
    attributes = dict(node.op.attributes)
    padding, edge = attributes["padding"], attributes["fill"]
    padded = source.array(widened(value.shape, padding), axis, fresh=edge == 0)
    if edge != 0:
        fill(source.code, padded, source.extents(padded.shape, axis), edge)
    copy(source.code, value, interior(padded, value.shape, padding), source.extents(value.shape, axis))
    return windowed(padded, **attributes)


def widened(shape: Sequence[int], padding: Sequence[int]) -> tuple[int, ...]:
    lead = len(shape) - len(padding)
    return (*shape[:lead], *(size + 2 * p for size, p in zip(shape[lead:], padding, strict=True)))


def interior(array: Array, shape: Sequence[int], padding: Sequence[int]) -> Array:
    """A padded array without its padding."""
    lead = len(shape) - len(padding)
    for k, p in enumerate(padding):
        array = array.moved(lead + k, p, shape[lead + k])
    return array


def write_add_windows(
    source: Source,
    node: Node[Apply],
    args: Sequence[Array],
    axes: Sequence[int | None],
    target: Array,
    axis: int | None,
) -> None:
    """Windows added up, one position within the window after another.

    Threads divide an axis before those of the windows only, so that no two add to one entry.
    """
    code, attributes = source.code, dict(node.op.attributes)
    padding, rank = attributes["padding"], len(attributes["kernel"])
    padded, bar = target, args[0]
    if any(padding):
        padded = source.array(widened(target.shape, padding), axis)
    lead = source.extents(target.shape, axis)[: len(target.shape) - rank]
    divisible = [k for k in range(len(lead)) if lead[k] > 1 and k - len(target.shape) != source.inner(axis)]
    outer = max(divisible, key=lambda k: lead[k], default=None)

    def add_part(into: Array, bar: Array, lead: Sequence[int]) -> None:
        fill(code, into, [*lead, *into.shape[len(lead) :]], 0.0)
        add_positions(code, windowed(into, **attributes), bar, lead, rank)

    def at(k: Index, _: list[Reg]) -> list[Reg]:
        assert outer is not None
        add_part(entry(code, padded, k, outer), entry(code, bar, k, outer), lead[:outer] + lead[outer + 1 :])
        return []

    if outer is None:
        with code.alone():
            add_part(padded, bar, lead)
    else:
        with code.kernel():
            code.loop(lead[outer], at)
    if padded is not target:
        copy(code, interior(padded, target.shape, padding), target, source.extents(target.shape, axis))
        source.give_back(padded, axis)


def add_positions(code: Code, into: Array, bar: Array, lead: Sequence[int], rank: int) -> None:
    """Add the cotangents of windows, one position within the window after another."""
    if rank:
        axis = len(bar.shape) - rank

        def position(k: Index, _: list[Reg]) -> list[Reg]:
            add_positions(code, entry(code, into, k, axis), entry(code, bar, k, axis), lead, rank - 1)
            return []

        code.loop(bar.shape[axis], position)
        return

    def add(where: Where, lanes: int) -> None:
        code.store(code.binary("fadd", fetch(code, where(into), lanes), fetch(code, where(bar), lanes)), *where(into))

    everywhere(code, [*lead, *bar.shape[len(lead) :]], [into, bar], add)
