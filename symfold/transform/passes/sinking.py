"""Sinking: elementwise operations on whole emitted sequences, such as the updates of all layers, in the steps.

    fold(step)[j] * c + w  ->  fold(step, each result times c plus its entry of w)

The opposite of hoisting, for sequences that no cache next to the core holds: a step finds in the cache what it has just
computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, apply_fold, fold_of, is_emitted, is_fold
from symfold.core.leaves import Constant, Formal
from symfold.core.nodes import Node, is_elementwise, substitute, walk, with_args
from symfold.core.primitives import is_primitive
from symfold.core.sequences import reverse, reverse_row
from symfold.core.shapes import is_concrete
from symfold.transform.passes.hoisting import CACHED, SMALL


def sunk(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with large elementwise operations on emitted sequences in the steps of their folds.

    >>> import symfold as sf
    >>> products = sf.scan(lambda z, w: z @ w, sf.tensor("w", (99, 64, 64)), sf.tensor("z", (64, 64))).outputs[0]
    >>> sunk([products * 2 + 1])[0].args[0].op.block.results[1]
    dot(z, y)*2 + 1
    """
    while (found := sinkable(roots)) is not None:
        roots = substitute(roots, into_steps(roots, *found))
    return tuple(roots)


def sinkable(roots: Sequence[Node]) -> tuple[Node[Fold], bool, list[Node]] | None:
    """A fold whose steps can compute some of the nodes, in order, and whether these read its sequences backward."""
    order = walk(roots)
    large = [node for node in order if is_large(node)]
    if not any(source_of(arg) for node in large for arg in node.args):
        return None
    above: dict[Node, set[Node]] = {}  # the folds that a node depends on
    for node in order:
        above[node] = set().union(*(above[arg] for arg in node.args), (node,) if is_fold(node) else ())
    homes: dict[Node, tuple[Node[Fold], bool]] = {}
    for node in large:
        sources = {arg: homes.get(arg) or source_of(arg) for arg in node.args}
        home = next((source for source in sources.values() if source), None)
        if home is None or home[0].op.count != node.shape[0]:
            continue
        others = [arg for arg in node.args if sources[arg] != home]
        known = above[home[0]] - {home[0]}
        if all(above[arg] <= known and fits(arg, node) for arg in others):
            homes[node] = home
    if not homes:
        return None
    users: dict[Node, list[Node]] = {root: [root] for root in roots}
    for node in order:
        for arg in node.args:
            users.setdefault(arg, []).append(node)
    for node in reversed(large):  # what only steps read
        home, *further = {homes.get(user) for user in users[node]}
        if home is not None and not further and all(fits(arg, node) for arg in node.args):
            homes[node] = home
    first = next(iter(homes.values()))
    return *first, [node for node in large if homes.get(node) == first]


def is_large(node: Node) -> bool:
    """Whether an elementwise operation takes longer than calls per step, and its sequence leaves the cache."""
    if not is_elementwise(node) or not node.shape or not is_concrete(node.shape):
        return False
    entry = prod(map(int, node.shape[1:]))
    return entry > SMALL and int(node.shape[0]) * entry > CACHED


def source_of(node: Node) -> tuple[Node[Fold], bool] | None:
    """The fold that emits a sequence, and whether the sequence is reversed."""
    backward = is_primitive(node, reverse_row)
    inner = node.args[0] if backward else node
    return (fold_of(inner), backward) if is_emitted(inner) else None


def fits(arg: Node, node: Node) -> bool:
    """Whether an argument is a sequence with an entry per step, or one value that all steps can read."""
    return len(arg.shape) < len(node.shape) or arg.shape[0] == node.shape[0]


def into_steps(roots: Sequence[Node], fold: Node[Fold], backward: bool, nodes: Sequence[Node]) -> Mapping[Node, Node]:
    """What replaces the results of a fold, and the nodes that its steps compute from now on."""
    op = fold.op
    alive = [node for node in walk(roots, stop=dict.fromkeys(nodes)) if node not in nodes]
    read = {arg for node in alive for arg in node.args} | set(roots)
    results = {node: node.op.position for node in read if isinstance(node.op, Select) and node.args == (fold,)}
    kept = [k for k in range(len(op.block.results)) if k < op.carries or k in results.values()]
    outputs = [node for node in nodes if node in read]
    operands, each = [*fold.args], [*op.each]
    entries: dict[Node, Node] = {}

    def entry(arg: Node, rank: int) -> Node:
        if arg in entries or isinstance(arg.op, Constant):
            return entries.get(arg, arg)
        if source_of(arg) == (fold, backward):
            select = (arg.args[0] if backward else arg).op
            assert isinstance(select, Select)
            return op.block.results[select.position]
        varies = len(arg.shape) == rank
        operand = reverse(arg) if varies and backward else arg
        for k in range(op.carries, len(operands)):
            if operands[k] is operand and each[k - op.carries] == varies:
                return Node(Formal(0, k, operand.shape[1:] if varies else operand.shape))
        operands.append(operand)
        each.append(varies)
        return Node(Formal(0, len(operands) - 1, operand.shape[1:] if varies else operand.shape))

    for node in nodes:
        entries[node] = with_args(node, tuple(entry(arg, len(node.shape)) for arg in node.args))
    shapes = [o.shape[1:] if e else o.shape for o, e in zip(operands, [*[False] * op.carries, *each], strict=True)]
    shapes[: len(op.block.shapes)] = op.block.shapes
    block = Block(tuple(shapes), (*(op.block.results[k] for k in kept), *(entries[node] for node in outputs)))
    new = apply_fold(block, op.count, operands[: op.carries], operands[op.carries :], each)
    replaced = {select: new[kept.index(position)] for select, position in results.items()}
    sequences = new[len(kept) :]
    return replaced | {
        node: reverse(sequence) if backward else sequence for node, sequence in zip(outputs, sequences, strict=True)
    }
