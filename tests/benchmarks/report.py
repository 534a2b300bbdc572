"""A whole run as plain data: the machine, the rows of every block, the targets, first calls, packing, profiles."""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from symfold.base.version import __version__
from tests.benchmarks import first_call, floor, held, lines, parts, targets
from tests.benchmarks.measure import BASE, TOLERANCE, Block, measured, repeats_of, seconds
from tests.benchmarks.nets import NETS
from tests.benchmarks.peers import Peer, peers, symfold_rows
from tests.benchmarks.work import CASES, Work

VERSIONS = ("symfold", "numpy", "autograd", "torch", "jax", "casadi", "pytensor", "numba", "llvmlite")


def of(given: argparse.Namespace) -> dict[str, Any]:
    """Measure what the options ask for."""
    quick = given.quick
    cases = chosen("case", given.cases or (["a", "d"] if quick else list(CASES)), CASES)
    nets = chosen("net", given.nets or (["residual"] if quick else list(NETS)), NETS)
    rows = selected(given.peers, given.without)
    rounds = given.rounds or (5 if quick else 15)
    clock, span = (time.process_time if given.threads == 1 else time.perf_counter), (0.005 if quick else 0.02)
    blocks: list[Block] = []
    packing: dict[str, dict[str, float]] = {}
    with np.errstate(all="ignore"):
        for net in nets:
            for case in cases:
                work = Work(NETS[net], CASES[case])
                for task in given.tasks:
                    say(f"{net}, {task}, case {case}")
                    extra = {"products alone": floor.products(task, work), "empty call": floor.empty}
                    block = measured(task, work, rows, rounds, clock, extra, span)
                    blocks.append(with_floor(block, floor.floor(task, work)))
                packed = symfold_rows.packing(work)
                packing.setdefault(net, {})[case] = seconds(packed, repeats_of(packed, clock, span), clock)
        profile = {case: profiled(Work(NETS["residual"], CASES[case])) for case in cases} if given.profile else {}
    return {
        "machine": machine(given.threads, clock),
        "rounds": rounds,
        "tolerance": TOLERANCE,
        "blocks": [as_data(block) for block in blocks],
        "targets": [as_target(outcome) for outcome in targets.outcomes(blocks)],
        "packing": packing,
        "first_calls": first_calls(rows) if given.first_call else {},
        "patience": first_call.PATIENCE,
        "profile": profile,
        "notes": left_out([name for name in peers() if name not in rows], nets, given.tasks),
    }


def joined(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Several runs on one machine as one, what stands twice from the first: each block is interleaved in itself, so every ratio is of one run.

    Runs with other instructions than the first are joined as its `held`.
    """
    whole = dict(reports[0])
    others = [report for report in reports if report["machine"]["instructions"] != whole["machine"]["instructions"]]
    whole["held"] = joined(others) if others else None
    rounds = [whole["rounds"]]
    for report in (report for report in reports[1:] if report not in others):
        known = {(block["task"], block["net"], block["case"]) for block in whole["blocks"]}
        new = [block for block in report["blocks"] if (block["task"], block["net"], block["case"]) not in known]
        judged = {outcome["case"] for outcome in whole["targets"]}
        whole["blocks"] = [*whole["blocks"], *new]
        whole["targets"] = [*whole["targets"], *(outcome for outcome in report["targets"] if outcome["case"] not in judged)]
        whole |= {key: {**report[key], **whole[key]} for key in ("packing", "first_calls", "profile")}
        rounds += [report["rounds"]] if new else []
        whole["notes"] = [*dict.fromkeys([*whole["notes"], *(report["notes"] if new else ())])]
    whole["rounds"] = rounds[0] if len(set(rounds)) == 1 else f"{min(rounds)} to {max(rounds)}"
    return whole


def left_out(names: Sequence[str], nets: Sequence[str], tasks: Sequence[str]) -> list[str]:
    where = f"{', '.join(nets)}; {' and '.join(tasks)}"
    return [f"{', '.join(names)}: left out by the options of the run ({where})"] if names else []


def say(what: str) -> None:
    print(f"measuring {what}", file=sys.stderr, flush=True)


def chosen(kind: str, wanted: Sequence[str], known: Mapping[str, Any]) -> list[str]:
    for name in wanted:
        if name not in known:
            sys.exit(f"no {kind} {name!r} (there are {', '.join(known)})")
    return list(wanted)


def selected(patterns: Sequence[str], without: Sequence[str]) -> dict[str, Peer]:
    """The rows that fit the patterns; the base always."""
    known = peers()
    for pattern in (*patterns, *without):
        if not any(fnmatchcase(name, pattern) for name in known):
            sys.exit(f"no row fits {pattern!r} (there are {', '.join(known)})")

    def fits(name: str, among: Sequence[str]) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in among)

    return {name: peer for name, peer in known.items() if name == BASE or (fits(name, patterns) and not fits(name, without))}


def with_floor(block: Block, value: float) -> Block:
    """The computed floor as one more row, the same in every round."""
    from tests.benchmarks.measure import Entry

    block.rounds["floor"] = [value] * len(block.rounds[BASE])
    block.entries["floor"] = Entry(value, block.ratio("floor", BASE), math.nan)
    return block


def as_data(block: Block) -> dict[str, Any]:
    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    entries = {
        name: {"seconds": entry.seconds, "ratio": number(entry.ratio), "first": number(entry.first)} for name, entry in block.entries.items()
    }
    return {"task": block.task, "net": block.net, "case": block.case, "entries": entries, "skipped": block.skipped}


def as_target(outcome: targets.Outcome) -> dict[str, Any]:
    target = outcome.target
    of = "every peer" if ", ".join(target.against) == targets.PEERS else ", ".join(target.against)
    return {
        "ours": target.ours, "of": of, "case": target.case, "aim": target.factor,
        "rival": outcome.rival, "ratio": outcome.ratio, "met": outcome.met,
    }  # fmt: skip


def profiled(work: Work) -> dict[str, Any]:
    say(f"where the time goes, case {work.case.name}")
    found, total = lines.profile(work, 500 if work.case.width * work.case.depth < 1000 else 20)
    slow = sorted(found, key=lambda line: -line.seconds)[:6]
    native = parts.parts(work) if find_spec("llvmlite") else {}
    return {"total": total, "kinds": lines.by_kind(found, total), "lines": [(line.text, line.times, line.seconds) for line in slow], "native": native}


def first_calls(rows: Mapping[str, Peer]) -> dict[str, dict[str, Any]]:
    """By row and depth; a depth is not tried where the one before it took too long."""
    found: dict[str, dict[str, Any]] = {}
    for name, peer in rows.items():
        if peer.train is None or peer.missing():
            continue
        found[name] = {}
        for depth in first_call.DEPTHS:
            say(f"first call of {name} at depth {depth}")
            result = first_call.first_call(name, depth)
            found[name][str(depth)] = None if result is None else {"imports": result[0], "seconds": result[1]}
            if result is None:
                break
    return found


def machine(threads: int, clock: Callable[[], float]) -> dict[str, Any]:
    return {
        "cpu": cpu(),
        "instructions": held.instructions(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"Python": platform.python_version()} | {name: version for name in VERSIONS if (version := version_of(name))},
        "threads": threads,
        "clock": "process CPU time" if clock is time.process_time else "wall time",
        "peak": floor.peak() / 1e9,
        "function": floor.function_cost() * 1e9,
    }


def cpu() -> str:
    info = Path("/proc/cpuinfo")
    found = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return found[0] if found else platform.processor() or "unknown processor"


def version_of(name: str) -> str:
    """The version of a package; of symfold, that of the code that is measured, which may be installed from another folder."""
    if name == "symfold":
        return __version__
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


