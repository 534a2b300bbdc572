"""Batches: shuffled mini-batches of arrays, or a user's batches, as stacks of equal shapes.

A stack holds many batches, so that a backend can take many steps in one call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import islice
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray, arrays_of, quoted
from symfold.compute.backends.stacks import Stack
from symfold.errors import InvalidType, InvalidValue

Batch = Mapping[str, Any]
MOST = 2**26  # bytes of a stack of user batches: all of them may not fit in memory


def checked_batch(batch: object, names: Sequence[str]) -> dict[str, NumpyArray]:
    """A batch, checked: an array of numbers for every input."""
    if not isinstance(batch, Mapping):
        raise InvalidType(
            f"data and batches must be mappings from input names to arrays, got {quoted(batch)} (as {{'x': array}})"
        )
    return arrays_of(batch, names)


def shuffled(
    arrays: Batch, names: Sequence[str], size: int | None, epochs: int, seed: int, shuffle: bool
) -> Iterator[Iterable[Stack]]:
    """Mini-batches of the data, reshuffled each epoch: those of full size as one stack, then the rest."""
    for name in names:
        if not arrays[name].ndim:
            raise InvalidValue(
                f"the value of {name!r} is one number, {quoted(arrays[name].item())}, and no array of samples "
                "(samples run along the first axis)"
            )
    lengths = {name: arrays[name].shape[0] for name in names}
    if len(set(lengths.values())) > 1:
        raise InvalidValue(
            f"inputs have different numbers of samples: {', '.join(f'{n}: {k}' for n, k in lengths.items())}"
        )
    if not names:
        raise InvalidValue(
            "the loss reads no input, so there are no samples in data (give batches=[{}] for one step, or [{}] * 100)"
        )
    total = next(iter(lengths.values()))
    if total == 0:
        raise InvalidValue("there are no samples to train on (the first axis of the data has length 0)")
    width = total if size is None else min(size, total)
    generator = np.random.default_rng(seed)
    full = total - total % width
    for _ in range(epochs):
        order = generator.permutation(total) if shuffle else np.arange(total)
        yield [
            Stack(len(rows), arrays, rows)
            for rows in (order[:full].reshape(-1, width), order[full:].reshape(1, -1))
            if rows.size
        ]


def rounds(source: Iterable[Iterable[Stack]], most: int) -> Iterator[tuple[int, Iterable[Stack]]]:
    """Epochs in groups, each with its number of epochs: up to `most` as one stack, if each is one and memory allows.

    >>> epochs = shuffled({"x": np.zeros((4, 1))}, ["x"], 2, 5, 0, True)
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


def given_batches(batches: object, names: Sequence[str], epochs: int, size: int | None) -> Iterator[Iterable[Stack]]:
    """A user's batches, once per epoch; an iterator allows one epoch only."""
    if not isinstance(batches, Iterable) or isinstance(batches, (Mapping, Set, str, bytes)):
        raise InvalidType(
            f"batches must be an iterable of mappings, got {quoted(batches)} "
            "(as [{'x': array}]; one mapping of arrays is data)"
        )
    if size is not None:
        raise InvalidType(f"batch_size={size} is for data; batches have sizes of their own (leave it out)")
    if epochs > 1 and iter(batches) is batches:
        raise InvalidValue(f"batches can be read only once, but epochs={epochs} (give a list, or epochs=1)")
    return (stacked(batches, names) for _ in range(epochs))


def stacked(batches: Iterable[object], names: Sequence[str]) -> Iterator[Stack]:
    """Batches, checked and copied as they are drawn: adjacent ones of equal shapes are one stack, if memory allows.

    >>> [stack.shape("x") for stack in stacked([{"x": [1, 2]}, {"x": [3, 4]}, {"x": [5]}], ["x"])]
    [(2, 2), (1, 1)]
    """
    pending: list[dict[str, Any]] = []
    room = MOST
    for batch in batches:
        arrays = {name: np.array(value) for name, value in checked_batch(batch, names).items()}
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
