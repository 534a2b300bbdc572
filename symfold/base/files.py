"""Files written atomically: to a temporary file in the same folder, which replaces the target at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from symfold.errors import DataError


def check_writable(path: str | Path, *inputs: str | Path) -> None:
    """Raise before any work is done if the path cannot be written, or is one of the inputs.

    >>> check_writable("no/such/folder/net.svg")
    Traceback (most recent call last):
    ...
    symfold.errors.DataError: cannot write 'no/such/folder/net.svg': there is no folder 'no/such/folder' (make it first)
    """
    target = Path(path)
    for source in inputs:
        if target.exists() and Path(source).exists() and target.samefile(source):
            raise DataError(f"cannot write {str(path)!r}: it is the file that is read (choose another name)")
    if target.is_dir():
        raise DataError(f"cannot write {str(path)!r}: it is a folder (give a file name)")
    if not target.parent.is_dir():
        raise DataError(f"cannot write {str(path)!r}: there is no folder {str(target.parent)!r} (make it first)")
    if not os.access(target if target.exists() and not target.is_file() else target.parent, os.W_OK):
        raise DataError(f"cannot write {str(path)!r}: no permission to write there (choose another place)")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path to write to; it becomes `path` at the end, and is removed on an error.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder, "a.txt")) as temporary:
    ...         _ = temporary.write_text("whole")
    ...     [file.name for file in Path(folder).iterdir()]
    ['a.txt']
    """
    check_writable(path)
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():  # a device or a pipe cannot be replaced
        yield target
        return
    temporary = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    try:
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        raise DataError(f"cannot write {str(path)!r}: {error.strerror or error} (choose another place)") from None
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: str | Path, content: bytes) -> Path:
    """Write a file atomically: readers see the old content or the new, never a part."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return Path(path)
