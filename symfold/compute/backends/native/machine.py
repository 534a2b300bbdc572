"""Machine code: LLVM text compiled for this processor, cached on disk by a hash of its source.

A cache file begins with the digest of its content; a torn, stale or foreign file is ignored and replaced atomically.
The folder is private to the user.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from symfold.errors import MissingPackage

DIGEST = 32


def llvm() -> ModuleType:
    """The LLVM binding of the extra `native`."""
    try:
        import llvmlite.binding as binding
    except ImportError as error:
        raise MissingPackage("backend 'native' needs llvmlite (pip install 'symfold[native]')") from error
    return binding


@dataclass(frozen=True)
class Host:
    """The compilation target: the name of the processor, its features, and its vector registers."""

    processor: str
    features: str
    vector_bytes: int
    registers: int


@cache
def host() -> Host:
    binding = llvm()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    features = dict(binding.get_host_cpu_features())
    large = bool(features.get("avx512f"))
    size = 64 if large else 32 if features.get("avx2") else 16
    arm = not any(name.startswith("sse") for name in features)
    text = ",".join(f"{'+' if on else '-'}{name}" for name, on in sorted(features.items()))
    return Host(str(binding.get_host_cpu_name()), text, size, 32 if large or arm else 16)


def cache_folder() -> Path | None:
    """The folder of the cache: `SYMFOLD_CACHE`, else in the user's cache folder; None if `SYMFOLD_CACHE` is empty."""
    folder = os.environ.get("SYMFOLD_CACHE")
    if folder is not None:
        return Path(folder) if folder else None
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "symfold" / "native"


def compiled(text: str) -> bytes:
    """The object code of a module: from the cache, else compiled and cached."""
    binding, machine = llvm(), host()
    content = "\0".join((text, machine.processor, machine.features, str(binding.llvm_version_info), "3"))
    key = hashlib.blake2b(content.encode(), digest_size=20).hexdigest()
    folder = cache_folder()
    if folder is not None and (cached := read(folder / f"{key}.o")) is not None:
        return cached
    target = target_machine()
    module = binding.parse_assembly(text)
    builder = binding.create_pass_builder(target, binding.create_pipeline_tuning_options(speed_level=2))
    builder.getModulePassManager().run(module, builder)
    code: bytes = target.emit_object(module)
    if folder is not None:
        write(folder / f"{key}.o", code)
    return code


def target_machine() -> Any:
    binding, machine = llvm(), host()
    target = binding.Target.from_default_triple()
    return target.create_target_machine(
        cpu=machine.processor, features=machine.features, opt=2, jit=True, reloc="default", codemodel="jitdefault"
    )


def read(path: Path) -> bytes | None:
    """The content of a cache file, or None if it is missing or damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data[DIGEST:] if hashlib.blake2b(data[DIGEST:], digest_size=DIGEST).digest() == data[:DIGEST] else None


def write(path: Path, code: bytes) -> None:
    """Write a cache file atomically; ignore an unwritable cache."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.blake2b(code, digest_size=DIGEST).digest() + code)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError:
        return


class Loaded:
    """Object code in memory, with its functions by name; it lives as long as this object."""

    def __init__(self, code: bytes):
        binding = llvm()
        host()
        self.engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target_machine())
        self.engine.add_object_file(binding.ObjectFileRef.from_data(code))
        self.engine.finalize_object()

    def function(self, name: str, result: Any, *arguments: Any) -> Any:
        return ctypes.CFUNCTYPE(result, *arguments)(self.engine.get_function_address(name))
