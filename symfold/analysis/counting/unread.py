"""Dead code elimination: folds without the states, operands and output sequences that nothing reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, apply_fold
from symfold.core.leaves import Formal
from symfold.core.nodes import Node, substitute, walk, with_args


def without_unread(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The same values, by folds, nested ones included, without parts that no step and no root reads.

    >>> import symfold as sf
    >>> first, second = sf.fold(lambda s, f: (f(s[0]), 1 / s[0] + s[1]), sf.layers("f", count="n"), (sf.tensor("x"), 0))
    >>> [len(without_unread(net.outputs)[0].args[0].op.block.results) for net in (first, second)]
    [1, 2]
    """
    order = walk(roots)
    live = set(roots)
    read: dict[Node, set[int]] = {}
    for node in reversed(order):
        if node not in live:
            continue
        if isinstance(node.op, Select):
            read.setdefault(node.args[0], set()).add(node.op.position)
        if isinstance(node.op, Fold):
            read[node] = _read_in_some_step(node.op, read[node])
            live.update(node.args[place] for place in _formals_read(node.op, read[node]))
        else:
            live.update(node.args)
    new: dict[Node, Any] = {}
    for node in order:
        if node not in live:
            continue
        if isinstance(node.op, Fold):
            new[node] = _restricted(node.op, [new.get(arg, arg) for arg in node.args], read[node])
        elif isinstance(node.op, Select):
            new[node] = new[node.args[0]][node.op.position]
        else:
            new[node] = with_args(node, tuple(new[arg] for arg in node.args))
    return tuple(new[root] for root in roots)


def _read_in_some_step(fold: Fold, read: set[int]) -> set[int]:
    """The results of the block that are read after the fold or by a later step."""
    while (more := read | {k for k in _formals_read(fold, read) if k < fold.carries}) != read:
        read = more
    return read


def _formals_read(fold: Fold, results: Iterable[int]) -> list[int]:
    """The places of the formals that results depend on, and of the states that they update."""
    needed = set(walk([fold.block.results[k] for k in results]))
    return [k for k, formal in enumerate(fold.block.formals) if formal in needed or (k < fold.carries and k in results)]


def _restricted(fold: Fold, args: Sequence[Node], read: set[int]) -> dict[int, Node]:
    """The results of a fold that are read, by position, from a block without the others."""
    positions = [k for k in range(len(fold.block.results)) if k in read]
    formals = _formals_read(fold, read)
    carries = sum(k < fold.carries for k in positions)
    replaced = {fold.block.formals[k]: Node(Formal(0, place, fold.block.shapes[k])) for place, k in enumerate(formals)}
    results = without_unread(substitute([fold.block.results[k] for k in positions], replaced))
    block = Block(tuple(fold.block.shapes[k] for k in formals), results)
    inputs = [args[k] for k in formals]
    each = [fold.each[k - fold.carries] for k in formals[carries:]]
    values = apply_fold(block, fold.count, inputs[:carries], inputs[carries:], each)
    return dict(zip(positions, values, strict=True))
