"""The place of a recording: the step of each fold around it, and the names of the states there.

Letters and numbers of states are those of the formulas (`notation.loops`): a fold that runs forward counts up, an
adjoint counts down.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from symfold.core.blocks import Block
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.show.graph.edges import Kinds, edge_kinds, formal_kinds
from symfold.show.notation.loops import Loop, Scope, body_scope, scope_of


@dataclass
class Frame:
    """One fold or layer body being run: what its edges carry, and its scope."""

    kinds: Kinds
    scope: Scope


@dataclass
class FoldFrame(Frame):
    """One fold being run: also its loop, the letters of its states, and the number of the state after this step."""

    loop: Loop
    letters: tuple[str, ...]
    results: tuple[Node, ...]
    step: Any
    index: str = ""  # of the step, if it is not a number

    @property
    def label(self) -> str:
        number = str(self.step).replace(" ", "").replace("+", "_plus_").replace("-", "_minus_")  # may be symbolic
        return self.letters[0] + re.sub(r"\W", "_", number)

    def advance(self) -> None:
        """Go to the next step."""
        self.step += self.loop.sign


class Places:
    """The nesting of folds and opened layers around the node being recorded."""

    def __init__(self, net: Net):
        self.frames: list[Frame] = []
        self._scope, self._letters = scope_of(net)
        self._bodies: dict[Block, Scope] = {}

    @property
    def folds(self) -> list[FoldFrame]:
        return [frame for frame in self.frames if isinstance(frame, FoldFrame)]

    def enter(self, node: Node) -> FoldFrame:
        """Step into a fold."""
        scope = self.frames[-1].scope if self.frames else self._scope
        loop = scope.loops[node]
        if not (letters := loop.letters):  # a fold without a state: the letter of what it gives out
            letters = (next((letter for letter in loop.given if letter), None) or self._letters.state(),)
            loop.letters = letters
        fold = loop.fold
        frame = FoldFrame(
            edge_kinds(fold.block, formal_kinds(fold)),
            loop.scope,
            loop,
            letters,
            fold.block.results[: fold.carries],
            loop.start + loop.sign,
        )
        self.frames.append(frame)
        return frame

    def open(self, body: Block, kinds: tuple[str, ...]) -> None:
        """Step into the body of a layer, whose inputs are of these kinds."""
        if body not in self._bodies:
            self._bodies[body] = body_scope(body, self._letters)
        self.frames.append(Frame(edge_kinds(body, kinds), self._bodies[body]))

    def leave(self) -> None:
        """Step out."""
        self.frames.pop()

    def carried(self, node: Node) -> tuple[str, ...]:
        """What each argument of a node carries at this place."""
        return self.frames[-1].kinds[node] if self.frames else ("data",) * len(node.args)

    def title(self, part: int) -> str:
        """A part of the state after this step: z3, or h_{2,3} inside the second step of another fold."""
        folds = self.folds
        letter, numbers = folds[-1].letters[part], [str(frame.step) for frame in folds]
        return letter + numbers[0] if len(numbers) == 1 else f"{letter}_{{{','.join(numbers)}}}"

    def state_part(self, node: Node) -> int | None:
        """Which part of the next state a node is, if any."""
        if self.frames and isinstance(frame := self.frames[-1], FoldFrame):
            return next((part for part, result in enumerate(frame.results) if result == node), None)
        return None

    def attributes(self) -> dict[str, str | int]:
        """The place as attributes of a graph node: the outermost step, the nesting, and the path of steps."""
        folds = self.folds
        if not folds:
            return {}
        place: dict[str, str | int] = {"nesting": len(folds), "group": "/".join(frame.label for frame in folds)}
        return place if folds[0].index else {"step": folds[0].step, **place}
