"""A matrix product in a block: which way its vectors lie, and what is computed from its sums before they leave the registers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from symfold.backends.native.arrays import Array
from symfold.backends.native.copies import copy
from symfold.backends.native.folds import entry
from symfold.backends.native.instructions import Index, Reg
from symfold.backends.native.products import inner_products, product
from symfold.backends.native.writer import Source
from symfold.nodes import Node

if TYPE_CHECKING:
    from symfold.backends.native.body import Body


def write_product(body: Body, node: Node, left: Array, right: Array) -> Array | None:
    """A matrix product; what is computed from it entry by entry is computed before its sums leave the registers."""
    code, rows, columns = body.code, len(left.shape) > 1, len(right.shape) > 1
    body.put(node, None)  # whoever reads it can be computed now
    chunk = body.chunk(body.kind(node), given=node)
    inside = set(chunk.order) if chunk else set()
    if chunk is None or node in body.pinned or not inside.issuperset(body.users.get(node, [])):
        body.refs[node] = body.target(node)
    target: Array | None = body.refs[node]
    outputs = [*(chunk.writes.values() if chunk else ()), *([target] if target else [])]

    def write(position: Sequence[Index], axis: int, sums: Reg) -> None:
        def where(array: Array) -> tuple[str, int]:
            offset = str(array.offset)
            for index, stride in zip(position, array.strides, strict=True):
                offset = code.plus(offset, code.times(index, stride))
            return code.at(array.base, offset), array.strides[axis] if array.strides else 0

        if target is not None:
            code.store(sums, *where(target))
        if chunk is not None:
            chunk.write(code, where, sums.lanes, {node: sums})

    lead = [int(size) for size in node.shape[: len(node.shape) - rows - columns]]
    extents = body.source.extents(node.shape, body.axes[node])
    height, breadth = (extents[len(lead)] if rows else 1), (extents[-1] if columns else 1)
    a = left if rows else replace(left, shape=(1, *left.shape), strides=(0, *left.strides))
    b = right if columns else replace(right, shape=(*right.shape, 1), strides=(*right.strides, 0))
    a, b = a.spread((*lead, *a.shape[-2:])), b.spread((*lead, *b.shape[-2:]))
    samples_inside = rows and outputs[0].strides[len(lead)] == 1 and a.strides[-2] == 1 and height > 1

    def matrices(position: list[Index], a: Array, b: Array) -> list[Reg]:
        if len(a.shape) > 2:
            code.loop(a.shape[0], lambda k, _: matrices([*position, k], entry(code, a, k), entry(code, b, k)))
            return []

        def store(i: Index, j: Index, sums: Reg, axis: int) -> None:
            write([*position, *([i] if rows else []), *([j] if columns else [])], axis, sums)

        last = len(lead) + rows + columns - 1
        if inner:
            inner_products(code, a, b, lambda i, j, sums: store(i, j, sums, last))
        elif samples_inside:
            product(code, turned(b), turned(a), lambda j, i, sums: store(i, j, sums, len(lead)), breadth, height)
        else:
            product(code, a, b, lambda i, j, sums: store(i, j, sums, last), height, breadth)
        return []

    inner = a.strides[-1] == 1 and b.strides[-2] == 1 and not samples_inside and (min(height, breadth) < 8 or height * breadth <= 64)
    if not inner and not samples_inside:
        b = in_rows(body.source, b, breadth)
    with code.kernel():
        matrices([], a, b)
    if chunk is not None:
        body.done(chunk)
    return target


def in_rows(source: Source, array: Array, columns: int) -> Array:
    """A matrix whose rows lie side by side: the same, or a copy for as long as the product takes."""
    if array.strides[-1] in (0, 1) or columns == 1:
        return array
    fresh = source.array(array.shape, None)
    copy(source.code, array, fresh, array.shape)
    source.give_back(fresh, None)
    return fresh


def turned(array: Array) -> Array:
    """The transpose, as a view."""
    return replace(array, shape=array.shape[::-1], strides=array.strides[::-1])
