"""Windows of neighbouring entries: seen where they lie, in a padded copy where they reach over the edge; and added up again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symfold.compute.backends.native.arrays import Array, windowed
from symfold.compute.backends.native.code import Code
from symfold.compute.backends.native.copies import copy, fill
from symfold.compute.backends.native.folds import entry
from symfold.compute.backends.native.instructions import Index, Reg
from symfold.compute.backends.native.loops import Where, everywhere, fetch
from symfold.compute.backends.native.writer import Source
from symfold.core.nodes import Node


def padded_windows(source: Source, node: Node, value: Array, axis: Any) -> Array:
    """The windows of a value with an edge around it. An edge of zeros is there from the start: only what is inside is copied."""
    attributes = dict(node.op.attributes)
    padding, edge = attributes["padding"], attributes["fill"]
    around = source.array(widened(value.shape, padding), axis, fresh=edge == 0)
    if edge != 0:
        fill(source.code, around, source.extents(around.shape, axis), edge)
    copy(source.code, value, inside(around, value.shape, padding), source.extents(value.shape, axis))
    return windowed(around, **attributes)


def widened(shape: Sequence[int], padding: Sequence[int]) -> tuple[int, ...]:
    lead = len(shape) - len(padding)
    return (*shape[:lead], *(size + 2 * p for size, p in zip(shape[lead:], padding, strict=True)))


def inside(array: Array, shape: Sequence[int], padding: Sequence[int]) -> Array:
    """A padded array without its edge."""
    lead = len(shape) - len(padding)
    for k, p in enumerate(padding):
        array = array.moved(lead + k, p, shape[lead + k])
    return array


def windows_added(
    source: Source, node: Node, args: Sequence[Array], axes: Sequence[Any], target: Array, axis: Any
) -> None:
    """Entries of windows added up at their places, one place of a window after the other.

    Only what has another place along an axis before the windows is divided among threads: there no two add to one entry.
    """
    code, attributes = source.code, dict(node.op.attributes)
    padding, rank = attributes["padding"], len(attributes["kernel"])
    whole, bar = target, args[0]
    if any(padding):
        whole = source.array(widened(target.shape, padding), axis)
    lead = source.extents(target.shape, axis)[: len(target.shape) - rank]
    apart = [k for k in range(len(lead)) if lead[k] > 1 and k - len(target.shape) != source.inner(axis)]
    outer = max(apart, key=lambda k: lead[k], default=None)

    def part(into: Array, bar: Array, lead: Sequence[int]) -> None:
        fill(code, into, [*lead, *into.shape[len(lead) :]], 0.0)
        parts_added(code, windowed(into, **attributes), bar, lead, rank)

    def at(k: Index, _: list[Reg]) -> list[Reg]:
        assert outer is not None
        part(entry(code, whole, k, outer), entry(code, bar, k, outer), lead[:outer] + lead[outer + 1 :])
        return []

    if outer is None:
        with code.alone():
            part(whole, bar, lead)
    else:
        with code.kernel():
            code.loop(lead[outer], at)
    if whole is not target:
        copy(code, inside(whole, target.shape, padding), target, source.extents(target.shape, axis))
        source.give_back(whole, axis)


def parts_added(code: Code, seen: Array, bar: Array, lead: Sequence[int], rank: int) -> None:
    """Of all windows what is at one place in them, added where it is seen."""
    if rank:
        at = len(bar.shape) - rank

        def place(k: Index, _: list[Reg]) -> list[Reg]:
            parts_added(code, entry(code, seen, k, at), entry(code, bar, k, at), lead, rank - 1)
            return []

        code.loop(bar.shape[at], place)
        return

    def add(where: Where, lanes: int) -> None:
        code.store(code.binary("fadd", fetch(code, where(seen), lanes), fetch(code, where(bar), lanes)), *where(seen))

    everywhere(code, [*lead, *bar.shape[len(lead) :]], [seen, bar], add)
