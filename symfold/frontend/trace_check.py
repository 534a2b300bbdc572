"""Purity: a mapper that is a pure function of (state, item) gives the same step on an item as on a stand-in for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from symfold.core.blocks import Block, trace
from symfold.core.folds import Fold, Step
from symfold.core.nodes import Node, digest
from symfold.core.operations import Constant, Formal
from symfold.core.sequences import element, rebuilt_sequence, stack
from symfold.core.shapes import Shape
from symfold.core.walks import rebuilt
from symfold.errors import ImpureMapper
from symfold.frontend.items import read_item
from symfold.frontend.runs import Run


def check_pure(
    step: Step,
    run: Run,
    applied: Callable[[Sequence[Node], Any], Sequence[Node]],
    shapes: tuple[Shape, ...],
    where: int,
    example: Any,
) -> None:
    """Trace one step on the item itself, and compare it with the step that was traced on a stand-in for all the items."""
    carries = len(shapes)
    item = read_item(example)
    # a number stands for itself by name: SymPy would compute with it, sin(0.3) = 0.2955, and with a stand-in not
    leaves = [Node(Formal(-3, k, leaf.shape)) if is_constant(leaf) else leaf for k, leaf in enumerate(item.leaves)]
    own_item = item.pattern.build(leaves) if any(map(is_constant, item.leaves)) else example
    again = trace(lambda formals: applied(formals, own_item), shapes, fixed=carries)
    actual = again.block(*again.block.formals[:carries], *(o for o in again.operands if isinstance(o, Node)))
    own = [
        leaves[run.leaves.index(o)] if e or (not run.along and o in run.leaves) else o
        for o, e in zip(step.operands, step.each, strict=True)
    ]
    expected = step.block(*step.block.formals[:carries], *own)
    if actual != expected and unordered(written_steps(actual)) != unordered(written_steps(expected)):
        raise ImpureMapper(
            f"step {run.start + where + 1}: the mapper is not a pure function of (state, item): on the item itself "
            f"it gives {actual[0]!r}, on a stand-in for it {expected[0]!r} "
            "(make what changes from step to step part of the item)"
        )


def is_constant(node: Node) -> bool:
    return isinstance(node.op, Constant)


def unordered(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with sums and products in one order: SymPy sorts those that it builds by the names of what is in them."""
    return rebuilt(roots, _unordered)


def _unordered(node: Node, args: tuple[Node, ...]) -> Node | None:
    op = node.op
    if op in (sp.Add, sp.Mul):
        return Node(op, tuple(sorted(args, key=digest)))
    if isinstance(op, Fold):
        return Node(Fold(Block(op.block.shapes, unordered(op.block.results)), op.count, op.carries, op.each), args)
    return None


def written_steps(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with the steps of every fold of known depth written out: what two nets are that fold in other ways.

    A layer that is an item and captured besides is one operand where it is both, and two where it stands in for others.
    """
    return rebuilt(roots, _written)


def _written(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
    if isinstance(node.op, Fold):
        return _written_fold(node.op, args)
    return None if args == node.args else rebuilt_sequence(node, args)


def _written_fold(fold: Fold, args: tuple[Node, ...]) -> tuple[Node, ...]:
    if not isinstance(fold.count, int):
        return fold.rebuild(args)
    state, given = args[: fold.carries], []
    for number in range(fold.count):
        own = [element(o, number) if each else o for o, each in zip(args[fold.carries :], fold.each, strict=True)]
        results = written_steps(fold.block(*state, *own))
        state = results[: fold.carries]
        given.append(results[fold.carries :])
    return (*state, *(stack(parts) for parts in zip(*given, strict=True)))
