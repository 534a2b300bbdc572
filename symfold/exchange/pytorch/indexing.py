"""PyTorch's indexing by positions as nodes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from symfold.core.nodes import Node
from symfold.core.primitives import one_hot, reshape
from symfold.core.shapes import Shape
from symfold.exchange.pytorch.rows import Row, of_arguments
from symfold.exchange.reading.arrangement import ordered
from symfold.exchange.reading.checks import covered
from symfold.exchange.reading.functions import choose
from symfold.exchange.reading.indexing import (
    added,
    entries_in_order,
    from_start,
    gather,
    index_put,
    index_select,
    indexed,
    scatter,
)


def _gather(shape: Shape, a: Node, axis: int, positions: Node, *given: object, **named: object) -> Node:
    return gather(a, axis, positions)


def _index_put(
    shape: Shape, a: Node, indices: Sequence[Node | None], values: Node, accumulate: bool = False, *given: object
) -> Node:
    return index_put(a, indices, values, accumulate)


def masked_put(
    shape: Shape, a: Node, indices: Sequence[Node], values: Node, accumulate: bool = False, *given: object
) -> Node:
    """A value with one number put where a mask is true."""
    (mask, *more) = indices
    single = not more and not accumulate and prod(values.shape) == 1
    covered(single, "an assignment of several values where a mask is true")
    tall = reshape(mask, shape=(*mask.shape, *(1,) * (len(a.shape) - len(mask.shape))))
    return choose(tall, reshape(values, shape=()), a)


def _scatter(add: bool) -> Row:
    def row(shape: Shape, a: Node, axis: int, positions: Node, source: object, *given: object, **named: object) -> Node:
        covered(not named and not given, f"scatter with {[*given, *named]}")
        return scatter(a, axis, positions, source, add)

    return row


def _index_add(shape: Shape, a: Node, axis: int, positions: Node, source: Node, alpha: float = 1) -> Node:
    axis %= len(a.shape)
    order = [axis, *(k for k in range(len(a.shape)) if k != axis)]
    table = tuple(a.shape[k] for k in order)
    result = added(ordered(source, order), from_start(positions, a.shape[axis]), table)
    back = ordered(result, [order.index(k) for k in range(len(order))])
    return a + (back if alpha == 1 else back * alpha)


def _one_hot(shape: Shape, labels: Node, count: int = -1) -> Node:
    return one_hot(labels, count=shape[-1])


def _topk(
    shape: Any, a: Node, count: int, axis: int = -1, largest: bool = True, in_order: bool = True
) -> tuple[Node, Node]:
    return entries_in_order(a, axis, largest, count)


def _sort(
    shape: Any, a: Node, dim: int = -1, descending: bool = False, *, stable: bool | None = None
) -> tuple[Node, Node]:
    return entries_in_order(a, dim, descending)


INDEXING: dict[str, Row] = {
    "gather": _gather, "index_select": of_arguments(index_select), "index_put": _index_put, "_index_put_impl": _index_put, "index": of_arguments(indexed), "_unsafe_index": of_arguments(indexed),
    "scatter": _scatter(add=False), "scatter_add": _scatter(add=True), "index_add": _index_add, "one_hot": _one_hot,
    "topk": _topk, "sort": _sort, "argsort": lambda *args, **named: _sort(*args, **named)[1],
}  # fmt: skip
