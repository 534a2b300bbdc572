"""The folds of gradients with a memory budget, each with the fold whose values it reads, last step first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

from symfold.core.blocks import Block
from symfold.core.folds import Fold, fold_of, is_emitted, is_fold, rebuilt_inside, walk_inside
from symfold.core.leaves import Formal
from symfold.core.nodes import Node, walk
from symfold.core.primitives import budgeted, is_primitive
from symfold.core.sequences import reverse_row
from symfold.core.shapes import is_concrete
from symfold.transform.passes.memory_plans import Steps
from symfold.transform.passes.rematerialization import without_unused


def marks(roots: Sequence[Node]) -> set[int]:
    """The budgets in the nodes and in the blocks of folds."""
    return {dict(node.op.attributes)["bytes"] for node in walk_inside(roots) if is_primitive(node, budgeted)}


def unmarked(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots without marks."""
    return rebuilt_inside(roots, lambda node, args: args[0] if is_primitive(node, budgeted) else None)


def trimmed(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with folds over what their steps read alone, also inside steps."""

    def rule(fold: Fold, block: Block, args: tuple[Node, ...]) -> tuple[Node, ...]:
        shorter, read = without_unused(replace(fold, block=block), args)
        return shorter.over(read)

    return rebuilt_inside(roots, lambda node, args: None, rule)


@dataclass(frozen=True)
class Pair:
    """A fold and the fold of its gradient: `saved` holds (operand of the backward fold, result of the forward fold)."""

    forward: Node[Fold]
    backward: Node[Fold]
    saved: tuple[tuple[int, int], ...]

    @cached_property
    def steps(self) -> Steps:
        """The steps, with the sizes of a state and of the values that the gradient of a step reads."""
        fold = self.forward.op
        assert isinstance(fold.count, int)
        state = sum(prod(part.shape) for part in fold.block.results[: fold.carries])
        values = sum(prod(fold.block.results[position].shape) for _, position in self.saved)
        inside = None
        if any(isinstance(node.op, Fold) for node in walk(fold.block.results)):
            inside = sum(pair.steps.least for pair in pairs(self.step()))
        return Steps(fold.count, state, values, inside)

    def step(self) -> tuple[Node, ...]:
        """A step of the backward fold that computes the step of the forward fold once more."""
        values = self.forward.op.block.results
        # formals of a level that blocks do not use
        formals = [Node(Formal(-1, k, formal.shape)) for k, formal in enumerate(self.backward.op.block.formals)]
        read = {k: values[position] for k, position in self.saved}
        return self.backward.op.block(*(read.get(k, formal) for k, formal in enumerate(formals)))


def pairs(roots: Sequence[Node]) -> list[Pair]:
    """The marked folds of gradients, each with the fold whose values it alone reads, backward."""
    order = walk(roots)
    users: dict[Node, set[Node]] = {}
    for node in order:
        for arg in node.args:
            users.setdefault(arg, set()).add(node)
    found: list[Pair] = []
    taken: set[Node] = set(roots)
    for node in order:
        if not is_fold(node) or not has_mark(node):
            continue
        saved: dict[Node[Fold], list[tuple[int, int]]] = {}
        for k, arg in enumerate(node.args):
            if not is_primitive(arg, reverse_row) or not is_emitted(value := arg.args[0]) or value in taken:
                continue
            if users[arg] == {node} and users[value] == {arg} and node.args.count(arg) == 1:
                saved.setdefault(fold_of(value), []).append((k, value.op.position))
        for forward, places in saved.items():
            alike = isinstance(node.op.count, int) and forward.op.count == node.op.count
            if alike and has_sizes(forward.op) and has_sizes(node.op) and taken.isdisjoint((forward, node)):
                found.append(Pair(forward, node, tuple(places)))
                taken.update((forward, node))
    return found


def whole_values(roots: Sequence[Node], found: Sequence[Pair]) -> int:
    """The size of what other folds of gradients read backward, which is kept in whole."""
    regular = {pair.backward for pair in found}
    total = 0
    for node in walk(roots):
        if is_fold(node) and node not in regular and has_mark(node):
            read = [arg for arg in node.args[node.op.carries :] if is_primitive(arg, reverse_row)]
            total += sum(
                prod(arg.shape) for arg in read if is_concrete(arg.shape) and any(map(is_emitted, walk((arg,))))
            )
    return total


def has_mark(fold: Node[Fold]) -> bool:
    """Whether this is the fold of a gradient with a budget."""
    return any(is_primitive(arg, budgeted) for arg in fold.args[: fold.op.carries])


def has_sizes(fold: Fold) -> bool:
    """Whether the shapes of all values that cross the ends of a step are numbers."""
    block, _ = fold.block.without_unused(fold.carries)
    return all(map(is_concrete, block.shapes)) and all(is_concrete(result.shape) for result in block.results)
