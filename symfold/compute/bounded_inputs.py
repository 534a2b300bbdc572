"""Inputs whose numbers have a range: labels, row numbers, shares and counts, checked before a backend computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.compute.random_inputs import row_counts
from symfold.core.functions import where
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt, walk, walking_once
from symfold.core.primitives import (
    NO_CLASS,
    NO_ROW,
    add_embedded,
    embed,
    expand,
    is_primitive,
    one_hot,
    row_numbers,
    within,
)
from symfold.core.stacked_inputs import is_input
from symfold.errors import InvalidValue
from symfold.transform.inlining import inlined

SLACK = 1e-5  # by how much shares may miss their range: rounding in single precision


class Bound(NamedTuple):
    """The range of an input: whole numbers below `rows`, or numbers from `low` to `high` whose rows sum to `total`."""

    name: str
    mask: str | None  # the input that leaves entries out
    rows: int | None = None
    complaint: str = ""
    low: float = 0
    high: float | None = None
    total: float | None = None


Bounds = tuple[Bound, ...]


@walking_once
def bounded_inputs(net: Net) -> Bounds:
    """The inputs of a net that number the rows of a table or classes, or that a loss takes within a range.

    >>> import symfold as sf
    >>> bounded_inputs(sf.Net.of(sf.losses.poisson(sf.tensor("rate", (None,)), sf.tensor("count", (None,)))))
    (Bound(name='count', mask=None, rows=None, complaint='', low=0, high=None, total=None),)
    """
    bounds: dict[Bound, None] = {}
    for node in walk(inlined(net.outputs)):
        if is_primitive(node, one_hot, embed, add_embedded):
            (count,), complaint = row_counts(node), NO_CLASS if is_primitive(node, one_hot) else NO_ROW
            named = named_input(node.args[-1])
            if named and isinstance(count, int):
                bounds[Bound(*named, count, complaint)] = None
        elif is_primitive(node, within) and (named := named_input(node.args[0])):
            bounds[Bound(*named, **dict(node.op.attributes))] = None
    return tuple(bounds)


def named_input(node: Node) -> tuple[str, str | None] | None:
    """The name of an input, and of the input that masks it, if any."""
    name = None
    if node.op is where:  # what a loss reads under a mask
        mask, node = node.args[0], node.args[1]
        while is_primitive(mask, expand):
            mask = mask.args[0]
        name = mask.op.name if is_input(mask) else None
        if name is None:
            return None
    return (node.op.name, name) if is_input(node) else None


def check_bounded(bounds: Bounds, arrays: Mapping[str, Any]) -> None:
    """Refuse numbers that are out of range."""
    for bound in bounds:
        numbers = np.asarray(arrays[bound.name])
        if bound.mask is not None:
            keep = np.asarray(arrays[bound.mask]) != 0
            if keep.shape != numbers.shape[: keep.ndim]:
                continue  # an error of shapes, which is told later
            numbers = numbers[keep]
        if bound.rows is not None:
            row_numbers(numbers, bound.rows, bound.complaint)
        else:
            check_range(bound, numbers)


def check_range(bound: Bound, numbers: NumpyArray) -> None:
    """Refuse numbers below or above a range, and rows whose sum is another."""
    low, high, total = bound.low, bound.high, bound.total
    bad = numbers[~((numbers >= low - SLACK) & (numbers <= (np.inf if high is None else high + SLACK)))]
    if bad.size:
        wanted = f"numbers from {low:g} to {high:g}" if high is not None else f"numbers of {low:g} or more"
        raise InvalidValue(f"{bound.name!r} holds {bad.flat[0].item()!r} (give {wanted})")
    if total is not None and numbers.ndim:
        sums = numbers.sum(axis=-1, dtype=float)
        wrong = sums[abs(sums - total) > 1e-3]
        if wrong.size:
            raise InvalidValue(
                f"{bound.name!r} holds a row of sum {wrong.flat[0].item():.6g} (give rows of sum {total:g})"
            )


def unbounded(net: Net) -> Net:
    """The net without ranges: it takes any numbers.

    >>> import symfold as sf
    >>> bounded_inputs(unbounded(sf.Net.of(sf.losses.poisson(sf.tensor("rate", (2,)), sf.tensor("count", (2,))))))
    ()
    """
    outputs = inlined(net.outputs)
    free = rebuilt(outputs, lambda node, args: args[0] if is_primitive(node, within) else None)
    return net if free == outputs else net.with_outputs(free)
