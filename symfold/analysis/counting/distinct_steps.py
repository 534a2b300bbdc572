"""Folds whose steps share no value, recognized by one step: then nothing has to be unrolled to count each value once.

The fold has one state, no outputs, and items with names of their own. Every operation of its block reads the state or
an item, and the result reads both. Then:

- a value of step k contains an item of step k, or the last state properly. All earlier values are parts of that state,
  because the result of a step contains all its values. So no earlier value is equal.
- two values of a step are equal only if two arguments of the step are. From the second step on, no two are, because the
  state contains an item of the step before. The first step is written out.
- a node outside contains the last state properly, or no item. Those without an item are compared with the first step.
"""

from __future__ import annotations

from collections.abc import Sequence

from symfold.core.folds import Fold, is_fold
from symfold.core.names import Claims, names_of
from symfold.core.leaves import Input
from symfold.core.nodes import Node, walk
from symfold.core.sequences import element
from symfold.core.stacked_inputs import Numbered, StackedInputs


def has_distinct_steps(roots: Sequence[Node]) -> bool:
    """Whether the roots read at most one fold, and its steps evidently share no value, nor with nodes outside.

    >>> import symfold as sf
    >>> x, f, g = sf.tensor("x"), sf.layers("f", count=10**6), sf.layer("g")
    >>> mappers = sf.mappers.residual, sf.mappers.boosting(x), lambda z, f: f(z) + g(x)
    >>> [has_distinct_steps(sf.fold(mapper, f, x).outputs) for mapper in mappers]
    [True, True, False]
    """
    order = walk(roots)
    folds = [node for node in order if is_fold(node)]
    if len(folds) != 1:
        return not folds
    (node,) = folds
    return (
        node.op.carries == len(node.op.block.results) == 1
        and node.op.count != 0
        and _items_are_distinct(node, order)
        and _values_are_new(node.op)
        and _first_step_is_distinct(node, order)
    )


def _items_are_distinct(node: Node, others: Sequence[Node]) -> bool:
    """Whether all sequences are inputs, and no input of the net has two places."""
    claims = Claims()
    leaf_names = [names_of(other) for other in others if isinstance(other.op, (Input, StackedInputs))]
    return all(
        isinstance(operand.op, StackedInputs) for operand, each in zip(node.args[1:], node.op.each, strict=True) if each
    ) and all(
        (isinstance(names, Numbered) or len(set(names)) == len(names)) and claims.add(names, place) is None
        for place, names in enumerate(leaf_names)
    )


def _values_are_new(fold: Fold) -> bool:
    """Whether every operation of the block reads the state or an item, and the result reads both."""
    state, *operands = fold.block.formals
    from_state = {state}
    from_items = {formal for formal, each in zip(operands, fold.each, strict=True) if each}
    for node in walk(fold.block.results):
        if not node.args:
            continue
        if is_fold(node) or (from_state.isdisjoint(node.args) and from_items.isdisjoint(node.args)):
            return False
        if not from_state.isdisjoint(node.args):
            from_state.add(node)
        if not from_items.isdisjoint(node.args):
            from_items.add(node)
    return fold.block.results[0] in from_state & from_items


def _first_step_is_distinct(node: Node, others: Sequence[Node]) -> bool:
    """Whether the operations of the first step are as many as those of the block, none of them among other nodes."""
    fold: Fold = node.op
    args = [element(arg, 0) if each else arg for arg, each in zip(node.args, (False, *fold.each), strict=True)]
    first = walk(fold.block(*args), stop=[*others, *args])
    return sum(bool(value.args) for value in first) == sum(bool(value.args) for value in walk(fold.block.results))
