"""Threads and processes that do the same at once: compile, evaluate, differentiate and count, over one cache of machine code.

Law: every answer is, bit for bit, that of a single thread.
"""

from __future__ import annotations

import hashlib
import math
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

import symfold as sf
from symfold.base.trees import flatten
from symfold.compute.backends.table import installed
from tests.cases import CASES, values_of

THREADS, PROCESSES, DEPTH = 8, 4, 5

Task = tuple[str, str]  # a case and a backend
TASKS: list[Task] = [(name, backend) for name in CASES for backend in installed() if backend != "jax"]


def answer(task: Task) -> str:
    """What symfold says of a net, as a hash: formula, cost, JSON, numbers, and the numbers of the gradient."""
    name, backend = task
    net = sf.Net.of(CASES[name].build(DEPTH))
    values = values_of(net)
    loss = sum(np.tanh(output).sum() for output in net.outputs)
    parts: list[object] = [sf.formula(net, form="fold"), str(sf.cost(net)), net.to_json()]
    for each in (net, sf.value_and_grad(loss)):
        params, inputs = ({node.op.name: values[node.op.name] for node in nodes} for nodes in (each.params, each.inputs))
        parts += [np.asarray(part).tobytes() for part in flatten(each.compile(backend=backend)(params, **inputs))[0]]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def answers(seed: int) -> list[dict[Task, str]]:
    """The answers of several threads of this process, each in an order of its own."""

    def shuffled(number: int) -> dict[Task, str]:
        return {task: answer(task) for task in random.Random(f"{seed} {number}").sample(TASKS, len(TASKS))}

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(shuffled, range(THREADS)))


@contextmanager
def empty_cache() -> Iterator[None]:
    """A folder of its own for machine code."""
    before = os.environ.get("SYMFOLD_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SYMFOLD_CACHE"] = folder
        try:
            yield
        finally:
            del os.environ["SYMFOLD_CACHE"]
            if before is not None:
                os.environ["SYMFOLD_CACHE"] = before


def run(seconds: float, start: int, count: int) -> tuple[dict[str, dict[str, float]], bool]:
    """Ask threads and processes, and print what was found: the figures, and whether an answer differs."""
    print(f"seed: {start}; {PROCESSES} processes of {THREADS} threads, {len(TASKS)} tasks each", flush=True)
    begin, rounds, given, different = time.monotonic(), 0, 0, 0
    new_processes = multiprocessing.get_context("spawn")
    with empty_cache():
        wanted = {task: answer(task) for task in TASKS}
    while rounds < count and time.monotonic() - begin < (seconds or math.inf):
        with empty_cache(), new_processes.Pool(PROCESSES) as processes:
            for threads in processes.map(answers, range(start + PROCESSES * rounds, start + PROCESSES * (rounds + 1))):
                for thread in threads:
                    given += len(thread)
                    wrong = [task for task in TASKS if thread[task] != wanted[task]]
                    different += len(wrong)
                    for name, backend in wrong:
                        print(f"broken: another answer about {name!r} by {backend}\nseed: {start}", flush=True)
        rounds += 1
    print(f"{given:,} answers of {THREADS} threads in {PROCESSES} processes; {different:,} differ from that of a single thread")
    return {"threads": {"answers": given, "failures": different, "seconds": time.monotonic() - begin}}, different > 0
