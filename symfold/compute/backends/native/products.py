"""Matrix products by tiles: rows by vectors of sums in registers, from which elementwise values are computed.

Vectors run along the columns; along the rows if those are contiguous (the transposed product); or along the summed
axis, if it is contiguous in both factors and the result is small.

A tile holds as many sums as fit into the registers beside a row of vectors and one factor. Strips of columns that lie
far apart in memory are packed before their tiles read them, and so is a left factor whose sums pass over many pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from math import prod

from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.code import Code, pieces
from symfold.compute.backends.native.copies import copy
from symfold.compute.backends.native.instructions import Index, Reg
from symfold.compute.backends.native.writer import Source

Store = Callable[[Index, Index, Reg], None]  # row, column of the first lane, sums

APART = 16  # pack the strips of a right factor if its rows are as many strips apart
REUSED = 3  # and as many tiles read each strip
SPAN = 2**23  # bytes: pack a left factor if the sums of a row of tiles pass over as many
TALLEST = {1: 14, 2: 8, 3: 8, 4: 8}  # rows by vectors of columns: more are more code, and no faster


@dataclass(frozen=True)
class Tile:
    """The sums in registers: rows by vectors of some lanes."""

    rows: int
    vectors: int
    lanes: int

    @property
    def columns(self) -> int:
        return self.vectors * self.lanes


def tile_of(registers: int, rows: int, vectors: int, lanes: int) -> Tile:
    """The tile of a product of some rows by some vectors of columns, which it divides: its code is written once.

    >>> tile_of(16, 256, 64, 4), tile_of(16, 256, 9, 4), tile_of(32, 10, 64, 8)
    (Tile(rows=6, vectors=2, lanes=4), Tile(rows=4, vectors=3, lanes=4), Tile(rows=5, vectors=4, lanes=8))
    """
    wide = next(w for w in ((2, 3, 1) if registers == 16 else (4, 3, 2, 1)) if vectors % w == 0)
    high = min((registers - wide - 1) // wide, TALLEST[wide])
    return Tile(-(-rows // -(-rows // high)), wide, lanes)


def product(source: Source, left: Array, right: Array, store: Store, rows: int, columns: int) -> None:
    """left (rows x inner...) times right (inner... x columns), by vectors of columns."""
    code, start = source.code, 0
    if not rows:
        return
    for count, lanes in pieces(columns, code.width):
        tile = tile_of(code.processor.registers, rows, count if lanes == code.width else 1, lanes)
        write_strips(source, left, right.moved(-1, start, count * lanes), store, rows, tile, start)
        start += count * lanes


def write_strips(source: Source, left: Array, right: Array, store: Store, rows: int, tile: Tile, start: int) -> None:
    """All strips of some columns: each is all rows by the columns of a tile."""
    code, shape = source.code, (*right.shape[:-1], tile.columns)
    count = right.shape[-1] // tile.columns
    by_rows = code.dividing and count < min(code.threads, rows // tile.rows)  # what the threads divide
    with source.own_array(shape) if is_packed(right, rows, tile) else nullcontext() as packed:

        def strip(k: Index, _: list[Reg]) -> list[Reg]:
            column = code.times(k, tile.columns)
            factor = based(code, replace(right, shape=shape), column)
            if packed:
                with code.divided(False):
                    copy(code, factor, packed, shape)
                factor = packed
            column = code.plus(column, str(start))

            def tiles(row: Index, tile: Tile) -> list[Reg]:
                write_tile(code, left, factor, store, row, column, tile)
                return []

            with code.divided(by_rows or code.dividing):
                code.loop(rows // tile.rows, lambda i, _: tiles(code.times(i, tile.rows), tile))
            if rows % tile.rows:
                tiles(str(rows - rows % tile.rows), replace(tile, rows=rows % tile.rows))
            return []

        with code.divided(code.dividing and not by_rows):
            code.loop(count, strip)


def is_packed(right: Array, rows: int, tile: Tile) -> bool:
    """Whether to pack each strip of the right factor: its vectors are far apart, and enough tiles read them."""
    if right.strides[-1] == 0 or prod(right.shape[:-1]) < 2:
        return False
    apart = abs(right.strides[-2]) >= APART * tile.columns and rows >= REUSED * tile.rows
    return right.strides[-1] != 1 or apart


@contextmanager
def packed_rows(source: Source, left: Array, inner: int, columns: int) -> Iterator[Array]:
    """A left factor, summed over its last `inner` axes: packed if it is read often and sums pass over many pages."""
    code = source.code
    tile = tile_of(code.processor.registers, 1, max(columns // code.width, 1), code.width)
    span = max((abs(step) * size for step, size in zip(left.strides[-inner:], left.shape[-inner:], strict=True)))
    if left.strides[-1] == 1 or span * code.dtype.itemsize * (columns // tile.columns) < SPAN:
        yield left
        return
    shape = tuple(1 if stride == 0 else size for size, stride in zip(left.shape, left.strides, strict=True))
    fresh = source.array(shape, None)
    copy(code, replace(left, shape=shape), fresh, shape)
    yield fresh.spread(left.shape)
    source.give_back(fresh, None)


def write_tile(code: Code, left: Array, right: Array, store: Store, row: Index, column: Index, tile: Tile) -> list[Reg]:
    """A tile: some rows by some vectors of columns, summed over the inner axes; `right` begins at its first column."""
    at_row = code.plus(str(left.offset), code.times(row, left.strides[0]))
    stride = right.strides[-1]

    def add(place: Sequence[Index], sums: list[Reg]) -> list[Reg]:
        from_left = moved(code, at_row, place, left.strides[1:])
        from_right = moved(code, str(right.offset), place, right.strides[:-1])
        vectors = [
            code.load(code.at(right.base, code.plus(from_right, str(v * tile.lanes * stride))), tile.lanes, stride)
            for v in range(tile.vectors)
        ]
        after = []
        for r in range(tile.rows):
            factor = code.load(code.at(left.base, code.plus(from_left, str(r * left.strides[0]))), 1)
            splat = code.splat(factor, tile.lanes)
            after += [code.fma(splat, vector, sums[r * tile.vectors + v]) for v, vector in enumerate(vectors)]
        return after

    sums = over(code, left.shape[1:], add, [code.number(0, tile.lanes)] * (tile.rows * tile.vectors))
    for r in range(tile.rows):
        for v in range(tile.vectors):
            store(code.plus(row, str(r)), code.plus(column, str(v * tile.lanes)), sums[r * tile.vectors + v])
    return []


def inner_products(code: Code, left: Array, right: Array, store: Store) -> None:
    """The same product by vectors along the last inner axis: for a small result of a long sum."""
    rows, *outer, inner = left.shape
    columns = right.shape[-1]
    # the sums and a vector of each factor per row and column stay in registers
    high, wide = max(1, min(rows, 4)), max(1, min(columns, 2 if code.processor.registers == 16 else 4))

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


def based(code: Code, array: Array, start: Index) -> Array:
    """An array from an entry on along its last axis, at an index computed by the code."""
    offset = code.plus(str(array.offset), code.times(start, array.strides[-1]))
    return replace(array, base=code.at(array.base, offset), offset=0)
