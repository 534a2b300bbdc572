"""Counting the terms of a coefficient on its folded form, if each step adds terms that no earlier step had.

    c2_k = f_k'(x)[c1_{k-1}] + c2_{k-1}    gives    N2(k) = N1(k-1) + N2(k-1):    N2(n) = n (n - 1) / 2

The layers of a step, such as f_k and g_k, are in no earlier term, and terms of different orders differ, so nothing
merges: the count of order m is a polynomial in the depth of degree at most m, by Newton's differences at 0. Numbers
that a step multiplies by, as in c1_k = f_k(c0_{k-1}) + 2 c1_{k-1}, change no count, nor does the point at which a layer
is evaluated, if it has only one per step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from math import comb, prod
from typing import Any

import sympy as sp

from symfold.analysis.strength.multilinear import Expansion
from symfold.core.blocks import Call
from symfold.core.folds import Fold, Select, fold_of
from symfold.core.names import Claims, names_of
from symfold.core.nodes import Node, walk
from symfold.core.primitives import directional, is_primitive
from symfold.core.shapes import Size
from symfold.core.stacked_inputs import StackedInputs

MOST = 5_000  # terms of one step

# new terms of a step without earlier coefficients; products of these, by position, grouped by the layer that takes them
Row = tuple[int, list[list[list[int]]]]


def closed_count(jet: Sequence[Node | None]) -> Any:
    """The number of terms of the last of some coefficients, at any depth, also a symbolic one; None if unknown.

    >>> import symfold as sf
    >>> from symfold.analysis.strength.jets import jets
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f", count="n"), sf.tensor("x"))
    >>> [closed_count(jets(net.outputs, order)[0]) for order in (1, 2, 3)]
    [n, n*(n - 1)/2, n*(n - 1)*(2*n - 1)/6]
    """
    last = jet[-1]
    if last is None:
        return 0
    if not isinstance(last.op, Select):
        return None
    fold = fold_of(last)
    if len(fold.op.block.results) != fold.op.carries:
        return None
    if len(jet) == 1:
        return _constant_count(fold)
    powers = {
        coefficient.op.position: power
        for power, coefficient in enumerate(jet)
        if coefficient is not None and isinstance(coefficient.op, Select) and coefficient.args == last.args
    }
    points = [place for place, power in powers.items() if power == 0]  # where layers are evaluated, if that changes
    if sorted(powers) != list(range(fold.op.carries)) or not _adds_layers(fold, points):
        return None
    rows = _rows(fold.op, points)
    return None if rows is None else _counted(rows, last.op.position, powers[last.op.position], fold.op.count)


def _constant_count(node: Node[Fold]) -> int | None:
    """The number of terms of a state at every depth, if each step scales it and adds equal terms that never cancel."""
    fold = node.op
    if (
        fold.carries != 1
        or any(fold.each)
        or any(isinstance(part.op, Fold) for part in walk((*fold.block.results, *node.args)))
    ):
        return None
    initial, *operands = Expansion(MOST).run(node.args)
    state = fold.block.formals[0]
    terms = dict(zip(fold.block.formals, [{state: sp.Integer(1)}, *operands], strict=True))
    added = dict(Expansion(MOST).run(fold.block.results, terms)[0])
    factor = added.pop(state, 0)
    if not getattr(factor, "is_Number", False) or factor == 0 or _reads(list(added), {state: 0}):
        return None
    first = {word: initial.get(word, 0 if isinstance(fold.count, int) else None) for word in added}
    if any(value is None or factor < 0 or value * added[word] < 0 for word, value in first.items()):
        return None
    return len(initial.keys() | added.keys())


def _adds_layers(node: Node[Fold], points: Sequence[int]) -> bool:
    """Whether a fold starts from zero, except for its points, and applies sequences of distinct layers only."""
    fold = node.op
    operands = node.args[fold.carries :]
    sequences = [operand for operand, each in zip(operands, fold.each, strict=True) if each]
    rest = [operand for operand, each in zip(operands, fold.each, strict=True) if not each]
    initial = [arg for place, arg in enumerate(node.args[: fold.carries]) if place not in points]
    return (
        len(sequences) > 0
        and all(isinstance(sequence.op, StackedInputs) and sequence.op.role == "layer" for sequence in sequences)
        and all(apart(one, other) for one, other in combinations(sequences, 2))
        and not any(isinstance(part.op, (Call, Fold)) for part in walk((*rest, *node.args[: fold.carries])))
        and not any(Expansion(MOST).run(initial))
    )


def apart(one: Node, other: Node) -> bool:
    """Whether two sequences of layers are known to have no name in common."""
    claims: Claims[int] = Claims()
    return all(claims.add(names_of(sequence), place) is None for place, sequence in enumerate((one, other)))


def _rows(fold: Fold, points: Sequence[int]) -> list[Row] | None:
    """What a step adds to each coefficient; None if counts alone do not describe it."""
    block = fold.block
    if any(isinstance(node.op, Fold) for node in walk(block.results)):
        return None
    formals = block.formals
    state = {formal: place for place, formal in enumerate(formals[: fold.carries])}
    names = [formals[fold.carries + place] for place, each in enumerate(fold.each) if each]
    rows: list[Row] = []
    arguments: dict[Node, set[tuple[Node, ...]]] = {name: set() for name in names}
    results = Expansion(MOST).run(block.results, {formal: {formal: sp.Integer(1)} for formal in formals})
    for place, terms in enumerate(results):
        if place in points:
            rows.append((0, []))
            continue
        if formals[place] not in terms:
            return None
        fresh, products = 0, []
        for word in terms:
            if word is formals[place]:
                continue
            groups: list[list[int]] = []
            for part in word.args if word.op is sp.Mul else (word,):
                factors = _factors(part, state, names)
                if factors is None:
                    return None
                arguments[part.args[0]].add(part.args[1 : 1 + _arity(part)])
                groups += [factors] if factors else []
            if word.op is sp.Mul and len({part.args[0] for part in word.args}) < len(word.args):
                return None  # two factors of one layer may change places
            if groups:
                products.append(groups)
            else:
                fresh += 1
        rows.append((fresh, products))
    for places in arguments.values():
        if len(places) > 1 and any(_reads(args, state) for args in places):
            return None  # equal arguments would merge terms
    return rows


def _factors(word: Node, state: Mapping[Node, int], names: Sequence[Node]) -> list[int] | None:
    """The coefficients, by position, that a word of a layer of this step is linear in; None for other words."""
    if not word.args or word.args[0] not in names:
        return None
    if isinstance(word.op, Call):
        return []
    if not is_primitive(word, directional):
        return None
    attributes = dict(word.op.attributes)
    arity, slots = attributes["arity"], attributes["slots"]
    directions = word.args[1 + arity : 1 + arity + len(slots)]
    if len(set(slots)) > 1 or len(word.args) > 1 + arity + len(slots):
        return None
    moving = [direction for direction in directions if _reads([direction], state)]
    if len(moving) == 1 and moving[0] not in state:  # f_k'(0)[g_k'(x)[c1]] is linear in what its direction is linear in
        inner = _factors(moving[0], state, names)
        return inner if inner and not _reads(moving[0].args[1 : 1 + _arity(moving[0])], state) else None
    return [state[direction] for direction in moving] if all(direction in state for direction in moving) else None


def _arity(word: Node) -> int:
    """The number of arguments of a layer, or of the layer of a directional derivative."""
    if isinstance(word.op, Call):
        return word.op.arity
    assert is_primitive(word, directional)
    return int(dict(word.op.attributes)["arity"])


def _reads(parts: Sequence[Node], state: Mapping[Node, int]) -> bool:
    return any(node in state for node in walk(parts))


def _counted(rows: Sequence[Row], position: int, power: int, depth: Size) -> Any:
    """The count at a depth, a polynomial of degree at most `power`, by Newton's differences at 0."""
    counts = [0] * len(rows)
    values = [0]
    for _ in range(power):
        counts = [
            counts[place]
            + fresh
            + sum(
                prod(
                    comb(counts[factor] + repeats - 1, repeats) if counts[factor] else 0
                    for group in product
                    for factor, repeats in Counter(group).items()
                )
                for product in products
            )
            for place, (fresh, products) in enumerate(rows)
        ]
        values.append(counts[position])
    differences = []
    while values:
        differences.append(values[0])
        values = [b - a for a, b in pairwise(values)]
    if isinstance(depth, int):
        return sum(difference * comb(depth, k) for k, difference in enumerate(differences))
    return sp.factor(sum(difference * sp.ff(depth, k) / sp.factorial(k) for k, difference in enumerate(differences)))
