"""Which axis of a value runs over the samples, given those of what it is made of: a rule for every operation, axes counted from the end."""

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

FREE = 0  # a state that is one value repeated at first: it takes the axis that its next value has


class Mixed(Exception):
    """Samples mix, or the batch is lost: it cannot lie innermost everywhere."""


def agreed(node: Node, axes: Sequence[Any]) -> int | None:
    """The one batch axis of several values that meet elementwise."""
    found = {axis for axis in axes if axis is not None and axis != FREE}
    if not found:
        return FREE if FREE in axes else None
    if len(found) > 1:
        raise Mixed
    axis: int = found.pop()
    if not all(have in (axis, FREE) or repeats(arg, axis) for arg, have in zip(node.args, axes, strict=True)):
        raise Mixed
    return axis


def repeats(node: Node, axis: int) -> bool:
    """Whether a value is the same for every sample by how it was made."""
    if len(node.shape) < -axis or node.shape[axis] == 1:
        return True
    return is_primitive(node, broadcast_to, broadcast_like) and repeats(node.args[0], axis)


def product_axis(node: Node, axes: Sequence[Any]) -> int | None:
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


def named_axis(subscripts: str, axes: Sequence[Any]) -> int | None:
    """Where the samples of a sum of products are: one of the operands may have them, or several if they are summed."""
    inputs, result = subscripts.split("->")
    operands = inputs.split(",")
    found = {letters[axis] for letters, axis in zip(operands, axes, strict=True) if axis is not None}
    if not found:
        return None
    if len(found) > 1:
        raise Mixed
    letter = found.pop()
    having = sum(letter in letters for letters in operands)
    if (having > 1 and letter in result) or having != sum(axis is not None for axis in axes):
        raise Mixed
    return result.index(letter) - len(result) if letter in result else None


def picked_axis(node: Node, axes: Sequence[Any]) -> int | None:
    """Rows taken for every sample keep its axis; added up, they lose it."""
    table, numbers = (axes[0], axes[1]) if is_primitive(node, embed) else (axes[1], axes[2])
    if table is not None:
        raise Mixed
    if numbers is None or is_primitive(node, add_embedded):
        return None
    return int(numbers) - len(node.args[0].shape) + 1


def arranged(node: Node, attributes: Mapping[str, Any], axes: Sequence[Any]) -> int | None:
    axis = axes[0]
    if is_primitive(node, concatenate, stack_row):
        found = agreed(node, axes)
        if is_primitive(node, concatenate) and found == attributes["axis"]:
            raise Mixed
        return found
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
    return axis if attributes["keepdims"] else axis + sum(other > axis for other in reduced)


def indexed_axis(whole: Node, index: Sequence[Any], axis: int) -> int:
    """Where the batch is in a part of a value; it must be there in full."""
    where = index.index(...) if ... in index else len(index)
    named = len([part for part in index if part is not ...])
    full = [*index[:where], *[(None, None)] * (len(whole.shape) - named), *index[where + 1 :]]
    if full[axis] != (None, None):
        raise Mixed
    return axis + sum(isinstance(part, int) for part in full[axis:])
