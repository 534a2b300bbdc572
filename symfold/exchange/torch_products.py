"""PyTorch's reductions, products, norms and attention as nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symfold.exchange.torch_rows import HALF, LOW, Row, covered
from symfold.lifting import lift
from symfold.nodes import Node
from symfold.operations import Constant, FrozenArray
from symfold.primitives import broadcast_to, dot, embed, reduce_mean, reduce_sum, reshape, softmax, swap


def reduction(row: Any) -> Row:
    def reduce(shape: Any, a: Node, axis: Any = None, keepdim: bool = False, dtype: Any = None) -> Node:
        axes = tuple(axis) if isinstance(axis, (list, tuple)) else None if axis is None else (axis,)
        return row(a, axis=axes or None, keepdims=keepdim)

    return reduce


def _softmax(shape: Any, a: Node, axis: int, *given: Any, **named: Any) -> Node:
    return softmax(a, axis=(axis,))


def _linear(shape: Any, x: Node, weight: Node, bias: Node | None = None) -> Node:
    product = dot(x, swap(weight))
    return product if bias is None else product + bias


def _addmm(shape: Any, bias: Node, x: Node, weight: Node, beta: Any = 1, alpha: Any = 1) -> Node:
    covered(beta == 1 and alpha == 1, f"addmm with beta={beta} and alpha={alpha}")
    return dot(x, weight) + bias


def _baddbmm(shape: Any, added: Node, x: Node, y: Node, beta: Any = 1, alpha: Any = 1) -> Node:
    product = dot(x, y) if alpha == 1 else dot(x, y) * alpha
    return product + (added if beta == 1 else added * beta)


def _embedding(shape: Any, table: Node, numbers: Node, *given: Any, **named: Any) -> Node:
    return embed(table, numbers)


def _layer_norm(shape: Any, x: Node, sizes: Sequence[int], weight: Node | None = None, bias: Node | None = None, eps: float = 1e-5, *given: Any) -> Node:
    axes = tuple(range(-len(sizes), 0))
    centred = x - reduce_mean(x, axis=axes, keepdims=True)
    variance = reduce_mean(centred * centred, axis=axes, keepdims=True)
    return _scaled(centred * (variance + eps) ** -HALF, weight, bias)


def _rms_norm(shape: Any, x: Node, sizes: Sequence[int], weight: Node | None = None, eps: float | None = None) -> Node:
    covered(eps is not None, "rms_norm without eps")
    return _scaled(x * (reduce_mean(x * x, axis=tuple(range(-len(sizes), 0)), keepdims=True) + eps) ** -HALF, weight, None)


def _scaled(x: Node, weight: Node | None, bias: Node | None) -> Node:
    scaled = x if weight is None else x * weight
    return scaled if bias is None else scaled + bias


def _batch_norm(shape: Any, x: Node, weight: Any, bias: Any, mean: Any, variance: Any, training: bool, momentum: float, eps: float, *given: Any) -> Node:
    covered(not training and mean is not None, "batch_norm that takes its statistics from the batch (call .eval() on the module first)")
    tall = (x.shape[1], *(1,) * (len(x.shape) - 2))
    mean, variance, weight, bias = (one if one is None else reshape(one, shape=tall) for one in (mean, variance, weight, bias))
    return _scaled((x - mean) * (variance + eps) ** -HALF, weight, bias)


def _batch_norm_evaluated(shape: Any, x: Node, weight: Any, bias: Any, mean: Any, variance: Any, momentum: float, eps: float) -> tuple[Node, ...]:
    none = lift(np.zeros(0))
    return _batch_norm(shape, x, weight, bias, mean, variance, False, momentum, eps), none, none


def shares(scores: Node, mask: Node | None) -> Node:
    """The softmax of scores with a mask: added if it is one of numbers, and if it is one of truth values, low where it says false.

    A mask that is known may rule a whole row out: PyTorch gives it nothing of any entry, and so it is here.
    """
    known = mask is not None and isinstance(mask.op, Constant) and isinstance(mask.op.value, FrozenArray)
    if mask is None or not known:
        return softmax(scores if mask is None else scores + mask, axis=(-1,))
    given = mask.op.value.array
    allowed = given if given.dtype.kind == "b" else given > -np.inf
    if allowed.all():
        return softmax(scores if given.dtype.kind == "b" else scores + mask, axis=(-1,))
    found = softmax(scores + lift(np.where(allowed, 0.0 if given.dtype.kind == "b" else given, LOW)), axis=(-1,))
    some = allowed.any(axis=-1, keepdims=True)
    return found if some.all() else found * lift(some.astype(float))


def _attention(shape: Any, q: Node, k: Node, v: Node, mask: Any = None, dropout: float = 0.0, causal: bool = False,
               scale: float | None = None, enable_gqa: bool = False) -> Node:  # fmt: skip
    covered(dropout == 0.0, "attention with dropout (call .eval() on the module first)")
    if enable_gqa:
        k, v = (_repeated(one, q.shape[-3]) for one in (k, v))
    scores = dot(q, swap(k)) * (q.shape[-1] ** -0.5 if scale is None else scale)
    return dot(shares(scores, lift(np.tri(q.shape[-2], k.shape[-2], dtype=bool)) if causal else mask), v)


def _repeated(a: Node, heads: int) -> Node:
    """Every head as often as makes so many of them."""
    *lead, own, rows, width = a.shape
    wide = broadcast_to(reshape(a, shape=(*lead, own, 1, rows, width)), shape=(*lead, own, heads // own, rows, width))
    return reshape(wide, shape=(*lead, heads, rows, width))


PRODUCTS: dict[str, Row] = {
    "sum": reduction(reduce_sum), "mean": reduction(reduce_mean),
    "softmax": _softmax, "_softmax": _softmax,
    "matmul": lambda shape, a, b: dot(a, b), "mm": lambda shape, a, b: dot(a, b), "bmm": lambda shape, a, b: dot(a, b),
    "linear": _linear, "addmm": _addmm, "baddbmm": _baddbmm, "embedding": _embedding,
    "layer_norm": _layer_norm, "rms_norm": _rms_norm, "batch_norm": _batch_norm, "scaled_dot_product_attention": _attention,
    "_native_batch_norm_legit_no_training": _batch_norm_evaluated,
}  # fmt: skip
