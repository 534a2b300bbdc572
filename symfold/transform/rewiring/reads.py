"""Reads: what the layers of a step read, told apart from what the step carries on.

    z_k = f_k(u_k) + z_{k-1}     residual: u_k = z_{k-1}     boosting: u_k = x     grouped: u_k = the state before the group

In a residual step the state stands twice: once read by the layer, once carried. With the two told apart, the nets between
residual and boosting, and the sweeps that lead from one to the other, are one block with other things to read.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symfold.core.applied_layers import Call
from symfold.core.folds import Fold, fold_nodes
from symfold.core.nodes import Node
from symfold.core.primitives import is_primitive, logsumexp, softmax
from symfold.core.sequences import stack
from symfold.core.shapes import Size
from symfold.core.walks import substitute, walk, with_args

Operand = tuple[Node, bool]  # a value, and whether it is a sequence with one entry a step

CARRIED = (sp.Add, sp.Mul, sp.Pow)  # arithmetic joins what it is given; every other function reads it


def reads(node: Node) -> bool:
    """Whether a node is where something is read: a layer applied, a function of SymPy's, a fold inside of the step."""
    op = node.op
    if isinstance(op, type):
        return op not in CARRIED
    return isinstance(op, (Call, Fold)) or is_primitive(node, softmax, logsumexp)


def read_apart(fold: Fold, state: Sequence[Node], read: Sequence[Node], operands: Sequence[Node]) -> tuple[Node, ...]:
    """The results of one step whose layers read one state while another one is carried on.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
    >>> z, u = sf.tensor("z"), sf.tensor("u")
    >>> (fold,) = net.bindings
    >>> name = sf.layer("f").leaves[0]
    >>> read_apart(fold.op, [z], [u], [name])
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


def fold_apart(
    fold: Fold,
    count: Size,
    init: Sequence[Node],
    read: Sequence[Operand],
    operands: Sequence[Operand],
    keep: bool = False,
) -> tuple[Node, ...]:
    """The fold over the same items, its layers reading given values; with `keep` it gives out the state before each step too."""
    carries = fold.carries
    if count == 1:  # what a single step applies is its own all the same, and is not computed outside of it
        operands = [(value if each else stack([value]), True) for value, each in operands]
    values = [*read, *operands]

    def step(formals: Sequence[Node]) -> tuple[Node, ...]:
        state, entries = formals[:carries], iter(formals[carries:])
        own = [next(entries) if each else value for value, each in values]
        results = read_apart(fold, state, own[:carries], own[carries:])
        return (*results, *state) if keep else results

    return fold_nodes(step, count, init, [value for value, each in values if each])


def _carrying(results: Sequence[Node]) -> list[Node]:
    """What the results are joined from, down to where something is read."""
    seen: dict[Node, None] = {}
    waiting = list(reversed(results))
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen[node] = None
            waiting += () if reads(node) else reversed(node.args)
    return list(seen)
