"""Regrouping a step: what waits for the state is parted from what does not, so that the latter can be done for all steps at once.

Sums and products of a step are read as sums of terms, each a factor that waits for the state times a coefficient that does
not: `-(z W + b)` is `-1 * z W` and `-b`, `-a g r + a r` is `a * (r - g r)`. Terms of one factor become one, so a step costs no
more operations than before, and where its coefficients are known beforehand, fewer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import sympy as sp

from symfold.core.nodes import Node
from symfold.core.operations import Constant
from symfold.core.tensors import number
from symfold.core.walks import walk, with_args

Term = tuple[Node | None, tuple[Node, ...]]  # what waits, if anything, and the factors that do not


def regrouped(results: Sequence[Node], state: Iterable[Node]) -> tuple[Node, ...]:
    """The results with what waits for the state parted from the rest.

    >>> from symfold.core.tensors import tensor
    >>> z, a, b = (tensor(name) for name in "zab")
    >>> regrouped([(z * a) * b + a * z, -(2 * (z - a))], [z])
    ((a*b + a)*z, -2*z - 2*(-a))
    """
    return Regrouping(results, state).results()


class Regrouping:
    """Some results being regrouped: `new` holds what nodes became, `sums` those that are read through."""

    def __init__(self, results: Sequence[Node], state: Iterable[Node]):
        self.roots = tuple(results)
        self.order = walk(results)
        self.waits = set(state)
        users: dict[Node, list[Node]] = {}
        for node in self.order:
            if any(arg in self.waits for arg in node.args):
                self.waits.add(node)
            for arg in node.args:
                users.setdefault(arg, []).append(node)
        roots = set(self.roots)
        # a sum or a product that one other reads alone is no value of its own
        self.inner = {
            node
            for node in self.order
            if node in self.waits and linear(node) and node not in roots
            and len(users[node]) == 1 and linear(users[node][0])
        }  # fmt: skip
        self.new: dict[Node, Node] = {}
        self.sums: dict[Node, Sum] = {}

    def results(self) -> tuple[Node, ...]:
        for node in self.order:
            if node not in self.waits:
                self.new[node] = node
            elif not linear(node):
                self.new[node] = with_args(node, tuple(self.new[arg] for arg in node.args))
            else:
                self.sums[node] = found = self.read(node)
                if not found.changed:
                    self.new[node] = with_args(node, tuple(self.new[arg] for arg in node.args))
                elif node not in self.inner:
                    self.new[node] = total(found.terms)
        return tuple(self.new[root] for root in self.roots)

    def read(self, node: Node) -> Sum:
        """A sum's or a product's terms."""
        parts = [self.sum_of(arg) for arg in node.args]
        if node.op is sp.Add:
            return reduce(Sum.joined, parts)
        early = tuple(arg for arg in node.args if arg not in self.waits)
        waiting = [(arg, part) for arg, part in zip(node.args, parts, strict=True) if arg in self.waits]
        (_, found), *others = waiting
        if not others and len(found.terms) == 1:
            factor, factors = found.terms[0]
            return Sum.of([(factor, (*factors, *early))], found.changed or len(factors) + len(early) > 1)
        if not others and None in found.factors and all(map(is_number, early)):
            return Sum.of([(factor, (*factors, *early)) for factor, factors in found.terms], True)
        values = [self.new[arg] if arg in self.new else total(part.terms) for arg, part in waiting]
        changed = len(early) > 1 or any(part.changed for part in parts)
        return Sum.of([(reduce(lambda a, b: Node(sp.Mul, (a, b)), values), early)], changed)

    def sum_of(self, node: Node) -> Sum:
        if node not in self.waits:
            return Sum.of([(None, (node,))])
        return self.sums.pop(node) if node in self.inner else Sum.of([(self.new[node], ())])


@dataclass
class Sum:
    """The terms of a node, the factors that they have, and whether they are to be put together anew."""

    terms: deque[Term]
    factors: set[Node | None]
    changed: bool

    @classmethod
    def of(cls, terms: Sequence[Term], changed: bool = False) -> Sum:
        return cls(deque(terms), {factor for factor, _ in terms}, changed)

    def joined(self, other: Sum) -> Sum:
        """With the terms of another after its own: the shorter is put into the longer, which nothing else reads."""
        again = not self.factors.isdisjoint(other.factors)
        longer, shorter = (self, other) if len(self.terms) >= len(other.terms) else (other, self)
        if longer is self:
            longer.terms.extend(shorter.terms)
        else:
            longer.terms.extendleft(reversed(shorter.terms))
        longer.factors |= shorter.factors
        longer.changed = self.changed or other.changed or again
        return longer


def linear(node: Node) -> bool:
    return node.op is sp.Add or node.op is sp.Mul


def is_number(node: Node) -> bool:
    return isinstance(node.op, Constant) and isinstance(node.op.value, sp.Expr)


def total(terms: Iterable[Term]) -> Node:
    """The sum of some terms, those of one factor taken together."""
    groups: dict[Node | None, list[tuple[Node, ...]]] = {}
    for factor, factors in terms:
        groups.setdefault(factor, []).append(factors)
    parts = [scaled(factor, found, len(groups) == 1) for factor, found in groups.items()]
    return parts[0] if len(parts) == 1 else Node(sp.Add, tuple(parts))


def scaled(factor: Node | None, found: Sequence[tuple[Node, ...]], alone: bool) -> Node:
    """A factor times the sum of its coefficients; in a sum a minus sign stays outside, where it is a subtraction."""
    products = [product(factors) for factors in found]
    if factor is None or len(products) > 1:
        coefficient = added(products)
        return coefficient if factor is None else Node(sp.Mul, (coefficient, factor))
    sign, value = products[0]
    if value is None:
        return factor if sign == 1 else Node(sp.Mul, (number(sign), factor))
    if sign == 1:
        return Node(sp.Mul, (value, factor))
    if sign == -1 and not alone:
        return Node(sp.Mul, (number(-1), Node(sp.Mul, (value, factor))))
    return Node(sp.Mul, (Node(sp.Mul, (number(sign), value)), factor))


def product(factors: Sequence[Node]) -> tuple[sp.Expr, Node | None]:
    """The product of coefficients: its number, and the rest if there is one."""
    scale: sp.Expr = sp.Integer(1)
    others: list[Node] = []
    for node in factors:
        if is_number(node):
            scale *= node.op.value
        else:
            others.append(node)
    return scale, reduce(lambda a, b: Node(sp.Mul, (a, b)), others) if others else None


def added(products: Sequence[tuple[sp.Expr, Node | None]]) -> Node:
    """The sum of coefficients, numbers last."""
    values = [
        value if sign == 1 else Node(sp.Mul, (number(sign), value)) for sign, value in products if value is not None
    ]
    if len(values) < len(products):
        values.append(number(sum(sign for sign, value in products if value is None)))
    return values[0] if len(values) == 1 else Node(sp.Add, tuple(values))
