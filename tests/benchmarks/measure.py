"""Rows made ready, their results checked equal, then timed in interleaved rounds: medians, and medians of ratios."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.benchmarks.peers import Peer
from tests.benchmarks.work import Runner, Work

BASE = "symfold numpy"
TOLERANCE = 1e-9
TASKS = ("training", "evaluation")


class Unequal(AssertionError):
    """A row computes something else."""


@dataclass(frozen=True)
class Entry:
    """A row of one net at one case: seconds a step, how many times the base's, seconds until the first call was done."""

    seconds: float
    ratio: float
    first: float


@dataclass
class Block:
    """All the rows of one task, net and case: what was measured, what was not and why, and the rounds themselves."""

    task: str
    net: str
    case: str
    entries: dict[str, Entry] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    rounds: dict[str, list[float]] = field(default_factory=dict)

    def ratio(self, slow: str, fast: str) -> float:
        """How many times as long one row takes as another, round by round."""
        pairs = zip(self.rounds[slow], self.rounds[fast], strict=True)
        return statistics.median(a / b for a, b in pairs)


def measured(
    task: str, work: Work, rows: Mapping[str, Peer], rounds: int, clock: Callable[[], float], extra: Mapping[str, Callable[[], Any]], span: float
) -> Block:
    """The rows of one task at one net and case, with some calls that are timed beside them (the floor's)."""
    block = Block(task, work.net.name, work.case.name)
    check = Check(task, work)
    runners: dict[str, Runner] = {}
    firsts: dict[str, float] = {}
    for name, peer in rows.items():
        make = peer.train if task == "training" else peer.evaluate
        if make is None:
            continue
        if reason := peer.missing() or peer.unfit(work):
            block.skipped[name] = reason
            continue
        start = time.perf_counter()
        try:
            runner = make(work)
            value = runner.run()
        except Exception as error:  # a peer that fails is a row that was not measured, and the table says so
            if peer.ours:
                raise
            block.skipped[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:80] if str(error) else ''}"
            continue
        firsts[name] = time.perf_counter() - start
        check(name, runner, value)
        runners[name] = runner
    runners |= {name: Runner(call) for name, call in extra.items()}
    repeats = {name: repeats_of(runner, clock, span) for name, runner in runners.items()}
    block.rounds = {name: [] for name in runners}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, runner in runners.items():
                block.rounds[name].append(seconds(runner, repeats[name], clock))
    finally:
        gc.enable()
    for name, values in block.rounds.items():
        ratio = block.ratio(name, BASE) if BASE in block.rounds else float("nan")
        block.entries[name] = Entry(statistics.median(values), ratio, firsts.get(name, float("nan")))
    return block


def seconds(runner: Runner, repeats: int, clock: Callable[[], float]) -> float:
    run = runner.run
    start = clock()
    for _ in range(repeats):
        run()
    return (clock() - start) / (repeats * runner.steps)


def repeats_of(runner: Runner, clock: Callable[[], float], span: float) -> int:
    """As many calls as fill a span, after those that warm it up."""
    runner.run()
    once, repeats = 0.0, 1
    while once * repeats < span / 4:
        repeats *= 2
        once = seconds(runner, repeats, clock) * runner.steps
    return max(1, round(span / once))


class Check:
    """What a row computed, against the NumPy backend: the loss and the way that the parameters went, or the output."""

    def __init__(self, task: str, work: Work):
        from tests.benchmarks.peers import symfold_rows

        self.task, self.work = task, work
        self.reference = getattr(symfold_rows, "train" if task == "training" else "evaluate")(work, "numpy")
        self.known: dict[int, tuple[Any, dict[str, Any]]] = {}
        self.done = 0

    def after(self, steps: int) -> tuple[Any, dict[str, Any]]:
        """The loss of the last of some steps, and the parameters after it."""
        while self.done < steps:
            value = self.reference.run()
            self.done += 1
            if self.done in (1, 5, 100):
                self.known[self.done] = value, self.reference.params()
        return self.known[steps]

    def __call__(self, name: str, runner: Runner, value: Any) -> None:
        where = f"{name}, {self.task} of {self.work.net.name} at {self.work.case.name}"
        wanted, params = self.after(runner.steps)
        same(f"{where}: {'loss' if self.task == 'training' else 'output'}", np.asarray(value, dtype=float), wanted)
        if self.task == "training":
            for letter, after in runner.params().items():
                start = self.work.params[letter]
                same(f"{where}: step on {letter}", np.asarray(after) - start, params[letter] - start)


def same(what: str, given: Any, wanted: Any) -> None:
    """Arrays equal to 1e-9 of the largest number in them."""
    size = np.max(np.abs(wanted))
    error = float(np.max(np.abs(given - wanted)) / (size or 1.0))
    if not error <= TOLERANCE or np.shape(given) != np.shape(wanted):
        raise Unequal(f"{what} differs from symfold's NumPy backend by {error:.1e} of its size (allowed: {TOLERANCE:.0e})")
