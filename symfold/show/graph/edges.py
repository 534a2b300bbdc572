"""What the edges of a block carry: a state, a skip, an item, a captured value, or data on its way through the step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache

import sympy as sp

from symfold.core.applied_layers import Call
from symfold.core.blocks import Block
from symfold.core.folds import Fold
from symfold.core.nodes import Node
from symfold.core.operations import Constant, Formal
from symfold.core.walks import walk
from symfold.show.graph.labels import JOINS, operation_name

Kinds = dict[Node, tuple[str, ...]]
_ARITHMETIC = {*JOINS, sp.Pow.__name__, "item", "take", "reverse", "expand", "squeeze"}  # and what only arranges


def formal_kinds(fold: Fold) -> tuple[str, ...]:
    """What each formal of a fold's block stands for."""
    return ("state",) * fold.carries + tuple("item" if each else "capture" for each in fold.each)


@lru_cache(maxsize=256)
def edge_kinds(block: Block, formals: tuple[str, ...]) -> Kinds:
    """For each operation of a block, what each of its arguments carries.

    A state, or plain arithmetic on it, that meets what came through a layer (or through anything that is no plain
    arithmetic) is a skip, whatever the operation at which they meet: it went around that layer. What everything of the
    state goes through inside of a step is like a state from there on, for what goes around a layer that reads it.
    """
    walked = walk(block.results)
    worked: set[Node] = set()
    called: set[Node] = set()  # came through a layer since the last passage
    inner: set[Node] = set()  # a passage that came through something, and what follows it
    stateful = {node for node in walked if isinstance(node.op, Formal) and formals[node.op.position] == "state"}
    states = frozenset(stateful)
    for node in walked:
        if not stateful.isdisjoint(node.args):
            stateful.add(node)
    begun = passages(walked, stateful, states, block.results)
    for node in walked:
        if node.args and (operation_name(node.op) not in _ARITHMETIC or not worked.isdisjoint(node.args)):
            worked.add(node)
        if node in stateful and (isinstance(node.op, (Call, Fold)) or not called.isdisjoint(node.args)):
            called.add(node)
        if not inner.isdisjoint(node.args):
            inner.add(node)
        if node in begun and node in worked:
            worked.remove(node)
            called.discard(node)
            inner.add(node)
        else:
            begun.discard(node)
    kinds: Kinds = {}
    straight = {*block.results, *begun}  # what is read otherwise than as a skip
    for node in reversed(walked):  # readers first
        met = _met(node, worked, stateful)
        goes_around = node not in worked and node not in straight
        carried = []
        for port, arg in enumerate(node.args):
            meets = any(k != port and (arg not in inner or node.args[k] in called) for k in met)
            skips = arg in stateful and arg not in worked and (goes_around or meets)
            if not skips:
                straight.add(arg)
            carried.append("skip" if skips else formals[arg.op.position] if isinstance(arg.op, Formal) else "data")
        kinds[node] = tuple(carried)
    return kinds


def passages(
    walked: Sequence[Node], stateful: Collection[Node], states: Collection[Node], results: Sequence[Node]
) -> set[Node]:
    """The operations that all goes through which the results read of the states: no way leads past them."""
    last: dict[Node, int] = {}
    for place, node in enumerate(walked):
        last |= {arg: place for arg in node.args if arg in stateful}
    last |= {node: len(walked) for node in results if node in stateful}
    found = set()
    until = max((last[state] for state in states), default=0)
    for place, node in enumerate(walked):
        if node in stateful and node not in states:
            if until <= place:
                found.add(node)
            until = max(until, last[node])
    return found


def _met(node: Node, worked: set[Node], stateful: set[Node]) -> list[int]:
    """The arguments of an operation at which a skip may end that came through a layer."""
    if isinstance(node.op, (Call, Fold)):
        return []
    plain = isinstance(node.op, type) or operation_name(node.op) in _ARITHMETIC
    return [
        port for port, arg in enumerate(node.args) if arg in worked and (plain or arg in stateful)
    ]  # dot(z, W.T) is a layer's own


def is_join(node: Node, carried: Sequence[str]) -> bool:
    """Whether a node brings values together: a sum, a product, a concatenation, a stack, or where a skip meets what it went around."""
    if operation_name(node.op) in JOINS:
        return True
    return {"skip"} < set(carried) and not any(isinstance(arg.op, Constant) for arg in node.args)
