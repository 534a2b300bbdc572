"""What follows a fold entry by entry is done in its steps, while the entry is at hand: `distribute` the other way round.

A gradient and the step along it, say: W - rate * reverse(fold[j]) becomes one more output of the fold's step, so that the
gradients of all the layers are never in memory at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from symfold.compute.backends.numpy.elementwise import number_of
from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select
from symfold.core.nodes import Node
from symfold.core.operations import Formal
from symfold.core.primitives import is_primitive
from symfold.core.sequences import reverse, reverse_row
from symfold.core.walks import walk, with_args
from symfold.transform.passes.hoisting import dependents


def gathered(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with every fold taking in what follows it entry by entry."""
    for fold in [node for node in walk(roots) if isinstance(node.op, Fold)]:
        found = Following.of(fold, roots)
        if found.inside:
            return gathered(found.taken_in(roots))
    return tuple(roots)


@dataclass
class Following:
    """The values that follow a fold entry by entry; True where in the order of its steps, False where in reverse."""

    fold: Node
    forward: dict[Node, bool]
    inside: list[Node] = field(default_factory=list)  # those among them that are computed, in order

    @classmethod
    def of(cls, fold: Node, roots: Sequence[Node]) -> Following:
        order = walk(roots)
        later = dependents(order, {fold})
        found = cls(fold, {})
        for node in order:
            if isinstance(node.op, Select) and node.args[0] is fold and node.op.position >= fold.op.carries:
                found.forward[node] = True
            elif is_primitive(node, reverse_row) and node.args[0] in found.forward:
                found.forward[node] = not found.forward[node.args[0]]
            elif isinstance(node.op, type) and node in later and found.follows(node, later):
                found.inside.append(node)
        # what has another reader besides must be kept whole in any case, and then nothing is gained
        users: dict[Node, list[Node]] = {}
        for node in order:
            for arg in node.args:
                users.setdefault(arg, []).append(node)
        for node in reversed(order):
            read_besides = node in roots or any(user not in found.forward for user in users.get(node, []))
            if node in found.forward and node not in found.inside and read_besides:
                found.drop(node)
        return found

    def follows(self, node: Node, later: set[Node]) -> bool:
        """Whether an elementwise value has an entry for every step, made of the step's own and of what was there before."""
        ways = {self.forward[arg] for arg in node.args if arg in self.forward}
        sequences = [arg for arg in node.args if number_of(arg) is None]
        alike = all(arg in self.forward or arg not in later for arg in sequences)
        if (
            len(ways) != 1
            or not alike
            or any(arg.shape[:1] != node.shape[:1] or len(arg.shape) != len(node.shape) for arg in sequences)
        ):
            return False
        self.forward[node] = ways.pop()
        return True

    def drop(self, source: Node) -> None:
        """Leave out what is made of a value."""
        lost = dependents([*self.forward], {source})
        self.inside = [node for node in self.inside if node not in lost]
        self.forward = {node: way for node, way in self.forward.items() if node not in lost or node is source}

    def taken_in(self, roots: Sequence[Node]) -> tuple[Node, ...]:
        """The roots with the fold giving out what follows it."""
        fold: Fold = self.fold.op
        order = walk(roots)
        inside = set(self.inside)
        given = [
            node
            for node in self.inside
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
            known = [k for k, arg in enumerate(args) if arg is operand and k >= fold.carries and each[k - fold.carries]]
            if not known:
                args.append(operand)
                each.append(True)
                shapes.append(node.shape[1:])
                known = [len(args) - 1]
            return Node(Formal(0, known[0], shapes[known[0]]))

        for node in self.inside:
            entries[node] = Node(node.op, tuple(entry(arg, self.forward[node]) for arg in node.args))
        reached = [
            node for node in walk(roots, stop=given) if node is not self.fold
        ]  # what is left when what follows is gone
        kept = [node for node in reached if isinstance(node.op, Select) and node.args[0] is self.fold]
        outputs = sorted({node.op.position for node in kept} - set(range(fold.carries)))
        results = [
            *fold.block.results[: fold.carries],
            *(fold.block.results[k] for k in outputs),
            *(entries[node] for node in given),
        ]
        made = Node(Fold(Block(tuple(shapes), tuple(results)), fold.count, fold.carries, tuple(each)), tuple(args))
        new: dict[Node, Node] = {}
        for node in kept:
            position = node.op.position
            new[node] = Node(
                Select(position if position < fold.carries else fold.carries + outputs.index(position)), (made,)
            )
        for k, node in enumerate(given):
            whole = Node(Select(fold.carries + len(outputs) + k), (made,))
            new[node] = whole if self.forward[node] else reverse(whole)
        for node in reached:
            if node not in new:
                new[node] = with_args(node, tuple(new[arg] for arg in node.args))
        return tuple(new[root] for root in roots)
