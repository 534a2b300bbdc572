"""Sizes: the size of the expanded form, without building it.

Within a block the size of a result is an affine function of the sizes of the formals, with integer coefficients; a fold
takes its power by repeated squaring. Only folds over or into sequences of unequal sizes are walked step by step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symfold.base.big_numbers import LONG, power_of, product_of
from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, is_emitted
from symfold.core.interpreter import Entries, Interpreter, check_steps
from symfold.core.leaves import Constant, FrozenArray, number_of
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import concatenate, is_primitive, merges_leading_axes, splits_leading_axis
from symfold.core.sequences import element, entry_of, joins_sequences, reverse_row, stack_row, take_row
from symfold.core.stacked_inputs import StackedInputs, known_count

Vector = tuple[int, ...]  # the coefficients of the formals, then the constant part
LARGEST = 10**1000  # sizes within sequences are capped here


@dataclass(frozen=True)
class Size:
    """The size of a value: an affine function of the formals.

    `zero` marks the literal 0, which sums drop; `listed` marks a sequence whose entries are all names.
    """

    vector: Vector
    zero: bool = False
    listed: bool = False

    @property
    def marks(self) -> tuple[bool, bool]:
        return self.zero, self.listed


def expanded_size(net: Net) -> tuple[int, int]:
    """The operations of the expanded form: as the written tree, and as a graph with shared parts counted once.

    >>> import symfold as sf
    >>> expanded_size(sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x")))
    (14, 6)
    """
    sizes = Measure(0).run_whole(net.outputs)
    return sum(size.vector[-1] for size in sizes), _graph_size(net.outputs)


def _graph_size(roots: Sequence[Node]) -> int:
    total = 0
    for node in walk(roots):
        if isinstance(node.op, Fold):
            total += known_count(node.op.count) * _graph_size(node.op.block.results)
        elif node.args and not isinstance(node.op, Select) and not _names_entries(node):
            total += own_size(node, len(node.args))
    return total


def _names_entries(node: Node) -> bool:
    """Whether a node only picks or orders the entries of a sequence."""
    return (
        is_primitive(node, stack_row, take_row, reverse_row)
        or entry_of(node) is not None
        or (is_primitive(node, concatenate) and joins_sequences(node))
    )


def own_size(node: Node, args: int) -> int:
    """The number of operations of a node: a sum of three terms is two."""
    return args - 1 if node.op in (sp.Add, sp.Mul) else 1


def _plus(*vectors: Vector) -> Vector:
    return tuple(map(sum, zip(*vectors, strict=True)))


def _constant(value: int, formals: int) -> Vector:
    return (*(0,) * formals, value)


class Measure(Interpreter):
    """The sizes of values over the formals of a block; for a sequence of unlike entries, the sizes of the entries."""

    def __init__(self, formals: int):
        self.formals = formals
        self.read: set[Node] = set()  # the folds whose sequences are read

    def follow(self, order: Iterable[Node], roots: Sequence[Node], known: dict[Node, Any]) -> list[Any]:
        nodes = list(order)
        self.read = {node.args[0] for node in filter(is_emitted, nodes)}
        return super().follow(nodes, roots, known)

    def leaf(self, node: Node) -> Size:
        return Size(_constant(0, self.formals), number_of(node) == 0)

    def stacked(self, node: Node[StackedInputs]) -> Size:
        return Size(_constant(0, self.formals), listed=True)

    def arranged(self, node: Node, args: Sequence[Any]) -> Any:
        first = args[0]
        if isinstance(first, Size) and first.listed:  # every entry is a name
            if is_primitive(node, take_row, reverse_row):
                return first
            if splits_leading_axis(node):
                return Entries([first] * known_count(node.shape[0]))
            if entry_of(node):
                return Size(first.vector)
        if merges_leading_axes(node) and isinstance(first, Entries):
            return Entries(entry for group in first for entry in self.entries(group, node, node.args[0].shape[1]))
        return super().arranged(node, args)

    def entries(self, value: Any, node: Node, count: Any = None) -> Sequence[Any]:
        if isinstance(value, Entries):
            return value
        return [_entry(value)] * known_count(node.shape[0] if count is None else count)

    def collect(self, entries: Entries, node: Node) -> Size:
        return Size(_plus(_constant(1, self.formals), *(entry.vector for entry in entries)))

    def whole(self, value: Any, node: Node) -> Size:
        size = super().whole(value, node)
        return Size((*size.vector[:-1], size.vector[-1] + 1)) if size.listed else size

    def apply(self, node: Node, args: Sequence[Size]) -> Size:
        if node.op is sp.Add:
            nonzero = [value for value in args if not value.zero]
            if len(nonzero) <= 1:
                return nonzero[0] if nonzero else args[0]
            args = nonzero
        return Size(_plus(_constant(own_size(node, len(args)), self.formals), *(value.vector for value in args)))

    def fold(self, node: Node[Fold], fold: Fold, args: list[Any]) -> list[Any]:
        block, count, carries = fold.block, known_count(fold.count), fold.carries
        state: list[Any] = list(args[:carries])
        operands: list[Any] = [
            _each(value, source, self.formals) if each and not isinstance(value, Entries) else value
            for value, source, each in zip(args[carries:], node.args[carries:], fold.each, strict=True)
        ]
        varied = [each and isinstance(value, Entries) for value, each in zip(operands, fold.each, strict=True)]
        uneven = any(
            varies and any(entry != entries[0] for entry in entries)
            for entries, varies in zip(operands, varied, strict=True)
        )
        sequences = node in self.read or any(isinstance(value, Entries) for value in (*state, *operands))
        rows: dict[tuple[tuple[bool, bool], ...], list[Any]] = {}
        outputs: list[Entries] = [Entries() for _ in block.results[carries:]]
        position = 0
        while position < count:
            step_operands = [
                entries[position] if varies else entries for entries, varies in zip(operands, varied, strict=True)
            ]
            if sequences:
                check_steps(count)
                results = _capped(
                    Measure(self.formals).run(
                        block.results, dict(zip(block.formals, [*state, *step_operands], strict=True))
                    )
                )
                steps = 1
            else:
                marks = tuple(value.marks for value in (*state, *step_operands))
                if marks not in rows:
                    rows[marks] = _rows(block, marks)
                row = rows[marks]
                if any(isinstance(value, Entries) for value in row):
                    sequences = True  # a state that becomes a sequence is followed step by step
                    continue
                settled = not uneven and tuple(value.marks for value in row[:carries]) == marks[:carries]
                steps = count - position if settled else 1
                results = _applied(row, carries, steps, [*state, *step_operands])
            state = results[:carries]
            for entries, value in zip(outputs, results[carries:], strict=True):
                entries.append(value)
            position += steps
        return [*state, *outputs]


def _entry(value: Size) -> Size:
    """One entry of a sequence of like entries: a name, or an indexed entry if the sequence is not listed."""
    return Size(value.vector if value.listed else (*value.vector[:-1], value.vector[-1] + 1))


def _each(value: Size, source: Node, formals: int) -> Any:
    """The entry that a step reads of a sequence; of numbers in any order, a number."""
    root = source
    while is_primitive(root, take_row, reverse_row):
        root = root.args[0]
    if not isinstance(root.op, Constant) or not isinstance(root.op.value, FrozenArray):
        return _entry(value)
    numbers = root.op.value.array
    if numbers.ndim > 1 or numbers.all():
        return Size(_constant(0, formals))
    return Entries(
        Size(_constant(0, formals), number_of(element(source, k)) == 0) for k in range(known_count(source.shape[0]))
    )


def _capped(results: Sequence[Any]) -> list[Any]:
    return [_cap(result) for result in results]


def _cap(value: Any) -> Any:
    if isinstance(value, Entries):
        return Entries(_capped(value))
    return Size(tuple(min(part, LARGEST) for part in value.vector), *value.marks)


def step_sizes(block: Block) -> list[Vector] | None:
    """The size of each result over those of the formals, none of them the literal 0; None if a result is a sequence."""
    rows = _rows(block, ((False, False),) * len(block.shapes))
    return None if any(isinstance(row, Entries) or row.zero for row in rows) else [row.vector for row in rows]


def _rows(block: Block, marks: tuple[tuple[bool, bool], ...]) -> list[Any]:
    """The sizes of a block's results over its formals, some of them marked as the literal 0 or as names."""
    width = len(marks)
    units = [Size((*(int(j == k) for j in range(width)), 0), *mark) for k, mark in enumerate(marks)]
    return Measure(width).run(block.results, dict(zip(block.formals, units, strict=True)))


def _applied(rows: list[Any], carries: int, steps: int, values: list[Size]) -> list[Any]:
    """A block's rows applied a number of times to the sizes of the state and the operands."""
    power = matrix_power([list(row.vector) for row in rows[:carries]], carries, steps)
    columns = [*(value.vector for value in values), _constant(1, len(values[0].vector) - 1)]
    state = [Size(_combined(power[k], columns), *rows[k].marks) for k in range(carries)]
    return [*state, *(Size(_combined(list(row.vector), columns), *row.marks) for row in rows[carries:])]


def _combined(coefficients: Sequence[int], columns: Sequence[Vector]) -> Vector:
    total = [0] * len(columns[0])
    for factor, column in zip(coefficients, columns, strict=True):
        if factor:
            total = [
                (a + product_of(factor, b) if a else product_of(factor, b)) if b else a
                for a, b in zip(total, column, strict=True)
            ]
    return tuple(total)


def matrix_power(rows: list[list[int]], carries: int, steps: int) -> list[list[int]]:
    """The first rows of a power of the matrix [[rows], [0 I]]: the state after `steps` steps.

    >>> matrix_power([[2, 1]], 1, 10)
    [[1024, 1023]]
    """
    width = len(rows[0]) if rows else 0
    if len(rows) == carries == 1 and rows[0][0].bit_length() < LONG:  # a division by a long number is slow
        (factor, *others), power = rows[0], power_of(rows[0][0], steps)
        if not any(others):
            return [[power, *others]]
        # the sum of all lower powers
        lower = power - 1 if factor == 2 else steps if factor == 1 else (power - 1) // (factor - 1)
        return [[power, *(lower * other for other in others)]]
    matrix = rows + [[int(j == k) for j in range(width)] for k in range(carries, width)]
    result = [[int(j == k) for j in range(width)] for k in range(width)]
    while steps:
        if steps & 1:
            result = _product(matrix, result)
        steps >>= 1
        if steps:
            matrix = _product(matrix, matrix)
    return result[:carries]


def _product(a: list[list[int]], b: list[list[int]]) -> list[list[int]]:
    return [list(_combined(row, [tuple(column) for column in b])) for row in a]
