"""Transfer: how the outputs of a net depend on its inputs, along paths, each layer on the way worth t.

A block is a matrix over (state, operands), so a fold is a power of a matrix: exact at any depth, and closed in a
symbolic depth where the power closes. What a layer is worth may be an integer, a polynomial packed into one,
a truncated series, an element of a ring, or a SymPy expression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symfold.analysis.counting.numbers import Number, computed, number_of, stacked
from symfold.analysis.counting.path_rows import Entries, Given, add_rows, check_factors, entries_of, product, total
from symfold.analysis.counting.powers import Row, unit
from symfold.analysis.counting.running import Running
from symfold.analysis.counting.weights import Weights
from symfold.core.folds import Fold, Select
from symfold.core.nodes import Node
from symfold.core.operations import Constant, Input
from symfold.core.primitives import alike, broadcast_like, carried_places, concatenate, is_primitive
from symfold.core.sequences import entry_of, joins_steps, renewed, reverse_row, stack_row, take_row
from symfold.core.stacked_inputs import Family
from symfold.core.walks import walk
from symfold.frontend.layer_kinds import Call, is_name


def transfer(roots: Sequence[Node], sources: Sequence[Node], weights: Weights) -> list[Row]:
    """For each root, a row with one number a source: the sum over paths of the product of the layers on them."""
    width = len(sources)
    units = {source: unit(place, width) for place, source in enumerate(sources)}
    results = follow(roots, units, weights, width)
    check_factors(results, weights)
    return [total(row, width) for row in results]


def follow(roots: Sequence[Node], known: Mapping[Node, Any], weights: Weights, width: int) -> list[Any]:
    """The rows of the roots, from those of some nodes; of a sequence whose entries differ, a row an entry.

    In place of a row, the name of a layer has the node that it is outside of all blocks. With weights, numbers have
    their values.
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
        return Running.over(op, args, weights, width, follow)
    if args and isinstance(args[0], Given) and (entry := entry_of(node)):
        return args[0].entry(entry[1])
    if isinstance(op, Select):
        return args[0].result(op.position)
    if isinstance(op, Family):
        if op.role != "input" or not isinstance(op.count, int):
            return [0] * width
        return Entries(units.get(op.member(k), [0] * width) for k in range(op.count))
    if weights.constant and (number := _number(node, args, weights)):
        return number
    if not node.args:
        return [0] * width
    if is_primitive(node, stack_row):
        return Entries(arg if isinstance(arg, Number) else total(arg, width) for arg in args)
    if is_primitive(node, take_row, reverse_row) or (is_primitive(node, concatenate) and joins_steps(node)):
        args = [arg.entries if isinstance(arg, Given) else arg for arg in args]
    if args and isinstance(args[0], Entries):
        if is_primitive(node, take_row):
            return Entries(args[0][k] for k in dict(op.attributes)["positions"])
        if is_primitive(node, reverse_row):
            return Entries(args[0][::-1])
        if entry := entry_of(node):
            return args[0][entry[1]]
    if is_primitive(node, concatenate) and joins_steps(node) and any(isinstance(arg, Entries) for arg in args):
        return Entries(row for arg, part in zip(args, node.args, strict=True) for row in entries_of(arg, part.shape[0]))
    if op is sp.Mul and weights.constant:
        return product(node, args, weights, width)
    args = [args[k] for k in carried_places(node)]
    check_factors(args, weights)
    if isinstance(op, Call):
        worth = weights.of(args[0])
        return [weights.tidy(worth * value) for value in add_rows([total(arg, width) for arg in args[1:]], width)]
    return add_rows([total(arg, width) for arg in args if not isinstance(arg, Node)], width)


def _number(node: Node, args: list[Any], weights: Weights) -> Number | None:
    """A value that follows from numbers alone."""
    if isinstance(node.op, Constant):
        return number_of(node)
    if getattr(node.op, "name", None) in weights.symbols and isinstance(node.op, Input):
        return Number(sp.Symbol(node.op.name), frozenset({node.op.name}))
    args = [arg.as_number if isinstance(arg, Given) else arg for arg in args]
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
