"""Reads: separate what the layers of a step read from what the step carries.

    z_k = f_k(u_k) + z_{k-1}     residual: u_k = z_{k-1}     boosting: u_k = x     grouped: u_k = state before the group

A residual step uses the state twice: the layer reads it, and the step carries it. With the two uses separate, the nets
between residual and boosting, and the sweeps from one to the other, are one block that reads different values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symfold.core.blocks import Call
from symfold.core.folds import Fold, fold_nodes
from symfold.core.net import Net
from symfold.core.nodes import Node, substitute, walk, with_args
from symfold.core.primitives import is_primitive, logsumexp, softmax
from symfold.core.sequences import stack
from symfold.core.shapes import Size
from symfold.errors import InvalidValue
from symfold.transform.rolling import roll

Operand = tuple[Node, bool]  # a value, and whether it is a sequence with one entry per step

CARRIED = (sp.Add, sp.Mul, sp.Pow)  # arithmetic carries its arguments; every other function reads them


def with_fold(net: Any, parts: str) -> Net:
    """The net, with its steps found if they are written out; an error if there are none."""
    base = Net.of(net)
    if not base.bindings:
        base = roll(base)
    if not base.bindings:
        raise InvalidValue(
            f"the net has no fold and no repeated steps, so there are no {parts} (make its steps a fold: sf.fold)"
        )
    return base


def reads(node: Node) -> bool:
    """Whether a node reads its arguments: a layer, a SymPy function other than arithmetic, or an inner fold."""
    op = node.op
    if isinstance(op, type):
        return op not in CARRIED
    return isinstance(op, (Call, Fold)) or is_primitive(node, softmax, logsumexp)


def step_reading(fold: Fold, state: Sequence[Node], read: Sequence[Node], operands: Sequence[Node]) -> tuple[Node, ...]:
    """The results of one step whose layers read one state while it carries another.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
    >>> z, u = sf.tensor("z"), sf.tensor("u")
    >>> (fold,) = net.bindings
    >>> name = sf.layer("f").leaves[0]
    >>> step_reading(fold.op, [z], [u], [name])
    (f(u) + z,)
    """
    formals, results = fold.block.formals, fold.block.results
    carried = dict(zip(formals, (*state, *operands), strict=True))
    outermost = [node for node in _carrying(results) if reads(node)]
    inside = substitute(outermost, dict(zip(formals, (*read, *operands), strict=True)))
    new: dict[Node, object] = {**carried, **dict(zip(outermost, inside, strict=True))}
    for node in walk(results, stop=new):
        new[node] = with_args(node, tuple(new[arg] for arg in node.args))
    return tuple(new[result] for result in results)  # type: ignore[misc]


def fold_reading(
    fold: Fold,
    count: Size,
    init: Sequence[Node],
    read: Sequence[Operand],
    operands: Sequence[Operand],
    keep: bool = False,
) -> tuple[Node, ...]:
    """The fold whose layers read these values; with `keep`, the states before each step are outputs too."""
    carries = fold.carries
    if count == 1:  # the layer of a single step is stacked, so that its call stays inside the step
        operands = [(value if each else stack([value]), True) for value, each in operands]
    values = [*read, *operands]

    def step(formals: Sequence[Node]) -> tuple[Node, ...]:
        state, entries = formals[:carries], iter(formals[carries:])
        entry_values = [next(entries) if each else value for value, each in values]
        results = step_reading(fold, state, entry_values[:carries], entry_values[carries:])
        return (*results, *state) if keep else results

    return fold_nodes(step, count, init, [value for value, each in values if each])


def _carrying(results: Sequence[Node]) -> list[Node]:
    """The nodes that carry values into the results, down to the nodes that read."""
    seen: dict[Node, None] = {}
    waiting = list(reversed(results))
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen[node] = None
            waiting += () if reads(node) else reversed(node.args)
    return list(seen)
