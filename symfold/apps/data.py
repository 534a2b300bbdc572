"""Tables of numbers: read from CSV, split by a seed, put on one scale."""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray, quoted
from symfold.base.decimals import decimal
from symfold.base.files import reading
from symfold.base.results import Result
from symfold.errors import DataError, listing, plural

MAX_BYTES = 2**30  # of a CSV file
MAX_NAME = 1_000  # characters of a column's name
Array = np.ndarray[Any, np.dtype[np.float64]]
ROUNDING = 8 * np.finfo(float).eps  # the relative difference that rounding alone may cause


@dataclass(frozen=True, eq=False)
class Table(Result):
    """Named columns of numbers, one row per sample."""

    source: str
    columns: tuple[str, ...]
    values: Array
    texts: tuple[str, ...] = ()  # of the column of labels, if there is one; its values are nan where they are words

    def __len__(self) -> int:
        return len(self.values)

    def select(self, names: Sequence[str]) -> Array:
        """The columns of these names, in this order.

        >>> Table("t.csv", ("a", "b"), np.array([[1.0, 2.0]])).select(["b"])
        array([[2.]])
        """
        return self.values[:, places(self.source, names, self.columns)]


def places(source: str, names: Sequence[str], columns: Sequence[str]) -> list[int]:
    """The places of columns by name; an error that lists the columns if one is missing."""
    place = {name: k for k, name in enumerate(columns)}
    for name in names:
        if name not in place:
            raise DataError(f"{source!r} has no column {quoted(name)} (its columns: {named(columns)})")
    return [place[name] for name in names]


def named(columns: Sequence[str]) -> str:
    """The names of columns for a message."""
    return listing((name if len(name) <= 40 else f"{name[:37]}..." for name in columns), 20)


def read_table(path: str | Path, only: Sequence[str] | None = None, labels: str | None = None) -> Table:
    """The table in a CSV file, whose first row names the columns; with `only`, just those columns must be numbers.

    The column `labels` may hold words.

    >>> read_table("no-such-file.csv")
    Traceback (most recent call last):
    ...
    symfold.errors.DataError: cannot read 'no-such-file.csv': no such file or directory
    """
    source = str(path)
    with reading(path, MAX_BYTES) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, strict=True)
        try:
            return _read(source, reader, only, labels)
        except UnicodeDecodeError:
            where = f" after line {reader.line_num}" if reader.line_num else ""
            raise DataError(
                f"cannot read {source!r}: it is not UTF-8 text{where} (give a CSV file, saved as UTF-8)"
            ) from None


def _lines(source: str, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """The nonblank rows, each with its line number in the file."""
    try:
        for row in reader:
            if row and (len(row) > 1 or row[0].strip()):
                yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"cannot read {source!r}, line {reader.line_num}: {error} (give a CSV file)") from None


def _read(source: str, reader: object, only: Sequence[str] | None, labels: str | None) -> Table:
    lines = _lines(source, reader)
    header = next(lines, None)
    if header is None:
        raise DataError(f"{source!r} is empty (the first row names the columns, each further row is a sample)")
    columns = tuple(name.strip() for name in header[1])
    seen: set[str] = set()
    for position, name in enumerate(columns):
        if not name:
            raise DataError(f"{source!r}: column {position + 1} has no name (the first row names the columns)")
        if name in seen:
            raise DataError(f"{source!r}: two columns are named {quoted(name)} (rename one)")
        if len(name) > MAX_NAME or "\0" in name:
            raise DataError(
                f"{source!r}: column {position + 1} is named {quoted(name)} "
                f"(a name has at most {MAX_NAME:,} characters, and no NUL)"
            )
        seen.add(name)
    wanted = columns if only is None else tuple(only)
    positions = places(source, wanted, columns)
    place = places(source, [labels], columns)[0] if labels is not None else -1
    values, texts, count = array("d"), [], 0
    for line, row in lines:
        if len(row) != len(columns):
            raise DataError(
                f"{source!r}, line {line}: {len(row)} values in a table of {len(columns)} columns ({named(columns)})"
            )
        count += 1
        if labels is not None:
            texts.append(row[place].strip())
        values.extend(
            [
                math.nan if k == place and is_word(row[k]) else _number(source, line, columns[k], row[k])
                for k in positions
            ]
        )
    if not count:
        raise DataError(f"{source!r} has no rows under its header (each further row is a sample)")
    numbers = np.array(values).reshape(count, len(wanted))
    return Table(source, wanted, numbers, tuple(texts) if np.isnan(numbers).any() else ())


def is_word(text: str) -> bool:
    """Whether a cell is a label in words: neither a number, nor empty, nor a number that is not finite.

    >>> is_word("setosa"), is_word("1.5"), is_word(""), is_word("nan")
    (True, False, False, False)
    """
    try:
        decimal(text)
    except ValueError:
        return text.strip().lower().lstrip("+-") not in ("", "nan", "inf", "infinity")
    return False


def _number(source: str, line: int, column: str, text: str) -> float:
    try:
        value = decimal(text)
        reason = "is not a finite number"
    except ValueError:
        value = math.nan
        word = text.strip().lower().lstrip("+-")
        reason = (
            "is empty"
            if not word
            else "is not a finite number"
            if word in ("nan", "inf", "infinity")
            else "is not a number"
        )
    if not math.isfinite(value):
        raise DataError(
            f"{source!r}, line {line}, column {quoted(column)}: {text[:40]!r} {reason} "
            "(give numbers only, such as -1.5e3; drop or fill what is missing)"
        )
    return value


def split_rows(count: int, fraction: float, seed: int) -> tuple[NumpyArray, NumpyArray]:
    """The rows to train on and those to test on, by a seed: at least two to train on and one to test on.

    >>> [part.tolist() for part in split_rows(5, 0.2, seed=0)]
    [[0, 1, 3, 4], [2]]
    """
    if not 0 < fraction < 1:
        raise DataError(f"the test fraction is {fraction} (must be between 0 and 1)")
    test = max(1, round(count * fraction))
    if count - test < 2:
        raise DataError(
            f"{plural(count, 'row')}: too few, since {test} to test on leaves {max(0, count - test)} to train on "
            "(at least 2; give more rows)"
        )
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[test:]), np.sort(order[:test])


@dataclass(frozen=True, eq=False)
class Scale(Result):
    """Each column's mean and standard deviation, to standardize it and to restore it."""

    mean: Array
    deviation: Array

    @classmethod
    def of(cls, values: Array) -> Scale:
        """The scale of these rows; a column that is constant up to rounding keeps its unit.

        >>> Scale.of(np.array([[1.0, 7.0], [3.0, 7.0]])).standardize(np.array([[5.0, 8.0]]))
        array([[3., 1.]])
        """
        first = values[0]
        with np.errstate(over="ignore", invalid="ignore"):
            shifted = values - first  # exactly 0 for a constant column, whose plain mean would be rounded
            mean, deviation = first + shifted.mean(axis=0), shifted.std(axis=0)
            rounding = ROUNDING * np.abs(values).max(axis=0)
        if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
            raise DataError("the numbers of a column are too large to standardize (give it another unit)")
        return cls(mean, np.where(deviation > rounding, deviation, 1.0))

    def standardize(self, values: Array) -> Array:
        scaled: Array = (values - self.mean) / self.deviation
        return scaled

    def restore(self, values: Array) -> Array:
        restored: Array = values * self.deviation + self.mean
        return restored
