"""Bodies: regressors that are made of affine maps and activations, as layers with parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.errors import InvalidType
from symfold.frontend.elementwise import relu, sigmoid, tanh
from symfold.frontend.layer_kinds import Kind, kind_of
from symfold.frontend.named_layers import Layer, weight_name

# scikit-learn's activations by name
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda z: z, "logistic": sigmoid, "relu": relu, "tanh": tanh,
}  # fmt: skip
Affine = tuple[NumpyArray, NumpyArray]  # weights (columns, units) and biases (units,)


def body_of(name: str, learner: Any, step: float, columns: int, outputs: int) -> tuple[Kind, dict[str, NumpyArray]]:
    """The body of a learner's layer, and its parameters by name; the step is part of the last weights.

    The weights of columns that the learner does not read are zero.
    """
    maps, activation = dense_form(learner)
    width = columns + outputs
    first, bias = maps[0]
    maps = [(np.vstack([first, np.zeros((width - len(first), first.shape[1]))]), bias), *maps[1:]]
    maps[-1] = (step * maps[-1][0], step * maps[-1][1])
    into = np.eye(outputs, width, columns)
    letters = [("W", "b"), ("V", "c"), *((f"W{chr(97 + k)}", f"b{chr(97 + k)}") for k in range(len(maps) - 2))]
    weights = {
        letter: value
        for pair, values in zip(letters, maps, strict=False)
        for letter, value in zip(pair, values, strict=True)
    }

    def body(z: Any, *parts: Any) -> Any:
        for k in range(0, len(parts), 2):
            z = np.dot(ACTIVATIONS[activation](z) if k else z, parts[k]) + parts[k + 1]
        return np.dot(z, into)

    kind = kind_of(body, {letter: value.shape for letter, value in weights.items()})
    assert kind is not None
    params = {weight_name(letter, name): value for letter, value in weights.items()}
    # a generalized linear model, say, has coefficients, and a link besides
    rows = np.random.default_rng(0).standard_normal((16, width))
    written = Net.of(Layer(name, kind)(tensor("z", (None, width))))(params, rows)[:, columns:]
    expected = step * np.reshape(learner.predict(rows[:, : len(first)]), written.shape)
    if np.max(np.abs(written - expected)) > 1e-6 * np.max(np.abs(expected)) + 1e-9:
        raise not_dense(learner)
    return kind, params


def dense_form(learner: Any) -> tuple[list[Affine], str]:
    """The affine maps of a learner, and the activation between them; an error for a learner of another form."""
    if all(hasattr(learner, name) for name in ("coefs_", "intercepts_", "activation")):
        maps, activation = list(zip(learner.coefs_, learner.intercepts_, strict=True)), learner.activation
    elif all(hasattr(learner, name) for name in ("coef_", "intercept_")):
        weights = np.atleast_2d(learner.coef_).T
        maps, activation = [(weights, np.broadcast_to(learner.intercept_, weights.shape[1:]).copy())], "identity"
    else:
        raise not_dense(learner)
    if activation not in ACTIVATIONS:
        raise not_dense(learner)
    return [(np.asarray(weights, dtype=float), np.asarray(bias, dtype=float)) for weights, bias in maps], activation


def not_dense(learner: object) -> InvalidType:
    return InvalidType(
        f"{type(learner).__name__} is not differentiable, or has no known form, so its layers cannot be trained end to "
        "end (linear models, as Ridge, and MLPRegressor can; others are fitted stage by stage)"
    )
