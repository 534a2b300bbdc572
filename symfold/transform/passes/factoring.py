"""Factoring: what is small is multiplied first, and what is constant along summed axes is multiplied after the sum.

    (x * row) * number    ->  x * (row * number)
    sum(x * row)          ->  sum(x) * row           row: one number per channel, say, and the sum over all others
    x * broadcast_to(row) ->  x * row
    share(x)              ->  1/1024                 it reads the shape of x alone

Each saves a pass over an array. Sums of the same values with different factors become one sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, reduce
from math import prod

import sympy as sp

from symfold.core.folds import rebuilt_inside, walk_inside
from symfold.core.leaves import number
from symfold.core.nodes import Node, is_elementwise, with_args
from symfold.core.primitives import (
    Apply,
    broadcast_to,
    is_primitive,
    reduce_mean,
    reduce_sum,
    reduced_count,
    reshape,
    share,
    sum_to,
)
from symfold.core.shapes import Shape, broadcast, is_concrete

SMALL = 2**12  # numbers of an array for which a pass costs less than a call


def factored(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with small factors multiplied first, and not inside sums, also in the blocks of folds.

    >>> from symfold.core.leaves import tensor
    >>> x, row = tensor("x", (64, 99)), tensor("row", (99,))
    >>> factored([x * row * 2, sum_to(x * row, shape=(1, 99))])
    (x*(row*2), sum_to(x, shape=(1, 99))*row)
    """
    pays = any(is_primitive(node, share) or (is_elementwise(node) and is_large(node)) for node in walk_inside(roots))
    return rebuilt_inside(roots, _rule) if pays else tuple(roots)


def _rule(node: Node, args: tuple[Node, ...]) -> Node | None:
    if not (is_elementwise(node) or is_primitive(node, share, sum_to, reduce_sum, reduce_mean)):
        return None
    if is_primitive(node, share):
        if not is_concrete(args[0].shape):
            return None
        count = reduced_count(sizes(args[0]), dict(node.op.attributes)["axis"])
        return number(sp.Rational(1, count)) if count else None
    if not any(map(is_large, args)) or not all(is_concrete(part.shape) for part in (node, *args)):
        return None
    if is_elementwise(node):
        plain = narrowed(node, args)
        if node.op is sp.Mul:
            return small_first(node.shape, plain)
        return with_args(node, plain) if plain != args else None
    return sum_outside(node, args[0])


def is_large(node: Node) -> bool:
    return large(node.shape)


@lru_cache(maxsize=1024)
def large(shape: Shape) -> bool:
    """Whether an array of this shape is large, in a net without folds too, whose nodes are many."""
    return is_concrete(shape) and prod(map(int, shape)) > SMALL


def sizes(node: Node) -> tuple[int, ...]:
    return tuple(map(int, node.shape))


def size_of(node: Node) -> int:
    return prod(sizes(node))


def narrowed(node: Node, args: tuple[Node, ...]) -> tuple[Node, ...]:
    """The arguments of an elementwise operation before they were broadcast, if others have its shape."""
    plain = [arg.args[0] if is_primitive(arg, broadcast_to) else arg for arg in args]
    return tuple(plain) if broadcast(*(arg.shape for arg in plain)) == node.shape else args


def factors_of(node: Node) -> list[Node]:
    """The factors of a product, those of its large factors too, in order."""
    if node.op is not sp.Mul:
        return [node]
    return [factor for arg in node.args for factor in (factors_of(arg) if is_large(arg) else [arg])]


def small_first(shape: Shape, args: Sequence[Node]) -> Node:
    """A product of this shape: that of the factors with its shape times that of the others."""
    factors = [factor for arg in args for factor in (factors_of(arg) if arg.shape == shape else [arg])]
    large = [factor for factor in factors if factor.shape == shape]
    small = [factor for factor in factors if factor.shape != shape]
    together = broadcast(*(factor.shape for factor in small))
    stays_small = together is not None and prod(map(int, together)) == max(map(size_of, small), default=0)
    if not large or len(small) < 2 or not stays_small:
        return Node(sp.Mul, tuple(args))
    return times(times(*large), times(*sorted(small, key=size_of, reverse=True)))


def times(*factors: Node) -> Node:
    return reduce(lambda a, b: Node(sp.Mul, (a, b)), factors)


def sum_outside(node: Node, value: Node) -> Node | None:
    """A sum or a mean of a product as that of the factors that vary along its axes, times the others."""
    rank = len(value.shape)
    if is_primitive(node, sum_to):
        kept = (*[1] * (rank - len(node.shape)), *sizes(node))
        axes = tuple(k - rank for k in range(rank) if kept[k] != value.shape[k])
    else:
        assert isinstance(node.op, Apply)
        given = dict(node.op.attributes)["axis"]
        axes = tuple(range(-rank, 0)) if given is None else given
        kept = tuple(1 if k - rank in axes else size for k, size in enumerate(sizes(value)))
    if not axes:
        return None

    def is_constant(factor: Node) -> bool:
        return all(-axis > len(factor.shape) or factor.shape[axis] == 1 for axis in axes)

    factors = factors_of(value)
    outside = [factor for factor in factors if is_constant(factor)]
    inside = [factor for factor in factors if not is_constant(factor)]
    if not inside or times(*inside).shape != value.shape:
        return None
    if not outside and (len(node.shape) == rank or not is_primitive(node, sum_to)):
        return None
    summand = times(*inside) if outside else value
    if is_primitive(node, reduce_mean):
        outside.append(number(sp.Rational(1, reduced_count(sizes(value), axes))))
    total = times(sum_to(summand, shape=kept), *sorted(outside, key=size_of, reverse=True))
    return total if total.shape == node.shape else reshape(total, shape=sizes(node))
