"""Symbolic and listing work: each as a ratio or a rate measured in one run, beside its target.

    python -m tests.benchmarks.symbolic [--rounds 5]

Depths are compared within one process, cold starts in processes of their own. CasADi is compared where it is installed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import symfold as sf
from symfold.show.notation.expanded import stream

DEEP = 10**6
LISTED = 10**5
Row = tuple[str, str, str]  # what was measured, the figure, its target

COLD = """
import symfold as sf, numpy as np
net = sf.fold(sf.mappers.residual, sf.layers("f", sf.dense(3, 3, sf.sigmoid), count={depth}), sf.tensor("x", (None, 3)))
loss = sf.squared_error(net, sf.tensor("t", (None, 3)))
data = {{"x": np.ones((10, 3)) / {depth}, "t": np.ones((10, 3))}}
sf.fit(loss, net.init(0), data, optimizer=sf.sgd(1e-9), epochs=1, batch_size=10)
"""


def seconds(work: Callable[[], Any], rounds: int = 1, repeats: int = 1) -> float:
    """The least CPU time of some rounds."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(repeats):
            work()
        found.append(time.process_time() - start)
    return min(found)


def peak(work: Callable[[], Any]) -> int:
    """The most memory that Python held at once, in bytes."""
    tracemalloc.start()
    kept = work()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del kept
    return found


def opaque(depth: Any) -> sf.Net:
    return sf.fold(sf.mappers.residual, sf.layers("f", count=depth), sf.tensor("x"))


def dense(depth: Any) -> sf.Net:
    return sf.fold(sf.mappers.residual, sf.layers("f", sf.dense(3, 3, sf.sigmoid), count=depth), sf.tensor("x", (None, 3)))


def boosted(depth: Any) -> sf.Net:
    x = sf.tensor("x", (None, 3))
    return sf.fold(sf.mappers.boosting(x), sf.layers("f", sf.dense(3, 3, sf.sigmoid), count=depth), x)


def error(net: sf.Net) -> sf.Net:
    return sf.squared_error(net, sf.tensor("t", (None, 3)))


def moments(net: sf.Net) -> Any:
    paths = sf.paths(net)
    return paths.mean, paths.variance


SYMBOLIC: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "build": (lambda depth: depth, dense),
    "adjoint": (opaque, sf.adjoint),
    "gradient by name": (lambda depth: error(dense(depth)), sf.grad),
    "shapes": (lambda depth: depth, lambda depth: dense(depth).shape),
    "paths: count": (opaque, lambda net: sf.paths(net).count),
    "paths: moments": (opaque, moments),
    "cost": (dense, sf.cost),
    "folded form": (opaque, sf.formula),
    "print": (opaque, str),
}


def symbolic(rounds: int) -> Iterator[Row]:
    """The same work at depth 10 and at depth 1,000,000."""
    for name, (made, work) in SYMBOLIC.items():
        times = []
        for depth in (10, DEEP):
            given = made(depth)
            work(given)
            times.append(seconds(lambda work=work, given=given: work(given), rounds, 100))
        yield f"{name}, depth {DEEP:,} over 10", f"{times[1] / times[0]:.2f}", "at most 2"


def listed() -> Iterator[Row]:
    """A list of distinct layers, and a chain written by hand."""
    layers = [sf.layer(f"g{k}_") for k in range(LISTED)]
    for name, items in (("numbered", list(sf.layers("f", count=LISTED))), ("named one by one", layers)):
        nets: list[Any] = []
        spent = seconds(lambda items=items, nets=nets: nets.append(sf.fold(sf.mappers.residual, items, sf.tensor("x"))))
        yield f"list of layers {name}: fold, us an item", f"{spent / LISTED * 1e6:.2f}", "at most 5"
        spent = seconds(lambda nets=nets: sf.adjoint(nets[0]))
        yield f"list of layers {name}: adjoint, us an item", f"{spent / LISTED * 1e6:.2f}", "at most 5"

    def chain(depth: int) -> None:
        z = sf.tensor("x", ())
        for _ in range(depth):
            z = sf.tanh(z) + z
        sf.roll(sf.adjoint(z))

    for name, made in (("scalar", lambda z, f: sf.tanh(z) + z), ("opaque", lambda z, f: f(z) + z)):
        z = sf.tensor("x", () if name == "scalar" else (None, 3))
        for f in sf.layers("f", count=LISTED):
            z = made(z, f)
        yield f"loop by hand, {name} steps: adjoint, us a step", f"{seconds(lambda z=z: sf.adjoint(z)) / LISTED * 1e6:.0f}", "CasADi: 13"

    short, long = 2_000, 32_000
    ratio = seconds(lambda: chain(long)) / long / (seconds(lambda: chain(short)) / short)
    yield f"loop by hand: build, adjoint, roll: a step of {long:,} over one of {short:,}", f"{ratio:.2f}", "linear: near 1"


def scalar(depth: int, items: Callable[[Any], Any]) -> sf.Net:
    layers = sf.layers("f", lambda z, w: sf.tanh(z * w), w=(), count=depth)
    return sf.grad(sf.fold(sf.mappers.residual, items(layers), sf.tensor("x", ())))


def casadi(rounds: int) -> Iterator[Row]:
    """A gradient program of scalar residual steps, against CasADi's scalar graph."""
    if find_spec("casadi") is None:
        yield "CasADi", "not installed", "ahead from depth 100"
        return
    import casadi as ca

    def theirs(depth: int) -> Any:
        x, w = ca.SX.sym("x"), ca.SX.sym("w", depth)
        z = x
        for k in range(depth):
            z = z + ca.tanh(z * w[k])
        return ca.Function("g", [x, w], [ca.gradient(z, w)])

    for depth in (100, 1_000, 10_000):
        for name, items in (("lazy", lambda layers: layers), ("listed", list)):
            spent = seconds(lambda items=items, depth=depth: scalar(depth, items), rounds)
            yield f"CasADi over symfold, {name}, depth {depth:,}", f"{seconds(lambda depth=depth: theirs(depth), rounds) / spent:.1f}", "above 1"


def listings(rounds: int) -> Iterator[Row]:
    """The unrolled graph, and the expanded formula as a stream."""
    net = opaque(LISTED)
    kept: list[Any] = []
    yield f"graph of {LISTED:,} steps, s", f"{seconds(lambda: kept.append(net.graph('layer'))):.1f}", "under 10"
    nodes = kept.pop().number_of_nodes()
    yield "graph, bytes a node", f"{peak(lambda: net.graph('layer')) / nodes:.0f}", "under 3,000"

    def streamed(depth: int, most: float = 1e8, made: Callable[[Any], sf.Net] = opaque) -> int:
        size = 0
        for chunk in stream(made(depth)):
            size += len(chunk)
            if size > most:
                break
        return size

    sizes: list[int] = []
    for depth in (22, 1_000):
        spent = seconds(lambda depth=depth: sizes.append(streamed(depth)), rounds)
        yield f"expanded formula, depth {depth:,}, MB/s", f"{sizes[-1] / spent / 1e6:.0f}", "over 20"
    for name, mapper in (("feedforward", sf.mappers.feedforward), ("boosting", sf.mappers.boosting(sf.tensor("x")))):

        def chained(depth: Any, mapper: Any = mapper) -> sf.Net:
            return sf.fold(mapper, sf.layers("f", count=depth), sf.tensor("x"))

        spent = seconds(lambda chained=chained: sizes.append(streamed(LISTED, made=chained)), rounds)
        yield f"expanded formula, {name}, depth {LISTED:,}, MB/s", f"{sizes[-1] / spent / 1e6:.0f}", "over 20"
    for depth in (1_000, 16_000):
        yield f"expanded formula, memory at depth {depth:,}, bytes a step", f"{peak(lambda depth=depth: streamed(depth, 1e7)) / depth:.0f}", "the same"


def evaluation() -> Iterator[Row]:
    """What a further call holds, with its program for new sizes; the parameters are there already."""
    import numpy as np

    for name, made in (("residual", dense), ("boosting", boosted)):
        held = []
        for depth in (5_000, 50_000):
            net = made(depth)
            params, compiled = net.init(0), net.compile("numpy")
            compiled(params, x=np.ones((1, 3)))  # imports and parameters are no part of it
            held.append(peak(lambda c=compiled, p=params, d=depth: c(p, x=np.ones((10, 3)) / d)))
        yield f"evaluation, {name}, memory beyond the parameters, depth 50,000 over 5,000", f"{held[1] / held[0]:.2f}", "1"


def unfolded(rounds: int) -> Iterator[Row]:
    """Nets written without a fold: from the loop that traces them to the first call done."""
    import numpy as np

    def run(operations: int, gradient: bool) -> None:
        z, w = sf.tensor("x", (None, 3)), sf.tensor("w", (3,))
        for _ in range(operations // 3):
            z = np.tanh(z) * w + z
        net = sf.value_and_grad(np.sum(z), ["x", "w"]) if gradient else sf.Net.of(z)
        net.compile("numpy")(x=np.ones((2, 3)), w=np.ones(3))

    for name, gradient, target in (("compile", False, "under 2"), ("compile with gradients", True, "under 6")):
        run(300, gradient)
        half, whole = (seconds(lambda n=n, g=gradient: run(n, g), rounds) for n in (10_000, 20_000))
        yield f"trace and {name}, 20,000 operations without a fold, s", f"{whole:.1f}", target
        yield f"trace and {name}, 20,000 operations over 10,000", f"{whole / half:.1f}", "at most 2.6"


def cold(rounds: int) -> Iterator[Row]:
    """From the start of Python to the first training step done."""
    times: dict[int, list[float]] = {10: [], 10_000: []}
    for _ in range(rounds):
        for depth, found in times.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", COLD.format(depth=depth)], check=True)
            found.append(time.perf_counter() - start)
    yield "cold start to the first step, depth 10,000 over 10", f"{min(times[10_000]) / min(times[10]):.2f}", "at most 1.5"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.symbolic", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    for rows in (symbolic(rounds), casadi(rounds), listings(rounds), listed(), unfolded(rounds), evaluation(), cold(rounds)):
        for name, figure, target in rows:
            print(f"{name:80}{figure:>14}   {target}", flush=True)


if __name__ == "__main__":
    main()
