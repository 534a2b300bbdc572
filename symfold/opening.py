"""Opening: the bodies of layers written out, so that what reads a net meets operations only."""

from __future__ import annotations

from collections.abc import Sequence

from symfold.blocks import Block
from symfold.folds import Fold, apply_fold
from symfold.layer_kinds import Call
from symfold.nodes import Node
from symfold.walks import rebuilt


def opened(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with the bodies of layers written out, in the blocks of folds as well."""
    return rebuilt(roots, _opened)


def _opened(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
    if isinstance(node.op, Call) and node.op.body is not None:
        # the body is opened by itself: what it is applied to is open already, and may be deep
        body = node.op.body
        return Block(body.shapes, opened(body.results))(*args[1:])[0]
    if isinstance(node.op, Fold):
        fold = node.op
        block = Block(fold.block.shapes, opened(fold.block.results))
        return apply_fold(block, fold.count, args[: fold.carries], args[fold.carries :], fold.each)
    return None
