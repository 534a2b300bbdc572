"""PyTorch's losses as nodes."""

from __future__ import annotations

from math import pi, prod
from typing import Any

import sympy as sp

from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives import (
    cumulative_sum,
    expand,
    logsumexp,
    norm,
    one_hot,
    permute,
    reduce_max,
    reduce_mean,
    reduce_sum,
)
from symfold.core.shapes import Shape
from symfold.exchange.pytorch.choice import axes_of
from symfold.exchange.pytorch.rows import Row
from symfold.exchange.reading.functions import HALF, apply, choose, clamp

MEAN = 1


def reduced(value: Node, reduction: int) -> Node:
    """A loss per entry, its mean or its sum: 0, 1, 2 in PyTorch."""
    if reduction == 0:
        return value
    row = reduce_mean if reduction == MEAN else reduce_sum
    return row(value, axis=None, keepdims=False) if value.shape else value


def _relu(a: Node) -> Node:
    return Node(functions.relu, (a,))


def _log(a: Node) -> Node:
    return Node(sp.log, (a,))


def _exp(a: Node) -> Node:
    return Node(sp.exp, (a,))


def _abs(a: Node) -> Node:
    return Node(sp.Abs, (a,))


def xlogy(a: Node, b: Node) -> Node:
    """`a * log(b)`, 0 if `a` is 0."""
    return choose(apply(functions.equal, a, 0), 0, a * _log(b))


def _weighted(value: Node, weight: Node | None) -> Node:
    return value if weight is None else value * weight


# -- losses per entry


def _smooth_l1(shape: Shape, x: Node, y: Node, reduction: int = MEAN, beta: float = 1.0) -> Node:
    distance = _abs(x - y)
    if beta == 0:
        return reduced(distance, reduction)
    inside = distance * distance * (0.5 / beta)
    return reduced(choose(apply(functions.less, distance, beta), inside, distance - 0.5 * beta), reduction)


def _huber(shape: Shape, x: Node, y: Node, reduction: int = MEAN, delta: float = 1.0) -> Node:
    distance = _abs(x - y)
    beyond = (distance - 0.5 * delta) * delta
    return reduced(choose(apply(functions.less_equal, distance, delta), distance * distance * HALF, beyond), reduction)


def _cross_entropy_of_truths(shape: Shape, x: Node, y: Node, weight: Node | None = None, reduction: int = MEAN) -> Node:
    """Binary cross-entropy of probabilities; PyTorch bounds the logarithms by -100."""
    logs = (clamp(_log(x), -100), clamp(Node(functions.log1p, (-x,)), -100))
    return reduced(_weighted((y - 1) * logs[1] - y * logs[0], weight), reduction)


def _cross_entropy_of_logits(
    shape: Shape,
    x: Node,
    y: Node,
    weight: Node | None = None,
    pos_weight: Node | None = None,
    reduction: int = MEAN,
) -> Node:
    softplus = Node(functions.softplus, (-x,))
    scaled = softplus if pos_weight is None else ((pos_weight - 1) * y + 1) * softplus
    return reduced(_weighted((1 - y) * x + scaled, weight), reduction)


def _kl_divergence(shape: Shape, x: Node, y: Node, reduction: int = MEAN, log_target: bool = False) -> Node:
    return reduced(_exp(y) * (y - x) if log_target else xlogy(y, y) - y * x, reduction)


def _poisson(shape: Shape, x: Node, y: Node, log_input: bool, full: bool, eps: float, reduction: int = MEAN) -> Node:
    loss = _exp(x) - y * x if log_input else x - y * _log(x + eps)
    if full:
        stirling = y * _log(y) - y + _log(y * (2 * pi)) * HALF
        loss = loss + choose(apply(functions.greater, y, 1), stirling, 0)
    return reduced(loss, reduction)


def _soft_margin(shape: Shape, x: Node, y: Node, reduction: int = MEAN) -> Node:
    return reduced(Node(functions.softplus, (-y * x,)), reduction)


def _hinge_embedding(shape: Shape, x: Node, y: Node, margin: float = 1.0, reduction: int = MEAN) -> Node:
    apart = choose(apply(functions.equal, y, 1), 0, clamp(margin - x, 0))
    return reduced(apart + choose(apply(functions.equal, y, -1), 0, x), reduction)


def _margin_ranking(shape: Shape, a: Node, b: Node, y: Node, margin: float = 0.0, reduction: int = MEAN) -> Node:
    return reduced(clamp(-y * (a - b) + margin, 0), reduction)


def _cosine_embedding(shape: Shape, a: Node, b: Node, y: Node, margin: float = 0.0, reduction: int = MEAN) -> Node:
    def dots(u: Node, v: Node) -> Node:
        return reduce_sum(u * v, axis=(-1,), keepdims=False)

    epsilon = 1e-12
    cosine = dots(a, b) / ((dots(a, a) + epsilon) * (dots(b, b) + epsilon)) ** HALF
    alike = choose(apply(functions.equal, y, 1), 1 - cosine, 0)
    return reduced(alike + choose(apply(functions.equal, y, -1), clamp(cosine - margin, 0), 0), reduction)


def distance(a: Node, b: Node, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Node:
    """The norm of a difference along the last axis."""
    return p_norm(a - b + eps, p, (-1,), keepdim)


def p_norm(a: Node, p: float, axis: tuple[int, ...] | None, keepdims: bool) -> Node:
    """The norm of order `p`; with slope 0 where it is 0."""
    if p == 1:
        return reduce_sum(_abs(a), axis=axis, keepdims=keepdims)
    if p == 0:
        return reduce_sum(apply(functions.not_equal, a, 0), axis=axis, keepdims=keepdims)
    if p in (float("inf"), -float("inf")):
        sign = 1 if p > 0 else -1
        return reduce_max(_abs(a) * sign, axis=axis, keepdims=keepdims) * sign
    if p == 2:
        return norm(a, axis=axis, keepdims=keepdims)
    order = int(p) if float(p).is_integer() else p
    total = reduce_sum(_abs(a) ** order, axis=axis, keepdims=keepdims)
    return choose(
        apply(functions.equal, total, 0),
        0,
        total ** (sp.Rational(1, order) if isinstance(order, int) else 1 / order),
    )


def _triplet(
    shape: Shape,
    anchor: Node,
    positive: Node,
    negative: Node,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = MEAN,
) -> Node:
    near, far = distance(anchor, positive, p, eps), distance(anchor, negative, p, eps)
    if swap:
        far = Node(sp.Min, (far, distance(positive, negative, p, eps)))
    return reduced(clamp(margin + near - far, 0), reduction)


# -- losses of classes


def _classes_last(x: Node) -> Node:
    """Scores with the classes, axis 1, as the last axis."""
    return x if len(x.shape) < 3 else permute(x, axes=(-len(x.shape), *range(2 - len(x.shape), 0), 1 - len(x.shape)))


def _picked(logs: Node, labels: Node, weight: Node | None, reduction: int, ignored: int) -> Node:
    """Minus the scores of the labels, weighted; the mean is over the weights of labels that are not ignored."""
    kept = apply(functions.not_equal, labels, ignored)
    marks = one_hot(choose(kept, labels, 0), count=logs.shape[-1])
    weights = kept if weight is None else kept * reduce_sum(marks * weight, axis=(-1,), keepdims=False)
    picked = reduce_sum(choose(marks, logs, 0), axis=(-1,), keepdims=False)
    loss = choose(kept, -picked * weights, 0)
    if reduction != MEAN:
        return reduced(loss, reduction)
    return reduced(loss, 2) / reduced(weights, 2)


def _negative_log_likelihood(
    shape: Shape, x: Node, labels: Node, weight: Node | None = None, reduction: int = MEAN, ignored: int = -100
) -> Node:
    return _picked(_classes_last(x), labels, weight, reduction, ignored)


def _with_total(shape: Any, *args: Any, **named: Any) -> tuple[Node, Node]:
    return _negative_log_likelihood((), *args, **named), as_node(0)


def _cross_entropy(
    shape: Shape,
    x: Node,
    target: Node,
    weight: Node | None = None,
    reduction: int = MEAN,
    ignored: int = -100,
    smoothing: float = 0.0,
) -> Node:
    scores = _classes_last(x)
    count = scores.shape[-1]
    logs = scores - logsumexp(scores, axis=(-1,), keepdims=True)
    if target.shape == x.shape:  # probabilities
        shares = _classes_last(target)
        shares = shares if not smoothing else shares * (1 - smoothing) + smoothing / count
        loss = -reduce_sum(_weighted(logs * shares, weight), axis=(-1,), keepdims=False)
        samples = prod(loss.shape)
        return reduced(loss, 2) / samples if reduction == MEAN else reduced(loss, reduction)
    picked = _picked(logs, target, weight, reduction, ignored)
    if not smoothing:
        return picked
    kept = apply(functions.not_equal, target, ignored)
    even = choose(kept, -reduce_sum(_weighted(logs, weight), axis=(-1,), keepdims=False), 0)
    if reduction == MEAN:
        marks = one_hot(choose(kept, target, 0), count=count)
        weights = kept if weight is None else kept * reduce_sum(marks * weight, axis=(-1,), keepdims=False)
        spread = reduced(even, 2) / reduced(weights, 2)
    else:
        spread = reduced(even, reduction)
    return picked * (1 - smoothing) + spread * (smoothing / count)


def _multi_margin(
    shape: Shape,
    x: Node,
    labels: Node,
    p: float = 1,
    margin: float = 1,
    weight: Node | None = None,
    reduction: int = MEAN,
) -> Node:
    marks = one_hot(labels, count=x.shape[-1])
    own = reduce_sum(marks * x, axis=(-1,), keepdims=True)
    beyond = _relu(margin - own + x)
    power = beyond if p == 1 else beyond**2
    if weight is not None:
        power = power * reduce_sum(marks * weight, axis=(-1,), keepdims=True)
    return reduced(reduce_mean((1 - marks) * power, axis=(-1,), keepdims=False), reduction)


def _multilabel_margin(shape: Shape, x: Node, labels: Node, reduction: int = MEAN) -> Node:
    """The labels of each row are those before the first negative one."""
    ended = cumulative_sum(apply(functions.less, labels, 0), axis=-1, backward=False)
    valid = apply(functions.equal, ended, 0)
    marks = one_hot(choose(valid, labels, 0), count=x.shape[-1]) * expand(valid, axis=-1)
    own = reduce_sum(marks * expand(x, axis=-2), axis=(-1,), keepdims=False)
    others = 1 - clamp(reduce_sum(marks, axis=(-2,), keepdims=True), None, 1)
    beyond = _relu(1 - expand(own, axis=-1) + expand(x, axis=-2))
    total = reduce_sum(expand(valid, axis=-1) * others * beyond, axis=(-2, -1), keepdims=False)
    return reduced(total / x.shape[-1], reduction)


def binary(function: Any) -> Row:
    """The row of a loss per entry of a prediction and a target."""
    return lambda shape, x, y, reduction=MEAN: reduced(function(x, y), reduction)


LOSSES: dict[str, Row] = {
    "mse_loss": binary(lambda x, y: (x - y) ** 2), "l1_loss": binary(lambda x, y: _abs(x - y)),
    "smooth_l1_loss": _smooth_l1, "huber_loss": _huber, "soft_margin_loss": _soft_margin, "hinge_embedding_loss": _hinge_embedding,
    "binary_cross_entropy": _cross_entropy_of_truths, "binary_cross_entropy_with_logits": _cross_entropy_of_logits, "kl_div": _kl_divergence,
    "poisson_nll_loss": _poisson, "margin_ranking_loss": _margin_ranking, "cosine_embedding_loss": _cosine_embedding, "triplet_margin_loss": _triplet,
    "nll_loss": _negative_log_likelihood, "nll_loss2d": _negative_log_likelihood, "nll_loss_nd": _negative_log_likelihood,
    "nll_loss_forward": _with_total, "nll_loss2d_forward": _with_total, "cross_entropy_loss": _cross_entropy,
    "multi_margin_loss": _multi_margin, "multilabel_margin_loss": _multilabel_margin,
    "pairwise_distance": lambda shape, a, b, p=2.0, eps=1e-6, keepdim=False: distance(a, b, p, eps, keepdim),
    "linalg_vector_norm": lambda shape, a, p=2.0, axis=None, keepdim=False, dtype=None: p_norm(a, p, axes_of(axis), keepdim),
    "xlogy": lambda shape, a, b: xlogy(as_node(a), as_node(b)),
}  # fmt: skip
