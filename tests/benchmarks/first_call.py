"""From the net to the first training step done, in a process of its own: `python -m tests.benchmarks.first_call ROW DEPTH`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from tests.benchmarks import held

DEPTHS = (10, 100, 1000)
PATIENCE = 60.0


def cold(row: str, depth: int) -> tuple[float, float]:
    """Seconds of the imports, and of everything after them, in this process."""
    start = time.perf_counter()
    from tests.benchmarks.nets import NETS
    from tests.benchmarks.peers import peers
    from tests.benchmarks.work import Case, Work

    peer = peers()[row]
    work = Work(NETS["residual"], Case("", 3, 10, depth))
    work.__dict__["rate"] = 1e-6
    for package in peer.needs:
        __import__(package)
    imported = time.perf_counter()
    assert peer.train is not None
    peer.train(work).run()
    return imported - start, time.perf_counter() - imported


def first_call(row: str, depth: int, patience: float = PATIENCE) -> tuple[float, float] | None:
    """The same in a new process with empty caches; None where it takes longer than the patience, or fails."""
    held.bytecode()
    with tempfile.TemporaryDirectory() as folder:
        caches = {"TORCHINDUCTOR_CACHE_DIR": folder, "PYTENSOR_FLAGS": f"base_compiledir={folder}", "XDG_CACHE_HOME": folder}
        command = [sys.executable, "-m", "tests.benchmarks.first_call", row, str(depth)]
        try:
            done = subprocess.run(command, env={**os.environ, **caches}, capture_output=True, text=True, timeout=patience + 20)
        except subprocess.TimeoutExpired:
            return None
    if done.returncode:
        return None
    imports, rest = map(float, done.stdout.split()[-2:])
    return (imports, rest) if rest <= patience else None


if __name__ == "__main__":
    print(*cold(sys.argv[1], int(sys.argv[2])))
