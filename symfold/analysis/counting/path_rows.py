"""Rows: what values are along paths.

row ::= one value a source | the rows of a sequence, entry by entry | a number | what a fold gives out at each step
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from symfold.analysis.counting.numbers import Number, single, stacked, symbols_of
from symfold.analysis.counting.powers import Row
from symfold.analysis.counting.weights import AddedSymbol, Weights
from symfold.core.nodes import Node
from symfold.core.shapes import is_known

if TYPE_CHECKING:
    from symfold.analysis.counting.running import Running


class Entries(list[Any]):
    """The rows of a sequence whose entries differ."""


@dataclass(frozen=True, eq=False)
class Given:
    """What a fold gives out at each step, as the fold that gives it: a fold of as many steps runs along with it."""

    source: Running
    position: int  # among the results of the block

    @property
    def entries(self) -> Entries:
        """The entries one by one, for those who read them in another way."""
        found: Entries = self.source.listed[self.position]
        return found

    @property
    def as_number(self) -> Any:
        """The entries as one number, if they are numbers at every step."""
        if not self.source.gives_numbers(self.position):
            return self
        symbols = self.source.first[self.position].symbols
        return (stacked(self.entries) if isinstance(self.source.fold.count, int) else None) or Number(None, symbols)

    @property
    def total(self) -> Row:
        """All entries together."""
        return self.source.state(summed=self.position)[0][-1]

    def entry(self, place: int) -> Any:
        """The entry of one step; the steps before it are all that is run."""
        return self.source.entry(self.position, place)


def entries_of(value: Any, size: int) -> Sequence[Any]:
    """The entries of a sequence of so many."""
    return (
        value
        if isinstance(value, Entries)
        else [value.entry(k) if isinstance(value, Number) else value for k in range(size)]
    )


def product(node: Node, args: Sequence[Any], weights: Weights, width: int) -> Any:
    """The row of a product, scaled by the numbers among its factors: entry by entry, if a number has entries."""
    numbers = [arg for arg in (a.as_number if isinstance(a, Given) else a for a in args) if isinstance(arg, Number)]
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
    """Whether the leading axis of every factor that has entries is that of the product."""
    listed = [isinstance(arg, Entries) or (isinstance(arg, Number) and not arg.is_uniform) for arg in args]
    shapes = [part.shape for part, has_entries in zip(node.args, listed, strict=True) if has_entries]
    return all(is_known(shape) and len(shape) == len(node.shape) for shape in shapes)


def scaled(row: Row, numbers: Sequence[Number], weights: Weights) -> Row:
    """A row times numbers; where there is no path, they need not be single weights."""
    if weights.constant and any(value != 0 for value in row):
        for number in numbers:
            worth = weights.constant(single(number))
            row = [weights.tidy(worth * value) for value in row]
    return row


def check_factors(values: Sequence[Any], weights: Weights) -> None:
    """A symbol is a weight only if it is a factor and nothing else."""
    for value in values if weights.symbols else ():
        numbers = [part for part in (value if isinstance(value, Entries) else [value]) if isinstance(part, Number)]
        if symbols := symbols_of(numbers):
            raise AddedSymbol(symbols)


def total(rows: Any, width: int) -> Row:
    """The row of a value read whole: of a sequence, all its entries together; a number depends on nothing."""
    if isinstance(rows, Number):
        return [0] * width
    if isinstance(rows, Given):
        return rows.total
    return add_rows([total(row, width) for row in rows], width) if isinstance(rows, Entries) else rows


def add_rows(rows: Sequence[Row], width: int) -> Row:
    total: Row = [0] * width
    for row in rows:
        total = [a + b for a, b in zip(total, row, strict=True)]
    return total
