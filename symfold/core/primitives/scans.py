"""Cumulative sums along an axis."""

from __future__ import annotations

from symfold.core.arrays import Array, Namespace
from symfold.core.nodes import Node
from symfold.core.primitives.table import Primitive, primitive


def _cumulative(xp: Namespace, a: Array, axis: int, backward: bool) -> Array:
    if not backward:
        return xp.cumulative_sum(a, axis=axis)
    return xp.flip(xp.cumulative_sum(xp.flip(a, axis=axis), axis=axis), axis=axis)


def _adjoint(node: Node, bar: Node, axis: int, backward: bool) -> list[Node]:
    return [cumulative_sum(bar, axis=axis, backward=not backward)]


# entry k is the sum of entries 0 to k; backward, of entries k to the last
cumulative_sum: Primitive = primitive(
    "cumulative_sum",
    lambda a, axis, backward: a,
    _cumulative,
    _adjoint,
    linear=(0,),
    examples=((((2, 4, 3),), {"axis": -2, "backward": False}), (((4,),), {"axis": -1, "backward": True})),
)
