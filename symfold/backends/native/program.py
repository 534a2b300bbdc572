"""A net for one set of input shapes as machine code, with the memory that it works in.

    step(params, updated, work)     reads parameters, leaves results in `work`, and those that replace parameters in `updated`
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from symfold.backends.native.arrays import Array
from symfold.backends.native.batch import Mixed, batch_axes
from symfold.backends.native.body import Body
from symfold.backends.native.code import Code
from symfold.backends.native.layout import innermost_samples
from symfold.backends.native.machine import Loaded, compiled, host
from symfold.backends.native.writer import Source
from symfold.depth import written_out
from symfold.families import Family
from symfold.names import leaves_of
from symfold.net import Net
from symfold.nodes import Node
from symfold.opening import opened
from symfold.parameters import Parameters
from symfold.shapes import NAME, is_concrete, is_known
from symfold.specialise import with_shapes
from symfold.walks import walk

POINTER = ctypes.c_void_p


class Program:
    """A net for one set of input shapes: its code, its memory, and the run.

    `replaced` says at which place of the parameters an output belongs after the run, in the buffer `updated`.
    """

    def __init__(
        self, net: Net, shapes: Mapping[str, tuple[int, ...]], params: Parameters, dtype: Any = np.float64, replaced: Mapping[int, int] | None = None
    ):
        self.params, self.dtype = params, np.dtype(dtype)
        known = with_shapes(net, shapes)
        roots = written_out(opened(known.outputs))
        samples = sample_axes(net, known)
        machine = host()
        width = machine.vector_bytes // self.dtype.itemsize
        leaves = {leaf: samples.get(getattr(leaf.op, "name", "")) for leaf in leaves_of(roots)}
        batch = batch_of(roots, leaves, width)
        code = Code(self.dtype, width, machine.registers)
        source = Source(code, batch)
        axes = leaves if batch is not None else dict.fromkeys(leaves)
        self.inputs: list[tuple[Node, Array]] = []
        given: dict[Node, Any] = {}
        for leaf in leaves:
            if leaf.shape[-1:] == (NAME,):
                given[leaf] = None
            elif leaf.op.role == "parameter":
                given[leaf] = in_order("%params", leaf, self._offset(leaf))
            else:
                given[leaf] = source.array(leaf.shape, axes[leaf])
                self.inputs.append((leaf, given[leaf]))
        into = {roots[k]: in_order("%updated", roots[k], offset) for k, offset in (replaced or {}).items()}
        self.places: list[Array] = Body(source, roots, given, into, axes).write()
        self.source = text_of(code)
        # code may read to the end of a vector past the last entry
        self.work = aligned(source.memory.size + width, self.dtype)
        for place, value in source.constants:
            self.seen(place)[...] = value
        self.loaded = Loaded(compiled(self.source))
        self.step = self.loaded.function("step", None, POINTER, POINTER, POINTER)
        self.numbers = params.flat if self.dtype == params.flat.dtype else np.empty(params.flat.shape, self.dtype)
        self.updated = np.empty_like(self.numbers) if replaced else self.work[:0]
        self.outputs = [self.seen(place) for place in self.places]
        self.feeds: dict[str, list[Any]] = {}
        for leaf, place in self.inputs:
            names = list(leaf.op.names) if isinstance(leaf.op, Family) else [leaf.op.name]
            array = self.seen(place)
            for k, name in enumerate(names):
                self.feeds.setdefault(name, []).append(array[k, ...] if isinstance(leaf.op, Family) else array)
        self.addresses = self.numbers.ctypes.data, self.updated.ctypes.data, self.work.ctypes.data

    def _offset(self, leaf: Node) -> int:
        array, flat = self.params.array_of(leaf), self.params.flat
        return int((array.ctypes.data - flat.ctypes.data) // flat.itemsize) if array.size else 0

    def seen(self, place: Array) -> Any:
        """The numbers of an array of the code, as NumPy sees them."""
        memory = {"%work": self.work, "%params": getattr(self, "numbers", None), "%updated": getattr(self, "updated", None)}[place.base]
        strides = tuple(stride * self.dtype.itemsize for stride in place.strides)
        return np.lib.stride_tricks.as_strided(memory[place.offset :], place.shape, strides)

    def feed(self, values: Mapping[str, Any]) -> None:
        """Put input values in their places."""
        for name, places in self.feeds.items():
            for place in places:
                place[...] = values[name]

    def run(self) -> None:
        if self.numbers is not self.params.flat:
            self.numbers[...] = self.params.flat
        self.step(*self.addresses)

    def results(self) -> list[Any]:
        """The outputs, as arrays of their own."""
        return [np.array(output) for output in self.outputs]


def aligned(count: int, dtype: np.dtype) -> Any:
    """Zeros that start at a cache line."""
    raw = np.zeros(count * dtype.itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + count * dtype.itemsize].view(dtype)


def in_order(base: str, node: Node, offset: int) -> Array:
    shape = tuple(int(size) for size in node.shape)  # type: ignore[call-overload]
    return Array(base, shape, tuple(prod(shape[k + 1 :]) for k in range(len(shape))), offset)


def text_of(code: Code) -> str:
    """The module: one function, and what it calls."""
    head = "define void @step(ptr noalias %params, ptr noalias %updated, ptr noalias %work) {"
    return "\n".join([*code.declared.values(), head, "entry:", *code.lines, "  ret void", "}", ""])


def sample_axes(net: Net, known: Net) -> dict[str, int]:
    """The axis of every input that runs over the samples: the last of unknown size, or where none is unknown the first."""
    found: dict[str, int] = {}
    for leaf in net.leaves:
        if leaf.op.role == "input" and not isinstance(leaf.op, Family):
            unknown = [k - len(leaf.shape) for k, size in enumerate(leaf.shape) if not isinstance(size, int)] if is_known(leaf.shape) else []
            if unknown:
                found[leaf.op.name] = unknown[-1]
    if not found:
        found = {leaf.op.name: -len(leaf.shape) for leaf in known.leaves if leaf.op.role == "input" and leaf.shape and leaf.shape[-1:] != (NAME,) and not isinstance(leaf.op, Family)}
    return found


def batch_of(roots: Sequence[Node], leaves: Mapping[Node, Any], width: int) -> int | None:
    """How many samples lie innermost; None where arrays lie in their order."""
    sizes = {leaf.shape[axis] for leaf, axis in leaves.items() if axis is not None and is_concrete(leaf.shape) and len(leaf.shape) >= -axis}
    if len(sizes) != 1:
        return None
    size = sizes.pop()
    assert isinstance(size, int)
    try:
        axes = batch_axes(walk(roots, stop=leaves), leaves)
        return size if size > 1 and innermost_samples(roots, axes, size, width) else None
    except Mixed:
        return None
