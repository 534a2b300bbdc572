"""Sums of products over named axes, as `numpy.einsum` spells them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.core.nodes import Node
from symfold.core.primitives.table import EACH, Primitive, primitive
from symfold.core.shapes import ANY, Shape, Size, is_known, show
from symfold.errors import NoRule, ShapeError


def subscripts_given(text: str, count: int) -> str:
    """Subscripts for this number of operands, as 'ij,jk->ik'; those whose adjoint is not an einsum are refused.

    >>> subscripts_given("ij, jk -> ik", 2)
    'ij,jk->ik'
    >>> subscripts_given("ij->i", 1)
    Traceback (most recent call last):
    ...
    symfold.errors.NoRule: einsum 'ij->i' does not trace: it sums 'j' over one operand alone (sum it with np.sum)
    """
    subscripts = text.replace(" ", "")
    parts = re.fullmatch(r"([A-Za-z]+(?:,[A-Za-z]+)*)->([A-Za-z]*)", subscripts)
    if not parts:
        raise NoRule(f"einsum {text!r} does not trace (write letters for the axes and the result, as 'ij,jk->ik')")
    operands, result = parts[1].split(","), parts[2]
    if len(operands) != count:
        raise NoRule(f"einsum {text!r} does not trace: it names {len(operands)} operands, and {count} are given")
    if repeated := next((part for part in (*operands, result) if len(set(part)) < len(part)), None):
        raise NoRule(
            f"einsum {text!r} does not trace: it names an axis twice in {repeated!r} (take the diagonal by an index)"
        )
    for position, part in enumerate(operands):
        if summed := set(part) - set(result).union(*operands[:position], *operands[position + 1 :]):
            raise NoRule(
                f"einsum {text!r} does not trace: it sums {min(summed)!r} over one operand alone (sum it with np.sum)"
            )
    if missing := set(result).difference(*map(set, operands)):
        raise NoRule(f"einsum {text!r} does not trace: it has no operand with the axis {min(missing)!r}")
    return subscripts


def _sizes(*shapes: Shape, subscripts: str) -> Shape:
    if not all(map(is_known, shapes)):
        return ANY
    operands, result = subscripts.split("->")
    sizes: dict[str, Size] = {}
    for letters, shape in zip(operands.split(","), shapes, strict=True):
        if len(letters) != len(shape):
            raise ShapeError(
                f"einsum {subscripts!r} names {len(letters)} axes {letters!r} of a value of shape {show(shape)}"
            )
        for letter, size in zip(letters, shape, strict=True):
            if isinstance(size, int) and isinstance(first := sizes.get(letter), int) and first != size:
                raise ShapeError(f"einsum {subscripts!r} has the axis {letter!r} with sizes {first} and {size}")
            if letter not in sizes or isinstance(size, int):
                sizes[letter] = size
    return tuple(sizes[letter] for letter in result)


def _adjoint(node: Node, bar: Node, subscripts: str) -> list[Node]:
    """The cotangent of an operand is the einsum of the result's cotangent and the other operands."""
    inputs, result = subscripts.split("->")
    operands = inputs.split(",")
    cotangents = []
    for position, letters in enumerate(operands):
        other_letters = [*operands[:position], *operands[position + 1 :]]
        other_args = [*node.args[:position], *node.args[position + 1 :]]
        cotangents.append(einsum(bar, *other_args, subscripts=f"{','.join([result, *other_letters])}->{letters}"))
    return cotangents


@dataclass(frozen=True)
class MatrixForm:
    """A sum of products of two operands as one product of matrices: `reshape(permute(a)) @ reshape(permute(b))`."""

    left: tuple[int, ...]  # the order of axes: in both and the result, in the left one alone, summed
    right: tuple[int, ...]  # in both and the result, summed, in the right one alone
    shapes: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]  # of the matrices, and of the result's parts
    order: tuple[int, ...]  # of the result's axes

    @classmethod
    @lru_cache(maxsize=4096)
    def of(cls, subscripts: str, left: tuple[int, ...], right: tuple[int, ...]) -> MatrixForm | None:
        """The form for operands of these shapes; None if nothing is summed.

        >>> MatrixForm.of("bhtk,hkd->btd", (8, 4, 5, 2), (4, 2, 3)).shapes
        ((40, 8), (8, 3), (8, 5, 3))
        """
        inputs, result = subscripts.split("->")
        a, b = inputs.split(",")
        sizes = dict(zip(a + b, left + right, strict=True))
        both = [letter for letter in a if letter in b and letter in result]
        summed = [letter for letter in a if letter in b and letter not in result]
        rows, columns = ([letter for letter in one if letter not in other] for one, other in ((a, b), (b, a)))
        if not summed:
            return None
        whole = [*both, *rows, *columns]
        lead, shape = tuple(sizes[letter] for letter in both), tuple(sizes[letter] for letter in whole)
        height, inner, width = (prod(sizes[letter] for letter in group) for group in (rows, summed, columns))
        return cls(
            tuple(map(a.index, [*both, *rows, *summed])),
            tuple(map(b.index, [*both, *summed, *columns])),
            ((*lead, height, inner), (*lead, inner, width), shape),
            tuple(map(whole.index, result)),
        )

    def __call__(self, left: NumpyArray, right: NumpyArray) -> NumpyArray:
        left_shape, right_shape, shape = self.shapes
        product = left.transpose(self.left).reshape(left_shape) @ right.transpose(self.right).reshape(right_shape)
        return product.reshape(shape).transpose(self.order)


def _numpy_einsum(*arrays: NumpyArray, subscripts: str) -> NumpyArray:
    """`numpy.einsum` without its search for an order, which costs a small product more than its numbers."""
    form = MatrixForm.of(subscripts, arrays[0].shape, arrays[1].shape) if len(arrays) == 2 else None
    if form is not None:
        return form(*arrays)
    result: NumpyArray = np.einsum(subscripts, *arrays, optimize=len(arrays) > 2)
    return result


einsum: Primitive = primitive(
    "einsum",
    _sizes,
    lambda xp, *arrays, subscripts: xp.einsum(subscripts, *arrays),
    _adjoint,
    linear=EACH,
    spellings={"numpy": _numpy_einsum},
    examples=(
        (((2, 3), (3, 4)), {"subscripts": "ij,jk->ki"}),
        (((2, 4, 3), (2, 3, 5)), {"subscripts": "bij,bjk->bik"}),
    ),
)
