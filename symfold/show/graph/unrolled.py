"""The levels `step` and `primitive`: every step of every fold, each one box, or with layers opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symfold.core.blocks import Block, Call
from symfold.core.folds import Fold
from symfold.core.interpreter import Entries
from symfold.core.leaves import Formal
from symfold.core.nodes import Node, walk
from symfold.core.stacked_inputs import known_count
from symfold.show.graph.arithmetic import paired_block
from symfold.show.graph.formulas import step_formula
from symfold.show.graph.names import plain_name
from symfold.show.graph.places import formal_kinds
from symfold.show.graph.record import Leaf, Recorder

LONGEST = 60  # characters of a formula in a box


class Steps(Recorder):
    """Mapper applications, without their inside."""

    level = "step"

    def fold(self, node: Node[Fold], fold: Fold, args: list[Any]) -> Sequence[Any]:
        count, carries = known_count(fold.count), fold.carries
        state = [self.whole(value, source) for value, source in zip(args[:carries], node.args[:carries], strict=True)]
        sources = node.args[carries:]
        operands = [
            self._entries_of(value, source, count) if each else [self.whole(value, source)] * count
            for value, source, each in zip(args[carries:], sources, fold.each, strict=True)
        ]
        kinds, hidden = formal_kinds(fold), layer_weights(fold.block)
        outputs = [Entries() for _ in fold.block.results[carries:]]
        self.places.enter(node)
        for number in range(count):
            title = self.places.title(0)
            values = [*state, *(entries[number] for entries in operands)]
            names = [self.called(value) for value in values]
            formula = step_formula(fold.block, 0, names, LONGEST) if carries == 1 else ""
            label = f"{title} = {formula}" if formula else title
            box = self.put(
                self.names.fresh(plain_name(title)), "step", "step", label, fold.block.results[0],
                state=title, **self.places.attributes(),
            )  # fmt: skip
            for port, value in enumerate(values):
                if not (port in hidden and isinstance(value, Leaf) and value.is_own):
                    self.edge(value, box, port, kinds[port])
            state = [box] * carries
            for entries in outputs:
                entries.append(box)
            self.places.advance()
        self.places.leave()
        return [*state, *outputs]

    def _entries_of(self, value: Any, node: Node, count: int) -> Sequence[Any]:
        return value if isinstance(value, Entries) else [self.index(value, k, node) for k in range(count)]


def layer_weights(block: Block) -> set[int]:
    """The formals of a block that only layers read, as parameters or captured values."""
    weights: set[int] = set()
    others: set[int] = {node.op.position for node in block.results if isinstance(node.op, Formal)}
    for node in walk(block.results):
        inner = layer_weights(node.op.block) if isinstance(node.op, Fold) else set()
        for port, arg in enumerate(node.args):
            if isinstance(arg.op, Formal):
                is_weight = port > node.op.arity if isinstance(node.op, Call) else port in inner
                (weights if is_weight else others).add(arg.op.position)
    return weights - others


class Primitives(Recorder):
    """Layer bodies opened, with parameters as nodes; nodes of a layer carry its name."""

    level = "primitive"

    def __init__(self, net: Any):
        super().__init__(net)
        self._opened: list[str] = []

    def put(self, name: str, kind: str, op: str, label: str, node: Node, **more: str | int) -> str:
        if self._opened and kind in ("join", "primitive", "constant"):
            more["layer"] = self._opened[-1]
        return super().put(name, kind, op, label, node, **more)

    def layer(self, node: Node[Call], args: Sequence[Any]) -> Any:
        if node.op.body is None:
            return super().layer(node, args)
        body = paired_block(node.op.body)
        self._opened.append(args[0].label)
        self.places.open(body, self.places.carried(node)[1:])
        try:
            return self.run(body.results, dict(zip(body.formals, args[1:], strict=True)))[0]
        finally:
            self.places.leave()
            self._opened.pop()
