"""Models on disk: kept whole, read without pickle, and never believed unseen."""

from __future__ import annotations

import io
import os
import time
import tracemalloc
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symfold.apps.data import Scale
from symfold.apps.regression import Model, Shape
from symfold.apps.saved import load_model, save_model
from symfold.errors import DataError


def model(mapper: str = "residual") -> Model:
    shape = Shape(mapper, 2, 3, "tanh", ("a", "größe"), "y")
    rng = np.random.default_rng(0)
    params = {p.op.name: rng.normal(size=p.shape) for p in shape.net().params}
    scale, target_scale = Scale(np.array([1.0, 2.0]), np.array([3.0, 4.0])), Scale(np.array([5.0]), np.array([6.0]))
    return Model(shape, params, scale, target_scale, np.array([0, 2]), np.array([1]))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.npz"
    save_model(path, model())
    return path


def rewritten(path: Path, **changes: Any) -> Path:
    """The same file with some arrays changed (None: left out)."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays.update(changes)
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def refused(path: Path) -> str:
    with pytest.raises(DataError) as error:
        load_model(path)
    message = str(error.value)
    assert "\n" not in message and path.name in message
    return message


def test_saved_and_back(saved: Path) -> None:
    before, after = model(), load_model(saved)
    assert after.shape == before.shape
    assert {name: value.tolist() for name, value in after.params.items()} == {n: v.tolist() for n, v in before.params.items()}
    assert after.scale.mean.tolist() == [1.0, 2.0] and after.target_scale.deviation.tolist() == [6.0]
    assert after.train_rows.tolist() == [0, 2] and after.test_rows.tolist() == [1]
    assert [p.name for p in saved.parent.iterdir()] == ["model.npz"]


def test_equal_models_give_equal_predictions(saved: Path) -> None:
    rows = np.array([[0.5, 1.0], [2.0, -3.0]])
    m = model()
    state = ((rows - [1.0, 2.0]) / [3.0, 4.0]) @ m.params["W_into"] + m.params["b_into"]
    for k in "12":
        state = np.tanh(state @ m.params["W" + k] + m.params["b" + k]) + state
    expected = ((state @ m.params["W_out"] + m.params["b_out"]) * 6.0 + 5.0)[:, 0]
    assert load_model(saved).predict(rows) == pytest.approx(expected, rel=1e-12)


def test_no_pickle_is_read(saved: Path) -> None:
    assert "Object arrays" in refused(rewritten(saved, mean=np.array([{"a": 1}, None], dtype=object)))


def test_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "foreign.npz"
    assert "no such file" in refused(path)
    for content in (b"", b"a,b\n1,2\n", b"PK\x03\x04", bytes(range(256)) * 10, b"\x80\x04K\x01."):
        path.write_bytes(content)
        assert "npz" in refused(path)
    np.save(tmp_path / "array.npy", np.zeros(3))
    path.write_bytes((tmp_path / "array.npy").read_bytes())
    assert "npz" in refused(path)
    np.savez(path, weights=np.zeros(3))
    assert "not a symfold model" in refused(path)


def test_truncated_anywhere(saved: Path) -> None:
    whole = saved.read_bytes()
    for length in range(0, len(whole) - 1, 37):
        saved.write_bytes(whole[:length])
        refused(saved)


def test_a_damaged_byte_is_refused_or_harmless(saved: Path) -> None:
    whole, rng = saved.read_bytes(), np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        saved.write_bytes(bytes(damaged))
        try:
            load_model(saved)
        except DataError as error:
            assert "\n" not in str(error)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a missing entry": ({"depth": None}, "'depth' is missing"),
    "a missing parameter": ({"parameter W1": None}, "'parameter W1' is missing"),
    "one parameter too many": ({"parameter W9": np.zeros((3, 3))}, "no layer"),
    "a parameter's shape": ({"parameter W1": np.zeros((3, 4))}, "shape (3, 4) instead of (3, 3)"),
    "a parameter of text": ({"parameter W1": np.array("a")}, "not an array of numbers"),
    "a parameter that is not finite": ({"parameter b1": np.full((1, 3), np.nan)}, "not finite"),
    "a scale's shape": ({"mean": np.zeros(3)}, "shape (3,) instead of (2,)"),
    "a deviation of zero": ({"deviation": np.array([3.0, 0.0])}, "'deviation' holds numbers that are not positive"),
    "a negative deviation": ({"target_deviation": np.array([-6.0])}, "'target_deviation' holds numbers that are not positive"),
    "a row that is not there": ({"train_rows": np.array([0, 7])}, "'train_rows' and 'test_rows' do not hold each row once"),
    "a negative row": ({"test_rows": np.array([-1])}, "do not hold each row once"),
    "a row to train and to test on": ({"test_rows": np.array([0, 1])}, "do not hold each row once"),
    "a column twice": ({"columns": np.array(["a", "a"])}, "'columns' holds a name twice"),
    "the target as a column": ({"target": "a"}, "one of the columns"),
    "another version": ({"format": "symfold model 0"}, "not a symfold model"),
    "a depth of text": ({"depth": "two"}, "whole number"),
    "a negative depth": ({"depth": -1}, "not a count"),
    "a huge depth": ({"depth": 100_000}, "parameters are kept"),
    "columns of numbers": ({"columns": np.zeros(2)}, "list of names"),
    "rows of text": ({"train_rows": np.array(["a"])}, "row numbers"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_contents(case: str, saved: Path) -> None:
    changes, words = WRONG[case]
    assert words in refused(rewritten(saved, **changes))


def test_a_mapper_in_a_file_is_parsed_not_run(saved: Path) -> None:
    from symfold.errors import ParseError

    rewritten(saved, mapper="__import__('os').getpid()")
    with pytest.raises(ParseError, match="attribute"):
        load_model(saved)


def archive(path: Path, members: dict[str, bytes], packed: bool = False) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def array_bytes(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def claiming(shape: tuple[int, ...], dtype: str) -> bytes:
    """The head of an array file, without its numbers."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"shape": shape, "fortran_order": False, "descr": dtype})
    return buffer.getvalue()


HOSTILE: dict[str, tuple[dict[str, bytes], str]] = {
    "a member that is not an array": ({"format.npy": array_bytes("x"), "readme.txt": b"hello"}, "'readme.txt' is not an array"),
    "a member of text under an array's name": ({"format.npy": b"hello"}, "npz"),
    "900 MB claimed in a few bytes": ({"format.npy": claiming((900 << 20,), "|u1")}, "in 0 bytes"),
    "10^18 numbers": ({"format.npy": claiming((10**18, 10**18), "<f8")}, "in 0 bytes"),
    "a negative shape": ({"format.npy": claiming((-1, -8), "<f8") + bytes(64)}, "shape"),
    "invalid Unicode": ({"format.npy": claiming((), "<U1") + b"\xff\xff\xff\xff"}, "invalid Unicode"),
    "half a pair": ({"format.npy": claiming((), "<U1") + b"\x00\xd8\x00\x00"}, "invalid Unicode"),
    "bytes that are no text": ({"format.npy": array_bytes(np.array(b"x"))}, "no numbers and no text"),
    "records": ({"format.npy": array_bytes(np.zeros(2, [("a", "f8"), ("b", "i4")]))}, "no numbers and no text"),
    "moments": ({"format.npy": array_bytes(np.zeros(2, "M8[s]"))}, "no numbers and no text"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives(case: str, tmp_path: Path) -> None:
    members, words = HOSTILE[case]
    assert words in refused(archive(tmp_path / "hostile.npz", members))


def test_a_member_twice(tmp_path: Path) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "twice.npz", "w") as file:
        warnings.simplefilter("ignore")
        file.writestr("format.npy", array_bytes("x"))
        file.writestr("format.npy", array_bytes("y"))
    assert "twice" in refused(tmp_path / "twice.npz")


def test_what_is_packed_is_not_unpacked(tmp_path: Path) -> None:
    zeros = claiming((100 << 20,), "|u1") + bytes(100 << 20)
    path = archive(tmp_path / "packed.npz", {"format.npy": array_bytes("symfold model 1"), "mapper.npy": zeros}, packed=True)
    assert path.stat().st_size < 10**6
    tracemalloc.start()
    try:
        assert "packed" in refused(path)
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()


def test_an_array_that_does_not_belong_there_is_not_read(saved: Path) -> None:
    for name in ("mapper", "columns", "parameter W1", "mean", "junk"):
        rewritten(saved, **{name: np.zeros(40 << 20, np.uint8)})
        tracemalloc.start()
        try:
            assert repr(name) in refused(saved)
            assert tracemalloc.get_traced_memory()[1] < 10**7
        finally:
            tracemalloc.stop()
        saved.unlink()
        save_model(saved, model())


def test_many_members_are_refused_unread(tmp_path: Path) -> None:
    path = archive(tmp_path / "many.npz", dict.fromkeys((f"a{k}.npy" for k in range(60_000)), b""))
    begin = time.process_time()
    assert "60,000 arrays" in refused(path)
    assert time.process_time() - begin < 0.2


def test_too_many_layers_are_refused_before_they_are_written(tmp_path: Path) -> None:
    large = model()
    params = {f"W{k}": np.zeros(1) for k in range(60_000)}
    with pytest.raises(DataError, match="60,013 arrays is too large"):
        save_model(tmp_path / "large.npz", Model(large.shape, params, large.scale, large.target_scale, np.array([0]), np.array([1])))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    assert "not a regular file" in refused(tmp_path / "pipe.npz")
    assert "directory" in refused(tmp_path)
    with pytest.raises(DataError, match="null byte"):
        load_model("a\0.npz")
