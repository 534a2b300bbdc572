"""Where a recording stands: which step of which folds, and what the states there are called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from symfold.core.folds import Fold, Select
from symfold.core.nodes import Node
from symfold.show.graph.edges import Kinds, edge_kinds, formal_kinds
from symfold.show.graph.names import Letters


@dataclass
class Frame:
    """One fold that is being run: what its edges carry, the letters of its states, the number of the step."""

    kinds: Kinds
    letters: tuple[str, ...] = ()
    results: tuple[Node, ...] = ()
    step: Any = 1
    index: str = ""

    @property
    def label(self) -> str:
        told = str(self.step).replace(" ", "").replace("+", "_plus_").replace("-", "_minus_")  # a depth may be a symbol
        return self.letters[0] + re.sub(r"\W", "_", told)


class Places:
    """The nesting of folds and opened layers around the node that is being recorded."""

    def __init__(self, reserved: Iterable[str]):
        self.letters = Letters(reserved)
        self.frames: list[Frame] = []
        self._ends: dict[Node, tuple[tuple[str, ...], Any]] = {}

    @property
    def folds(self) -> list[Frame]:
        return [frame for frame in self.frames if frame.letters]

    def enter(self, node: Node) -> Frame:
        """Step into a fold. One that goes on from another fold's state goes on with its letters and its count."""
        fold: Fold = node.op
        letters, start = self._before(node)
        if not letters:
            letters = self._ends[node][0] if node in self._ends else self.letters.next(max(1, fold.carries))
        frame = Frame(
            edge_kinds(fold.block, formal_kinds(fold)), letters, fold.block.results[: fold.carries], start + 1
        )
        self.frames.append(frame)
        return frame

    def leave(self, node: Node) -> None:
        """Step out, remembering where the count ended."""
        frame = self.frames.pop()
        self._ends[node] = (frame.letters, frame.step - 1)

    def _before(self, node: Node) -> tuple[tuple[str, ...], Any]:
        if node.op.carries and isinstance(node.args[0].op, Select):
            known = self._ends.get(node.args[0].args[0])
            if known is not None and len(known[0]) == max(1, node.op.carries):
                return known
        return (), 0

    def carried(self, node: Node) -> tuple[str, ...]:
        """What each argument of a node carries, where it stands."""
        return self.frames[-1].kinds[node] if self.frames else ("data",) * len(node.args)

    def title(self, part: int) -> str:
        """A part of the state after this step: z3, and h_{2,3} inside the second step of another fold."""
        folds = self.folds
        letter, numbers = folds[-1].letters[part], [str(frame.step) for frame in folds]
        return letter + numbers[0] if len(numbers) == 1 else f"{letter}_{{{','.join(numbers)}}}"

    def state_part(self, node: Node) -> int | None:
        """Which part of the next state a node is, if it is one."""
        if self.frames and self.frames[-1].letters:
            return next((part for part, result in enumerate(self.frames[-1].results) if result == node), None)
        return None

    def attributes(self) -> dict[str, str | int]:
        """The place as attributes of a graph node: the outermost step, how deep, and the whole path of steps."""
        folds = self.folds
        if not folds:
            return {}
        place: dict[str, str | int] = {"nesting": len(folds), "group": "/".join(frame.label for frame in folds)}
        return place if folds[0].index else {"step": folds[0].step, **place}
