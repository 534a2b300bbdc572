"""A program being written: its code, its memory, and how arrays lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symfold.compute.backends.native.arrays import Array, Workspace, strides_for
from symfold.compute.backends.native.code import Code
from symfold.core.shapes import Shape, is_concrete, show
from symfold.errors import ShapeError


@dataclass
class Source:
    """A program being written. With a `batch`, the samples of every value that has any lie side by side, padded to full vectors."""

    code: Code
    batch: int | None
    memory: Workspace = field(default_factory=Workspace)
    constants: list[tuple[Array, Any]] = field(default_factory=list)

    @property
    def padded(self) -> int:
        return -(-(self.batch or 0) // self.code.width) * self.code.width

    def array(self, shape: Shape, axis: int | None, fresh: bool = False) -> Array:
        """A new array in the workspace; `fresh` if nothing else is ever to lie there, so that it holds zeros at first."""
        if not is_concrete(shape):
            raise ShapeError(
                f"a value of shape {show(shape)} has no size yet: it is another one at different steps "
                "(give the initial state its final shape, so that nothing is broadcast on the way)"
            )
        sizes = tuple(int(size) for size in shape)
        strides, count = strides_for(sizes, self.inner(axis), self.padded)
        return Array("%work", sizes, strides, self.memory.take(count, fresh))

    def give_back(self, array: Array, axis: int | None) -> None:
        self.memory.give_back(array.offset, strides_for(array.shape, self.inner(axis), self.padded)[1])

    def inner(self, axis: int | None) -> int | None:
        return axis if self.batch is not None else None

    def extents(self, shape: Sequence[Any], axis: int | None) -> list[int]:
        """How far loops over a new array of this shape go: to the end of the padding, where there is any."""
        extents = [int(size) for size in shape]
        if self.batch is not None and axis is not None:
            extents[axis] = self.padded
        return extents

    def constant(self, value: Any) -> Array:
        """An array that is there before the run."""
        numbers = np.asarray(value, dtype=float)
        for array, known in self.constants:
            if known.shape == numbers.shape and np.array_equal(known, numbers):
                return array
        strides, count = strides_for(numbers.shape, None, 0)
        place = Array("%work", numbers.shape, strides, self.memory.take(count, fresh=True))
        self.constants.append((place, numbers))
        return place
