"""What the native backend has code for."""

from __future__ import annotations

from collections.abc import Sequence

from symfold.compute.backends.native.arrays import is_view
from symfold.compute.backends.native.functions import ROWS
from symfold.compute.backends.native.primitives import RULES
from symfold.core.folds import Fold, Select
from symfold.core.nodes import Node
from symfold.core.primitives import Apply, causal, dot, einsum, is_primitive, reshape, windows
from symfold.core.walks import walk
from symfold.transform.inlining import decomposed, formals_of


def in_own_functions(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with every function that has no code here made of those that have."""
    return decomposed(roots, ROWS.__contains__)


def has_rule(node: Node) -> bool:
    """Whether there is code for an operation."""
    if isinstance(node.op, type):
        return node.op in ROWS
    if isinstance(node.op, Apply):
        return is_view(node) or is_primitive(
            node, causal, dot, einsum, reshape, windows, *(row for rows, _ in RULES for row in rows)
        )
    return isinstance(node.op, (Fold, Select)) or not node.args


def supports(node: Node) -> bool:
    """Whether there is code for an operation; for a function, also by those that it is composed of."""
    if not isinstance(node.op, type) or node.op in ROWS:
        return has_rule(node)
    alone = Node(node.op, formals_of(tuple(arg.shape for arg in node.args)))
    return all(map(has_rule, walk(in_own_functions([alone]))))
