"""The trace check: a pure mapper traces to the same step on an item itself and on its stand-in.

The two traces may differ in form: an item brings its own structure (entries of a stack, a sequence of inputs), and
SymPy evaluates what it sees, as exp(x) + exp(x) = 2*exp(x). So both are compared with folds unrolled, sequences in
normal form, and operations evaluated by SymPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from symfold.core.blocks import trace
from symfold.core.folds import Fold, Step, rebuilt_inside
from symfold.core.leaves import Constant, Formal, Input, number_of
from symfold.core.nodes import Node, digest, rebuilt, walk
from symfold.core.sequences import element, rebuilt_sequence, stack
from symfold.core.shapes import Shape
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
    # Numbers become formals: SymPy would evaluate sin(0.3) = 0.2955, which it cannot do for a stand-in. Parts of the
    # items that are equal in every step are one sequence, so they have one formal.
    leaves = [
        Node(Formal(-3, run.leaves.index(sequence), leaf.shape)) if is_constant(leaf) else leaf
        for sequence, leaf in zip(run.leaves, item.leaves, strict=True)
    ]
    checked_item = item.pattern.build(leaves) if any(map(is_constant, item.leaves)) else example
    traced = trace(lambda formals: applied(formals, checked_item), shapes, fixed=carries)
    actual = traced.block(*traced.block.formals[:carries], *(o for o in traced.operands if isinstance(o, Node)))
    operands = [
        leaves[run.leaves.index(o)] if each or (not run.stacked and o in run.leaves) else o
        for o, each in zip(step.operands, step.each, strict=True)
    ]
    expected = step.block(*step.block.formals[:carries], *operands)
    if actual != expected and not equal_by_form(actual, expected):
        raise ImpureMapper(
            f"step {run.start + position + 1}: the mapper is not a pure function of (state, item): on the item itself "
            f"it gives {actual[0]!r}, on a stand-in for it {expected[0]!r} "
            "(make what changes from step to step part of the item)"
        )


def is_constant(node: Node) -> bool:
    return isinstance(node.op, Constant)


def equal_by_form(left: Sequence[Node], right: Sequence[Node]) -> bool:
    """Whether two traces differ at most in what items themselves, and SymPy, make of them."""
    left, right = (sorted_operands(unrolled(roots)) for roots in (left, right))
    if left == right:
        return True
    symbols: dict[Any, sp.Expr] = {}
    return evaluated(left, symbols) == evaluated(right, symbols)


def sorted_operands(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with the operands of sums and products in one order: SymPy sorts those that it builds by name."""

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        return Node(node.op, tuple(sorted(args, key=digest))) if node.op in (sp.Add, sp.Mul) else None

    return rebuilt_inside(roots, rule)


def evaluated(roots: Sequence[Node], symbols: dict[Any, sp.Expr]) -> tuple[sp.Basic, ...]:
    """The roots as SymPy evaluates them; any other operation on given arguments is a symbol."""
    values: dict[Node, sp.Basic] = {}
    for node in walk(roots):
        args = tuple(values[arg] for arg in node.args)
        number = number_of(node)
        if number is not None:
            values[node] = number
        elif isinstance(node.op, type):
            values[node] = node.op(*args)
        else:
            operation = node.op.name if isinstance(node.op, Input) else node.op
            values[node] = symbols.setdefault((operation, args), sp.Dummy())
    return tuple(values[root] for root in roots)


def unrolled(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with folds of known depth unrolled and sequences in normal form.

    A layer that is both an item and captured is one operand in the item's trace and two in the stand-in's.
    """

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        return _unrolled_fold(node.op, args) if isinstance(node.op, Fold) else rebuilt_sequence(node, args)

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
