"""Files written atomically, to a temporary file in the same folder that replaces the target; and files read safely."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from symfold.base.arguments import quoted
from symfold.errors import DataError, InvalidType, SymfoldError, SystemFailure

# what is wrong with the machine and not with the path
OUT_OF_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EFBIG}
_umask_lock = threading.Lock()


def failure(verb: str, path: str | Path, error: OSError, remedy: str = "") -> SymfoldError:
    """The error for a file that cannot be read or written, by whose fault it is: the path's or the machine's.

    >>> failure("read", "a.csv", FileNotFoundError(errno.ENOENT, "No such file or directory"))
    DataError("cannot read 'a.csv': no such file or directory")
    """
    kind: type[SymfoldError] = SystemFailure if error.errno in OUT_OF_ROOM else DataError
    return kind(f"cannot {verb} {str(path)!r}: {(error.strerror or str(error)).lower()}{remedy}")


def path_of(path: object, call: str = "") -> Path:
    """A path as `pathlib.Path`, in which `~` is the home folder; `call` shows the order of the arguments.

    >>> path_of(5)
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidType: 5 is not a path (give a text or a pathlib.Path)
    """
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        order = f"; the order is {call}" if call else ""
        raise InvalidType(f"{quoted(path)} is not a path (give a text or a pathlib.Path{order})")
    try:
        return Path(path).expanduser()
    except RuntimeError:  # `~name` without such a user is a name like any other
        return Path(path)


@contextmanager
def reading(path: str | Path, most: int) -> Iterator[BinaryIO]:
    """A regular file of at most `most` bytes, open for reading; anything else is refused before it is read.

    >>> with reading("/dev/zero", 10**6):
    ...     pass
    Traceback (most recent call last):
    ...
    symfold.errors.DataError: cannot read '/dev/zero': it is not a regular file (copy its content into one)
    """
    path = path_of(path)
    try:
        # a pipe without a writer would block
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise failure("read", path, error) from None
    except ValueError as error:  # a NUL
        raise DataError(f"cannot read {str(path)!r}: {error}") from None
    try:
        state = os.fstat(handle)
        if stat.S_ISDIR(state.st_mode):
            raise DataError(f"cannot read {str(path)!r}: it is a directory (give a file)")
        if not stat.S_ISREG(state.st_mode):
            raise DataError(f"cannot read {str(path)!r}: it is not a regular file (copy its content into one)")
        if state.st_size > most:
            raise DataError(f"cannot read {str(path)!r}: it holds {state.st_size:,} bytes (at most {most:,} are read)")
        with os.fdopen(handle, "rb", closefd=False) as file:
            yield file
    except SymfoldError:
        raise
    except OSError as error:
        raise failure("read", path, error) from None
    finally:
        os.close(handle)


def check_writable(path: str | Path, *inputs: str | Path) -> None:
    """Raise before any work is done if the path cannot be written, or is one of the inputs.

    >>> check_writable("no/such/folder/net.svg")
    Traceback (most recent call last):
    ...
    symfold.errors.DataError: cannot write 'no/such/folder/net.svg': there is no folder 'no/such/folder' (make it first)
    """
    if "\0" in str(path):
        raise DataError(f"cannot write {str(path)!r}: embedded null byte")
    path = target = path_of(path)
    try:
        for source in map(path_of, inputs):
            if "\0" not in str(source) and target.exists() and source.exists() and target.samefile(source):
                raise DataError(f"cannot write {str(path)!r}: it is the file that is read (choose another name)")
        if target.is_dir():
            raise DataError(f"cannot write {str(path)!r}: it is a folder (give a file name)")
        if not target.parent.is_dir():
            raise DataError(f"cannot write {str(path)!r}: there is no folder {str(target.parent)!r} (make it first)")
        if not os.access(target if target.exists() and not target.is_file() else target.parent, os.W_OK):
            raise DataError(f"cannot write {str(path)!r}: no permission to write there (choose another place)")
    except OSError as error:  # a name too long, a circle of links, a folder that may not be entered
        raise failure("write", path, error, " (choose another place)") from None


@contextmanager
def replacing(path: str | Path, durable: bool = False) -> Iterator[BinaryIO]:
    """An open temporary file to write to; it becomes `path` at the end, and is removed on an error.

    With `durable`, the content is on the disk before it replaces what was there, so that a loss of power leaves the old
    file or the new one.

    It is made by `mkstemp` in the folder of the target, so that nobody can know its name or plant a link there. A file
    that is replaced keeps its permissions; a new one has those of the umask.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder, "a.txt")) as file:
    ...         _ = file.write(b"whole")
    ...     [file.name for file in Path(folder).iterdir()]
    ['a.txt']
    """
    path = path_of(path)
    check_writable(path)
    temporary = None
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe cannot be replaced
            with open(path, "wb") as file:
                yield file
            return
        target = os.path.realpath(path)
        mode = stat.S_IMODE(os.stat(target).st_mode) & 0o777 if os.path.exists(target) else 0o666 & ~umask()
        handle, temporary = tempfile.mkstemp(prefix=".symfold.", dir=os.path.dirname(target))
        with os.fdopen(handle, "wb") as file:
            yield file
            if hasattr(os, "fchmod"):
                os.fchmod(handle, mode)
            if durable:
                file.flush()
                os.fsync(handle)
        os.replace(temporary, target)
        temporary = None
        if durable and hasattr(os, "O_DIRECTORY"):
            sync_folder(os.path.dirname(target))
    except SymfoldError:
        raise
    except OSError as error:
        raise failure("write", path, error, " (choose another place)") from None
    finally:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)


def sync_folder(path: str) -> None:
    """Put the names in a folder on the disk, if its file system can."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def umask() -> int:
    """The permissions that new files do not get."""
    with _umask_lock:  # it can only be read by setting it
        mask = os.umask(0o077)
        os.umask(mask)
    return mask


def write_whole(path: str | Path, content: bytes) -> Path:
    """Write a file atomically: readers see the old content or the new, never a part."""
    with replacing(path) as file:
        file.write(content)
    return path_of(path)
