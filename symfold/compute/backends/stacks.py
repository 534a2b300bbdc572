"""Stacks: many like batches in one value, so that a backend can take many steps of training in one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Stack(Mapping[str, Any]):
    """`count` like batches, one after the other: `stack[name][k]` is the value of an input in batch k, samples along its first axis.

    Where batches are rows of whole arrays, `order` says which: (count, rows) of positions. They are gathered when they are
    read, so that who needs a part of them, as one machine of several, reads no more.

    >>> stack = Stack(2, {"x": np.array([[0.0], [10.0], [20.0], [30.0]])}, np.array([[3, 0], [2, 1]]))
    >>> stack["x"].shape, stack.part("x", (slice(None), slice(0, 1))).tolist(), stack.batch(1)["x"].tolist()
    ((2, 2, 1), [[[30.0]], [[20.0]]], [[20.0], [10.0]])
    """

    count: int
    arrays: Mapping[str, Any]
    order: Any = None

    def __getitem__(self, name: str) -> Any:
        return self.part(name, ())

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of `stack[name]`: the number of batches first."""
        shape: tuple[int, ...] = np.shape(self.arrays[name])
        return shape if self.order is None else (*self.order.shape, *shape[1:])

    def part(self, name: str, index: tuple[slice, ...]) -> Any:
        """What `stack[name][index]` is, of slices, read alone."""
        if self.order is None:
            return self.arrays[name][index]
        return self.arrays[name][(self.order[index[:2]], *index[2:])]

    def cut(self, start: int, stop: int) -> Stack:
        """The batches from one number up to another."""
        steps = range(self.count)[start:stop]
        if self.order is None:
            return Stack(len(steps), {name: array[start:stop] for name, array in self.arrays.items()})
        return Stack(len(steps), self.arrays, self.order[start:stop])

    def batch(self, number: int) -> dict[str, Any]:
        """One of the batches."""
        return {name: array[0] for name, array in self.cut(number, number + 1).items()}
