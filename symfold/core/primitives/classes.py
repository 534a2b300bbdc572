"""Classes by number: one-hot rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import NumpyArray
from symfold.core.arrays import Array, Namespace, positions
from symfold.core.conversion import as_node
from symfold.core.functions import equal, greater_equal, less, logical_and, where
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives.arrangement import expand
from symfold.core.primitives.images import row_numbers, valid_rows
from symfold.core.primitives.table import Primitive, primitive
from symfold.core.shapes import ANY, is_known

NO_CLASS = "the label {} is none of the classes"


def _one_hot(xp: Namespace, labels: Any, count: int) -> Array:
    """One-hot rows; nan for a label out of range."""
    labels = xp.asarray(labels)[..., None]
    return xp.where(valid_rows(xp, labels, count), (labels == positions(xp, count, labels)) * 1.0, math.nan)


def _checked_one_hot(labels: Any, count: int) -> NumpyArray:
    """One-hot rows; an error for a label out of range."""
    integers: Any = row_numbers(labels, count, NO_CLASS)
    dtype = labels.dtype if labels.dtype.kind == "f" else np.float64
    return np.asarray(integers[..., None] == np.arange(count), dtype=dtype)


def _body(labels: Node, count: int) -> Node:
    label, places = expand(labels, axis=-1), as_node(np.arange(count))
    whole = Node(equal, (Node(sp.floor, (label,)), label))
    inside = Node(logical_and, (Node(greater_equal, (label, number(0))), Node(less, (label, number(count)))))
    return Node(where, (Node(logical_and, (whole, inside)), Node(equal, (label, places)), number(sp.nan)))


# 1 at the class that a label numbers, 0 at the others; a label out of range is an error, or nan if it is computed
one_hot: Primitive = primitive(
    "one_hot",
    lambda labels, count: (*labels, count) if is_known(labels) else ANY,
    _one_hot,
    lambda node, bar, count: [None],
    dtypes=("whole",),
    flat=True,
    body=_body,
    spellings={"numpy": _checked_one_hot},
    examples=((((2, 4),), {"count": 5}),),
)
