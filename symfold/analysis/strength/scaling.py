"""Scaling: every layer of a net times the same strength."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symfold.base.public import public
from symfold.core.blocks import Block, Call
from symfold.core.conversion import as_node
from symfold.core.folds import Fold, apply_fold, walk_inside
from symfold.core.leaves import Constant, Formal, tensor
from symfold.core.names import covers, names_of, show_names
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt
from symfold.errors import InvalidValue


@public
def scaled(net: Any, epsilon: Any = "epsilon") -> Net:
    """The net with every layer multiplied by a strength: the name of a new input, a number or a node.

    Layers inside the body of a layer are part of it, and not scaled separately.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x"))
    >>> print(sf.scaled(net, "epsilon"))
    z1 = epsilon*f1(x) + x
    z2 = epsilon*f2(z1) + z1
    >>> sf.scaled(net, "x")
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidValue: the net already has an input or layer named 'x' (its names: x, f1, f2; choose another)
    """
    net = Net.of(net)
    if isinstance(epsilon, str) and any(covers(epsilon, names_of(leaf)) for leaf in net.leaves):
        shown = show_names([names_of(leaf) for leaf in net.leaves])
        raise InvalidValue(
            f"the net already has an input or layer named {epsilon!r} (its names: {shown}; choose another)"
        )
    factor = tensor(epsilon, ()) if isinstance(epsilon, str) else as_node(epsilon)
    return net.with_outputs(_scaled(net.outputs, factor))


def _scaled(roots: Sequence[Node], factor: Node) -> tuple[Node, ...]:
    def rule(node: Node, args: tuple[Any, ...]) -> Any:
        if isinstance(node.op, Call):
            return factor * Node(node.op, args)
        if isinstance(node.op, Fold) and _has_layers(node.op.block):
            fold, block = node.op, node.op.block
            if isinstance(factor.op, Constant):
                return fold.over(args, Block(block.shapes, _scaled(block.results, factor)))
            formal = Node(Formal(0, len(block.shapes), factor.shape))
            inner = Block((*block.shapes, factor.shape), _scaled(block.results, formal))
            init, operands = fold.split(args)
            return apply_fold(inner, fold.count, init, (*operands, factor), (*fold.each, False))
        return None

    return rebuilt(roots, rule)


def _has_layers(block: Block) -> bool:
    return any(isinstance(node.op, Call) for node in walk_inside(block.results))
