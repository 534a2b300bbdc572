"""PyTorch's operations on shapes, axes and parts as nodes, and identities."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from symfold.core.nodes import Node
from symfold.core.primitives import broadcast_to, concatenate, item, permute, reshape, stopped, swap
from symfold.core.sequences import stack
from symfold.core.shapes import Shape
from symfold.exchange.pytorch.rows import Row, covered, evaluated


def _reshape(shape: Shape, a: Node, *given: object, **named: object) -> Node:
    return a if a.shape == shape else reshape(a, shape=shape)


def ordered(a: Node, axes: Sequence[int]) -> Node:
    """A tensor with its axes permuted, as a transpose if possible."""
    rank = len(a.shape)
    order = tuple(axis % rank - rank for axis in axes)
    identity = tuple(range(-rank, 0))
    if order == identity:
        return a
    return swap(a) if order == (*identity[:-2], -1, -2) else permute(a, axes=order)


def _transpose(shape: Shape, a: Node, first: int = 0, second: int = 1) -> Node:
    axes = list(range(len(a.shape)))
    axes[first], axes[second] = axes[second], axes[first]
    return ordered(a, axes)


def _transposed(shape: Shape, a: Node) -> Node:
    """A matrix transposed; a vector is its own transpose."""
    return ordered(a, range(len(a.shape))[::-1])


def _expand(shape: Shape, a: Node, *given: object, **named: object) -> Node:
    return a if a.shape == shape else broadcast_to(a, shape=shape)


def select(shape: Shape, a: Node, axis: int, index: int) -> Node:
    axis %= len(a.shape)
    return item(a, index=(*((None, None),) * axis, index % a.shape[axis]))


def part(a: Node, axis: int, start: int, stop: int) -> Node:
    """The entries from start to stop along an axis."""
    axis %= len(a.shape)
    return a if (start, stop) == (0, a.shape[axis]) else item(a, index=(*((None, None),) * axis, (start, stop)))


def _slice(
    shape: Shape, a: Node, axis: int = 0, start: int | None = None, stop: int | None = None, step: int = 1
) -> Node:
    covered(step == 1, f"a slice in steps of {step}")
    first, last, _ = slice(start, stop).indices(a.shape[axis % len(a.shape)])
    return part(a, axis, first, max(first, last))


def _narrow(shape: Shape, a: Node, axis: int, start: int, count: int) -> Node:
    first = start % a.shape[axis] if start < 0 else start
    return part(a, axis, first, first + count)


def _split(shape: Any, a: Node, sizes: Any, axis: int = 0) -> tuple[Node, ...]:
    total = a.shape[axis]
    each = list(sizes) if isinstance(sizes, (list, tuple)) else [min(sizes, total - k) for k in range(0, total, sizes)]
    ends = np.cumsum([0, *each]).tolist()
    return tuple(part(a, axis, start, stop) for start, stop in pairwise(ends))


def chunk(shape: Shape, a: Node, count: int, axis: int = 0) -> tuple[Node, ...]:
    return _split(shape, a, -(-a.shape[axis] // count), axis)


def _unbind(shape: Shape, a: Node, axis: int = 0) -> tuple[Node, ...]:
    return tuple(select((), a, axis, k) for k in range(a.shape[axis]))


def cat(shape: Shape, parts: Sequence[Node], axis: int = 0) -> Node:
    return concatenate(*parts, axis=axis % len(shape) - len(shape)) if len(parts) > 1 else parts[0]


def _stack(shape: Shape, parts: Sequence[Node], axis: int = 0) -> Node:
    axis %= len(shape)
    if axis == 0:
        return stack(parts)
    single = (*shape[:axis], 1, *shape[axis + 1 :])
    return cat(shape, [reshape(part, shape=single) for part in parts], axis)


def same(shape: Shape, a: Node, *given: object, **named: object) -> Node:
    """An operation that is the identity on numbers."""
    return a


def _dropout(shape: Shape, a: Node, p: float = 0.5, train: bool = False) -> Node:
    evaluated(not train or p == 0, "dropout draws numbers")
    return a


ARRANGEMENT: dict[str, Row] = {
    **dict.fromkeys(("view", "reshape", "_unsafe_view", "flatten", "unflatten", "unsqueeze", "squeeze"), _reshape),
    **dict.fromkeys(("contiguous", "clone", "alias", "lift_fresh_copy", "to", "_to_copy", "type_as", "float", "double"), same),
    **dict.fromkeys(("dropout", "feature_dropout"), _dropout),
    "detach": lambda shape, a: stopped(a), "item": lambda shape, a: stopped(_reshape((), a)),
    "permute": lambda shape, a, axes: ordered(a, axes),
    "transpose": _transpose, "t": _transposed, "numpy_T": _transposed, "mT": lambda shape, a: swap(a),
    "expand": _expand, "expand_as": _expand, "broadcast_to": _expand,
    "select": select, "slice": _slice, "narrow": _narrow,
    "split": _split, "split_with_sizes": _split, "chunk": chunk, "unbind": _unbind, "cat": cat, "concat": cat, "stack": _stack,
}  # fmt: skip
