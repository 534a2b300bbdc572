"""Masks: numbers that depend on a shape only."""

from __future__ import annotations

import math

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.core.arrays import Array, Namespace
from symfold.core.primitives.table import Primitive, primitive
from symfold.core.shapes import ANY, is_known


def causal_of(xp: Namespace, a: Array) -> Array:
    """The causal mask for an array of scores, in its dtype."""
    leading = tuple(range(len(a.shape) - 2))
    matrix = a[tuple(slice(0, 1) for _ in leading)]  # at most one: a batch may be empty
    zeros = xp.zeros_like(xp.sum(matrix, axis=leading) if leading else matrix)
    return xp.triu(zeros - math.inf, k=1)


def _narrow_causal(a: Array) -> NumpyArray:
    """The causal mask in float32, which widens no dtype that it is added to, not even SymPy's numbers."""
    return np.triu(np.full(np.shape(a)[-2:], -np.inf, dtype=np.float32), 1)


# added to scores (..., time, time): 0 up to the diagonal, minus infinity after it
causal: Primitive = primitive(
    "causal",
    lambda a: a[-2:] if is_known(a) else ANY,
    causal_of,
    lambda node, bar: [None],
    shape_only=(0,),
    spellings={"numpy": _narrow_causal},
    examples=((((2, 3, 4),), {}),),
)
