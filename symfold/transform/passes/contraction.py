"""Contraction: a sum of matrix products over leading axes as one product, or one `einsum`.

    sum_b x[b]^T y[b]         the gradient of a weight: one product over the rows of all samples
    sum_h c[b, h] W[h]        the heads of attention, joined: sums over heads and columns at once

The products are never stored one by one. An axis of one factor alone is summed before the product. Shapes must be
numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from string import ascii_lowercase

from symfold.core.folds import rebuilt_inside
from symfold.core.nodes import Node
from symfold.core.primitives import (
    broadcast_to,
    dot,
    einsum,
    is_primitive,
    reduce_sum,
    reshape,
    squeeze,
    sum_to,
    swap,
)
from symfold.core.shapes import broadcast, is_concrete

Sizes = tuple[int, ...]
MOST = len(ascii_lowercase) - 3  # leading axes with a letter


def contracted(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with sums of products as contractions, also in the blocks of folds.

    >>> from symfold.core.leaves import tensor
    >>> x, y, W = tensor("x", (8, 5, 2)), tensor("y", (8, 5, 3)), tensor("W", (8, 2, 3))
    >>> contracted([sum_to(dot(swap(x), y), shape=(2, 3))])[0].args[1].shape
    (40, 3)
    >>> contracted([reduce_sum(dot(x, W), axis=(-3,), keepdims=False)])[0].op.attributes
    (('subscripts', 'abc,acd->bd'),)
    """
    return rebuilt_inside(roots, _rule)


def _rule(node: Node, args: tuple[Node, ...]) -> Node | None:
    if is_primitive(node, dot) and args[0].ndim > 1 < args[1].ndim:
        left = narrowed(args[0], args[1], node)
        right = narrowed(args[1], left, node)
        return None if (left, right) == args else dot(left, right)
    if not is_primitive(node, sum_to, reduce_sum) or not is_primitive(args[0], dot):
        return None
    left, right = args[0].args
    if not all(map(is_concrete, (left.shape, right.shape, node.shape))) or min(left.ndim, right.ndim) < 2:
        return None
    full, kept = sizes(args[0]), kept_sizes(node)
    if kept[-2:] != full[-2:] or kept == full or len(full) > MOST:
        return None
    return shaped(contraction(left, right, kept[:-2]), sizes(node))


def narrowed(side: Node, other: Node, product: Node) -> Node:
    """A factor of a product before it was broadcast over leading axes, if the other factor has these axes."""
    if not is_primitive(side, broadcast_to) or not is_concrete(product.shape):
        return side
    value = side.args[0]
    alike = value.ndim > 1 and is_concrete(value.shape) and value.shape[-2:] == side.shape[-2:]
    return value if alike and broadcast(value.shape[:-2], other.shape[:-2]) == product.shape[:-2] else side


def sizes(node: Node) -> Sizes:
    return tuple(map(int, node.shape))


def kept_sizes(node: Node) -> Sizes:
    """The shape of a sum, with a 1 for every summed axis."""
    rank = node.args[0].ndim
    if is_primitive(node, sum_to):
        return (*[1] * (rank - node.ndim), *sizes(node))
    assert is_primitive(node, reduce_sum)
    axes = dict(node.op.attributes)["axis"]
    return tuple(1 if axes is None or axis - rank in axes else size for axis, size in enumerate(sizes(node.args[0])))


@dataclass(frozen=True)
class Factor:
    """A value with a letter for each axis."""

    value: Node
    letters: str

    @classmethod
    def of(cls, side: Node, leading: str, pair: str) -> Factor:
        """A factor of a product; of a transpose, what is transposed."""
        value, pair = (side.args[0], pair[::-1]) if is_primitive(side, swap) else (side, pair)
        return cls(value, leading[len(leading) + 2 - value.ndim :] + pair)

    def without(self, other: Factor, result: str) -> Factor:
        """The factor without axes of size 1, and summed over those that neither the other nor the result has."""
        value, letters = self.value, self.letters
        for letter, size in zip(self.letters[:-2], sizes(self.value), strict=False):
            axis = letters.index(letter) - len(letters)
            if size == 1:
                value = squeeze(value, axis=axis)
            elif letter not in result and other.size(letter) == 1:
                value = reduce_sum(value, axis=(axis,), keepdims=False)
            else:
                continue
            letters = letters.replace(letter, "")
        return Factor(value, letters)

    def size(self, letter: str) -> int:
        return sizes(self.value)[self.letters.index(letter)] if letter in self.letters else 1

    def flat(self) -> Node:
        """All axes but the last as one."""
        *rows, columns = sizes(self.value)
        return shaped(self.value, (prod(rows), columns))


def contraction(left: Node, right: Node, kept: Sizes) -> Node:
    """The product of matrices, summed over leading axes: `kept` has their sizes, 1 if summed, which are dropped."""
    leading, (row, inner, column) = ascii_lowercase[3 : 3 + len(kept)], "abc"
    result = "".join(letter for letter, size in zip(leading, kept, strict=True) if size != 1) + row + column
    a, b = Factor.of(left, leading, row + inner), Factor.of(right, leading, inner + column)
    a, b = a.without(b, result), b.without(a, result)
    summed = a.letters[:-2]
    if a.letters == summed + inner + row and b.letters == summed + inner + column and result == row + column:
        return dot(swap(a.flat()), b.flat())
    if a.letters[:-2] == b.letters[:-2] == result[:-2]:
        return dot(
            a.value if a.letters[-2:] == row + inner else swap(a.value),
            b.value if b.letters[-2:] == inner + column else swap(b.value),
        )
    names = dict(zip(dict.fromkeys(a.letters + b.letters), ascii_lowercase, strict=False))
    return einsum(a.value, b.value, subscripts="".join(names.get(c, c) for c in f"{a.letters},{b.letters}->{result}"))


def shaped(node: Node, shape: Sizes) -> Node:
    return node if sizes(node) == shape else reshape(node, shape=shape)
