"""Opening: the bodies of layers written out, and functions that are made of others: what reads a net meets simple operations only."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symfold.blocks import Block
from symfold.folds import Fold, apply_fold
from symfold.functions import COMPOUND
from symfold.layer_kinds import Call
from symfold.lifting import lift_expression
from symfold.nodes import Node
from symfold.walks import rebuilt


def opened(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with the bodies of layers and the functions that are made of others written out, in the blocks of folds as well."""
    known: dict[Block, Block] = {}  # many layers of one body, and many folds of one block: each is opened once

    def block(closed: Block) -> Block:
        if closed not in known:
            known[closed] = Block(closed.shapes, rebuilt(closed.results, rule))
        return known[closed]

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        if isinstance(node.op, Call) and node.op.body is not None:
            # the body is opened by itself: what it is applied to is open already, and may be deep
            return block(node.op.body)(*args[1:])[0]
        if node.op in COMPOUND:
            z = sp.Symbol("z", real=True)
            return lift_expression(COMPOUND[node.op](z), {z: args[0]})
        if isinstance(node.op, Fold):
            fold = node.op
            return apply_fold(block(fold.block), fold.count, args[: fold.carries], args[fold.carries :], fold.each)
        return None

    return rebuilt(roots, rule)
