"""Whether samples stay apart: no value of one sample depends on the others of its batch."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symfold.core.folds import Fold
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import is_apply
from symfold.core.shapes import Shape, is_known
from symfold.transform.inlining import inlined


def joined(values: Sequence[Node]) -> Node | None:
    """The first operation that joins samples, as a mean over the batch or a fold over it; None if they stay apart.

    Samples lie along the first axis of an input, if its size is unknown. An operation joins them if what it reads has
    this size and its result has not, or if it reads along this axis and keeps its size, as a softmax.

    >>> import numpy as np, symfold as sf
    >>> x = sf.tensor("x", (None, 3))
    >>> joined([x - np.mean(x, axis=0)]).op.primitive.name, joined([x - np.mean(x, axis=1, keepdims=True)])
    ('mean', None)
    """
    opened = Net(inlined(values, keep=lambda node: node.op.primitive.body is None))
    sizes = {
        size for leaf in opened.inputs if is_known(leaf.shape) for size in leaf.shape[:1] if not isinstance(size, int)
    }
    sizes = {symbol for size in sizes for symbol in size.free_symbols}

    def counts(shape: Shape) -> bool:
        return any(isinstance(size, sp.Basic) and not sizes.isdisjoint(size.free_symbols) for size in shape)

    def along(node: Node) -> Shape:
        axis = dict(node.op.attributes).get("axis") if is_apply(node) else None
        if axis is None or node.args[0].shape != node.shape or not is_known(node.shape):
            return ()
        return tuple(node.shape[k] for k in (axis if isinstance(axis, tuple) else (axis,)))

    for roots in (*(block.results for block in opened.blocks), opened.outputs):
        for node in walk(roots):
            if isinstance(node.op, Fold):
                each = (*(False,) * node.op.carries, *node.op.each)
                read = [arg.shape[:1] for arg, varies in zip(node.args, each, strict=True) if varies]
                if any(map(counts, read)):
                    return node
            else:
                places = node.op.primitive.carries(len(node.args)) if is_apply(node) else range(len(node.args))
                read = [node.args[place].shape for place in places]
                if (any(map(counts, read)) and not counts(node.shape)) or counts(along(node)):
                    return node
    return None
