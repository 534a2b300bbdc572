"""Archives of arrays: read without pickle, and never believed unseen."""

from __future__ import annotations

import io
import time
import tracemalloc
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symfold.base.archives import Archive
from symfold.errors import DataError


def opened(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        archive = Archive(path.name, file)
        return {name: archive.read(name) for name in archive.headers}


def refused(path: Path) -> str:
    with pytest.raises(DataError) as error:
        opened(path)
    message = str(error.value)
    assert "\n" not in message and path.name in message
    return message


ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "n": np.array(3), "t": np.array(["größe", "b"]), "f": np.asfortranarray(np.ones((2, 3), np.float32)), "b": np.array([True])}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    np.savez(tmp_path / "a.npz", **ARRAYS)
    return tmp_path / "a.npz"


def test_arrays_are_read_as_numpy_reads_them(written: Path) -> None:
    with np.load(written) as expected:
        for name, array in opened(written).items():
            assert array.dtype == expected[name].dtype and np.array_equal(array, expected[name])


def test_truncated_anywhere(written: Path) -> None:
    whole = written.read_bytes()
    for length in range(0, len(whole) - 1, 37):
        written.write_bytes(whole[:length])
        refused(written)


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
    "a member that is not an array": ({"a.npy": array_bytes("x"), "readme.txt": b"hello"}, "'readme.txt' is not an array"),
    "a member of text under an array's name": ({"a.npy": b"hello"}, "npz"),
    "900 MB claimed in a few bytes": ({"a.npy": claiming((900 << 20,), "|u1")}, "in 0 bytes"),
    "10^18 numbers": ({"a.npy": claiming((10**18, 10**18), "<f8")}, "in 0 bytes"),
    "a negative shape": ({"a.npy": claiming((-1, -8), "<f8") + bytes(64)}, "shape"),
    "invalid Unicode": ({"a.npy": claiming((), "<U1") + b"\xff\xff\xff\xff"}, "invalid Unicode"),
    "half a pair": ({"a.npy": claiming((), "<U1") + b"\x00\xd8\x00\x00"}, "invalid Unicode"),
    "bytes that are no text": ({"a.npy": array_bytes(np.array(b"x"))}, "no numbers and no text"),
    "records": ({"a.npy": array_bytes(np.zeros(2, [("a", "f8"), ("b", "i4")]))}, "no numbers and no text"),
    "moments": ({"a.npy": array_bytes(np.zeros(2, "M8[s]"))}, "no numbers and no text"),
    "objects": ({"a.npy": array_bytes(np.array([{"a": 1}, None], dtype=object))}, "Object arrays"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives(case: str, tmp_path: Path) -> None:
    members, words = HOSTILE[case]
    assert words in refused(archive(tmp_path / "hostile.npz", members))


def test_a_member_twice(tmp_path: Path) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "twice.npz", "w") as file:
        warnings.simplefilter("ignore")
        file.writestr("a.npy", array_bytes("x"))
        file.writestr("a.npy", array_bytes("y"))
    assert "twice" in refused(tmp_path / "twice.npz")


def test_what_is_packed_is_not_unpacked(tmp_path: Path) -> None:
    zeros = claiming((100 << 20,), "|u1") + bytes(100 << 20)
    path = archive(tmp_path / "packed.npz", {"a.npy": zeros}, packed=True)
    assert path.stat().st_size < 10**6
    tracemalloc.start()
    try:
        assert "packed" in refused(path)
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()


def test_many_members_are_refused_unread(tmp_path: Path) -> None:
    path = archive(tmp_path / "many.npz", dict.fromkeys((f"a{k}.npy" for k in range(60_000)), b""))
    begin = time.process_time()
    assert "60,000 arrays" in refused(path)
    assert time.process_time() - begin < 0.2
