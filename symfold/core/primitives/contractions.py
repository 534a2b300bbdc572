"""Sums of products over named axes, as `numpy.einsum` spells them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from symfold.core.nodes import Node
from symfold.core.primitives.table import EACH, Primitive, primitive
from symfold.core.shapes import ANY, Shape, is_known, show
from symfold.errors import NoRule, ShapeError


def subscripts_given(text: str, count: int) -> str:
    """The subscripts of so many operands, as 'ij,jk->ik'; what has no adjoint of the same form is refused.

    >>> subscripts_given("ij, jk -> ik", 2)
    'ij,jk->ik'
    >>> subscripts_given("ij->i", 1)
    Traceback (most recent call last):
    ...
    symfold.errors.NoRule: einsum 'ij->i' does not trace: it sums 'j' over one operand alone (sum it with np.sum)
    """
    plain = text.replace(" ", "")
    parts = re.fullmatch(r"([A-Za-z]+(?:,[A-Za-z]+)*)->([A-Za-z]*)", plain)
    if not parts:
        raise NoRule(f"einsum {text!r} does not trace (write letters for the axes and the result, as 'ij,jk->ik')")
    operands, result = parts[1].split(","), parts[2]
    if len(operands) != count:
        raise NoRule(f"einsum {text!r} does not trace: it names {len(operands)} operands, and {count} are given")
    if twice := next((part for part in (*operands, result) if len(set(part)) < len(part)), None):
        raise NoRule(
            f"einsum {text!r} does not trace: it names an axis twice in {twice!r} (take the diagonal by an index)"
        )
    for place, part in enumerate(operands):
        if alone := set(part) - set(result).union(*operands[:place], *operands[place + 1 :]):
            raise NoRule(
                f"einsum {text!r} does not trace: it sums {min(alone)!r} over one operand alone (sum it with np.sum)"
            )
    if strange := set(result).difference(*map(set, operands)):
        raise NoRule(f"einsum {text!r} does not trace: it has no operand with the axis {min(strange)!r}")
    return plain


def _sizes(*shapes: Shape, subscripts: str) -> Shape:
    if not all(map(is_known, shapes)):
        return ANY
    operands, result = subscripts.split("->")
    sizes: dict[str, Any] = {}
    for letters, shape in zip(operands.split(","), shapes, strict=True):
        if len(letters) != len(shape):
            raise ShapeError(
                f"einsum {subscripts!r} names {len(letters)} axes {letters!r} of a value of shape {show(shape)}"
            )
        for letter, size in zip(letters, shape, strict=True):
            if isinstance(size, int) and isinstance(known := sizes.get(letter), int) and known != size:
                raise ShapeError(f"einsum {subscripts!r} meets the axis {letter!r} with sizes {known} and {size}")
            if letter not in sizes or isinstance(size, int):
                sizes[letter] = size
    return tuple(sizes[letter] for letter in result)


def _pulled(node: Node, bar: Node, subscripts: str) -> list[Node]:
    """An operand's cotangent is the sum of products of the others with that of the result."""
    inputs, result = subscripts.split("->")
    operands = inputs.split(",")
    pulled = []
    for place, letters in enumerate(operands):
        others = [(one, arg) for k, (one, arg) in enumerate(zip(operands, node.args, strict=True)) if k != place]
        named = ",".join([result, *(one for one, _ in others)])
        pulled.append(einsum(bar, *(arg for _, arg in others), subscripts=f"{named}->{letters}"))
    return pulled


einsum: Primitive = primitive(
    "einsum",
    _sizes,
    lambda xp, *arrays, subscripts: xp.einsum(subscripts, *arrays),
    _pulled,
    linear=EACH,
    spellings={"numpy": lambda *arrays, subscripts: np.einsum(subscripts, *arrays, optimize=len(arrays) > 1)},
    examples=(
        (((2, 3), (3, 4)), {"subscripts": "ij,jk->ki"}),
        (((2, 4, 3), (2, 3, 5)), {"subscripts": "bij,bjk->bik"}),
    ),
)
