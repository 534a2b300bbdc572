"""Transfer: how the outputs of a net depend on its inputs, along paths, each layer on the way worth t.

A block is a matrix over (state, operands), so a fold is a power of a matrix: exact at any depth, and closed in a symbolic
depth where the power closes. The numbers may be integers, polynomials packed into integers, or SymPy expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import sympy as sp

from symfold.analysis.counting.powers import closed_power
from symfold.errors import NoRule
from symfold.families import Family, Numbered
from symfold.folds import Fold, Select
from symfold.layer_kinds import Call, is_name
from symfold.nodes import Node
from symfold.operations import Constant, FrozenArray
from symfold.primitives import broadcast_like, concatenate, is_primitive
from symfold.sequences import element, entry_of, joins_steps, names_of_node, renewed, reverse_row, stack_row, take_row
from symfold.walks import walk

KEPT = 64  # deeper powers of polynomials are kept as powers

Row = list[Any]


@dataclass(frozen=True)
class Weights:
    """What a layer on a path is worth, and how products are kept small (truncated, expanded)."""

    layer: Any
    tidy: Callable[[Any], Any] = lambda value: value
    own: Mapping[str, Any] = field(default_factory=dict)  # layers that are worth something else, by name
    constants: bool = False  # whether a number that a value is multiplied by counts; else a product is as good as a sum

    def of(self, name: Node) -> Any:
        """What one layer is worth."""
        return self.own.get(names_of_node(name)[0], self.layer) if self.own else self.layer


class Entries(list[Row]):
    """The rows of a sequence whose entries differ."""


def transfer(roots: Sequence[Node], sources: Sequence[Node], weights: Weights) -> list[Row]:
    """For each root, a row with one number a source: the sum over paths of the product of the layers on them."""
    width = len(sources)
    units = {source: [int(k == place) for k in range(width)] for place, source in enumerate(sources)}
    return [summed(row, width) for row in follow(roots, units, weights, width)]


def steps_symbol(count: int) -> sp.Symbol:
    """A large number of steps as a symbol, so that powers are kept as powers."""
    return sp.Symbol(f"{count} steps", integer=True, positive=True)


def follow(roots: Sequence[Node], known: Mapping[Node, Any], weights: Weights, width: int) -> list[Any]:
    """The rows of the roots, from those of some nodes; of a sequence whose entries differ, a row an entry.

    In place of a row, the name of a layer has the node that it is outside of all blocks.
    """
    rows: dict[Node, Any] = dict(known)
    for node in walk(roots, stop=known):
        rows[node] = _row(node, [rows[arg] for arg in node.args], known, weights, width)
    return [rows[root] for root in roots]


def _row(node: Node, args: list[Any], units: Mapping[Node, Any], weights: Weights, width: int) -> Any:
    op = node.op
    if is_name(node):
        return renewed(node, args) if args else node
    if isinstance(op, Fold):
        return fold_rows(op, args, weights, width)
    if isinstance(op, Select):
        return args[0][op.position]
    if isinstance(op, Family):
        if op.role != "input" or not isinstance(op.count, int):
            return [0] * width
        return Entries(units.get(op.member(k), [0] * width) for k in range(op.count))
    if not node.args:
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
    if is_primitive(node, concatenate) and joins_steps(node) and any(isinstance(arg, Entries) for arg in args):
        parts = zip(args, node.args, strict=True)
        return Entries(row for arg, part in parts for row in (arg if isinstance(arg, Entries) else [arg] * part.shape[0]))
    if is_primitive(node, broadcast_like):  # what it is spread like gives the shape alone
        return summed(args[0], width)
    if isinstance(op, Call):
        worth = weights.of(args[0])
        return [weights.tidy(worth * value) for value in add_rows([summed(arg, width) for arg in args[1:]], width)]
    total = add_rows([summed(arg, width) for arg in args], width)
    if weights.constants and op is sp.Mul:
        for factor in (_number(arg) for arg in node.args if isinstance(arg.op, Constant)):
            total = [weights.tidy(factor * value) for value in total]
    return total


def _number(node: Node) -> sp.Expr:
    value = node.op.value
    if isinstance(value, FrozenArray):
        if len(set(value.array.flat)) != 1:
            raise NoRule(f"a value is multiplied by an array of shape {value.shape}, which is no single weight (count without weights: sf.paths(net))")
        value = sp.sympify(value.array.flat[0].item())
    # a decimal number is what it says, so that weights that add up to one are found to
    return sp.Rational(str(value)) if value.is_Float and value.is_finite else value


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
    if any(isinstance(arg, Entries) for arg in args) or len(fold.block.results) != fold.carries:
        return _step_by_step(fold, args, weights, width)
    state, operands = args[: fold.carries], args[fold.carries :]
    for start, count in _runs(fold, operands, weights):
        matrix = _matrix(fold, operands, start, weights)
        if any(isinstance(row, Entries) for row in matrix):
            return _step_by_step(fold, args, weights, width)
        state = [times(row, [*state, *operands], weights, width) for row in power(matrix, fold.carries, count, weights)]
    return list(state)


def _matrix(fold: Fold, operands: Sequence[Any], step: int, weights: Weights) -> list[Any]:
    """A block's results over its formals, the layers being those of one step."""
    formals = fold.block.formals
    known: dict[Node, Any] = {formal: [int(k == place) for k in range(len(formals))] for place, formal in enumerate(formals)}
    for formal, operand, each in zip(formals[fold.carries :], operands, fold.each, strict=True):
        if isinstance(operand, Node):
            known[formal] = element(operand, step) if each else operand
    return follow(fold.block.results, known, weights, len(formals))


def _runs(fold: Fold, operands: Sequence[Any], weights: Weights) -> Iterator[tuple[int, Any]]:
    """The steps of a fold in runs whose layers are worth the same: the first step of each, and how many they are."""
    starts = {0}
    for names, each in zip(operands, fold.each, strict=True):
        if each and weights.own and isinstance(names, Node):
            starts |= {place + after for place in _places(names, weights.own) for after in (0, 1)}
    count = fold.count
    bounds = sorted(start for start in starts if not isinstance(count, int) or start < count)
    where = {start: _where(start, count, bounds, weights) for start in bounds}
    for start, end in pairwise([*bounds, count]):
        yield start, where.get(end, _where(count, count, bounds, weights)) - where[start]


def _where(step: Any, count: Any, bounds: Sequence[int], weights: Weights) -> Any:
    """The number of a step; of a polynomial's power far out, a symbol in its place."""
    if not isinstance(count, int) or not isinstance(weights.layer, sp.Basic) or step <= KEPT:
        return step
    if count - step <= KEPT:
        return steps_symbol(count) - (count - step)
    return _where(step - 1, count, bounds, weights) + 1 if step - 1 in bounds else steps_symbol(step)


def _places(names: Node, own: Mapping[str, Any]) -> list[int]:
    """Where layers of these names stand in a sequence of layers."""
    found = names_of_node(names)
    if not isinstance(found, Numbered):
        return [k for k, name in enumerate(found) if name in own]
    if not isinstance(found.count, int) and not isinstance(names.op, Family):
        raise NoRule(f"layers read in another order cannot be told apart at the depth {found.count} (give it a number: net.at(...))")
    return [place for name in own if (place := found.position(name)) is not None]


def _step_by_step(fold: Fold, args: list[Any], weights: Weights, width: int) -> list[Any]:
    """The same, where what the steps read or give out differs from step to step."""
    if not isinstance(fold.count, int):
        raise NoRule(
            f"the paths through the {fold.count} steps of a scan have no closed form here (give the depth a number: net.at(...))"
        )
    carries, block = fold.carries, fold.block
    state, given = args[:carries], [Entries() for _ in block.results[carries:]]
    for step in range(fold.count):
        own = [_entry(arg, step) if each else arg for arg, each in zip(args[carries:], fold.each, strict=True)]
        results = follow(block.results, dict(zip(block.formals, [*state, *own], strict=True)), weights, width)
        state = results[:carries]
        for kept, row in zip(given, results[carries:], strict=True):
            kept.append(summed(row, width))
    return [*state, *given]


def _entry(value: Any, step: int) -> Any:
    if isinstance(value, Node):
        return element(value, step)
    return value[step] if isinstance(value, Entries) else value


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
        return closed_power(rows, carries, count)
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

