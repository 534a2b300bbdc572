"""Random inputs: numbers for the inputs of nets; an input that indexes rows of tables gets row numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.core.blocks import Block, Call
from symfold.core.folds import Fold, Select
from symfold.core.functions import where
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import Apply, is_primitive, one_hot
from symfold.core.shapes import Shape, Size
from symfold.core.stacked_inputs import is_leaf
from symfold.transform.specialize import with_shapes

Indices = Mapping[Node, frozenset[Size]]  # nodes that index rows, with the row counts of their tables


def drawn(
    shapes: Mapping[str, Sequence[int]], rows: Mapping[str, int], generator: Callable[[str], np.random.Generator]
) -> dict[str, NumpyArray]:
    """Random numbers for inputs of these shapes: integers below `rows[name]` if it is given, else standard normal.

    >>> values = drawn({"x": (2,), "tokens": (2, 3)}, {"tokens": 5}, lambda name: np.random.default_rng(0))
    >>> values["tokens"].tolist(), values["x"].round(3).tolist()
    ([[4, 3, 2], [1, 1, 0]], [0.126, -0.132])
    """
    return {
        name: generator(name).integers(max(1, rows[name]), size=tuple(shape))
        if name in rows
        else generator(name).standard_normal(tuple(shape))
        for name, shape in shapes.items()
    }


def rows_of(nets: Sequence[Net], shapes: Mapping[str, Sequence[int]] | None = None) -> dict[str, int]:
    """The inputs that index rows of tables, with the row count of the shortest table; with `shapes`, at these shapes.

    The search goes through linear operations (such as those that move entries), blocks of folds and bodies of
    layers. A table of unknown length counts as one row.

    >>> import symfold as sf
    >>> from symfold.core.primitives import embed
    >>> words = sf.tensor("words", (None, 4))
    >>> start = Net.of(embed(sf.parameter("E", (7, 3)), words)) + sf.tensor("x", (3,))
    >>> rows_of([sf.fold(sf.mappers.residual, sf.layers("f1:3"), start)])
    {'words': 7}
    """
    rows: dict[str, int] = {}
    indices = [_indices(net.outputs, {}, {}) for net in nets]
    if shapes is not None and any(indices):
        indices = [_indices(with_shapes(net, shapes).outputs, {}, {}) for net in nets]
    for leaf, sizes in (
        (leaf, sizes)
        for net_indices in indices
        for leaf, sizes in net_indices.items()
        if is_leaf(leaf) and leaf.op.role == "input"
    ):
        least = min(size if isinstance(size, int) else 1 for size in sizes)
        for name in leaf.op.names:
            rows[name] = min(rows.get(name, least), least)
    return rows


def only_picking(roots: Sequence[Node]) -> set[Node]:
    """The nodes that are read as row numbers only."""
    indices: set[Node] = set()
    values = set(roots)
    for node in walk(roots):
        for place, arg in enumerate(node.args):
            (indices if place == _index_place(node) else values).add(arg)
    return indices - values


def _index_place(node: Node) -> int | None:
    """The position of the argument that holds row numbers."""
    dtypes = node.op.primitive.dtypes if isinstance(node.op, Apply) else ()
    return dtypes.index("whole") if "whole" in dtypes else None


def row_counts(node: Node) -> Shape:
    """The number of rows, or of classes, that an operation picks from."""
    if is_primitive(node, one_hot):
        return node.shape[-1:]
    place = _index_place(node)
    return () if place is None else node.args[place - 1].shape[:1]


def _indices(roots: Sequence[Node], index_roots: Indices, memo: dict[Block, Indices]) -> Indices:
    """The nodes without arguments that index rows; `index_roots` are the roots that do."""
    indices: dict[Node, frozenset[Size]] = dict(index_roots)
    results: dict[Node, dict[int, frozenset[Size]]] = {}

    def add(node: Node, sizes: frozenset[Size]) -> None:
        indices[node] = indices.get(node, frozenset()) | sizes

    for node in reversed(walk(roots)):  # users come before what they read
        op, node_sizes = node.op, indices.get(node)
        if (place := _index_place(node)) is not None:
            add(node.args[place], frozenset(row_counts(node)))
        elif node_sizes and op is where:
            for arg in node.args[1:]:
                add(arg, node_sizes)
        elif isinstance(op, Select) and node_sizes:
            results.setdefault(node.args[0], {})[op.position] = node_sizes
        elif isinstance(op, Fold):
            for formal, sizes in _indices_in_fold(op, results.get(node, {}), memo).items():
                add(node.args[op.block.formals.index(formal)], sizes)
        elif isinstance(op, Call) and op.body is not None:
            body_roots = {op.body.results[0]: node_sizes} if node_sizes else {}
            for formal, sizes in _indices_in_block(op.body, body_roots, memo).items():
                add(node.args[1 + op.body.formals.index(formal)], sizes)
        elif node_sizes and isinstance(op, Apply):
            for place in {k for group in op.groups(len(node.args)) for k in group}:
                add(node.args[place], node_sizes)
    return {node: sizes for node, sizes in indices.items() if not node.args}


def _indices_in_block(block: Block, index_roots: Indices, memo: dict[Block, Indices]) -> Indices:
    """The formals of a block that index rows."""
    if index_roots or block not in memo:
        formals = set(block.formals)
        indices = {node: sizes for node, sizes in _indices(block.results, index_roots, memo).items() if node in formals}
        if index_roots:
            return indices
        memo[block] = indices
    return memo[block]


def _indices_in_fold(fold: Fold, results: Mapping[int, frozenset[Size]], memo: dict[Block, Indices]) -> Indices:
    """The same for a fold: if a part of the state indexes rows, so does the next state."""
    block, index_roots = fold.block, dict[Node, frozenset[Size]]()
    added = dict(results)
    while True:
        for place, sizes in added.items():
            index_roots[block.results[place]] = index_roots.get(block.results[place], frozenset()) | sizes
        indices = _indices_in_block(block, index_roots, memo)
        added = {k: indices[formal] for k, formal in enumerate(block.formals[: fold.carries]) if formal in indices}
        if all(sizes <= index_roots.get(block.results[place], frozenset()) for place, sizes in added.items()):
            return indices
