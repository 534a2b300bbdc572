"""Opening: the bodies of layers written out, and functions written out in those that a target has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import sympy as sp

from symfold.blocks import Block
from symfold.folds import Fold, apply_fold
from symfold.functions import Head, row_of
from symfold.layer_kinds import Call
from symfold.lifting import lift_expression
from symfold.nodes import Node
from symfold.walks import rebuilt


def opened(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with the bodies of layers written out, in the blocks of folds as well."""
    known: dict[Block, Block] = {}  # many layers of one body, and many folds of one block: each is opened once

    def block(closed: Block) -> Block:
        if closed not in known:
            known[closed] = Block(closed.shapes, rebuilt(closed.results, rule))
        return known[closed]

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        if isinstance(node.op, Call) and node.op.body is not None:
            # the body is opened by itself: what it is applied to is open already, and may be deep
            return block(node.op.body)(*args[1:])[0]
        if isinstance(node.op, Fold):
            fold = node.op
            return apply_fold(block(fold.block), fold.count, args[: fold.carries], args[fold.carries :], fold.each)
        return None

    return rebuilt(roots, rule)


def composed(roots: Sequence[Node], has: Callable[[Head], bool]) -> tuple[Node, ...]:
    """The roots with every function that a target lacks made of those that it has, in the blocks of folds as well.

    >>> from symfold.functions import silu
    >>> from symfold.tensors import tensor
    >>> composed([Node(silu, (tensor("x"),))], lambda head: head is not silu)
    (Max(-1000, x)*sigmoid(x),)
    """

    @cache
    def block(closed: Block) -> Block:
        return Block(closed.shapes, rebuilt(closed.results, rule))

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        if isinstance(node.op, Fold):
            fold = node.op
            return apply_fold(block(fold.block), fold.count, args[: fold.carries], args[fold.carries :], fold.each)
        if not isinstance(node.op, type) or has(node.op) or (composition := row_of(node.op).composition) is None:
            return None
        symbols = [sp.Symbol(f"s_{k}", real=True) for k in range(len(args))]
        return composed([lift_expression(composition(*symbols), dict(zip(symbols, args, strict=True)))], has)[0]

    return rebuilt(roots, rule)
