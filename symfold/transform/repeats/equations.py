"""Equations: nodes that are computed from others, in an order of computation that steps share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from symfold.core.folds import Select
from symfold.core.leaves import Constant
from symfold.core.nodes import Node, walk
from symfold.core.sequences import entry_of
from symfold.core.stacked_inputs import is_leaf

MOST_IN_ORDER = 3  # arguments of an equation that are computed in their order


@dataclass(frozen=True)
class Equations:
    """Nodes that are computed from others, in order of computation.

    `position` holds the place of each in the order, and `last` the position of the last reader of each value; the roots
    are read after all equations. `fixed` are numbers, and what is computed of numbers alone. `weights` are parameters,
    and what is computed of them and numbers alone.

    >>> from symfold.core.leaves import tensor
    >>> x = tensor("x", (3,))
    >>> equations = Equations.of([(x + 1) * x])
    >>> [node.op.__name__ for node in equations.order], equations.last[x]
    (['Add', 'Mul'], 1)
    """

    order: tuple[Node, ...]
    position: Mapping[Node, int]
    last: Mapping[Node, int]
    fixed: frozenset[Node]
    weights: frozenset[Node]

    @classmethod
    def of(cls, roots: Sequence[Node], first: Sequence[Node] = ()) -> Equations:
        """The equations that some roots need; those that `first` needs before all others.

        The results of a fold follow it. Entries of sequences of inputs are no equations, but leaves.
        """
        nodes = deepest_first((*first, *roots))
        selects: dict[Node, dict[int, Node]] = {}
        for node in nodes:
            if isinstance(node.op, Select):
                selects.setdefault(node.args[0], {})[node.op.position] = node
        fixed: set[Node] = set()
        weights: set[Node] = set()
        known: set[Node] = set()  # both
        order: list[Node] = []
        for node in nodes:
            if is_leaf(node) and node.op.role == "parameter":
                weights.add(node)
                known.add(node)
            elif isinstance(node.op, Constant) or (node.args and fixed.issuperset(node.args)):
                fixed.add(node)
                known.add(node)
            elif node.args and not isinstance(node.op, Select) and not _is_entry(node):
                if known.issuperset(node.args):
                    weights.add(node)
                    known.add(node)
                order += (node, *(select for _, select in sorted(selects.get(node, {}).items(), key=itemgetter(0))))
        position = {node: k for k, node in enumerate(order)}
        last = {arg: k for k, node in enumerate(order) for arg in node.args} | dict.fromkeys(roots, len(order))
        return cls(tuple(order), position, last, frozenset(fixed), frozenset(weights))


def deepest_first(roots: Sequence[Node]) -> list[Node]:
    """The nodes after their arguments, in an order that steps share: what a step reads follows the step before.

    Shallow arguments of a node come last. Of many arguments, as where states are collected, the deepest comes first.
    """
    height: dict[Node, int] = {}
    for value in walk(roots):
        height[value] = 1 + max([height[arg] for arg in value.args], default=0)

    def in_order(args: tuple[Node, ...]) -> Sequence[Node]:
        if len(args) == 1:
            return args
        if len(args) == 2:  # the most frequent case of what follows
            return args[::-1] if 2 * height[args[0]] <= height[args[1]] else args
        if len(args) > MOST_IN_ORDER:
            return sorted(args, key=height.__getitem__, reverse=True)
        half = max([height[arg] for arg in args], default=0) / 2
        return sorted(args, key=lambda arg: height[arg] <= half)

    seen: set[Node] = set()
    order: list[Node] = []
    waiting: list[Node | None] = [*reversed(roots)]
    while waiting:
        node = waiting.pop()
        if node is None:  # the marker above a node whose arguments are done
            order.append(waiting.pop())  # type: ignore[arg-type]
        elif node not in seen:
            seen.add(node)
            waiting += (node, None, *reversed(in_order(node.args)))
    return order


def _is_entry(node: Node) -> bool:
    """Whether a node is an entry of a sequence of inputs."""
    return bool(node.args) and is_leaf(node.args[0]) and entry_of(node) is not None
