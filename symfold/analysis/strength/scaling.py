"""Scaling: every layer of a net times one strength."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symfold.core.applied_layers import Call
from symfold.core.blocks import Block
from symfold.core.conversion import as_node
from symfold.core.folds import Fold, apply_fold
from symfold.core.names import covers, names_of, show_names
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Constant, Formal
from symfold.core.tensors import tensor
from symfold.core.walks import rebuilt, walk
from symfold.errors import InvalidValue


def scaled(net: Any, epsilon: Any = "epsilon") -> Net:
    """The net whose every layer is multiplied by a strength: an input of this name, or a number or a node.

    What stands inside of a layer's body is part of that layer, and is not scaled by itself.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x"))
    >>> print(sf.scaled(net, "epsilon"))
    z1 = epsilon*f1(x) + x
    z2 = epsilon*f2(z1) + z1
    >>> sf.scaled(net, "x")
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidValue: the net has an input or a layer named 'x' already (its names: x, f1, f2; give the strength another)
    """
    whole = Net.of(net)
    if isinstance(epsilon, str) and any(covers(epsilon, names_of(leaf)) for leaf in whole.leaves):
        shown = show_names([names_of(leaf) for leaf in whole.leaves])
        raise InvalidValue(
            f"the net has an input or a layer named {epsilon!r} already (its names: {shown}; give the strength another)"
        )
    factor = tensor(epsilon, ()) if isinstance(epsilon, str) else as_node(epsilon)
    return whole.with_outputs(_scaled(whole.outputs, factor))


def _scaled(roots: Sequence[Node], factor: Node) -> tuple[Node, ...]:
    def rule(node: Node, args: tuple[Any, ...]) -> Any:
        if isinstance(node.op, Call):
            return factor * Node(node.op, args)
        if isinstance(node.op, Fold) and _has_layers(node.op.block):
            fold, block = node.op, node.op.block
            if isinstance(factor.op, Constant):
                return apply_fold(
                    Block(block.shapes, _scaled(block.results, factor)),
                    fold.count,
                    args[: fold.carries],
                    args[fold.carries :],
                    fold.each,
                )
            own = Node(Formal(0, len(block.shapes), factor.shape))
            inner = Block((*block.shapes, factor.shape), _scaled(block.results, own))
            return apply_fold(
                inner, fold.count, args[: fold.carries], (*args[fold.carries :], factor), (*fold.each, False)
            )
        return None

    return rebuilt(roots, rule)


def _has_layers(block: Block) -> bool:
    return any(
        isinstance(node.op, Call) or (isinstance(node.op, Fold) and _has_layers(node.op.block))
        for node in walk(block.results)
    )
