"""Stacks: many batches of equal shapes in one value, for many training steps in one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray


@dataclass(frozen=True)
class Stack(Mapping[str, Any]):
    """`count` batches of equal shapes: `stack[name][k]` is an input's value in batch k, samples along its first axis.

    If batches are rows of whole arrays, `order` holds their positions, of shape (count, rows). Rows are gathered
    when read, so that each of several machines reads its own part only.

    >>> stack = Stack(2, {"x": np.array([[0.0], [10.0], [20.0], [30.0]])}, np.array([[3, 0], [2, 1]]))
    >>> stack["x"].shape, stack.part("x", (slice(None), slice(0, 1))).tolist(), stack.batch(1)["x"].tolist()
    ((2, 2, 1), [[[30.0]], [[20.0]]], [[20.0], [10.0]])
    """

    count: int
    arrays: Mapping[str, Any]
    order: Any = None

    def __getitem__(self, name: str) -> NumpyArray:
        return self.part(name, ())

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of `stack[name]`; the first size is the number of batches."""
        shape: tuple[int, ...] = np.shape(self.arrays[name])
        return shape if self.order is None else (*self.order.shape, *shape[1:])

    def part(self, name: str, index: tuple[slice, ...]) -> NumpyArray:
        """`stack[name][index]` for slices, without reading the rest."""
        if self.order is None:
            return self.arrays[name][index]
        return self.arrays[name][(self.order[index[:2]], *index[2:])]

    def cut(self, start: int, stop: int) -> Stack:
        """The batches from `start` up to `stop`."""
        steps = range(self.count)[start:stop]
        if self.order is None:
            return Stack(len(steps), {name: array[start:stop] for name, array in self.arrays.items()})
        return Stack(len(steps), self.arrays, self.order[start:stop])

    def batch(self, number: int) -> dict[str, NumpyArray]:
        """One of the batches."""
        return {name: array[0] for name, array in self.cut(number, number + 1).items()}
