"""Finiteness: why a training stopped being finite. Data are looked at first, then parameters and gradients, and last the rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symfold.compute.backends.stacks import Stack
from symfold.compute.backends.table import Training
from symfold.compute.compile import compile_net
from symfold.core.net import Net, listed
from symfold.errors import Advice, InvalidValue
from symfold.training.training_step import moved
from symfold.transform.autodiff.differentiate import value_and_grad

RATE = Advice(
    "rate", None, "try a smaller rate, or data on a smaller scale; the last good parameters are in the error's .params"
)
START = Advice("start", None, "no rate can mend that: begin with other parameters, or put the data on a smaller scale")
SLOPE = Advice(
    "gradient", None, "a square root, a logarithm or a power has no finite slope at 0: add a small number under it"
)


@dataclass(frozen=True)
class Stop:
    """Where a training stopped: in a stack of batches after so many steps in it, and after so many steps in all."""

    stack: Stack
    done: int
    before: Stack | None  # the stack before this one
    steps: int

    @property
    def last(self) -> Mapping[str, Any] | None:
        """The batch of the last step that was made."""
        if self.done:
            return self.stack.batch(self.done - 1)
        return self.before.batch(self.before.count - 1) if self.before else None


def check_data(stop: Stop, dtype: str) -> None:
    """Name the data that are not finite in the type of the training."""
    for name, array in stop.stack.arrays.items():
        wrong = ~np.isfinite(array.astype(dtype, copy=False))
        if stop.stack.order is None:  # given batches, of which those after the stop have not been read
            wrong = wrong[: stop.done + 1]
            wrong = next((batch for batch in wrong if batch.any()), wrong[0])
        if wrong.any():
            first = [int(index) for index in np.argwhere(wrong)[0]]
            where = f"{int(wrong.sum())} of {wrong.size} entries, the first at {first}" if first else "it is one number"
            raise InvalidValue(
                f"the data of {name!r} are not all finite: {where} (leave out the samples with nan or inf, or fill them)"
            )


def check_start(start: Mapping[str, Any]) -> None:
    """Name the parameter that was not finite when the training began."""
    for name in start:
        if not np.isfinite(start[name]).all():
            raise InvalidValue(f"parameter {name!r} is not finite before the first step (give it finite values)")


def explained(
    stop: Stop, loss: Net, training: Training, trained: Sequence[str] | None
) -> tuple[str, tuple[Advice, ...]]:
    """What else is to be said of a stop, data and first parameters being finite, and what is advised."""
    if not stop.steps:
        return ", where data and parameters are finite", (START,)
    names = [name for leaf in moved(loss, trained) for name in listed(leaf)]
    if np.isfinite(training.state.flat).all() or not np.isfinite(training.good.flat).all() or stop.last is None:
        return "", (RATE,)
    params = {name: training.good[name] for name in (name for leaf in loss.params for name in listed(leaf))}
    _, gradients = compile_net(value_and_grad(loss, names), "numpy")(params, **stop.last)
    wrong = next((name for name in names if not np.isfinite(gradients[name]).all()), None)
    if wrong is None:
        return "", (RATE,)
    return f": the gradient of {wrong!r} is not finite at step {stop.steps}, though the loss is", (
        SLOPE,
        *((RATE,) if stop.steps > 1 else ()),
    )
