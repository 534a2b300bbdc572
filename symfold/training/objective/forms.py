"""The training form of a net, in which dropout drops.

As written, a net is its evaluation form. In the training form, `dropout(z)` is `z * random_mask(z, key)`. Keys form a
tree: the seed and the step of the training give the first, a layer or fold gives one to each dropout inside it, and a
fold one to each of its steps. So every dropout has random numbers of its own in every step, whatever the backend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from symfold.base.arguments import whole
from symfold.base.public import public
from symfold.compute.lowering import rolled
from symfold.core.blocks import Block, Call, trace
from symfold.core.conversion import as_node
from symfold.core.folds import Fold, fold_nodes
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt, substitute, walk
from symfold.core.primitives import dropout, is_apply, is_primitive, item, random_keys, random_mask
from symfold.core.stacked_inputs import known_count
from symfold.training.step_counter import STEP

WORD = 2**24


@public
def training_form(net: object, seed: int = 0) -> Net:
    """The net in which dropout drops entries; the net itself if it has no dropout.

    The random numbers depend on the seed, on the parameter `step`, the number of steps that a training has taken, and
    on the place: equal for equal nets, folded or written out, on every backend and in float32 as well. Batch norms are
    the same in both forms until `sf.keep_statistics` freezes their statistics for evaluation.

    >>> import numpy as np, symfold as sf
    >>> net = sf.Net.of(sf.dropout(sf.tensor("x", (8,)), 0.5))
    >>> net(x=np.ones(8))
    array([1., 1., 1., 1., 1., 1., 1., 1.])
    >>> training = training_form(net, seed=1)
    >>> training({"step": 0}, x=np.ones(8)), training({"step": 1}, x=np.ones(8))
    (array([2., 0., 0., 2., 0., 2., 0., 0.]), array([2., 2., 0., 0., 2., 2., 0., 2.]))
    """
    original, number = Net.of(net), whole("seed", seed)
    former = Former()
    if not any(map(former.drops, walk(original.outputs))):
        return original
    result = rolled(original)
    start = as_node(np.array([number % WORD, number // WORD % WORD]))
    return result.with_outputs(former.formed(result.outputs, {}, random_keys(start, STEP)))


class Former:
    """The walk that gives every dropout its key."""

    def __init__(self) -> None:
        self.dropping: dict[Block, bool] = {}

    def drops(self, node: Node) -> bool:
        """Whether a node is a dropout, or a layer or fold with one inside."""
        block = node.op.body if isinstance(node.op, Call) else node.op.block if isinstance(node.op, Fold) else None
        if block is None:
            return is_primitive(node, dropout)
        if block not in self.dropping:
            self.dropping[block] = any(map(self.drops, walk(block.results)))
        return self.dropping[block]

    def formed(self, roots: Sequence[Node], given: Mapping[Node, Node], key: Node) -> tuple[Node, ...]:
        """The roots, given some nodes, with a key of its own for every node that drops."""
        dropping = [node for node in walk(roots, stop=given) if node not in given and self.drops(node)]
        if not dropping:
            return substitute(roots, dict(given))
        key_of = {dropping[0]: key}
        if len(dropping) > 1:
            keys = random_keys(key, as_node(np.arange(len(dropping))))
            key_of = {node: item(keys, index=(k,)) for k, node in enumerate(dropping)}

        def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
            if node not in key_of:
                return None
            own = key_of[node]
            if isinstance(node.op, Fold):
                return self.fold(node.op, args, own)
            if isinstance(node.op, Call):
                return self.call(node.op, args, own)
            rate = dict(node.op.attributes)["rate"] if is_apply(node) else 0.0
            return args[0] * random_mask(args[0], own, rate=rate)

        return rebuilt(roots, rule, given)

    def call(self, op: Call, args: tuple[Node, ...], key: Node) -> Node:
        """An applied layer, whose body captures its key."""
        assert op.body is not None
        body, fixed = op.body, op.arity + op.weights  # the arguments after them are captured

        def run(formals: Sequence[Node]) -> tuple[Node, ...]:
            return self.formed(body.results, dict(zip(body.formals, (*formals, *args[1 + fixed :]), strict=True)), key)

        traced = trace(run, body.shapes[:fixed], fixed)
        captured = (node for node in traced.operands if isinstance(node, Node))
        return Node(Call(traced.block, op.arity, op.weights), (*args[: 1 + fixed], *captured))

    def fold(self, fold: Fold, args: tuple[Node, ...], key: Node) -> tuple[Node, ...]:
        """A fold over its sequences and one of keys."""
        each = (*(False,) * fold.carries, *fold.each)
        sequences = [arg for arg, varies in zip(args, each, strict=True) if varies]
        keys = random_keys(key, as_node(np.arange(known_count(fold.count))))

        def step(formals: Sequence[Node]) -> tuple[Node, ...]:
            states, entries = iter(formals[: fold.carries]), iter(formals[fold.carries : -1])
            given = {
                formal: next(states) if place < fold.carries else next(entries) if varies else arg
                for place, (formal, arg, varies) in enumerate(zip(fold.block.formals, args, each, strict=True))
            }
            return self.formed(fold.block.results, given, formals[-1])

        return fold_nodes(step, fold.count, args[: fold.carries], [*sequences, keys])
