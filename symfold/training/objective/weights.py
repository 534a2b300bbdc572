"""Weights of samples: a loss that is a mean or a sum over samples, rewritten to the weighted one.

mean(l) -> sum(w * l) / sum(w)        sum(l) -> sum(w * l)        terms without samples, as of L2, stay
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from symfold.base.arguments import NumpyArray, array_of, quoted
from symfold.core.leaves import tensor
from symfold.core.net import Net, names_in
from symfold.core.stacked_inputs import Leaf
from symfold.errors import InvalidType, InvalidValue, listing
from symfold.training.data.arrays import Arrays
from symfold.training.objective.terms import terms_of

WEIGHTS = "sample_weight"  # the input that holds the weights
Weigh = Callable[[Arrays], NumpyArray]  # the weights of the samples of a batch


def weighted(loss: Net, name: str = WEIGHTS) -> Net:
    """The loss with a weight for every sample, which a further input holds.

    >>> import symfold as sf
    >>> x, w = sf.tensor("x", (None, 2)), sf.parameter("w", (2,))
    >>> print(weighted(sf.Net.of(((x - w) ** 2).mean() + 0.1 * (w**2).sum())))
    u = mean((x - w)**2, axis=(-1,))
    y = sum(alike(sample_weight, u)*u)/where(sum(sample_weight), sum(sample_weight), 1) + 0.1*sum(w**2)
    """
    return loss.with_outputs([terms_of(loss, "sample_weight and class_weight", tensor(name, (None,))).total])


# -- the numbers


class Weights:
    """The weights that a training was given: of samples, of classes, or their product; false if there are none.

    `samples` is an array with a number for every sample of the data, or the name of an entry of data and batches.
    """

    def __init__(self, samples: object, classes: object, loss: Net):
        self.samples, self.classes = samples, classes
        self.name = free_name(loss) if self else ""  # of the input that holds the weights
        self.weigh: Weigh | None = None

    def __bool__(self) -> bool:
        return self.samples is not None or self.classes is not None

    @property
    def input(self) -> Leaf | None:
        """The input that holds the weights, if there are some."""
        return tensor(self.name, (None,)) if self else None

    @property
    def entry(self) -> tuple[str, ...]:
        """The name of the entry that holds the weights, if it has one."""
        return (self.samples,) if isinstance(self.samples, str) else ()

    def added(self, arrays: Arrays, inputs: Sequence[str], whole: bool) -> Arrays:
        """Data or a batch with the weights as the entry of this name; `whole` if these are all data."""
        if not self:
            return arrays
        read = {key: array for key, array in arrays.items() if key in inputs}
        total = len(next(iter(read.values()), ()))
        given = None
        if isinstance(self.samples, str):
            given = checked_weights(arrays[self.samples], total, whole)
        elif self.samples is not None:
            if not whole:
                raise InvalidValue(
                    "sample_weight is an array, and batches hold weights of their own "
                    "(give the name of an entry of each batch: sample_weight='weight')"
                )
            given = checked_weights(self.samples, total, whole)
        if self.classes is None:
            assert given is not None
            return {**read, self.name: given}
        if self.weigh is None or whole:
            self.weigh = class_weights(self.classes, read if whole else None)
        by_class = self.weigh(read)
        return {**read, self.name: by_class if given is None else given * by_class}


def checked_weights(value: object, total: int, whole: bool) -> NumpyArray:
    """The weights of the samples: one number for each, none negative, and if these are all data, not all zero."""
    weights = array_of("sample_weight", value)
    if weights.shape != (total,):
        raise InvalidValue(
            f"sample_weight has shape {weights.shape}, and there are {total} samples (give one for each)"
        )
    check_weights("sample_weight", weights, whole)
    return weights


def check_weights(what: str, weights: NumpyArray, whole: bool = True) -> None:
    """Refuse weights that are negative or not finite, or, of all data, zero everywhere."""
    bad = weights[~((weights >= 0) & np.isfinite(weights))]
    if bad.size:
        raise InvalidValue(f"{what} holds {bad[0].item()!r} (give 0 or more)")
    if whole and weights.size and not weights.any():
        raise InvalidValue(f"{what} is zero everywhere (give some sample a weight)")


def class_weights(given: object, arrays: Arrays | None) -> Weigh:
    """The weights of samples by their labels, as a function of a batch.

    `given` is a mapping from labels to weights, or "balanced": n / (classes * count of the class), as scikit-learn. The
    labels are the one input of whole numbers, one per sample; {"label": {0: 1.0, 1: 5.0}} names it.
    """
    name, table = None, given
    if isinstance(given, Mapping) and len(given) == 1:
        ((key, inner),) = given.items()
        if isinstance(key, str) and (isinstance(inner, Mapping) or inner == "balanced"):
            name, table = key, inner
    if table != "balanced" and not isinstance(table, Mapping):
        raise InvalidType(
            f"class_weight={quoted(given)} is neither 'balanced' nor a mapping from labels to weights "
            "(as {0: 1.0, 1: 5.0})"
        )
    if not isinstance(table, Mapping):
        if arrays is None:
            raise InvalidValue("class_weight='balanced' counts the labels of data, and there are only batches")
        labels, counts = np.unique(labels_of(arrays, name), return_counts=True)
        table = dict(zip(labels.tolist(), (counts.sum() / (len(counts) * counts)).tolist(), strict=True))
    weights = {float(label): float(weight) for label, weight in table.items()}
    if arrays is not None:
        present = np.unique(labels_of(arrays, name))
        if absent := sorted(set(weights) - set(present.tolist())):
            raise InvalidValue(
                f"class_weight has a weight for {absent[0]:g}, which is no label of the data "
                f"(they are {listing(f'{label:g}' for label in present)})"
            )
    check_weights("class_weight", np.array(list(weights.values())))
    known = np.array(sorted(weights))
    values = np.array([weights[label] for label in known])

    def weigh(batch: Arrays) -> NumpyArray:
        labels = labels_of(batch, name)
        places = np.minimum(np.searchsorted(known, labels), len(known) - 1)
        if not len(known) or (known[places] != labels).any():
            missing = labels[known[places] != labels][0] if len(known) else labels[0]
            raise InvalidValue(
                f"class_weight has no weight for the label {missing:g} (it has {listing(f'{k:g}' for k in known)})"
            )
        return values[places]

    return weigh


def labels_of(arrays: Arrays, name: str | None) -> NumpyArray:
    """The labels of the samples: the input of this name, or the only one of whole numbers, one per sample."""
    candidates = [key for key, array in arrays.items() if is_labels(array)] if name is None else [name]
    if len(candidates) != 1 or candidates[0] not in arrays or not is_labels(arrays[candidates[0]]):
        found = f"{listing(map(repr, candidates))} could be labels" if candidates else "no input could be"
        raise InvalidValue(
            f"class_weight needs one input that holds labels, a whole number per sample, and {found} "
            f"(the inputs are {listing(map(repr, arrays))}; name it: class_weight={{'label': {{0: 1.0, 1: 5.0}}}}, "
            "or give sample_weight)"
        )
    return np.asarray(arrays[candidates[0]], dtype=float).reshape(-1)


def is_labels(array: NumpyArray) -> bool:
    """Whether an array holds one whole number per sample."""
    one_each = array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)
    return one_each and (array.dtype.kind in "biu" or bool(np.equal(np.mod(array, 1), 0).all()))


def free_name(loss: Net) -> str:
    """A name for the input of the weights that the loss does not have."""
    name, taken = WEIGHTS, names_in(loss.leaves)
    while name in taken:
        name += "_"
    return name
