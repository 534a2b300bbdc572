"""Transfer: how the outputs of a net depend on its inputs, along paths, each layer on the way worth t.

A block is a matrix over (state, operands), so a fold is a power of a matrix: exact at any depth, and closed in a symbolic
depth where the power closes. The numbers may be integers, polynomials packed into integers, or SymPy expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symfold.errors import NoRule
from symfold.families import Family
from symfold.folds import Fold, Select
from symfold.layer_kinds import Call
from symfold.nodes import Node
from symfold.operations import Constant
from symfold.primitives import is_primitive
from symfold.sequences import entry_of, reverse_row, stack_row, take_row
from symfold.shapes import NAME
from symfold.walks import walk

Row = list[Any]


@dataclass(frozen=True)
class Weights:
    """What a layer on a path is worth, and how products are kept small (truncated, expanded)."""

    layer: Any
    tidy: Callable[[Any], Any] = lambda value: value


class Entries(list[Row]):
    """The rows of a sequence whose entries differ."""


def transfer(roots: Sequence[Node], sources: Sequence[Node], weights: Weights) -> list[Row]:
    """For each root, a row with one number a source: the sum over paths of the product of the layers on them."""
    width = len(sources)
    units = {source: [int(k == place) for k in range(width)] for place, source in enumerate(sources)}
    return [summed(row, width) for row in follow(roots, units, weights, width)]


def follow(roots: Sequence[Node], known: Mapping[Node, Any], weights: Weights, width: int) -> list[Any]:
    """The rows of the roots, from those of some nodes; of a sequence whose entries differ, a row an entry."""
    rows: dict[Node, Any] = dict(known)
    for node in walk(roots, stop=known):
        rows[node] = _row(node, [rows[arg] for arg in node.args], known, weights, width)
    return [rows[root] for root in roots]


def _row(node: Node, args: list[Any], units: Mapping[Node, Any], weights: Weights, width: int) -> Any:
    op = node.op
    if isinstance(op, Fold):
        return fold_rows(op, args, weights, width)
    if isinstance(op, Select):
        return args[0][op.position]
    if isinstance(op, Family):
        if op.role != "input" or not isinstance(op.count, int):
            return [0] * width
        return Entries(units.get(op.member(k), [0] * width) for k in range(op.count))
    if node.shape[-1:] == (NAME,) or isinstance(op, Constant) or not node.args:
        return [0] * width
    if is_primitive(node, stack_row):
        return Entries(summed(arg, width) for arg in args)
    if args and isinstance(args[0], Entries):
        if is_primitive(node, take_row):
            return Entries(args[0][k] for k in dict(op.attributes)["positions"])
        if is_primitive(node, reverse_row):
            return Entries(args[0][::-1])
        if entry := entry_of(node):
            return args[0][entry[1]]
    total = add_rows([summed(arg, width) for arg in args], width)
    return [weights.tidy(weights.layer * value) for value in total] if isinstance(op, Call) else total


def summed(rows: Any, width: int) -> Row:
    """The row of a value read whole: of a sequence, all its entries together."""
    return add_rows(rows, width) if isinstance(rows, Entries) else rows


def add_rows(rows: Sequence[Row], width: int) -> Row:
    total: Row = [0] * width
    for row in rows:
        total = [a + b for a, b in zip(total, row, strict=True)]
    return total


def fold_rows(fold: Fold, args: list[Any], weights: Weights, width: int) -> list[Any]:
    """The rows of a fold's results: by a power of its matrix, where all the steps read and give the same way."""
    formals = fold.block.formals
    if not any(isinstance(arg, Entries) for arg in args) and len(fold.block.results) == fold.carries:
        units = {formal: [int(k == place) for k in range(len(formals))] for place, formal in enumerate(formals)}
        matrix = follow(fold.block.results, units, weights, len(formals))
        if not any(isinstance(row, Entries) for row in matrix):
            return [times(row, args, weights, width) for row in power(matrix, fold.carries, fold.count, weights)]
    return _step_by_step(fold, args, weights, width)


def _step_by_step(fold: Fold, args: list[Any], weights: Weights, width: int) -> list[Any]:
    """The same, where what the steps read or give out differs from step to step."""
    if not isinstance(fold.count, int):
        raise NoRule(
            f"the paths through the {fold.count} steps of a scan have no closed form here (give the depth a number: net.at(...))"
        )
    carries, block = fold.carries, fold.block
    state, given = args[:carries], [Entries() for _ in block.results[carries:]]
    for step in range(fold.count):
        own = [arg[step] if each and isinstance(arg, Entries) else arg for arg, each in zip(args[carries:], fold.each, strict=True)]
        results = follow(block.results, dict(zip(block.formals, [*state, *own], strict=True)), weights, width)
        state = results[:carries]
        for kept, row in zip(given, results[carries:], strict=True):
            kept.append(summed(row, width))
    return [*state, *given]


def times(row: Row, vectors: Sequence[Row], weights: Weights, width: int) -> Row:
    """A row of the matrix times the rows of what it reads."""
    total: Row = [0] * width
    for factor, vector in zip(row, vectors, strict=True):
        if not _is_zero(factor):
            total = [weights.tidy(a + factor * b) for a, b in zip(total, vector, strict=True)]
    return total


def _is_zero(value: Any) -> bool:
    return bool(value == 0)


def power(rows: list[Row], carries: int, count: Any, weights: Weights) -> list[Row]:
    """The first rows of the matrix [[rows], [0 I]] to the power `count`: the state after so many steps."""
    size = len(rows[0]) if rows else 0
    if not isinstance(count, int):
        return _symbolic_power(rows, carries, count)
    base = [*rows, *([int(k == place) for k in range(size)] for place in range(carries, size))]
    result = [[int(k == place) for k in range(size)] for place in range(size)]
    while count:
        if count & 1:
            result = _product(result, base, weights)
        count >>= 1
        if count:
            base = _product(base, base, weights)
    return result[:carries]


def _product(left: list[Row], right: list[Row], weights: Weights) -> list[Row]:
    return [times(row, right, weights, len(right)) for row in left]


def _symbolic_power(rows: list[Row], carries: int, count: Any) -> list[Row]:
    """The power for a symbolic depth, where it closes: a state of one part, or parts that keep to themselves."""
    powered: list[Row] = []
    for place, row in enumerate(rows):
        if any(not _is_zero(value) for k, value in enumerate(row[:carries]) if k != place):
            shown = sp.Matrix([r[:carries] for r in rows])
            raise NoRule(f"the paths of a state of {carries} coupled parts close at no symbolic depth: the recurrence is v_k = {shown.tolist()} v_{{k-1}} (give the depth a number)")
        own = sp.sympify(row[place])
        geometric = count if own == 1 else (own**count - 1) / (own - 1)
        powered.append([own**count if k == place else sp.sympify(value) * geometric if k >= carries else sp.Integer(0) for k, value in enumerate(row)])
    return powered
