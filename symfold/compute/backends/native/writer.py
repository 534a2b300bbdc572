"""The state of code generation: code, memory, and the layout of arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.compute.backends.native.arrays import Array, Workspace, strides_for
from symfold.compute.backends.native.code import Code
from symfold.core.shapes import Shape, Size, is_concrete, show
from symfold.errors import ShapeError


@dataclass
class Source:
    """The state of code generation. With a `batch`, samples are innermost in every array, padded to full vectors."""

    code: Code
    batch: int | None
    memory: Workspace = field(default_factory=Workspace)
    constants: list[tuple[Array, NumpyArray]] = field(default_factory=list)
    constant_arrays: dict[tuple[Shape, bytes], Array] = field(default_factory=dict)  # by shape and digest

    @property
    def padded(self) -> int:
        return -(-(self.batch or 0) // self.code.width) * self.code.width

    def array(self, shape: Shape, axis: int | None, fresh: bool = False) -> Array:
        """A new array in the workspace; a `fresh` one shares memory with no other, so that it holds zeros at first."""
        if not is_concrete(shape):
            raise ShapeError(
                f"a value of shape {show(shape)} has no size yet: its size changes between steps "
                "(give the initial state its final shape, so that nothing is broadcast)"
            )
        sizes = tuple(int(size) for size in shape)
        strides, count = strides_for(sizes, self.inner(axis), self.padded)
        return Array("%work", sizes, strides, self.memory.take(count, fresh))

    @contextmanager
    def own_array(self, shape: Sequence[int]) -> Iterator[Array]:
        """An array for a while, one for each thread."""
        count = prod(shape)
        size = -(-count // 16) * 16  # whole cache lines
        first = self.memory.take(size * self.code.threads)
        offset = self.code.plus(str(first), self.code.times("%thread", size)) if self.code.threads > 1 else str(first)
        yield Array(self.code.at("%work", offset), tuple(shape), strides_for(shape, None, 0)[0])
        self.memory.give_back(first, size * self.code.threads)

    def give_back(self, array: Array, axis: int | None) -> None:
        self.memory.give_back(array.offset, strides_for(array.shape, self.inner(axis), self.padded)[1])

    def inner(self, axis: int | None) -> int | None:
        return axis if self.batch is not None else None

    def extents(self, shape: Sequence[Size], axis: int | None) -> list[int]:
        """The extents of loops over a new array of this shape, including padding."""
        extents = [int(size) for size in shape]
        if self.batch is not None and axis is not None:
            extents[axis] = self.padded
        return extents

    def constant(self, value: NumpyArray) -> Array:
        """The array of a constant, filled before the run; equal constants share one."""
        numbers = np.asarray(value, dtype=float)
        key = (numbers.shape, hashlib.blake2b(numbers.tobytes(), digest_size=16).digest())
        if key not in self.constant_arrays:
            strides, count = strides_for(numbers.shape, None, 0)
            place = Array("%work", numbers.shape, strides, self.memory.take(count, fresh=True))
            self.constants.append((place, numbers))
            self.constant_arrays[key] = place
        return self.constant_arrays[key]
