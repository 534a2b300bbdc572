"""Data for a training: arrays, memory maps, pandas frames and PyTorch tensors by the names of the inputs.

A memory map stays one: only the rows of a batch are read. Samples run along the first axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray, arrays_of, quoted
from symfold.errors import InvalidType, InvalidValue, listing

Arrays = Mapping[str, NumpyArray]


def named(batch: object, names: Sequence[str], order: Sequence[str] | None = None) -> dict[str, NumpyArray]:
    """Data or a batch as arrays by the names of the inputs; a tuple or list has one entry per name of `order`.

    >>> named(([1, 2], [3]), ["x", "t"], order=["t", "x"])
    {'t': array([1, 2]), 'x': array([3])}
    """
    if order is not None and isinstance(batch, (tuple, list)):
        if len(batch) != len(order):
            raise InvalidValue(
                f"a batch has {len(batch)} entries for the {len(order)} names {listing(map(repr, order))} "
                "(names gives the inputs of the entries, in order)"
            )
        batch = dict(zip(order, batch, strict=True))
    if hasattr(batch, "columns") and hasattr(batch, "items"):  # a pandas frame: a column for every input
        batch = {str(name): column for name, column in batch.items()}
    if not isinstance(batch, Mapping):
        tuples = "; for batches that are tuples, name their entries: names=('x', 'target')"
        raise InvalidType(
            f"data and batches must be mappings from input names to arrays, got {quoted(batch)} "
            f"(as {{'x': array}}{tuples if isinstance(batch, (tuple, list)) else ''})"
        )
    return arrays_of({name: on_host(value) for name, value in batch.items()}, names)


def on_host(value: object) -> object:
    """A PyTorch tensor of another device, or of a type that NumPy lacks, as one that NumPy reads; else the value."""
    if type(value).__module__.partition(".")[0] == "torch" and not getattr(value, "requires_grad", False):
        tensor: Any = value
        tensor = tensor.cpu()
        return tensor.float() if str(tensor.dtype) in ("torch.bfloat16", "torch.float16") else tensor
    return value


def sample_count(arrays: Arrays, names: Sequence[str], what: str = "the data") -> int:
    """The number of samples, which all inputs must have; at least one."""
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
        raise InvalidValue(f"there are no samples to train on (the first axis of {what} has length 0)")
    return total


def is_mapped(array: NumpyArray) -> bool:
    """Whether an array, or the one that it is a view of, lies in a file.

    >>> is_mapped(np.ones(3))
    False
    """
    base: object = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return False


@dataclass(frozen=True)
class Split:
    """The training rows of the data (None: all), and the validation data (None: none)."""

    rows: NumpyArray | None
    validation: dict[str, NumpyArray] | None


def split(
    validation: object,
    arrays: Arrays | None,
    names: Sequence[str],
    seed: int,
    shuffle: bool,
    order: Sequence[str] | None = None,
) -> Split:
    """Validation data: given as data or batches, or a fraction of the samples, drawn by the seed, or else the last."""
    if validation is None:
        return Split(None, None)
    if isinstance(validation, bool) or not isinstance(validation, (int, float, np.number)):
        if isinstance(validation, Mapping) or hasattr(validation, "columns"):
            given = named(validation, names)
        elif isinstance(validation, Iterable) and not isinstance(validation, (tuple, str, bytes, Set, np.ndarray)):
            given = joined(validation, names, order)
        else:
            raise InvalidType(
                f"validation={quoted(validation)} is neither data nor a fraction of the samples "
                "(as {'x': array, 'target': array}, batches of them, or 0.1)"
            )
        if names and not sample_count_is_positive(given, names):
            raise InvalidValue("the validation data hold no samples (the first axis has length 0)")
        return Split(None, given)
    fraction = float(validation)
    if arrays is None:
        raise InvalidValue(
            f"validation={fraction:g} is a fraction of data, and batches have no whole data "
            "(give the validation data as {'x': array}, or batches of them)"
        )
    if not 0 < fraction < 1:
        raise InvalidValue(f"validation={quoted(validation)} must be between 0 and 1, or data (as 0.1)")
    total = sample_count(arrays, names)
    count = round(fraction * total)
    if not 0 < count < total:
        raise InvalidValue(
            f"validation={fraction:g} of {total} samples is {count}, which leaves {total - count} for training "
            "(both need at least one)"
        )
    drawn = np.random.default_rng([seed, 1]).permutation(total) if shuffle else np.arange(total)
    rows, kept = np.sort(drawn[: total - count]), np.sort(drawn[total - count :])
    return Split(rows, {name: np.asarray(arrays[name][kept]) for name in names})


def joined(batches: Iterable[object], names: Sequence[str], order: Sequence[str] | None) -> dict[str, NumpyArray]:
    """Batches of validation data as one: the validation loss is a mean over all samples. A weight is left out.

    >>> joined([([1], [2, 3]), ([4], [5, 6])], ["x"], order=["w", "x"])
    {'x': array([2, 3, 5, 6])}
    """
    parts = [named(batch, order or names, order) for batch in batches]
    if not parts:
        raise InvalidValue("the validation data hold no samples (there is no batch)")
    for name in names:
        shapes = {part[name].shape[1:] if part[name].ndim else None for part in parts}
        if None in shapes or len(shapes) > 1:
            raise InvalidValue(
                f"the validation batches cannot be joined: {name!r} has entries of different shapes, or is one number "
                "(give samples of one shape along the first axis)"
            )
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def sample_count_is_positive(arrays: Arrays, names: Sequence[str]) -> bool:
    """Whether there are samples; an error if inputs differ in their number."""
    lengths = {name: arrays[name].shape[0] for name in names if arrays[name].ndim}
    if len(set(lengths.values())) > 1:
        raise InvalidValue(
            "inputs of the validation data have different numbers of samples: "
            f"{', '.join(f'{n}: {k}' for n, k in lengths.items())}"
        )
    return all(lengths.values())


def checked_names(names: object, inputs: Iterable[str]) -> tuple[str, ...] | None:
    """The names of the entries of batches that are tuples: every input once."""
    if names is None:
        return None
    listed, wanted = tuple(names) if isinstance(names, (list, tuple)) else (names,), tuple(inputs)
    if sorted(map(str, listed)) != sorted(wanted):
        raise InvalidValue(f"names={quoted(names)} must name every input once (it has {listing(map(repr, wanted))})")
    return tuple(map(str, listed))
