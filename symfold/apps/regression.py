"""Regression on a table: a mapper's net between a linear projection and a linear readout, and its baselines.

row --into--> state --mapper folded over f1 ... fn--> state --out--> prediction
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symfold.apps.data import Array, Scale, Table, split_rows
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.errors import Advice, Diverged, InvalidValue, unknown
from symfold.frontend import elementwise
from symfold.frontend.folding import fold
from symfold.frontend.layer_kinds import dense
from symfold.frontend.losses import squared_error
from symfold.frontend.named_layers import layer, layers
from symfold.mappers.expressions import named_mapper
from symfold.training.fit import fit
from symfold.training.optimizers import sgd

# Activations by name; a new one is one row.
ACTIVATIONS = {
    name: getattr(elementwise, name) for name in ("sigmoid", "tanh", "relu", "softplus", "sin", "erf")
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """A regression net without its numbers."""

    mapper: str
    depth: int
    width: int
    activation: str
    columns: tuple[str, ...]
    target: str

    def net(self) -> Net:
        """The net from `x`, rows of standardized columns, to one prediction per row.

        >>> net = Shape("residual", 2, 4, "tanh", ("age", "bmi"), "target").net()
        >>> [p.op.name for p in net.params]
        ['W_into', 'b_into', 'W1', 'W2', 'b1', 'b2', 'W_out', 'b_out']
        """
        if self.activation not in ACTIVATIONS:
            raise unknown("activation", self.activation, ACTIVATIONS)
        if self.depth < 0 or self.width < 1:
            raise InvalidValue(
                f"no net has depth {self.depth} and width {self.width} (give a depth from 0 and a width from 1)"
            )
        into = layer("into", dense(len(self.columns), self.width))(tensor("x", (None, len(self.columns))))
        body = layers("f", dense(self.width, self.width, ACTIVATIONS[self.activation]), count=self.depth)
        state = fold(named_mapper(self.mapper).make(into), body, into)
        if len(state.shape) != len(into.shape):
            raise InvalidValue(
                f"the mapper {self.mapper!r} gives the same number for every row "
                "(let it read the state z, the input x or a layer f, as 'f(z) + z')"
            )
        return Net.of(layer("out", dense(self.width, 1))(state))


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
        raw = self.shape.net().compile()(self.params, x=self.scale.standardize(values))
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
    params = {name: np.array(value, dtype=float) for name, value in result.params.items()}
    return Model(shape, params, scale, target_scale, train_rows, test_rows), result.history.loss
