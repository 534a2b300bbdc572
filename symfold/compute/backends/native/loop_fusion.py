"""Loop fusion: compute elementwise values of a fold's sequences inside its steps; the inverse of hoisting.

For example, the update W - rate * reverse(fold[j]) becomes one more output of the fold's step, so that the gradients of
all layers are never in memory at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, is_emitted, is_fold
from symfold.core.leaves import Formal, number_of
from symfold.core.nodes import Node, walk, with_args
from symfold.core.primitives import is_primitive
from symfold.core.sequences import reverse, reverse_row
from symfold.transform.passes.hoisting import dependents


def fused(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with elementwise values of folds' sequences fused into the folds."""
    for fold in filter(is_fold, walk(roots)):
        fusion = Fusion.of(fold, roots)
        if fusion.fused:
            return fused(fusion.applied(roots))
    return tuple(roots)


@dataclass
class Fusion:
    """The sequences that follow a fold entry by entry: True in the order of its steps, False in reverse."""

    fold: Node[Fold]
    forward: dict[Node, bool]
    fused: list[Node] = field(default_factory=list)  # the elementwise values among them, in order

    @classmethod
    def of(cls, fold: Node[Fold], roots: Sequence[Node]) -> Fusion:
        order = walk(roots)
        later = dependents(order, {fold})
        fusion = cls(fold, {})
        for node in order:
            if is_emitted(node) and node.args[0] is fold:
                fusion.forward[node] = True
            elif is_primitive(node, reverse_row) and node.args[0] in fusion.forward:
                fusion.forward[node] = not fusion.forward[node.args[0]]
            elif isinstance(node.op, type) and node in later and fusion.add(node, later):
                fusion.fused.append(node)
        # a sequence with another reader is stored anyway: fusion would gain nothing
        users: dict[Node, list[Node]] = {}
        for node in order:
            for arg in node.args:
                users.setdefault(arg, []).append(node)
        for node in reversed(order):
            followed = node in fusion.forward and node not in fusion.fused
            if followed and (node in roots or any(user not in fusion.forward for user in users.get(node, []))):
                fusion.drop(node)
        return fusion

    def add(self, node: Node, later: set[Node]) -> bool:
        """Add an elementwise value if its entry at a step needs only that step and values from before the fold."""
        directions = {self.forward[arg] for arg in node.args if arg in self.forward}
        sequences = [arg for arg in node.args if number_of(arg) is None]
        available = all(arg in self.forward or arg not in later for arg in sequences)
        if (
            len(directions) != 1
            or not available
            or any(arg.shape[:1] != node.shape[:1] or len(arg.shape) != len(node.shape) for arg in sequences)
        ):
            return False
        self.forward[node] = directions.pop()
        return True

    def drop(self, source: Node) -> None:
        """Remove the dependents of a value."""
        removed = dependents([*self.forward], {source})
        self.fused = [node for node in self.fused if node not in removed]
        self.forward = {
            node: forward for node, forward in self.forward.items() if node not in removed or node is source
        }

    def applied(self, roots: Sequence[Node]) -> tuple[Node, ...]:
        """The roots with the fused values as results of the fold."""
        fold = self.fold.op
        order = walk(roots)
        inside = set(self.fused)
        new_outputs = [
            node
            for node in self.fused
            if node in roots or any(node in user.args for user in order if user not in inside)
        ]
        args, each, shapes = list(self.fold.args), list(fold.each), list(fold.block.shapes)
        entries: dict[Node, Node] = {}

        def entry(node: Node, forward: bool) -> Node:
            """The value of a sequence at a step."""
            if isinstance(node.op, Select) and node in self.forward:
                return fold.block.results[node.op.position]
            if is_primitive(node, reverse_row) and node in self.forward:
                return entry(node.args[0], forward)
            if node in entries or number_of(node) is not None:
                return entries.get(node, node)
            operand = node if forward else reverse(node)
            for place, arg in enumerate(args):
                if arg is operand and place >= fold.carries and each[place - fold.carries]:
                    return Node(Formal(0, place, shapes[place]))
            args.append(operand)
            each.append(True)
            shapes.append(node.shape[1:])
            return Node(Formal(0, len(args) - 1, shapes[-1]))

        for node in self.fused:
            entries[node] = Node(node.op, tuple(entry(arg, self.forward[node]) for arg in node.args))
        remaining = [node for node in walk(roots, stop=new_outputs) if node is not self.fold]
        selects = {
            node: node.op.position for node in remaining if isinstance(node.op, Select) and node.args[0] is self.fold
        }
        outputs = sorted({*selects.values()} - set(range(fold.carries)))
        results = [
            *fold.block.results[: fold.carries],
            *(fold.block.results[k] for k in outputs),
            *(entries[node] for node in new_outputs),
        ]
        new_fold = Node(Fold(Block(tuple(shapes), tuple(results)), fold.count, fold.carries, tuple(each)), tuple(args))
        new: dict[Node, Node] = {}
        for node, position in selects.items():
            if position >= fold.carries:
                position = fold.carries + outputs.index(position)
            new[node] = Node(Select(position), (new_fold,))
        for k, node in enumerate(new_outputs):
            sequence = Node(Select(fold.carries + len(outputs) + k), (new_fold,))
            new[node] = sequence if self.forward[node] else reverse(sequence)
        for node in remaining:
            if node not in new:
                new[node] = with_args(node, tuple(new[arg] for arg in node.args))
        return tuple(new[root] for root in roots)
