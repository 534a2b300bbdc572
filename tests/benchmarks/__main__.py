"""The table: medians of interleaved runs, results checked equal first.

    python -m tests.benchmarks [--rounds 30] [--json]
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

import numpy

from tests.benchmarks.training import BATCH, DEPTH, TASKS, WIDTH


def microseconds(step: Callable[[], float], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - start) / repeats * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for task in TASKS:
        ours, theirs = task.steps()
        rounds = [(microseconds(ours, 50), microseconds(theirs, 3)) for _ in range(options.rounds)]
        fast, slow = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratio = statistics.median(there / here for here, there in rounds)
        rows.append({"task": task.name, "symfold_us": round(fast, 1), "autograd_us": round(slow, 1), "ratio": round(ratio, 1)})
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    versions = f"Python {platform.python_version()}, NumPy {numpy.__version__}"
    print(f"one training step, width {WIDTH}, batch {BATCH}, depth {DEPTH}, float64; {versions}")
    print(f"{'task':32}{'symfold':>12}{'autograd':>12}{'ratio':>8}")
    for row in rows:
        print(f"{row['task']:32}{row['symfold_us']:>9} us{row['autograd_us']:>9} us{row['ratio']:>8}")


if __name__ == "__main__":
    main()
