"""Joining: products of a step that share a factor, such as the gates of an LSTM, as one wide product.

    h W1, h W2, ...             columns of one product with [W1 W2 ...]
    a1 W1^T + a2 W2^T + ...     one product of [a1 a2 ...] with [W1 W2 ...]^T, the cotangent of h

The W are weights that all steps share. They are concatenated once, before the fold, and stay separate parameters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from itertools import accumulate
from typing import TypeAlias

import sympy as sp

from symfold.core.blocks import Block
from symfold.core.folds import Fold, apply_fold, rebuilt_inside
from symfold.core.leaves import Formal
from symfold.core.nodes import Node, walk, with_args
from symfold.core.primitives import concatenate, dot, is_primitive, item, swap
from symfold.core.shapes import is_concrete

Group: TypeAlias = tuple[Node, ...]  # weights side by side


def joined(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with the products of steps joined, also in folds inside steps.

    >>> import symfold as sf
    >>> W, V = sf.parameter("W", (3, 3)), sf.parameter("V", (3, 3))
    >>> net = sf.fold(lambda h, u: h @ W * (h @ V) + u, sf.tensor("u", (9, 2, 3)), sf.tensor("h", (2, 3)))
    >>> fold = joined(net.outputs)[0].args[0]
    >>> fold.args[-1], sum(is_primitive(node, dot) for node in walk(fold.op.block.results))
    (concatenate(W, V, axis=-1), 1)
    """
    return rebuilt_inside(roots, lambda node, args: None, _fold_rule)


def _fold_rule(fold: Fold, block: Block, args: tuple[Node, ...]) -> tuple[Node, ...]:
    joining = Joining(fold, block)
    results = joining.results()
    if not joining.formals:
        return fold.over(args, block)
    (init, operands), new = fold.split(args), joining.formals
    weights = [concatenate(*(args[position(weight)] for weight in group), axis=-1) for group in new]
    wider = Block((*block.shapes, *(formal.shape for formal in new.values())), results)
    return apply_fold(wider, fold.count, init, (*operands, *weights), (*fold.each, *[False] * len(new)))


class Joining:
    """The products of a step, joined; `formals` holds a new formal for each tuple of weights side by side."""

    def __init__(self, fold: Fold, block: Block):
        self.block, self.order = block, walk(block.results)
        self.weights = {
            formal
            for formal, varies in zip(block.formals[fold.carries :], fold.each, strict=True)
            if not varies and len(formal.shape) == 2 and is_concrete(formal.shape)
        }
        self.formals: dict[Group, Node] = {}
        self.users = Counter(arg for node in self.order for arg in node.args) + Counter(block.results)

    def results(self) -> tuple[Node, ...]:
        """The results of the step."""
        places, sums = self.places(), self.sums()
        new: dict[Node, Node] = {}
        for node in self.order:
            if node in places:
                group, start, stop = places[node]
                new[node] = item(dot(new[node.args[0]], self.formal(group)), index=(..., (start, stop)))
            elif node in sums:
                terms, others = sums[node]
                left = concatenate(*(new[term.args[0]] for term in terms), axis=-1)
                product = dot(left, swap(self.formal(tuple(term.args[1].args[0] for term in terms))))
                new[node] = reduce(lambda a, b: Node(sp.Add, (a, b)), (new[other] for other in others), product)
            else:
                new[node] = with_args(node, tuple(new[arg] for arg in node.args))
        return tuple(new[result] for result in self.block.results)

    def formal(self, group: Group) -> Node:
        """The formal of weights side by side."""
        if group not in self.formals:
            shape = (group[0].shape[0], sum(int(weight.shape[1]) for weight in group))
            self.formals[group] = Node(Formal(0, len(self.block.shapes) + len(self.formals), shape))
        return self.formals[group]

    def places(self) -> dict[Node, tuple[Group, int, int]]:
        """The products of one value with several weights: the weights, and the columns of each in the wide product."""
        found: dict[Node, list[Node]] = {}
        for node in self.order:
            if is_primitive(node, dot) and node.args[1] in self.weights:
                found.setdefault(node.args[0], []).append(node)
        places: dict[Node, tuple[Group, int, int]] = {}
        for products in found.values():
            if len(products) > 1:
                products.sort(key=lambda product: position(product.args[1]))
                stops = [0, *accumulate(int(product.shape[-1]) for product in products)]
                group = tuple(product.args[1] for product in products)
                places |= {
                    product: (group, start, stop)
                    for product, start, stop in zip(products, stops, stops[1:], strict=False)
                }
        return places

    def sums(self) -> dict[Node, tuple[list[Node], list[Node]]]:
        """The sums with several products with transposed weights: these products, and the other terms."""
        inner = {
            arg for node in self.order if node.op is sp.Add for arg in node.args
            if arg.op is sp.Add and self.users[arg] == 1
        }  # fmt: skip
        sums = {}
        for node in self.order:
            if node.op is sp.Add and node not in inner:
                terms = terms_of(node, inner)
                products = [term for term in terms if self.is_pulled(term) and term.shape == node.shape]
                products.sort(key=lambda term: position(term.args[1].args[0]))
                if len({term.args[1] for term in products}) == len(products) > 1:
                    sums[node] = products, [term for term in terms if term not in products]
        return sums

    def is_pulled(self, node: Node) -> bool:
        """Whether a node, which nothing else reads, is a product with a transposed weight."""
        if not is_primitive(node, dot) or not is_primitive(node.args[1], swap) or self.users[node] != 1:
            return False
        return node.args[1].args[0] in self.weights


def position(formal: Node) -> int:
    assert isinstance(formal.op, Formal)
    return formal.op.position


def terms_of(sum_node: Node, inner: set[Node]) -> list[Node]:
    """The terms of a sum, those of inner sums too, in order."""
    terms: list[Node] = []
    waiting = [sum_node]
    while waiting:
        node = waiting.pop()
        if node is sum_node or node in inner:
            waiting += reversed(node.args)
        else:
            terms.append(node)
    return terms
