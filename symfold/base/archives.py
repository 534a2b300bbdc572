"""An `.npz` of plain arrays, read strictly: types and shapes first, numbers only once they are asked for.

Nothing is unpacked and nothing is allocated by what a file says of itself: members are stored as they are, so that the
numbers read are never more than the bytes of the file.
"""

from __future__ import annotations

import struct
import warnings
import zipfile
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO

import numpy as np

from symfold.errors import DataError

MAX_BYTES = 2**30
MAX_ARRAYS = 50_000
_END = struct.Struct("<4s4H2LH")  # the last record of an archive without a comment
_LONGEST_RECORD = 1_000  # bytes that the directory of an archive has for a member, its name included


@dataclass(frozen=True)
class Header:
    """The type and the shape of an array, and the member of the archive that stores it."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    member: zipfile.ZipInfo

    @property
    def bytes(self) -> int:
        return self.dtype.itemsize * prod(self.shape)


class Archive:
    """The arrays of an open `.npz`, by name."""

    def __init__(self, source: str, file: BinaryIO):
        self.source = source
        try:
            self.zip = _opened(file)
            self.headers = {header.member.filename[:-4]: header for header in map(self._header, self.zip.infolist())}
        except MemoryError:
            raise
        except Exception as error:  # a foreign or damaged file may raise anything inside zipfile and NumPy
            raise self.unreadable(error) from None

    def unreadable(self, error: Exception) -> DataError:
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        return DataError(f"cannot read {self.source!r}: it is not a complete .npz file of plain arrays ({reason})")

    def _header(self, member: zipfile.ZipInfo) -> Header:
        name = member.filename
        with self.zip.open(member) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not name.endswith(".npy") or np.lib.format.read_magic(file) != (1, 0):
                raise ValueError(f"{name[:40]!r} is not an array")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
            stored = member.file_size - file.tell()
        header = Header(dtype, shape, fortran, member)
        if dtype.kind not in "bfiuU" or (dtype.kind == "f" and dtype.itemsize > 8):
            what = "Object arrays are not read" if dtype.hasobject else f"{name[:40]!r} holds no numbers and no text"
            raise ValueError(what)
        if any(type(size) is not int or size < 0 for size in shape) or len(shape) > 32 or header.bytes != stored:
            raise ValueError(f"{name[:40]!r} has the shape {str(shape)[:40]} in {stored:,} bytes")
        return header

    def read(self, name: str) -> Any:
        """The array of a name."""
        header = self.headers[name]
        try:
            with self.zip.open(header.member) as file:
                file.seek(header.member.file_size - header.bytes)
                data = file.read(header.bytes)
                if len(data) != header.bytes or file.read(1):
                    raise ValueError(f"{name[:40]!r} is cut off")
            if header.dtype.kind == "U":
                _check_text(np.frombuffer(data, header.dtype.byteorder.replace("|", "=") + "u4"))
            order: Any = "F" if header.fortran else "C"
            return np.frombuffer(data, header.dtype).reshape(header.shape, order=order)
        except MemoryError:
            raise
        except Exception as error:  # likewise
            raise self.unreadable(error) from None


def _opened(file: BinaryIO) -> zipfile.ZipFile:
    """The archive, once its last record says that its directory is small; no member is packed or there twice."""
    size = file.seek(0, 2)
    if size < _END.size:
        raise ValueError("the file is too short")
    file.seek(size - _END.size)
    signature, disk, first_disk, here, count, length, _, comment = _END.unpack(file.read(_END.size))
    if signature != b"PK\5\6" or comment or disk or first_disk or here != count:
        raise ValueError("it has no end")
    if count > MAX_ARRAYS or length > count * _LONGEST_RECORD:
        raise ValueError(f"it holds {count:,} arrays (at most {MAX_ARRAYS:,} are read)")
    archive = zipfile.ZipFile(file)
    members = archive.infolist()
    if len(members) != count or len({member.filename for member in members}) != count:
        raise ValueError("a member is there twice, or missing")
    for member in members:
        stored = member.compress_type == zipfile.ZIP_STORED and member.file_size == member.compress_size
        if not stored or member.flag_bits & 1:
            raise ValueError(f"{member.filename[:40]!r} is packed, which np.savez does not")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its members overlap")
    return archive


def _check_text(codes: Any) -> None:
    """Raise an error unless these numbers are characters."""
    if ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any():
        raise ValueError("invalid Unicode")
