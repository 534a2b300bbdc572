"""Tables: what is read, how it is split and scaled, and what is said of a bad one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symfold.apps.data import Scale, read_table, split_rows
from symfold.errors import DataError

DIABETES = Path(__file__).parents[2] / "examples" / "diabetes.csv"

BAD = {
    "empty": (b"", ["is empty"]),
    "blank": (b"\n\n", ["is empty"]),
    "header only": (b"a,b\n", ["no rows"]),
    "ragged": (b"a,b\n1,2\n3\n", ["line 3", "1 values", "2 columns"]),
    "ragged long": (b"a,b\n1,2,3\n", ["line 2", "3 values"]),
    "word": (b"a,b\n1,2\n3,four\n", ["line 3", "'b'", "'four'", "not a number"]),
    "hole": (b"a,b\n1,\n", ["line 2", "'b'", "empty"]),
    "nan": (b"a,b\n1,nan\n", ["line 2", "'b'", "finite"]),
    "inf": (b"a,b\n-inf,1\n", ["line 2", "'a'", "finite"]),
    "underscore": (b"a,b\n1_0,1\n", ["line 2", "'1_0'"]),
    "twice": (b"a,a\n1,2\n", ["two columns", "'a'"]),
    "nameless": (b"a,\n1,2\n", ["column 2 has no name"]),
    "binary": (b"\xff\xfe\x00\x01", ["UTF-8"]),
    "open quote": (b'a,b\n"1,2\n', ["line 2", "CSV"]),
    "digits of another script": ("a,b\n1,٣\n".encode(), ["line 2", "'b'", "'٣'", "not a number"]),
    "another point": ("a,b\n1,1\u00a0000\n".encode(), ["line 2", "not a number"]),
    "hexadecimal": (b"a,b\n1,0x10\n", ["line 2", "not a number"]),
    "too large": (b"a,b\n1,1e999\n", ["line 2", "finite"]),
    "NUL in a name": (b"a,b\0\n1,2\n", ["column 2", "NUL"]),
    "a long name": (b"a," + b"b" * 2000 + b"\n1,2\n", ["column 2", "1,000 characters"]),
    "two long names": (b"a" * 900 + b"," + b"a" * 900 + b"\n1,2\n", ["two columns"]),
    "terminal escapes": (b"a\x1b[31m,b\n1,2\n3\n", ["line 3", "a\\x1b[31m, b"]),
    "lines in a name": (b'"a\nb",c\n1,x\n', ["line 3", "'c'", "not a number"]),
    "many columns": (b",".join(b"c%d" % k for k in range(5000)) + b"\n1,2\n", ["line 2", "5000 columns", "c19, ..."]),
    "not UTF-8 far below": (b"a,b\n" + b"1,2\n" * 5000 + b"\xff\n", ["UTF-8"]),
    "too long a cell": (b"a,b\n" + b"1" * 200_000 + b",2\n", ["line 2", "CSV"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_tables_are_told_in_one_line(case: str, tmp_path: Path) -> None:
    content, words = BAD[case]
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_table(path)
    message = str(error.value)
    assert all(word in message for word in [*words, "bad.csv"]), message
    assert "\n" not in message and len(message) < 400 + len(str(path))


def test_one_syntax_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,c,d,e\n 1 ,-.5,+2.,\t1e3,1.5E-2\n")
    assert read_table(path).values.tolist() == [[1.0, -0.5, 2.0, 1000.0, 0.015]]


def test_many_columns_are_read_in_linear_time(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{k}" for k in range(100_000)) + "\n" + ",".join("1" * 100_000) + "\n")
    begin = time.process_time()
    table = read_table(path)
    assert table.select(table.columns).shape == (1, 100_000)
    assert time.process_time() - begin < 5  # 0.3 s; 300 s if each column were sought in the list


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", Path("/dev/zero")):
        with pytest.raises(DataError, match="not a regular file"):
            read_table(path)
    with pytest.raises(DataError, match="embedded null"):
        read_table("a\0.csv")
    with open(tmp_path / "large.csv", "wb") as file:
        file.truncate(2**31)
    with pytest.raises(DataError, match="2,147,483,648 bytes"):
        read_table(tmp_path / "large.csv")


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(DataError, match="is a directory"):
        read_table(tmp_path)


def test_the_diabetes_table() -> None:
    table = read_table(DIABETES)
    assert len(table) == 442 and table.columns == ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6", "target")
    assert table.select(["target"]).mean() == pytest.approx(152.13348416289594)
    with pytest.raises(DataError, match=r"no column 'weight' \(its columns: age, sex"):
        table.select(["weight"])


def test_only_what_is_wanted_need_be_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\ufeffname, a\nann,1\n\nbob,2\n", encoding="utf-8")
    assert read_table(path, only=["a"]).values.tolist() == [[1.0], [2.0]]


@given(st.integers(4, 200), st.floats(0.01, 0.5), st.integers(0, 5))
def test_a_split_is_a_partition_and_the_seed_decides(count: int, fraction: float, seed: int) -> None:
    train, test = split_rows(count, fraction, seed)
    assert sorted([*train, *test]) == list(range(count))
    assert len(test) >= 1 and len(train) >= 2
    again = split_rows(count, fraction, seed)
    assert (train == again[0]).all() and (test == again[1]).all()


@pytest.mark.parametrize(
    ("count", "fraction", "words"), [(2, 0.2, "too few"), (10, 0.95, "too few"), (10, 0.0, "between"), (10, 1.5, "between")]
)
def test_splits_that_cannot_be(count: int, fraction: float, words: str) -> None:
    with pytest.raises(DataError, match=words):
        split_rows(count, fraction, 0)


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2), min_size=2, max_size=20))
def test_scaling_there_and_back(rows: list[list[float]]) -> None:
    values = np.array(rows)
    scale = Scale.of(values)
    assert np.allclose(scale.restore(scale.standardize(values)), values, atol=1e-6)


@pytest.mark.parametrize("rows", [2, 10, 1000, 100_000])
@pytest.mark.parametrize("value", [0.1, 1 / 3, 7.0, -1e-300, 1e140, 0.0])
def test_a_column_that_is_constant_up_to_rounding_keeps_its_unit(rows: int, value: float) -> None:
    values = np.full((rows, 2), value)
    values[1::2, 1] = np.nextafter(value, np.inf)
    scale = Scale.of(values)
    assert scale.deviation.tolist() == [1.0, 1.0] and scale.mean[0] == value
    np.testing.assert_array_equal(scale.standardize(values)[:, 0], 0.0)


def test_small_differences_that_are_no_rounding_are_a_scale() -> None:
    values = 1.0 + np.array([[0.0], [1e-12]])
    assert Scale.of(values).deviation[0] == pytest.approx(5e-13, rel=1e-3)


def test_a_scale_out_of_reach() -> None:
    with pytest.raises(DataError, match="too large"):
        Scale.of(np.array([[1e308], [-1e308]]))
