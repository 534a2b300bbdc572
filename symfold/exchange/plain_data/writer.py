"""Writing nets: nodes and blocks as lists and text, in topological order.

    data  ::= {"symfold": 1, "blocks": [[shapes, results], ...], "nodes": [[op, arguments], ...],
               "outputs": [...], "form": form}
    op    ::= [kind, field, ...]     kind: input, family, formal, number, array, head, apply, call, fold, select

Nodes and blocks refer to earlier ones by position, so one pass writes or reads a net of any depth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symfold.base.trees import LEAF, Form
from symfold.core.blocks import Block, Call
from symfold.core.folds import Fold, Select
from symfold.core.functions import Head, head_name
from symfold.core.leaves import Constant, Fixed, Formal, FrozenArray, Input, Normal
from symfold.core.nodes import Node, Operation, walk
from symfold.core.primitives import Apply
from symfold.core.stacked_inputs import Numbered, StackedInputs
from symfold.core.values import encode_value
from symfold.errors import NoRule

FORMAT = 1
KINDS = ("input", "family", "formal", "number", "array", "head", "apply", "call", "fold", "select")
Data = dict[str, Any]


class Writer:
    """Blocks and nodes in topological order."""

    def __init__(self) -> None:
        self.blocks: dict[Block, int] = {}
        self.places: dict[Node, int] = {}
        self.data: Data = {"symfold": FORMAT, "blocks": [], "nodes": []}

    def put(self, roots: Sequence[Node]) -> list[int]:
        for node in walk(roots, stop=self.places):
            entry = [self.operation(node.op), [self.places[arg] for arg in node.args]]
            self.places[node] = len(self.data["nodes"])
            self.data["nodes"].append(entry)
        return [self.places[root] for root in roots]

    def block(self, block: Block | None) -> int | None:
        """The position of a block; recursion is as deep as folds are nested."""
        if block is not None and block not in self.blocks:
            results = self.put(block.results)
            self.blocks[block] = len(self.data["blocks"])
            self.data["blocks"].append([encode_value(block.shapes), results])
        return None if block is None else self.blocks[block]

    def operation(self, op: Operation | Head) -> list[Any]:
        if isinstance(op, type):
            return ["head", head_name(op)]
        if isinstance(op, Constant):
            if isinstance(op.value, FrozenArray):
                return ["array", op.value.dtype, list(op.value.shape), op.value.data.hex()]
            return ["number", encode_value(op.value)]
        if type(op) not in WRITERS:
            raise NoRule(f"a net with a {type(op).__name__} cannot be saved (those that can: {', '.join(KINDS)})")
        return WRITERS[type(op)](self, op)


def _start(start: Normal | None) -> list[Any] | None:
    return None if start is None else [start.mean, start.deviation, *(["fixed"] if isinstance(start, Fixed) else [])]


def _names(names: Any) -> list[Any]:
    if isinstance(names, Numbered):
        return [
            "numbered",
            names.prefix,
            names.start,
            encode_value(names.count),
            *([] if names.step == 1 else [names.step]),
        ]
    return ["names", *names]


WRITERS: dict[type, Callable[[Writer, Any], list[Any]]] = {
    Input: lambda w, op: ["input", op.name, encode_value(op.shape), op.role, _start(op.start)],
    StackedInputs: lambda w, op: ["family", _names(op.names), encode_value(op.shape), op.role, _start(op.start)],
    Formal: lambda w, op: ["formal", op.level, op.position, encode_value(op.shape)],
    Apply: lambda w, op: ["apply", op.primitive.name, [[name, encode_value(value)] for name, value in op.attributes]],
    Call: lambda w, op: ["call", w.block(op.body), op.arity, op.weights],
    Fold: lambda w, op: ["fold", w.block(op.block), encode_value(op.count), op.carries, list(op.each)],
    Select: lambda w, op: ["select", op.position],
}


def _form_to_data(form: Form) -> Any:
    if form == LEAF:
        return LEAF
    kind, parts = form
    if kind == "dict":
        return ["dict", [[encode_value(key), _form_to_data(part)] for key, part in parts]]
    if kind == "named":
        return ["named", [names if isinstance(names, str) else _names(names) for names in parts]]
    return ["tuple", [_form_to_data(part) for part in parts]]


def nodes_to_data(roots: Sequence[Node], form: Form = LEAF, signature: Sequence[Node] = ()) -> Data:
    """Nodes as plain data: lists, dicts, text and numbers."""
    writer = Writer()
    outputs, inputs = writer.put(roots), writer.put(signature)
    return {**writer.data, "outputs": outputs, "form": _form_to_data(form), **({"signature": inputs} if inputs else {})}
