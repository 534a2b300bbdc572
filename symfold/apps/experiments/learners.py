"""Learners: regressors of scikit-learn that read the input or the running state, fitted in stages or end to end.

where   boosting: f_k(x)      residual: f_k(x, prediction of the layers before)
when    stages: `sf.boost`    end to end: the same dense layers at once, from random weights, by momentum on all rows
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from symfold.apps.data import Array, Scale, split_rows
from symfold.apps.experiments.bands import Band, Budget, band, difference
from symfold.apps.experiments.samples import Rows, Sample, diabetes
from symfold.apps.experiments.training import best_on_held_out
from symfold.apps.regression import error
from symfold.base.arguments import NumpyArray, one_of, whole
from symfold.base.public import public
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.errors import MissingPackage
from symfold.frontend.elementwise import softplus
from symfold.training.boosting.fitting import boost
from symfold.training.boosting.result import Boosted

Arm = tuple[str, str, str]  # the learner, where it reads, when it is fitted
PATIENCE, EPOCHS, RATES = 20, 100, (0.03, 0.1, 0.3)


@dataclass(frozen=True)
class Model:
    """A learner with the settings of its boosting."""

    learner: Any
    stages: int
    shrinkage: float
    differentiable: bool


@dataclass(frozen=True)
class Task:
    """Data, the loss that is minimized (a mean over rows), and the error that is reported."""

    draw: Callable[..., Sample]  # by a seed
    loss: Callable[[Any, Any], Any]
    error: Callable[[Array, Array], float]
    unit: str


@dataclass(frozen=True)
class RealLearners:
    """Test errors, arms by seeds, of learners of scikit-learn as layers; the number of layers kept; and baselines."""

    sample: str
    unit: str
    budget: Budget
    arms: tuple[Arm, ...]
    test: Array
    layers: NumpyArray
    constant: Array  # the test error of the best constant, per seed

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The learners, with the times at which they are fitted."""
        return list(dict.fromkeys((learner, when) for learner, _, when in self.arms))

    def test_band(self, arm: Arm) -> Band:
        """The test error of an arm over the seeds."""
        return band(self.test[self.arms.index(arm)])

    def apart(self, one: Arm, other: Arm) -> Band:
        """The test error of one arm minus that of another, seed by seed."""
        return difference(self.test[self.arms.index(one)], self.test[self.arms.index(other)])

    def rows(self) -> list[list[str]]:
        """A table: for each learner and time the mean errors and standard errors, and that of the differences."""
        table = [["learner", "fitted", "reads the input", "reads the state", "difference", "layers"]]
        for learner, when in self.pairs:
            arms = [(learner, where, when) for where in ("boosting", "residual")]
            kept = [f"{self.layers[self.arms.index(arm)].mean():.0f}" for arm in arms]
            errors = [with_error(self.test_band(arm)) for arm in arms]
            table.append([learner, when, *errors, with_error(self.apart(arms[1], arms[0])), " / ".join(kept)])
        return [*table, ["best constant", "", with_error(band(self.constant)), "", "", ""]]


def with_error(measured: Band) -> str:
    """A mean and its standard error.

    >>> with_error(Band(0.5, 0.3, 0.7))
    '0.500 ± 0.100'
    """
    return f"{measured.mean:.3f} ± {(measured.high - measured.mean) / 2:.3f}"


@public
def real_learners(sample: str = "diabetes", seeds: int = 10, *, data: str | Path | None = None) -> RealLearners:
    """Compare learners of scikit-learn that read the input with the same that read the state, on the same rows.

    `sample` is "diabetes" (errors in standard deviations of the target) or "breast cancer" (the fraction of wrong
    classes). The number of stages, and the rate and the number of epochs end to end, have the least loss on the
    validation rows of each seed. Nothing else is tuned. Needs scikit-learn (extra `sklearn`).
    """
    one_of("sample", sample, TASKS)
    seeds, task, models = whole("seeds", seeds, 2), TASKS[sample], learners()
    draw = partial(task.draw, path=data) if sample == "diabetes" else task.draw
    arms: list[Arm] = [
        (name, where, when)
        for name, model in models.items()
        for when in ("stages", *(["end to end"] if model.differentiable else []))
        for where in ("boosting", "residual")
    ]
    nets: dict[Arm, Net] = {}
    test, layers, constant = np.zeros((len(arms), seeds)), np.zeros((len(arms), seeds), int), np.zeros(seeds)
    for seed in range(seeds):
        drawn = draw(seed)
        train, held_out, (x, y) = ((x, y[:, 0]) for x, y in (drawn.train, drawn.validation, drawn.test))
        for k, (name, where, when) in enumerate(arms):
            model = models[name]
            if when == "stages":
                result = in_stages(where, model, task, train, held_out, seed)
                predicted, layers[k, seed] = result.predict(x), len(result.learners)
                constant[seed] = task.error(np.full(len(y), result.start[0]), y)
            else:
                if arms[k] not in nets:
                    nets[arms[k]] = in_stages(where, model, task, train, None, seed).trainable()[0]
                params = end_to_end(nets[arms[k]], task, train, held_out, seed)
                predicted, layers[k, seed] = nets[arms[k]].compile("numpy")(params, x=x), model.stages
            test[k, seed] = task.error(predicted, y)
    trainings = seeds * sum(len(RATES) if when == "end to end" else 1 for _, _, when in arms)
    return RealLearners(
        sample, task.unit, Budget(seeds, len(train[1]), EPOCHS, trainings), tuple(arms), test, layers, constant
    )


def learners() -> dict[str, Model]:
    """The learners by name, with scikit-learn's usual number of stages and shrinkage for trees."""
    try:
        from sklearn.linear_model import Ridge
        from sklearn.neural_network import MLPRegressor
        from sklearn.tree import DecisionTreeRegressor
    except ImportError:
        raise MissingPackage("scikit-learn is not installed (pip install 'symfold[sklearn]')") from None
    dense = MLPRegressor(hidden_layer_sizes=(8,), activation="tanh", solver="lbfgs", alpha=1e-2, max_iter=50)
    return {
        "stump": Model(DecisionTreeRegressor(max_depth=1), 100, 0.1, False),
        "tree of depth 3": Model(DecisionTreeRegressor(max_depth=3, min_samples_leaf=5), 100, 0.1, False),
        "ridge": Model(Ridge(alpha=1.0), 6, 0.5, True),
        "dense, 8 tanh units": Model(dense, 6, 0.5, True),
    }


def in_stages(where: str, model: Model, task: Task, train: Rows, held_out: Rows | None, seed: int) -> Boosted:
    """The learners fitted one after another, as many as serve the held-out rows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="lbfgs failed to converge")  # it is stopped early on purpose
        return boost(
            where,
            model.learner,
            *train,
            stages=model.stages,
            loss=task.loss,
            shrinkage=model.shrinkage,
            validation=held_out,
            early_stopping=PATIENCE if held_out else None,
            seed=seed,
        )


def end_to_end(net: Net, task: Task, train: Rows, held_out: Rows, seed: int) -> Mapping[str, NumpyArray]:
    """The parameters of a net trained at once from random weights, small ones at the end: the layers add up."""
    start = {name: value * (0.3 if name[0] == "V" else 1.0) for name, value in net.init(seed).items()}
    loss = Net.of(task.loss(net, tensor("target", (None,))))
    return best_on_held_out(loss, start, train, held_out, RATES, EPOCHS, seed)


def squares(prediction: Any, target: Any) -> Any:
    return np.mean((prediction - target) ** 2)


def logistic(prediction: Any, target: Any) -> Any:
    return np.mean(softplus(prediction) - target * prediction)


def wrong(prediction: Array, target: Array) -> float:
    """The fraction of rows on the wrong side of zero.

    >>> wrong(np.array([-1.0, 2.0, 3.0, -4.0]), np.array([0.0, 1.0, 0.0, 0.0]))
    0.25
    """
    return float(np.mean((prediction > 0) != (target > 0.5)))


def breast_cancer(seed: int) -> Sample:
    """The breast cancer study of Wolberg, Street and Mangasarian (1995): 569 tumors, 30 columns; benign is 1."""
    try:
        from sklearn.datasets import load_breast_cancer
    except ImportError:
        raise MissingPackage("scikit-learn is not installed (pip install 'symfold[sklearn]')") from None
    values, labels = load_breast_cancer(return_X_y=True)
    rest, test = split_rows(len(values), 0.2, seed)
    inner, chosen = split_rows(len(rest), 0.25, seed)
    scale = Scale.of(values[rest[inner]])
    return Sample(
        *(
            (scale.standardize(values[rows]), labels[rows, None].astype(float))
            for rows in (rest[inner], rest[chosen], test)
        )
    )


TASKS: dict[str, Task] = {
    "diabetes": Task(diabetes, squares, error, "standard deviations of the target"),
    "breast cancer": Task(breast_cancer, logistic, wrong, "fraction of wrong classes"),
}
