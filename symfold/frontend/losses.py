"""Losses: a number from a prediction and a target. A new loss is one row.

`squared_error` is a sum, `l1` and `l2` are sums over parameters, and every other loss is a mean over all entries, as
with PyTorch's `reduction="mean"`. Targets out of range (counts below 0, truths outside 0 to 1) are refused when they
arrive as inputs. `mask` leaves entries out, and `weights` weights them: the mean is then the
weighted one, sum(w * e) / sum(w), and 0 if no entry has a weight. Both have one entry per sample, per sample and step,
...: their axes are the leading ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from symfold.base.arguments import array_of, quoted, real
from symfold.base.public import public
from symfold.base.trees import State
from symfold.core.conversion import as_node, wraps_node
from symfold.core.functions import less_equal, where
from symfold.core.leaves import Fixed, number
from symfold.core.names import Claims, names_of
from symfold.core.net import Net, members
from symfold.core.nodes import Node
from symfold.core.primitives import (
    alike,
    expand,
    guarded_product,
    logsumexp,
    one_hot,
    reduce_mean,
    reduce_sum,
    spread,
    within,
)
from symfold.core.shapes import differ, is_known, show
from symfold.core.stacked_inputs import Leaf
from symfold.errors import InvalidValue, ShapeError, no_name
from symfold.frontend.elementwise import exp, softplus

Rule = Callable[[Node, Node], Node]

# -- losses of values


@public
def squared_error(prediction: State, target: State) -> State:
    """The sum of the squares of target - prediction, over all entries.

    >>> import symfold as sf
    >>> loss = squared_error(sf.Net.of(sf.tensor("x")), sf.tensor("target"))
    >>> loss(x=[1.0, 2.0], target=[1.0, 4.0]).item()
    4.0
    """
    return loss_of(prediction, target, lambda y, t: reduce_sum((t - y) ** 2, axis=None, keepdims=False))


@public
def mean_squared_error(prediction: State, target: State, *, weights: object = None, mask: object = None) -> State:
    """The mean of the squares of target - prediction, over all entries; PyTorch's `MSELoss`.

    >>> import symfold as sf
    >>> loss = mean_squared_error(sf.Net.of(sf.tensor("x")), sf.tensor("target"))
    >>> loss(x=[1.0, 2.0], target=[1.0, 4.0]).item()
    2.0
    """
    return mean_of(prediction, target, lambda y, t: (t - y) ** 2, weights, mask)


@public
def absolute_error(prediction: State, target: State, *, weights: object = None, mask: object = None) -> State:
    """The mean of `|target - prediction|`, over all entries; PyTorch's `L1Loss`. Its slope at 0 is 0.

    >>> import symfold as sf
    >>> loss = absolute_error(sf.tensor("x", (None,)), sf.tensor("target", (None,)), mask=sf.tensor("real", (None,)))
    >>> sf.Net.of(loss)(x=[1.0, 2.0, 9.0], target=[1.0, 4.0, 0.0], real=[1, 1, 0]).item()
    1.0
    """
    return mean_of(prediction, target, lambda y, t: abs(t - y), weights, mask)


@public
def huber(
    prediction: State, target: State, delta: float = 1.0, *, weights: object = None, mask: object = None
) -> State:
    """The mean over all entries of `e**2/2` if `|e| <= delta`, else `delta*(|e| - delta/2)` (Huber 1964); `HuberLoss`.

    >>> import symfold as sf
    >>> loss = huber(sf.Net.of(sf.tensor("x")), sf.tensor("target"))
    >>> loss(x=[1.0, 2.0], target=[1.5, 4.0]).item()
    0.8125
    """
    bound = real("delta", delta, above=0)

    def rule(y: Node, t: Node) -> Node:
        error = t - y
        size = abs(error)
        near, far = error**2 / 2, bound * (size - bound / 2)
        return Node(where, (Node(less_equal, (size, as_node(bound))), near, far))

    return mean_of(prediction, target, rule, weights, mask)


@public
def poisson(prediction: State, target: State, *, weights: object = None, mask: object = None) -> State:
    """The mean of exp(prediction) - target*prediction, over all entries: counts with a predicted log rate.

    This is the negative log-likelihood without log(target!); PyTorch's `PoissonNLLLoss`.

    >>> import symfold as sf
    >>> loss = poisson(sf.Net.of(sf.tensor("log_rate")), sf.tensor("count"))
    >>> loss(log_rate=[0.0, 0.0], count=[3.0, 5.0]).item()
    1.0
    """
    target = within_range(target, mask, low=0)
    return mean_of(prediction, target, lambda y, t: as_node(exp(y)) - t * y, weights, mask)


# -- losses of classes


@public
def binary_cross_entropy(
    logits: State, target: State, *, pos_weight: object = None, weights: object = None, mask: object = None
) -> State:
    """The mean over all entries of -t*log(p) - (1 - t)*log(1 - p) for p = sigmoid(logit), accurate far out.

    `pos_weight` multiplies the first term: a number, or one per entry of the last axis. PyTorch's `BCEWithLogitsLoss`.

    >>> import symfold as sf
    >>> loss = binary_cross_entropy(sf.Net.of(sf.tensor("y")), sf.tensor("t"))
    >>> loss(y=[0.0, -800.0], t=[1.0, 1.0]).round(4).item()
    400.3466
    """
    factor = None if pos_weight is None else as_node(pos_weight)

    def rule(y: Node, t: Node) -> Node:
        positive = t if factor is None else factor * t
        return positive * as_node(softplus(-y)) + (1 - t) * as_node(softplus(y))

    target = within_range(target, mask, low=0, high=1)
    return mean_of(logits, target, rule, weights, mask, (pos_weight,))


@public
def cross_entropy(
    logits: State,
    labels: State,
    *,
    label_smoothing: float = 0.0,
    class_weights: object = None,
    weights: object = None,
    mask: object = None,
) -> State:
    """The mean of -log softmax(logits) at the labels: class numbers, or one-hot (or other) shares of the classes.

    The classes are the last axis of the logits, of known size; labels have the shape of the other axes, or of all of
    them. The mean is over the samples (and steps). `label_smoothing` is the part of a label that all classes share
    evenly (Szegedy et al. 2016). `class_weights`, one per class, multiply the terms of the classes. With class numbers
    the mean is weighted by those of the labels; with shares it stays the mean over the samples. All as PyTorch's
    `CrossEntropyLoss`, which has the classes in axis 1.

    A class number out of range raises `OutOfRange` if it is a value of an input, and shares outside 0 to 1 or whose sum
    is not 1 raise `InvalidValue`; if a class number is computed, the loss is nan. Labels at entries that `mask`
    leaves out may be anything.

    >>> import symfold as sf
    >>> loss = cross_entropy(sf.Net.of(sf.tensor("y", (None, 2))), sf.tensor("label", (None,)))
    >>> round(loss(y=[[0.0, 0.0], [3.0, 1.0]], label=[1, 0]).item(), 4)
    0.41
    >>> loss(y=[[0.0, 0.0]], label=[2])
    Traceback (most recent call last):
    ...
    symfold.errors.OutOfRange: the label 2 is none of the classes (give whole numbers from 0 to 1)
    """
    scores, classes = as_node(logits), as_node(labels)
    shape, smoothing = scores.shape, share_of("label_smoothing", label_smoothing)
    if not (is_known(shape) and shape and isinstance(shape[-1], int)):
        raise ShapeError(
            "cross entropy needs logits of a known number of classes along the last axis, "
            f"got shape {show(shape)} (as sf.tensor('y', (None, 10)))"
        )
    count = shape[-1]
    numbered = not (is_known(classes.shape) and len(classes.shape) == len(shape))
    if not numbered:
        scores = alike(scores, classes)
        shares, total = (
            within(kept(classes, mask), low=0, high=1, total=1),
            logsumexp(scores, axis=(-1,), keepdims=True),
        )
    else:
        total = alike(logsumexp(scores, axis=(-1,), keepdims=False), classes)
        shares, total = one_hot(kept(classes, mask), count=count), expand(total, axis=-1)
    smoothed = shares if smoothing == 0 else (1 - smoothing) * shares + smoothing / count
    weighted = None
    if class_weights is not None:
        factors = within(as_node(nonnegative("class_weights", class_weights)), low=0)
        if differ(factors.shape, (count,)):
            raise ShapeError(f"class_weights of shape {show(factors.shape)} for {count} classes (give {count} numbers)")
        smoothed = factors * smoothed
        weighted = reduce_sum(factors * shares, axis=(-1,), keepdims=False) if numbered else None
    terms = reduce_sum(guarded_product(total - scores, smoothed), axis=(-1,), keepdims=False)
    node = averaged(terms, weights, mask, weighted)
    return wrapped(node, logits, labels, class_weights, weights, mask)


# -- terms of parameters


@public
def l1(net: object, strength: float) -> State:
    """strength * the sum of `|w|` over all trained parameters w of a net, or over those in a list; add it to a loss.

    >>> import numpy as np, symfold as sf
    >>> loss = sf.Net.of(sf.tensor("x") * sf.parameter("w", (2,)))
    >>> round(l1(loss, 0.1)({"w": np.array([1.0, -2.0])}).item(), 4)
    0.3
    """
    return penalty(net, strength, abs)


@public
def l2(net: object, strength: float) -> State:
    """strength * the sum of w**2 over all trained parameters w of a net, or over those in a list; add it to a loss.

    This is scikit-learn's `alpha` of ridge regression; PyTorch's `weight_decay` is twice the strength.

    >>> import numpy as np, symfold as sf
    >>> w = sf.parameter("W", (2,))
    >>> round(sf.Net.of(l2([w], 0.1))({"W": np.array([1.0, -2.0])}).item(), 4)
    0.5
    """
    return penalty(net, strength, lambda w: w**2)


def penalty(net: object, strength: float, rule: Callable[[Node], Node]) -> State:
    """A strength times the sum of a function of all entries of trained parameters, biases included."""
    factor = nonnegative("strength", real("strength", strength))
    several = isinstance(net, (list, tuple))
    outputs: Iterable[Node] = [as_node(node) for node in net] if isinstance(net, (list, tuple)) else Net.of(net).outputs
    leaves = [leaf for leaf in Net(tuple(outputs)).leaves if is_trained(leaf)]
    claims: Claims[int] = Claims()
    if any(claims.add(names_of(leaf), place) is not None for place, leaf in enumerate(leaves)):
        leaves = list(dict.fromkeys(members(leaves)))  # a name in several leaves counts once
    if not leaves:
        raise InvalidValue(f"{quoted(net)} has no trained parameters (give a net, or a list of its parameters)")
    sums = [reduce_sum(rule(leaf), axis=None, keepdims=False) for leaf in leaves]
    node = factor * sum(sums[1:], start=sums[0])
    return node if several or isinstance(net, Node) else Net.of(node)


def is_trained(leaf: Leaf) -> bool:
    """Whether a leaf holds parameters that training moves: no statistics."""
    return leaf.op.role == "parameter" and not isinstance(leaf.op.start, Fixed)


# -- means


def loss_of(prediction: State, target: State, rule: Rule) -> State:
    """A loss from a rule over a prediction and a target of equal shape, checked when numbers arrive if unknown."""
    return wrapped(rule(*matched(prediction, target)), prediction, target)


def mean_of(
    prediction: State, target: State, rule: Rule, weights: object, mask: object, further: tuple[object, ...] = ()
) -> State:
    """The mean of the terms of a rule over a prediction and a target of equal shape."""
    node = averaged(rule(*matched(prediction, target)), weights, mask)
    return wrapped(node, prediction, target, weights, mask, *further)


def matched(prediction: State, target: State) -> tuple[Node, Node]:
    """A prediction and a target of equal shape, checked when numbers arrive if unknown."""
    left, right = as_node(prediction), as_node(target)
    checked = alike(left, right)
    return left if is_known(left.shape) and is_known(right.shape) else checked, right


def within_range(target: State, mask: object, **bounds: float) -> State:
    """A target that is checked when numbers arrive, if it is an input; what `mask` leaves out may be anything."""
    node = within(kept(as_node(target), mask), **bounds)
    return wrapped(node, target, mask)


def kept(node: Node, mask: object) -> Node:
    """A target, 0 where a mask leaves it out."""
    return node if mask is None else Node(where, (leading(mask, node, "mask"), node, number(0)))


def wrapped(node: Node, *given: object) -> State:
    """A loss as a net if any of the values given is one, else as a node."""
    return Net.of(node) if any(map(wraps_node, given)) else node


def averaged(terms: Node, weights: object, mask: object, weighted: Node | None = None) -> Node:
    """The mean of terms; `weighted` are weights that the terms hold already, one per term."""
    if weights is None and mask is None and weighted is None:
        return reduce_mean(terms, axis=None, keepdims=False)
    total = spread(number(1), terms) if weighted is None else weighted
    if weights is not None:
        factors = leading(weights, terms, "weights")
        terms, total = factors * terms, factors * total
    if mask is not None:
        keep = leading(mask, terms, "mask")
        terms, total = (Node(where, (keep, value, number(0))) for value in (terms, total))
    amount = reduce_sum(total, axis=None, keepdims=False)
    return reduce_sum(terms, axis=None, keepdims=False) / Node(where, (amount, amount, number(1)))


def leading(value: object, terms: Node, what: str) -> Node:
    """A mask or weights with the leading axes of the terms, aligned with them."""
    node = as_node(value)
    if not is_known(node.shape) or not is_known(terms.shape):
        raise ShapeError(
            f"{what} of shape {show(node.shape)} for values of shape {show(terms.shape)}: both must have a known "
            "number of axes (give the tensors shapes, as sf.tensor('x', (None, 3)))"
        )
    rank = len(node.shape)
    if not 0 < rank <= len(terms.shape) or differ(node.shape, terms.shape[:rank]):
        raise ShapeError(
            f"{what} of shape {show(node.shape)} for values of shape {show(terms.shape)} "
            "(give one per sample, per sample and step, ...: the leading axes of the values)"
        )
    for _ in terms.shape[rank:]:
        node = expand(node, axis=-1)
    return node


def nonnegative(what: str, value: Any) -> Any:
    """A number or numbers of 0 or more; tensors are checked when numbers arrive."""
    if not isinstance(value, Node) and not wraps_node(value):
        array = array_of(what, value)
        if not (array >= 0).all():
            raise InvalidValue(f"{what} holds {array[~(array >= 0)].flat[0].item()!r} (give 0 or more)")
    return value


def share_of(what: str, value: object) -> Any:
    """A number from 0 to 1."""
    if not 0 <= real(what, value) <= 1:
        raise InvalidValue(f"{what}={quoted(value)} must be from 0 to 1")
    return value


def check_single(shape: tuple[int, ...]) -> None:
    """Check at the start of training that the loss is a single number."""
    if shape != ():
        raise InvalidValue(f"a loss is a single number, got shape {shape} (sum it, or take its mean)")


LOSSES: dict[str, Callable[..., Any]] = {
    "squared_error": squared_error,
    "mean_squared_error": mean_squared_error,
    "absolute_error": absolute_error,
    "huber": huber,
    "poisson": poisson,
    "binary_cross_entropy": binary_cross_entropy,
    "cross_entropy": cross_entropy,
}
TERMS = ("l1", "l2")  # functions of a net, to add to a loss


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in LOSSES:
        return LOSSES[name]
    raise no_name("sf.losses", name, __dir__())


def __dir__() -> list[str]:
    return sorted((*LOSSES, *TERMS))
