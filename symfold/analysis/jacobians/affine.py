"""Affine: which layers are affine in what they read, so that their derivative is the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import sympy as sp

from symfold.blocks import Block
from symfold.folds import Fold
from symfold.layer_kinds import Call
from symfold.nodes import Node
from symfold.primitives import Apply
from symfold.walks import walk

# primitives that are linear in the arguments at these positions together; the others among their arguments are read for their shape
LINEAR = {
    "expand": (0,), "squeeze": (0,), "item": (0,), "put": (0,), "reshape": (0,), "concatenate": None, "stack": None, "take": (0,),
    "reverse": (0,), "add_rows": (0,), "sum_to": (0,), "sum_like": (0,), "broadcast_to": (0,), "broadcast_like": (0,), "alike": (0,),
    "single": (0,), "transpose": (0,), "sum": (0,), "mean": (0,), "share": (0,),
}  # fmt: skip


def reads(node: Node) -> Sequence[int]:
    """The positions of the arguments that the value of a primitive depends on."""
    places = LINEAR.get(node.op.primitive.name)
    return range(len(node.args)) if places is None else places


def is_linear(node: Node) -> bool:
    """Whether a primitive is linear in all that it reads together."""
    return node.op.primitive.name in LINEAR


@lru_cache(maxsize=1024)
def is_affine(body: Block, arity: int, weights: int) -> bool:
    """Whether a layer's body is affine in its inputs and in what it captures, its weights held fixed.

    >>> import symfold as sf
    >>> kinds = sf.dense(3, 3), sf.dense(3, 3, sf.tanh)
    >>> [is_affine(kind.body, kind.arity, len(kind.weights)) for kind in kinds]
    [True, False]
    """
    fixed = set(range(arity, arity + weights))
    return _degree(body, [int(k not in fixed) for k in range(len(body.shapes))]) < 2


def _degree(block: Block, degrees: Sequence[int]) -> int:
    """0 where the result is constant in the formals of degree 1, 1 where it is affine in them, else 2."""
    known = dict(zip(block.formals, degrees, strict=True))
    for node in walk(block.results, stop=known):
        known[node] = _of_node(node, [known[arg] for arg in node.args])
    return max(known[result] for result in block.results)


def _of_node(node: Node, args: list[int]) -> int:
    op, highest = node.op, max(args, default=0)
    if not highest or isinstance(op, Fold):
        return 2 if highest else 0  # a fold is not looked into
    if op is sp.Add:
        return highest
    if op is sp.Mul:
        return min(2, sum(args))
    if isinstance(op, Call):
        return 2 if op.body is None else min(2, highest * _degree(op.body, [min(1, degree) for degree in args[1:]]))
    if isinstance(op, Apply):
        if op.primitive.name == "dot":
            return min(2, sum(args))
        return max(args[k] for k in reads(node)) if is_linear(node) else 2
    return 2
