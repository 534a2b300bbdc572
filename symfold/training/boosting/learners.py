"""Learners: a regressor as the function of an opaque layer."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from symfold.base.arguments import NumpyArray, quoted, whole
from symfold.base.facts import counted
from symfold.errors import InvalidType, InvalidValue, ShapeError


class Learner(Protocol):
    """A regressor, as in scikit-learn."""

    def fit(self, x: NumpyArray, y: NumpyArray) -> Any: ...
    def predict(self, x: NumpyArray) -> Any: ...


@dataclass(frozen=True)
class LearnerLayer:
    """A fitted learner as the function of an opaque layer: `step` times its prediction, in the last columns.

    It reads the first `width` columns: those of x, and the prediction unless that was the same in all rows.
    """

    learner: Learner
    step: float
    width: int
    outputs: int

    def __call__(self, rows: NumpyArray) -> NumpyArray:
        written = np.zeros_like(rows)
        prediction = np.asarray(self.learner.predict(rows[:, : self.width]), dtype=float)
        if prediction.size != len(rows) * self.outputs:
            raise ShapeError(
                f"{type(self.learner).__name__} predicts shape {prediction.shape} for {len(rows)} rows "
                f"(give a regressor with {counted(self.outputs, 'number')} per row)"
            )
        written[:, -self.outputs :] = self.step * prediction.reshape(len(rows), self.outputs)
        return written


def listed_learners(learner: object, stages: int | None) -> list[Any]:
    """One learner per stage."""
    if isinstance(learner, (list, tuple)):
        if stages not in (None, len(learner)):
            raise InvalidValue(f"stages={stages} for a list of {len(learner)} learners (leave stages out)")
        learners = list(learner)
    else:
        learners = [learner] * (100 if stages is None else whole("stages", stages, 1))
    if not learners:
        raise InvalidValue("no learners given (give one, or a list with one per stage)")
    for each in learners:
        if isinstance(each, type) or not all(callable(getattr(each, name, None)) for name in ("fit", "predict")):
            raise InvalidType(
                f"learner={quoted(each)} is no regressor with fit and predict "
                "(as scikit-learn's DecisionTreeRegressor(max_depth=1))"
            )
        if hasattr(each, "predict_proba"):
            raise InvalidType(
                f"learner={quoted(each)} is a classifier, and gradients are numbers "
                "(give a regressor; for classes choose the loss: loss='cross_entropy')"
            )
    return learners


def fresh(learner: Any, random: np.random.RandomState) -> Any:
    """A copy of a learner, which draws from the seed of the boosting unless it has a random state of its own."""
    model = copy.deepcopy(learner)
    if hasattr(model, "get_params") and model.get_params().get("random_state", 0) is None:
        model.set_params(random_state=random)
    return model


def drawn(total: int, wanted: int, random: np.random.RandomState) -> NumpyArray:
    """The places of a sample without replacement, in order: selection sampling, as scikit-learn draws (Knuth).

    >>> drawn(5, 2, np.random.RandomState(0)).tolist()
    [2, 4]
    """
    places: list[int] = []
    for place, number in enumerate(random.uniform(size=total)):
        if number * (total - place) < wanted - len(places):
            places.append(place)
    return np.array(places)
