"""One row of the models: a training step timed in this process, after three steps whose losses tell what it computes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.measure import repeats_of, seconds
from tests.benchmarks.models import MODELS, Model
from tests.benchmarks.work import Runner

TOLERANCES = {"float64": 1e-9, "float32": 1e-3}  # of the losses, and of how far they fell
LOSSES = 3

Step = Callable[[], Any]


def ours(model: Model, dtype: str, backend: str) -> Step:
    """What `fit` does for one batch."""
    import symfold as sf
    from symfold.compute.backends.stacks import Stack
    from symfold.training.step.training_step import training_of, update_of

    training = training_of(update_of(sf.roll(model.loss), model.params, sf.sgd(model.rate)), backend, dtype)
    stack = Stack(1, {name: array[None].astype(dtype) for name, array in model.data.items()})
    return lambda: training.run(stack)[-1]


def by_torch(model: Model, dtype: str, compiled: bool) -> Step:
    import torch

    data = {name: torch.tensor(array.astype(dtype)) for name, array in model.data.items()}
    params = [torch.tensor(array, requires_grad=True) for array in model.listed(dtype)]

    def step(*params: Any) -> Any:
        return model.torch_loss(list(params), data)

    loss_of = torch.compile(step, fullgraph=True) if compiled else step

    def run() -> Any:
        loss = loss_of(*params)
        slopes = torch.autograd.grad(loss, params)
        with torch.no_grad():
            torch._foreach_add_(params, slopes, alpha=-model.rate)
        return loss.item()

    return run


def by_jax(model: Model, dtype: str, unrolled: bool) -> Step:
    import jax

    jax.config.update("jax_enable_x64", dtype == "float64")
    data = {name: jax.numpy.asarray(array.astype(dtype)) for name, array in model.data.items()}
    params = {name: jax.numpy.asarray(array) for name, array in model.stacked(dtype).items()}

    def one(params: Any) -> Any:
        loss, slopes = jax.value_and_grad(model.jax_loss)(params, data, unrolled)
        return jax.tree.map(lambda p, g: p - model.rate * g, params, slopes), loss

    step = jax.jit(one, donate_argnums=0)

    def run() -> Any:
        nonlocal params
        params, loss = step(params)
        return float(loss)

    return run


ROWS: dict[str, Callable[[Model, str], Step]] = {
    "symfold native": lambda model, dtype: ours(model, dtype, "native"),
    "symfold numpy": lambda model, dtype: ours(model, dtype, "numpy"),
    "symfold jax": lambda model, dtype: ours(model, dtype, "jax"),
    "torch eager": lambda model, dtype: by_torch(model, dtype, compiled=False),
    "torch compiled": lambda model, dtype: by_torch(model, dtype, compiled=True),
    "jax scan": lambda model, dtype: by_jax(model, dtype, unrolled=False),
    "jax unrolled": lambda model, dtype: by_jax(model, dtype, unrolled=True),
}


def timed(case: str, row: str, dtype: str, threads: int, span: float, rounds: int) -> dict[str, Any]:
    """Seconds per step (CPU time with one thread, else by the clock), seconds until the first step was done, the first losses."""
    model = MODELS[case]()
    start = time.perf_counter()
    step = ROWS[row](model, dtype)
    losses = [float(step())]
    first = time.perf_counter() - start
    losses += [float(step()) for _ in range(LOSSES - 1)]
    clock = time.process_time if threads == 1 else time.perf_counter
    runner = Runner(step)
    repeats = repeats_of(runner, clock, span)
    with np.errstate(all="ignore"):
        taken = [seconds(runner, repeats, clock) for _ in range(rounds)]
    return {"seconds": statistics.median(taken), "first": first, "losses": losses}


def unequal(losses: list[float], wanted: list[float], dtype: str) -> str:
    """Why losses are not those of the reference, if they are not: the first loss, or how far it fell."""
    tolerance = TOLERANCES[dtype]
    if abs(losses[0] - wanted[0]) > tolerance * abs(wanted[0]):
        return f"computes something else: a loss of {losses[0]!r}, not {wanted[0]!r}"
    for k in range(1, LOSSES):
        fall, due = losses[0] - losses[k], wanted[0] - wanted[k]
        # rounding of the losses themselves is what is left of their difference
        if abs(fall - due) > 100 * tolerance * abs(due) + 1e-6 * (dtype == "float32") * abs(wanted[0]):
            return f"computes something else: step {k} changed the loss by {-fall!r}, not {-due!r}"
    return ""
