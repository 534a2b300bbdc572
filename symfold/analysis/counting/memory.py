"""The memory of a net's folds: what they keep of each step for folds that come later, as a gradient does."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import sympy as sp

from symfold.core.folds import Fold, Select, is_emitted, is_fold
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import (
    broadcast_to,
    concatenate,
    expand,
    is_primitive,
    item,
    reshape,
    squeeze,
    swap,
)
from symfold.core.sequences import reverse_row, take_row
from symfold.core.shapes import is_concrete, is_known
from symfold.core.stacked_inputs import is_leaf
from symfold.transform.inlining import inlined
from symfold.transform.passes.fold_pairs import marks
from symfold.transform.passes.recomputation import within_budget
from symfold.transform.rolling import roll

NUMBER = 8  # bytes
ARRANGED = (broadcast_to, concatenate, expand, item, reshape, squeeze, swap, reverse_row, take_row)


def memory(net: Net) -> Any:
    """The bytes, in float64, that folds keep of their steps for later folds; None if a shape is unknown.

    Within a budget (`remat="1MB"`), what is kept if all sizes are known; else no more than the budget.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:101", sf.dense(3, 3, sf.tanh)), sf.tensor("x", (1000, 3)))
    >>> loss = sf.squared_error(net, sf.tensor("target", (1000, 3)))
    >>> [memory(sf.grad(loss, remat=remat)) for remat in (None, "sqrt", "1MB", "700kB")]
    [4800000, 720000, 864000, 504000]
    """
    if _is_single_fold(net):
        return 0
    roots = inlined(roll(net, search=False).outputs)
    budgets = marks(roots)
    if budgets and all(is_concrete(node.shape) for node in walk(roots) if is_leaf(node) and node.op.role != "layer"):
        return _kept(within_budget(roots, NUMBER), NUMBER)
    kept = _kept(roots, NUMBER)
    return sp.Min(kept, *budgets) if budgets and kept is not None else kept


def _is_single_fold(net: Net) -> bool:
    """Whether a net is one fold over inputs, without others in its steps: nothing is kept for another."""
    folds = [node.op for node in walk(net.outputs) if node.args and not isinstance(node.op, Select)]
    return len(folds) == 1 and isinstance(folds[0], Fold) and not any(is_fold(n) for n in walk(folds[0].block.results))


def _kept(roots: Sequence[Node], number: int) -> Any:
    """The bytes of all sequences that a fold emits and another one reads, also in steps; those of a step once."""
    read: dict[Node[Select], None] = {}
    total: Any = 0
    for node in walk(roots):
        if not isinstance(node.op, Fold):
            continue
        read.update(dict.fromkeys(emitted for arg in node.args[node.op.carries :] for emitted in _sources(arg)))
        inside = _kept(node.op.block.results, number)
        if inside is None:
            return None
        total += inside
    for sequence in read:
        if not is_known(sequence.shape):
            return None
        total += number * prod(sequence.shape)
    return total


def _sources(node: Node) -> list[Node[Select]]:
    """The emitted sequences that a value only arranges anew."""
    found: list[Node[Select]] = []
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if is_emitted(part):
            found.append(part)
        elif is_primitive(part, *ARRANGED):
            waiting += part.args
    return found
