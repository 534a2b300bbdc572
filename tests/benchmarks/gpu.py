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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import symfold as sf
from tests.benchmarks.models import Model, images, lstm, residual, transformer

TOTAL, LIMIT, COMPILER = 340.0, 60.0, 30.0  # seconds: of all rows, of a row, that torch.compile needs at hand
STEPS, ROUNDS, RATE = 8, 5, 1e-6
COUNTED = ("while", "dot", "convolution", "custom-call", "copy", "transpose", "infeed", "outfeed", "send", "recv")

# by name, at full size and for a check of the programs alone, in the order of the table
ROWS: dict[str, tuple[Callable[[], Model], Callable[[], Model]]] = {
    "residual 1024x4096x32": (partial(residual, 1024, 4096, 32), partial(residual, 8, 16, 4)),
    "residual 256x1024x200": (partial(residual, 256, 1024, 200), partial(residual, 8, 16, 20)),
    "residual 4096x8192x8": (partial(residual, 4096, 8192, 8), partial(residual, 16, 16, 3)),
    "transformer 512, 8 heads, T 256, batch 16, 8 blocks": (partial(transformer, 512, 8, 256, 16, 8), partial(transformer, 8, 2, 6, 2, 3)),
    "LSTM 512, batch 64, T 256": (partial(lstm, 512, 64, 256), partial(lstm, 8, 4, 6)),
    "convolutions 64x56x56, batch 64, 16 blocks": (partial(images, 64, 56, 64, 16), partial(images, 3, 6, 4, 3)),
}

Ready = tuple[Callable[[], object], float]  # a call of STEPS steps that waits for them, and the first loss


def symfold_training(model: Model) -> tuple[Any, Any]:
    """The training that `fit` runs, and a stack of batches, all of them the same."""
    from symfold.compute.backends.stacks import Stack
    from symfold.training.step.training_step import training_of, update_of

    update = update_of(sf.roll(model.loss), model.params, sf.sgd(RATE))
    data = numbers(model)
    samples = next(iter(data.values())).shape[0]
    if any(value.shape[0] != samples for value in data.values()):  # sequences: batches are given
        return training_of(update, "jax", "float32"), Stack(STEPS, {name: np.stack([value] * STEPS) for name, value in data.items()})
    return training_of(update, "jax", "float32"), Stack(STEPS, data, np.tile(np.arange(samples), (STEPS, 1)))


def numbers(model: Model) -> dict[str, Any]:
    return {name: np.float32(value) for name, value in model.data.items()}


def symfold_row(model: Model) -> Ready:
    training, stack = symfold_training(model)
    return lambda: training.run(stack), float(training.run(stack)[0])


def by_jax(model: Model, unrolled: bool) -> tuple[Callable[..., Any], Any, Any]:
    """STEPS steps as a function of weights and data, jitted, and both on the device; unrolled, every layer has arrays of its own."""
    import jax

    data, weights = jax.device_put((numbers(model), model.stacked("float32")))
    if unrolled:
        weights = {name: list(array) for name, array in weights.items()}

    def steps(weights: Any, data: Any) -> Any:
        def step(weights: Any, _: Any) -> Any:
            value, slope = jax.value_and_grad(model.jax_loss)(weights, data, unrolled)
            return jax.tree.map(lambda w, g: w - RATE * g, weights, slope), value

        return jax.lax.scan(step, weights, None, length=STEPS)

    return jax.jit(steps), weights, data


def jax_row(model: Model, unrolled: bool = False) -> Ready:
    import jax

    steps, weights, data = by_jax(model, unrolled)
    return lambda: jax.block_until_ready(steps(weights, data)), float(steps(weights, data)[1][0])


def torch_row(model: Model, compiled: bool = False) -> Ready:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True  # as JAX does
    data = {name: torch.tensor(value, device=device) for name, value in numbers(model).items()}
    weights = [torch.tensor(array, device=device, requires_grad=True) for array in model.listed("float32")]

    def loss() -> Any:
        return model.torch_loss(weights, data)

    run = torch.compile(loss) if compiled else loss

    def steps() -> Any:
        for _ in range(STEPS):
            value = run()
            slope = torch.autograd.grad(value, weights)
            with torch.no_grad():
                torch._foreach_add_(weights, slope, alpha=-RATE)
        return value.item()  # waits

    return steps, float(run().item())


def peers(model: Model) -> dict[str, Callable[[], Ready]]:
    """The rows of a net, ours first."""
    rows = {"symfold": lambda: symfold_row(model), "JAX scan": lambda: jax_row(model), "PyTorch eager": lambda: torch_row(model)}
    if model.depth and model.depth <= 64:  # else XLA takes too long
        rows["JAX unrolled"] = lambda: jax_row(model, True)
    if model.depth is None or model.depth <= 16:
        rows["PyTorch compiled"] = lambda: torch_row(model, True)
    return rows


def measured(model: Model, until: float) -> dict[str, Any]:
    """Milliseconds per step by peer; a reason instead where there is none."""
    row: dict[str, Any] = {}
    reference: float | None = None
    for name, ready in peers(model).items():
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


def evidence(model: Model) -> dict[str, Any]:
    """The losses of the small programs, and what is counted in those of symfold and of JAX by hand."""
    from symfold.compute.backends.jax.program import precision

    training, stack = symfold_training(model)
    first = float(training.run(stack)[0])
    call = training.called(stack)
    with precision("float32"):
        program = training.steps(call.function, STEPS, call.order is not None).lower(call.start, call.inputs, call.order)
    steps, weights, data = by_jax(model, False)
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
