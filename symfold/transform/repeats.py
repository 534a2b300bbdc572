"""Repeats: what is written out one after the other and is the same again and again, made folds of one step each.

A cut is a value through which everything goes that follows of the inputs. Between two cuts lies a block of one state; where
blocks are equal, neighbour to neighbour, alone or several together, each of them is a step. `roll` then makes them one fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from symfold.core.blocks import Block
from symfold.core.folds import apply_fold, is_fold
from symfold.core.nodes import Node
from symfold.core.operations import Formal, Input
from symfold.core.stacked_inputs import StackedInputs
from symfold.core.walks import substitute, walk

LONGEST = 32  # blocks that repeat together; each place is tried with each number up to it, so the work is linear


def stepped(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The same values, with steps where what is written out repeats.

    >>> from symfold.frontend.named_layers import layers
    >>> from symfold.core.tensors import tensor
    >>> f1, f2, f3 = layers("f1:4")
    >>> [is_fold(node) for node in walk(stepped((f3(f2(f1(tensor("x")))),)))].count(True)
    3
    """
    cuts = cuts_of(roots)
    segments = [segment(before, after) for before, after in pairwise(cuts)]
    blocks = [block for block, _ in segments]
    current, place = cuts[0] if cuts else None, 0
    while current is not None and place < len(blocks):
        length, times = tandem(blocks, cuts, place)
        for number in range(times):
            first, last = cuts[place + number * length], cuts[place + (number + 1) * length]
            block, operands = segment(first, last)
            current = apply_fold(block, 1, [current], operands, [False] * len(operands))[0]
        if not times:
            current = substitute([cuts[place + 1]], {cuts[place]: current})[0]
        place += max(1, length * times)
    return substitute(roots, {cuts[-1]: current}) if current is not None else tuple(roots)


def cuts_of(roots: Sequence[Node]) -> list[Node]:
    """The values that all goes through, in the order of computation: no other value before one of them is read after it."""
    order = walk(roots)
    place = {node: k for k, node in enumerate(order)}
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
    reach = (
        -1
    )  # how far the values before are read, the inputs that came after the first cut left out: they are operands
    for node in order:
        if node not in depends or (cuts and not node.args):
            continue
        if reach <= place[node] and not is_fold(node):
            cuts.append(node)
        reach = max(reach, last[node])
    return cuts


def segment(before: Node, after: Node) -> tuple[Block, tuple[Node, ...]]:
    """What lies between two cuts as a block of one state, and the inputs, parameters and names that it reads."""
    operands = tuple(node for node in walk([after], stop=[before]) if isinstance(node.op, (Input, StackedInputs)))
    shapes = (before.shape, *(node.shape for node in operands))
    formals = {node: Node(Formal(0, k, node.shape)) for k, node in enumerate((before, *operands))}
    return Block(shapes, substitute([after], formals)), operands


def tandem(blocks: Sequence[Block], cuts: Sequence[Node], place: int) -> tuple[int, int]:
    """How many blocks from a place on repeat together, and how often; the longest repeat, of the fewest blocks."""
    best = (1, 0)
    for length in range(1, min(LONGEST, (len(blocks) - place) // 2) + 1):
        same = place
        while same + length < len(blocks) and blocks[same] == blocks[same + length]:
            same += 1
        times = (same - place) // length + 1
        reads = any(
            len(blocks[place + k].shapes) > 1 for k in range(length)
        )  # a step has something of its own, or is no step
        if (
            times > 1
            and reads
            and times * length > best[0] * best[1]
            and cuts[place].shape == cuts[place + length].shape
        ):
            best = (length, times)
    return best
