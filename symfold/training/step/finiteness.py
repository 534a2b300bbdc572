"""Finiteness: the cause of a training that is no longer finite: the data, the parameters, a gradient, or the rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.compute.backends.stacks import Stack
from symfold.compute.backends.table import Training, stored
from symfold.compute.compile import compile_net
from symfold.core.net import Net, listed
from symfold.errors import Advice, InvalidValue
from symfold.training.step.training_step import moved
from symfold.transform.autodiff.differentiate import value_and_grad

RATE = Advice(
    "rate", None, "try a smaller rate, or data on a smaller scale; the last good parameters are in the error's .params"
)
START = Advice("start", None, "no rate can fix this: start from other parameters, or put the data on a smaller scale")
SLOPE = Advice(
    "gradient", None, "a square root, logarithm or power has no finite slope at 0: add a small number to its argument"
)


@dataclass(frozen=True)
class Stop:
    """The point at which a training stopped."""

    stack: Stack
    done: int  # steps in this stack
    before: Stack | None  # the previous stack
    steps: int  # in all

    @property
    def last(self) -> Mapping[str, NumpyArray] | None:
        """The batch of the last step."""
        if self.done:
            return self.stack.batch(self.done - 1)
        return self.before.batch(self.before.count - 1) if self.before else None


def check_data(stop: Stop, dtype: str) -> None:
    """Raise an error that names the data that are not finite in the dtype of the training."""
    for name, array in stop.stack.arrays.items():
        bad = ~np.isfinite(array.astype(stored(dtype), copy=False))
        if stop.stack.order is None:  # of a user's batches, check those up to the stop only
            bad = bad[: stop.done + 1]
            bad = next((batch for batch in bad if batch.any()), bad[0])
        refuse_bad(name, bad)


def refuse_bad(name: str, bad: NumpyArray, data: str = "data") -> None:
    """Raise an error that names data with entries that are not finite; `bad` says which."""
    if bad.any():
        first = [int(index) for index in np.argwhere(bad)[0]]
        where = f"{int(bad.sum())} of {bad.size} entries, the first at {first}" if first else "it is one number"
        raise InvalidValue(
            f"the {data} of {name!r} are not all finite: {where} (leave out the samples with nan or inf, or fill them)"
        )


def check_held(arrays: Mapping[str, NumpyArray], dtype: str, loss: Callable[[], float]) -> None:
    """Raise an error that names validation data that are not finite, unless a mask leaves them out of the loss."""
    bad = {name: ~np.isfinite(array.astype(stored(dtype), copy=False)) for name, array in arrays.items()}
    if any(entries.any() for entries in bad.values()) and not np.isfinite(loss()):
        for name, entries in bad.items():
            refuse_bad(name, entries, "validation data")


def check_start(start: Mapping[str, NumpyArray]) -> None:
    """Raise an error that names the parameter that was not finite at the start."""
    for name in start:
        if not np.isfinite(start[name]).all():
            raise InvalidValue(f"parameter {name!r} is not finite before the first step (give it finite values)")


def explained(
    stop: Stop, loss: Net, training: Training, trained: Sequence[str] | None
) -> tuple[str, tuple[Advice, ...]]:
    """The explanation of a stop and the advice, if the data and the initial parameters are finite."""
    if not stop.steps:
        return ", although data and parameters are finite", (START,)
    names = [name for leaf in moved(loss, trained) for name in listed(leaf) if trained is None or name in trained]
    if np.isfinite(training.state.flat).all() or not np.isfinite(training.good.flat).all() or stop.last is None:
        return "", (RATE,)
    params = {name: training.good[name] for name in (name for leaf in loss.params for name in listed(leaf))}
    batch = {node.op.name: stop.last[node.op.name] for node in loss.inputs}
    _, gradients = compile_net(value_and_grad(loss, names), "numpy")(params, **batch)
    bad = next((name for name in names if not np.isfinite(gradients[name]).all()), None)
    if bad is None:
        return "", (RATE,)
    advice = (SLOPE, RATE) if stop.steps > 1 else (SLOPE,)
    return f": the gradient of {bad!r} is not finite at step {stop.steps}, although the loss is", advice
