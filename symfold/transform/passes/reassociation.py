"""Reassociation: separate what depends on the state from what does not, so that the latter can be hoisted.

Sums and products of a step become sums of terms, each a factor that depends on the state times a coefficient that does
not: `-(z W + b)` is `-1 * z W` and `-b`, `-a g r + a r` is `a * (r - g r)`. Terms with equal factors become one, so a
step never costs more operations, and fewer if its coefficients can be hoisted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import sympy as sp

from symfold.core.leaves import number, number_of
from symfold.core.nodes import Node, walk, with_args

Term = tuple[Node | None, tuple[Node, ...]]  # the dependent factor, if any, and the independent ones
# the largest number that multiplies the terms of a sum one by one: those of `(1 - mask) * -1e9` would cancel too late,
# after what is added to them was lost
LARGEST = 16


def reassociated(results: Sequence[Node], state: Iterable[Node]) -> tuple[Node, ...]:
    """The results with what depends on the state separate from the rest.

    >>> from symfold.core.leaves import tensor
    >>> z, a, b = (tensor(name) for name in "zab")
    >>> reassociated([(z * a) * b + a * z, -(2 * (z - a))], [z])
    ((a*b + a)*z, -2*z - 2*(-a))
    """
    return Reassociation(results, state).results()


class Reassociation:
    """A reassociation in progress: `new` maps nodes to rebuilt nodes, `sums` holds nodes still open as terms."""

    def __init__(self, results: Sequence[Node], state: Iterable[Node]):
        self.roots = tuple(results)
        self.order = walk(results)
        self.dependent = set(state)
        users: dict[Node, list[Node]] = {}
        for node in self.order:
            if any(arg in self.dependent for arg in node.args):
                self.dependent.add(node)
            for arg in node.args:
                users.setdefault(arg, []).append(node)
        roots = set(self.roots)
        # a sum or product with a single user, itself a sum or product, is part of that user
        self.inner = {
            node
            for node in self.order
            if node in self.dependent and linear(node) and node not in roots
            and len(users[node]) == 1 and linear(users[node][0])
        }  # fmt: skip
        self.new: dict[Node, Node] = {}
        self.sums: dict[Node, Sum] = {}

    def results(self) -> tuple[Node, ...]:
        for node in self.order:
            if node not in self.dependent:
                self.new[node] = node
            elif not linear(node) or self.stands_alone(node):
                self.new[node] = with_args(node, tuple([self.new[arg] for arg in node.args]))
            else:
                self.sums[node] = terms = self.read(node)
                if not terms.changed:
                    self.new[node] = with_args(node, tuple(self.new[arg] for arg in node.args))
                elif node not in self.inner:
                    self.new[node] = total(terms.terms)
        return tuple(self.new[root] for root in self.roots)

    def stands_alone(self, node: Node) -> bool:
        """Whether a sum or product has nothing to separate or combine, as most in long nets."""
        if node in self.inner or len(node.args) < 2 or not self.inner.isdisjoint(node.args):
            return False
        if not self.dependent.issuperset(node.args):
            return False
        return node.op is sp.Mul or len({self.new[arg] for arg in node.args}) == len(node.args)

    def read(self, node: Node) -> Sum:
        """The terms of a sum or product."""
        parts = [self.sum_of(arg) for arg in node.args]
        if node.op is sp.Add:
            return reduce(Sum.joined, parts)
        early = tuple(arg for arg in node.args if arg not in self.dependent)
        late = [(arg, part) for arg, part in zip(node.args, parts, strict=True) if arg in self.dependent]
        (_, first), *others = late
        if not others and len(first.terms) == 1:
            factor, factors = first.terms[0]
            return Sum.of([(factor, (*factors, *early))], first.changed or len(factors) + len(early) > 1)
        if not others and None in first.factors and all(map(is_number, early)) and is_small(product(early)[0]):
            return Sum.of([(factor, (*factors, *early)) for factor, factors in first.terms], True)
        values = [self.new[arg] if arg in self.new else total(part.terms) for arg, part in late]
        changed = len(early) > 1 or any(part.changed for part in parts)
        return Sum.of([(reduce(lambda a, b: Node(sp.Mul, (a, b)), values), early)], changed)

    def sum_of(self, node: Node) -> Sum:
        if node not in self.dependent:
            return Sum.of([(None, (node,))])
        return self.sums.pop(node) if node in self.inner else Sum.of([(self.new[node], ())])


@dataclass
class Sum:
    """The terms of a node, their factors, and whether the node must be rebuilt."""

    terms: deque[Term]
    factors: set[Node | None]
    changed: bool

    @classmethod
    def of(cls, terms: Sequence[Term], changed: bool = False) -> Sum:
        return cls(deque(terms), {factor for factor, _ in terms}, changed)

    def joined(self, other: Sum) -> Sum:
        """This sum followed by another; the shorter is merged into the longer, which nothing else reads."""
        shares_factor = not self.factors.isdisjoint(other.factors)
        longer, shorter = (self, other) if len(self.terms) >= len(other.terms) else (other, self)
        if longer is self:
            longer.terms.extend(shorter.terms)
        else:
            longer.terms.extendleft(reversed(shorter.terms))
        longer.factors |= shorter.factors
        longer.changed = self.changed or other.changed or shares_factor
        return longer


def linear(node: Node) -> bool:
    return node.op is sp.Add or node.op is sp.Mul


def is_number(node: Node) -> bool:
    return number_of(node) is not None


def is_small(value: sp.Expr) -> bool:
    """Whether a number multiplies the terms of a sum one by one; so does a size that is a symbol.

    >>> is_small(sp.Integer(-2)), is_small(sp.Float("-1e9")), is_small(-sp.oo), is_small(sp.nan)
    (True, False, False, False)
    """
    return value is not sp.nan and (not value.is_number or bool(abs(value) <= LARGEST))


def total(terms: Iterable[Term]) -> Node:
    """The sum of some terms, those with equal factors combined."""
    groups: dict[Node | None, list[tuple[Node, ...]]] = {}
    for factor, factors in terms:
        groups.setdefault(factor, []).append(factors)
    parts = [scaled(factor, coefficients, len(groups) == 1) for factor, coefficients in groups.items()]
    return parts[0] if len(parts) == 1 else Node(sp.Add, tuple(parts))


def scaled(factor: Node | None, coefficients: Sequence[tuple[Node, ...]], alone: bool) -> Node:
    """A factor times the sum of its coefficients; inside a sum a minus sign stays outside, as a subtraction."""
    products = [product(factors) for factors in coefficients]
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
    """The product of coefficients: the numbers, and the other nodes, if any."""
    scale: sp.Expr = sp.Integer(1)
    others: list[Node] = []
    for node in factors:
        if (value := number_of(node)) is not None:
            scale *= value
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
