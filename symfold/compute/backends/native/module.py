"""A net as the text of an LLVM module, with the places of inputs and outputs and the size of its memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.compute.backends.native.arrays import Array, whole_lines
from symfold.compute.backends.native.axes import Mixed
from symfold.compute.backends.native.batch import batch_axes
from symfold.compute.backends.native.body import Body
from symfold.compute.backends.native.code import Code
from symfold.compute.backends.native.copies import copy
from symfold.compute.backends.native.functions import ROWS
from symfold.compute.backends.native.layout import innermost_samples
from symfold.compute.backends.native.loop_fusion import fused
from symfold.compute.backends.native.processors import processor
from symfold.compute.backends.native.rewriting import rewritten
from symfold.compute.backends.native.rules import has_rule
from symfold.compute.backends.native.threads import MEET, threads_for
from symfold.compute.backends.native.writer import Source
from symfold.compute.lowering import Target, lowered
from symfold.compute.parameters import Layout
from symfold.core.leaves import Input
from symfold.core.names import leaves_of
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import add_embedded, embed, is_primitive
from symfold.core.shapes import NAME, is_concrete, is_known
from symfold.core.stacked_inputs import Leaf, StackedInputs
from symfold.transform.passes.contraction import contracted
from symfold.transform.passes.saved_values import saved_ahead


@dataclass(frozen=True)
class Module:
    """An LLVM module with one function, `step(params, updated, work)`, and its memory layout.

    Results lie one after the other in `%updated`, or, in a training, where the parameters are that they replace.

    With several threads, each calls `step(params, updated, work, thread, threads, barrier)`.
    """

    text: str
    dtype: np.dtype[Any]
    threads: int  # at most
    size: int  # of the workspace, in numbers
    updated: int  # the size of `%updated`
    inputs: tuple[tuple[Leaf, Array], ...]
    places: tuple[Array, ...]  # of the outputs
    constants: tuple[tuple[Array, NumpyArray], ...]
    row_numbers: tuple[tuple[str, int], ...]  # inputs of row numbers, and the row counts of their tables

    @property
    def feeds(self) -> list[tuple[str, Array]]:
        """The places of every input by name; a name may have several."""
        places: list[tuple[str, Array]] = []
        for leaf, place in self.inputs:
            if isinstance(leaf.op, StackedInputs):
                places += [(name, place.entry(0, k)) for k, name in enumerate(leaf.op.names)]
            else:
                places.append((leaf.op.name, place))
        return places


def module_of(
    net: Net,
    shapes: Mapping[str, tuple[int, ...]],
    layout: Layout,
    dtype: np.dtype[Any],
    replaced: Mapping[int, int] | None = None,
) -> Module:
    """The module of a net for these input shapes.

    In a training, `replaced` maps outputs to offsets of the parameters they replace; the others lie in the workspace.
    """
    roots = lowered(
        net, shapes, Target(has_rule, ROWS.__contains__, (contracted, saved_ahead, rewritten, fused), dtype.itemsize)
    )
    code = Code(dtype, processor(), threads=threads_for(roots))
    samples = sample_axes(net, shapes)
    leaves = leaves_of(roots)
    sampled: dict[Node, Any] = {
        leaf: samples.get(leaf.op.name) if isinstance(leaf.op, Input) else None for leaf in leaves
    }
    batch = batch_of(roots, sampled, code.width)
    axes = sampled if batch is not None else dict.fromkeys(sampled)
    source = Source(code, batch)
    leaf_refs: dict[Node, Any] = {}
    inputs = []
    for leaf in leaves:
        if leaf.shape[-1:] == (NAME,):
            leaf_refs[leaf] = None
        elif leaf.op.role == "parameter":
            leaf_refs[leaf] = in_order("%params", leaf, offset_of(layout, leaf))
        else:
            leaf_refs[leaf] = source.array(leaf.shape, axes[leaf])
            inputs.append((leaf, leaf_refs[leaf]))
    offsets = [*accumulate((whole_lines(prod(map(int, root.shape))) for root in roots), initial=0)]
    places_of = dict(enumerate(offsets[:-1])) if replaced is None else replaced
    targets = {k: in_order("%updated", roots[k], offset) for k, offset in places_of.items()}
    # values with samples are padded, and copied into the results
    inside = batch_axes(walk(roots, stop=leaf_refs), axes)
    into = {roots[k]: target for k, target in targets.items() if inside[roots[k]] is None}
    places = Body(source, roots, leaf_refs, into, axes).write(outermost=True)
    for k, target in targets.items():
        if places[k] != target:
            copy(code, places[k], target, target.shape)
    # the last vector may extend past the last entry
    return Module(
        step_text(code),
        dtype,
        code.threads,
        source.memory.size + code.width,
        offsets[-1],
        tuple(inputs),
        tuple(targets.get(k, place) for k, place in enumerate(places)),
        tuple(source.constants),
        row_number_inputs(roots),
    )


def row_number_inputs(roots: Sequence[Node]) -> tuple[tuple[str, int], ...]:
    """The inputs of row numbers, with the row counts of their tables, to be checked before the code runs."""
    inputs: dict[tuple[str, int], None] = {}
    for node in walk(roots):
        if is_primitive(node, embed, add_embedded):
            table, numbers = node.args[-2:]
            if isinstance(numbers.op, Input):
                inputs[numbers.op.name, int(table.shape[0])] = None
    return tuple(inputs)


def step_text(code: Code) -> str:
    """The function `step` and its callees."""
    meet = [MEET] if code.threads > 1 else []
    return "\n".join([*code.declared.values(), *meet, code.defined("step"), ""])


def in_order(base: str, node: Node, offset: int) -> Array:
    """A contiguous array."""
    shape = tuple(int(size) for size in node.shape)
    return Array(base, shape, tuple(prod(shape[k + 1 :]) for k in range(len(shape))), offset)


def offset_of(layout: Layout, leaf: Leaf) -> int:
    """The offset of a leaf, or of a slice of a family, in the buffer of parameters."""
    number, position = layout.place(leaf)
    if position is None:
        return layout.offsets[number]
    first = position.start if isinstance(position, slice) else position
    return layout.offsets[number] + first * prod(int(size) for size in layout.leaves[number].shape[1:])


def sample_axes(net: Net, sizes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The sample axis of every input: the last of unknown size, else the first of the size of samples, else the first.

    The guess for known sizes may be wrong; this shows when samples meet, and then arrays are stored in order.
    """
    shapes = {
        leaf.op.name: leaf.shape
        for leaf in net.leaves
        if leaf.op.role == "input" and not isinstance(leaf.op, StackedInputs)
    }
    axes = {}
    for name, shape in shapes.items():
        unknown = (
            [k - len(shape) for k, size in enumerate(shape) if not isinstance(size, int)]
            if is_known(shape) and shape[-1:] != (NAME,)
            else []
        )
        if unknown and name in sizes:
            axes[name] = unknown[-1]
    samples = {sizes[name][axis] for name, axis in axes.items()}
    for name, shape in sizes.items():
        candidates = [k - len(shape) for k, size in enumerate(shape) if size in samples or not samples]
        if name not in axes and candidates:
            axes[name] = candidates[0]
    return axes


def batch_of(roots: Sequence[Node], leaves: Mapping[Node, int | None], width: int) -> int | None:
    """The number of samples, if they are stored innermost, else None."""
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
