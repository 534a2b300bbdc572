"""Rows each in a process of its own, held to an instruction set and a number of threads; results are kept with their dates.

    python -m tests.benchmarks.each --tables models --cases "transformer *" --rows "symfold native" "torch *"
    python -m tests.benchmarks.each --instructions AVX2 AVX-512 --threads 1 2 --dtypes float64 float32
    python -m tests.benchmarks.each --quick --json /tmp/kept.json

Tables: models (training steps), calls (one call through the public API), long (20,000 operations without a fold), digits (a whole training).
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.benchmarks import held, kept  # nothing that imports symfold: its import is a part of some rows

PATIENCE = 180.0  # seconds of a process
TABLES = ("models", "calls", "long", "digits")
LIBRARIES = {"symfold": "symfold", "torch": "torch", "jax": "xla", "scikit-learn": "numpy", "flax": "xla", "autograd": "numpy"}
PACKAGES = {"torch": "torch", "jax": "jax", "flax": "flax", "scikit-learn": "scikit-learn", "casadi": "casadi", "onnxruntime": "onnxruntime", "autograd": "autograd"}


def one(asked: dict[str, Any]) -> dict[str, Any]:
    """A measurement, in this process."""
    table, case, row, quick = (asked[name] for name in ("table", "case", "row", "quick"))
    span, rounds = (0.002, 3) if quick else (0.2, 7)
    if table == "models":
        from tests.benchmarks import steps

        return steps.timed(case, row, asked["dtype"], asked["threads"], span, rounds)
    if table == "calls":
        from tests.benchmarks import calls

        return calls.timed(case, row, 0.002 if quick else 0.01, 5 if quick else 200)
    if table == "long":
        from tests.benchmarks import long_nets

        return long_nets.timed(case, row)
    from tests.benchmarks import digits

    return digits.timed(case, row)


def cases_and_rows(table: str) -> tuple[Sequence[str], Sequence[str]]:
    from tests.benchmarks import calls, digits, long_nets, models, steps

    return {
        "models": (list(models.MODELS), list(steps.ROWS)),
        "calls": (list(calls.CASES), list(calls.ROWS)),
        "long": (long_nets.CASES, list(long_nets.ROWS)),
        "digits": (digits.CASES, list(digits.ROWS)),
    }[table]


def settings(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Everything asked for, the rows of a case next to each other."""
    for table in given.tables:
        cases, rows = cases_and_rows(table)
        threads = given.threads if table in ("models", "digits") else given.threads[:1]
        for case in fitting(cases, given.cases):
            for dtype in given.dtypes if table == "models" else ["float64"]:
                for level in given.instructions:
                    for count in threads:
                        for row in fitting(rows, given.rows):
                            yield {"table": table, "case": case, "row": row, "instructions": level, "threads": count, "dtype": dtype}


def fitting(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def measured(asked: dict[str, Any], quick: bool) -> dict[str, Any]:
    """A measurement in a process of its own: its seconds, or the reason why there are none."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.each", "--one", json.dumps({**asked, "quick": quick})]
    environment = held.environment(asked["instructions"], asked["threads"])
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return {"skipped": f"took over {PATIENCE:.0f} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["failed"])[-1]
        missing = "No module named" in last or "not installed" in last
        return {"skipped": "not installed" if missing else last[:100]}
    return json.loads(done.stdout.splitlines()[-1])


def of(given: argparse.Namespace) -> list[dict[str, Any]]:
    """All measurements asked for; those that compute something else than the first row of their case have no seconds."""
    from tests.benchmarks.report import cpu, version_of

    held.bytecode()
    date = datetime.date.today().isoformat()
    obeyed = {level: held.obeyed(level) for level in given.instructions if level != held.processor()}
    references: dict[tuple[str, ...], list[float]] = {}
    found = []
    for asked in settings(given):
        say(", ".join(str(value) for value in asked.values()))
        library = next((known for name, known in LIBRARIES.items() if asked["row"].startswith(name)), None)
        said = obeyed.get(asked["instructions"], {}).get(library or "", asked["instructions"])
        if said not in (asked["instructions"], "not installed"):
            result: dict[str, Any] = {"skipped": f"not held to {asked['instructions']}: it says {said}"}
        else:
            result = measured(asked, given.quick)
        if losses := result.pop("losses", None):
            wanted = references.setdefault((asked["table"], asked["case"], asked["dtype"]), losses)
            if reason := different(losses, wanted, asked):
                result = {"skipped": reason}
        package = next((known for name, known in PACKAGES.items() if asked["row"].startswith(name)), "symfold")
        found.append({**asked, **result, "date": date, "cpu": cpu(), "held": asked["instructions"] != held.processor(), "version": version_of(package)})
    return found


def different(losses: list[float], wanted: list[float], asked: dict[str, Any]) -> str:
    from tests.benchmarks.steps import LOSSES, unequal

    if len(losses) == LOSSES == len(wanted):
        return unequal(losses, wanted, asked["dtype"])
    return "" if abs(losses[0] - wanted[0]) <= 1e-9 * abs(wanted[0]) else f"computes something else: {losses[0]!r}, not {wanted[0]!r}"


def say(what: str) -> None:
    print(f"measuring {what}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    levels = list(held.LEVELS[: held.LEVELS.index(held.processor()) + 1]) if held.processor() in held.LEVELS else [held.processor()]
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.each", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--cases", nargs="+", metavar="CASE", default=["*"], help="by name or pattern (all)")
    parser.add_argument("--rows", nargs="+", metavar="ROW", default=["*"], help="by name or pattern (all)")
    parser.add_argument("--instructions", nargs="+", choices=levels, default=levels)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--dtypes", nargs="+", choices=("float64", "float32"), default=["float64", "float32"])
    parser.add_argument("--quick", action="store_true", help="few rounds: whether it runs, not how fast")
    parser.add_argument("--json", type=Path, default=kept.FILE, help="where results are kept (tests/benchmarks/kept.json)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        print(json.dumps(one(json.loads(given.one))))
        return
    new = of(given)
    kept.write(kept.merged(kept.read(given.json), new), given.json)
    for entry in new:
        print(*(entry[name] for name in kept.KEY), entry.get("skipped") or f"{entry['seconds'] * 1e6:.1f} us", entry.get("note", ""))


if __name__ == "__main__":
    main()
