"""Sorting along the last axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from symfold.core.arrays import Array, Namespace
from symfold.core.conversion import as_node
from symfold.core.functions import equal, greater, less
from symfold.core.nodes import Node
from symfold.core.primitives.arrangement import expand
from symfold.core.primitives.reductions import reduce_sum
from symfold.core.primitives.table import Primitive, primitive


def _argsort(xp: Namespace, a: Any, descending: bool) -> Array:
    return xp.astype(xp.argsort(-a if descending else a, axis=-1, stable=True), a.dtype)


def _by_comparisons(a: Node, descending: bool) -> Node:
    """The place of an entry is the number of entries that stand before it."""
    count = a.shape[-1]
    entry, other = expand(a, axis=-1), expand(a, axis=-2)
    earlier = as_node(np.tri(count, k=-1))  # of equal entries, the first stands first
    before = Node(greater if descending else less, (other, entry)) + Node(equal, (other, entry)) * earlier
    places = reduce_sum(before, axis=(-1,), keepdims=True)
    here = Node(equal, (places, as_node(np.arange(count))))
    return reduce_sum(here * as_node(np.arange(count, dtype=float)[:, None]), axis=(-2,), keepdims=False)


# the positions of the entries in order of size; of equal entries, the first comes first
argsort: Primitive = primitive(
    "argsort",
    lambda a, descending: a,
    _argsort,
    lambda node, bar, descending: [None],
    flat=True,
    body=_by_comparisons,
    examples=((((5,),), {"descending": True}),),
)
