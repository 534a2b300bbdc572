"""Regression and classification on a table: a net fitted to a column, and its baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import symfold.frontend.losses as losses
import symfold.training.optimizers as optimizers
from symfold.apps.data import Array, Scale, Table, split_rows
from symfold.apps.metrics import classification_metrics, regression_metrics
from symfold.apps.table_nets import Shape
from symfold.apps.tasks import Target
from symfold.base.arguments import NumpyArray, one_of, real
from symfold.base.results import Result
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.errors import Advice, DataError, Diverged
from symfold.training.fit import fit
from symfold.training.loop.history import History
from symfold.training.objective.statistics import keep_statistics


@dataclass(frozen=True, eq=False)
class Model(Result):
    """A trained net with the scales of its data, and the rows that it was trained and tested on."""

    shape: Shape
    params: dict[str, Array]
    scale: Scale
    target_scale: Scale
    train_rows: Any
    test_rows: Any

    def raw(self, values: Array) -> Array:
        """What the net gives for rows of columns: a standardized number, or a score for each class."""
        raw = self.shape.net(kept=True).compile()(self.params, x=self.scale.standardize(values))
        return np.broadcast_to(np.asarray(raw, dtype=float), (len(values), self.shape.outputs))

    def scores(self, values: Array) -> Array:
        """A score for each class, a row per row; a net of one score gives that of the second of two classes."""
        raw = self.raw(values)
        return raw if raw.shape[1] == len(self.shape.classes) else np.column_stack([np.zeros(len(raw)), raw])

    def predict(self, values: Array) -> Array:
        """One prediction per row: in the unit of the target, or the number of the likeliest class."""
        if self.shape.classes:
            scores = self.scores(values)
            return np.where(np.isfinite(scores).all(axis=1), scores.argmax(axis=1), np.nan)
        raw = self.raw(values)
        return np.exp(raw[:, 0]) if self.shape.loss == "poisson" else self.target_scale.restore(raw)[:, 0]

    def probabilities(self, values: Array) -> Array:
        """The probability of each class, a row per row."""
        scores = self.scores(values)
        weights: Array = np.exp(scores - scores.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)

    def metrics(self, values: Array, actual: Array) -> dict[str, Any]:
        """The metrics on rows whose targets are known, as numbers or as class numbers."""
        if self.shape.classes:
            return classification_metrics(self.probabilities(values), actual.astype(int))
        return regression_metrics(self.predict(values), actual)


def error(predicted: Array, actual: Array) -> float:
    """The root of the mean squared error.

    >>> error(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    1.4142135623730951
    """
    return float(np.sqrt(np.mean((predicted - actual) ** 2)))


def linear_fit(values: Array, target: Array) -> Array:
    """Ordinary least squares with a constant: one coefficient per column, and the constant last.

    >>> linear_fit(np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0])).round(6)
    array([2., 1.])
    """
    coefficients: Array = np.linalg.lstsq(with_constant(values), target, rcond=None)[0].astype(float)
    return coefficients


def with_constant(values: Array) -> Array:
    return np.column_stack([values, np.ones(len(values))])


def baselines(values: Array, target: Array, train: Any, test: Any) -> dict[str, dict[str, float]]:
    """Train and test errors of the training mean and of least squares on the training rows."""
    coefficients = linear_fit(values[train], target[train])
    guesses = {"mean": np.full(len(target), target[train].mean()), "linear": with_constant(values) @ coefficients}
    return {name: errors(guess, target, train, test) for name, guess in guesses.items()}


def errors(predicted: Array, actual: Array, train: Any, test: Any) -> dict[str, float]:
    return {"train": error(predicted[train], actual[train]), "test": error(predicted[test], actual[test])}


def kept_params(shape: Shape, net: Net, params: Mapping[str, NumpyArray], values: Array) -> dict[str, Array]:
    """The parameters of a trained net, with the batch statistics of its norms on these rows."""
    if len(shape.net(kept=True).params) > len(net.params):
        _, params = keep_statistics(net, params, {"x": values})
    return {name: np.array(value, dtype=float) for name, value in params.items()}


def label_baselines(values: Array, target: Target, train: Any, test: Any) -> dict[str, dict[str, float]]:
    """Train and test accuracies of the most frequent class, and of least squares on a number per class."""
    actual = target.values[:, 0].astype(int)
    hot = np.eye(len(target.classes))[actual]
    scores = with_constant(values) @ linear_fit(values[train], hot[train])
    guesses = {
        "mean": np.full(len(actual), np.bincount(actual[train]).argmax()),
        "linear": scores.argmax(axis=1),
    }
    return {
        name: {part: float(np.mean((guess == actual)[rows])) for part, rows in (("train", train), ("test", test))}
        for name, guess in guesses.items()
    }


# the losses of each task by name, all of them means over a batch; the first one is the default
LOSSES = {
    "regression": ("mean_squared_error", "absolute_error", "huber", "poisson"),
    "classification": ("cross_entropy", "binary_cross_entropy"),
}
# schedules by name, from the rate and the number of all steps; a new one is one row
SCHEDULES: dict[str, Callable[[float, int], Any]] = {
    "constant": lambda rate, steps: rate,
    "step": lambda rate, steps: optimizers.SCHEDULES["step"](rate, max(1, -(-steps // 3))),
    "cosine": lambda rate, steps: optimizers.SCHEDULES["cosine"](rate, steps),
    "warmup": lambda rate, steps: optimizers.SCHEDULES["warmup"](rate, max(1, steps // 10)),
    "one_cycle": lambda rate, steps: optimizers.SCHEDULES["one_cycle"](rate, steps),
}


@dataclass(frozen=True)
class Settings:
    """How a net is fitted; the rate is that of a mean over a batch, as every loss here is."""

    epochs: int = 200
    batch_size: int = 32
    rate: float = 0.001
    loss: str | None = None
    optimizer: str = "sgd"
    schedule: str = "constant"
    validation: float | None = None
    early_stopping: int | None = None
    test_fraction: float = 0.2
    seed: int = 0
    remat: str | int | None = None
    backend: str = "auto"
    checkpoint: str | None = None
    resume: bool = False

    def loss_of(self, target: Target) -> str:
        """The name of the loss for a target, which it must fit."""
        task = target.task
        loss = LOSSES[task][0] if self.loss is None else one_of(f"loss for {task}", self.loss, LOSSES[task])
        if loss == "binary_cross_entropy" and len(target.classes) != 2:
            raise DataError(
                f"the loss {loss!r} is for two classes, and the target has {len(target.classes)}",
                Advice("loss", "cross_entropy", "give the loss 'cross_entropy'"),
            )
        if loss == "poisson" and target.values.min() < 0:
            raise DataError(
                f"the loss {loss!r} is for counts, and the target holds {target.values.min():g}",
                Advice("loss", "mean_squared_error", "give the loss 'mean_squared_error'"),
            )
        return loss

    def optimizer_of(self, steps: int) -> Any:
        """The optimizer of a training with this number of steps."""
        make = optimizers.OPTIMIZERS[one_of("optimizer", self.optimizer, optimizers.OPTIMIZERS)]
        return make(SCHEDULES[one_of("schedule", self.schedule, SCHEDULES)](self.rate, steps))


def train(shape: Shape, table: Table, target: Target, settings: Settings) -> tuple[Model, History]:
    """Fit a net to the training rows of a table: the model and its history."""
    train_rows, test_rows = split_rows(len(table), settings.test_fraction, settings.seed)
    values, wanted = table.select(shape.columns)[train_rows], target.values[train_rows]
    scale = Scale.of(values)
    target_scale = Scale.of(wanted)
    shape = replace(shape, loss=settings.loss_of(target))
    if shape.classes or shape.loss == "poisson":
        target_scale = Scale(np.zeros(1), np.ones(1))
    net = shape.net()
    if settings.validation is not None:
        real("validation", settings.validation, above=0)
    fitted_rows = max(1, len(train_rows) - round((settings.validation or 0) * len(train_rows)))
    per_epoch = -(-fitted_rows // settings.batch_size)
    size = -(-fitted_rows // per_epoch)  # of nearly equal batches: the mean over a small rest is noise
    steps = settings.epochs * per_epoch
    loss, numbered = losses.LOSSES[shape.loss], shape.outputs > 1  # labels by number
    expected = tensor("target", (None,) if numbered else (None, 1))
    try:
        result = fit(
            loss(net, expected),
            net.init(settings.seed),
            {
                "x": scale.standardize(values),
                "target": wanted[:, 0] if numbered else target_scale.standardize(wanted),
            },
            optimizer=settings.optimizer_of(steps),
            epochs=settings.epochs,
            batch_size=size,
            seed=settings.seed,
            validation=settings.validation,
            early_stopping=settings.early_stopping,
            remat=settings.remat,
            backend=settings.backend,
            checkpoint=settings.checkpoint,
            resume=settings.resume,
            progress=None,
        )
    except Diverged as error:
        smaller = Advice("rate", f"{settings.rate / 10:.2g}", "try a smaller rate")
        raise Diverged(
            error.problem, *(smaller if advice.setting == "rate" else advice for advice in error.advice)
        ) from error
    except DataError as error:
        if settings.schedule == "constant" or "settings['optimizer']" not in error.problem:
            raise
        raise DataError(
            f"{error.problem}; the schedule {settings.schedule!r} runs over all epochs, so their number cannot grow",
            Advice("epochs", "as before", "give the same epochs as before, or another folder"),
        ) from error
    params = kept_params(shape, net, result.params, scale.standardize(values))
    return Model(shape, params, scale, target_scale, train_rows, test_rows), result.history
