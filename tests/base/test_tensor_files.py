"""Safetensors files: equal content, equal bytes; what others write is read, and what is damaged is refused."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from symfold.base.tensor_files import TYPES, packed, reading_tensors, write_tensors
from symfold.errors import DataError, InvalidType

RNG = np.random.default_rng(0)
ARRAYS: dict[str, Any] = {kind: (100 * RNG.normal(size=(2, 3))).astype(kind) for kind in TYPES.values()} | {
    "scalar": np.array(2.5), "empty": np.zeros((0, 4)), "größe": np.ones(1), "big": np.arange(3, dtype=">f8"), "turned": np.arange(6.0).reshape(2, 3).T,
}  # fmt: skip


def read(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    with reading_tensors(path) as file:
        arrays = {name: file.read(name) for name in file.headers}
        assert all(array.dtype == file.headers[name].dtype and array.shape == file.headers[name].shape for name, array in arrays.items())
        return arrays, file.metadata


def refused(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read(path)
    assert "\n" not in str(error.value) and path.name in str(error.value)
    return str(error.value)


def test_what_is_written_others_read_and_what_others_write_is_read(tmp_path: Path) -> None:
    metadata = {"b": "ä\n\x1b", "a": "{}"}
    write_tensors(tmp_path / "ours", ARRAYS, metadata)
    save_file({name: np.ascontiguousarray(array) if array.ndim else array for name, array in ARRAYS.items()}, tmp_path / "theirs", metadata)
    for arrays in (load_file(tmp_path / "ours"), read(tmp_path / "ours")[0], read(tmp_path / "theirs")[0]):
        assert set(arrays) == set(ARRAYS)
        assert all(np.array_equal(arrays[name], array) and arrays[name].dtype == array.dtype.newbyteorder("=") for name, array in ARRAYS.items())
    with safe_open(tmp_path / "ours", "np") as file:
        assert file.metadata() == metadata == read(tmp_path / "theirs")[1]


def test_equal_content_gives_equal_bytes() -> None:
    metadata = {f"key {k}": str(k) for k in range(20)}  # the package writes them in another order each time
    assert len({b"".join(packed("", ARRAYS, metadata)) for _ in range(5)}) == 1


def header(entries: Any, body: bytes = b"", length: int | None = None) -> bytes:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + body


def entry(dtype: str = "F64", shape: Any = (1,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "header too small"),
    "a header longer than the file": (header({}, length=2**60), "header too large"),
    "no JSON": (header(b"xx"), "invalid JSON"),
    "JSON nested deeply": (header(b'{"a":' * 50_000), "recursion limit"),
    "more numbers than bytes": (header({"x": entry(shape=[2**27], offsets=[0, 2**30])}, bytes(8)), "not fully covered"),
    "numbers beyond counting": (header({"x": entry(shape=[2**40, 2**40])}, bytes(8)), "overflow"),
    "a negative size": (header({"x": entry(shape=[-1])}, bytes(8)), "-1"),
    "arrays that overlap": (header({"x": entry(), "y": entry()}, bytes(8)), "invalid offset"),
    "a hole": (header({"x": entry(offsets=[8, 16])}, bytes(16)), "invalid offset"),
    "bytes that belong to nothing": (header({"x": entry()}, bytes(16)), "not fully covered"),
    "a name twice": (header(b'{"x":%b,"x":%b}' % tuple(json.dumps(entry(offsets=[k, k + 8])).encode() for k in (0, 8)), bytes(16)), "invalid offset"),
    "more axes than NumPy has": (header({"x": entry(shape=[1] * 70)}, bytes(8)), "dimension"),
    "an empty array too large for NumPy": (header({"x": entry(shape=[0, 2**62, 2**62], offsets=[0, 0])}), "too big"),
    "a type that NumPy lacks": (header({"x": entry("BF16", offsets=[0, 2])}, bytes(2)), "'x' is of type BF16 (convert it first"),
    "complex numbers": (header({"x": entry("C64")}, bytes(8)), "'x' is of type C64"),
    "metadata that are no texts": (header({"__metadata__": {"net": 1}}), "expected a string"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files(case: str, tmp_path: Path) -> None:
    content, words = HOSTILE[case]
    (tmp_path / "hostile").write_bytes(content)
    tracemalloc.start()
    try:
        assert words in refused(tmp_path / "hostile")
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()


def test_what_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for array in (np.array(["a"]), np.zeros(2, complex), np.zeros(2, np.longdouble), np.array([None])):
        with pytest.raises(InvalidType, match=r"'w' is of type .* \(types of safetensors: float64, float32"):
            write_tensors(tmp_path / "t", {"w": array}, {})
    for name in ("__metadata__", "\ud800"):
        with pytest.raises(DataError, match="a name cannot be stored"):
            write_tensors(tmp_path / "t", {name: np.ones(1)}, {})
    monkeypatch.setattr("symfold.base.tensor_files.MAX_HEADER", 10_000)
    with pytest.raises(DataError, match=r"of 1 arrays and the metadata take 10,\d+ bytes \(safetensors allows 10,000"):
        write_tensors(tmp_path / "t", {"w": np.ones(1)}, {"net": "x" * 10_000})
    assert not list(tmp_path.iterdir())
