"""Multilinear algebra of nodes: sums, products and directional derivatives in a canonical form, and their expansion.

A sum of terms is a mapping from words to numbers. A word is a node that comes apart no further: f1(x), f2'(x)[f1(x)],
f3''(x)[f1(x), f2(x)]. Derivatives are linear in each direction, so that like words are found and merged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from math import comb
from typing import Any

import sympy as sp

from symfold.core.interpreter import Entries, Interpreter
from symfold.core.nodes import Node, digest
from symfold.core.operations import Constant, Formal, Input
from symfold.core.primitives import Apply, broadcast_like, broadcast_to, directional, is_primitive
from symfold.core.sequences import element, stack
from symfold.core.shapes import Shape, is_known
from symfold.core.tensors import number
from symfold.errors import TooLarge

Sum = dict[Node, Any]  # from words to their coefficients, none of them zero
Direction = tuple[int, Node]  # by which input of the layer, and the direction
ONE = number(1)
MULTIPLIED = 200  # terms up to which a power of a sum is multiplied out
LONGEST = 16_384  # bits of a coefficient that is listed
LOOKED_AT = 64  # nodes of a word, to put words in an order for people; beyond it the digest decides


def total(parts: Iterable[Node | None]) -> Node | None:
    """A sum of nodes without its zeros; None is zero."""
    given = tuple(part for part in parts if part is not None)
    return None if not given else given[0] if len(given) == 1 else Node(sp.Add, given)


def times(coefficient: Any, *factors: Node | None) -> Node | None:
    """A product of nodes, their numbers taken together in front; None is zero."""
    value: Any = sp.sympify(coefficient)
    kept: list[Node] = []
    for factor in factors:
        if factor is None:
            return None
        if isinstance(factor.op, Constant) and isinstance(factor.op.value, sp.Expr):
            value = value * factor.op.value
        elif (
            factor.op is sp.Mul
            and isinstance(factor.args[0].op, Constant)
            and isinstance(factor.args[0].op.value, sp.Expr)
        ):
            value = value * factor.args[0].op.value
            kept += factor.args[1:]
        else:
            kept.append(factor)
    if value == 0:
        return None
    if value != 1 or not kept:
        kept.insert(0, number(value))
    return kept[0] if len(kept) == 1 else Node(sp.Mul, tuple(kept))


def directional_of(value: Node, directions: Sequence[Direction]) -> Node:
    """The derivative of an applied layer in these directions, symmetric: they are put in a canonical order.

    >>> import symfold as sf
    >>> f, x, u, v = sf.layer("f"), sf.tensor("x"), sf.tensor("u"), sf.tensor("v")
    >>> directional_of(f(x), [(0, v), (0, u)]), directional_of(f(x), [(0, u), (0, v)]) is directional_of(f(x), [(0, v), (0, u)])
    (f''(x)[u, v], True)
    """
    arity, own = value.op.arity, value.args[: 1 + value.op.arity]
    return _directional(own, directions, (value,) if value.op.body is not None else (), arity)


def _directional(own: Sequence[Node], directions: Iterable[Direction], value: Sequence[Node], arity: int) -> Node:
    canonical = tuple(directions)
    if len(canonical) > 1:
        canonical = tuple(sorted(canonical, key=lambda direction: (direction[0], rank(direction[1]))))
    return directional(
        *own, *(node for _, node in canonical), *value, slots=tuple(slot for slot, _ in canonical), arity=arity
    )


def rank(node: Node) -> tuple[Any, ...]:
    """The place of a node in a canonical order: small ones first, then by their names, numbers in them as numbers."""
    found: list[Any] = []
    size, waiting = 0, [node]
    while waiting and size < LOOKED_AT:
        part = waiting.pop()
        size += 1
        if isinstance(part.op, Input):
            stem, digits = re.fullmatch(r"(.*?)(\d*)", part.op.name, re.S).groups()  # type: ignore[union-attr]
            found.append((stem, int(digits or -1)))
        elif isinstance(part.op, Formal):
            found.append(("", part.op.position))
        waiting += reversed(part.args)
    return size, found, digest(node)


# ---------------------------------------------------------------- expansion


def merged(parts: Iterable[Sum]) -> Sum:
    """A sum of sums, like terms merged."""
    found: Sum = {}
    for part in parts:
        for word, coefficient in part.items():
            found[word] = found.get(word, 0) + coefficient
    return {word: coefficient for word, coefficient in found.items() if coefficient != 0}


def ordered(terms: Sum) -> Sum:
    """The same terms in the canonical order."""
    return dict(sorted(terms.items(), key=lambda pair: rank(pair[0]))) if len(terms) > 1 else terms


def node_of(terms: Sum, shape: Shape = ()) -> Node:
    """A sum of terms as a node, in the canonical order; of none, zero in a shape."""
    made = total(times(coefficient, word) for word, coefficient in ordered(terms).items())
    return zeros_like(shape, ()) if made is None else made


def zeros_like(shape: Shape, jet: Sequence[Node | None]) -> Node:
    """Zeros in a shape; in an unknown one, in that of a coefficient."""
    if is_known(shape):
        return broadcast_to(number(0), shape=shape) if shape else number(0)
    like = next((one for one in jet if one is not None), None)
    return number(0) if like is None else broadcast_like(number(0), like)


class Expansion(Interpreter):
    """What a node means as a sum of terms, folds run step by step. `most` bounds the terms of one value, `work` those of all together."""

    def __init__(self, most: int, work: int | None = None):
        self.most = most
        self.work = work
        self.made = 0  # terms of all values, each counted as one at least

    def leaf(self, node: Node) -> Sum:
        if isinstance(node.op, Constant) and isinstance(node.op.value, sp.Expr):
            return {ONE: node.op.value} if node.op.value != 0 else {}
        return {node: sp.Integer(1)}

    def apply(self, node: Node, args: Sequence[Any]) -> Sum:
        found = self._apply(node, args)
        self._bounded(len(found))
        self.made += max(len(found), 1)
        if self.work is not None and self.made > self.work:
            raise TooLarge(
                f"a coefficient takes more than {self.work:,} terms to list (its recurrence is short: .formula(form='fold'))"
            )
        if any(_is_long(coefficient) for coefficient in islice(found.values(), 1)):
            raise TooLarge(
                f"a coefficient has numbers of more than {LONGEST:,} bits (its recurrence is short: .formula(form='fold'))"
            )
        return found

    def _bounded(self, size: int) -> None:
        if size > self.most:
            raise TooLarge(
                f"a coefficient has {size:,} terms or more, over the bound of {self.most:,} (its recurrence is short: .formula(form='fold'), and .counts says how many terms there are)"
            )

    def _apply(self, node: Node, args: Sequence[Sum]) -> Sum:
        if node.op is sp.Add:
            return merged(args)
        if node.op is sp.Mul:
            return self.distributed(args, _multiplied)
        if node.op is sp.Pow and (exponent := _whole_number(node.args[1])) is not None:
            return self._power(args[0], exponent, node)
        if is_primitive(node, directional):
            return self._derivative(node, args)
        groups = node.op.groups(len(args)) if isinstance(node.op, Apply) else ()
        if (
            groups
            and [k for group in groups for k in group] == list(range(len(args)))
            and all(len(group) == 1 for group in groups)
        ):
            return self.distributed(args, lambda words: node.op.rebuild(words))
        if any(all(not args[k] for k in group) for group in groups):
            return {}
        made = _nodes(node.args, args)
        return {node.op.rebuild(made) if hasattr(node.op, "rebuild") else Node(node.op, made): sp.Integer(1)}

    def distributed(self, args: Sequence[Sum], word: Any) -> Sum:
        """An operation that is linear in each argument, over all choices of a term from each."""
        chosen: list[tuple[tuple[Node, ...], Any]] = [((), sp.Integer(1))]
        for arg in args:
            self._bounded(len(chosen) * len(arg))
            chosen = [
                ((*words, one), weight * coefficient) for words, weight in chosen for one, coefficient in arg.items()
            ]
        return merged({word(words): weight} for words, weight in chosen)

    def _power(self, base: Sum, exponent: int, node: Node) -> Sum:
        """A power with a whole number: multiplied out where that is short."""
        if len(base) <= 1:
            return {_product(((word, exponent),)): coefficient**exponent for word, coefficient in base.items()}
        if comb(len(base) + min(exponent, MULTIPLIED) - 1, len(base) - 1) > MULTIPLIED:
            return {Node(sp.Pow, _nodes(node.args[:1], [base]) + node.args[1:]): sp.Integer(1)}
        found: Sum = {ONE: sp.Integer(1)}
        for _ in range(exponent):
            found = self.distributed([found, base], _multiplied)
        return found

    def _derivative(self, node: Node, args: Sequence[Sum]) -> Sum:
        attributes = dict(node.op.attributes)
        arity, slots = attributes["arity"], attributes["slots"]
        whole = _nodes(node.args, args)
        own, value = whole[: 1 + arity], whole[1 + arity + len(slots) :]
        return self.distributed(
            args[1 + arity : 1 + arity + len(slots)],
            lambda words: _directional(own, zip(slots, words, strict=True), value, arity),
        )

    def index(self, value: Any, position: int, node: Node) -> Sum:
        return {element(word, position): coefficient for word, coefficient in value.items()}

    def collect(self, entries: Entries, node: Node) -> Sum:
        return {stack([node_of(entry) for entry in entries]): sp.Integer(1)} if any(entries) else {}


def _nodes(places: Sequence[Node], args: Sequence[Sum]) -> tuple[Node, ...]:
    """Sums of terms where an operation is not linear, each as one node in the shape that it had there."""
    return tuple(node_of(arg, place.shape) for place, arg in zip(places, args, strict=True))


def _multiplied(words: Iterable[Node]) -> Node:
    kept = [word for word in words if word != ONE]
    return _product((word, 1) for word in kept) if len(kept) > 1 else kept[0] if kept else ONE


def _is_long(value: Any) -> bool:
    """Whether a number has so many bits that each step of a fold would cost more than the one before."""
    return isinstance(value, sp.Rational) and max(int(value.p).bit_length(), int(value.q).bit_length()) > LONGEST


def _product(words: Iterable[tuple[Node, int]]) -> Node:
    """A product of words to powers, without ones, like factors taken together, in the canonical order."""
    powers: dict[Node, int] = {}
    for word, exponent in words:
        for factor in word.args if word.op is sp.Mul else (word,):
            own = _whole_number(factor.args[1]) if factor.op is sp.Pow else None
            base, own = (factor, 1) if own is None else (factor.args[0], own)
            powers[base] = powers.get(base, 0) + own * exponent
    powers.pop(ONE, None)
    made = tuple(
        base if powers[base] == 1 else Node(sp.Pow, (base, number(powers[base]))) for base in sorted(powers, key=rank)
    )
    return Node(sp.Mul, made) if len(made) > 1 else made[0] if made else ONE


def _whole_number(node: Node) -> int | None:
    """The number from 2 up that a node is, if it is one."""
    value = node.op.value if isinstance(node.op, Constant) else None
    return int(value) if isinstance(value, sp.Integer) and value > 1 else None
