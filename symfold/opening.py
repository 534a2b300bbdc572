"""Opening: the bodies of layers written out, so that what reads a net meets operations only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symfold.blocks import Block
from symfold.folds import Fold, Select, apply_fold
from symfold.layer_kinds import Call
from symfold.nodes import Node
from symfold.walks import walk


def opened(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with the bodies of layers written out, in the blocks of folds as well."""
    new: dict[Node, Any] = {}
    for node in walk(roots):
        args = tuple(new[arg] for arg in node.args)
        if isinstance(node.op, Call) and node.op.body is not None:
            new[node] = opened((node.op.open(args),))[0]
        elif isinstance(node.op, Fold):
            fold = node.op
            block = Block(fold.block.shapes, opened(fold.block.results))
            new[node] = apply_fold(block, fold.count, args[: fold.carries], args[fold.carries :], fold.each)
        elif isinstance(node.op, Select):
            new[node] = args[0][node.op.position]
        else:
            new[node] = node if args == node.args else Node(node.op, args)
    return tuple(new[root] for root in roots)
