"""The place of a recording: the step of each fold around it, the names of the states there, the kinds of the edges.

Letters and numbers of states are those of the formulas (`notation.loops`): a fold that runs forward counts up, an
adjoint counts down. An edge carries a state, a skip, an item, a captured value, or data within the step.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy as sp

from symfold.core.blocks import Block, Call
from symfold.core.folds import Fold
from symfold.core.leaves import Constant, Formal
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.show.graph.names import JOINS, operation_name
from symfold.show.notation.loops import Loop, Scope, body_scope, scope_of

Kinds = dict[Node, tuple[str, ...]]
_ARITHMETIC = {*JOINS, sp.Pow.__name__, "item", "take", "reverse", "expand", "squeeze"}  # and mere arrangement


def formal_kinds(fold: Fold) -> tuple[str, ...]:
    """The kind of each formal of a fold's block."""
    return ("state",) * fold.carries + tuple("item" if each else "capture" for each in fold.each)


@lru_cache(maxsize=256)
def edge_kinds(block: Block, formals: tuple[str, ...]) -> Kinds:
    """For each operation of a block, the kinds of its arguments.

    A state, or plain arithmetic on it, is a skip if it meets a value that came through a layer (or through any other
    operation that is not plain arithmetic): it bypassed that layer. An operation on all paths of the state (a passage)
    starts a new state, which in turn may bypass later layers.
    """
    walked = walk(block.results)
    transformed: set[Node] = set()
    called: set[Node] = set()  # came through a layer since the last passage
    inner: set[Node] = set()  # a passage after some layer, and everything behind it
    stateful = {node for node in walked if isinstance(node.op, Formal) and formals[node.op.position] == "state"}
    states = frozenset(stateful)
    for node in walked:
        if not stateful.isdisjoint(node.args):
            stateful.add(node)
    passed = passages(walked, stateful, states, block.results)
    for node in walked:
        if node.args and (operation_name(node.op) not in _ARITHMETIC or not transformed.isdisjoint(node.args)):
            transformed.add(node)
        if node in stateful and (isinstance(node.op, (Call, Fold)) or not called.isdisjoint(node.args)):
            called.add(node)
        if not inner.isdisjoint(node.args):
            inner.add(node)
        if node in passed and node in transformed:
            transformed.remove(node)
            called.discard(node)
            inner.add(node)
        else:
            passed.discard(node)
    kinds: Kinds = {}
    straight = {*block.results, *passed}  # read other than as a skip
    for node in reversed(walked):  # readers first
        met = _met(node, transformed, stateful)
        goes_around = node not in transformed and node not in straight
        carried = []
        for port, arg in enumerate(node.args):
            meets = any(k != port and (arg not in inner or node.args[k] in called) for k in met)
            skips = arg in stateful and arg not in transformed and (goes_around or meets)
            if not skips:
                straight.add(arg)
            carried.append("skip" if skips else formals[arg.op.position] if isinstance(arg.op, Formal) else "data")
        kinds[node] = tuple(carried)
    return kinds


def passages(
    walked: Sequence[Node], stateful: Collection[Node], states: Collection[Node], results: Sequence[Node]
) -> set[Node]:
    """The operations on every path from the states to the results: their common dominators."""
    last: dict[Node, int] = {}
    for place, node in enumerate(walked):
        last |= {arg: place for arg in node.args if arg in stateful}
    last |= {node: len(walked) for node in results if node in stateful}
    passed = set()
    furthest = max((last[state] for state in states), default=0)
    for place, node in enumerate(walked):
        if node in stateful and node not in states:
            if furthest <= place:
                passed.add(node)
            furthest = max(furthest, last[node])
    return passed


def _met(node: Node, transformed: set[Node], stateful: set[Node]) -> list[int]:
    """The arguments of an operation that came through a layer, and that a skip may meet there."""
    if isinstance(node.op, (Call, Fold)):
        return []
    plain = isinstance(node.op, type) or operation_name(node.op) in _ARITHMETIC
    return [
        port for port, arg in enumerate(node.args) if arg in transformed and (plain or arg in stateful)
    ]  # dot(z, W.T) belongs to the layer


def is_join(node: Node, carried: Sequence[str]) -> bool:
    """Whether a node joins values: a sum, product, concatenation or stack, or an operation where a skip ends."""
    if operation_name(node.op) in JOINS:
        return True
    return {"skip"} < set(carried) and not any(isinstance(arg.op, Constant) for arg in node.args)


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
        self._attributes: dict[str, str | int] | None = None  # of the nodes at this place, until it changes
        self._scope, self.letters = scope_of(net)
        self._bodies: dict[Block, Scope] = {}

    @property
    def folds(self) -> list[FoldFrame]:
        return [frame for frame in self.frames if isinstance(frame, FoldFrame)]

    def enter(self, node: Node) -> FoldFrame:
        """Step into a fold."""
        scope = self.frames[-1].scope if self.frames else self._scope
        loop = scope.loops[node]
        if not (letters := loop.letters):  # a fold without a state: the letter of what it gives out
            letters = (next((letter for letter in loop.given if letter), None) or self.letters.state(),)
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
        self._attributes = None
        return frame

    def open(self, body: Block, kinds: tuple[str, ...]) -> None:
        """Step into the body of a layer, whose inputs are of these kinds."""
        if body not in self._bodies:
            self._bodies[body] = body_scope(body, self.letters)
        self.frames.append(Frame(edge_kinds(body, kinds), self._bodies[body]))

    def leave(self) -> None:
        """Step out."""
        self.frames.pop()
        self._attributes = None

    def advance(self) -> None:
        """Go to the next step of the innermost fold."""
        self.folds[-1].advance()
        self._attributes = None

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
        if self._attributes is None:
            self._attributes = _attributes(self.folds)
        return self._attributes


def _attributes(folds: Sequence[FoldFrame]) -> dict[str, str | int]:
    if not folds:
        return {}
    place: dict[str, str | int] = {"nesting": len(folds), "group": "/".join(frame.label for frame in folds)}
    return place if folds[0].index else {"step": folds[0].step, **place}
