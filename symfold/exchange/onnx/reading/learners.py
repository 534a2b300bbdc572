"""Operations of the domain ai.onnx.ml as nodes: scalers and linear models, as scikit-learn exports them."""

from __future__ import annotations

from typing import Any

import numpy as np

from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives import dot, norm, reshape, softmax
from symfold.errors import NoRule
from symfold.exchange.onnx.reading.arrangement import total
from symfold.exchange.onnx.reading.elementwise import Operation, Row
from symfold.exchange.onnx.reading.values import Value
from symfold.exchange.reading.functions import apply
from symfold.exchange.reading.indexing import index_select
from symfold.exchange.reading.reductions import first_place


def _numbers(op: Operation, name: str) -> Any:
    return np.asarray(op.get(name) or [0.0], dtype=np.float64)


def _scaler(op: Operation, x: Value) -> Node:
    return (x.node - as_node(_numbers(op, "offset"))) * as_node(_numbers(op, "scale"))


def _scores(op: Operation, x: Value, rows: int) -> Node:
    coefficients = _numbers(op, "coefficients").reshape(rows, -1)
    return dot(x.node, as_node(coefficients.T.copy())) + as_node(_numbers(op, "intercepts"))


def _transformed(op: Operation, scores: Node) -> Node:
    after = op.get("post_transform", b"NONE").decode()
    if after == "SOFTMAX":
        return softmax(scores, axis=(-1,))
    if after == "LOGISTIC":
        return apply(functions.sigmoid, scores)
    if after != "NONE":
        raise NoRule(f"{op.kind} with post_transform={after} has no rule")
    return scores


def _linear_regressor(op: Operation, x: Value) -> Node:
    return _transformed(op, _scores(op, x, int(op.get("targets", 1))))


def _linear_classifier(op: Operation, x: Value) -> tuple[Value, Value]:
    """The label of the largest score, a whole number, and the scores."""
    labels = op.get("classlabels_ints")
    rows = len(_numbers(op, "intercepts"))
    if not labels or rows != len(labels):
        raise NoRule("LinearClassifier with labels that are text, or with one score for two labels, has no rule")
    scores = _scores(op, x, rows)
    place = first_place(scores, 1)
    plain = list(labels) == list(range(rows))
    label = place if plain else index_select(as_node(np.asarray(labels)), 0, place)
    return Value("whole", label), Value("real", _transformed(op, scores))


def _normalizer(op: Operation, x: Value) -> Node:
    kind = op.get("norm", b"MAX").decode()
    if kind == "L2":
        return x.node / norm(x.node, axis=(-1,), keepdims=True)
    raise NoRule(f"Normalizer with norm={kind} has no rule")


def _features(op: Operation, x: Value, positions: Value) -> Value:
    """Entries along the last axis, the same for all samples; of a vector, as a matrix of one row."""
    places = positions.node
    flat = places if len(places.shape) == 1 else reshape(places, shape=(total(places.shape),))
    result = index_select(x.node, -1, flat)
    return Value(x.kind, result if len(result.shape) > 1 else reshape(result, shape=(1, *result.shape)))


LEARNERS: dict[str, Row] = {
    "Scaler": _scaler,
    "LinearRegressor": _linear_regressor,
    "LinearClassifier": _linear_classifier,
    "Normalizer": _normalizer,
    "ArrayFeatureExtractor": _features,
}
