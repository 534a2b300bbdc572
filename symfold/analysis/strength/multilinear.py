"""Multilinear algebra of nodes: sums, products and directional derivatives in canonical form, and their expansion.

A sum of terms is a mapping from words to numbers. A word is a node that is not a sum: f1(x), f2'(x)[f1(x)],
f3''(x)[f1(x), f2(x)]. Derivatives are expanded in each direction, so that like words merge.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from math import comb
from typing import Any

import sympy as sp

from symfold.core.blocks import Call
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.leaves import Formal, Input, number, number_of
from symfold.core.nodes import Node, digest, with_args
from symfold.core.primitives import Apply, broadcast_like, broadcast_to, directional, is_primitive
from symfold.core.sequences import element, stack
from symfold.core.shapes import ANY, Shape, is_known
from symfold.errors import TooLarge

Sum = dict[Node, Any]  # from words to their coefficients, none of them zero
Direction = tuple[int, Node]  # an input of the layer, and the direction in it
ONE = number(1)
RECURRENCE = "(its recurrence is short: .formula(form='fold'))"
MULTIPLIED = 200  # terms up to which a power of a sum is expanded
LONGEST = 16_384  # bits of a coefficient that is listed
LOOKED_AT = 64  # nodes of a word that decide its order; then its digest does


def total(parts: Iterable[Node | None]) -> Node | None:
    """A sum of nodes without its zeros, equal ones counted; None is zero."""
    counts = Counter(part for part in parts if part is not None)
    terms = (node if count == 1 else times(count, node) for node, count in counts.items())
    addends = tuple(term for term in terms if term is not None)
    return None if not addends else addends[0] if len(addends) == 1 else Node(sp.Add, addends)


def times(coefficient: Any, *factors: Node | None) -> Node | None:
    """A product of nodes, with the product of its numbers in front; None is zero."""
    value: Any = sp.sympify(coefficient)
    nodes: list[Node] = []
    for factor in factors:
        if factor is None:
            return None
        if (alone := number_of(factor)) is not None:
            value = value * alone
        elif factor.op is sp.Mul and (first := number_of(factor.args[0])) is not None:
            value = value * first
            nodes += factor.args[1:]
        else:
            nodes.append(factor)
    if value == 0:
        return None
    if value != 1 or not nodes:
        nodes.insert(0, number(value))
    return nodes[0] if len(nodes) == 1 else Node(sp.Mul, tuple(nodes))


def directional_of(value: Node, directions: Sequence[Direction]) -> Node:
    """The derivative of an applied layer in some directions, which are put in canonical order: it is symmetric.

    >>> import symfold as sf
    >>> f, x, u, v = sf.layer("f"), sf.tensor("x"), sf.tensor("u"), sf.tensor("v")
    >>> derivative = directional_of(f(x), [(0, v), (0, u)])
    >>> derivative, derivative is directional_of(f(x), [(0, u), (0, v)])
    (f''(x)[u, v], True)
    """
    assert isinstance(value.op, Call)
    arity, layer = value.op.arity, value.args[: 1 + value.op.arity]
    return _directional(layer, directions, (value,) if value.op.body is not None else (), arity)


def _directional(layer: Sequence[Node], directions: Iterable[Direction], value: Sequence[Node], arity: int) -> Node:
    canonical = tuple(directions)
    if len(canonical) > 1:
        canonical = tuple(sorted(canonical, key=lambda direction: (direction[0], rank(direction[1]))))
    return directional(
        *layer, *(node for _, node in canonical), *value, slots=tuple(slot for slot, _ in canonical), arity=arity
    )


def rank(node: Node) -> tuple[Any, ...]:
    """The sort key of the canonical order: by size, then by names, with numbers in them compared as numbers."""
    names: list[Any] = []
    size, pending = 0, [node]
    while pending and size < LOOKED_AT:
        part = pending.pop()
        size += 1
        if isinstance(part.op, Input):
            stem, digits = re.fullmatch(r"(.*?)(\d*)", part.op.name, re.S).groups()  # type: ignore[union-attr]
            names.append((stem, int(digits or -1)))
        elif isinstance(part.op, Formal):
            names.append(("", part.op.position))
        pending += reversed(part.args)
    return size, names, digest(node)


# ---------------------------------------------------------------- expansion


def merged(parts: Iterable[Sum]) -> Sum:
    """A sum of sums, like terms merged."""
    terms: Sum = {}
    for part in parts:
        for word, coefficient in part.items():
            terms[word] = terms.get(word, 0) + coefficient
    return {word: coefficient for word, coefficient in terms.items() if coefficient != 0}


def ordered(terms: Sum) -> Sum:
    """The same terms in canonical order."""
    return dict(sorted(terms.items(), key=lambda pair: rank(pair[0]))) if len(terms) > 1 else terms


def node_of(terms: Sum, shape: Shape = ()) -> Node:
    """A sum of terms as a node, in canonical order; zeros of a shape if there are none."""
    node = total(times(coefficient, word) for word, coefficient in ordered(terms).items())
    return zeros_like(shape, ()) if node is None else node


def zeros_like(shape: Shape, jet: Sequence[Node | None]) -> Node:
    """Zeros of a shape; if it is unknown, of that of a coefficient."""
    if is_known(shape):
        return broadcast_to(number(0), shape=shape) if shape else number(0)
    like = next((coefficient for coefficient in jet if coefficient is not None), None)
    return number(0) if like is None else broadcast_like(number(0), like)


def in_shape_of(place: Node, value: Node) -> Node:
    """A value in place of a node of unknown shape: its shape is unknown too, so that axes are not counted in it."""
    known = is_known(place.shape) or not is_known(value.shape)
    return value if known else broadcast_to(value, shape=ANY)


class Expansion(Interpreter):
    """Nodes as sums of terms, folds run step by step; `most` bounds the terms of one value, `work` those of all."""

    def __init__(self, most: int, work: int | None = None):
        self.most = most
        self.work = work
        self.terms = 0  # of all values, at least one for each

    def leaf(self, node: Node) -> Sum:
        if (value := number_of(node)) is not None:
            return {ONE: value} if value != 0 else {}
        return {node: sp.Integer(1)}

    def apply(self, node: Node, args: Sequence[Any]) -> Sum:
        terms = self._apply(node, args)
        self._bounded(len(terms))
        self.terms += max(len(terms), 1)
        if self.work is not None and self.terms > self.work:
            raise TooLarge(f"a coefficient takes more than {self.work:,} terms to list {RECURRENCE}")
        if any(_is_long(coefficient) for coefficient in islice(terms.values(), 1)):
            raise TooLarge(f"a coefficient has numbers of more than {LONGEST:,} bits {RECURRENCE}")
        return terms

    def _bounded(self, size: int) -> None:
        if size > self.most:
            raise TooLarge(
                f"a coefficient has {size:,} terms or more, over the bound of {self.most:,} "
                "(its recurrence is short: .formula(form='fold'), and .counts says how many terms there are)"
            )

    def _apply(self, node: Node, args: Sequence[Sum]) -> Sum:
        if node.op is sp.Add:
            return merged(args)
        if node.op is sp.Mul:
            return self.distributed(args, _multiplied)
        if node.op is sp.Pow and (exponent := _integer(node.args[1])) is not None:
            return self._power(args[0], exponent, node)
        if is_primitive(node, directional):
            return self._derivative(node, args)
        groups = node.op.groups(len(args)) if isinstance(node.op, Apply) else ()
        if (
            groups
            and [k for group in groups for k in group] == list(range(len(args)))
            and all(len(group) == 1 for group in groups)
        ):
            return self.distributed(args, lambda words: with_args(node, words))
        if any(all(not args[k] for k in group) for group in groups):
            return {}
        nodes = _nodes(node.args, args)
        return {with_args(node, nodes): sp.Integer(1)}

    def distributed(self, args: Sequence[Sum], word: Any) -> Sum:
        """An operation that is linear in each argument, over all choices of one term from each."""
        chosen: list[tuple[tuple[Node, ...], Any]] = [((), sp.Integer(1))]
        for arg in args:
            self._bounded(len(chosen) * len(arg))
            chosen = [
                ((*words, word_of), weight * coefficient)
                for words, weight in chosen
                for word_of, coefficient in arg.items()
            ]
        return merged({word(words): weight} for words, weight in chosen)

    def _power(self, base: Sum, exponent: int, node: Node) -> Sum:
        """A power with an integer exponent, expanded if that is short."""
        if len(base) <= 1:
            return {_product(((word, exponent),)): coefficient**exponent for word, coefficient in base.items()}
        if comb(len(base) + min(exponent, MULTIPLIED) - 1, len(base) - 1) > MULTIPLIED:
            return {Node(sp.Pow, _nodes(node.args[:1], [base]) + node.args[1:]): sp.Integer(1)}
        power: Sum = {ONE: sp.Integer(1)}
        for _ in range(exponent):
            power = self.distributed([power, base], _multiplied)
        return power

    def _derivative(self, node: Node[Apply], args: Sequence[Sum]) -> Sum:
        attributes = dict(node.op.attributes)
        arity, slots = attributes["arity"], attributes["slots"]
        nodes = _nodes(node.args, args)
        layer, value = nodes[: 1 + arity], nodes[1 + arity + len(slots) :]
        return self.distributed(
            args[1 + arity : 1 + arity + len(slots)],
            lambda words: _directional(layer, zip(slots, words, strict=True), value, arity),
        )

    def index(self, value: Any, position: int, node: Node) -> Sum:
        return {element(word, position): coefficient for word, coefficient in value.items()}

    def collect(self, entries: Entries, node: Node) -> Sum:
        return {stack([node_of(entry, node.shape[1:]) for entry in entries]): sp.Integer(1)} if any(entries) else {}


def _nodes(places: Sequence[Node], args: Sequence[Sum]) -> tuple[Node, ...]:
    """Sums of terms, each as one node of its shape as an argument, for an operation that is not linear in them."""
    return tuple(in_shape_of(place, node_of(arg, place.shape)) for place, arg in zip(places, args, strict=True))


def _multiplied(words: Iterable[Node]) -> Node:
    factors = [word for word in words if word != ONE]
    return _product((word, 1) for word in factors) if len(factors) > 1 else factors[0] if factors else ONE


def _is_long(value: Any) -> bool:
    """Whether a number is so long that each step of a fold would cost more than the one before."""
    return isinstance(value, sp.Rational) and max(int(value.p).bit_length(), int(value.q).bit_length()) > LONGEST


def _product(words: Iterable[tuple[Node, int]]) -> Node:
    """A product of powers of words, without ones, with like factors merged, in canonical order."""
    powers: dict[Node, int] = {}
    for word, exponent in words:
        for factor in word.args if word.op is sp.Mul else (word,):
            inner = _integer(factor.args[1]) if factor.op is sp.Pow else None
            base, inner = (factor, 1) if inner is None else (factor.args[0], inner)
            powers[base] = powers.get(base, 0) + inner * exponent
    powers.pop(ONE, None)
    factors = tuple(
        base if powers[base] == 1 else Node(sp.Pow, (base, number(powers[base]))) for base in sorted(powers, key=rank)
    )
    return Node(sp.Mul, factors) if len(factors) > 1 else factors[0] if factors else ONE


def _integer(node: Node) -> int | None:
    """The value of a node that is an integer from 2 up; else None."""
    value = number_of(node)
    return int(value) if isinstance(value, sp.Integer) and value > 1 else None
