"""Rows of a table by positions that are known, or by numbers that are known when the code runs; and rows added up where they were taken.

A number is a row if it is whole and the table has so many rows. Numbers that are an input are checked before the code runs
(`rows_asked`); for any others that are no row, what is no number is read, and nothing is added.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.code import Code
from symfold.compute.backends.native.copies import copy, fill
from symfold.compute.backends.native.folds import entry
from symfold.compute.backends.native.instructions import Index, Reg
from symfold.compute.backends.native.loops import Where, everywhere, fetch
from symfold.compute.backends.native.writer import Source
from symfold.core.nodes import Node

Row = Callable[
    [Index, Reg, Array], None
]  # the number of a row, nan where it is none and else 0, and what belongs to it


def numbered(source: Source, positions: Sequence[int], row: Callable[[str, str], None]) -> None:
    """`row(k, position)` for every position, from a table in the code."""
    code = source.code
    table = code.table(positions)

    def step(index: str, _: list[Any]) -> list[Any]:
        address = code.define(f"getelementptr i64, ptr {table}, i64 {index}")
        row(index, code.define(f"load i64, ptr {address}, align 8"))
        return []

    code.loop(len(positions), step)


def taken(source: Source, node: Node, args: Sequence[Array], axes: Sequence[Any], target: Array, axis: Any) -> None:
    extents = source.extents(target.shape[1:], axis)
    with source.code.kernel():
        numbered(
            source,
            dict(node.op.attributes)["positions"],
            lambda k, at: copy(source.code, entry(source.code, args[0], at), entry(source.code, target, k), extents),
        )


def rows_added(
    source: Source, node: Node, args: Sequence[Array], axes: Sequence[Any], target: Array, axis: Any
) -> None:
    code, extents = source.code, source.extents(target.shape[1:], axis)
    fill(code, target, source.extents(target.shape, axis), 0.0)

    def row(k: str, position: str) -> None:
        part, into = entry(code, args[0], k), entry(code, target, position)

        def add(where: Any, lanes: int) -> None:
            code.store(
                code.binary("fadd", fetch(code, where(into), lanes), fetch(code, where(part), lanes)), *where(into)
            )

        everywhere(code, extents, [into, part], add)

    with code.alone():
        numbered(source, dict(node.op.attributes)["positions"], row)


def picked(source: Source, node: Node, args: Sequence[Array], axes: Sequence[Any], target: Array, axis: Any) -> None:
    code, (table, numbers) = source.code, args

    def row(number: Index, wrong: Reg, into: Array) -> None:
        taken = entry(code, table, number)

        def read(where: Where, lanes: int) -> None:
            code.store(code.binary("fadd", fetch(code, where(taken), lanes), wrong), *where(into))

        everywhere(code, into.shape, [into, taken], read)

    with code.kernel():
        each_number(code, numbers, target, table.shape[0], row)


def rows_added_at(
    source: Source, node: Node, args: Sequence[Array], axes: Sequence[Any], target: Array, axis: Any
) -> None:
    code, (bar, _, numbers) = source.code, args
    fill(code, target, target.shape, 0.0)

    def row(number: Index, wrong: Reg, part: Array) -> None:
        into = entry(code, target, number)

        def add(where: Where, lanes: int) -> None:
            added = code.select("ord", fetch(code, where(part), lanes), code.number(0), wrong, wrong)
            code.store(code.binary("fadd", fetch(code, where(into), lanes), added), *where(into))

        everywhere(code, part.shape, [into, part], add)

    with code.alone():
        each_number(code, numbers, bar, target.shape[0], row)


def each_number(code: Code, numbers: Array, rows: Array, count: int, row: Row) -> None:
    """`row` for every number, with the part of `rows` that stands where the number does."""
    if numbers.shape:

        def inside(k: Index, _: list[Reg]) -> list[Reg]:
            each_number(code, entry(code, numbers, k), entry(code, rows, k), count, row)
            return []

        code.loop(numbers.shape[0], inside)
        return
    given = code.load(code.at(numbers.base, str(numbers.offset)), 1)
    tests = [("oeq", code.intrinsic("floor", given)), ("oge", code.number(0)), ("olt", code.number(count))]
    flags = [code.define(f"fcmp {test} {code.real} {given.name}, {other.name}") for test, other in tests]
    valid = code.define(f"and i1 {code.define(f'and i1 {flags[0]}, {flags[1]}')}, {flags[2]}")
    whole = code.define(f"fptosi {code.real} {given.name} to i64")
    number = code.define(f"select i1 {valid}, i64 {whole}, i64 0")
    wrong = code.define(
        f"select i1 {valid}, {code.real} {code.number(0).name}, {code.real} {code.number(math.nan).name}"
    )
    row(number, Reg(wrong), rows)
