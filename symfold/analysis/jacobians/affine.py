"""Affine layers: those whose derivative is the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import sympy as sp

from symfold.core.blocks import Block, Call
from symfold.core.folds import Fold
from symfold.core.nodes import Node, walk
from symfold.core.primitives import Apply, carried_places


@lru_cache(maxsize=1024)
def is_affine(body: Block, arity: int, weights: int) -> bool:
    """Whether the body of a layer is affine in its inputs and in captured values, with fixed weights.

    >>> import symfold as sf
    >>> kinds = sf.dense(3, 3), sf.dense(3, 3, sf.tanh)
    >>> [is_affine(kind.body, kind.arity, len(kind.weights)) for kind in kinds]
    [True, False]
    """
    fixed = set(range(arity, arity + weights))
    return _degree(body, [int(k not in fixed) for k in range(len(body.shapes))]) < 2


def _degree(block: Block, degrees: Sequence[int]) -> int:
    """0 if the results are constant in the formals of degree 1, 1 if they are affine in them, else 2."""
    degree_of = dict(zip(block.formals, degrees, strict=True))
    for node in walk(block.results, stop=degree_of):
        degree_of[node] = _of_node(node, [degree_of[arg] for arg in node.args])
    return max(degree_of[result] for result in block.results)


def _of_node(node: Node, args: list[int]) -> int:
    op, highest = node.op, max(args, default=0)
    if not highest or isinstance(op, Fold):
        return 2 if highest else 0  # folds are not analyzed
    if op is sp.Add:
        return highest
    if op is sp.Mul:
        return min(2, sum(args))
    if isinstance(op, Call):
        return 2 if op.body is None else min(2, highest * _degree(op.body, [min(1, degree) for degree in args[1:]]))
    if isinstance(op, Apply):
        groups = op.groups(len(args))
        linear = {k for group in groups for k in group}
        if any(args[k] for k in carried_places(node) if k not in linear):
            return 2
        return min(2, sum(max(args[k] for k in group) for group in groups))
    return 2
