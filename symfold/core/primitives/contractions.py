"""Sums of products over named axes, as `numpy.einsum` spells them."""

from __future__ import annotations

import re

import numpy as np

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


einsum: Primitive = primitive(
    "einsum",
    _sizes,
    lambda xp, *arrays, subscripts: xp.einsum(subscripts, *arrays),
    _adjoint,
    linear=EACH,
    spellings={"numpy": lambda *arrays, subscripts: np.einsum(subscripts, *arrays, optimize=len(arrays) > 1)},
    examples=(
        (((2, 3), (3, 4)), {"subscripts": "ij,jk->ki"}),
        (((2, 4, 3), (2, 3, 5)), {"subscripts": "bij,bjk->bik"}),
    ),
)
