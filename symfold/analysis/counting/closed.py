"""Closed layers: those that hold several layers, or an unknown operation. Counts take each for one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from symfold.core.blocks import Call, is_name
from symfold.core.closed_layers import is_unknown, layers_inside
from symfold.core.folds import Fold
from symfold.core.names import show_names
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.stacked_inputs import Leaf, count_of, is_leaf
from symfold.errors import plural

SHOWN = 4  # families of names in a note


def closed_layers(net: Net) -> dict[tuple[Leaf, ...], int | None]:
    """The layers of a net that hold several layers, by their names, with how many; None for an unknown operation."""
    result: dict[tuple[Leaf, ...], int | None] = {}
    for names, op in _calls(net.outputs, {}):
        number = None if is_unknown(op.body) else layers_inside(op)
        if number != 1:
            result[names] = number
    return result


def _calls(roots: Sequence[Node], read: Mapping[Node, tuple[Leaf, ...]]) -> Iterator[tuple[tuple[Leaf, ...], Call]]:
    """The layers that nodes apply, with the leaves that hold their names."""
    names = dict(read)
    for node in walk(roots):
        if is_leaf(node):
            names[node] = (node,)
        elif is_name(node) and node not in names:
            names[node] = tuple(dict.fromkeys(leaf for arg in node.args for leaf in names.get(arg, ())))
        elif isinstance(node.op, Call):
            yield names.get(node.args[0], ()), node.op
        elif isinstance(node.op, Fold):
            bound = zip(node.op.block.formals, node.args, strict=True)
            yield from _calls(node.op.block.results, {formal: names[arg] for formal, arg in bound if arg in names})


def note_on_closed(net: Net) -> str:
    """What counts of paths and layers do not see, in words; empty if nothing."""
    closed = closed_layers(net)
    parts = []
    for several, holds in ((True, "several layers inside"), (False, "an unknown operation")):
        families = [names for names, number in closed.items() if (number is not None) is several]
        total: Any = sum(count_of(leaf.op.names) for names in families for leaf in names)
        if families:
            shown = ", ".join(show_names([leaf.op.names for leaf in names], 3) for names in families[:SHOWN])
            more = ", ..." if len(families) > SHOWN else ""
            parts.append(f"{shown}{more}: {plural(total, 'layer')} with {holds}, each counted as one")
    return "; ".join(parts)
