"""Machine code: LLVM text compiled for this processor, cached on disk by a hash of its source."""

from __future__ import annotations

import ctypes
import hashlib
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from symfold.compute.backends.native.disk_cache import cached, keep
from symfold.errors import MissingPackage


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


def compiled(text: str) -> bytes:
    """The object code of a module: from the cache, else compiled and cached."""
    binding, machine = llvm(), host()
    content = "\0".join((text, machine.processor, machine.features, str(binding.llvm_version_info), "3"))
    key = hashlib.blake2b(content.encode(), digest_size=20).hexdigest()
    if (code := cached(f"{key}.o")) is not None:
        return code
    target = target_machine()
    module = binding.parse_assembly(text)
    builder = binding.create_pass_builder(target, binding.create_pipeline_tuning_options(speed_level=2))
    builder.getModulePassManager().run(module, builder)
    code = bytes(target.emit_object(module))
    keep(f"{key}.o", code)
    return code


def target_machine() -> Any:
    binding, machine = llvm(), host()
    target = binding.Target.from_default_triple()
    return target.create_target_machine(
        cpu=machine.processor, features=machine.features, opt=2, jit=True, reloc="default", codemodel="jitdefault"
    )


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
