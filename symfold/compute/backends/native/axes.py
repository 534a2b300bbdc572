"""The sample axis of a value, from those of its arguments: one rule per operation. Axes count from the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from symfold.core.nodes import Node
from symfold.core.primitives import (
    add_embedded,
    add_windows,
    alike,
    at_max,
    broadcast_like,
    broadcast_to,
    causal,
    concatenate,
    cumulative_sum,
    embed,
    expand,
    first_max,
    is_primitive,
    item,
    logsumexp,
    permute,
    put,
    reduce_max,
    reduce_mean,
    reduce_sum,
    safe_softmax,
    share,
    single,
    softmax,
    squeeze,
    stopped,
    sum_like,
    sum_to,
    swap,
    windows,
)  # fmt: skip
from symfold.core.sequences import add_rows, reverse_row, stack_row, take_row

FREE = 0  # the axis of an initial state that repeats one value: it becomes that of the next state


class Mixed(Exception):
    """Samples mix, or the batch is lost, so it cannot be innermost everywhere."""


def agreed(node: Node, axes: Sequence[int | None]) -> int | None:
    """The common batch axis of the arguments of an elementwise node."""
    candidates = {axis for axis in axes if axis is not None and axis != FREE}
    if not candidates:
        return FREE if FREE in axes else None
    if len(candidates) > 1:
        raise Mixed
    axis: int = candidates.pop()
    if not all(arg_axis in (axis, FREE) or repeats(arg, axis) for arg, arg_axis in zip(node.args, axes, strict=True)):
        raise Mixed
    return axis


def repeats(node: Node, axis: int) -> bool:
    """Whether a value is by construction the same for every sample."""
    if len(node.shape) < -axis or node.shape[axis] == 1:
        return True
    return is_primitive(node, broadcast_to, broadcast_like) and repeats(node.args[0], axis)


def product_axis(node: Node, axes: Sequence[int | None]) -> int | None:
    left, right = axes
    if left is None and right is None:
        return None
    rows, columns = (len(arg.shape) > 1 for arg in node.args)
    summed = -1, -2 if columns else -1
    if left == summed[0] and right == summed[1]:
        return None
    if right is None and rows and left == -2:
        return -2 if columns else -1
    if left is None and columns and right == -1:
        return -1
    raise Mixed


def named_axis(subscripts: str, axes: Sequence[int | None]) -> int | None:
    """The sample axis of a sum of products: one operand may have samples, or several if they are summed."""
    inputs, result = subscripts.split("->")
    operands = inputs.split(",")
    candidates = {letters[axis] for letters, axis in zip(operands, axes, strict=True) if axis is not None}
    if not candidates:
        return None
    if len(candidates) > 1:
        raise Mixed
    letter = candidates.pop()
    count = sum(letter in letters for letters in operands)
    if (count > 1 and letter in result) or count != sum(axis is not None for axis in axes):
        raise Mixed
    return result.index(letter) - len(result) if letter in result else None


def row_lookup_axis(node: Node, axes: Sequence[int | None]) -> int | None:
    """The sample axis of a row lookup; scattered rows lose it."""
    table, numbers = (axes[0], axes[1]) if is_primitive(node, embed) else (axes[1], axes[2])
    if table is not None:
        raise Mixed
    if numbers is None or is_primitive(node, add_embedded):
        return None
    return int(numbers) - len(node.args[0].shape) + 1


def arranged(node: Node, attributes: Mapping[str, Any], axes: Sequence[int | None]) -> int | None:
    """The sample axis of any other primitive."""
    axis = axes[0]
    if is_primitive(node, concatenate, stack_row):
        common = agreed(node, axes)
        if is_primitive(node, concatenate) and common == attributes["axis"]:
            raise Mixed
        return common
    if axis is None or is_primitive(node, share, causal):
        return None
    if is_primitive(node, swap):
        return {-1: -2, -2: -1}.get(axis, axis) if len(node.shape) > 1 else axis
    if is_primitive(node, expand):
        return axis if axis > attributes["axis"] else axis - 1
    if is_primitive(node, squeeze):
        return axis if axis > attributes["axis"] else axis + 1
    if is_primitive(node, permute):
        places: int = attributes["axes"].index(axis) - len(node.shape)
        return places
    if is_primitive(node, windows, add_windows):
        rank = len(attributes["kernel"])
        if axis >= -rank * (1 if is_primitive(node, windows) else 2):
            raise Mixed
        return int(axis - rank if is_primitive(node, windows) else axis + rank)
    if is_primitive(node, reduce_sum, reduce_mean, reduce_max, first_max, logsumexp):
        return reduced_axis(node, attributes, axis)
    if is_primitive(node, sum_to, sum_like):
        return axis if len(node.shape) >= -axis and node.shape[axis] == node.args[0].shape[axis] else None
    if is_primitive(node, softmax, safe_softmax, at_max) and axis not in (
        attributes["axis"] or range(-len(node.shape), 0)
    ):
        return int(axis)
    if is_primitive(node, cumulative_sum) and axis != attributes["axis"]:
        return axis
    if is_primitive(node, item):
        return indexed_axis(node.args[0], attributes["index"], axis)
    if is_primitive(node, put):
        if indexed_axis(node, attributes["index"], axes[1] if axes[1] is not None else axis) != axis:
            raise Mixed
        return axes[1] if axes[1] is not None else axis
    if is_primitive(
        node, broadcast_to, broadcast_like, alike, single, stopped, reverse_row, take_row, add_rows
    ) and -axis <= len(node.shape):
        return int(axis)
    raise Mixed


def reduced_axis(node: Node, attributes: Mapping[str, Any], axis: int) -> int | None:
    reduced = attributes["axis"] if attributes["axis"] is not None else range(-len(node.args[0].shape), 0)
    if axis in reduced:
        return None
    return axis if attributes["keepdims"] else axis + sum(k > axis for k in reduced)


def indexed_axis(value: Node, index: Sequence[Any], axis: int) -> int:
    """The batch axis of a part of a value, which must contain the whole batch."""
    ellipsis = index.index(...) if ... in index else len(index)
    explicit = len([part for part in index if part is not ...])
    parts = [*index[:ellipsis], *[(None, None)] * (len(value.shape) - explicit), *index[ellipsis + 1 :]]
    if parts[axis] != (None, None):
        raise Mixed
    return axis + sum(isinstance(part, int) for part in parts[axis:])
