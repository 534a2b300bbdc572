"""Rows: the weights of the paths from each source to a value.

row ::= one weight per source | rows of the entries of a sequence | a number
      | the sequence that a fold gives out, forwards or backwards
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from symfold.analysis.counting.numbers import Number, single, stacked, symbols_of
from symfold.analysis.counting.powers import Row
from symfold.analysis.counting.weights import AddedSymbol, Weights
from symfold.core.interpreter import Entries
from symfold.core.nodes import Node
from symfold.core.shapes import is_known

if TYPE_CHECKING:
    from symfold.analysis.counting.row_folds import RowFold


@dataclass(frozen=True, eq=False)
class StepOutputs:
    """The sequence that a fold gives out, not yet unrolled: a fold over it with as many steps runs in lockstep."""

    source: RowFold
    position: int  # among the results of the block

    @property
    def entries(self) -> Entries:
        """The entries, one by one."""
        entries: Entries = self.source.unrolled[self.position]
        return entries

    @property
    def as_number(self) -> Any:
        """The sequence as a number, if every entry is one."""
        if not self.source.gives_numbers(self.position):
            return self
        symbols = self.source.first[self.position].symbols
        return (stacked(self.entries) if isinstance(self.source.fold.count, int) else None) or Number(None, symbols)

    @property
    def total(self) -> Row:
        """The sum of the entries."""
        return self.source.state(summed=self.position)[0][-1]

    def entry(self, place: int) -> Any:
        """The entry of one step; later steps are not run."""
        return self.source.entry(self.position, place)


@dataclass(frozen=True, eq=False)
class Backwards:
    """The sequence that a fold gives out, from its last entry to its first, not yet unrolled."""

    forwards: StepOutputs

    @property
    def entries(self) -> Entries:
        return self.forwards.entries.reversed()

    @property
    def as_number(self) -> Any:
        number = self.forwards.as_number
        if not isinstance(number, Number):
            return self
        return Number(number.value[::-1] if isinstance(number.value, np.ndarray) else number.value, number.symbols)

    @property
    def total(self) -> Row:
        return self.forwards.total

    def entry(self, place: Any) -> Any:
        return self.forwards.entry(-1 - place)


SEQUENCES = (StepOutputs, Backwards)


def entries_of(value: Any, size: int) -> Sequence[Any]:
    """The `size` entries of a sequence."""
    return (
        value
        if isinstance(value, Entries)
        else [value.entry(k) if isinstance(value, Number) else value for k in range(size)]
    )


def product(node: Node, args: Sequence[Any], weights: Weights, width: int) -> Any:
    """The row of a product, scaled by the numbers among its factors: entry by entry if a number is a sequence."""
    numbers = [arg for arg in (a.as_number if isinstance(a, SEQUENCES) else a for a in args) if isinstance(arg, Number)]
    places = [k for k, arg in enumerate(args) if not isinstance(arg, Number)]
    sequences = [args[k] for k in places if isinstance(args[k], Entries)]
    if len(sequences) == 1 and not all(number.is_uniform for number in numbers) and _is_aligned(node, args):
        others = add_rows([total(args[k], width) for k in places if not isinstance(args[k], Entries)], width)
        if not any(others):
            return Entries(
                scaled(total(row, width), [n.entry(k) for n in numbers], weights) for k, row in enumerate(sequences[0])
            )
    check_factors(sequences, weights)
    return scaled(add_rows([total(args[k], width) for k in places], width), numbers, weights)


def _is_aligned(node: Node, args: Sequence[Any]) -> bool:
    """Whether every sequence among the factors has the leading axis of the product."""
    sequences = [isinstance(arg, Entries) or (isinstance(arg, Number) and not arg.is_uniform) for arg in args]
    shapes = [part.shape for part, is_sequence in zip(node.args, sequences, strict=True) if is_sequence]
    return all(is_known(shape) and len(shape) == len(node.shape) for shape in shapes)


def scaled(row: Row, numbers: Sequence[Number], weights: Weights) -> Row:
    """A row times numbers, which need not be single weights if there is no path."""
    if weights.constant and any(value != 0 for value in row):
        for number in numbers:
            worth = weights.constant(single(number))
            row = [weights.tidy(worth * value) for value in row]
    return row


def check_factors(values: Sequence[Any], weights: Weights) -> None:
    """Refuse symbols of weights outside products."""
    for value in values if weights.symbols else ():
        numbers = [part for part in (value if isinstance(value, Entries) else [value]) if isinstance(part, Number)]
        if symbols := symbols_of(numbers):
            raise AddedSymbol(symbols)


def total(rows: Any, width: int) -> Row:
    """The row of a value: the sum over a sequence; zeros for a number."""
    if isinstance(rows, Number):
        return [0] * width
    if isinstance(rows, SEQUENCES):
        return rows.total
    return add_rows([total(row, width) for row in rows], width) if isinstance(rows, Entries) else rows


def add_rows(rows: Sequence[Row], width: int) -> Row:
    total: Row = [0] * width
    for row in rows:
        total = [a + b for a, b in zip(total, row, strict=True)]
    return total
