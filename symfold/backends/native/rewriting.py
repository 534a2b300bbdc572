"""What is put otherwise before it is written as code: net to net, in the blocks of folds as well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symfold.blocks import Block
from symfold.folds import Fold, apply_fold
from symfold.nodes import Node
from symfold.operations import Constant, FrozenArray
from symfold.primitives import causal, is_primitive
from symfold.shapes import is_concrete
from symfold.walks import rebuilt


def put_otherwise(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with every rule applied.

    >>> import symfold as sf
    >>> put_otherwise([causal(sf.tensor("x", (5, 2, 2)))])[0].op.value.array
    array([[  0., -inf],
           [  0.,   0.]], dtype=float32)
    """
    known: dict[Block, Block] = {}

    def block(closed: Block) -> Block:
        if closed not in known:
            known[closed] = Block(closed.shapes, rebuilt(closed.results, rule))
        return known[closed]

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        if isinstance(node.op, Fold):
            fold = node.op
            return apply_fold(block(fold.block), fold.count, args[: fold.carries], args[fold.carries :], fold.each)
        if is_primitive(node, causal):
            return mask(args[0])
        return None

    return rebuilt(roots, rule)


def mask(scores: Node) -> Node | None:
    """A mask follows from a shape: where that is known, it is numbers, and waits for nothing."""
    if not is_concrete(scores.shape):
        return None
    return Node(Constant(FrozenArray.of(causal.evaluate(np.empty([int(size) for size in scores.shape[-2:]])))))
