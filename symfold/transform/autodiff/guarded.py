"""Guarded gradients: a branch that a choice does not read changes nothing, even if it is infinite or not a number.

    y = where(x > 0, log(x), 0)    a_x = guarded_product(a_log, 1/x)    with    a_log = where(x > 0, a_y, 0)

Where the branch is not read, its cotangent is zero, and zero times the slope must be zero: 0 * inf is not. So below the branches of
a choice, and only there, products of cotangents are guarded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

import numpy as np
import sympy as sp

from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select
from symfold.core.functions import isfinite, where
from symfold.core.nodes import Node
from symfold.core.operations import Constant, Formal, FrozenArray, Input
from symfold.core.primitives import Apply, guarded_product, is_primitive
from symfold.core.shapes import Shape
from symfold.core.tensors import number
from symfold.core.walks import rebuilt, walk


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
        elif is_primitive(
            node, guarded_product
        ):  # a slope that is not read, in a gradient that is differentiated again
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


def fold_below(node: Node, below: Collection[Node]) -> frozenset[Node]:
    """The nodes of a fold's block that are below a branch, if these nodes around the fold are."""
    results = range(len(node.op.block.results))
    return block_below(node.op, frozenset(k for k in results if Node(Select(k), (node,)) in below))


@lru_cache(maxsize=1024)
def block_below(fold: Fold, results: frozenset[int]) -> frozenset[Node]:
    """The nodes of a fold's block that are below a branch, if these results are."""
    return frozenset(guarded_nodes(fold.block.results, [fold.block.results[k] for k in guarded_results(fold, results)]))


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
    if is_primitive(node, guarded_product) or op.is_linear(len(node.args)):
        return op.pull(node, bar)  # no product with a value, or a guarded one
    if groups and op.is_multilinear(len(node.args)):
        factors = {k for group in groups for k in group}
        return op.pull(op.rebuild(tuple(finite(arg) if k in factors else arg for k, arg in enumerate(node.args))), bar)
    block, places = shielded(op, tuple(arg.shape for arg in node.args))
    cotangents = dict(zip(places, block(*node.args, node, bar), strict=True))
    return [cotangents.get(k) for k in range(len(node.args))]


@lru_cache(maxsize=1024)
def shielded(op: Apply, shapes: tuple[Shape, ...]) -> tuple[Block, tuple[int, ...]]:
    """A primitive's adjoint over its arguments, its result and the cotangent, products with the cotangent guarded; and whose it is."""
    node = op.rebuild(tuple(Node(Formal(0, k, shape)) for k, shape in enumerate(shapes)))
    result, bar = (Node(Formal(0, len(shapes) + k, node.shape)) for k in range(2))
    pulled = {k: cotangent for k, cotangent in enumerate(op.pull(node, bar)) if cotangent is not None}
    reached = {bar}

    def rule(part: Node, args: tuple[Node, ...]) -> Node | None:
        linear = [place for place, arg in enumerate(part.args) if arg in reached]
        if linear:
            reached.add(part)
        if part.op is not sp.Mul or len(linear) != 1:
            return None
        others = tuple(arg for place, arg in enumerate(args) if place != linear[0])
        return guarded_product(args[linear[0]], others[0] if len(others) == 1 else Node(sp.Mul, others))

    results = rebuilt(tuple(pulled.values()), rule, {node: result, bar: bar})
    return Block((*shapes, node.shape, node.shape), results), tuple(pulled)
