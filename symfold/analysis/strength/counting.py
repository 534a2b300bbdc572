"""Counting the terms of a coefficient on its folded form, where each step adds terms that no earlier step had.

    c2_k = f_k'(x)[c1_{k-1}] + c2_{k-1}    gives    N2(k) = N1(k-1) + N2(k-1):    N2(n) = n (n - 1) / 2

The layer f_k of a step is in no earlier term, and terms of different orders differ, so nothing merges: of order m they are
a polynomial in the depth of degree at most m, found by its differences at 0. Numbers that a step multiplies by, as in
c1_k = f_k(c0_{k-1}) + 2 c1_{k-1}, change no count, and neither does where f_k is taken, if a step takes it at one place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import comb, prod
from typing import Any

import sympy as sp

from symfold.analysis.strength.multilinear import Expansion
from symfold.core.applied_layers import Call
from symfold.core.folds import Fold, Select
from symfold.core.nodes import Node
from symfold.core.primitives import directional, is_primitive
from symfold.core.shapes import Size
from symfold.core.stacked_inputs import StackedInputs
from symfold.core.walks import walk

MOST = 5_000  # terms of one step

Row = tuple[int, list[list[int]]]  # terms that a step adds by itself; products of earlier coefficients, by position


def closed_count(jet: Sequence[Node | None]) -> Any:
    """How many terms the last of these coefficients has, at any depth and in a symbolic one; None where that is not known.

    >>> import symfold as sf
    >>> from symfold.analysis.strength.jets import jets
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f", count="n"), sf.tensor("x"))
    >>> [closed_count(jets(net.outputs, order)[0]) for order in (1, 2, 3)]
    [n, n*(n - 1)/2, n*(n - 1)*(2*n - 1)/6]
    """
    last = jet[-1]
    if last is None:
        return 0
    fold = last.args[0] if isinstance(last.op, Select) else None
    if fold is None or len(fold.op.block.results) != fold.op.carries:
        return None
    if len(jet) == 1:
        return _lasting(fold)
    powers = {
        one.op.position: power
        for power, one in enumerate(jet)
        if one is not None and isinstance(one.op, Select) and one.args == last.args
    }
    points = [place for place, power in powers.items() if power == 0]  # where layers are taken, if it moves
    if sorted(powers) != list(range(fold.op.carries)) or not _grows_by_layers(fold, points):
        return None
    rows = _rows(fold.op, points)
    return None if rows is None else _counted(rows, last.op.position, powers[last.op.position], fold.op.count)


def _lasting(node: Node) -> int | None:
    """How many terms the state of a fold has at every depth, if each step multiplies it by a number and adds no term that could cancel."""
    fold = node.op
    if (
        fold.carries != 1
        or any(fold.each)
        or any(isinstance(part.op, Fold) for part in walk((*fold.block.results, *node.args)))
    ):
        return None
    begun, *operands = Expansion(MOST).run(node.args)
    state = fold.block.formals[0]
    known = dict(zip(fold.block.formals, [{state: sp.Integer(1)}, *operands], strict=True))
    added = dict(Expansion(MOST).run(fold.block.results, known)[0])
    factor = added.pop(state, 0)
    if not getattr(factor, "is_Number", False) or factor == 0 or _holds(list(added), {state: 0}):
        return None
    first = {word: begun.get(word, 0 if isinstance(fold.count, int) else None) for word in added}
    if any(one is None or factor < 0 or one * added[word] < 0 for word, one in first.items()):
        return None
    return len(begun.keys() | added.keys())


def _grows_by_layers(node: Node, points: Sequence[int]) -> bool:
    """Whether a fold begins at zero, its points aside, and reads one sequence of layers of different names, and no other layer."""
    fold = node.op
    operands = node.args[fold.carries :]
    listed = [operand for operand, each in zip(operands, fold.each, strict=True) if each]
    rest = [operand for operand, each in zip(operands, fold.each, strict=True) if not each]
    begun = [arg for place, arg in enumerate(node.args[: fold.carries]) if place not in points]
    return (
        len(listed) == 1
        and isinstance(listed[0].op, StackedInputs)
        and listed[0].op.role == "layer"
        and not any(isinstance(part.op, (Call, Fold)) for part in walk((*rest, *node.args[: fold.carries])))
        and not any(Expansion(MOST).run(begun))
    )


def _rows(fold: Fold, points: Sequence[int]) -> list[Row] | None:
    """What a step adds to each coefficient; None where that is not told by counts alone."""
    block = fold.block
    if any(isinstance(node.op, Fold) for node in walk(block.results)):
        return None
    own = block.formals
    state = {formal: place for place, formal in enumerate(own[: fold.carries])}
    name = own[fold.carries + fold.each.index(True)]
    rows: list[Row] = []
    taken_at: set[tuple[Node, ...]] = set()
    for place, terms in enumerate(
        Expansion(MOST).run(block.results, {formal: {formal: sp.Integer(1)} for formal in own})
    ):
        if place in points:
            rows.append((0, []))
            continue
        if own[place] not in terms:
            return None
        fresh, products = 0, []
        for word in terms:
            if word is own[place]:
                continue
            grown = _grown(word, state, name)
            if grown is None:
                return None
            taken_at.add(word.args[1 : 1 + _arity(word)])
            products.append(grown) if grown else None
            fresh += not grown
        rows.append((fresh, products))
    moving = any(_holds(args, state) for args in taken_at)
    return None if moving and len(taken_at) > 1 else rows  # places that move may meet, and terms there merge


def _grown(word: Node, state: Mapping[Node, int], name: Node) -> list[int] | None:
    """The coefficients, by position, that a word of a step's own layer is linear in; None where it is another word."""
    if not word.args or word.args[0] is not name:
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
    moving = [one for one in directions if _holds([one], state)]
    return [state[one] for one in moving] if all(one in state for one in moving) else None


def _arity(word: Node) -> int:
    return int(word.op.arity if isinstance(word.op, Call) else dict(word.op.attributes)["arity"])


def _holds(parts: Sequence[Node], state: Mapping[Node, int]) -> bool:
    return any(node in state for node in walk(parts))


def _counted(rows: Sequence[Row], position: int, power: int, depth: Size) -> Any:
    """The count at a depth: of order m, a polynomial of degree at most m, by Newton's differences at 0."""
    counts = [0] * len(rows)
    values = [0]
    for _ in range(power):
        counts = [
            counts[place]
            + fresh
            + sum(
                prod(
                    comb(counts[one] + taken - 1, taken) if counts[one] else 0
                    for one, taken in Counter(product).items()
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
