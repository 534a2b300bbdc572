"""Trace check: a pure mapper, a function of (state, item), traces to the same step on an item and on its stand-in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from symfold.core.blocks import trace
from symfold.core.folds import Fold, Step, rebuilt_inside
from symfold.core.nodes import Node, digest
from symfold.core.operations import Constant, Formal
from symfold.core.sequences import element, rebuilt_sequence, stack
from symfold.core.shapes import Shape
from symfold.core.walks import rebuilt
from symfold.errors import ImpureMapper
from symfold.frontend.items import read_item
from symfold.frontend.runs import Run


def check_trace(
    step: Step,
    run: Run,
    applied: Callable[[Sequence[Node], Any], Sequence[Node]],
    shapes: tuple[Shape, ...],
    position: int,
    example: Any,
) -> None:
    """Trace one step on the item itself and compare it with the step traced on the stand-in for all items."""
    carries = len(shapes)
    item = read_item(example)
    # numbers become formals: SymPy would evaluate sin(0.3) = 0.2955, which it cannot do for a stand-in
    leaves = [Node(Formal(-3, k, leaf.shape)) if is_constant(leaf) else leaf for k, leaf in enumerate(item.leaves)]
    checked_item = item.pattern.build(leaves) if any(map(is_constant, item.leaves)) else example
    traced = trace(lambda formals: applied(formals, checked_item), shapes, fixed=carries)
    actual = traced.block(*traced.block.formals[:carries], *(o for o in traced.operands if isinstance(o, Node)))
    operands = [
        leaves[run.leaves.index(o)] if each or (not run.stacked and o in run.leaves) else o
        for o, each in zip(step.operands, step.each, strict=True)
    ]
    expected = step.block(*step.block.formals[:carries], *operands)
    if actual != expected and sorted_operands(unrolled(actual)) != sorted_operands(unrolled(expected)):
        raise ImpureMapper(
            f"step {run.start + position + 1}: the mapper is not a pure function of (state, item): on the item itself "
            f"it gives {actual[0]!r}, on a stand-in for it {expected[0]!r} "
            "(make what changes from step to step part of the item)"
        )


def is_constant(node: Node) -> bool:
    return isinstance(node.op, Constant)


def sorted_operands(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with the operands of sums and products in one order: SymPy sorts those that it builds by name."""

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        return Node(node.op, tuple(sorted(args, key=digest))) if node.op in (sp.Add, sp.Mul) else None

    return rebuilt_inside(roots, rule)


def unrolled(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with every fold of known depth unrolled, so that nets which fold differently compare equal.

    A layer that is both an item and captured is one operand in the item's trace and two in the stand-in's.
    """

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        if isinstance(node.op, Fold):
            return _unrolled_fold(node.op, args)
        return None if args == node.args else rebuilt_sequence(node, args)

    return rebuilt(roots, rule)


def _unrolled_fold(fold: Fold, args: tuple[Node, ...]) -> tuple[Node, ...]:
    if not isinstance(fold.count, int):
        return fold.rebuild(args)
    state, outputs = args[: fold.carries], []
    for step in range(fold.count):
        operands = [element(o, step) if each else o for o, each in zip(args[fold.carries :], fold.each, strict=True)]
        state, outputs_of_step = fold.split(unrolled(fold.block(*state, *operands)))
        outputs.append(outputs_of_step)
    return (*state, *(stack(entries) for entries in zip(*outputs, strict=True)))
