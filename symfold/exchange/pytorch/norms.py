"""PyTorch's norms as nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives import group_norm, layer_norm, reduce_mean, reshape
from symfold.core.shapes import Shape
from symfold.exchange.pytorch.rows import Row, evaluated
from symfold.exchange.reading.functions import HALF


def _layer_norm(
    shape: Shape,
    x: Node,
    sizes: Sequence[int],
    weight: Node | None = None,
    bias: Node | None = None,
    eps: float = 1e-5,
    *given: object,
) -> Node:
    scales = () if weight is None else (weight,) if bias is None else (weight, bias)
    result = layer_norm(x, *scales, axes=tuple(range(-len(sizes), 0)), epsilon=float(eps))
    return result + bias if weight is None and bias is not None else result


def rms_norm(dtype: str) -> Row:
    """An RMS norm; without an epsilon, the precision of its dtype."""

    def row(shape: Shape, x: Node, sizes: Sequence[int], weight: Node | None = None, eps: float | None = None) -> Node:
        epsilon = float(np.finfo(dtype).eps) if eps is None else eps
        mean = reduce_mean(x * x, axis=tuple(range(-len(sizes), 0)), keepdims=True)
        return _scaled(x * (mean + epsilon) ** -HALF, weight, None)

    return row


def _scaled(x: Node, weight: Node | None, bias: Node | None) -> Node:
    scaled = x if weight is None else x * weight
    return scaled if bias is None else scaled + bias


def _batch_norm(
    shape: Any,
    x: Node,
    weight: Any,
    bias: Any,
    mean: Any,
    variance: Any,
    training: bool,
    momentum: float,
    eps: float,
    *given: Any,
) -> Node:
    evaluated(not training or mean is None, "batch_norm takes its statistics from the batch")
    if mean is None:  # none are kept
        axes = (0, *range(2, len(x.shape)))
        mean = reduce_mean(x, axis=axes, keepdims=False)
        variance = reduce_mean((x - reduce_mean(x, axis=axes, keepdims=True)) ** 2, axis=axes, keepdims=False)
    tall = (x.shape[1], *(1,) * (len(x.shape) - 2))
    mean, variance, weight, bias = (
        value if value is None else reshape(value, shape=tall) for value in (mean, variance, weight, bias)
    )
    return _scaled((x - mean) * (variance + eps) ** -HALF, weight, bias)


def _batch_norm_evaluated(
    shape: Shape,
    x: Node,
    weight: Node | None,
    bias: Node | None,
    mean: Node | None,
    variance: Node | None,
    momentum: float,
    eps: float,
) -> tuple[Node, ...]:
    empty = as_node(np.zeros(0))
    return _batch_norm(shape, x, weight, bias, mean, variance, False, momentum, eps), empty, empty


def _group_norm(
    shape: Shape,
    x: Node,
    groups: int,
    weight: Node | None = None,
    bias: Node | None = None,
    eps: float = 1e-5,
    *given: object,
) -> Node:
    scales = () if weight is None else (weight,) if bias is None else (weight, bias)
    return group_norm(x, *scales, groups=groups, epsilon=float(eps))


def _instance_norm(
    shape: Shape,
    x: Node,
    weight: Node | None,
    bias: Node | None,
    mean: Node | None,
    variance: Node | None,
    by_input: bool,
    momentum: float,
    eps: float,
    *given: object,
) -> Node:
    if not by_input:
        return _batch_norm(shape, x, weight, bias, mean, variance, False, momentum, eps)
    return _group_norm(shape, x, x.shape[1], weight, bias, eps)


NORMS: dict[str, Row] = {
    "layer_norm": _layer_norm, "rms_norm": rms_norm("float64"), "batch_norm": _batch_norm, "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "_native_batch_norm_legit_no_training": _batch_norm_evaluated,
}  # fmt: skip
