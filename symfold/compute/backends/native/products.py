"""Matrix products by tiles: rows by vectors of sums in registers, from which elementwise values are computed.

Vectors run along the columns; along the rows if those are contiguous (the transposed product); or along the summed
axis, if it is contiguous in both factors and the result is small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.code import Code, pieces
from symfold.compute.backends.native.instructions import Index, Reg

Store = Callable[[Index, Index, Reg], None]  # row, column of the first lane, sums
Sizes = tuple[int, int, int, tuple[int, ...]]  # of a tile: rows, vectors of columns, lanes, inner axes


def product(code: Code, left: Array, right: Array, store: Store, rows: int, columns: int) -> None:
    """left (rows x inner...) times right (inner... x columns), by vectors of columns, at stride 1 or 0 in `right`."""
    inner = left.shape[1:]
    start = 0
    for count, lanes in pieces(columns, code.width):
        wide = max(w for w in (4, 3, 2, 1) if count % w == 0 or w == 1) if lanes == code.width else 1
        high = max(1, min(code.processor.registers * 3 // 4 // wide, 12 if wide == 1 else 8))

        code.loop(count // wide, partial(strip, code, left, right, store, rows, (high, wide, lanes, inner), start))
        start += count * lanes


def strip(
    code: Code, left: Array, right: Array, store: Store, rows: int, sizes: Sizes, start: int, index: Index, _: list[Reg]
) -> list[Reg]:
    """A strip of tiles: all rows by some vectors of columns."""
    high, wide, lanes, inner = sizes
    column = code.plus(code.times(index, lanes * wide), str(start))
    code.loop(rows // high, lambda i, _: tile(code, left, right, store, code.times(i, high), column, sizes))
    if rows % high:
        tile(code, left, right, store, str(rows // high * high), column, (rows % high, wide, lanes, inner))
    return []


def tile(code: Code, left: Array, right: Array, store: Store, row: Index, column: Index, sizes: Sizes) -> list[Reg]:
    """A tile: some rows by some vectors of columns, summed over the inner axes."""
    high, wide, lanes, inner = sizes
    at_row = code.plus(str(left.offset), code.times(row, left.strides[0]))
    at_column = code.plus(str(right.offset), code.times(column, right.strides[-1]))

    def add(place: Sequence[Index], sums: list[Reg]) -> list[Reg]:
        from_left = moved(code, at_row, place, left.strides[1:])
        from_right = moved(code, at_column, place, right.strides[:-1])
        vectors = [
            code.load(
                code.at(right.base, code.plus(from_right, str(v * lanes * right.strides[-1]))), lanes, right.strides[-1]
            )
            for v in range(wide)
        ]
        after = []
        for r in range(high):
            factor = code.load(code.at(left.base, code.plus(from_left, str(r * left.strides[0]))), 1)
            after += [
                code.fma(code.splat(factor, lanes), vector, sums[r * wide + v]) for v, vector in enumerate(vectors)
            ]
        return after

    sums = over(code, inner, add, [code.number(0, lanes)] * (high * wide))
    for r in range(high):
        for v in range(wide):
            store(code.plus(row, str(r)), code.plus(column, str(v * lanes)), sums[r * wide + v])
    return []


def inner_products(code: Code, left: Array, right: Array, store: Store) -> None:
    """The same product by vectors along the last inner axis: for a small result of a long sum."""
    rows, *outer, inner = left.shape
    columns = right.shape[-1]
    high, wide = max(1, min(rows, 4)), max(1, min(columns, 4))

    def block(i: Index, j: Index, r: int, c: int) -> list[Reg]:
        totals = [code.number(0)] * (r * c)
        start = 0
        for count, lanes in pieces(inner, code.width):

            def add(place: Sequence[Index], sums: list[Reg], lanes: int = lanes, start: int = start) -> list[Reg]:
                at = [*place[:-1], code.plus(code.times(place[-1], lanes), str(start))]
                a = [code.load(address(code, left, left.strides, [code.plus(i, str(q)), *at]), lanes) for q in range(r)]
                b = [
                    code.load(
                        address(code, right, (right.strides[-1], *right.strides[:-1]), [code.plus(j, str(q)), *at]),
                        lanes,
                    )
                    for q in range(c)
                ]
                return [code.fma(x, y, sums[p * c + q]) for p, x in enumerate(a) for q, y in enumerate(b)]

            part = over(code, (*outer, count), add, [code.number(0, lanes)] * (r * c))
            totals = [code.binary("fadd", total, code.total(reg)) for total, reg in zip(totals, part, strict=True)]
            start += count * lanes
        for p in range(r):
            for q in range(c):
                store(code.plus(i, str(p)), code.plus(j, str(q)), totals[p * c + q])
        return []

    def across(i: Index, r: int) -> list[Reg]:
        code.loop(columns // wide, lambda j, _: block(i, code.times(j, wide), r, wide))
        if columns % wide:
            block(i, str(columns // wide * wide), r, columns % wide)
        return []

    code.loop(rows // high, lambda i, _: across(code.times(i, high), high))
    if rows % high:
        across(str(rows // high * high), rows % high)


def over(
    code: Code,
    extents: Sequence[int],
    body: Callable[[Sequence[Index], list[Reg]], list[Reg]],
    carried: Sequence[Reg],
    place: Sequence[Index] = (),
) -> list[Reg]:
    """The body at every place of these axes, with carried values."""
    if not extents:
        return body(place, list(carried))
    return code.loop(extents[0], lambda k, inside: over(code, extents[1:], body, inside, [*place, k]), carried)


def moved(code: Code, offset: Index, place: Sequence[Index], strides: Sequence[int]) -> Index:
    """An offset moved by indices along some axes."""
    for index, stride in zip(place, strides, strict=True):
        offset = code.plus(offset, code.times(index, stride))
    return offset


def address(code: Code, array: Array, strides: Sequence[int], place: Sequence[Index]) -> str:
    """The address of an array's entry at a place computed by the code."""
    return code.at(array.base, moved(code, str(array.offset), place, strides))
