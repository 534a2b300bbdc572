"""Training for experiments: one optimizer for all, learning rates from one grid, chosen on validation rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from symfold.apps.data import Array
from symfold.apps.experiments.samples import Rows, Sample
from symfold.apps.regression import error
from symfold.base.arguments import NumpyArray
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.errors import Diverged
from symfold.frontend.losses import squared_error
from symfold.training.fit import fit
from symfold.training.optimizers import momentum

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
CHOOSING = 1000  # seeds from here on choose the rates, seeds from 0 on are reported


def fitted(
    net: Net,
    start: Mapping[str, object],
    rows: Rows,
    rate: float,
    epochs: int,
    batch: int,
    seed: int,
    stages: bool = False,
) -> Mapping[str, NumpyArray]:
    """The parameters of a net from x to one prediction per row, fitted by momentum on the mean squared error."""
    data = {"x": rows[0], "target": rows[1]}
    size = min(batch, len(rows[1]))
    loss = squared_error(net, tensor("target", (None, 1)))
    optimizer = momentum(rate / size)  # the loss is a sum over the batch
    return fit(
        loss, start, data, optimizer=optimizer, epochs=epochs, batch_size=size, seed=seed, stages=stages, progress=False
    ).params


def best_on_held_out(
    loss: Net,
    start: Mapping[str, object],
    rows: Rows,
    held_out: Rows,
    rates: Sequence[float],
    epochs: int,
    seed: int,
) -> Mapping[str, Any]:
    """The parameters at the rate and the epoch of the least loss on held-out rows; by momentum on all rows at once."""
    measure = loss.compile("numpy")
    best, chosen = np.inf, start

    def watch(params: Mapping[str, NumpyArray]) -> float:
        nonlocal best, chosen
        value = float(measure(params, x=held_out[0], target=held_out[1]))
        if value < best:
            best, chosen = value, {name: np.array(params[name]) for name in params}
        return value

    for rate in rates:
        with suppress(Diverged):
            fit(
                loss,
                start,
                {"x": rows[0], "target": rows[1]},
                optimizer=momentum(rate),
                epochs=epochs,
                seed=seed,
                metrics={"held out": watch},
                progress=False,
                backend="numpy",
            )
    return chosen


@dataclass(frozen=True)
class Errors:
    """Root mean squared errors on the three parts of a sample; infinite if the training diverged."""

    train: float
    validation: float
    test: float


def error_on(predict: Callable[..., Any], params: Mapping[str, NumpyArray], rows: Rows) -> float:
    """The root mean squared error of a compiled net on some rows; a single prediction applies to every row."""
    return error(np.broadcast_to(predict(params, x=rows[0]), rows[1].shape), rows[1])


def errors_of(train: Callable[[], Mapping[str, Any]], predict: Callable[..., object], sample: Sample) -> Errors:
    """The errors of a net with the parameters that a training returns."""
    try:
        params = train()
    except Diverged:
        return Errors(np.inf, np.inf, np.inf)
    return Errors(*(error_on(predict, params, rows) for rows in (sample.train, sample.validation, sample.test)))


def by_choice(run: Callable[[Any, int], Errors], grid: Sequence[object], choosing: int) -> Array:
    """The mean validation error of a run for each choice of a grid, over seeds used for nothing else."""
    return np.array([np.mean([run(choice, CHOOSING + seed).validation for seed in range(choosing)]) for choice in grid])


def steps_of(rows: int, epochs: int, batch: int) -> int:
    """The number of update steps in some epochs.

    >>> steps_of(100, 2, 32)
    8
    """
    return epochs * -(-rows // min(batch, rows))
