"""Closed layers: how many layers the body of a layer holds."""

from __future__ import annotations

from symfold.core.blocks import Block, Call
from symfold.core.nodes import walk
from symfold.core.primitives import (
    concatenate,
    expand,
    is_apply,
    is_primitive,
    item,
    opaque,
    permute,
    reshape,
    squeeze,
    swap,
)
from symfold.core.sequences import reverse_row, stack_row, take_row

ARRANGED = (
    stack_row,
    take_row,
    reverse_row,
    concatenate,
    item,
    reshape,
    expand,
    squeeze,
    swap,
    permute,
)  # a parameter in another arrangement


def layers_inside(op: Call) -> int:
    """The number of layers that a layer's body holds: operations of weights and values, but elementwise ones.

    >>> import symfold as sf
    >>> x = sf.tensor("x", (2, 3))
    >>> two = sf.layer("f", lambda z, V, W: (z @ V) @ W, V=(3, 4), W=(4, 3))
    >>> [layers_inside(sf.Net.of(f(x)).outputs[0].op) for f in (two, sf.layer("g", sf.dense(3, 3)), sf.layer("h"))]
    [2, 1, 1]
    """
    if op.body is None:
        return 1
    weights = set(op.body.formals[op.arity :])
    number = 0
    for node in walk(op.body.results):
        if not is_apply(node):
            number += layers_inside(node.op) if isinstance(node.op, Call) else 0
        elif is_primitive(node, *ARRANGED):
            if node.args and weights.issuperset(node.args):
                weights.add(node)
        elif weights.intersection(node.args):
            number += 1
    return max(1, number)


def is_unknown(body: Block | None) -> bool:
    """Whether the body of a layer is an operation that symfold does not know."""
    return body is not None and any(is_primitive(node, opaque) for node in body.results)
