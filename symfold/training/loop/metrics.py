"""Metrics: functions of the parameters; nets, and scores of predictions, on the training and the validation data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from symfold.base.arguments import NumpyArray, quoted, takes
from symfold.base.public import public
from symfold.base.trees import flatten
from symfold.compute.compile import compile_net
from symfold.compute.parameters import Parameters
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.errors import InvalidType, InvalidValue, listing
from symfold.training.data.arrays import Arrays
from symfold.training.objective.stages import Stage, without

Measure = Callable[[Parameters], Any]


@dataclass(frozen=True, repr=False)
class Score:
    """A score of predictions against what is true, for `sf.fit(metrics=...)`.

    >>> import symfold as sf
    >>> metric(max, sf.tensor("x"), "label")
    Score(max of 'label' and the prediction)
    """

    function: Callable[..., Any]
    prediction: Net
    target: str
    settings: tuple[tuple[str, Any], ...] = ()

    def __repr__(self) -> str:
        settings = "".join(f", {name}={quoted(value)}" for name, value in self.settings)
        name = getattr(self.function, "__name__", quoted(self.function))
        return f"Score({name} of {self.target!r} and the prediction{settings})"

    def of(self, truth: NumpyArray, predicted: NumpyArray) -> Any:
        """The score; if the truth has an axis less than the prediction, of the most probable classes."""
        if truth.ndim == predicted.ndim - 1:
            predicted = predicted.argmax(axis=-1)
        score = self.function(truth, predicted, **dict(self.settings))
        return score if isinstance(score, (list, tuple)) or np.ndim(score) else np.asarray(score).item()


@public
def metric(score: Callable[..., Any], prediction: object, target: str, **settings: object) -> Score:
    """A metric for `sf.fit`, from a function of true and predicted values, such as those of `sklearn.metrics`.

    `prediction` is a net and `target` the name of the true values in the data. If the truth has an axis less than the
    prediction, as class numbers have, the score is that of the class with the largest entry. `settings` go to `score`.

    >>> import numpy as np, symfold as sf
    >>> y = sf.Net.of(sf.layer("a", sf.dense(1, 2))(sf.tensor("x", (None, 1))))
    >>> loss = sf.losses.cross_entropy(y, sf.tensor("label", (None,)))
    >>> data = {"x": np.array([[-1.0], [1.0]]), "label": np.array([0, 1])}
    >>> accuracy = sf.metric(lambda true, predicted: np.mean(true == predicted), y, "label")
    >>> done = sf.fit(loss, y.init(0), data, optimizer=sf.adam(0.1), epochs=50, metrics={"accuracy": accuracy})
    >>> done.history.metrics["accuracy"][-1]
    1.0
    """
    if not takes(score, None, None, **settings):
        raise InvalidType(
            f"{quoted(score)} is not a function of true and predicted values (as sklearn.metrics.accuracy_score)"
        )
    if not isinstance(target, str):
        raise InvalidType(f"target={quoted(target)} is not the name of the true values in the data (as 'label')")
    return Score(score, Net.of(prediction), target, tuple(settings.items()))


@dataclass(frozen=True)
class Measures:
    """What is measured after each epoch: on the training data, and on the validation data (there the loss as well)."""

    training: Mapping[str, Measure]
    validation: Mapping[str, Measure]

    def __bool__(self) -> bool:
        return bool(self.training or self.validation)


def measures_of(
    metrics: object,
    loss: Net,
    params: Mapping[str, object],
    arrays: Arrays | None,
    validation: Arrays | None,
    stage: Stage,
    backend: str,
    dtype: str,
) -> Measures:
    """Every metric as a function of the parameters; nets are compiled now, to show errors before the first step."""
    if metrics is not None and not isinstance(metrics, Mapping):
        raise InvalidType(
            f"metrics must be a mapping from names to nets, scores (sf.metric) or functions, got {quoted(metrics)} "
            "(as {'loss': loss})"
        )

    for name in metrics or {}:
        if name == "epoch" or str(name).startswith("validation_"):
            raise InvalidValue(f"metric {name!r} has the name of another column of the history (rename it)")

    def at_stage(metric: Any) -> Any:
        if isinstance(metric, Score):
            return replace(metric, prediction=without(metric.prediction, stage.absent))
        return without(Net.of(metric), stage.absent) if isinstance(metric, (Net, Node)) else metric

    rows: dict[str, Any] = {name: at_stage(metric) for name, metric in (metrics or {}).items()}

    def measure(name: str, metric: object, data: Arrays | None) -> Measure:
        return measure_of(name, metric, params, data, backend, dtype)

    def is_taken(metric: object) -> bool:  # of batches, there is no whole data; validation data will do
        return arrays is not None or validation is None or not reads_data(metric)

    training = {name: measure(f"metric {name!r}", row, arrays) for name, row in rows.items() if is_taken(row)}
    if validation is None:
        return Measures(training, {})
    if "loss" in rows and not isinstance(rows["loss"], Net):
        rows.pop("loss")  # the validation loss has this name
    on_data = {name: row for name, row in rows.items() if isinstance(row, (Net, Score))}
    on_data = {"loss": without(loss, stage.absent), **on_data}
    return Measures(training, {name: measure(f"metric {name!r}", row, validation) for name, row in on_data.items()})


def reads_data(metric: object) -> bool:
    """Whether a metric is taken on data, and not of the parameters alone."""
    return isinstance(metric, Score) or (isinstance(metric, Net) and bool(metric.inputs))


def measure_of(
    what: str, metric: object, params: Mapping[str, object], arrays: Arrays | None, backend: str, dtype: str
) -> Measure:
    """A metric as a function of the parameters: a net or a score on the whole data, or any function of them."""
    if isinstance(metric, Score):
        return numeric(what, scored(what, metric, params, arrays, backend, dtype))
    if not isinstance(metric, Net):
        if not callable(metric) or not takes(metric, params):
            raise InvalidType(
                f"{what} is {quoted(metric)}, and neither a net nor a score (sf.metric) "
                "nor a function of the parameters (as lambda params: params['W1'].sum())"
            )
        return numeric(what, cast(Measure, metric))
    evaluate = evaluation_of(what, metric, params, arrays, backend, dtype)

    def measure(fitted: Parameters) -> Any:
        value = evaluate(fitted)
        return value if np.ndim(value) else np.asarray(value).item()

    return measure


def numeric(what: str, measure: Measure) -> Measure:
    """A measure that refuses what is neither a number nor an array of numbers."""

    def checked(fitted: Parameters) -> Any:
        value = measure(fitted)
        try:
            kind = np.asarray(value).dtype.kind
        except (ValueError, TypeError, RuntimeError):  # rows of unequal lengths, arrays of a package that stay with it
            kind = "O"
        if kind not in "biufc":
            raise InvalidType(
                f"{what} gave {quoted(value)}, which is neither a number nor an array of numbers "
                "(return one, as lambda params: float(params['W1'].sum()))"
            )
        return value

    return checked


def scored(
    what: str, score: Score, params: Mapping[str, object], arrays: Arrays | None, backend: str, dtype: str
) -> Measure:
    """A score on the whole data as a function of the parameters."""
    if arrays is not None and score.target not in arrays:
        raise InvalidValue(f"{what} compares with {score.target!r}, which the data lack ({listing(map(repr, arrays))})")
    evaluate = evaluation_of(what, score.prediction, params, arrays, backend, dtype)
    truth = np.asarray(arrays[score.target]) if arrays else np.zeros(0)
    return lambda fitted: score.of(truth, np.asarray(evaluate(fitted)))


def evaluation_of(
    what: str, net: Net, params: Mapping[str, object], arrays: Arrays | None, backend: str, dtype: str
) -> Measure:
    """The value of a net on the whole data as a function of the parameters."""
    compiled = compile_net(net, backend, dtype)
    if arrays is None and compiled.input_names:
        raise InvalidValue(
            f"{what} reads {listing(map(repr, compiled.input_names))}, and with batches there is no whole "
            "data (give validation data, or a function of the parameters, as lambda params: params['W1'].sum())"
        )
    available = (*(arrays or {}), *params)
    for leaf_name in (*compiled.input_names, *compiled.layout.names):
        if leaf_name not in available:
            raise InvalidValue(
                f"{what} reads {leaf_name!r}, which the loss does not (it has {listing(map(repr, available))})"
            )
    inputs = {input_name: arrays[input_name] for input_name in compiled.input_names} if arrays else {}
    compiled.program({input_name: array.shape for input_name, array in inputs.items()})

    return lambda fitted: flatten(compiled(fitted, **inputs))[0][0]
