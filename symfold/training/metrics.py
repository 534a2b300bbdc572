"""Metrics: functions of the parameters, or nets on the training data and on the validation data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from symfold.base.arguments import quoted, takes
from symfold.base.trees import flatten
from symfold.compute.compile import compile_net
from symfold.compute.parameters import Parameters
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.errors import InvalidType, InvalidValue, listing
from symfold.training.data import Arrays
from symfold.training.stages import Stage, without

Measure = Callable[[Parameters], Any]


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
            f"metrics must be a mapping from names to nets or functions, got {quoted(metrics)} (as {{'loss': loss}})"
        )
    rows: dict[str, Any] = {
        name: without(Net.of(metric), stage.absent) if isinstance(metric, (Net, Node)) else metric
        for name, metric in (metrics or {}).items()
    }

    def measure(name: str, metric: object, data: Arrays | None) -> Measure:
        return measure_of(name, metric, params, data, backend, dtype)

    training = {name: measure(f"metric {name!r}", metric, arrays) for name, metric in rows.items()}
    if validation is None:
        return Measures(training, {})
    if "loss" in rows and not isinstance(rows["loss"], Net):
        rows.pop("loss")  # the validation loss has this name
    nets = {"loss": without(loss, stage.absent), **{name: row for name, row in rows.items() if isinstance(row, Net)}}
    return Measures(training, {name: measure(f"metric {name!r}", net, validation) for name, net in nets.items()})


def measure_of(
    what: str, metric: object, params: Mapping[str, object], arrays: Arrays | None, backend: str, dtype: str
) -> Measure:
    """A metric as a function of the parameters: a net on the whole data, or any function."""
    if not isinstance(metric, Net):
        if not callable(metric) or not takes(metric, params):
            raise InvalidType(
                f"{what} is {quoted(metric)}, and neither a net nor a function of the parameters "
                "(as lambda params: params['W1'].sum())"
            )
        return cast(Measure, metric)
    compiled = compile_net(metric, backend, dtype)
    if arrays is None and compiled.input_names:
        raise InvalidValue(
            f"{what} reads {listing(map(repr, compiled.input_names))}, and with batches there is no whole "
            "data (give a function of the parameters, as lambda params: float(net(params, x=held_out)))"
        )
    available = (*(arrays or {}), *params)
    for leaf_name in (*compiled.input_names, *compiled.layout.names):
        if leaf_name not in available:
            raise InvalidValue(
                f"{what} reads {leaf_name!r}, which the loss does not (it has {listing(map(repr, available))})"
            )
    inputs = {input_name: arrays[input_name] for input_name in compiled.input_names} if arrays else {}
    compiled.program({input_name: array.shape for input_name, array in inputs.items()})

    def measure(fitted: Parameters) -> Any:
        value = flatten(compiled(fitted, **inputs))[0][0]
        return value if np.ndim(value) else np.asarray(value).item()

    return measure
