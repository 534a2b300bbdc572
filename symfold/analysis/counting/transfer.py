"""Transfer matrices: the paths from inputs to outputs, added up, with every layer on a path a factor t.

A block is a matrix over (state, operands), so a fold is a power of a matrix: exact at any depth, and closed in a
symbolic depth if the power closes. The weight of a layer may be an integer, a polynomial packed into one, a truncated
series, an element of a ring, or a SymPy expression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symfold.analysis.counting.numbers import Number, computed, number_of, stacked
from symfold.analysis.counting.path_rows import (
    SEQUENCES,
    Backwards,
    StepOutputs,
    add_rows,
    check_factors,
    entries_of,
    product,
    total,
)
from symfold.analysis.counting.powers import Row, unit
from symfold.analysis.counting.row_folds import RowFold
from symfold.analysis.counting.weights import Weights
from symfold.core.blocks import Call, is_name
from symfold.core.folds import Fold, Select
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.leaves import Constant, Input
from symfold.core.nodes import Node
from symfold.core.primitives import alike, broadcast_like, carried_places, concatenate, is_primitive
from symfold.core.sequences import entry_of, joins_sequences, rebuilt_sequence, reverse_row, stack_row, take_row
from symfold.core.stacked_inputs import StackedInputs


def transfer(roots: Sequence[Node], sources: Sequence[Node], weights: Weights) -> list[Row]:
    """For each root, one number per source: the sum over paths of the product of the weights on them."""
    width = len(sources)
    units = {source: unit(place, width) for place, source in enumerate(sources)}
    results = Transfer(weights, width, units).run(roots, units)
    check_factors(results, weights)
    return [total(row, width) for row in results]


def follow(roots: Sequence[Node], rows: Mapping[Node, Any], weights: Weights, width: int) -> list[Any]:
    """The rows of the roots, from those of some nodes."""
    return Transfer(weights, width, rows).run(roots, rows)


class Transfer(Interpreter):
    """The rows of values; a row per entry for a sequence of unlike entries.

    The meaning of a layer name is its node outside all blocks; with weights, that of a number is its value. A fold is a
    power of the matrix of its step (`RowFold`).
    """

    def __init__(self, weights: Weights, width: int, units: Mapping[Node, Any]):
        self.weights, self.width, self.units = weights, width, units

    @property
    def nothing(self) -> Row:
        return [0] * self.width

    def meaning(self, node: Node, args: list[Any]) -> Any:
        if is_name(node):
            return rebuilt_sequence(node, args) if args else node
        if (
            self.weights.constant
            and not isinstance(node.op, (Fold, Select, StackedInputs))
            and (number := _number(node, args, self.weights))
        ):
            return number
        return super().meaning(node, args)

    def leaf(self, node: Node) -> Row:
        return self.nothing

    def stacked(self, node: Node[StackedInputs]) -> Any:
        op = node.op
        if op.role != "input" or not isinstance(op.count, int):
            return self.nothing
        return Entries(self.units.get(op.member(k), self.nothing) for k in range(op.count))

    def select(self, results: Any, position: int) -> Any:
        return results.result(position)

    def fold(self, node: Node[Fold], fold: Fold, args: list[Any]) -> Any:
        return RowFold.over(fold, args, self.weights, self.width, follow)

    def arranged(self, node: Node, args: Sequence[Any]) -> Any:
        if isinstance(args[0], SEQUENCES) and (entry := entry_of(node)):
            return args[0].entry(entry[1])
        if isinstance(args[0], SEQUENCES) and is_primitive(node, reverse_row):
            return Backwards(args[0]) if isinstance(args[0], StepOutputs) else args[0].forwards
        if is_primitive(node, stack_row):
            return Entries(arg if isinstance(arg, Number) else total(arg, self.width) for arg in args)
        if is_primitive(node, take_row) or (is_primitive(node, concatenate) and joins_sequences(node)):
            args = [arg.entries if isinstance(arg, SEQUENCES) else arg for arg in args]
        return super().arranged(node, args)

    def entries(self, value: Any, node: Node, count: Any = None) -> Sequence[Any]:
        return entries_of(value, node.shape[0])

    def whole(self, value: Any, node: Node) -> Any:
        return value

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        weights, width = self.weights, self.width
        if node.op is sp.Mul and weights.constant:
            return product(node, args, weights, width)
        read = [args[k] for k in carried_places(node)]
        check_factors(read, weights)
        if isinstance(node.op, Call):
            worth = weights.of(read[0])
            return [weights.tidy(worth * value) for value in add_rows([total(arg, width) for arg in read[1:]], width)]
        return add_rows([total(arg, width) for arg in read if not isinstance(arg, Node)], width)


def _number(node: Node, args: list[Any], weights: Weights) -> Number | None:
    """The number that a node is, if it depends on numbers alone."""
    if isinstance(node.op, Constant):
        return number_of(node)
    if isinstance(node.op, Input) and node.op.name in weights.symbols:
        return Number(sp.Symbol(node.op.name), frozenset({node.op.name}))
    args = [arg.as_number if isinstance(arg, SEQUENCES) else arg for arg in args]
    if isinstance(node.op, Call) or not args or not all(isinstance(args[k], Number) for k in carried_places(node)):
        return None
    if is_primitive(node, stack_row):
        return stacked(args)
    if isinstance(args[0], Number) and (entry := entry_of(node)) and (entry[1] >= 0 or args[0].is_uniform):
        return args[0].entry(entry[1])
    return (
        computed(node, args)
        if all(isinstance(arg, Number) for arg in args) or is_primitive(node, broadcast_like, alike)
        else None
    )
