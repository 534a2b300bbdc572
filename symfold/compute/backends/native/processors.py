"""Processors that code is compiled for: this machine's own, or one of less that `SYMFOLD_CPU` names."""

from __future__ import annotations

import os
from collections.abc import Set
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np

from symfold.errors import InvalidValue, MissingPackage, listing

SECOND = frozenset({"sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "cx16"})
THIRD = SECOND | {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"}
FOURTH = THIRD | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}

# LLVM's name of a processor, and the features that its code takes
NAMED = {
    "x86-64": ("x86-64", frozenset({"sse2"})),
    "x86-64-v2": ("x86-64-v2", SECOND),
    "x86-64-v3": ("x86-64-v3", THIRD),
    "haswell": ("haswell", THIRD),
    "x86-64-v4": ("x86-64-v4", FOURTH),
    "skylake-avx512": ("skylake-avx512", FOURTH),
    "aarch64": ("generic", frozenset({"neon"})),
}


@dataclass(frozen=True)
class Processor:
    """A processor by LLVM's name, with its features, its vector registers, and whether it rounds a * b + c once."""

    name: str
    features: str
    vector_bytes: int
    registers: int
    fused: bool

    def lanes(self, dtype: np.dtype) -> int:
        """The numbers in a vector."""
        return self.vector_bytes // dtype.itemsize


def with_features(name: str, text: str, features: Set[str]) -> Processor:
    """A processor with these features; `text` is their spelling for LLVM.

    >>> with_features("x86-64-v3", "", THIRD)
    Processor(name='x86-64-v3', features='', vector_bytes=32, registers=16, fused=True)
    """
    large, arm = "avx512f" in features, "neon" in features
    size = 64 if large else 32 if "avx2" in features else 16
    return Processor(name, text, size, 32 if large or arm else 16, arm or "fma" in features)


def named(name: str) -> Processor:
    """A processor of the table, whether or not this machine runs its code.

    >>> named("x86-64-v2").fused, named("aarch64").registers
    (False, 32)
    """
    llvm_name, features = NAMED[name]
    return with_features(llvm_name, "", features)


def processor() -> Processor:
    """The processor to compile for: the one that `SYMFOLD_CPU` names, else this machine's."""
    return chosen(os.environ.get("SYMFOLD_CPU") or "native")


@cache
def chosen(name: str) -> Processor:
    if name == "native":
        features = sorted(llvm().get_host_cpu_features().items())
        text = ",".join(f"{'+' if on else '-'}{feature}" for feature, on in features)
        return with_features(str(llvm().get_host_cpu_name()), text, present())
    allowed = runnable(present())
    if name not in allowed:
        reason = "needs instructions that this machine lacks" if name in NAMED else "names no processor"
        raise InvalidValue(f"SYMFOLD_CPU={name[:40]!r} {reason} (it runs {listing(map(repr, allowed))})")
    return named(name)


def present() -> Set[str]:
    """The features of this machine."""
    return {feature for feature, on in llvm().get_host_cpu_features().items() if on}


def runnable(features: Set[str]) -> list[str]:
    """The names that a machine with these features can run.

    >>> runnable(SECOND | {"sse2"})
    ['native', 'x86-64', 'x86-64-v2']
    """
    return ["native", *(name for name, (_, needed) in NAMED.items() if needed <= features)]


def llvm() -> ModuleType:
    """The LLVM binding of the extra `native`, ready to compile for this machine."""
    try:
        import llvmlite.binding as binding
    except ImportError as error:
        raise MissingPackage("backend 'native' needs llvmlite (pip install 'symfold[native]')") from error
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding
