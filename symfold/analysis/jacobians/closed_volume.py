"""Volume change in a symbolic depth: the determinant of a step whose block elimination needs only numbers as pivots.

    additive coupling: [[I, F], [G, I + G F]] has the determinant 1        z = 3*z + 1: 3**(m*n) for m entries

The entries are sums of ordered products of derivatives, so this holds whatever the layers are.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import sympy as sp

from symfold.analysis.counting.numbers import exact
from symfold.analysis.jacobians.chain import Chain
from symfold.analysis.jacobians.ordered import plain
from symfold.analysis.jacobians.words import Word, words_of
from symfold.core.folds import Fold, Select, fold_of
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.shapes import is_known
from symfold.core.stacked_inputs import is_input
from symfold.errors import NoRule

Entry = dict[Word, Any]  # the coefficient of each ordered product
ADVICE = "(give numbers instead: sf.determinant(net.at({}=10), params, ...))"


def closed_determinant(net: Net, depths: list[sp.Symbol]) -> sp.Expr:
    """The determinant of a net that folds its inputs, in a symbolic depth, for parts of one shape.

    Errors: NoRule, with the reason.
    """
    advice = ADVICE.format(depths[0])
    state, chain, total = tuple(net.outputs), Chain(net, listed=False), sp.Integer(1)
    while state != net.inputs:
        node = state[0].args[0] if isinstance(state[0].op, Select) else None
        if node is None or state != tuple(Node(Select(k), (node,)) for k in range(fold_of(state[0]).op.carries)):
            raise NoRule(f"the determinant has a closed form only if the net is a fold from its inputs {advice}")
        total *= step_determinant(chain, fold_of(state[0]), advice) ** fold_of(state[0]).op.count
        state = node.args[: fold_of(state[0]).op.carries]
    return sp.powsimp(total)


def step_determinant(chain: Chain, node: Node[Fold], advice: str) -> sp.Expr:
    """The determinant of one step of a fold, at each row."""
    fold = node.op
    if any(is_input(part) and part.op.role == "input" for part in walk(node.args[fold.carries :])):
        raise NoRule(f"the determinant has no closed form if the steps read an input besides the state {advice}")
    shapes = {*fold.block.shapes[: fold.carries], *(result.shape for result in fold.block.results[: fold.carries])}
    known = [shape for shape in shapes if is_known(shape)]
    if any(len(set(filter(_is_number, sizes))) > 1 for sizes in zip_longest(*known, fillvalue=0)):
        raise NoRule(f"the determinant has no closed form if the parts of the state differ in shape {advice}")
    walked, active = chain.reading.passes[node], [k < fold.carries for k in range(len(node.args))]
    first, second = (chain.at(walked, f"{walked.loop.variable}{mark}", active) for mark in ("", "_"))
    entries = [[words_of(value, chain.unit, 1_000, 0) for value in row] for row in first.matrix]
    number = eliminated([[{word: exact(c) for word, c in value.items()} for value in row] for row in entries])
    if number is None and plain(first.state) == plain(second.state):
        depth = next(iter(sp.sympify(fold.count).free_symbols))
        raise NoRule(
            f"the determinant after {fold.count} steps is that of one step to the power {fold.count} "
            f"(compute that: sf.determinant(net.at({depth}=1), params, ...))"
        )
    if number is None:
        raise NoRule(f"the determinant of a step depends on what its layers do at its state {advice}")
    size = next((shape[-1] if shape else 1 for shape in known if not shape or _is_number(shape[-1])), None)
    if number != 1 and size is None:
        raise NoRule(
            f"the determinant is {number} to the power of the unknown number of entries of a row "
            "(give the inputs a shape, as sf.tensor('x', (None, 3)))"
        )
    return number if number == 1 else number**size


def _is_number(size: object) -> bool:
    return isinstance(size, int)


def eliminated(rows: list[list[Entry]]) -> sp.Expr | None:
    """The determinant for parts of one entry by block elimination with numbers as pivots; None if they run out.

    >>> one = sp.Integer(1)
    >>> eliminated([[{(): one}, {("F",): one}], [{("G",): one}, {(): one, ("G", "F"): one}]])
    1
    """
    if not rows:
        return sp.Integer(1)
    pivot = next(((i, j) for i, row in enumerate(rows) for j, value in enumerate(row) if set(value) == {()}), None)
    if pivot is None:
        return sp.Integer(0) if any(not any(row) for row in rows) else None
    i, j = pivot
    number = rows[i][j][()]
    minor = []
    for k, row in enumerate(rows):
        if k != i:
            reduced = [_less(value, row[j], other, number) for value, other in zip(row, rows[i], strict=True)]
            minor.append([*reduced[:j], *reduced[j + 1 :]])
    rest = eliminated(minor)
    return None if rest is None else (-1) ** (i + j) * number * rest


def _less(value: Entry, left: Entry, right: Entry, number: sp.Expr) -> Entry:
    """value - left * right / number, with the order of factors kept."""
    total = dict(value)
    for a, factor in left.items():
        for b, other in right.items():
            total[a + b] = total.get(a + b, 0) - factor * other / number
    return {word: coefficient for word, coefficient in total.items() if coefficient != 0}
