"""Regression on a table: the net of a table fitted to a column, and its baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symfold.apps.data import Array, Scale, Table, split_rows
from symfold.apps.table_nets import Shape
from symfold.base.arguments import NumpyArray
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.errors import Advice, Diverged
from symfold.frontend.losses import squared_error
from symfold.training.fit import fit
from symfold.training.optimizers import sgd
from symfold.training.statistics import keep_statistics


@dataclass(frozen=True)
class Model:
    """A trained net with the scales of its data, and the rows that it was trained and tested on."""

    shape: Shape
    params: dict[str, Array]
    scale: Scale
    target_scale: Scale
    train_rows: Any
    test_rows: Any

    def predict(self, values: Array) -> Array:
        """One prediction per row, in the unit of the target."""
        raw = self.shape.net(kept=True).compile()(self.params, x=self.scale.standardize(values))
        return self.target_scale.restore(np.broadcast_to(np.asarray(raw, dtype=float), (len(values), 1)))[:, 0]


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


def train(
    shape: Shape,
    table: Table,
    epochs: int,
    batch_size: int,
    rate: float,
    test_fraction: float,
    seed: int,
    remat: str | None = None,
) -> tuple[Model, Any]:
    """Fit a net to the training rows of a table by plain SGD on the mean squared error: the model and the losses."""
    train_rows, test_rows = split_rows(len(table), test_fraction, seed)
    values, target = table.select(shape.columns)[train_rows], table.select([shape.target])[train_rows]
    scale, target_scale = Scale.of(values), Scale.of(target)
    net = shape.net()
    size = min(batch_size, len(train_rows))
    try:
        result = fit(
            squared_error(net, tensor("target", (None, 1))),
            net.init(seed),
            {"x": scale.standardize(values), "target": target_scale.standardize(target)},
            optimizer=sgd(rate / size),  # the loss is a sum over the batch
            epochs=epochs,
            batch_size=size,
            seed=seed,
            remat=remat,
            progress=None,
        )
    except Diverged as error:
        smaller = Advice("rate", f"{rate / 10:.2g}", "try a smaller rate")
        raise Diverged(
            error.problem, *(smaller if advice.setting == "rate" else advice for advice in error.advice)
        ) from error
    params = kept_params(shape, net, result.params, scale.standardize(values))
    return Model(shape, params, scale, target_scale, train_rows, test_rows), result.history.loss
