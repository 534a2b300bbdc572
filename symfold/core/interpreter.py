"""Interpreting a net step by step: one small class a meaning (numbers, formulas, graphs, sizes).

Folds are run, not recursed into: recursion is only as deep as folds are nested. A sequence is a list of what its
entries mean, so that nothing is stacked or indexed that can be named directly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select
from symfold.core.nodes import Node
from symfold.core.operations import Constant
from symfold.core.primitives import concatenate, is_primitive, joins_rows, splits_rows
from symfold.core.sequences import element, entry_of, joins_steps, reverse_row, stack_row, take_row
from symfold.core.stacked_inputs import Family, known_count
from symfold.core.walks import walk


class Entries(list[Any]):
    """What a sequence means: the meanings of its entries."""


class Interpreter:
    """A meaning of nodes. Override `leaf` and `apply`; `step` to see or rename the state after each step."""

    def leaf(self, node: Node) -> Any:
        """The meaning of an input, a constant or a family that was not given."""
        raise NotImplementedError

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        """The meaning of an operation, from those of its arguments."""
        raise NotImplementedError

    def index(self, value: Any, position: int, node: Node) -> Any:
        """The meaning of one entry of a sequence that is not held as entries."""
        raise NotImplementedError

    def collect(self, entries: Entries, node: Node) -> Any:
        """The meaning of a sequence as one value, where an operation reads it whole."""
        raise NotImplementedError

    def step(self, node: Node, number: int, results: Sequence[Any]) -> Sequence[Any]:
        """Called after each step of a fold with what its block gave; what it returns goes on."""
        return results

    def begin(self, node: Node) -> None:
        """Called before the first step of a fold."""

    def end(self, node: Node) -> None:
        """Called after the last step of a fold."""

    def run(self, roots: Iterable[Node], given: Mapping[Node, Any] | None = None) -> list[Any]:
        """The meanings of the roots."""
        return self._run(tuple(roots), dict(given or {}), {})

    def _run(self, roots: tuple[Node, ...], known: dict[Node, Any], plans: dict[Block, list[Node]]) -> list[Any]:
        return self._follow(walk(roots, stop=known), roots, known, plans)

    def _follow(self, order: list[Node], roots: tuple[Node, ...], known: dict[Node, Any], plans: dict[Block, list[Node]]) -> list[Any]:
        for node in order:
            if node not in known:
                known[node] = self._meaning(node, [known[arg] for arg in node.args], plans)
        return [known[root] for root in roots]

    def _meaning(self, node: Node, args: list[Any], plans: dict[Block, list[Node]]) -> Any:
        op = node.op
        if isinstance(op, Fold):
            return self._fold(node, op, args, plans)
        if isinstance(op, Select):
            return args[0][op.position]
        if isinstance(op, Family):
            return Entries(self.leaf(op.member(k)) for k in range(known_count(op.count)))
        if not args:
            return self.leaf(node)
        if is_primitive(node, stack_row):
            return Entries(args)
        if isinstance(args[0], Entries):
            if is_primitive(node, take_row):
                return Entries(args[0][k] for k in dict(op.attributes)["positions"])
            if is_primitive(node, reverse_row):
                return Entries(args[0][::-1])
            if entry := entry_of(node):
                return args[0][entry[1]]
            if splits_rows(node):
                size = known_count(node.shape[1])
                return Entries(Entries(args[0][k : k + size]) for k in range(0, len(args[0]), size))
            if joins_rows(node) and all(isinstance(group, Entries) for group in args[0]):
                return Entries(entry for group in args[0] for entry in group)
        if is_primitive(node, concatenate) and joins_steps(node) and any(isinstance(arg, Entries) for arg in args):
            return Entries(e for arg, part in zip(args, node.args, strict=True) for e in self._entries(arg, part))
        return self.apply(node, [self._collected(value, arg) for value, arg in zip(args, node.args, strict=True)])

    def _collected(self, value: Any, node: Node) -> Any:
        """A meaning as one operation can read it: entries collected, those of entries first."""
        if not isinstance(value, Entries):
            return value
        return self.collect(Entries(self._collected(e, element(node, k)) if isinstance(e, Entries) else e for k, e in enumerate(value)), node)

    def _entries(self, value: Any, node: Node, count: Any = None) -> Sequence[Any]:
        if isinstance(value, Entries):
            return value
        if isinstance(node.op, Constant):  # an entry of an array of numbers is the number
            return [self.leaf(element(node, k)) for k in range(known_count(node.shape[0]))]
        return [self.index(value, k, node) for k in range(known_count(node.shape[0] if count is None else count))]

    def _fold(self, node: Node, fold: Fold, args: list[Any], plans: dict[Block, list[Node]]) -> list[Any]:
        block, count, carries = fold.block, known_count(fold.count), fold.carries
        formals = block.formals
        order = plans.get(block) or plans.setdefault(block, walk(block.results))
        state = list(args[:carries])
        operands = list(args[carries:])
        sources = node.args[carries:]
        steps = [
            self._entries(value, source, count) if each else None
            for value, source, each in zip(operands, sources, fold.each, strict=True)
        ]
        given = [Entries() for _ in block.results[carries:]]
        self.begin(node)
        for number in range(count):
            own = [value if entries is None else entries[number] for value, entries in zip(operands, steps, strict=True)]
            known = dict(zip(formals, [*state, *own], strict=True))
            results = self.step(node, number, self._follow(order, block.results, known, plans))
            state = list(results[:carries])
            for kept, value in zip(given, results[carries:], strict=True):
                kept.append(value)
        self.end(node)
        return [*state, *given]
