"""Inputs that hold whole numbers: labels and row numbers, checked before a backend computes with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symfold.compute.random_inputs import row_counts
from symfold.core.functions import where
from symfold.core.net import Net
from symfold.core.nodes import walk
from symfold.core.primitives import NO_CLASS, NO_ROW, add_embedded, embed, is_primitive, one_hot, row_numbers
from symfold.core.stacked_inputs import is_input
from symfold.transform.inlining import inlined

# the name of an input, the end of its range, the complaint, and the input that masks it, if any
Bound = tuple[str, int, str, str | None]
Bounds = tuple[Bound, ...]


def whole_inputs(net: Net) -> Bounds:
    """The inputs of a net that number the rows of a table or classes.

    >>> import symfold as sf
    >>> whole_inputs(sf.Net.of(sf.losses.cross_entropy(sf.tensor("y", (None, 2)), sf.tensor("label", (None,)))))
    (('label', 2, 'the label {} is none of the classes', None),)
    """
    bounds: dict[Bound, None] = {}
    for node in walk(inlined(net.outputs)):
        if is_primitive(node, one_hot, embed, add_embedded):
            (count,), complaint = row_counts(node), NO_CLASS if is_primitive(node, one_hot) else NO_ROW
            numbers, mask = node.args[-1], None
            if numbers.op is where and is_input(numbers.args[0]):  # the labels that a loss reads under a mask
                mask, numbers = numbers.args[0].op.name, numbers.args[1]
            if is_input(numbers) and isinstance(count, int):
                bounds[numbers.op.name, count, complaint, mask] = None
    return tuple(bounds)


def check_whole(bounds: Bounds, arrays: Mapping[str, Any]) -> None:
    """Refuse numbers that are not whole or out of range."""
    for name, count, complaint, mask in bounds:
        numbers = arrays[name]
        if mask is not None:
            numbers = np.where(np.asarray(arrays[mask]) != 0, numbers, 0)
        row_numbers(numbers, count, complaint)
