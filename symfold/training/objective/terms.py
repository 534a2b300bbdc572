"""The terms of a loss: means over samples, sums over samples, and terms that read no samples, such as an L2 penalty.

    loss = averaged / size + summed + rest        averaged, summed: sums over samples; size: their number
           + ratios of sums over samples          such as the mean of a loss under a mask, sum(w * e) / sum(w)

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
from symfold.core.blocks import is_reciprocal
from symfold.core.folds import Fold
from symfold.core.functions import where
from symfold.core.leaves import Constant, number
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives import Apply, alike, axes_of, is_apply, is_primitive, reduce_mean, reduce_sum, share
from symfold.core.shapes import is_known, show
from symfold.core.stacked_inputs import is_leaf
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
    ratios: list[tuple[Node, Node]] = field(default_factory=list)
    each: list[Node] = field(default_factory=list)  # a number per sample, to be summed

    @property
    def size(self) -> Node:
        """The number of samples, or the sum of their weights."""
        return self.sizes[0]

    @property
    def total(self) -> Node:
        """The loss put together again."""
        means = [divided(summed(self.averaged), self.size)] if self.averaged else []
        means += [divided(above, below) for above, below in self.ratios]
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
        elif (parts := ratio(node)) is not None:
            above, below, others = parts
            self.ratios.append((times((*factors, *others), self.by_sample(above)), self.by_sample(below)))
        elif is_primitive(node, reduce_mean, reduce_sum) and node.shape == ():
            self.reduced(node, factors)
        else:
            raise InvalidValue(
                f"{self.what} need a loss that is a mean or a sum over samples, plus terms without samples, and "
                f"{operation_name(node)} of samples in {quoted(formula(Net((node,)), style='text'))} is neither "
                f"({INSTEAD})"
            )

    def reduced(self, node: Node, factors: tuple[Node, ...]) -> None:
        """Take note of a mean or a sum over samples and further axes; the samples are the first axis."""
        (values,), operation = node.args, node.op
        assert isinstance(operation, Apply)
        if is_known(values.shape) and not values.shape:
            self.read(values, factors)
            return
        mean = is_primitive(node, reduce_mean)
        each, size = self.by_sample(node), self.weights
        if size is not None:
            size = reduce_sum(size, axis=None, keepdims=False)
        else:
            size = 1 / share(values, axis=axes_of(dict(operation.attributes)["axis"], len(values.shape))[:1])
        (self.averaged if mean else self.summed).append(times(factors, each))
        self.sizes.append(size)

    def by_sample(self, node: Node) -> Node:
        """The sum, weighted if there are weights, of what a mean or a sum takes of each sample."""
        (values,), operation = node.args, node.op
        assert isinstance(operation, Apply)
        known = is_known(values.shape)
        axes = axes_of(dict(operation.attributes)["axis"], len(values.shape)) if known else ()
        if not known or not values.shape or len(axes) < len(values.shape):
            raise InvalidValue(
                f"{self.what} need the samples along the first axis of a loss, and its terms have the shape "
                f"{show(values.shape)} (give the tensors shapes, as sf.tensor('x', (None, 3)); or {INSTEAD})"
            )
        each = values
        if len(axes) > 1:
            over = reduce_mean if is_primitive(node, reduce_mean) else reduce_sum
            each = over(values, axis=axes[1:], keepdims=False)
        self.each.append(each)
        if self.weights is not None:
            each = alike(self.weights, each) * each
        return reduce_sum(each, axis=None, keepdims=False)


def terms_of(loss: Net, what: str, weights: Node | None = None) -> Terms:
    """The terms of a loss."""
    terms = Terms(what, weights)
    for output in loss.outputs:
        terms.read(output)
    return terms


def reads_samples(node: Node) -> bool:
    """Whether a value reads an input; parameters and constants are no samples."""
    return not isinstance(node.op, Constant) and any(leaf.op.role == "input" for leaf in Net((node,)).leaves)


def operation_name(node: Node) -> str:
    """The name of a node's operation, for errors."""
    if isinstance(node.op, Fold):
        return "a fold"
    if is_apply(node):
        return node.op.primitive.name
    return str(getattr(node.op, "__name__", "a layer"))


def ratio(node: Node) -> tuple[Node, Node, list[Node]] | None:
    """The two sums of samples in sum(w * e) / sum(w), and constant factors; sum(w) must not depend on parameters."""
    if node.op is not sp.Mul:
        return None
    reading = [arg for arg in node.args if reads_samples(arg)]
    above = [arg for arg in reading if is_sum(arg)]
    below = [arg.args[0] for arg in reading if is_reciprocal(arg)]
    if len(reading) != 2 or len(above) != 1 or len(below) != 1:
        return None
    size = below[0].args[0] if below[0].op is where else below[0]
    guarded = Node(where, (size, size, number(1)))
    if not is_sum(size) or below[0] not in (size, guarded) or depends_on_parameters(size):
        return None
    return above[0], size, [arg for arg in node.args if arg not in reading]


def is_sum(node: Node) -> bool:
    return is_primitive(node, reduce_sum) and node.shape == ()


def depends_on_parameters(node: Node) -> bool:
    """Whether a value depends on parameters, more than by their shapes."""
    open_nodes, seen = [node], {node}
    while open_nodes:
        node = open_nodes.pop()
        if is_leaf(node) and node.op.role == "parameter":
            return True
        places = node.op.primitive.carries(len(node.args)) if is_apply(node) else range(len(node.args))
        new = {node.args[place] for place in places} - seen
        seen |= new
        open_nodes.extend(new)
    return False


def divided(total: Node, size: Node) -> Node:
    """A sum over samples as a mean; 0 for a batch whose weights are all zero, so that it moves nothing."""
    return total / Node(where, (size, size, number(1)))


def summed(terms: Iterable[Node]) -> Node:
    return reduce(add, terms)


def times(factors: tuple[Node, ...], node: Node) -> Node:
    return reduce(mul, factors, node)
