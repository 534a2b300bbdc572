"""Training: a fold of an update step over batches, run on a terminal with a progress bar, a seed and a history."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symfold.compile import program_of
from symfold.depth import roll
from symfold.differentiate import value_and_grad
from symfold.errors import Diverged, InvalidType, InvalidValue, unknown
from symfold.families import Family, Names, Numbered
from symfold.net import Net
from symfold.nodes import Node
from symfold.operations import Input, Normal
from symfold.optimisers import Optimiser
from symfold.parameters import Parameters, layout_of
from symfold.trees import flatten

Batch = Mapping[str, Any]


@dataclass
class History(Sequence[float]):
    """The loss of each step before its update, and the metrics after each epoch."""

    loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.loss)

    def __getitem__(self, index: Any) -> Any:
        return self.loss[index]


@dataclass(frozen=True)
class Fitted:
    """What training gave: the parameters, and what happened on the way."""

    params: Parameters
    history: History


def training_step(loss: Net, optimiser: Optimiser) -> Net:
    """One step as a net: (the loss, every parameter leaf after the step, every slot after the step).

    >>> import symfold as sf
    >>> w = sf.parameter("w")
    >>> training_step(sf.Net.of((w - sf.tensor("x")) ** 2), sf.sgd(0.5))({"w": 3.0}, x=1.0)
    (array(4.), (array(1.),))
    """
    both = value_and_grad(loss)
    leaves = [leaf for leaf in loss.leaves if leaf.op.role == "parameter"]
    gradients = both.outputs[1:]
    if len(gradients) != len(leaves):
        raise InvalidValue("a parameter is used both alone and in a sequence of layers; training needs it in one place (use one layer for both)")
    parameters: list[Node] = []
    slots: list[Node] = []
    for leaf, gradient in zip(leaves, gradients, strict=True):
        own = [slot_of(leaf, name) for name in optimiser.slots]
        first, *others = optimiser.update(leaf, gradient, *own)
        parameters.append(first)
        slots += others
    after = (*parameters, *slots)
    return Net((both.outputs[0], *after), ("tuple", ("*", ("tuple", ("*",) * len(after)))), both.signature)


def slot_of(leaf: Node, name: str) -> Node:
    """What an optimiser remembers of a parameter, as a parameter of the step that starts at zero."""
    op = leaf.op
    if isinstance(op, Family):
        names: Names = (
            Numbered(f"{name}_{op.names.prefix}", op.names.start, op.names.count)
            if isinstance(op.names, Numbered)
            else tuple(f"{name}_{n}" for n in op.names)
        )
        return Node(Family(names, op.shape, "parameter", Normal(0.0, 0.0)))
    return Node(Input(f"{name}_{op.name}", op.shape, "parameter", Normal(0.0, 0.0)))


class Stepper:
    """The compiled training step with its parameters: call it on a batch, then commit or not."""

    def __init__(self, loss: Net, params: Mapping[str, Any], optimiser: Optimiser):
        self.net = training_step(loss, optimiser)
        self.leaves = [leaf for leaf in loss.leaves if leaf.op.role == "parameter"]
        slots = [slot_of(leaf, name) for leaf in self.leaves for name in optimiser.slots]
        self.state = Parameters(layout_of(Net((*self.leaves, *slots))))
        for name in layout_of(loss).names:
            if name not in params:
                raise InvalidValue(f"no value for parameter {name!r} (the loss has {', '.join(map(repr, layout_of(loss).names))})")
            self.state[name] = params[name]
        self.targets = [self.state.array_of(leaf) for leaf in (*self.leaves, *slots)]
        self.inputs = [node.op.name for node in self.net.inputs]
        self.programs: dict[Any, Any] = {}
        self.good = self.state.flat.copy()

    def loss_of(self, batch: Batch) -> float:
        """The loss on a batch, before the update; the update is computed and waits for `commit`."""
        key = tuple(batch[name].shape for name in self.inputs)
        program = self.programs.get(key)
        if program is None:
            program = program_of(self.net, dict(zip(self.inputs, key, strict=True)), self.state)
            self.programs[key] = program
        program.feed(batch)
        program.run()
        self.program = program
        return float(program.outputs[0])

    def commit(self) -> None:
        np.copyto(self.good, self.state.flat)
        for target, value in zip(self.targets, self.program.outputs[1:], strict=True):
            np.copyto(target, value)


def fit(
    loss: Any,
    params: Mapping[str, Any],
    data: Batch | None = None,
    *,
    optimizer: Optimiser,
    batches: Iterable[Batch] | None = None,
    epochs: int = 1,
    batch_size: int | None = None,
    seed: int = 0,
    shuffle: bool = True,
    metrics: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> Fitted:
    """Train the parameters of a loss by gradient steps over mini-batches of `data`, or over given `batches`.

    `data` holds an array for every input, samples along the first axis, shuffled anew each epoch by `seed`; `metrics` are
    nets evaluated on the whole data after each epoch. The arguments are left alone. A loss that is no longer finite stops
    the training with `Diverged`, which says at which step and keeps the last good parameters.
    """
    net = roll(Net.of(loss))
    if not isinstance(optimizer, Optimiser):
        raise InvalidType(f"optimizer={optimizer!r} is no optimiser (as sf.sgd(0.01))")
    if (data is None) == (batches is None):
        raise InvalidType("fit takes either data (arrays by input name) or batches (an iterable of them)")
    if not isinstance(epochs, int) or epochs < 1:
        raise InvalidValue(f"epochs={epochs!r} must be a whole number from 1 up")
    stepper = Stepper(net, params, optimizer)
    names = stepper.inputs
    arrays = None if data is None else checked_batch(data, names)
    source = given_batches(batches, epochs) if arrays is None else shuffled(arrays, names, batch_size, epochs, seed, shuffle)
    history = History(metrics={name: [] for name in metrics or {}})
    bar = Bar(epochs, sys.stderr.isatty() if progress is None else progress)
    with np.errstate(all="ignore"):
        for epoch, epoch_batches in enumerate(source):
            for batch in epoch_batches:
                value = stepper.loss_of(batch if arrays is not None else checked_batch(batch, names))
                if not math.isfinite(value):
                    raise diverged(net, stepper, history, epoch, value)
                stepper.commit()
                history.loss.append(value)
            fitted = extracted(net, stepper.state)
            for name, metric in (metrics or {}).items():
                history.metrics[name].append(measured(metric, fitted, arrays))
            bar.show(epoch + 1, history.loss[-1] if history.loss else math.nan)
    bar.close()
    return Fitted(extracted(net, stepper.state), history)


def extracted(net: Net, state: Mapping[str, Any]) -> Parameters:
    """The parameters of the loss out of the state of the training."""
    params = Parameters(layout_of(net))
    params.load(state)
    return params


def measured(metric: Any, params: Parameters, arrays: Batch | None) -> Any:
    """A metric at these parameters: a net on the whole data, or any function of the parameters."""
    if isinstance(metric, (Net, Node)):
        net = Net.of(metric)
        wanted = {node.op.name for node in net.inputs}
        return flatten(net.compile()(params, **{n: v for n, v in (arrays or {}).items() if n in wanted}))[0][0]
    return metric(params)


def diverged(net: Net, stepper: Stepper, history: History, epoch: int, value: float) -> Diverged:
    """The error of a loss that is no longer finite, with the parameters of the last finite one."""
    error = Diverged(
        f"the loss became {value} at step {len(history.loss) + 1} (epoch {epoch + 1}); "
        "the last good parameters are in the error's .params (try a smaller rate, or data on a smaller scale)"
    )
    stepper.state.flat[:] = stepper.good
    error.params = extracted(net, stepper.state)  # type: ignore[attr-defined]
    error.history = history  # type: ignore[attr-defined]
    error.step = len(history.loss) + 1  # type: ignore[attr-defined]
    return error


def checked_batch(batch: Any, names: Sequence[str]) -> dict[str, Any]:
    """A batch with an array of numbers for every input."""
    if not isinstance(batch, Mapping):
        raise InvalidType(f"a batch must be a mapping from input names to arrays, got {type(batch).__name__}")
    for name in batch:
        if name not in names:
            raise unknown("input", name, names)
    missing = [name for name in names if name not in batch]
    if missing:
        raise InvalidValue(f"no data for input {missing[0]!r} (the loss reads {', '.join(map(repr, names))})")
    arrays = {name: np.asarray(batch[name]) for name in names}
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise InvalidType(f"the data of {name!r} are no numbers (their type is {array.dtype})")
    return arrays


def shuffled(arrays: Batch, names: Sequence[str], size: int | None, epochs: int, seed: int, shuffle: bool) -> Iterator[Iterable[Batch]]:
    """Mini-batches of the data, in a new order each epoch."""
    lengths = {name: arrays[name].shape[0] if arrays[name].ndim else 0 for name in names}
    if len(set(lengths.values())) != 1:
        raise InvalidValue(f"inputs have different numbers of samples: {', '.join(f'{n}: {k}' for n, k in lengths.items())}")
    total = next(iter(lengths.values()))
    if total == 0:
        raise InvalidValue("there are no samples to train on")
    if size is not None and (not isinstance(size, int) or size < 1):
        raise InvalidValue(f"batch_size={size!r} must be a whole number from 1 up")
    generator = np.random.default_rng(seed)
    width = min(size or total, total)
    for _ in range(epochs):
        order = generator.permutation(total) if shuffle else np.arange(total)
        yield [{name: arrays[name][order[k : k + width]] for name in names} for k in range(0, total, width)]


def given_batches(batches: Iterable[Batch] | None, epochs: int) -> Iterator[Iterable[Batch]]:
    """Given batches, once an epoch; what can be read once only is good for one epoch."""
    assert batches is not None
    if epochs > 1 and iter(batches) is batches:
        raise InvalidValue(f"batches can be read only once, but epochs={epochs} (give a list, or epochs=1)")
    for _ in range(epochs):
        yield batches


class Bar:
    """A progress bar on standard error, if wanted."""

    def __init__(self, total: int, shown: bool):
        self.total, self.shown = total, shown

    def show(self, done: int, loss: float) -> None:
        if self.shown:
            filled = 30 * done // self.total
            print(f"\rtraining [{'#' * filled}{'.' * (30 - filled)}] epoch {done}/{self.total}  loss {loss:.6g} ", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.shown:
            print(file=sys.stderr)
