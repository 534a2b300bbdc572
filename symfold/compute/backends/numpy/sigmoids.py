"""Sigmoids as exponentials, since NumPy has no sigmoid; runs before hoisting."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symfold.core.folds import rebuilt_inside
from symfold.core.functions import sigmoid
from symfold.core.nodes import Node
from symfold.core.tensors import number
from symfold.frontend.arithmetic import negative, reciprocal


def with_exponentials(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with every sigmoid as 1/(1 + exp(-z)), including those in blocks of folds.

    The minus sign merges with a sum inside: `-(z W + b)` is one subtraction from `-b`, computed once for all steps.
    If exp overflows to inf, 1/inf is the correct 0.

    >>> from symfold.core.tensors import tensor
    >>> with_exponentials([Node(sigmoid, (tensor("z"),))])
    (1/(1 + exp(-z)),)
    """
    return rebuilt_inside(roots, _rule)


def _rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
    if node.op is sigmoid:
        return reciprocal(Node(sp.Add, (number(1), Node(sp.exp, (negative(args[0]),)))))
    return None
