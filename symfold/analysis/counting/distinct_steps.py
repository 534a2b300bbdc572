"""Folds whose steps share no value, recognized by one step: then nothing has to be unrolled to count each value once.

The fold has one state, no outputs, and items with names of their own. Every operation of its block reads the state or
an item, and the result reads both. Then:

- a value of step k contains an item of step k, or the last state properly. All earlier values are parts of that state,
  because the result of a step contains all its values. So no earlier value is equal.
- two values of a step are equal only if two arguments of the step are. From the second step on, no two are, because the
  state contains an item of the step before. If two arguments of the first step are equal, it is written out.
- a node outside contains the last state properly, or no item. Those without an item are compared with the first step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from symfold.base.caching import cached
from symfold.core.blocks import Block
from symfold.core.folds import Fold, is_fold
from symfold.core.interpreter import order_of
from symfold.core.leaves import Input
from symfold.core.names import Claims, names_of
from symfold.core.nodes import Node, walk
from symfold.core.sequences import element
from symfold.core.stacked_inputs import Names, Numbered, StackedInputs


def has_distinct_steps(roots: Sequence[Node]) -> bool:
    """Whether the roots read at most one fold, and its steps evidently share no value, nor with nodes outside.

    >>> import symfold as sf
    >>> x, f, g = sf.tensor("x"), sf.layers("f", count=10**6), sf.layer("g")
    >>> mappers = sf.mappers.residual, sf.mappers.boosting(x), lambda z, f: g(z)
    >>> [has_distinct_steps(sf.fold(mapper, f, x).outputs) for mapper in mappers]
    [True, True, False]
    """
    order = walk(roots)
    folds = [node for node in order if is_fold(node)]
    if len(folds) != 1:
        return not folds
    (node,) = folds
    fold: Fold = node.op
    if not fold.carries == len(fold.block.results) == 1 or fold.count == 0 or not _items_are_distinct(node, order):
        return False
    operations = _operations(fold.block, fold.each)
    if operations is None:
        return False
    arguments = [*node.args, *operations.constants]
    if operations.all_read_items and len(set(arguments)) == len(arguments):
        return True
    first_args = [element(arg, 0) if each else arg for arg, each in zip(node.args, (False, *fold.each), strict=True)]
    first = walk(fold.block(*first_args), stop=[*order, *first_args])
    return sum(bool(value.args) for value in first) == operations.number


class Operations(NamedTuple):
    """The operations of a step, each of which reads the state or an item."""

    number: int
    all_read_items: bool
    constants: tuple[Node, ...]


@cached(256)
def _operations(block: Block, each: tuple[bool, ...]) -> Operations | None:
    """The operations of a block with one state; None if one reads neither the state nor an item, or if the result
    does not read both.
    """
    state, *operands = block.formals
    order = order_of(block)
    operations = [part for part in order if part.args]
    from_state = _readers(operations, {state})
    from_items = _readers(operations, {operand for operand, is_item in zip(operands, each, strict=True) if is_item})
    if block.results[0] not in from_state & from_items or not from_state | from_items >= set(operations):
        return None
    constants = tuple(part for part in order if not part.args and part not in block.formals)
    return Operations(len(operations), from_items >= set(operations), constants)


def _items_are_distinct(node: Node[Fold], order: Sequence[Node]) -> bool:
    """Whether all sequences of a fold are inputs, and no input of the net has two places."""
    sequences = [arg for arg, each in zip(node.args[1:], node.op.each, strict=True) if each]
    leaf_names = tuple(names_of(leaf) for leaf in order if isinstance(leaf.op, (Input, StackedInputs)))
    return all(isinstance(sequence.op, StackedInputs) for sequence in sequences) and _no_name_is_repeated(leaf_names)


@cached(256)
def _no_name_is_repeated(leaf_names: tuple[Names, ...]) -> bool:
    claims: Claims[int] = Claims()
    return all(
        (isinstance(names, Numbered) or len(set(names)) == len(names)) and claims.add(names, place) is None
        for place, names in enumerate(leaf_names)
    )


def _readers(operations: Sequence[Node], sources: set[Node]) -> set[Node]:
    """The operations that depend on the sources; none if a fold does."""
    readers = set(sources)
    for node in operations:
        if not is_fold(node) and not readers.isdisjoint(node.args):
            readers.add(node)
    return readers - sources
