"""Training steps on a GPU: symfold against JAX and PyTorch by hand, float32; equal losses first.

    python -m tests.benchmarks.gpu --json gpu.json

Rows come in a fixed order, each with a limit of time; the JSON file is written after each row, and all of it ends within
six minutes. symfold's steps are those of `fit`: many in one call, on data that lies on the device. Without a GPU nothing is
timed: small programs are compiled, and what is counted in them is shown.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import symfold as sf
from tests.benchmarks.gpu_nets import ROWS, Problem

TOTAL, LIMIT, COMPILER = 340.0, 60.0, 30.0  # seconds: of all rows, of a row, that torch.compile needs at hand
STEPS, ROUNDS, RATE = 8, 5, 1e-6
COUNTED = ("dot", "convolution", "custom-call", "copy", "transpose", "infeed", "outfeed", "send", "recv")

Ready = tuple[Callable[[], object], float]  # a call of STEPS steps that waits for them, and the first loss


def symfold_training(problem: Problem) -> tuple[Any, Any]:
    """The training that `fit` runs, and a stack of batches, all of them the same."""
    from symfold.compute.backends.stacks import Stack
    from symfold.training.step.training_step import training_of, update_of

    update = update_of(sf.roll(problem.loss), problem.params, sf.sgd(RATE))
    samples = next(iter(problem.data.values())).shape[0]
    if any(value.shape[0] != samples for value in problem.data.values()):  # sequences: batches are given
        return training_of(update, "jax", "float32"), Stack(STEPS, {name: np.stack([value] * STEPS) for name, value in problem.data.items()})
    return training_of(update, "jax", "float32"), Stack(STEPS, problem.data, np.tile(np.arange(samples), (STEPS, 1)))


def symfold_row(problem: Problem) -> Ready:
    training, stack = symfold_training(problem)
    return lambda: training.run(stack), float(training.run(stack)[0])


def by_jax(problem: Problem, unrolled: bool) -> tuple[Callable[..., Any], Any, Any]:
    """STEPS steps as a function of weights and data, jitted, and both on the device."""
    import jax

    data = jax.device_put({name: np.float32(value) for name, value in problem.data.items()})
    layers = range(problem.depth or 0)
    weights = jax.device_put([problem.weights(k) for k in layers] if unrolled else problem.stacked())

    def loss(weights: Any, data: Any) -> Any:
        state = data["x"] if problem.depth else (data["h"], data["c"])
        if unrolled:
            for layer in weights:
                state = problem.in_jax(jax, state, layer, None)
        elif problem.depth:
            state, _ = jax.lax.scan(lambda z, w: (problem.in_jax(jax, z, w, None), None), state, weights)
        else:
            state, _ = jax.lax.scan(lambda z, u: (problem.in_jax(jax, z, weights, u), None), state, data["u"])
        result = state if problem.depth else state[0]
        return ((result - data["target"]) ** 2).mean()

    def steps(weights: Any, data: Any) -> Any:
        def step(weights: Any, _: Any) -> Any:
            value, slope = jax.value_and_grad(loss)(weights, data)
            return jax.tree.map(lambda w, g: w - RATE * g, weights, slope), value

        return jax.lax.scan(step, weights, None, length=STEPS)

    return jax.jit(steps), weights, data


def jax_row(problem: Problem, unrolled: bool = False) -> Ready:
    import jax

    steps, weights, data = by_jax(problem, unrolled)
    return lambda: jax.block_until_ready(steps(weights, data)), float(steps(weights, data)[1][0])


def torch_row(problem: Problem, compiled: bool = False) -> Ready:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True  # as JAX does
    data = {name: torch.tensor(value, device=device) for name, value in problem.data.items()}
    layers = [[torch.tensor(w, device=device, requires_grad=True) for w in problem.weights(k)] for k in range(problem.depth or 1)]
    flat = [weight for layer in layers for weight in layer]

    def loss() -> Any:
        if problem.depth:
            state = data["x"]
            for layer in layers:
                state = problem.in_torch(torch, state, layer, None)
        elif device == "cuda":  # cuDNN's
            w = layers[0]
            wide = [torch.cat([part[k] for k in (1, 0, 3, 2)], -1) for part in (w[:4], w[4:8], w[8:])]  # i, f, g, o
            zero = torch.zeros_like(wide[2][0])
            matrices = [wide[0].T.contiguous(), wide[1].T.contiguous(), wide[2][0], zero]
            _, state, _ = torch._VF.lstm(data["u"], (data["h"][None], data["c"][None]), matrices, True, 1, 0.0, True, False, False)
            state = state[0]
        else:
            both = data["h"], data["c"]
            for u in data["u"]:
                both = problem.in_torch(torch, both, layers[0], u)
            state = both[0]
        return ((state - data["target"]) ** 2).mean()

    run = torch.compile(loss) if compiled else loss

    def steps() -> Any:
        for _ in range(STEPS):
            value = run()
            slope = torch.autograd.grad(value, flat)
            with torch.no_grad():
                torch._foreach_add_(flat, slope, alpha=-RATE)
        return value.item()  # waits

    return steps, float(run().item())


def peers(problem: Problem) -> dict[str, Callable[[], Ready]]:
    """The rows of a net, ours first."""
    rows = {"symfold": lambda: symfold_row(problem), "JAX scan": lambda: jax_row(problem), "PyTorch eager": lambda: torch_row(problem)}
    if problem.unrolled:
        rows["JAX unrolled"] = lambda: jax_row(problem, True)
    if problem.depth is None or problem.depth <= 16:
        rows["PyTorch compiled"] = lambda: torch_row(problem, True)
    return rows


def measured(problem: Problem, until: float) -> dict[str, Any]:
    """Milliseconds per step by peer; a reason instead where there is none."""
    row: dict[str, Any] = {}
    reference: float | None = None
    for name, ready in peers(problem).items():
        left = until - time.monotonic()
        if left < (COMPILER if name in ("PyTorch compiled", "JAX unrolled") else 5.0):
            row[name] = "no time left"
            continue
        try:
            run, first = ready()
        except ImportError as error:
            row[name] = f"not installed: {error.name}"
            continue
        reference = first if reference is None else reference
        if abs(first - reference) > 2e-3 * abs(reference):
            row[name] = f"another loss: {first:g} instead of {reference:g}"
            continue
        run()
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        row[name] = 1e3 * float(np.median(times)) / STEPS
    return row


def counted(text: str) -> dict[str, int]:
    """The operations of a compiled program, each loop's once.

    >>> counted("%a = f32[2]{0} dot(%b, %c)\\n%d = f32[2]{0} copy(%a)")
    {'dot': 1, 'copy': 1}
    """
    found = Counter(re.findall(rf" ({'|'.join(COUNTED)})\(", text))
    return {name: found[name] for name in COUNTED if found[name]}


def evidence(problem: Problem) -> dict[str, Any]:
    """The losses of the small programs, and what is counted in those of symfold and of JAX by hand."""
    from symfold.compute.backends.jax.program import precision

    training, stack = symfold_training(problem)
    first = float(training.run(stack)[0])
    call = training.called(stack)
    with precision("float32"):
        program = training.steps(call.function, STEPS, call.order is not None).lower(call.start, call.inputs, call.order)
    steps, weights, data = by_jax(problem, False)
    return {
        "losses": [first, float(steps(weights, data)[1][0])],
        "symfold": counted(program.compile().as_text()),
        "JAX scan": counted(steps.lower(weights, data).compile().as_text()),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the rows here, after each row")
    parser.add_argument("--rows", metavar="ROW", nargs="+", help="rows whose names begin so (all)")
    given = parser.parse_args(arguments)
    import jax

    has_gpu = jax.default_backend() == "gpu"
    device = jax.devices()[0].device_kind if has_gpu else "no GPU: nothing is timed; operations of small compiled programs, each loop's once"
    print(device, flush=True)
    found: dict[str, Any] = {"device": device, "rows": {}}
    begin = time.monotonic()
    for name, (full, small) in ROWS.items():
        if given.rows and not name.startswith(tuple(given.rows)):
            continue
        now = time.monotonic()
        if now - begin > TOTAL - 10:
            found["rows"][name] = "no time left"
        else:
            found["rows"][name] = measured(full(), min(now + LIMIT, begin + TOTAL)) if has_gpu else evidence(small())
        print(name, json.dumps(found["rows"][name]), flush=True)
        if given.json:
            given.json.write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(0)


if __name__ == "__main__":
    main()
