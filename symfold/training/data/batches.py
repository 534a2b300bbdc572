"""Batches: shuffled mini-batches of arrays, or a user's batches, as stacks of equal shapes.

A stack holds many batches, so that a backend can take many steps in one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set, Sized
from itertools import count, islice
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray, quoted
from symfold.compute.backends.stacks import Stack
from symfold.errors import InvalidType, InvalidValue
from symfold.training.data.arrays import Arrays, is_mapped, sample_count

Batch = Mapping[str, Any]
Read = Callable[[object], Arrays]  # a batch as arrays by the names of the inputs, checked
MOST = 2**26  # bytes of a stack of user batches: all of them may not fit in memory


class Shuffled:
    """Mini-batches of the data, reshuffled each epoch: those of full size as one stack, then the rest.

    `rows` are the rows to train on, in order; all by default. `generator` draws the orders, an epoch at a time.
    """

    def __init__(
        self,
        arrays: Arrays,
        names: Sequence[str],
        size: int | None,
        seed: int,
        shuffle: bool,
        rows: NumpyArray | None = None,
    ):
        total = sample_count(arrays, names)
        self.arrays, self.shuffle = arrays, shuffle
        self.rows = np.arange(total) if rows is None else rows
        self.size = len(self.rows) if size is None else min(size, len(self.rows))
        self.generator = np.random.default_rng(seed)
        self.mapped = any(is_mapped(array) for array in arrays.values())

    @property
    def steps(self) -> int:
        """The number of batches per epoch."""
        return -(-len(self.rows) // self.size)

    def epochs(self) -> Iterator[Iterable[Stack]]:
        """One epoch after another, without end."""
        full = len(self.rows) - len(self.rows) % self.size
        while True:
            order = self.generator.permutation(self.rows) if self.shuffle else self.rows
            parts = [part for part in (order[:full].reshape(-1, self.size), order[full:].reshape(1, -1)) if part.size]
            stacks = [Stack(len(part), self.arrays, part) for part in parts]
            yield self.gathered(stacks) if self.mapped else stacks

    def gathered(self, stacks: Sequence[Stack]) -> Iterator[Stack]:
        """The batches in memory, so that no backend converts a memory map as a whole."""
        for stack in stacks:
            size = sum(array[:1].nbytes for array in self.arrays.values()) * self.size
            most = max(1, MOST // max(1, size))
            for start in range(0, stack.count, most):
                part = stack.cut(start, start + most)
                yield Stack(part.count, {name: part[name] for name in part})


def rounds(source: Iterable[Iterable[Stack]], most: int) -> Iterator[tuple[int, Iterable[Stack]]]:
    """Epochs in groups, each with its number of epochs: up to `most` as one stack, if each is one and memory allows.

    >>> epochs = islice(Shuffled({"x": np.zeros((4, 1))}, ["x"], 2, 0, True).epochs(), 5)
    >>> [(number, [stack.shape("x") for stack in stacks]) for number, stacks in rounds(epochs, 3)]
    [(3, [(6, 2, 1)]), (2, [(4, 2, 1)])]
    """
    epochs = iter(source)
    for first in epochs:
        stacks = first if isinstance(first, list) else []
        if len(stacks) != 1:
            yield 1, first
            continue
        (stack,) = stacks
        room = MOST // max(1, sum(array.nbytes for array in stack.arrays.values()))
        parts = [stack, *(part for epoch in islice(epochs, max(1, min(most, room)) - 1) for part in epoch)]
        if len(parts) > 1:
            stack = Stack(stack.count * len(parts), stack.arrays, np.concatenate([part.order for part in parts]))
        yield len(parts), [stack]


class Given:
    """A user's batches, once per epoch; an iterator allows one epoch only."""

    def __init__(self, batches: object, read: Read, epochs: int, size: int | None):
        if not isinstance(batches, Iterable) or isinstance(batches, (Mapping, Set, str, bytes)):
            raise InvalidType(
                f"batches must be an iterable of mappings, got {quoted(batches)} "
                "(as [{'x': array}]; one mapping of arrays is data)"
            )
        if size is not None:
            raise InvalidType(f"batch_size={size} is for data; batches have sizes of their own (leave it out)")
        if epochs > 1 and isinstance(batches, Iterator):
            raise InvalidValue(f"batches can be read only once, but epochs={epochs} (give a list, or epochs=1)")
        self.batches, self.read = batches, read
        self.start = 0  # the number of the first epoch, of a training that is resumed

    @property
    def steps(self) -> int | None:
        """The number of batches per epoch, if it is known."""
        try:
            return len(self.batches) if isinstance(self.batches, Sized) else None
        except TypeError:  # a DataLoader of a dataset without a length
            return None

    @property
    def repeats(self) -> bool:
        """Whether every epoch's batches are known from the batches alone: a list, or a source with `set_epoch`."""
        return isinstance(self.batches, Sequence) or callable(getattr(self.batches, "set_epoch", None))

    def epochs(self) -> Iterator[Iterable[Stack]]:
        """One epoch after another, without end; a source with `set_epoch` is told the number of each."""
        for number in count(self.start):
            set_epoch = getattr(self.batches, "set_epoch", None)
            if callable(set_epoch):
                set_epoch(number)
            yield stacked(self.batches, self.read)


def stacked(batches: Iterable[object], read: Read) -> Iterator[Stack]:
    """Batches, checked and copied as they are drawn: adjacent ones of equal shapes are one stack, if memory allows.

    >>> [stack.shape("x") for stack in stacked([[1, 2], [3, 4], [5]], lambda batch: {"x": np.array(batch)})]
    [(2, 2), (1, 1)]
    """
    pending: list[dict[str, Any]] = []
    room = MOST
    for batch in batches:
        arrays = {name: np.array(value) for name, value in read(batch).items()}
        if pending and (room <= 0 or any(pending[0][name].shape != array.shape for name, array in arrays.items())):
            yield stack_of(pending)
            pending, room = [], MOST
        pending.append(arrays)
        room -= sum(array.nbytes for array in arrays.values()) + MOST // 4096
    if pending:
        yield stack_of(pending)


def stack_of(batches: Sequence[Batch]) -> Stack:
    """Batches of the same shapes as a stack."""
    return Stack(len(batches), {name: np.stack([batch[name] for batch in batches]) for name in batches[0]})
