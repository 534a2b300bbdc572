"""Safetensors files: named arrays with texts as metadata, written atomically; read bounded, headers before numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from symfold.base.arguments import NumpyArray
from symfold.base.files import path_of, reading, replacing
from symfold.errors import DataError, InvalidType

MAX_BYTES = 2**36
MAX_HEADER = 100_000_000  # bytes that the format allows for names, shapes and metadata
TYPES = {
    "F64": "f8", "F32": "f4", "F16": "f2", "BOOL": "?",
    "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1", "U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1",
}  # fmt: skip


@dataclass(frozen=True)
class Header:
    """The type and shape of an array."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


class TensorFile:
    """An open file: its metadata, the headers of its arrays, and each array when asked for."""

    def __init__(self, source: str, file: Any):
        self.source, self.file = source, file
        self.metadata: dict[str, str] = file.metadata() or {}
        self.headers = {name: self._header(name) for name in file.keys()}  # noqa: SIM118

    def _header(self, name: str) -> Header:
        stored = self.file.get_slice(name)
        kind, shape = stored.get_dtype(), tuple(stored.get_shape())
        if kind not in TYPES:
            raise DataError(
                f"cannot read {self.source!r}: {name[:60]!r} is of type {kind[:20]} "
                f"(convert it first, as with tensor.float(); types that are read: {', '.join(TYPES)})"
            )
        return Header(np.dtype(TYPES[kind]), shape)

    def read(self, name: str) -> NumpyArray:
        """The array of a name."""
        try:
            array: NumpyArray = self.file.get_tensor(name)
            return array
        except MemoryError:
            raise
        except Exception as error:  # more axes than NumPy has, for one
            raise unreadable(self.source, error) from None


def unreadable(source: str, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return DataError(f"cannot read {source!r}: it is not a complete safetensors file ({reason})")


@contextmanager
def reading_tensors(path: str | Path, most: int = MAX_BYTES) -> Iterator[TensorFile]:
    """A safetensors file, open for reading, if its header describes exactly the bytes that it has.

    >>> with reading_tensors("no-such-file.safetensors"):
    ...     pass
    Traceback (most recent call last):
    ...
    symfold.errors.DataError: cannot read 'no-such-file.safetensors': no such file or directory
    """
    source = str(path)
    with reading(path, most):  # refuses what is no regular file
        try:
            file = safe_open(path_of(path), "np")
        except MemoryError:
            raise
        except Exception as error:  # the package has an error type of its own, and raises others too
            raise unreadable(source, error) from None
        with file as opened:
            yield TensorFile(source, opened)


def write_tensors(
    path: str | Path, arrays: Mapping[str, NumpyArray], metadata: Mapping[str, str], durable: bool = False
) -> None:
    """Write arrays and metadata atomically; equal content gives equal bytes."""
    header, body = packed(str(path), arrays, metadata)
    with replacing(path, durable) as file:
        file.write(header)
        file.write(body)


def packed(
    source: str, arrays: Mapping[str, NumpyArray], metadata: Mapping[str, str]
) -> tuple[bytes, bytes | memoryview]:
    """The two parts of a file: the header with its length, and the numbers.

    The package writes several metadata in random order, so they are put into its header here, in the order given.
    """
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise InvalidType(
                f"cannot write {source!r}: {name!r} is of type {array.dtype} "
                f"(types of safetensors: {', '.join(np.dtype(kind).name for kind in TYPES.values())})"
            )
    try:
        if "__metadata__" in arrays:
            raise ValueError("the name '__metadata__' is reserved")
        content = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
        end = 8 + int.from_bytes(content[:8], "little")
        entries = {"__metadata__": dict(metadata), **json.loads(content[8:end])}
        text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    except ValueError as error:
        raise DataError(f"cannot write {source!r}: a name cannot be stored: {error} (choose another name)") from None
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise DataError(
            f"cannot write {source!r}: the names and shapes of {len(arrays):,} arrays and the metadata take "
            f"{len(text):,} bytes (safetensors allows {MAX_HEADER:,}: save fewer layers, or smaller constants)"
        )
    return len(text).to_bytes(8, "little") + text, memoryview(content)[end:]
