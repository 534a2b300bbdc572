"""Batch axes: the axis of every value that runs over the samples, so that it can be innermost in memory.

Axes count from the end. The unknown size of an input is its batch; one rule per operation gives the rest. A net that
mixes samples by position has no batch, and its arrays are stored in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from symfold.compute.backends.native.axes import (
    FREE,
    Mixed,
    agreed,
    arranged,
    named_axis,
    product_axis,
    repeats,
    row_lookup_axis,
)
from symfold.core.blocks import Call
from symfold.core.folds import Fold, Select, is_fold
from symfold.core.leaves import Constant
from symfold.core.nodes import Node, walk
from symfold.core.primitives import Apply, add_embedded, dot, einsum, embed, is_primitive


def batch_axes(order: Sequence[Node], leaf_axes: Mapping[Node, Any]) -> dict[Node, Any]:
    """The batch axis of every node in order, or None; for a fold, those of its results."""
    axes: dict[Node, Any] = dict(leaf_axes)
    for node in order:
        if node not in axes:
            axes[node] = axis_of(node, [axes[arg] for arg in node.args])
    return axes


def axis_of(node: Node, axes: Sequence[Any]) -> Any:
    op = node.op
    if isinstance(op, Constant) or not node.args:
        return None
    if is_fold(node):
        return fold_axes(node, axes)
    if isinstance(op, Select):
        return axes[0][op.position]
    if isinstance(op, type):
        return agreed(node, axes)
    if isinstance(op, Call):
        return None  # an opaque layer: code generation refuses it
    if FREE in axes:
        return FREE
    if is_primitive(node, dot):
        return product_axis(node, axes)
    if is_primitive(node, einsum):
        return named_axis(dict(node.op.attributes)["subscripts"], axes)
    if is_primitive(node, embed, add_embedded):
        return row_lookup_axis(node, axes)
    assert isinstance(op, Apply)
    return arranged(node, dict(op.attributes), axes)


def fold_axes(node: Node[Fold], axes: Sequence[Any]) -> tuple[Any, ...]:
    """The batch axes of a fold's results; those of the state are the same at every step."""
    block, _, outside = block_axes(node, axes)
    return tuple(outside[result] for result in block)


def block_axes(node: Node[Fold], axes: Sequence[Any]) -> tuple[Sequence[Node], list[Any], dict[Node, Any]]:
    """The results of a fold's block, the axes of its formals, and those of every node in it."""
    block, carries = node.op.block, node.op.carries
    states = [axes[k] if axes[k] is not None or not node.args[k].shape else FREE for k in range(carries)]
    order = walk(block.results)
    for _ in range(2 * carries + 2):
        formal_axes = [*states, *axes[carries:]]
        inside = batch_axes(order, dict(zip(block.formals, formal_axes, strict=True)))
        after = [inside[result] if states[k] == FREE else states[k] for k, result in enumerate(block.results[:carries])]
        if after == states:
            break
        states = after
    if FREE in states and FREE not in axes:
        states = [None if axis == FREE else axis for axis in states]
        formal_axes = [*states, *axes[carries:]]
        inside = batch_axes(order, dict(zip(block.formals, formal_axes, strict=True)))
    for k, result in enumerate(block.results[:carries]):
        settled = states[k] in (None, FREE) or axes[k] == states[k] or repeats(node.args[k], states[k])
        stable = inside[result] == states[k] or (states[k] is not None and repeats(result, states[k]))
        if not settled or not stable:
            raise Mixed
    result_axes = {result: states[k] for k, result in enumerate(block.results[:carries])}
    return block.results, formal_axes, {**inside, **result_axes}
