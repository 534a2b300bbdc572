"""The cache of machine code on disk: files by name in a folder of the user.

Cached code is run, so it is read only from a folder and a file that belong to the user and that nobody else can write,
checked on the open descriptors; links, pipes and devices are refused. A file begins with the digest of its content; a
torn, stale or foreign file is ignored, and replaced atomically. Without such a folder, or if files have no owners
(Windows), nothing is cached.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DIGEST = 32
MAX_BYTES = 2**28


def cache_folder() -> Path | None:
    """The folder of the cache: `SYMFOLD_CACHE`, else in the user's cache folder; None if `SYMFOLD_CACHE` is empty."""
    folder = os.environ.get("SYMFOLD_CACHE")
    if folder is None:
        folder = os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "symfold", "native")
    return Path(os.path.expanduser(folder)) if folder else None


def cached(name: str) -> bytes | None:
    """The content of a cache file, or None if it is missing, damaged, or not the user's alone."""
    with suppress(OSError), _folder(make=False) as folder:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        with os.fdopen(handle, "rb") as file:
            state = os.fstat(handle)
            if not (stat.S_ISREG(state.st_mode) and _is_private(state) and state.st_size <= MAX_BYTES):
                return None
            digest, code = file.read(DIGEST), file.read()
        return code if _digest(code) == digest else None
    return None


def keep(name: str, code: bytes) -> None:
    """Write a cache file atomically; ignore an unwritable cache."""
    with suppress(OSError), _folder(make=True) as folder:
        temporary = f".{secrets.token_hex(16)}"
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_digest(code) + code)
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:  # an interrupt, too, leaves no temporary file
            os.unlink(temporary, dir_fd=folder)
            raise


@contextmanager
def _folder(make: bool) -> Iterator[int]:
    """The open folder of the cache; an `OSError` if there is none, or if it is not the user's alone."""
    path = cache_folder()
    if path is None or os.name != "posix":
        raise FileNotFoundError("no cache")
    if make:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if not _is_private(os.fstat(handle)):
            raise PermissionError(f"others can write {path}")
        yield handle
    finally:
        os.close(handle)


def _is_private(state: os.stat_result) -> bool:
    """Whether a file or a folder belongs to the user, and nobody else can write it; a file has this one name only."""
    private = state.st_uid == os.geteuid() and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return private and (stat.S_ISDIR(state.st_mode) or state.st_nlink == 1)


def _digest(code: bytes) -> bytes:
    return hashlib.blake2b(code, digest_size=DIGEST).digest()
