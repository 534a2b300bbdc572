"""Draws: numbers for the inputs of nets, at random; an input that picks rows of tables gets numbers of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symfold.core.applied_layers import Call
from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Input
from symfold.core.primitives import Apply
from symfold.core.shapes import Size
from symfold.core.stacked_inputs import StackedInputs
from symfold.core.walks import walk
from symfold.transform.specialize import with_shapes

Asked = Mapping[Node, frozenset[Size]]  # nodes that rows are picked by, each with how many rows its tables have


def drawn(
    shapes: Mapping[str, Sequence[int]], rows: Mapping[str, int], generator: Callable[[str], np.random.Generator]
) -> dict[str, Any]:
    """Numbers for inputs by name, of these shapes: standard normal, or whole ones below `rows` where an input is named there.

    >>> found = drawn({"x": (2,), "tokens": (2, 3)}, {"tokens": 5}, lambda name: np.random.default_rng(0))
    >>> found["tokens"].tolist(), found["x"].round(3).tolist()
    ([[4, 3, 2], [1, 1, 0]], [0.126, -0.132])
    """
    return {
        name: generator(name).integers(max(1, rows[name]), size=tuple(shape))
        if name in rows
        else generator(name).standard_normal(tuple(shape))
        for name, shape in shapes.items()
    }


def rows_of(nets: Sequence[Net], shapes: Mapping[str, Sequence[int]] | None = None) -> dict[str, int]:
    """The inputs that rows of tables are picked by, each with how many rows the shortest table has; with `shapes`, in these shapes.

    They are found through operations that are linear, as those that move entries, in the blocks of folds and in the bodies of layers. Of a table
    whose length is not known, one row is.

    >>> import symfold as sf
    >>> from symfold.core.primitives import embed
    >>> words = sf.tensor("words", (None, 4))
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3"), Net.of(embed(sf.parameter("E", (7, 3)), words)) + sf.tensor("x", (3,)))
    >>> rows_of([net])
    {'words': 7}
    """
    found: dict[str, int] = {}
    picked = [_asked(net.outputs, {}, {}) for net in nets]
    if shapes is not None and any(picked):
        picked = [_asked(with_shapes(net, shapes).outputs, {}, {}) for net in nets]
    for leaf, sizes in (
        (leaf, sizes)
        for asked in picked
        for leaf, sizes in asked.items()
        if isinstance(leaf.op, (Input, StackedInputs)) and leaf.op.role == "input"
    ):
        least = min(size if isinstance(size, int) else 1 for size in sizes)
        for name in leaf.op.names if isinstance(leaf.op, StackedInputs) else (leaf.op.name,):
            found[name] = min(found.get(name, least), least)
    return found


def only_picking(roots: Sequence[Node]) -> set[Node]:
    """The nodes that are read as numbers of rows and as nothing else."""
    picks: set[Node] = set()
    others = set(roots)
    for node in walk(roots):
        for place, arg in enumerate(node.args):
            (picks if place == _place(node) else others).add(arg)
    return picks - others


def _place(node: Node) -> int | None:
    """Which argument of a node is one of numbers of rows."""
    dtypes = node.op.primitive.dtypes if isinstance(node.op, Apply) else ()
    return dtypes.index("whole") if "whole" in dtypes else None


def _asked(roots: Sequence[Node], wanted: Asked, known: dict[Block, Asked]) -> Asked:
    """The nodes without arguments that rows are picked by, where rows are picked by some of the roots too."""
    asked: dict[Node, frozenset[Size]] = dict(wanted)
    results: dict[Node, dict[int, frozenset[Size]]] = {}

    def ask(node: Node, sizes: frozenset[Size]) -> None:
        asked[node] = asked.get(node, frozenset()) | sizes

    for node in reversed(walk(roots)):  # what reads a node comes before it
        op, own = node.op, asked.get(node)
        if (place := _place(node)) is not None:
            ask(node.args[place], frozenset(node.args[place - 1].shape[:1]))
        elif isinstance(op, Select) and own:
            results.setdefault(node.args[0], {})[op.position] = own
        elif isinstance(op, Fold):
            for formal, sizes in _in_fold(op, results.get(node, {}), known).items():
                ask(node.args[op.block.formals.index(formal)], sizes)
        elif isinstance(op, Call) and op.body is not None:
            for formal, sizes in _in_block(op.body, {op.body.results[0]: own} if own else {}, known).items():
                ask(node.args[1 + op.body.formals.index(formal)], sizes)
        elif own and isinstance(op, Apply):
            for place in {k for group in op.groups(len(node.args)) for k in group}:
                ask(node.args[place], own)
    return {node: sizes for node, sizes in asked.items() if not node.args}


def _in_block(block: Block, wanted: Asked, known: dict[Block, Asked]) -> Asked:
    """The formals of a block that rows are picked by."""
    if wanted or block not in known:
        found = _asked(block.results, wanted, known)
        formals = set(block.formals)
        inside = {node: sizes for node, sizes in found.items() if node in formals}
        if wanted:
            return inside
        known[block] = inside
    return known[block]


def _in_fold(fold: Fold, results: Mapping[int, frozenset[Size]], known: dict[Block, Asked]) -> Asked:
    """The same for a fold: a state that rows are picked by is one that a step gives."""
    block, wanted = fold.block, dict[Node, frozenset[Size]]()
    more = dict(results)
    while True:
        for place, sizes in more.items():
            wanted[block.results[place]] = wanted.get(block.results[place], frozenset()) | sizes
        inside = _in_block(block, wanted, known)
        more = {place: inside[formal] for place, formal in enumerate(block.formals[: fold.carries]) if formal in inside}
        if all(sizes <= wanted.get(block.results[place], frozenset()) for place, sizes in more.items()):
            return inside
