"""The step counter: one number per training, zero before the first step. Schedules and dropout read it.

Whatever of a training reads `STEP` gets the number of steps taken so far; the training step adds one to it.
"""

from __future__ import annotations

from symfold.core.leaves import Fixed, Input
from symfold.core.nodes import Node

STEP: Node[Input] = Node(Input("step", (), "parameter", Fixed(0.0, 0.0)))
