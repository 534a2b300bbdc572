"""Rows each in a process of its own, with several threads: pools of threads that wait for work by spinning disturb who comes next.

    python -m tests.benchmarks.alone --threads 2 --cases c e --json alone.json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROWS = ("symfold native", "symfold native, many steps", "symfold numpy", "jax fori unrolled", "jax fori scan", "torch eager")
ROUNDS = 15


def one(row: str, case: str, threads: int) -> float:
    """Seconds a training step of the residual net, by the wall clock: the median of some calls, the first three left out."""
    from tests.benchmarks.__main__ import hold

    hold(threads)
    from tests.benchmarks.nets import NETS
    from tests.benchmarks.peers import peers
    from tests.benchmarks.work import CASES, Work

    runner = peers()[row].train(Work(NETS["residual"], CASES[case]))
    found = []
    for _ in range(ROUNDS + 3):
        start = time.perf_counter()
        runner.run()
        found.append((time.perf_counter() - start) / runner.steps)
    return statistics.median(found[3:])


def all_of(cases: Sequence[str], threads: int) -> dict[str, dict[str, float | None]]:
    """Every row that is there, by case."""
    found: dict[str, dict[str, float | None]] = {}
    for row in ROWS:
        for case in cases:
            command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.alone", "--row", row, "--cases", case, "--threads", str(threads)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            found.setdefault(row, {})[case] = float(done.stdout) if done.returncode == 0 else None
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.alone", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cases", nargs="+", default=["c", "e"])
    parser.add_argument("--row", help="this row alone, in this process")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if given.row:
        print(one(given.row, given.cases[0], given.threads))
        return
    found = {"threads": given.threads, "cpus": os.cpu_count(), "rows": all_of(given.cases, given.threads)}
    text = json.dumps(found, indent=1) + "\n"
    print(text)
    if given.json:
        given.json.write_text(text)


if __name__ == "__main__":
    main()
