"""Repeats: repeated equations, found and made folds of one step each.

A dominator is a value through which all later values depend on the inputs. The equations between two dominators are a
block with one state. If neighboring blocks, or neighboring groups of blocks, are equal, each becomes a step, and `roll`
joins them to one fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from symfold.core.blocks import Block
from symfold.core.folds import apply_fold, is_fold
from symfold.core.leaves import Formal, Input
from symfold.core.nodes import Node, substitute, walk
from symfold.core.stacked_inputs import StackedInputs

LONGEST = 32  # the most blocks in one repeat; every length up to it is tried at every block, so the work is linear


def with_repeats_folded(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with repeated equations as folds of one step.

    >>> from symfold.frontend.named_layers import layers
    >>> from symfold.core.leaves import tensor
    >>> f1, f2, f3 = layers("f1:4")
    >>> [is_fold(node) for node in walk(with_repeats_folded((f3(f2(f1(tensor("x")))),)))].count(True)
    3
    """
    cuts = dominators(roots)
    blocks = [block_between(before, after)[0] for before, after in pairwise(cuts)]
    current, position = cuts[0] if cuts else None, 0
    while current is not None and position < len(blocks):
        length, times = tandem_repeat(blocks, cuts, position)
        for number in range(times):
            first, last = cuts[position + number * length], cuts[position + (number + 1) * length]
            block, operands = block_between(first, last)
            current = apply_fold(block, 1, [current], operands, [False] * len(operands))[0]
        if not times:
            current = substitute([cuts[position + 1]], {cuts[position]: current})[0]
        position += max(1, length * times)
    return substitute(roots, {cuts[-1]: current}) if current is not None else tuple(roots)


def dominators(roots: Sequence[Node]) -> list[Node]:
    """The dominators in order of computation: no value before a dominator is read after it."""
    order = walk(roots)
    position = {node: k for k, node in enumerate(order)}
    depends: set[Node] = set()
    last = dict.fromkeys(order, -1)
    for k, node in enumerate(order):
        if (isinstance(node.op, (Input, StackedInputs)) and node.op.role == "input") or any(
            arg in depends for arg in node.args
        ):
            depends.add(node)
        for arg in node.args:
            last[arg] = k
    for root in roots:
        last[root] = len(order)
    cuts: list[Node] = []
    reach = -1  # the last position that reads the values so far; inputs after the first dominator are operands instead
    for node in order:
        if node not in depends or (cuts and not node.args):
            continue
        if reach <= position[node] and not is_fold(node):
            cuts.append(node)
        reach = max(reach, last[node])
    return cuts


def block_between(before: Node, after: Node) -> tuple[Block, tuple[Node, ...]]:
    """The block between two dominators, and the inputs, parameters and names that it reads."""
    operands = tuple(node for node in walk([after], stop=[before]) if isinstance(node.op, (Input, StackedInputs)))
    shapes = (before.shape, *(node.shape for node in operands))
    formals = {node: Node(Formal(0, k, node.shape)) for k, node in enumerate((before, *operands))}
    return Block(shapes, substitute([after], formals)), operands


def tandem_repeat(blocks: Sequence[Block], cuts: Sequence[Node], start: int) -> tuple[int, int]:
    """The longest repeat from `start` on, with the fewest blocks: the number of blocks, and how often they repeat."""
    best = (1, 0)
    for length in range(1, min(LONGEST, (len(blocks) - start) // 2) + 1):
        same = start
        while same + length < len(blocks) and blocks[same] == blocks[same + length]:
            same += 1
        times = (same - start) // length + 1
        reads = any(len(blocks[start + k].shapes) > 1 for k in range(length))  # a step must read some operand
        longer = times > 1 and times * length > best[0] * best[1]
        if reads and longer and cuts[start].shape == cuts[start + length].shape:
            best = (length, times)
    return best
