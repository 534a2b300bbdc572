"""Guarded gradients: a branch that a choice does not read changes nothing, even if it is infinite or not a number.

    y = where(x > 0, log(x), 0)        a_x = where(a_log, a_log / x, 0)        with    a_log = where(x > 0, a_y, 0)

Where the branch is not read, its cotangent is zero, and zero times the slope must be zero: 0 * inf is not. So below the branches of
a choice, and only there, products of cotangents are guarded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from symfold.core.folds import Fold, Select
from symfold.core.functions import isfinite, where
from symfold.core.nodes import Node
from symfold.core.operations import Constant, FrozenArray, Input
from symfold.core.primitives import Apply
from symfold.core.tensors import number
from symfold.core.walks import walk


def guarded_nodes(roots: Sequence[Node], guarded: Iterable[Node] = ()) -> set[Node]:
    """The nodes below a branch of a choice, in addition to those below the given ones.

    >>> import sympy as sp
    >>> from symfold.core.tensors import tensor
    >>> x = tensor("x")
    >>> inner = Node(sp.log, (x,))
    >>> sorted(map(str, guarded_nodes([Node(where, (x, inner, number(0))) + 1])))
    ['0', 'log(x)', 'x']
    """
    below = set(guarded)
    of_folds: dict[Node, set[int]] = {}
    for node in reversed(walk(roots)):  # what reads a node comes before it
        op = node.op
        if op is where:
            below.update(node.args[1:])
        if isinstance(op, Select):
            if node in below:
                of_folds.setdefault(node.args[0], set()).add(op.position)
        elif isinstance(op, Fold):
            flags = guarded_formals(op, frozenset(of_folds.get(node, ())))
            below.update(arg for arg, flag in zip(node.args, flags, strict=True) if flag)
        elif node in below:
            below.update(node.args)
    return below


@lru_cache(maxsize=1024)
def guarded_formals(fold: Fold, results: frozenset[int]) -> tuple[bool, ...]:
    """Which of a block's formals are below a branch, in this step or in one that comes later; `results` are those below one already."""
    block, given = fold.block, set(results)
    while True:
        below = guarded_nodes(block.results, [block.results[k] for k in given])
        flags = tuple(formal in below for formal in block.formals)
        later = given | {k for k in range(fold.carries) if flags[k]}
        if later == given:
            return flags
        given = later


def guarded_results(fold: Fold, results: frozenset[int]) -> frozenset[int]:
    """Which of a block's results have a cotangent that a choice may have set to zero."""
    flags = guarded_formals(fold, results)
    return results | {k for k in range(fold.carries) if flags[k]}


def product(bar: Node, factor: Node) -> Node:
    """A cotangent times a slope; zero where the cotangent is, whatever the slope."""
    return Node(where, (bar, bar * factor, number(0)))


def finite(value: Node) -> Node:
    """A value with zeros where it is not finite; parameters and numbers are."""
    op = value.op
    known = isinstance(op, Constant) and np.all(
        np.isfinite(op.value.array if isinstance(op.value, FrozenArray) else float(op.value))
    )
    if known or (isinstance(op, Input) and op.role == "parameter"):
        return value
    return Node(where, (Node(isfinite, (value,)), value, number(0)))


def pulled(node: Node, bar: Node) -> Sequence[Node | None]:
    """The cotangents of a primitive's arguments below a branch: what is not finite there meets zeros alone."""
    op: Apply = node.op
    groups = op.groups(len(node.args))
    if len(groups) == 1 and op.is_multilinear(len(node.args)):
        return op.pull(node, bar)  # no product with a value
    if groups and op.is_multilinear(len(node.args)):
        factors = {k for group in groups for k in group}
        return op.pull(op.rebuild(tuple(finite(arg) if k in factors else arg for k, arg in enumerate(node.args))), bar)
    return [None if cotangent is None else finite(cotangent) for cotangent in op.pull(node, bar)]
