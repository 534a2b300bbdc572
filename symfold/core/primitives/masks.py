"""Masks: numbers that follow from a shape alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symfold.core.primitives.table import Primitive, primitive
from symfold.core.shapes import ANY, is_known


def causal_of(xp: Any, a: Any) -> Any:
    leading = tuple(range(len(a.shape) - 2))
    one = a[tuple(slice(0, 1) for _ in leading)]  # or none: a batch may be empty
    rows = xp.zeros_like(xp.sum(one, axis=leading) if leading else one)
    return xp.triu(rows - math.inf, k=1)


def _exactly_causal(a: Any) -> Any:
    """The same in a type that widens nothing it is added to, SymPy's numbers included."""
    return np.triu(np.full(np.shape(a)[-2:], -np.inf, dtype=np.float32), 1)


# added to scores (..., time, time): 0 up to the diagonal, minus infinity after it
causal: Primitive = primitive(
    "causal",
    lambda a: a[-2:] if is_known(a) else ANY,
    causal_of,
    lambda node, bar: [None],
    shape_only=(0,),
    spellings={"numpy": _exactly_causal},
    examples=((((2, 3, 4),), {}),),
)
