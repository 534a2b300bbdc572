"""The levels `layer` and `primitive`: every step of every fold, with layers closed or opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symfold.core.blocks import Call
from symfold.core.folds import Fold
from symfold.core.nodes import Node
from symfold.show.graph.arithmetic import paired_block
from symfold.show.graph.record import Recorder


class Layers(Recorder):
    """Layer applications, joins, inputs and outputs."""

    def begin(self, node: Node[Fold]) -> None:
        self.places.enter(node)

    def step(self, node: Node[Fold], number: int, results: Sequence[Any]) -> Sequence[Any]:
        for part, result in enumerate(results[: node.op.carries]):
            if isinstance(result, str) and "group" in self.graph.nodes[result]:
                self.graph.nodes[result].setdefault("state", self.places.title(part))
        self.places.folds[-1].advance()
        return results

    def end(self, node: Node[Fold]) -> None:
        self.places.leave()


class Primitives(Layers):
    """Layer bodies opened as well, with parameters as nodes; nodes of a layer carry its name."""

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
