"""Batches: mini-batches of arrays, shuffled anew each epoch, or given ones, checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from symfold.arguments import arrays_of, quoted
from symfold.errors import InvalidType, InvalidValue

Batch = Mapping[str, Any]


def checked_batch(batch: Any, names: Sequence[str]) -> dict[str, Any]:
    """A batch with an array of numbers for every input."""
    if not isinstance(batch, Mapping):
        raise InvalidType(f"data and batches must be mappings from input names to arrays, got {quoted(batch)} (as {{'x': array}})")
    return arrays_of(batch, names)


def shuffled(arrays: Batch, names: Sequence[str], size: int | None, epochs: int, seed: int, shuffle: bool) -> Iterator[Iterable[Batch]]:
    """Mini-batches of the data, in a new order each epoch."""
    for name in names:
        if not arrays[name].ndim:
            raise InvalidValue(f"the value of {name!r} is one number, {quoted(arrays[name].item())}, and no array of samples (samples lie along the first axis)")
    lengths = {name: arrays[name].shape[0] for name in names}
    if len(set(lengths.values())) > 1:
        raise InvalidValue(f"inputs have different numbers of samples: {', '.join(f'{n}: {k}' for n, k in lengths.items())}")
    if not names:
        raise InvalidValue("the loss reads no input, so there are no samples in data (give batches=[{}] for one step, or [{}] * 100)")
    total = next(iter(lengths.values()))
    if total == 0:
        raise InvalidValue("there are no samples to train on (the first axis of the data has length 0)")
    width = total if size is None else min(size, total)
    generator = np.random.default_rng(seed)
    for _ in range(epochs):
        order = generator.permutation(total) if shuffle else np.arange(total)
        yield [{name: arrays[name][order[k : k + width]] for name in names} for k in range(0, total, width)]


def given_batches(batches: Any, epochs: int, size: int | None) -> Iterator[Iterable[Batch]]:
    """Given batches, once an epoch; what can be read once only is good for one epoch."""
    if not isinstance(batches, Iterable) or isinstance(batches, (Mapping, Set, str, bytes)):
        raise InvalidType(f"batches must be an iterable of mappings, got {quoted(batches)} (as [{{'x': array}}]; one mapping of arrays is data)")
    if size is not None:
        raise InvalidType(f"batch_size={size} cuts up data, and given batches have sizes of their own (leave it out)")
    if epochs > 1 and iter(batches) is batches:
        raise InvalidValue(f"batches can be read only once, but epochs={epochs} (give a list, or epochs=1)")
    return (batches for _ in range(epochs))
