"""What the edges of a block carry: a state, a skip, an item, a captured value, or data on its way through the step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import sympy as sp

from symfold.blocks import Block
from symfold.folds import Fold
from symfold.graph.labels import JOINS, operation_name
from symfold.layer_kinds import Call
from symfold.nodes import Node
from symfold.operations import Constant, Formal
from symfold.walks import walk

Kinds = dict[Node, tuple[str, ...]]
_ARITHMETIC = {*JOINS, sp.Pow.__name__}


def formal_kinds(fold: Fold) -> tuple[str, ...]:
    """What each formal of a fold's block stands for."""
    return ("state",) * fold.carries + tuple("item" if each else "capture" for each in fold.each)


@lru_cache(maxsize=256)
def edge_kinds(block: Block, formals: tuple[str, ...]) -> Kinds:
    """For each operation of a block, what each of its arguments carries.

    A state, or plain arithmetic on it, that meets what came through a layer (or through anything that is no plain
    arithmetic) is a skip, whatever the operation at which they meet: it went around that layer.
    """
    walked = walk(block.results)
    worked: set[Node] = set()
    stateful = {node for node in walked if isinstance(node.op, Formal) and formals[node.op.position] == "state"}
    for node in walked:
        if node.args and (operation_name(node.op) not in _ARITHMETIC or not worked.isdisjoint(node.args)):
            worked.add(node)
        if not stateful.isdisjoint(node.args):
            stateful.add(node)
    kinds: Kinds = {}
    straight = set(block.results)  # what is read otherwise than as a skip
    for node in reversed(walked):  # readers first
        met = _met(node, worked, stateful)
        goes_around = node not in worked and node not in straight
        carried = []
        for port, arg in enumerate(node.args):
            skips = arg in stateful and arg not in worked and (goes_around or any(k != port for k in met))
            if not skips:
                straight.add(arg)
            carried.append("skip" if skips else formals[arg.op.position] if isinstance(arg.op, Formal) else "data")
        kinds[node] = tuple(carried)
    return kinds


def _met(node: Node, worked: set[Node], stateful: set[Node]) -> list[int]:
    """The arguments of an operation at which a skip may end that came through a layer."""
    if isinstance(node.op, (Call, Fold)):
        return []
    plain = isinstance(node.op, type) or operation_name(node.op) in _ARITHMETIC
    return [port for port, arg in enumerate(node.args) if arg in worked and (plain or arg in stateful)]  # dot(z, W.T) is a layer's own


def is_join(node: Node, carried: Sequence[str]) -> bool:
    """Whether a node brings values together: a sum, a product, a concatenation, a stack, or where a skip meets what it went around."""
    if operation_name(node.op) in JOINS:
        return True
    return {"skip"} < set(carried) and not any(isinstance(arg.op, Constant) for arg in node.args)
