"""Batches: mini-batches of arrays, shuffled anew each epoch, or given ones, checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from symfold.errors import InvalidType, InvalidValue, unknown

Batch = Mapping[str, Any]


def checked_batch(batch: Any, names: Sequence[str]) -> dict[str, Any]:
    """A batch with an array of numbers for every input."""
    if not isinstance(batch, Mapping):
        raise InvalidType(f"a batch must be a mapping from input names to arrays, got {type(batch).__name__}")
    for name in batch:
        if name not in names:
            raise unknown("input", name, names)
    missing = [name for name in names if name not in batch]
    if missing:
        raise InvalidValue(f"no data for input {missing[0]!r} (the loss reads {', '.join(map(repr, names))})")
    try:
        arrays = {name: np.asarray(batch[name]) for name in names}
    except ValueError as error:
        raise InvalidType(f"the data are no arrays: {error} (rows must be equally long)") from None
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise InvalidType(f"the data of {name!r} are no numbers (their type is {array.dtype})")
    return arrays


def shuffled(arrays: Batch, names: Sequence[str], size: int | None, epochs: int, seed: int, shuffle: bool) -> Iterator[Iterable[Batch]]:
    """Mini-batches of the data, in a new order each epoch."""
    lengths = {name: arrays[name].shape[0] if arrays[name].ndim else 0 for name in names}
    if len(set(lengths.values())) != 1:
        raise InvalidValue(f"inputs have different numbers of samples: {', '.join(f'{n}: {k}' for n, k in lengths.items())}")
    total = next(iter(lengths.values()))
    if total == 0:
        raise InvalidValue("there are no samples to train on")
    if size is not None and (not isinstance(size, int) or size < 1):
        raise InvalidValue(f"batch_size={size!r} must be a whole number from 1 up")
    generator = np.random.default_rng(seed)
    width = min(size or total, total)
    for _ in range(epochs):
        order = generator.permutation(total) if shuffle else np.arange(total)
        yield [{name: arrays[name][order[k : k + width]] for name in names} for k in range(0, total, width)]


def given_batches(batches: Iterable[Batch] | None, epochs: int) -> Iterator[Iterable[Batch]]:
    """Given batches, once an epoch; what can be read once only is good for one epoch."""
    assert batches is not None
    if epochs > 1 and iter(batches) is batches:
        raise InvalidValue(f"batches can be read only once, but epochs={epochs} (give a list, or epochs=1)")
    for _ in range(epochs):
        yield batches
