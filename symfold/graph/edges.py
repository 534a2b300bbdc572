"""What the edges of a block carry: a state, a skip, an item, a captured value, or data on its way through the step."""

from __future__ import annotations

from functools import lru_cache

import sympy as sp

from symfold.blocks import Block
from symfold.folds import Fold
from symfold.graph.labels import JOINS, operation_name
from symfold.nodes import Node
from symfold.operations import Formal
from symfold.walks import walk

Kinds = dict[Node, tuple[str, ...]]
_ARITHMETIC = {*JOINS, sp.Pow.__name__}


def formal_kinds(fold: Fold) -> tuple[str, ...]:
    """What each formal of a fold's block stands for."""
    return ("state",) * fold.carries + tuple("item" if each else "capture" for each in fold.each)


@lru_cache(maxsize=256)
def edge_kinds(block: Block, formals: tuple[str, ...]) -> Kinds:
    """For each operation of a block, what each of its arguments carries.

    A state that goes into a join beside the output of a layer (or of anything that is no plain arithmetic) is a skip:
    it went around that layer.
    """
    kinds: Kinds = {}
    worked: dict[Node, bool] = {}
    for node in walk(block.results):
        worked[node] = bool(node.args) and (operation_name(node.op) not in _ARITHMETIC or any(worked[arg] for arg in node.args))
        carried = [formals[arg.op.position] if isinstance(arg.op, Formal) else "data" for arg in node.args]
        if is_join(node):
            for port, kind in enumerate(carried):
                if kind == "state" and any(worked[arg] for k, arg in enumerate(node.args) if k != port):
                    carried[port] = "skip"
        kinds[node] = tuple(carried)
    return kinds


def is_join(node: Node) -> bool:
    """Whether a node brings values together: a sum, a product, a concatenation, a stack."""
    return operation_name(node.op) in JOINS
