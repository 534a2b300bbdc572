"""ONNX's products, reductions and norms as nodes, one row each."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives import (
    Primitive,
    dot,
    embed,
    group_norm,
    layer_norm,
    logsumexp,
    reduce_max,
    reduce_mean,
    reduce_sum,
    softmax,
    swap,
)
from symfold.errors import NoRule
from symfold.exchange.onnx.reading.arrangement import axes_given, rank_of
from symfold.exchange.onnx.reading.elementwise import Operation, Row, tall
from symfold.exchange.onnx.reading.values import Value
from symfold.exchange.reading.arrangement import reshaped
from symfold.exchange.reading.einsum import sum_of_products
from symfold.exchange.reading.functions import HALF, apply
from symfold.exchange.reading.reductions import first_place, product_over


def _gemm(op: Operation, a: Value, b: Value, c: Value | None = None) -> Node:
    left = swap(a.node) if op.get("transA", 0) else a.node
    right = swap(b.node) if op.get("transB", 0) else b.node
    product = dot(left, right)
    alpha, beta = float(op.get("alpha", 1.0)), float(op.get("beta", 1.0))
    product = product if alpha == 1 else product * alpha
    return product if c is None else product + (c.node if beta == 1 else c.node * beta)


# -- reductions


def reduced(row: Primitive, sign: int = 1) -> Row:
    def reduce(op: Operation, value: Value, given: Value | None = None) -> Node:
        axes = axes_given(op, given, rank_of(value))
        if not axes and op.get("noop_with_empty_axes", 0):
            return value.node
        keep = bool(op.get("keepdims", 1))
        rank = rank_of(value)
        along = tuple(sorted(axes)) if axes else tuple(range(rank))
        if not rank:
            return value.node
        result = row(value.node if sign > 0 else -value.node, axis=along, keepdims=keep)
        return result if sign > 0 else -result

    return reduce


def _of_powers(power: int, root: bool) -> Row:
    """Sums of absolute values or squares, and their roots."""
    inner = reduced(reduce_sum)

    def row(op: Operation, value: Value, given: Value | None = None) -> Node:
        entries = apply(sp.Abs, value.node) if power == 1 else value.node**2
        result: Node = inner(op, Value("real", entries), given)
        return result**HALF if root else result

    return row


def _product(op: Operation, value: Value, given: Value | None = None) -> Any:
    rank = rank_of(value)
    axes = axes_given(op, given, rank) or list(range(rank))
    result = product_over(value.node, axes)
    kept = tuple(1 if k in axes else size for k, size in enumerate(value.shape))
    return reshaped(result, kept) if op.get("keepdims", 1) else result


def _place(sign: int) -> Row:
    def row(op: Operation, value: Value) -> Value:
        if op.get("select_last_index", 0):
            raise NoRule("the last of equal positions has no rule")
        keep = bool(op.get("keepdims", 1))
        return Value("whole", first_place(value.node if sign > 0 else -value.node, int(op.get("axis", 0)), keep))

    return row


# -- norms


def _softmax(op: Operation, value: Value) -> Node:
    return softmax(value.node, axis=(int(op.get("axis", -1)),))


def _log_softmax(op: Operation, value: Value) -> Node:
    return value.node - logsumexp(value.node, axis=(int(op.get("axis", -1)),), keepdims=True)


def _batch_norm(op: Operation, x: Value, scale: Value, bias: Value, mean: Value, variance: Value) -> Node:
    if op.get("training_mode", 0):
        raise NoRule("BatchNormalization in training mode has no rule (export the model for inference)")
    rank = max(rank_of(x) - 2, 0)
    deviation = (tall(variance.node, rank) + float(op.get("epsilon", 1e-5))) ** HALF
    return (x.node - tall(mean.node, rank)) / deviation * tall(scale.node, rank) + tall(bias.node, rank)


def _layer_norm(op: Operation, x: Value, scale: Value, bias: Value | None = None) -> Node:
    if op.results > 1:
        raise NoRule("the statistics of LayerNormalization have no rule")
    rank = rank_of(x)
    axes = tuple(range(int(op.get("axis", -1)) % rank - rank, 0))
    scales = (scale.node,) if bias is None else (scale.node, bias.node)
    return layer_norm(x.node, *scales, axes=axes, epsilon=float(op.get("epsilon", 1e-5)))


def _rms_norm(op: Operation, x: Value, scale: Value) -> Node:
    rank = rank_of(x)
    axes = tuple(range(int(op.get("axis", -1)) % rank - rank, 0))
    mean = reduce_mean(x.node**2, axis=axes, keepdims=True)
    return x.node / (mean + float(op.get("epsilon", 1e-5))) ** HALF * scale.node


def _instance_norm(op: Operation, x: Value, scale: Value, bias: Value) -> Node:
    rank = rank_of(x) - 2
    axes = tuple(range(-rank, 0))
    result = layer_norm(x.node, axes=axes, epsilon=float(op.get("epsilon", 1e-5)))
    return result * tall(scale.node, rank) + tall(bias.node, rank)


def _group_norm(op: Operation, x: Value, scale: Value, bias: Value) -> Node:
    groups, rank = int(op.get("num_groups", 1)), rank_of(x) - 2
    plain = group_norm(x.node, groups=groups, epsilon=float(op.get("epsilon", 1e-5)))
    scales = [value.node for value in (scale, bias)]
    if op.opset < 21:  # one number per group
        each = int(x.shape[1]) // groups
        index = np.repeat(np.arange(groups), each)
        scales = [embed(value, as_node(index)) for value in scales]
    return plain * tall(scales[0], rank) + tall(scales[1], rank)


def _einsum(op: Operation, *values: Value) -> Node:
    return sum_of_products(op.get("equation").decode(), [value.node for value in values])


LAYERS: dict[str, Row] = {
    "MatMul": lambda op, a, b: dot(a.node, b.node), "Gemm": _gemm, "Einsum": _einsum,
    "ReduceSum": reduced(reduce_sum), "ReduceMean": reduced(reduce_mean), "ReduceMax": reduced(reduce_max),
    "ReduceMin": reduced(reduce_max, -1), "ReduceLogSumExp": reduced(logsumexp), "ReduceProd": _product,
    "ReduceL1": _of_powers(1, False), "ReduceL2": _of_powers(2, True), "ReduceSumSquare": _of_powers(2, False),
    "ArgMax": _place(1), "ArgMin": _place(-1), "Softmax": _softmax, "LogSoftmax": _log_softmax,
    "BatchNormalization": _batch_norm, "LayerNormalization": _layer_norm, "RMSNormalization": _rms_norm,
    "InstanceNormalization": _instance_norm, "GroupNormalization": _group_norm,
}  # fmt: skip
