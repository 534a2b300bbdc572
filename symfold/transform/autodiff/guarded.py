"""Guarded gradients: a branch that a choice does not take adds nothing, even if it is infinite or not a number.

    y = where(x > 0, log(x), 0)    a_x = guarded_product(a_log, 1/x)    with    a_log = where(x > 0, a_y, 0)

The cotangent of a branch not taken is zero, and zero times the slope must be zero, but 0 * inf is not. So products of
cotangents are guarded below the branches of a choice, and only there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

import numpy as np
import sympy as sp

from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select
from symfold.core.functions import isfinite, where
from symfold.core.leaves import Constant, Formal, FrozenArray, Input, number
from symfold.core.nodes import Node, rebuilt, walk
from symfold.core.primitives import Apply, guarded_product, is_primitive
from symfold.core.shapes import Shape


def guarded_nodes(roots: Sequence[Node], guarded: Iterable[Node] = ()) -> set[Node]:
    """The nodes below a branch of a choice, in addition to those below the given ones.

    >>> import sympy as sp
    >>> from symfold.core.leaves import tensor
    >>> x = tensor("x")
    >>> inner = Node(sp.log, (x,))
    >>> sorted(map(str, guarded_nodes([Node(where, (x, inner, number(0))) + 1])))
    ['0', 'log(x)', 'x']
    """
    below = set(guarded)
    of_folds: dict[Node, set[int]] = {}
    for node in reversed(walk(roots)):  # users before the nodes that they read
        op = node.op
        if op is where:
            below.update(node.args[1:])
        elif is_primitive(node, guarded_product):  # the slope of an untaken branch, in a second derivative
            below.update(node.args)
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
    """Which formals of a block are below a branch, in this step or a later one; `results` are below one already."""
    block, below_results = fold.block, set(results)
    while True:
        below = guarded_nodes(block.results, [block.results[k] for k in below_results])
        flags = tuple(formal in below for formal in block.formals)
        later = below_results | {k for k in range(fold.carries) if flags[k]}
        if later == below_results:
            return flags
        below_results = later


def guarded_results(fold: Fold, results: frozenset[int]) -> frozenset[int]:
    """The results of a block whose cotangent a choice may have set to zero."""
    flags = guarded_formals(fold, results)
    return results | {k for k in range(fold.carries) if flags[k]}


def fold_below(node: Node[Fold], below: Collection[Node]) -> frozenset[Node]:
    """The nodes of a fold's block below a branch, given the nodes around the fold that are."""
    results = range(len(node.op.block.results))
    return block_below(node.op, frozenset(k for k in results if Node(Select(k), (node,)) in below))


@lru_cache(maxsize=1024)
def block_below(fold: Fold, results: frozenset[int]) -> frozenset[Node]:
    """The nodes of a fold's block below a branch, given the results that are."""
    return frozenset(guarded_nodes(fold.block.results, [fold.block.results[k] for k in guarded_results(fold, results)]))


def finite(value: Node) -> Node:
    """A value with zeros where it is not finite; parameters and finite constants stay as they are."""
    op = value.op
    is_finite = isinstance(op, Constant) and np.all(
        np.isfinite(op.value.array if isinstance(op.value, FrozenArray) else float(op.value))
    )
    if is_finite or (isinstance(op, Input) and op.role == "parameter"):
        return value
    return Node(where, (Node(isfinite, (value,)), value, number(0)))


def pull(node: Node[Apply], bar: Node) -> Sequence[Node | None]:
    """The cotangents of a primitive's arguments below a branch, where infinite values meet only zeros."""
    op = node.op
    groups = op.groups(len(node.args))
    if is_primitive(node, guarded_product) or op.is_linear(len(node.args)):
        return op.pull(node, bar)  # without a product with a value, or with a guarded one
    if groups and op.is_multilinear(len(node.args)):
        factors = {k for group in groups for k in group}
        return op.pull(op.rebuild(tuple(finite(arg) if k in factors else arg for k, arg in enumerate(node.args))), bar)
    block, places = guarded_adjoint(op, tuple(arg.shape for arg in node.args))
    cotangents = dict(zip(places, block(*node.args, node, bar), strict=True))
    return [cotangents.get(k) for k in range(len(node.args))]


@lru_cache(maxsize=1024)
def guarded_adjoint(op: Apply, shapes: tuple[Shape, ...]) -> tuple[Block, tuple[int, ...]]:
    """A primitive's adjoint with guarded products, over arguments, result and cotangent; and its arguments."""
    node = op.rebuild(tuple(Node(Formal(0, k, shape)) for k, shape in enumerate(shapes)))
    result, bar = (Node(Formal(0, len(shapes) + k, node.shape)) for k in range(2))
    cotangents = {k: cotangent for k, cotangent in enumerate(op.pull(node, bar)) if cotangent is not None}
    reached: set[Node] = {bar}

    def rule(part: Node, args: tuple[Node, ...]) -> Node | None:
        linear = [place for place, arg in enumerate(part.args) if arg in reached]
        if linear:
            reached.add(part)
        if part.op is not sp.Mul or len(linear) != 1:
            return None
        others = tuple(arg for place, arg in enumerate(args) if place != linear[0])
        return guarded_product(args[linear[0]], others[0] if len(others) == 1 else Node(sp.Mul, others))

    results = rebuilt(tuple(cotangents.values()), rule, {node: result, bar: bar})
    return Block((*shapes, node.shape, node.shape), results), tuple(cotangents)
