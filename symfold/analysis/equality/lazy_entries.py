"""An interpreter that reads entries when they are asked for: a million names of layers cost what three cost."""

from __future__ import annotations

from typing import Any

from symfold.core.blocks import Block
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.nodes import Node
from symfold.core.operations import Constant, Input
from symfold.core.primitives import is_primitive
from symfold.core.sequences import element, renewed, reverse_row, take_row
from symfold.core.shapes import NAME
from symfold.core.stacked_inputs import Family, known_count
from symfold.frontend.layer_kinds import is_name


class NameSequence(Entries):
    """A sequence of names of layers, each made when asked for."""

    def __init__(self, node: Node, meaning: Any):
        super().__init__()
        self.node, self.meaning = node, meaning

    def __getitem__(self, position: Any) -> Any:
        return self.meaning(name_at(self.node, position))


def name_at(sequence: Node, position: int) -> str:
    """One name of a sequence of names."""
    if isinstance(sequence.op, Family):
        return sequence.op.names[position]
    return str(element(sequence, position).op.name)


class Lazily(Interpreter):
    """An interpreter that makes the names of layers when they are read, and the numbers of an array each by itself."""

    def name(self, name: str) -> Any:
        """The meaning of a layer's name."""
        return self.leaf(Node(Input(name, (NAME,), "layer")))

    def _entries(self, value: Any, node: Node, count: Any = None) -> Any:
        whole = node
        while is_primitive(whole, take_row, reverse_row):
            whole = whole.args[0]
        if isinstance(whole.op, Constant):  # an entry of an array of numbers, in whatever order, is the number
            return [self.leaf(element(node, k)) for k in range(known_count(node.shape[0]))]
        return super()._entries(value, node, count)

    def _meaning(self, node: Node, args: list[Any], plans: dict[Block, list[Node]]) -> Any:
        if is_name(node) and len(node.shape) > 1:
            if not args:
                return NameSequence(node, self.name)
            if all(isinstance(arg, NameSequence) for arg in args):
                known = renewed(node, [arg.node for arg in args])
                return NameSequence(known if known is not None else node, self.name)
        if is_name(node) and args and isinstance(args[0], NameSequence):
            known = renewed(node, [args[0].node])
            if known is not None:
                return self.name(known.op.name)
        return super()._meaning(node, args, plans)


