"""The result of boosting: a net with its learners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.base.facts import counted
from symfold.base.tables import Table
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.frontend.layer_kinds import Kind
from symfold.show.display import formula_html
from symfold.training.boosting.arguments import checked_table
from symfold.training.boosting.bodies import body_of
from symfold.training.boosting.learners import Learner, LearnerLayer
from symfold.training.boosting.steps import widened


@dataclass(frozen=True, eq=False, repr=False)
class Boosted:
    """The result of boosting: a net of opaque layers f1, f2, ..., and the learner and the step of each.

    `net` is the fold of the mapper over the layers, from rows z_0 = (x, start); formulas, graphs, paths and reports are
    those of any net. `losses` and `validation_losses` begin with the loss of the constant `start`, then follow the
    stages, those after the best one included.
    """

    net: Net
    learners: tuple[Learner, ...]
    steps: tuple[float, ...]
    start: NumpyArray
    widths: tuple[int, ...]
    columns: int
    single: bool  # one number per row, not one row of numbers
    states: Net  # the scan whose last state is the net
    losses: tuple[float, ...]
    validation_losses: tuple[float, ...] = ()

    def __repr__(self) -> str:
        names = dict.fromkeys(type(learner).__name__ for learner in self.learners)
        return f"Boosted({counted(len(self.learners), 'layer')}: {', '.join(names)})"

    def _repr_html_(self) -> str:
        """The formula of the net, and the learner, the step and the losses of each layer."""
        all_losses = {"loss": self.losses, "validation loss": self.validation_losses}
        losses = {name: values for name, values in all_losses.items() if values}

        def row(k: int) -> tuple[str, ...]:
            measured = (f"{values[k + 1]:.4g}" if k + 1 < len(values) else "" for values in losses.values())
            return f"f{k + 1}", type(self.learners[k]).__name__, f"{self.steps[k]:.4g}", *measured

        heads = ("layer", "learner", "step", *losses)
        return formula_html(self.net) + Table(heads, len(self.learners), row).html()

    @property
    def layers(self) -> Mapping[str, LearnerLayer]:
        """The functions of the opaque layers, by name: `result.net(result.layers, rows)` evaluates the net."""
        parts = zip(self.learners, self.steps, self.widths, strict=True)
        return {
            f"f{k}": LearnerLayer(learner, step, width, len(self.start))
            for k, (learner, step, width) in enumerate(parts, 1)
        }

    def rows(self, x: object) -> NumpyArray:
        """The states to start from: the columns of x, and the constant that the prediction starts from."""
        return widened(checked_table("x", x, self.columns), self.start)

    def predict(self, x: object) -> NumpyArray:
        """The prediction for each row of x: the net, evaluated with the learners as its layers."""
        return self._prediction(self.net(self.layers, self.rows(x)))

    def staged_predict(self, x: object) -> list[NumpyArray]:
        """The predictions after each stage."""
        if not self.learners:
            return []
        return list(map(self._prediction, self.states(self.layers, self.rows(x))))

    def _prediction(self, state: NumpyArray) -> NumpyArray:
        return state[:, -1] if self.single else state[:, self.columns :]

    def trainable(self) -> tuple[Net, dict[str, NumpyArray]]:
        """The prediction as a net over x with the learners as bodies, and the parameters that make it `predict`.

        It can be trained end to end by `sf.fit`. Linear models and scikit-learn's MLPRegressor become dense layers;
        other learners, such as trees, are refused by name, for they have no derivative.
        """
        bodies: dict[str, Kind] = {}
        params: dict[str, NumpyArray] = {}
        for name, fitted in self.layers.items():
            bodies[name], weights = body_of(name, fitted.learner, fitted.step, self.columns, len(self.start))
            params |= weights
        into = np.eye(self.columns, self.columns + len(self.start))
        x = tensor("x", (None, self.columns))
        state = self.net.bind(bodies)(x=np.dot(x, into) + np.concatenate([np.zeros(self.columns), self.start]))
        return Net.of(state[:, -1] if self.single else state[:, self.columns :]), params
