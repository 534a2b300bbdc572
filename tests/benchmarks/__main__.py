"""The table: medians of interleaved runs, results checked equal first.

    python -m tests.benchmarks --quick
    python -m tests.benchmarks --nets residual LSTM --cases a d --peers "symfold *" "jax *"
    python -m tests.benchmarks --first-call --profile --json run.json --page docs/explanation/benchmarks.md
    python -m tests.benchmarks --from run.json held.json --page docs/explanation/benchmarks.md

A run held to an older processor (`python -m tests.benchmarks.held AVX2 python -m tests.benchmarks --json held.json`) is shown beside the first.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds; the residual net at cases a and d, unless others are named")
    parser.add_argument("--cases", nargs="+", metavar="CASE", help="from a to e (all)")
    parser.add_argument("--nets", nargs="+", metavar="NET", help="residual, boosting, block, highway, Elman, GRU, LSTM (all)")
    parser.add_argument("--peers", nargs="+", metavar="ROW", default=["*"], help="rows by name or pattern (all); symfold numpy is always there")
    parser.add_argument("--without", nargs="+", metavar="ROW", default=[], help="rows left out, by name or pattern")
    parser.add_argument("--tasks", nargs="+", choices=("training", "evaluation"), default=["training", "evaluation"])
    parser.add_argument("--rounds", type=int, help="rounds (15; quick: 5)")
    parser.add_argument("--threads", type=int, default=1, help="threads of every library (1: process CPU time; more: wall time)")
    parser.add_argument("--first-call", action="store_true", help="also from the net to the first step done, at depths 10, 100 and 1000")
    parser.add_argument("--profile", action="store_true", help="also where the time of the NumPy backend goes, case by case")
    parser.add_argument("--json", metavar="FILE", type=Path, help="keep the report")
    parser.add_argument("--page", metavar="FILE", type=Path, help="write the report as a page, with what `python -m tests.benchmarks.each` kept")
    parser.add_argument("--from", dest="kept", metavar="FILE", nargs="+", type=Path, help="measure nothing; show reports that were kept, in the first one's frame")
    parser.add_argument("--alone", metavar="FILE", type=Path, help="what `python -m tests.benchmarks.alone --json FILE` kept: a table more")
    return parser.parse_args(arguments)


def hold(threads: int) -> None:
    """Tell every library how many threads it has; they read it when they are imported."""
    for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA"):
        os.environ[f"{name}_NUM_THREADS"] = str(threads)
    os.environ["SYMFOLD_THREADS"] = str(threads)
    if threads == 1:
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # in this process, not in a pool of others


def main(arguments: Sequence[str] | None = None) -> None:
    given = options(arguments)
    hold(given.threads)
    from tests.benchmarks import kept, kept_page, page, report

    found = report.joined([json.loads(path.read_text()) for path in given.kept]) if given.kept else report.of(given)
    found["alone"] = json.loads(given.alone.read_text()) if given.alone else {}
    print(page.terminal(found))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    if given.page:
        given.page.write_text(page.page(found) + kept_page.page(kept.read()))
    sys.exit(0)


if __name__ == "__main__":
    main()
