"""The operations that have native code."""

from __future__ import annotations

from collections.abc import Sequence

from symfold.compute.backends.native.arrays import is_view
from symfold.compute.backends.native.functions import ROWS
from symfold.compute.backends.native.primitives import RULES
from symfold.core.folds import Fold, Select
from symfold.core.nodes import Node, walk
from symfold.core.primitives import Apply, causal, dot, einsum, is_primitive, reshape, windows
from symfold.transform.inlining import decomposed, formals_of


def with_native_functions(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with functions that lack native code rewritten by those that have it."""
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
    """Whether there is code for an operation, or for the functions that compose it."""
    if not isinstance(node.op, type) or node.op in ROWS:
        return has_rule(node)
    isolated = Node(node.op, formals_of(tuple(arg.shape for arg in node.args)))
    return all(map(has_rule, walk(with_native_functions([isolated]))))
