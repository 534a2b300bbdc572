"""PyTorch's reductions, products, norms and attention as nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symfold.core.conversion import as_node
from symfold.core.leaves import Constant, FrozenArray
from symfold.core.nodes import Node
from symfold.core.primitives import (
    Primitive,
    attention,
    broadcast_to,
    dot,
    embed,
    layer_norm,
    logsumexp,
    reduce_mean,
    reduce_sum,
    reshape,
    softmax,
    swap,
)
from symfold.core.shapes import Shape
from symfold.exchange.pytorch.choice import axes_of, choose
from symfold.exchange.pytorch.rows import HALF, Row, covered, evaluated


def reduction(row: Primitive) -> Row:
    def reduce(
        shape: Shape, a: Node, axis: int | Sequence[int] | None = None, keepdim: bool = False, dtype: object = None
    ) -> Node:
        return row(a, axis=axes_of(axis), keepdims=keepdim)

    return reduce


def _softmax(shape: Shape, a: Node, axis: int, *given: object, **named: object) -> Node:
    return softmax(a, axis=(axis,))


def _log_softmax(shape: Shape, a: Node, axis: int, *given: object, **named: object) -> Node:
    return a - logsumexp(a, axis=(axis,), keepdims=True)


def _linear(shape: Shape, x: Node, weight: Node, bias: Node | None = None) -> Node:
    product = dot(x, swap(weight))
    return product if bias is None else product + bias


def _addmm(shape: Shape, bias: Node, x: Node, weight: Node, beta: float = 1, alpha: float = 1) -> Node:
    covered(beta == 1 and alpha == 1, f"addmm with beta={beta} and alpha={alpha}")
    return dot(x, weight) + bias


def _baddbmm(shape: Shape, added: Node, x: Node, y: Node, beta: float = 1, alpha: float = 1) -> Node:
    product = dot(x, y) if alpha == 1 else dot(x, y) * alpha
    return product + (added if beta == 1 else added * beta)


def _embedding(shape: Shape, table: Node, numbers: Node, *given: object, **named: object) -> Node:
    return embed(table, numbers)


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


def _rms_norm(
    shape: Shape, x: Node, sizes: Sequence[int], weight: Node | None = None, eps: float | None = None
) -> Node:
    covered(eps is not None, "rms_norm without eps")
    return _scaled(
        x * (reduce_mean(x * x, axis=tuple(range(-len(sizes), 0)), keepdims=True) + eps) ** -HALF, weight, None
    )


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
    evaluated(not training and mean is not None, "batch_norm takes its statistics from the batch")
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


def attention_row(truths: bool) -> Row:
    """Attention, with a mask of truth values (false: ignore) or of numbers, which are added to the scores."""

    def row(shape: Shape, q: Node, k: Node, v: Node, mask: Node | None = None, dropout: float = 0.0, causal: bool = False,
            scale: float | None = None, enable_gqa: bool = False) -> Node:  # fmt: skip
        evaluated(dropout == 0.0, "attention with dropout draws numbers")
        if enable_gqa:
            k, v = (_repeated(heads, q.shape[-3]) for heads in (k, v))
        bias = bias_of(mask) if truths and mask is not None else mask
        biases = () if bias is None else (bias,)
        return attention(q, k, v, *biases, scale=float(q.shape[-1] ** -0.5 if scale is None else scale), causal=causal)

    return row


def bias_of(mask: Node) -> Node | None:
    """The bias of a mask: 0 where it is true, -inf elsewhere; None if it is true everywhere."""
    if not (isinstance(mask.op, Constant) and isinstance(mask.op.value, FrozenArray)):
        return choose((), mask, 0, -sp.oo)
    truths = mask.op.value.array
    return None if truths.all() else as_node(np.where(truths, 0.0, -np.inf))


def _repeated(a: Node, heads: int) -> Node:
    """Heads repeated in groups, up to a number of heads."""
    *lead, groups, rows, width = a.shape
    expanded = reshape(a, shape=(*lead, groups, 1, rows, width))
    repeated = broadcast_to(expanded, shape=(*lead, groups, heads // groups, rows, width))
    return reshape(repeated, shape=(*lead, heads, rows, width))


PRODUCTS: dict[str, Row] = {
    "sum": reduction(reduce_sum), "mean": reduction(reduce_mean),
    "softmax": _softmax, "_softmax": _softmax, "log_softmax": _log_softmax, "_log_softmax": _log_softmax, "logsumexp": reduction(logsumexp),
    "matmul": lambda shape, a, b: dot(a, b), "mm": lambda shape, a, b: dot(a, b), "bmm": lambda shape, a, b: dot(a, b),
    "linear": _linear, "addmm": _addmm, "baddbmm": _baddbmm, "embedding": _embedding,
    "layer_norm": _layer_norm, "rms_norm": _rms_norm, "batch_norm": _batch_norm, "scaled_dot_product_attention": attention_row(truths=False),
    "_native_batch_norm_legit_no_training": _batch_norm_evaluated,
}  # fmt: skip

# with masks of truth values
MASKED: dict[str, Row] = {"scaled_dot_product_attention": attention_row(truths=True)}
