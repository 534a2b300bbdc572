"""Closed layers: those that hold several layers, or an unknown operation. Counts take each for one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symfold.core.blocks import Block, Call
from symfold.core.folds import Fold
from symfold.core.layer_visits import visits
from symfold.core.names import show_names
from symfold.core.nodes import Node, walk
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
from symfold.core.stacked_inputs import Leaf, count_of
from symfold.errors import plural

SHOWN = 4  # families of names in a note

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
    return 1 if op.body is None else max(1, _layers(op.body.results, set(op.body.formals[op.arity :])))


def _layers(roots: Sequence[Node], weights: set[Node]) -> int:
    """The number of layers of some roots, given their weights; each step of a fold has its own."""
    number = 0
    for node in walk(roots):
        if isinstance(node.op, Fold):
            read = {formal for formal, arg in zip(node.op.block.formals, node.args, strict=True) if arg in weights}
            each = _layers(node.op.block.results, read)
            number += each * node.op.count if isinstance(node.op.count, int) else 2 * each
        elif not is_apply(node):
            number += layers_inside(node.op) if isinstance(node.op, Call) else 0
        elif is_primitive(node, *ARRANGED):
            if node.args and weights.issuperset(node.args):
                weights.add(node)
        elif weights.intersection(node.args):
            number += 1
    return number


def is_unknown(body: Block | None) -> bool:
    """Whether the body of a layer is an operation that symfold does not know."""
    return body is not None and any(is_primitive(node, opaque) for node in body.results)


def closed_layers(roots: Sequence[Node]) -> dict[tuple[Leaf, ...], int | None]:
    """The layers that hold several layers, by the leaves of their names, with how many; None for an unknown operation.

    >>> import symfold as sf
    >>> f = sf.layers("f1:4", sf.perceptron(3, 4))
    >>> net = sf.fold(sf.mappers.residual, f, sf.tensor("x", (2, 3)))
    >>> [(leaf.op.names, number) for (leaf,), number in closed_layers(net.outputs).items()]
    [(Numbered(prefix='f', start=1, count=3, step=1), 2)]
    """
    result: dict[tuple[Leaf, ...], int | None] = {}
    numbers: dict[Call, int | None] = {}
    for visit in visits(roots):
        if isinstance(op := visit.node.op, Call):
            if op not in numbers:
                numbers[op] = None if is_unknown(op.body) else layers_inside(op)
            if numbers[op] != 1:
                result[visit.leaves] = numbers[op]
    return result


def note_on_closed(roots: Sequence[Node]) -> str:
    """What counts of paths and layers do not see, in words; empty if nothing."""
    closed = closed_layers(roots)
    parts = []
    for several, holds in ((True, "several layers inside"), (False, "an unknown operation")):
        families = [names for names, number in closed.items() if (number is not None) is several]
        total: Any = sum(count_of(leaf.op.names) for names in families for leaf in names)
        if families:
            shown = ", ".join(show_names([leaf.op.names for leaf in names], 3) for names in families[:SHOWN])
            more = ", ..." if len(families) > SHOWN else ""
            parts.append(f"{shown}{more}: {plural(total, 'layer')} with {holds}, each counted as one")
    return "; ".join(parts)
