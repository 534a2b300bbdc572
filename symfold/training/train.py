"""`sf.fit`: training steps over batches, for all layers at once or in stages, with history, metrics and progress."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

import numpy as np

from symfold.base.arguments import flag, one_of, quoted, takes, whole
from symfold.base.trees import flatten
from symfold.compute.backends.stacks import Stack
from symfold.compute.backends.table import BACKENDS, DTYPES, Training
from symfold.compute.compile import chosen_backend
from symfold.compute.lowering import rolled
from symfold.compute.parameters import Parameters, layout_of, parameters_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.errors import Diverged, InvalidType, InvalidValue, listing
from symfold.training.batches import Batch, checked_batch, given_batches, rounds, shuffled
from symfold.training.finiteness import Stop, check_data, check_start, explained
from symfold.training.optimizers import Optimizer
from symfold.training.stages import Stage, stages_of, without
from symfold.training.training_step import training_of, update_of


@dataclass
class History(Sequence[float]):
    """The loss of each step before its update, the metrics after each epoch, and for stages the layer of each step."""

    loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[Any]] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.loss)

    def __getitem__(self, index: Any) -> Any:
        return self.loss[index]


@dataclass(frozen=True)
class Fitted:
    """The result of training: parameters and history."""

    params: Parameters
    history: History


def fit(
    loss: object,
    params: Mapping[str, object],
    data: Batch | None = None,
    *,
    optimizer: Optimizer,
    batches: Iterable[Batch] | None = None,
    epochs: int = 1,
    batch_size: int | None = None,
    seed: int = 0,
    shuffle: bool = True,
    metrics: Mapping[str, object] | None = None,
    progress: bool | None = None,
    stages: bool = False,
    remat: str | None = None,
    backend: str = "auto",
    dtype: str = "float64",
) -> Fitted:
    """Train the parameters of a loss by gradient steps over mini-batches of `data`, or over `batches`.

    `data` holds an array for every input, samples along the first axis, reshuffled each epoch by `seed`. `metrics` are
    functions of the parameters, or nets evaluated on the whole data, after each epoch. `params` must have exactly the
    names of the loss's parameters. Arguments are checked before the first step and never modified. Statistics
    (`sf.keep_statistics`) are not trained. A loss that is not finite stops the training: an error names data or
    parameters that are not finite; else `Diverged` gives the step, a gradient that is not finite, and the last good
    parameters.

    With `stages`, the layers of the net's folds are fitted one after another, in order of application: stage k trains
    the parameters of layer k and those outside of folds' layers (a projection, a readout). Earlier layers stay fixed,
    bit for bit, and later ones are omitted (`sf.lesion`), so that stage k trains the net of depth k. `epochs` is the
    whole budget, divided evenly, the remainder to the first stages; the optimizer's slots restart in each stage. Nets
    in `metrics` are evaluated without the layers not fitted yet; `history.stages` names the layer of each step.

    `remat` saves memory in gradients of deep nets ("sqrt" or "reversible"), as for `sf.value_and_grad`.

    `backend` takes the steps: NumPy one per call; others one epoch per call, with a second call for a smaller last
    batch, or many epochs if there is none and no metric. Parameters are returned in float64, even if computed in
    float32.

    >>> import numpy as np, symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    >>> loss = sf.squared_error(net, sf.tensor("target", (None, 2)))
    >>> data = {"x": np.ones((4, 2)), "target": np.zeros((4, 2))}
    >>> sf.fit(loss, net.init(0), data, optimizer=sf.sgd(0.01), epochs=7, stages=True).history.stages
    ['f1', 'f1', 'f1', 'f2', 'f2', 'f3', 'f3']
    """
    net = rolled(Net.of(loss))
    if not isinstance(params, Mapping):
        raise InvalidType(f"params must be a mapping from names to arrays, got {quoted(params)} (as net.init() gives)")
    if not isinstance(optimizer, Optimizer):
        raise InvalidType(f"optimizer={quoted(optimizer)} is not an optimizer (as sf.sgd(0.01))")
    if (data is None) == (batches is None):
        raise InvalidType("fit takes either data (arrays by input name) or batches (an iterable of them)")
    epochs, seed, shuffle = whole("epochs", epochs, 1), whole("seed", seed), flag("shuffle", shuffle)
    if batch_size is not None:
        batch_size = whole("batch_size", batch_size, 1)
    dtype = one_of("dtype", dtype, DTYPES)
    backend = chosen_backend(backend, net, runs_of(epochs, batch_size, data), dtype)
    plan = stages_of(loss, epochs) if flag("stages", stages) else [Stage("", net, None, epochs)]
    fitted = parameters_of(params, layout_of(net))

    def training_for(stage: Stage) -> Training:
        layout = layout_of(stage.net)
        share = fitted if fitted.layout == layout else {name: fitted[name] for name in layout.names}
        return training_of(update_of(stage.net, share, optimizer, stage.trained, remat), backend, dtype)

    training = training_for(plan[0])  # before the first step, to check arguments early
    names = [node.op.name for node in net.inputs]
    if batches is None:
        arrays = checked_batch(data, names)
        source = shuffled(arrays, names, batch_size, epochs, seed, shuffle)
    else:
        arrays, source = None, given_batches(batches, names, epochs, batch_size)
    measures = measures_of(metrics, fitted, arrays, plan[0], backend, dtype)
    history = History(metrics={name: [] for name in measures})
    bar = Bar(epochs, sys.stderr.isatty() if progress is None else flag("progress", progress))
    # without metrics, a call may take all epochs; with progress, a hundredth
    together = 1 if measures or BACKENDS[backend].training is None else max(1, epochs // 100) if bar.shown else epochs
    epoch = 0
    with np.errstate(all="ignore"):
        for stage in plan:
            before: Stack | None = None
            if history.loss:
                training, measures = training_for(stage), measures_of(metrics, fitted, arrays, stage, backend, dtype)
            for number, stacks in rounds(islice(source, stage.epochs), together):
                for stack in stacks:
                    losses = training.run(stack)
                    finite = losses if math.isfinite(losses[-1]) else losses[:-1]
                    history.loss += finite
                    history.stages += [stage.layer] * len(finite) if stages else []
                    stop = Stop(stack, len(finite), before, len(history.loss))
                    if len(finite) < len(losses):
                        at = epoch + len(finite) * number // stack.count
                        raise diverged(stop, stage, fitted, training, history, at, dtype, losses[-1])
                    if arrays is None and not np.isfinite(training.state.flat).all():  # the batches are not stored
                        raise diverged(stop, stage, fitted, training, history, epoch, dtype, None)
                    before = stack
                if not history.loss:
                    raise InvalidValue(
                        "there are no batches to train on "
                        "(batches holds none; give at least one mapping from input names to arrays)"
                    )
                epoch += number
                if measures:
                    current = updated(fitted, training.state)
                    for name, measure in measures.items():
                        history.metrics[name].append(measure(current))
                bar.show(epoch, history.loss[-1])
            if not np.isfinite(training.state.flat).all():
                raise diverged(stop, stage, fitted, training, history, epoch - 1, dtype, None)
            fitted = updated(fitted, training.state)
    bar.close()
    return Fitted(fitted, history)


def runs_of(epochs: int, batch_size: int | None, data: object) -> int:
    """The estimated cost of a training in runs of the loss: three per step; a hundred steps per epoch of `batches`."""
    first = next(iter(data.values()), None) if isinstance(data, Mapping) else None
    samples = len(first) if isinstance(first, Sized) else 1
    return 3 * epochs * (100 if data is None else -(-samples // (batch_size or samples or 1)))


def updated(fitted: Parameters, state: Parameters) -> Parameters:
    """The parameters, with those of a training's state taken from there."""
    params = fitted.copy()
    if fitted.layout.leaves == state.layout.leaves[: len(fitted.layout.leaves)]:
        params.flat[:] = state.flat[: len(params.flat)]
    else:
        params.load({**fitted, **state})
    return params


def measures_of(
    metrics: object, params: Mapping[str, object], arrays: Batch | None, stage: Stage, backend: str, dtype: str
) -> dict[str, Callable[[Parameters], Any]]:
    """Every metric as a function of the parameters; nets are compiled now, to show errors before the first step."""
    if metrics is not None and not isinstance(metrics, Mapping):
        raise InvalidType(
            f"metrics must be a mapping from names to nets or functions, got {quoted(metrics)} (as {{'loss': loss}})"
        )
    return {
        name: measure_of(
            name,
            without(Net.of(metric), stage.absent) if isinstance(metric, (Net, Node)) else metric,
            params,
            arrays,
            backend,
            dtype,
        )
        for name, metric in (metrics or {}).items()
    }


def measure_of(
    name: str, metric: object, params: Mapping[str, object], arrays: Batch | None, backend: str, dtype: str
) -> Callable[[Parameters], Any]:
    """A metric as a function of the parameters: a net on the whole data, or any function."""
    if not isinstance(metric, (Net, Node)):
        if not callable(metric) or not takes(metric, params):
            raise InvalidType(
                f"metric {name!r} is {quoted(metric)}, and neither a net nor a function of the parameters "
                "(as lambda params: params['W1'].sum())"
            )
        return cast(Callable[[Parameters], Any], metric)
    compiled = Net.of(metric).compile(backend, dtype)
    if arrays is None and compiled.input_names:
        raise InvalidValue(
            f"metric {name!r} reads {listing(map(repr, compiled.input_names))}, and with batches there is no whole "
            "data (give a function of the parameters, as lambda params: float(net(params, x=held_out)))"
        )
    available = (*(arrays or {}), *params)
    for leaf_name in (*compiled.input_names, *compiled.layout.names):
        if leaf_name not in available:
            raise InvalidValue(
                f"metric {name!r} reads {leaf_name!r}, which the loss does not (it has {listing(map(repr, available))})"
            )
    inputs = {input_name: arrays[input_name] for input_name in compiled.input_names} if arrays else {}
    compiled.program({input_name: array.shape for input_name, array in inputs.items()})
    return lambda fitted: flatten(compiled(fitted, **inputs))[0][0]


def diverged(
    stop: Stop,
    stage: Stage,
    fitted: Parameters,
    training: Training,
    history: History,
    epoch: int,
    dtype: str,
    value: float | None,
) -> Diverged:
    """The error for a loss of this value, or for parameters that are not finite; it holds the last good parameters."""
    check_data(stop, dtype)
    check_start(fitted)
    cause, advice = explained(stop, stage.net, training, stage.trained)
    step = stop.steps if value is None else stop.steps + 1
    event = "the parameters are no longer finite after step" if value is None else f"the loss became {value} at step"
    error = Diverged(f"{event} {step}, in epoch {epoch + 1}{cause}", *advice)
    error.params = updated(fitted, training.good)  # type: ignore[attr-defined]
    error.history = history  # type: ignore[attr-defined]
    error.step = step  # type: ignore[attr-defined]
    return error


class Bar:
    """A progress bar on standard error, if `shown`."""

    def __init__(self, total: int, shown: bool):
        self.total, self.shown = total, shown

    def show(self, done: int, loss: float) -> None:
        if self.shown:
            filled = 30 * done // self.total
            print(
                f"\rtraining [{'#' * filled}{'.' * (30 - filled)}] epoch {done}/{self.total}  loss {loss:.6g} ",
                end="",
                file=sys.stderr,
                flush=True,
            )

    def close(self) -> None:
        if self.shown:
            print(file=sys.stderr)
