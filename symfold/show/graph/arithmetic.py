"""Differences and quotients as operations in their own right: a net holds them as sums and products.

    a - b   held as Add(a, Mul(-1, b))     shown as Sub(a, b)
    a / b   held as Mul(a, Pow(b, -1))     shown as Div(a, b)
    1 / b   held as Pow(b, -1)             shown as Div(1, b)

What others read of a negation or a reciprocal stays beside them. A fold may hold the negation or the reciprocal of what
its steps capture outside of them: it goes into the steps where they read it in differences or quotients alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sympy as sp

from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select
from symfold.core.nodes import Node
from symfold.core.tensors import number
from symfold.core.walks import rebuilt, substitute, walk


class Sub(sp.Function):
    """A difference."""

    nargs = 2


class Div(sp.Function):
    """A quotient."""

    nargs = 2


ONE, MINUS_ONE = number(1), number(-1)


def paired(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with differences and quotients as one node each, in the blocks of folds as well.

    >>> from symfold.core.tensors import tensor
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
            inside = _taken_in(block, place, arg.op)
            block, operands[place] = (inside, inner[0]) if inside else (block, arg)
    node = Node(Fold(paired_block(block), fold.count, fold.carries, fold.each), tuple(operands))
    return tuple(Node(Select(position), (node,)) for position in range(len(block.results)))


@lru_cache(maxsize=256)
def _taken_in(block: Block, place: int, op: Any) -> Block | None:
    """The block with the reciprocal or negation of an argument taken inside; none where it would be left there as such."""
    formal = block.formals[place]
    held = Node(sp.Pow, (formal, MINUS_ONE)) if op is Div else Node(sp.Mul, (MINUS_ONE, formal))
    (shown,) = paired((held,))
    inside = Block(block.shapes, substitute(block.results, {formal: held}))
    return None if shown in walk(paired_block(inside).results) else inside


def _product(factors: Sequence[Node]) -> Node:
    """A product; over what its reciprocals have below the line, if it has other factors."""
    above = [factor for factor in factors if not _is_reciprocal(factor)]
    below = [factor.args[1] for factor in factors if _is_reciprocal(factor)]
    if not above or not below:
        return _joined(factors)
    return Node(Div, (_joined(above), _joined(below)))


def _joined(factors: Sequence[Node]) -> Node:
    return factors[0] if len(factors) == 1 else Node(sp.Mul, tuple(factors))


def _is_reciprocal(node: Node) -> bool:
    return node.op is Div and node.args[0] == ONE


def _is_negation(node: Node) -> bool:
    return node.op is sp.Mul and len(node.args) == 2 and node.args[0] == MINUS_ONE


def _sum(terms: Sequence[Node]) -> Node:
    """A sum, term by term; what has a minus sign after the first is subtracted."""
    total, added = terms[0], [terms[0]]
    for term in terms[1:]:
        if _is_negation(term):
            total = Node(Sub, (_added(added), term.args[1]))
            added = [total]
        else:
            added.append(term)
    return _added(added)


def _added(terms: Sequence[Node]) -> Node:
    return terms[0] if len(terms) == 1 else Node(sp.Add, tuple(terms))


def unpaired(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with differences and quotients as nets hold them, to be written as formulas.

    >>> from symfold.core.tensors import tensor
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
