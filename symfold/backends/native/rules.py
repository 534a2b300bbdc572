"""What the native backend has code for."""

from __future__ import annotations

from symfold.backends.native.arrays import is_view
from symfold.backends.native.functions import ROWS
from symfold.backends.native.primitives import RULES
from symfold.folds import Fold, Select
from symfold.nodes import Node
from symfold.primitives import Apply, causal, dot, einsum, is_primitive, reshape, windows


def has_rule(node: Node) -> bool:
    """Whether there is code for an operation."""
    if isinstance(node.op, type):
        return node.op in ROWS
    if isinstance(node.op, Apply):
        return is_view(node) or is_primitive(node, causal, dot, einsum, reshape, windows, *(row for rows, _ in RULES for row in rows))
    return isinstance(node.op, (Fold, Select)) or not node.args
