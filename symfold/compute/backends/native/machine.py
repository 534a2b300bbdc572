"""Machine code: LLVM text compiled for a processor, cached on disk by a hash of its source."""

from __future__ import annotations

import ctypes
import hashlib
from typing import Any

from symfold.compute.backends.native.disk_cache import cached, keep
from symfold.compute.backends.native.optimization import optimized
from symfold.compute.backends.native.processors import Processor, llvm, processor


def compiled(text: str) -> bytes:
    """The object code of a module: from the cache, else compiled and cached."""
    target = processor()
    content = "\0".join((text, repr(target), str(llvm().llvm_version_info), "5"))
    key = hashlib.blake2b(content.encode(), digest_size=20).hexdigest()
    if (code := cached(f"{key}.o")) is not None:
        return code
    machine = target_machine(target)
    code = bytes(machine.emit_object(optimized(text, machine)))
    keep(f"{key}.o", code)
    return code


def target_machine(target: Processor, triple: str = "") -> Any:
    """LLVM's code generator for a processor of this machine's kind, or of the kind that a triple names."""
    kind = llvm().Target.from_triple(triple) if triple else llvm().Target.from_default_triple()
    return kind.create_target_machine(
        cpu=target.name, features=target.features, opt=2, jit=True, reloc="default", codemodel="jitdefault"
    )


class Loaded:
    """Object code in memory, with its functions by name; it lives as long as this object."""

    def __init__(self, code: bytes):
        binding = llvm()
        self.engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target_machine(processor()))
        self.engine.add_object_file(binding.ObjectFileRef.from_data(code))
        self.engine.finalize_object()

    def function(self, name: str, result: Any, *arguments: Any) -> Any:
        return ctypes.CFUNCTYPE(result, *arguments)(self.engine.get_function_address(name))
