"""Sizes: how large the expanded form is, without building it.

Within a block the size of a result is an affine function of the sizes of the formals, in whole numbers; a fold applies
it `count` times, by repeated squaring. Only folds that read or give sequences of unequal sizes are walked step by step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symfold.base.big_numbers import power_of
from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Constant
from symfold.core.primitives import concatenate, is_primitive, joins_rows, splits_rows
from symfold.core.sequences import element, entry_of, joins_steps, reverse_row, stack_row, take_row
from symfold.core.stacked_inputs import Family, known_count
from symfold.core.walks import walk

Vector = tuple[int, ...]  # the coefficients of the formals, then the constant part
LARGEST = 10**1000  # sizes within sequences are not followed further


@dataclass(frozen=True)
class Size:
    """The size of a value: an affine function of the formals.

    `zero` where it is the literal 0, which sums leave out; `listed` where it is a sequence whose every entry is a name.
    """

    vector: Vector
    zero: bool = False
    listed: bool = False

    @property
    def marks(self) -> tuple[bool, bool]:
        return self.zero, self.listed


class Sizes(list[Any]):
    """The sizes of the entries of a sequence, each a size or sizes again."""


def expanded_size(net: Net) -> tuple[int, int]:
    """The operations of the expanded form: as a tree, as it is written, and as a graph, with shared parts once.

    >>> import symfold as sf
    >>> expanded_size(sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x")))
    (14, 6)
    """
    known = _measure(net.outputs, {}, 0)
    return sum(_single(known[output]).vector[-1] for output in net.outputs), _graph_size(net.outputs)


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
    return is_primitive(node, stack_row, take_row, reverse_row) or entry_of(node) is not None or (
        is_primitive(node, concatenate) and joins_steps(node)
    )


def own_size(node: Node, args: int) -> int:
    """How many operations a node is: a sum of three terms is two."""
    return args - 1 if node.op in (sp.Add, sp.Mul) else 1


def _plus(*vectors: Vector) -> Vector:
    return tuple(map(sum, zip(*vectors, strict=True)))


def _single(value: Any) -> Size:
    if isinstance(value, Sizes):
        entries = [_single(entry).vector for entry in value]
        return Size(_plus(_constant(1, len(entries[0]) - 1), *entries))
    assert isinstance(value, Size)
    return Size((*value.vector[:-1], value.vector[-1] + 1)) if value.listed else value


def _constant(value: int, formals: int) -> Vector:
    return (*(0,) * formals, value)


def _measure(roots: Sequence[Node], given: Mapping[Node, Any], formals: int) -> dict[Node, Any]:
    """The sizes of everything that the roots need."""
    known: dict[Node, Any] = dict(given)
    used = walk(roots, stop=given)
    wanted = {(node.args[0], node.op.position) for node in used if isinstance(node.op, Select)}
    for node in used:
        args = [known[arg] for arg in node.args]
        if isinstance(node.op, Fold):
            known[node] = _fold(node, args, formals, any(f == node and k >= node.op.carries for f, k in wanted))
        elif isinstance(node.op, Select):
            known[node] = args[0][node.op.position]
        elif isinstance(node.op, Family):
            known[node] = Size(_constant(0, formals), listed=True)
        elif not args:
            known[node] = Size(_constant(0, formals), isinstance(node.op, Constant) and node.op.value == 0)
        else:
            known[node] = _operation(node, args, formals)
    return known


def _operation(node: Node, args: list[Any], formals: int) -> Any:
    if is_primitive(node, stack_row):
        return Sizes(args)
    if isinstance(args[0], Sizes):
        if is_primitive(node, take_row):
            return Sizes(args[0][k] for k in dict(node.op.attributes)["positions"])
        if is_primitive(node, reverse_row):
            return Sizes(args[0][::-1])
        if entry := entry_of(node):
            return args[0][entry[1]]
        if splits_rows(node):
            size = known_count(node.shape[1])
            return Sizes(Sizes(args[0][k : k + size]) for k in range(0, len(args[0]), size))
        if joins_rows(node):
            return Sizes(entry for group in args[0] for entry in _entries(group, known_count(node.args[0].shape[1])))
    elif args[0].listed and is_primitive(node, take_row, reverse_row):
        return args[0]
    elif args[0].listed and splits_rows(node):
        return Sizes([args[0]] * known_count(node.shape[0]))
    elif args[0].listed and entry_of(node):
        return Size(args[0].vector)
    if is_primitive(node, concatenate) and joins_steps(node) and any(isinstance(arg, Sizes) for arg in args):
        return Sizes(e for arg, part in zip(args, node.args, strict=True) for e in _entries(arg, known_count(part.shape[0])))
    whole = [_single(value) for value in args]
    if node.op is sp.Add:
        kept = [value for value in whole if not value.zero]
        if len(kept) <= 1:
            return kept[0] if kept else whole[0]
        whole = kept
    return Size(_plus(_constant(own_size(node, len(whole)), formals), *(value.vector for value in whole)))


def _entries(value: Any, count: int) -> list[Size]:
    return value if isinstance(value, Sizes) else [_entry(value)] * count


def _entry(value: Size) -> Size:
    """One entry of a sequence whose entries are alike: a name, or a value taken out of one that is not listed."""
    return Size(value.vector if value.listed else (*value.vector[:-1], value.vector[-1] + 1))


def _fold(node: Node, args: list[Any], formals: int, given: bool) -> list[Any]:
    fold, block = node.op, node.op.block
    count, carries = known_count(fold.count), fold.carries
    state: list[Any] = list(args[:carries])
    operands: list[Any] = [
        _each(value, source, formals) if each and not isinstance(value, Sizes) else value
        for value, source, each in zip(args[carries:], node.args[carries:], fold.each, strict=True)
    ]
    varied = [each and isinstance(value, Sizes) for value, each in zip(operands, fold.each, strict=True)]
    uneven = any(one and any(entry != entries[0] for entry in entries) for entries, one in zip(operands, varied, strict=True))
    sequences = given or any(isinstance(value, Sizes) for value in (*state, *operands))
    rows: dict[tuple[tuple[bool, bool], ...], list[Any]] = {}
    kept: list[Sizes] = [Sizes() for _ in block.results[carries:]]
    done = 0
    while done < count:
        own = [entries[done] if one else entries for entries, one in zip(operands, varied, strict=True)]
        if sequences:
            results = _capped([_measure(block.results, dict(zip(block.formals, [*state, *own], strict=True)), formals)[r] for r in block.results])
            steps = 1
        else:
            marks = tuple(value.marks for value in (*state, *own))
            if marks not in rows:
                rows[marks] = _rows(block, marks)
            row = rows[marks]
            if any(isinstance(value, Sizes) for value in row):
                sequences = True  # a state that becomes a sequence is followed step by step
                continue
            settled = not uneven and tuple(value.marks for value in row[:carries]) == marks[:carries]
            steps = count - done if settled else 1
            results = _applied(row, carries, steps, [*state, *own])
        state = results[:carries]
        for entries, value in zip(kept, results[carries:], strict=True):
            entries.append(value)
        done += steps
    return [*state, *kept]


def _each(value: Size, source: Node, formals: int) -> Any:
    """What a step reads of a sequence: of numbers, however they are ordered, a number."""
    root = source
    while is_primitive(root, take_row, reverse_row):
        root = root.args[0]
    if not isinstance(root.op, Constant):
        return _entry(value)
    numbers = root.op.value.array
    if numbers.ndim > 1 or numbers.all():
        return Size(_constant(0, formals))
    return Sizes(Size(_constant(0, formals), element(source, k).op.value == 0) for k in range(known_count(source.shape[0])))


def _capped(results: Sequence[Any]) -> list[Any]:
    return [_cap(result) for result in results]


def _cap(value: Any) -> Any:
    if isinstance(value, Sizes):
        return Sizes(_capped(value))
    return Size(tuple(min(part, LARGEST) for part in value.vector), *value.marks)


def step_sizes(block: Block) -> list[Vector] | None:
    """The size of each result over those of the formals, none of them being the literal 0; None where one is a sequence."""
    rows = _rows(block, ((False, False),) * len(block.shapes))
    return None if any(isinstance(row, Sizes) or row.zero for row in rows) else [row.vector for row in rows]


def _rows(block: Block, marks: tuple[tuple[bool, bool], ...]) -> list[Any]:
    """The sizes of a block's results over its formals, of which some are known to be the literal 0, or names."""
    width = len(marks)
    units = [Size((*(int(j == k) for j in range(width)), 0), *mark) for k, mark in enumerate(marks)]
    known = _measure(block.results, dict(zip(block.formals, units, strict=True)), width)
    return [known[result] for result in block.results]


def _applied(rows: list[Any], carries: int, steps: int, values: list[Size]) -> list[Any]:
    """A block's rows applied a number of times to the sizes of the state and the operands."""
    power = matrix_power([list(row.vector) for row in rows[:carries]], carries, steps)
    columns = [*(value.vector for value in values), _constant(1, len(values[0].vector) - 1)]
    state = [Size(_combined(power[k], columns), *rows[k].marks) for k in range(carries)]
    return [*state, *(Size(_combined(list(row.vector), columns), *row.marks) for row in rows[carries:])]


def _combined(coefficients: Sequence[int], columns: Sequence[Vector]) -> Vector:
    found = [0] * len(columns[0])
    for factor, column in zip(coefficients, columns, strict=True):
        if factor:
            found = [(a + factor * b if a else factor * b) if b else a for a, b in zip(found, column, strict=True)]
    return tuple(found)


def matrix_power(rows: list[list[int]], carries: int, steps: int) -> list[list[int]]:
    """The first rows of the matrix [[rows], [0 I]] to a power: what the state is after so many steps.

    >>> matrix_power([[2, 1]], 1, 10)
    [[1024, 1023]]
    """
    width = len(rows[0]) if rows else 0
    if len(rows) == carries == 1:
        (factor, *others), power = rows[0], power_of(rows[0][0], steps)
        if not any(others):
            return [[power, *others]]
        below = power - 1 if factor == 2 else steps if factor == 1 else (power - 1) // (factor - 1)  # the sum of lower powers
        return [[power, *(below * other for other in others)]]
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
    return [list(_combined(row, [tuple(other) for other in b])) for row in a]
