"""Records of trials, and a file of them: JSON lines, appended whole, with a cut-off last line removed."""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from symfold.base.arguments import quoted
from symfold.base.files import failure, path_of
from symfold.errors import DataError, InvalidType, shortened

LONGEST = 500  # characters of an error in a record
STATUS = ("done", "failed", "killed")


@dataclass(frozen=True)
class Record:
    """A trial that was run: its settings, whether it is done, failed or killed, its results, its error, its seconds.

    `digest` is that of the table that it trained on, empty for a function of one's own.
    """

    trial: str
    settings: dict[str, Any]
    status: str
    results: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0
    digest: str = ""

    @property
    def key(self) -> str:
        return key_of(self.trial, self.settings, self.digest)

    @property
    def line(self) -> bytes:
        return json.dumps(asdict(self), allow_nan=False).encode() + b"\n"


def key_of(trial: str, settings: Mapping[str, object], digest: str = "") -> str:
    """What makes two trials the same: the name of the function, its settings, in any order, and the table's digest.

    >>> key_of("train", {"depth": 3, "width": 8}) == key_of("train", {"width": 8, "depth": 3})
    True
    """
    return json.dumps([trial, plain(settings), digest], sort_keys=True)


def plain(value: object) -> Any:
    """A setting or a result as JSON; what JSON does not have is a text, and a number that is not finite is null.

    >>> plain({"a": (1, float("nan")), "f": plain})
    {'a': [1, None], 'f': 'symfold.apps.sweeps.records.plain'}
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value_name(value)


def value_name(value: object) -> str:
    """A text that names a value in every process alike."""
    name = getattr(value, "__qualname__", None)
    text = f"{getattr(value, '__module__', '')}.{name}" if name else repr(value)
    if " at 0x" in text or "<lambda>" in text:
        raise InvalidType(
            f"{quoted(value)} has no name that stays from run to run, so its trials could not be distinguished "
            "(give a text, a number, or a function of a module)"
        )
    return text


def failed(trial: str, settings: Mapping[str, object], error: BaseException, status: str = "failed") -> Record:
    """The record of a trial that raised."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return Record(trial, plain(settings), status, error=shortened(text, LONGEST))


class Journal:
    """A file of records, or none: then nothing is kept.

    Every record is one line, written by one call at the end of the file, so that several sweeps may share a file. A
    last line that was cut off by a kill is removed before anything is appended.
    """

    def __init__(self, path: str | Path | None):
        self.path = None if path is None else path_of(path)

    def read(self) -> list[Record]:
        """The records so far, after a repair of the last line."""
        if self.path is None or not self.path.exists():
            return []
        try:
            with self._locked() as file:
                whole = os.pread(file, _repaired(file), 0)
        except OSError as error:
            raise failure("read", self.path, error) from None
        return [self._record(number, line) for number, line in enumerate(whole.splitlines(), 1) if line.strip()]

    def append(self, record: Record) -> None:
        """Write a record, durably."""
        if self.path is None:
            return
        try:
            with self._locked() as file:
                size = _repaired(file)
                if os.write(file, record.line) < len(record.line):  # leave no half of a line
                    os.ftruncate(file, size)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file)
        except OSError as error:
            raise failure("write", self.path, error, " (the records before it are whole)") from None

    def _record(self, number: int, line: bytes) -> Record:
        try:
            data = json.loads(line)
            record = Record(**data)
            if record.status not in STATUS or not isinstance(record.settings, dict):
                raise ValueError
        except (ValueError, TypeError):
            raise DataError(
                f"{str(self.path)!r}, line {number}, is no record of a sweep: {line[:60].decode(errors='replace')!r} "
                "(give another file, or remove the line)"
            ) from None
        return record

    @contextmanager
    def _locked(self) -> Iterator[int]:
        assert self.path is not None
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            lock(file)
            yield file
        finally:
            os.close(file)  # and with it the lock


def _repaired(file: int) -> int:
    """The size of a file of lines, after a last line that was cut off is removed."""
    end = size = os.fstat(file).st_size
    while end:
        start = max(0, end - 65_536)
        if newline := os.pread(file, end - start, start).rfind(b"\n") + 1:
            end = start + newline
            break
        end = start
    if end < size:
        os.ftruncate(file, end)
    return end


def _no_lock(file: int) -> None:
    """Nothing: this system has no such locks."""


def _lock() -> Callable[[int], None]:
    try:
        import fcntl
    except ImportError:
        return _no_lock
    return lambda file: fcntl.flock(file, fcntl.LOCK_EX)


lock = _lock()
