"""Processes held to an instruction set and a number of threads, and the evidence that each library obeys.

    python -m tests.benchmarks.held                      every library at AVX2: what it says of itself
    python -m tests.benchmarks.held AVX2 COMMAND ...     the command in one thread, held to AVX2
"""

from __future__ import annotations

import compileall
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

LEVELS = ("AVX2", "AVX-512")
LEVEL_256 = {
    "SYMFOLD_CPU": "x86-64-v3",
    "OPENBLAS_CORETYPE": "Haswell",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
# of NumPy 2.4 and of earlier versions; it complains of names that it does not know
WIDE = ("X86_V4", "AVX512_ICL", "AVX512_SPR", "AVX512F", "AVX512CD", "AVX512_SKX", "AVX512_CLX", "AVX512_CNL")


def processor() -> str:
    """The widest of the levels that this processor has; elsewhere, its architecture."""
    info = Path("/proc/cpuinfo")
    flags = set(re.findall(r"\w+", info.read_text())) if info.exists() else set()
    return "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else os.uname().machine


def environment(level: str, threads: int) -> dict[str, str]:
    """The environment of a process held to a level, or left as it is where the processor has no more."""
    import numpy as np

    known = np._core._multiarray_umath.__cpu_dispatch__
    xla = ["--xla_cpu_multi_thread_eigen=false", "intra_op_parallelism_threads=1"] if threads == 1 else []  # the bare one ends its flags
    limits: dict[str, str] = {}
    if level != processor():
        limits = {**LEVEL_256, "NPY_DISABLE_CPU_FEATURES": " ".join(name for name in WIDE if name in known)}
        xla.insert(0, "--xla_cpu_max_isa=AVX2")
    counts = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA")}
    rest = {"SYMFOLD_THREADS": str(threads), "XLA_FLAGS": " ".join(xla), "JAX_PLATFORMS": "cpu", "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    rest["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # what it compiled for one instruction set, it takes for another one's
    return {**os.environ, **counts, **rest, **limits}


def instructions() -> str:
    """What this process computes with, and whether it is held to it."""
    chosen = of_symfold() if processor() in LEVELS else processor()
    return chosen if chosen == processor() else f"{chosen} (held)"


@cache
def bytecode() -> None:
    """The bytecode of symfold's files and of those of the benchmark, as an installed package has it: a checkout may have none."""
    folder = Path(__file__).parent
    for sources in (folder.parent.parent / "symfold", folder):
        compileall.compile_dir(sources, quiet=2)


# -- evidence, library by library: the level that it computes with, asked in a process of its own


def of_numpy() -> str:
    import numpy as np

    features = np._core._multiarray_umath.__cpu_features__
    wide = "X86_V4" if "X86_V4" in features else "AVX512_SKX"  # since NumPy 2.4, kernels are chosen by the group
    return "AVX-512" if features[wide] else "AVX2"


def of_openblas() -> str:
    import numpy as np  # noqa: F401 - loads it
    from threadpoolctl import threadpool_info

    cores = {library["architecture"] for library in threadpool_info() if library["internal_api"] == "openblas"}
    return "AVX2" if cores <= {"Haswell", "Zen"} else "AVX-512" if cores <= {"SkylakeX", "Cooperlake", "Sapphirerapids"} else f"{cores}"


def of_torch() -> str:
    import torch

    name = torch.backends.cpu.get_cpu_capability()
    return {"AVX2": "AVX2", "AVX512": "AVX-512"}.get(name, name)


def of_onednn() -> str:
    code = "import torch; torch.nn.functional.conv2d(torch.ones(2, 8, 16, 16), torch.ones(8, 8, 3, 3))"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "ONEDNN_VERBOSE": "1"}, capture_output=True, text=True, check=True)
    isa = next((line for line in done.stdout.splitlines() if "cpu,isa:" in line), "")
    return "AVX-512" if "AVX-512" in isa else "AVX2" if "AVX2" in isa else isa or "unknown"


def of_xla() -> str:
    """It prefers vectors of 256 bits on any processor, so what tells is whether the limit changes its object code."""
    flags = os.environ.get("XLA_FLAGS", "").split()
    free = [flag for flag in flags if not flag.startswith("--xla_cpu_max_isa")]
    return "AVX2" if processor() == "AVX2" or (free != flags and xla_code(free) != xla_code(flags)) else processor()


def xla_code(flags: list[str]) -> list[bytes]:
    """The object code of a function under some flags."""
    code = "import jax, jax.numpy as jnp; jax.jit(lambda x: jnp.exp(x) * 3 + x)(jnp.ones(4096)).block_until_ready()"
    with tempfile.TemporaryDirectory() as folder:
        dumped = " ".join([f"--xla_dump_to={folder}", "--xla_dump_hlo_as_text", *flags])
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "XLA_FLAGS": dumped}, capture_output=True, check=True)
        return [path.read_bytes() for path in sorted(Path(folder).glob("*.o"))]


def of_symfold() -> str:
    from symfold.compute.backends.native.processors import processor as chosen

    return "AVX-512" if chosen().vector_bytes == 64 else "AVX2"


EVIDENCE: dict[str, Callable[[], str]] = {
    "symfold": of_symfold, "numpy": of_numpy, "openblas": of_openblas, "torch": of_torch, "onednn": of_onednn, "xla": of_xla,
}  # fmt: skip


def obeyed(level: str) -> dict[str, str]:
    """What each library computes with when it is held to a level; why it cannot say, if it cannot."""
    found: dict[str, str] = {}
    for library in EVIDENCE:
        command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.held", library]
        done = subprocess.run(command, env=environment(level, 1), capture_output=True, text=True, check=False)
        found[library] = done.stdout.strip() if done.returncode == 0 else "not installed"
    return found


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] in EVIDENCE:
        print(EVIDENCE[sys.argv[1]]())
    elif len(sys.argv) > 2 and sys.argv[1] in LEVELS:
        os.execvpe(sys.argv[2], sys.argv[2:], environment(sys.argv[1], 1))
    else:
        print(json.dumps({level: obeyed(level) for level in LEVELS[: LEVELS.index(processor()) + 1]}, indent=1))


if __name__ == "__main__":
    main()
