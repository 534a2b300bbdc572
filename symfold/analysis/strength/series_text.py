"""Series as formulas: the polynomial in epsilon as a node for display, and the letters of its recurrences."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symfold.analysis.strength.multilinear import times, total
from symfold.core.folds import Select
from symfold.core.leaves import number, tensor
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.frontend.named_layers import Layer
from symfold.show.notation.loops import stems_of

EPSILON = "epsilon"


def polynomial(coefficients: Sequence[Node | None]) -> Node:
    """The sum of coefficients times powers of epsilon, and O of the next power; for display, not for computation."""
    strength = tensor(EPSILON, ())
    powers = [None, strength, *(Node(sp.Pow, (strength, number(power))) for power in range(2, len(coefficients) + 1))]
    terms = [
        value
        if value is None or factor is None
        else times(1, factor, *(value.args if value.op is sp.Mul else (value,)))
        for factor, value in zip(powers, coefficients, strict=False)
    ]
    remainder = powers[len(coefficients)]
    node = total([*terms, None if remainder is None else Layer("O")(remainder)])
    assert node is not None
    return node


def state_letters(net: Net, rows: Sequence[Sequence[Node | None]]) -> tuple[str, ...]:
    """The names c1, c2, ... of the states of a single fold, by their orders, if that names all of them."""
    folds = net.bindings
    if len(folds) != 1 or len(net.outputs) != 1:
        return ()
    names = {
        node.op.position: f"c{power}"
        for power, row in enumerate(rows)
        for node in row
        if node is not None and isinstance(node.op, Select) and node.args[0] is folds[0]
    }
    complete = all(place in names for place in range(folds[0].op.carries)) and "c" not in stems_of(net)
    return tuple(names[place] for place in range(folds[0].op.carries)) if complete else ()
