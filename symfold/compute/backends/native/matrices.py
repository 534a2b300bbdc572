"""Matrix products in a block: the direction of vectors, and elementwise values fused while sums are in registers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from symfold.compute.backends.native.arrays import Array, permuted
from symfold.compute.backends.native.folds import entry
from symfold.compute.backends.native.instructions import Index, Reg
from symfold.compute.backends.native.products import address, inner_products, packed_rows, product
from symfold.core.nodes import Node
from symfold.core.primitives import Apply

if TYPE_CHECKING:
    from symfold.compute.backends.native.body import Body


class Sums:
    """The sums of a product: stored, if anything reads them from memory, and passed in registers to a chunk."""

    def __init__(self, body: Body, node: Node):
        self.body, self.node, self.code = body, node, body.code
        body.put(node, None)  # its elementwise users are ready now
        self.chunk = body.chunk(body.kind(node), in_registers=node)
        inside = set(self.chunk.order) if self.chunk else set()
        if self.chunk is None or node in body.pinned or not inside.issuperset(body.users.get(node, [])):
            body.refs[node] = body.target(node)
        self.target: Array | None = body.refs[node]
        self.outputs = [*(self.chunk.writes.values() if self.chunk else ()), *([self.target] if self.target else [])]

    def write(self, position: Sequence[Index], axis: int, sums: Reg) -> None:
        """Write a vector of sums along an axis of the result, from a position on."""

        def where(array: Array) -> tuple[str, int]:
            return address(self.code, array, array.strides, position), array.strides[axis] if array.strides else 0

        if self.target is not None:
            self.code.store(sums, *where(self.target))
        if self.chunk is not None:
            self.chunk.write(self.code, where, sums.lanes, {self.node: sums})

    def done(self) -> Array | None:
        if self.chunk is not None:
            self.body.done(self.chunk)
        return self.target


def write_product(body: Body, node: Node[Apply], left: Array, right: Array) -> Array | None:
    """A matrix product, fused with elementwise values of it while its sums are in registers."""
    code, rows, columns = body.code, len(left.shape) > 1, len(right.shape) > 1
    sums = Sums(body, node)
    lead = [int(size) for size in node.shape[: len(node.shape) - rows - columns]]
    extents = body.source.extents(node.shape, body.axes[node])
    height, breadth = (extents[len(lead)] if rows else 1), (extents[-1] if columns else 1)
    a = left if rows else replace(left, shape=(1, *left.shape), strides=(0, *left.strides))
    b = right if columns else replace(right, shape=(*right.shape, 1), strides=(*right.strides, 0))
    a, b = a.spread((*lead, *a.shape[-2:])), b.spread((*lead, *b.shape[-2:]))
    samples_inside = rows and sums.outputs[0].strides[len(lead)] == 1 and a.strides[-2] == 1 and height > 1

    by_sums = (
        a.strides[-1] == 1
        and b.strides[-2] == 1
        and not samples_inside
        and (min(height, breadth) < 8 or height * breadth <= 64)
    )
    if samples_inside:
        a, b, height, breadth = transposed(b), transposed(a), breadth, height
    axis = len(lead) + rows + columns - 1 - samples_inside

    def matrices(position: list[Index], a: Array, b: Array) -> list[Reg]:
        if len(a.shape) > 2:
            code.loop(a.shape[0], lambda k, _: matrices([*position, k], entry(code, a, k), entry(code, b, k)))
            return []

        def store(i: Index, j: Index, reg: Reg) -> None:
            if samples_inside:
                i, j = j, i
            sums.write([*position, *([i] if rows else []), *([j] if columns else [])], axis, reg)

        if by_sums:
            inner_products(code, a, b, store)
        else:
            product(body.source, a, b, store, height, breadth)
        return []

    with nullcontext(a) if by_sums else packed_rows(body.source, a, 1, breadth) as a, code.kernel():
        matrices([], a, b)
    return sums.done()


def transposed(array: Array) -> Array:
    """The matrices transposed, as a view."""
    return permuted(array, [*range(len(array.shape) - 2), -1, -2])
