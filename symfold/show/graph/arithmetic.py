"""Differences and quotients as operations; in a net they are sums and products.

    a - b   in the net Add(a, Mul(-1, b))     shown as Sub(a, b)
    a / b   in the net Mul(a, Pow(b, -1))     shown as Div(a, b)
    1 / b   in the net Pow(b, -1)             shown as Div(1, b)

A negation or reciprocal that has other readers stays as well. A fold may compute the negation or reciprocal of a
captured value outside its steps: it moves into the steps if they read it only in differences or quotients.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sympy as sp

from symfold.base.caching import cached
from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select
from symfold.core.functions import Head
from symfold.core.leaves import number
from symfold.core.nodes import Node, Operation, rebuilt, substitute, walk


class Sub(sp.Function):
    """A difference."""

    nargs = 2


class Div(sp.Function):
    """A quotient."""

    nargs = 2


ONE, MINUS_ONE = number(1), number(-1)


def paired(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with differences and quotients as one node each, in the blocks of folds as well.

    >>> from symfold.core.leaves import tensor
    >>> a, b, c = tensor("a"), tensor("b"), tensor("c")
    >>> [node.op.__name__ for node in paired([a / b, a - b, 1 / b, a * b / c, a * b])]
    ['Div', 'Sub', 'Div', 'Div', 'Mul']
    """
    return rebuilt(roots, _paired)


@lru_cache(maxsize=256)
def paired_block(block: Block) -> Block:
    """A block with differences and quotients as one node each."""
    return Block(block.shapes, paired(block.results))


def _paired(node: Node, args: tuple[Any, ...]) -> Node | tuple[Node, ...] | None:
    op = node.op
    if isinstance(op, Fold):
        return _paired_fold(op, args)
    if op is sp.Pow and args[1] == MINUS_ONE:
        return Node(Div, (ONE, args[0]))
    if op is sp.Mul and args.count(MINUS_ONE) == 1 and len(args) > 1:
        return Node(sp.Mul, (MINUS_ONE, _product([arg for arg in args if arg != MINUS_ONE])))
    if op is sp.Mul:
        return _product(args)
    return _sum(args) if op is sp.Add else None


def _paired_fold(fold: Fold, args: Sequence[Node]) -> tuple[Node, ...]:
    block, operands = fold.block, list(args)
    for place in range(fold.carries, len(args)):
        inner, arg = args[place].args[-1:], args[place]
        if inner and inner[0].shape == arg.shape and (_is_reciprocal(arg) or _is_negation(arg)):
            absorbed = _absorbed(block, place, arg.op)
            block, operands[place] = (absorbed, inner[0]) if absorbed else (block, arg)
    node = Node(Fold(paired_block(block), fold.count, fold.carries, fold.each), tuple(operands))
    return tuple(Node(Select(position), (node,)) for position in range(len(block.results)))


@cached(256)
def _absorbed(block: Block, place: int, op: Operation | Head) -> Block | None:
    """The block with the negation or reciprocal of an argument inside; None if it would not be absorbed there."""
    formal = block.formals[place]
    operation = Node(sp.Pow, (formal, MINUS_ONE)) if op is Div else Node(sp.Mul, (MINUS_ONE, formal))
    (shown,) = paired((operation,))
    extended = Block(block.shapes, substitute(block.results, {formal: operation}))
    return None if shown in walk(paired_block(extended).results) else extended


def _product(factors: Sequence[Node]) -> Node:
    """A product, divided by the denominators of its reciprocals if it has other factors."""
    numerator = [factor for factor in factors if not _is_reciprocal(factor)]
    denominator = [factor.args[1] for factor in factors if _is_reciprocal(factor)]
    if not numerator or not denominator:
        return _product_of(factors)
    return Node(Div, (_product_of(numerator), _product_of(denominator)))


def _product_of(factors: Sequence[Node]) -> Node:
    return factors[0] if len(factors) == 1 else Node(sp.Mul, tuple(factors))


def _is_reciprocal(node: Node) -> bool:
    return node.op is Div and node.args[0] == ONE


def _is_negation(node: Node) -> bool:
    return node.op is sp.Mul and len(node.args) == 2 and node.args[0] == MINUS_ONE


def _sum(terms: Sequence[Node]) -> Node:
    """A sum, term by term; negated terms after the first are subtracted."""
    total, added = terms[0], [terms[0]]
    for term in terms[1:]:
        if _is_negation(term):
            total = Node(Sub, (_sum_of(added), term.args[1]))
            added = [total]
        else:
            added.append(term)
    return _sum_of(added)


def _sum_of(terms: Sequence[Node]) -> Node:
    return terms[0] if len(terms) == 1 else Node(sp.Add, tuple(terms))


def unpaired(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with differences and quotients as sums and products again, to be written as formulas.

    >>> from symfold.core.leaves import tensor
    >>> unpaired(paired([tensor("a") / tensor("b") - 2]))
    (a/b - 2,)
    """
    return rebuilt(roots, _unpaired)


def _unpaired(node: Node, args: tuple[Any, ...]) -> Node | None:
    if node.op is Sub:
        return Node(sp.Add, (args[0], Node(sp.Mul, (MINUS_ONE, args[1]))))
    if node.op is Div:
        inverse = Node(sp.Pow, (args[1], MINUS_ONE))
        return inverse if args[0] == ONE else Node(sp.Mul, (args[0], inverse))
    return None
