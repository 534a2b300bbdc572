"""A net as the text of a module, with what must be known to run it: where inputs and outputs lie, and how much memory it needs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.axes import Mixed
from symfold.compute.backends.native.batch import batch_axes
from symfold.compute.backends.native.body import Body
from symfold.compute.backends.native.code import Code
from symfold.compute.backends.native.copies import copy
from symfold.compute.backends.native.functions import ROWS
from symfold.compute.backends.native.layout import DIVIDED, innermost_samples, largest_product
from symfold.compute.backends.native.loop_fusion import gathered
from symfold.compute.backends.native.machine import host
from symfold.compute.backends.native.rewriting import put_otherwise
from symfold.compute.backends.native.rules import has_rule
from symfold.compute.backends.native.threads import MEET
from symfold.compute.backends.native.writer import Source
from symfold.compute.lowering import Target, lowered
from symfold.compute.parameters import Layout
from symfold.core.names import leaves_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Input
from symfold.core.primitives import add_embedded, embed, is_primitive
from symfold.core.shapes import NAME, is_concrete, is_known
from symfold.core.stacked_inputs import StackedInputs
from symfold.core.walks import walk
from symfold.errors import InvalidValue


@dataclass(frozen=True)
class Written:
    """A module with one function, `step`, and what it takes for granted.

    `step(params, updated, work)`; for several threads, each of which calls it, `step(params, updated, work, thread, barrier)`.
    """

    text: str
    dtype: np.dtype[Any]
    threads: int
    size: int  # of the workspace, in numbers
    inputs: tuple[tuple[Node, Array], ...]
    places: tuple[Array, ...]  # of the outputs
    constants: tuple[tuple[Array, Any], ...]
    asked: tuple[tuple[str, int], ...]  # inputs whose numbers are rows of a table, and how many it has

    @property
    def feeds(self) -> list[tuple[str, Array]]:
        """Where numbers of each name belong; a name may have several places."""
        found: list[tuple[str, Array]] = []
        for leaf, place in self.inputs:
            names = list(leaf.op.names) if isinstance(leaf.op, StackedInputs) else []
            found += [(name, place.entry(0, k)) for k, name in enumerate(names)] or [(leaf.op.name, place)]
        return found


def written(
    net: Net,
    shapes: Mapping[str, tuple[int, ...]],
    layout: Layout,
    dtype: np.dtype[Any],
    replaced: Mapping[int, int] | None = None,
) -> Written:
    """The code of a net for these input shapes; `replaced` says for some outputs where among the parameters they belong."""
    roots = lowered(net, shapes, Target(has_rule, ROWS.__contains__, (put_otherwise, gathered)))
    machine = host()
    width = machine.vector_bytes // dtype.itemsize
    samples = sample_axes(net, shapes)
    leaves = {leaf: samples.get(getattr(leaf.op, "name", "")) for leaf in leaves_of(roots)}
    batch = batch_of(roots, leaves, width)
    axes = leaves if batch is not None else dict.fromkeys(leaves)
    source = Source(Code(dtype, width, machine.registers, threads=threads_for(roots)), batch)
    given: dict[Node, Any] = {}
    inputs = []
    for leaf in leaves:
        if leaf.shape[-1:] == (NAME,):
            given[leaf] = None
        elif leaf.op.role == "parameter":
            given[leaf] = in_order("%params", leaf, offset_of(layout, leaf))
        else:
            given[leaf] = source.array(leaf.shape, axes[leaf])
            inputs.append((leaf, given[leaf]))
    targets = {k: in_order("%updated", roots[k], offset) for k, offset in (replaced or {}).items()}
    places = Body(source, roots, given, {roots[k]: target for k, target in targets.items()}, axes).write()
    for k, target in targets.items():
        if places[k] != target:
            copy(source.code, places[k], target, target.shape)
    # a vector may be read to its end past the last entry
    return Written(
        step_text(source.code),
        dtype,
        source.code.threads,
        source.memory.size + width,
        tuple(inputs),
        tuple(places),
        tuple(source.constants),
        rows_asked(roots),
    )


def rows_asked(roots: Sequence[Node]) -> tuple[tuple[str, int], ...]:
    """The inputs that say which rows of a table are read: what they say can be checked before the code runs."""
    found: dict[tuple[str, int], None] = {}
    for node in walk(roots):
        if is_primitive(node, embed, add_embedded):
            table, numbers = node.args[-2:]
            if isinstance(numbers.op, Input):
                found[numbers.op.name, int(table.shape[0])] = None
    return tuple(found)


def step_text(code: Code) -> str:
    """The function, and what it calls. What several threads write is not told to be nobody else's."""
    if code.threads == 1:
        head = "define void @step(ptr noalias %params, ptr noalias %updated, ptr noalias %work) noinline {"
    else:
        head = (
            MEET
            + "define void @step(ptr noalias readonly %params, ptr %updated, ptr %work, i64 %thread, ptr %barrier) noinline {"
        )
    return "\n".join([*code.declared.values(), head, "entry:", *code.lines, "  ret void", "}", ""])


def threads_for(roots: Sequence[Node]) -> int:
    """How many threads the code is for: `SYMFOLD_THREADS`, where there are products large enough to be divided."""
    text = os.environ.get("SYMFOLD_THREADS", "1")
    if not text.isdecimal() or int(text) < 1:
        raise InvalidValue(f"SYMFOLD_THREADS={text!r} must be a whole number, 1 or more")
    return int(text) if largest_product(roots) >= DIVIDED else 1


def in_order(base: str, node: Node, offset: int) -> Array:
    """Numbers one after the other."""
    shape = tuple(int(size) for size in node.shape)
    return Array(base, shape, tuple(prod(shape[k + 1 :]) for k in range(len(shape))), offset)


def offset_of(layout: Layout, leaf: Node) -> int:
    """Where in the buffer of parameters a leaf begins, or a run of a family's members."""
    number, position = layout.place(leaf)
    first = position.start if isinstance(position, slice) else position or 0
    return (
        layout.offsets[number] + first * prod(int(size) for size in layout.leaves[number].shape[1:])
        if position is not None
        else layout.offsets[number]
    )


def sample_axes(net: Net, sizes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The axis of every input that runs over the samples: the last of unknown size; the first of that size, or else the first, where none is unknown.

    A guess where sizes are given; what it gets wrong shows when samples meet, and then nothing lies by samples.
    """
    given = {
        leaf.op.name: leaf.shape
        for leaf in net.leaves
        if leaf.op.role == "input" and not isinstance(leaf.op, StackedInputs)
    }
    found = {}
    for name, shape in given.items():
        unknown = (
            [k - len(shape) for k, size in enumerate(shape) if not isinstance(size, int)]
            if is_known(shape) and shape[-1:] != (NAME,)
            else []
        )
        if unknown and name in sizes:
            found[name] = unknown[-1]
    samples = {sizes[name][axis] for name, axis in found.items()}
    for name, shape in sizes.items():
        alike = [k - len(shape) for k, size in enumerate(shape) if size in samples or not samples]
        if name not in found and alike:
            found[name] = alike[0]
    return found


def batch_of(roots: Sequence[Node], leaves: Mapping[Node, Any], width: int) -> int | None:
    """How many samples lie innermost; None where arrays lie in their order."""
    sizes = {
        leaf.shape[axis]
        for leaf, axis in leaves.items()
        if axis is not None and is_concrete(leaf.shape) and len(leaf.shape) >= -axis
    }
    if len(sizes) != 1:
        return None
    size = sizes.pop()
    assert isinstance(size, int)
    try:
        axes = batch_axes(walk(roots, stop=leaves), leaves)
        return size if size > 1 and innermost_samples(roots, axes, size, width) else None
    except Mixed:
        return None
