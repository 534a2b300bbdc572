"""The floor: what no row can do without. Products alone, flops at the measured peak with the functions, the empty call."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tests.benchmarks.work import Work


def product_counts(task: str, work: Work) -> tuple[int, int, int]:
    counts = work.net.product_counts(work.case.depth)
    return counts if task == "training" else (counts[0], 0, 0)


def products(task: str, work: Work) -> Callable[[], None]:
    """The bare matrix products of the step, one call each into arrays made beforehand."""
    case = work.case
    w, n, depth = case.width, case.batch, case.depth
    random = np.random.default_rng(0)
    z, q, weights = (random.normal(size=(depth, *shape)) for shape in ((n, w), (n, w), (w, w)))
    rows, square = np.empty((n, w)), np.empty((w, w))
    forward, back, slopes = product_counts(task, work)
    calls = [(z[k % depth].dot, weights[k % depth], rows) for k in range(forward)]
    calls += [(q[k % depth].dot, weights[k % depth].T, rows) for k in range(back)]
    calls += [(z[k % depth].T.dot, q[k % depth], square) for k in range(slopes)]

    def run() -> None:
        for dot, other, out in calls:
            dot(other, out)

    return run


def empty() -> None:
    """The empty call."""


def floor(task: str, work: Work) -> float:
    """Seconds: the flops of the products at the peak, and the sigmoids and tanhs at the cost of one."""
    case = work.case
    flops = 2 * case.batch * case.width**2 * sum(product_counts(task, work))
    functions = work.net.functions * case.depth * case.batch * case.width
    return flops / peak() + functions * function_cost()


def best(call: Callable[[], Any], repeats: int, rounds: int = 20) -> float:
    """Seconds a call in the best of some rounds."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(repeats):
            call()
        found.append(time.process_time() - start)
    return min(found) / repeats


@cache
def peak() -> float:
    """Flops a second of the best product among some sizes, one thread."""
    speeds = []
    for n in (256, 384, 512):
        a, b, c = np.ones((n, n)), np.ones((n, n)), np.empty((n, n))
        a.dot(b, c)
        speeds.append(2 * n**3 / best(lambda a=a, b=b, c=c: a.dot(b, c), 3))
    return max(speeds)


@cache
def function_cost() -> float:
    """Seconds a sigmoid, of 2048 at a time in the cache: NumPy's exp, an addition, a reciprocal."""
    z, out, one = np.linspace(-4.0, 4.0, 2048), np.empty(2048), np.array(1.0)

    def call() -> None:
        np.exp(z, out)
        np.add(out, one, out)
        np.reciprocal(out, out)

    return best(call, 300) / z.size
