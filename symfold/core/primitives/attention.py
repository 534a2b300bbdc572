"""Attention, layer norm and group norm, one primitive each; their bodies are sums and products."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symfold.core.arrays import Array, Namespace
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives.arrangement import reshape
from symfold.core.primitives.masks import causal as causal_mask
from symfold.core.primitives.masks import causal_of
from symfold.core.primitives.products import dot, swap
from symfold.core.primitives.reductions import reduce_mean, safe_softmax, safe_softmax_of, softmax
from symfold.core.primitives.table import Primitive, primitive
from symfold.core.shapes import ANY, Shape, broadcast, is_known, show
from symfold.errors import ShapeError

# -- attention: softmax(q k^T * scale + bias) v


def _attended(q: Shape, k: Shape, v: Shape, *bias: Shape, scale: float, causal: bool) -> Shape:
    if not all(map(is_known, (q, k, v))):
        return ANY
    if min(map(len, (q, k, v))) < 2 or not broadcast(q[-1:], k[-1:]) or not broadcast(k[-2:-1], v[-2:-1]):
        raise ShapeError(
            f"attention takes q (..., rows, width), k (..., columns, width), v (..., columns, any), "
            f"got {', '.join(map(show, (q, k, v)))}"
        )
    leading = broadcast(q[:-2], k[:-2], v[:-2], *(shape[:-2] for shape in bias if is_known(shape)))
    if leading is None:
        raise ShapeError(
            f"attention over {', '.join(map(show, (q, k, v, *bias)))}: their leading axes do not broadcast"
        )
    return (*leading, q[-2], v[-1])


def _attention_body(q: Node, k: Node, v: Node, *bias: Node, scale: float, causal: bool) -> Node:
    scores = dot(q, swap(k)) * number(scale)
    if causal:
        scores = scores + causal_mask(scores)
    if bias:
        return dot(safe_softmax(scores + bias[0], axis=(-1,)), v)
    return dot(softmax(scores, axis=(-1,)), v)


def _attend(xp: Namespace, q: Array, k: Array, v: Array, *bias: Array, scale: float, causal: bool) -> Array:
    scores = xp.matmul(q, xp.swapaxes(k, -1, -2)) * float(scale)
    if causal:
        scores = scores + causal_of(xp, scores)
    return xp.matmul(safe_softmax_of(xp, scores + bias[0] if bias else scores, axis=(-1,)), v)


# scaled dot-product attention (Vaswani et al. 2017); the bias is added to the scores, 0 or -inf for a mask; a row whose
# scores are all masked gives 0
attention: Primitive = primitive(
    "attention",
    _attended,
    _attend,
    linear=(2,),
    body=_attention_body,
    examples=(
        (((2, 3, 4), (2, 5, 4), (2, 5, 6)), {"scale": 0.5, "causal": False}),
        (((3, 4), (3, 4), (3, 2)), {"scale": 0.5, "causal": True}),
        (((2, 3, 4), (2, 5, 4), (2, 5, 6), (3, 5)), {"scale": 0.5, "causal": False}),
    ),
)

# -- layer norm: mean 0 and variance 1 along axes, then a gain and a shift


def _normed(x: Shape, *scales: Shape, axes: tuple[int, ...], epsilon: float) -> Shape:
    return broadcast(x, *scales) or x if all(map(is_known, (x, *scales))) else ANY


def _layer_norm_body(x: Node, *scales: Node, axes: tuple[int, ...], epsilon: float) -> Node:
    centered = x - reduce_mean(x, axis=axes, keepdims=True)
    variance = reduce_mean(centered**2, axis=axes, keepdims=True)
    result = centered * (variance + number(epsilon)) ** sp.Rational(-1, 2)
    for head, scale in zip((sp.Mul, sp.Add), scales, strict=False):
        result = Node(head, (result, scale))
    return result


def _norm(xp: Namespace, x: object, *scales: object, axes: tuple[int, ...], epsilon: float) -> Any:
    centered = x - xp.mean(x, axis=axes, keepdims=True)
    result = centered / xp.sqrt(xp.mean(centered**2, axis=axes, keepdims=True) + float(epsilon))
    result = result * scales[0] if scales else result
    return result + scales[1] if len(scales) > 1 else result


# layer norm (Ba et al. 2016), with a gain and a shift, a gain only, or neither
layer_norm: Primitive = primitive(
    "layer_norm",
    _normed,
    _norm,
    linear=(1, 2),
    body=_layer_norm_body,
    examples=(
        (((2, 5), (5,), (5,)), {"axes": (-1,), "epsilon": 1e-5}),
        (((2, 3, 4),), {"axes": (-2, -1), "epsilon": 1e-5}),
    ),
)

# -- group norm: layer norm of each group of channels (axis 1) and all axes after it


def _grouped(x: Shape, *scales: Shape, groups: int, epsilon: float) -> Shape:
    if is_known(x) and (len(x) < 2 or (isinstance(x[1], int) and x[1] % groups)):
        raise ShapeError(f"{groups} groups do not divide the channels of {show(x)} (axis 1)")
    return x


def _group_norm_body(x: Node, *scales: Node, groups: int, epsilon: float) -> Node:
    samples, channels, *rest = x.shape
    parts = reshape(x, shape=(samples, groups, channels // groups, *rest))
    normed = layer_norm(parts, axes=tuple(range(-len(rest) - 1, 0)), epsilon=epsilon)
    result = reshape(normed, shape=x.shape)
    for head, scale in zip((sp.Mul, sp.Add), scales, strict=False):
        result = Node(head, (result, reshape(scale, shape=(channels, *(1,) * len(rest)))))
    return result


def _group_norm(xp: Namespace, x: Array, *scales: Array, groups: int, epsilon: float) -> Any:
    samples, channels, *rest = x.shape
    parts = xp.reshape(x, (samples, groups, channels // groups, *rest))
    normed = _norm(xp, parts, axes=tuple(range(-len(rest) - 1, 0)), epsilon=epsilon)
    tall = [xp.reshape(scale, (channels, *(1,) * len(rest))) for scale in scales]
    result = xp.reshape(normed, x.shape)
    result = result * tall[0] if tall else result
    return result + tall[1] if len(tall) > 1 else result


# group norm (Wu & He 2018), with a gain and a shift per channel, a gain only, or neither; instance norm has a group per
# channel
group_norm: Primitive = primitive(
    "group_norm",
    _grouped,
    _group_norm,
    linear=(1, 2),
    body=_group_norm_body,
    examples=((((2, 4, 3), (4,), (4,)), {"groups": 2, "epsilon": 1e-5}),),
)
