"""Row lookup: rows of a table by constant positions or computed row numbers, and its adjoint, which adds rows.

A valid row number is whole and less than the number of rows. Inputs are checked before the code runs
(`row_number_inputs`); a computed number that is invalid reads nan and adds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.code import Code
from symfold.compute.backends.native.copies import copy, fill
from symfold.compute.backends.native.folds import entry
from symfold.compute.backends.native.instructions import Index, Reg
from symfold.compute.backends.native.loops import Where, everywhere, fetch
from symfold.compute.backends.native.writer import Source
from symfold.core.nodes import Node
from symfold.core.primitives import Apply

RowBody = Callable[[Index, Reg, Array], None]  # a row number, nan if it is invalid (else 0), and its entry


def at_positions(source: Source, positions: Sequence[int], row: Callable[[str, str], None]) -> None:
    """`row(k, position)` for every position, from a constant table."""
    code = source.code
    table = code.table(positions)

    def step(index: str, _: list[Reg]) -> list[Reg]:
        address = code.define(f"getelementptr i64, ptr {table}, i64 {index}")
        row(index, code.define(f"load i64, ptr {address}, align 8"))
        return []

    code.loop(len(positions), step)


def write_take_row(
    source: Source,
    node: Node[Apply],
    args: Sequence[Array],
    axes: Sequence[int | None],
    target: Array,
    axis: int | None,
) -> None:
    """Rows at constant positions."""
    code, extents = source.code, source.extents(target.shape[1:], axis)

    def row(k: str, position: str) -> None:
        copy(code, entry(code, args[0], position), entry(code, target, k), extents)

    with code.kernel():
        at_positions(source, dict(node.op.attributes)["positions"], row)


def write_add_rows(
    source: Source,
    node: Node[Apply],
    args: Sequence[Array],
    axes: Sequence[int | None],
    target: Array,
    axis: int | None,
) -> None:
    """Rows added at constant positions."""
    code, extents = source.code, source.extents(target.shape[1:], axis)
    fill(code, target, source.extents(target.shape, axis), 0.0)

    def row(k: str, position: str) -> None:
        addend, into = entry(code, args[0], k), entry(code, target, position)

        def add(where: Where, lanes: int) -> None:
            total = code.binary("fadd", fetch(code, where(into), lanes), fetch(code, where(addend), lanes))
            code.store(total, *where(into))

        everywhere(code, extents, [into, addend], add)

    with code.alone():
        at_positions(source, dict(node.op.attributes)["positions"], row)


def write_embed(
    source: Source,
    node: Node[Apply],
    args: Sequence[Array],
    axes: Sequence[int | None],
    target: Array,
    axis: int | None,
) -> None:
    """Rows by computed row numbers."""
    code, (table, numbers) = source.code, args

    def row(number: Index, invalid: Reg, into: Array) -> None:
        table_row = entry(code, table, number)

        def read(where: Where, lanes: int) -> None:
            code.store(code.binary("fadd", fetch(code, where(table_row), lanes), invalid), *where(into))

        everywhere(code, into.shape, [into, table_row], read)

    with code.kernel():
        each_number(code, numbers, target, table.shape[0], row)


def write_add_embedded(
    source: Source,
    node: Node[Apply],
    args: Sequence[Array],
    axes: Sequence[int | None],
    target: Array,
    axis: int | None,
) -> None:
    """Rows added by computed row numbers."""
    code, (bar, _, numbers) = source.code, args
    fill(code, target, target.shape, 0.0)

    def row(number: Index, invalid: Reg, addend: Array) -> None:
        into = entry(code, target, number)

        def add(where: Where, lanes: int) -> None:
            added = code.select("ord", fetch(code, where(addend), lanes), code.number(0), invalid, invalid)
            code.store(code.binary("fadd", fetch(code, where(into), lanes), added), *where(into))

        everywhere(code, addend.shape, [into, addend], add)

    with code.alone():
        each_number(code, numbers, bar, target.shape[0], row)


def each_number(code: Code, numbers: Array, entries: Array, count: int, row: RowBody) -> None:
    """`row` for every row number, with the entry of `entries` at the same place."""
    if numbers.shape:

        def inside(k: Index, _: list[Reg]) -> list[Reg]:
            each_number(code, entry(code, numbers, k), entry(code, entries, k), count, row)
            return []

        code.loop(numbers.shape[0], inside)
        return
    value = code.load(code.at(numbers.base, str(numbers.offset)), 1)
    tests = [("oeq", code.intrinsic("floor", value)), ("oge", code.number(0)), ("olt", code.number(count))]
    flags = [code.define(f"fcmp {test} {code.real} {value.name}, {against.name}") for test, against in tests]
    valid = code.define(f"and i1 {code.define(f'and i1 {flags[0]}, {flags[1]}')}, {flags[2]}")
    integer = code.define(f"fptosi {code.real} {value.name} to i64")
    number = code.define(f"select i1 {valid}, i64 {integer}, i64 0")
    zero, nan = code.number(0).name, code.number(math.nan).name
    invalid = code.define(f"select i1 {valid}, {code.real} {zero}, {code.real} {nan}")
    row(number, Reg(invalid), entries)
