"""Training: the update step run over batches, all layers at once or stage by stage, with a seed, a history, metrics and a progress bar on a terminal."""

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
    """The loss of each step before its update, the metrics after each epoch, and in stages the layer that each step fitted."""

    loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[Any]] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.loss)

    def __getitem__(self, index: Any) -> Any:
        return self.loss[index]


@dataclass(frozen=True)
class Fitted:
    """What training gave: the parameters, and what happened on the way."""

    params: Parameters
    history: History


def fit(
    loss: Any,
    params: Mapping[str, Any],
    data: Batch | None = None,
    *,
    optimizer: Optimizer,
    batches: Iterable[Batch] | None = None,
    epochs: int = 1,
    batch_size: int | None = None,
    seed: int = 0,
    shuffle: bool = True,
    metrics: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    stages: bool = False,
    remat: str | None = None,
    backend: str = "auto",
    dtype: str = "float64",
) -> Fitted:
    """Train the parameters of a loss by gradient steps over mini-batches of `data`, or over given `batches`.

    `data` holds an array for every input, samples along the first axis, shuffled anew each epoch by `seed`; `metrics` are
    functions of the parameters, or nets evaluated on the whole data, after each epoch. Parameters have the names of the
    loss's, neither fewer nor more. What is wrong with an argument shows before the first step. The arguments are left alone. A loss that is no longer finite stops
    the training: data or parameters that are not finite are named, else `Diverged` says at which step, names a gradient that is not
    finite, and keeps the last good parameters. What is a statistic and no weight
    (`sf.keep_statistics`) is left as it is.

    With `stages`, the layers of the net's folds are fitted one after the other, in the order in which they are applied: stage k
    moves the parameters of layer k and those that belong to no layer of a fold (a projection, a readout); the layers before it
    stay as they are, bit for bit, those after it are left out (`sf.lesion`), so that it trains the net of depth k. `epochs` is
    the whole budget, shared out evenly, what is left over to the first stages; the optimizer's memory starts anew in each stage.
    Metrics that are nets are measured without the layers that are not fitted yet; `history.stages` says whose step each was.

    `remat` says how gradients of deep nets save memory ("sqrt" or "reversible"), as for `sf.value_and_grad`.

    `backend` takes the steps: NumPy one by one, others all batches of one size in one call: an epoch, with what is left over of
    it in a second; where nothing is left over and nothing is measured after each epoch, many epochs. The parameters given back are float64 in any case, those that a backend computed in float32 too.

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
        raise InvalidType(f"optimizer={quoted(optimizer)} is no optimizer (as sf.sgd(0.01))")
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

    training = training_for(plan[0])
    names = [node.op.name for node in net.inputs]
    if batches is None:
        arrays = checked_batch(data, names)
        source = shuffled(arrays, names, batch_size, epochs, seed, shuffle)
    else:
        arrays, source = None, given_batches(batches, names, epochs, batch_size)
    measures = measures_of(metrics, fitted, arrays, plan[0], backend, dtype)
    history = History(metrics={name: [] for name in measures})
    bar = Bar(epochs, sys.stderr.isatty() if progress is None else flag("progress", progress))
    # where nobody asks between epochs they may be one call, a hundred of them where progress is shown
    together = 1 if measures or BACKENDS[backend].training is None else max(1, epochs // 100) if bar.shown else epochs
    epoch = 0
    with np.errstate(all="ignore"):
        for stage in plan:
            before: Stack | None = None
            if history.loss:  # the first stage is made already: what is wrong shows before the first step
                training, measures = training_for(stage), measures_of(metrics, fitted, arrays, stage, backend, dtype)
            for number, stacks in rounds(islice(source, stage.epochs), together):
                for stack in stacks:
                    losses = training.run(stack)
                    finite = losses if math.isfinite(losses[-1]) else losses[:-1]
                    history.loss += finite
                    history.stages += [stage.layer] * len(finite) if stages else []
                    stop = Stop(stack, len(finite), before, len(history.loss))
                    if len(finite) < len(losses):
                        raise diverged(
                            stop,
                            stage,
                            fitted,
                            training,
                            history,
                            epoch + len(finite) * number // stack.count,
                            dtype,
                            losses[-1],
                        )
                    if (
                        arrays is None and not np.isfinite(training.state.flat).all()
                    ):  # soon: given batches are not kept
                        raise diverged(stop, stage, fitted, training, history, epoch, dtype, None)
                    before = stack
                if not history.loss:
                    raise InvalidValue(
                        "there are no batches to train on (batches holds none; give at least one mapping from input names to arrays)"
                    )
                epoch += number
                if measures:
                    moved = moved_on(fitted, training.state)
                    for name, measure in measures.items():
                        history.metrics[name].append(measure(moved))
                bar.show(epoch, history.loss[-1])
            if not np.isfinite(training.state.flat).all():
                raise diverged(stop, stage, fitted, training, history, epoch - 1, dtype, None)
            fitted = moved_on(fitted, training.state)
    bar.close()
    return Fitted(fitted, history)


def runs_of(epochs: int, batch_size: int | None, data: Any) -> int:
    """About how many runs of the loss the training costs: a step takes three. Of given batches nobody knows; a hundred an epoch."""
    first = next(iter(data.values()), None) if isinstance(data, Mapping) else None
    samples = len(first) if isinstance(first, Sized) else 1
    return 3 * epochs * (100 if data is None else -(-samples // (batch_size or samples or 1)))


def moved_on(fitted: Parameters, state: Parameters) -> Parameters:
    """All parameters, those of a training's state as they are there."""
    params = fitted.copy()
    if fitted.layout.leaves == state.layout.leaves[: len(fitted.layout.leaves)]:
        params.flat[:] = state.flat[: len(params.flat)]
    else:
        params.load({**fitted, **state})
    return params


def measures_of(
    metrics: Any, params: Mapping[str, Any], arrays: Batch | None, stage: Stage, backend: str, dtype: str
) -> dict[str, Callable[[Parameters], Any]]:
    """Every metric as a function of the parameters, those that are nets compiled: what is wrong shows before the first step."""
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
    name: str, metric: Any, params: Mapping[str, Any], arrays: Batch | None, backend: str, dtype: str
) -> Callable[[Parameters], Any]:
    """A metric as a function of the parameters: a net on the whole data, or any function of theirs."""
    if not isinstance(metric, (Net, Node)):
        if not callable(metric) or not takes(metric, params):
            raise InvalidType(
                f"metric {name!r} is {quoted(metric)}, and neither a net nor a function of the parameters (as lambda params: params['W1'].sum())"
            )
        return cast(Callable[[Parameters], Any], metric)
    compiled = Net.of(metric).compile(backend, dtype)
    if arrays is None and compiled.input_names:
        raise InvalidValue(
            f"metric {name!r} reads {listing(map(repr, compiled.input_names))}, and there is no whole data where batches are given one by one "
            "(give a function of the parameters, as lambda params: float(net(params, x=held_out)))"
        )
    for wanted in (*compiled.input_names, *compiled.layout.names):
        if wanted not in (arrays or {}) and wanted not in params:
            raise InvalidValue(
                f"metric {name!r} reads {wanted!r}, which the loss does not (it has {listing(map(repr, (*(arrays or {}), *params)))})"
            )
    given = {wanted: arrays[wanted] for wanted in compiled.input_names} if arrays else {}
    compiled.program({wanted: array.shape for wanted, array in given.items()})
    return lambda fitted: flatten(compiled(fitted, **given))[0][0]


def diverged(
    stop: Stop,
    plan: Stage,
    fitted: Parameters,
    training: Training,
    history: History,
    epoch: int,
    dtype: str,
    value: float | None,
) -> Diverged:
    """The error of a training that is no longer finite, with the parameters of the last finite loss; of the loss, its value."""
    check_data(stop, dtype)
    check_start(fitted)
    why, advice = explained(stop, plan.net, training, plan.trained)
    step = stop.steps if value is None else stop.steps + 1
    what = "the parameters are no longer finite after step" if value is None else f"the loss became {value} at step"
    error = Diverged(f"{what} {step}, in epoch {epoch + 1}{why}", *advice)
    error.params = moved_on(fitted, training.good)  # type: ignore[attr-defined]
    error.history = history  # type: ignore[attr-defined]
    error.step = step  # type: ignore[attr-defined]
    return error


class Bar:
    """A progress bar on standard error, if wanted."""

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
