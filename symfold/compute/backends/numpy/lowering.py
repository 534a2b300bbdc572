"""Functions without a NumPy call of their own, written out in those that have one, before work is distributed over the steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symfold.core.blocks import Block
from symfold.core.folds import Fold, apply_fold
from symfold.core.functions import sigmoid
from symfold.core.nodes import Node
from symfold.core.tensors import number
from symfold.core.walks import rebuilt
from symfold.frontend.arithmetic import negative, reciprocal


def lowered(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with every sigmoid as 1/(1 + exp(-z)), in the blocks of folds as well.

    Its minus sign goes into the sums before it: `-(z W + b)` is one subtraction from a `-b` that is there for all steps. Far
    out exp overflows to inf, and 1/inf is the 0 that it should be.

    >>> from symfold.core.tensors import tensor
    >>> lowered([Node(sigmoid, (tensor("z"),))])
    (1/(1 + exp(-z)),)
    """
    return rebuilt(roots, _lowered)


def _lowered(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
    if node.op is sigmoid:
        return reciprocal(Node(sp.Add, (number(1), Node(sp.exp, (negative(args[0]),)))))
    if isinstance(node.op, Fold):
        fold: Any = node.op
        block = Block(fold.block.shapes, lowered(fold.block.results))
        return apply_fold(block, fold.count, args[: fold.carries], args[fold.carries :], fold.each)
    return None
