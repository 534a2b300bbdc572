"""Carries: the arguments on which the result of an operation depends smoothly, those that a path leads through."""

from __future__ import annotations

from collections.abc import Sequence

from symfold.nodes import Node
from symfold.primitives import Apply

# To be replaced by the row of the table of primitives. Positions of the arguments that are read for more than
# their shape, and are no index; rows that are not listed read all of their arguments.
SMOOTH: dict[str, tuple[int, ...]] = {
    "add_embedded": (0,),
    "add_rows": (0,),
    "add_windows": (0,),
    "alike": (0,),
    "at_max": (),
    "broadcast_like": (0,),
    "causal": (),
    "embed": (0,),
    "put": (0,),
    "share": (),
    "sum_like": (0,),
}


def carries(node: Node) -> Sequence[int]:
    """The positions of the arguments on which a node depends smoothly.

    >>> import symfold as sf
    >>> prediction, target = sf.tensor("prediction"), sf.tensor("target")
    >>> carries(sf.primitives.alike(prediction, target)), carries(prediction + target)
    ((0,), range(0, 2))
    """
    everything = range(len(node.args))
    return SMOOTH.get(node.op.primitive.name, everything) if isinstance(node.op, Apply) else everything
