"""Where the batch lies: which axis of every value runs over the samples, so that it can lie innermost in memory.

Axes are counted from the end. An input of unknown size has its batch where the size is unknown; the rest follows by one rule an
operation. A net in which samples mix by position has no batch, and its arrays lie in their order.
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
    picked_axis,
    product_axis,
    repeats,
)
from symfold.core.applied_layers import Call
from symfold.core.folds import Fold, Select
from symfold.core.nodes import Node
from symfold.core.operations import Constant
from symfold.core.primitives import add_embedded, dot, einsum, embed, is_primitive
from symfold.core.walks import walk


def batch_axes(order: Sequence[Node], given: Mapping[Node, Any]) -> dict[Node, Any]:
    """The batch axis of every node in order, None where it has none; of a fold, those of its results."""
    axes: dict[Node, Any] = dict(given)
    for node in order:
        if node not in axes:
            axes[node] = axis_of(node, [axes[arg] for arg in node.args])
    return axes


def axis_of(node: Node, axes: Sequence[Any]) -> Any:
    op = node.op
    if isinstance(op, Constant) or not node.args:
        return None
    if isinstance(op, Fold):
        return fold_axes(node, axes)
    if isinstance(op, Select):
        return axes[0][op.position]
    if isinstance(op, type):
        return agreed(node, axes)
    if isinstance(op, Call):
        return None  # opaque: the body that meets it says so
    if FREE in axes:
        return FREE
    if is_primitive(node, dot):
        return product_axis(node, axes)
    if is_primitive(node, einsum):
        return named_axis(dict(op.attributes)["subscripts"], axes)
    if is_primitive(node, embed, add_embedded):
        return picked_axis(node, axes)
    return arranged(node, dict(op.attributes), axes)


def fold_axes(node: Node, axes: Sequence[Any]) -> tuple[Any, ...]:
    """The batch axes of a fold's results: those of the state stay the same from step to step."""
    block, _, outside = block_axes(node, axes)
    return tuple(outside[result] for result in block)


def block_axes(node: Node, axes: Sequence[Any]) -> tuple[Sequence[Node], list[Any], dict[Node, Any]]:
    """The results of a fold's block, the axes of its formals, and those of every node in it."""
    fold: Fold = node.op
    block, carries = fold.block, fold.carries
    states = [axes[k] if axes[k] is not None or not node.args[k].shape else FREE for k in range(carries)]
    order = walk(block.results)
    for _ in range(2 * carries + 2):
        given = [*states, *axes[carries:]]
        inside = batch_axes(order, dict(zip(block.formals, given, strict=True)))
        after = [inside[result] if states[k] == FREE else states[k] for k, result in enumerate(block.results[:carries])]
        if after == states:
            break
        states = after
    if FREE in states and FREE not in axes:
        states = [None if axis == FREE else axis for axis in states]
        given = [*states, *axes[carries:]]
        inside = batch_axes(order, dict(zip(block.formals, given, strict=True)))
    for k in range(carries):
        settled = states[k] in (None, FREE) or axes[k] == states[k] or repeats(node.args[k], states[k])
        next_one = inside[block.results[k]]
        if not settled or not (
            next_one == states[k] or (states[k] is not None and repeats(block.results[k], states[k]))
        ):
            raise Mixed
    return block.results, given, {**inside, **{result: states[k] for k, result in enumerate(block.results[:carries])}}
