"""The mark of a memory budget: the value itself, at which the fold of a gradient starts.

What a fold keeps for its gradient depends on sizes that are known only when a program is made. So the gradient is a net
as without a budget, and this mark carries the budget to the program (`symfold.transform.passes.recomputation`).
"""

from __future__ import annotations

from symfold.core.primitives.broadcasting import unbroadcast
from symfold.core.primitives.table import Primitive, primitive

budgeted: Primitive = primitive(
    "remat",
    lambda a, bytes: a,
    lambda xp, a, bytes: a,
    lambda node, bar, bytes: [unbroadcast(bar, node.args[0])],
    linear=(0,),
    examples=((((2, 3),), {"bytes": 1000}),),
)
