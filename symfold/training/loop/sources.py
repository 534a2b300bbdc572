"""Sources: what a training reads, from the arguments that describe it."""

from __future__ import annotations

from collections.abc import Sequence

from symfold.base.arguments import NumpyArray
from symfold.compute.bounded_inputs import Bounds, check_bounded
from symfold.errors import InvalidValue
from symfold.training.data.arrays import Arrays, checked_names, named, sample_count, split
from symfold.training.data.batches import Given, Shuffled
from symfold.training.objective.weights import Weights

Source = Shuffled | Given


def source_of(
    data: object,
    batches: object,
    inputs: Sequence[str],
    names: object,
    weights: Weights,
    epochs: int,
    batch_size: int | None,
    seed: int,
    shuffle: bool,
    validation: object,
    bounds: Bounds,
) -> tuple[Source, dict[str, NumpyArray] | None]:
    """The batches of a training, weighted, and the validation data; labels within `bounds`."""
    order = checked_names(names, (*inputs, *weights.entry))
    clash = set(weights.entry) & set(inputs)
    if clash:
        raise InvalidValue(f"sample_weight={min(clash)!r} is an input of the loss (weight the loss itself, or rename)")
    wanted = (*inputs, *weights.entry)

    def read(batch: object) -> Arrays:
        arrays = named(batch, wanted, order)
        check_bounded(bounds, arrays)
        return weights.added(arrays, inputs, whole=False)

    if data is None:
        held = split(validation, None, inputs, seed, shuffle, order)
        if held.validation is not None:
            check_bounded(bounds, held.validation)
        return Given(batches, read, epochs, batch_size), held.validation
    arrays = named(data, wanted, order)
    sample_count(arrays, wanted)
    held = split(validation, arrays, inputs, seed, shuffle, order)
    for part in (arrays, held.validation):
        if part is not None:
            check_bounded(bounds, part)
    weighted = weights.added(arrays, inputs, whole=True)
    return Shuffled(weighted, list(weighted), batch_size, seed, shuffle, held.rows), held.validation
