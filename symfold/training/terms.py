"""The terms of a loss: means over samples, sums over samples, and terms that read no samples, such as an L2 penalty.

    loss = averaged / size + summed + rest        averaged, summed: sums over samples; size: their number

A loss is read from its root: sums of terms and constant factors are followed. Others are refused by name. With weights,
`averaged` and `summed` are weighted sums, and `size` is the sum of the weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import add, mul

import sympy as sp

from symfold.base.arguments import quoted
from symfold.core.functions import where
from symfold.core.leaves import Constant, number
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives import Apply, alike, axes_of, is_primitive, reduce_mean, reduce_sum, share
from symfold.core.shapes import is_known, show
from symfold.errors import InvalidValue
from symfold.show.notation import formula

INSTEAD = "give the weights to the loss itself: sf.losses.mean_squared_error(prediction, target, weights=w)"


@dataclass
class Terms:
    """The terms of a loss, each a list of summands."""

    what: str  # the argument that asks for them, for errors
    weights: Node | None
    averaged: list[Node] = field(default_factory=list)
    summed: list[Node] = field(default_factory=list)
    rest: list[Node] = field(default_factory=list)
    sizes: list[Node] = field(default_factory=list)

    @property
    def size(self) -> Node:
        """The number of samples, or the sum of their weights."""
        return self.sizes[0]

    @property
    def total(self) -> Node:
        """The loss put together again."""
        means = [divided(summed(self.averaged), self.size)] if self.averaged else []
        return summed([*means, *self.summed, *self.rest])

    def read(self, node: Node, factors: tuple[Node, ...] = ()) -> None:
        """Take note of a term, times constant factors."""
        if not reads_samples(node):
            self.rest.append(times(factors, node))
        elif node.op is sp.Add:
            for arg in node.args:
                self.read(arg, factors)
        elif node.op is sp.Mul and sum(map(reads_samples, node.args)) == 1:
            place = next(k for k, arg in enumerate(node.args) if reads_samples(arg))
            self.read(node.args[place], (*factors, *node.args[:place], *node.args[place + 1 :]))
        elif is_primitive(node, reduce_mean, reduce_sum) and node.shape == ():
            self.reduced(node, factors)
        else:
            name = getattr(node.op, "__name__", None) or getattr(getattr(node.op, "primitive", None), "name", "a layer")
            raise InvalidValue(
                f"{self.what} need a loss that is a mean or a sum over samples, plus terms without samples, and "
                f"{name} of samples in {quoted(formula(Net((node,)), style='text'))} is neither ({INSTEAD})"
            )

    def reduced(self, node: Node, factors: tuple[Node, ...]) -> None:
        """Take note of a mean or a sum over samples and further axes; the samples are the first axis."""
        (values,), operation = node.args, node.op
        assert isinstance(operation, Apply)
        known = is_known(values.shape)
        if known and not values.shape:
            self.read(values, factors)
            return
        axes = axes_of(dict(operation.attributes)["axis"], len(values.shape)) if known else ()
        if not known or len(axes) < len(values.shape):
            raise InvalidValue(
                f"{self.what} need the samples along the first axis of a loss, and its terms have the shape "
                f"{show(values.shape)} (give the tensors shapes, as sf.tensor('x', (None, 3)); or {INSTEAD})"
            )
        mean = is_primitive(node, reduce_mean)
        each = values
        if len(axes) > 1:
            each = (reduce_mean if mean else reduce_sum)(values, axis=axes[1:], keepdims=False)
        if self.weights is not None:
            each = alike(self.weights, each) * each
            size = reduce_sum(self.weights, axis=None, keepdims=False)
        else:
            size = 1 / share(values, axis=axes[:1])
        (self.averaged if mean else self.summed).append(times(factors, reduce_sum(each, axis=None, keepdims=False)))
        self.sizes.append(size)


def terms_of(loss: Net, what: str, weights: Node | None = None) -> Terms:
    """The terms of a loss."""
    terms = Terms(what, weights)
    for output in loss.outputs:
        terms.read(output)
    return terms


def reads_samples(node: Node) -> bool:
    """Whether a value reads an input; parameters and constants are no samples."""
    return not isinstance(node.op, Constant) and any(leaf.op.role == "input" for leaf in Net((node,)).leaves)


def divided(total: Node, size: Node) -> Node:
    """A sum over samples as a mean; 0 for a batch whose weights are all zero, so that it moves nothing."""
    return total / Node(where, (size, size, number(1)))


def summed(terms: Iterable[Node]) -> Node:
    return reduce(add, terms)


def times(factors: tuple[Node, ...], node: Node) -> Node:
    return reduce(mul, factors, node)
