"""Progressions: sequences whose entries are numbered, and which entries two of them share."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from symfold.core.leaves import Constant, Input
from symfold.core.nodes import Node
from symfold.core.primitives import concatenate, is_primitive
from symfold.core.sequences import reverse_row, stack_row, take_row
from symfold.core.stacked_inputs import Numbered, StackedInputs, known_count


@dataclass(frozen=True)
class Progression:
    """A sequence of numbered entries: stacked inputs, or a value read along its leading axis."""

    source: Any
    start: int
    stride: int
    count: int

    @property
    def range(self) -> range:
        return range(self.start, self.start + self.stride * self.count, self.stride)

    def meets(self, other: Progression) -> bool:
        """Whether the two may share an entry."""
        low, high = (sorted((r[0], r[-1])) for r in (self.range, other.range))
        return self.source == other.source and low[0] <= high[1] and high[0] <= low[1]

    def runs_along(self, other: Progression, steps: int) -> bool:
        """Whether each entry is in the other sequence fewer than `steps` steps earlier or later, or not at all."""
        if self.stride != other.stride:
            return False
        between, rest = divmod(other.start - self.start, self.stride)
        return bool(rest) or abs(between) < steps

    def holds(self, node: Node) -> bool:
        """Whether a node is an entry."""
        names = self.source[0] if isinstance(self.source, tuple) else None
        return isinstance(names, str) and isinstance(node.op, Input) and node.op.name.startswith(names)


def progression_of(sequence: Node) -> Progression | None:
    """The numbering of the entries of a sequence; None if they are listed or may be equal."""
    op, count = sequence.op, known_count(sequence.shape[0])
    if isinstance(op, StackedInputs):
        names = op.names
        return (
            Progression((names.prefix, op.shape, op.role), names.start, names.step, count)
            if isinstance(names, Numbered)
            else None
        )
    if is_primitive(sequence, reverse_row):
        inner = progression_of(sequence.args[0])
        return inner and Progression(inner.source, inner.range[-1], -inner.stride, count)
    if is_primitive(sequence, take_row):
        inner, positions = progression_of(sequence.args[0]), dict(sequence.op.attributes)["positions"]
        strides = {b - a for a, b in pairwise(positions)} if len(positions) > 1 else {1}
        if inner is None or len(strides) > 1 or 0 in strides:
            return None
        (stride,) = strides
        return Progression(inner.source, inner.range[positions[0]], inner.stride * stride, count)
    return (
        None
        if isinstance(op, Constant) or is_primitive(sequence, stack_row, concatenate)
        else Progression(sequence, 0, 1, count)
    )
