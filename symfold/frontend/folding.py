"""Folding: a mapper run over items, as `fold` and `scan`.

Items of equal pattern make one fold, whatever their number: the mapper is traced once per run, and again on the run's
first and last items to catch a mapper that is not a pure function of (state, item).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import sympy as sp

from symfold.base.arguments import one_of
from symfold.base.public import public
from symfold.base.trees import LEAF, Form, State, as_state, flatten, unflatten
from symfold.core.blocks import prefixed, trace
from symfold.core.conversion import as_node
from symfold.core.folds import Fold, Step, rebuilt_inside, settle, state_of, traced_step
from symfold.core.leaves import Constant, Formal, Input, number_of
from symfold.core.net import Net
from symfold.core.nodes import Node, digest, rebuilt, substitute, walk
from symfold.core.sequences import element, join, rebuilt_sequence, stack
from symfold.core.shapes import Shape, Size, is_known
from symfold.core.stacked_inputs import is_input
from symfold.errors import ImpureMapper, InvalidType, InvalidValue, SymfoldError
from symfold.frontend.fold_arguments import check_fold, first_of
from symfold.frontend.items import read_item
from symfold.frontend.runs import Run, runs_of
from symfold.frontend.tracer import Tracer, refused_elsewhere

Mapper = Callable[[State, Any], State]  # a state and an item to the next state


@public
def fold(mapper: Mapper, items: object, init: State = None, *, check: str = "ends") -> Net:
    """Fold a mapper `(state, item) -> state` over items; returns the last state, as `functools.reduce` does.

    `items` are layers (`sf.layers`), values, a sequence such as a tensor with a step per row, or `sf.zipped` lists.
    `init` is the initial state; without it, the first item is. Items that are alike are traced once for all, and the
    mapper is checked on the first and the last; `check="all"` runs it on every item.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:4"), sf.tensor("x")
    >>> print(sf.formula(sf.fold(lambda z, f: f(z) + z, f, x), form="expanded"))
    f3(f2(f1(x) + x) + f1(x) + x) + f2(f1(x) + x) + f1(x) + x
    """
    return run_fold(mapper, items, init, check, states=False)


@public
def scan(mapper: Mapper, items: object, init: State = None, *, check: str = "ends") -> Net:
    """Fold a mapper and return the states after all steps as a sequence (a tuple of sequences for a tuple state).

    >>> import symfold as sf
    >>> sf.scan(lambda h, u: h + u, sf.tensor("u", (5, 2)), sf.tensor("h", (2,))).outputs[0].shape
    (5, 2)
    """
    return run_fold(mapper, items, init, check, states=True)


def run_fold(mapper: Mapper, items: object, init: State, check: str, states: bool) -> Net:
    one_of("check", check, ("ends", "all"))
    check_fold("scan" if states else "fold", mapper, items, init)
    if init is None:
        init, items = first_of(items)
    leaves, form = flatten(as_state(init))
    state = tuple(map(as_node, leaves))
    sequences: list[list[Node]] = [[] for _ in state]
    for run in runs_of(items, keep_all=check == "all"):
        results = fold_run(mapper, run, state, form, states)
        state = results[: len(leaves)]
        for parts, states_of_run in zip(sequences, results[len(leaves) :], strict=bool(states)):
            parts.append(states_of_run)
    if not states:
        return Net.of(unflatten(form, state))
    if not all(sequences):
        raise InvalidValue("a scan over no items has no states (give at least one item)")
    return Net.of(unflatten(form, [join(parts) for parts in sequences]))


def fold_run(mapper: Mapper, run: Run, init: tuple[Node, ...], form: Form, states: bool) -> tuple[Node, ...]:
    """Fold over one run."""
    carries = len(init)

    def place(formals: Sequence[Node], position: int) -> str:
        name = run.name_at(position)
        shapes = [formal.shape for formal in formals[:carries]]
        state = f", {state_of(shapes)}" if any(map(is_known, shapes)) else ""
        return f"step {run.start + position + 1}{f' ({name})' if name else ''}{state}"

    def applied(formals: Sequence[Node], item: Any, position: int) -> list[Node]:
        try:
            nodes = state_given(mapper(unflatten(form, [Tracer(formal) for formal in formals[:carries]]), item), form)
        except SymfoldError as error:
            raise prefixed(error, place(formals, position)) from None
        except TypeError as error:
            if not callable(item) and "not callable" in str(error):
                raise InvalidType(
                    f"the mapper calls its item, and the item of step {run.start + position + 1} is not a function "
                    "(fold over layers, as sf.layers('f1:4'), functions or nets)"
                ) from error
            if str(error) == "'Tracer' object is not callable":
                raise InvalidType(
                    f"step {run.start + position + 1}: the mapper calls its state, which is a value (a mapper takes "
                    "the state first, then the item: lambda z, f: f(z) + z)"
                ).with_traceback(error.__traceback__) from None
            if refused := refused_elsewhere(error, f"{place(formals, position)}: "):
                raise refused from None
            error.add_note(f"in {place(formals, position)}")
            raise
        except Exception as error:  # of the user's mapper, which may raise anything: say at which step
            error.add_note(f"in {place(formals, position)}")
            raise
        nodes = with_depth(nodes, run.count)
        return nodes + nodes if states else nodes

    def step_for(shapes: tuple[Shape, ...], first: int) -> Step:
        step = traced_step(
            lambda formals: applied(formals, run.pattern.build(formals[carries:]), first),
            shapes,
            run.leaves,
            run.stacked,
        )
        for position, example in run.examples:
            if position >= first:
                check_trace(step, run, partial(applied, position=position), shapes, position, example)
        return step

    return settle(step_for, run.count, init)


def state_given(result: State, form: Form) -> list[Node]:
    """The leaves of a state that a mapper gave, which must have the form of the state before."""
    if result is None:
        raise InvalidType("the mapper gave None, not the next state (does it lack a return?)")
    leaves, result_form = flatten(ordered_as(form, as_state(result)))
    if result_form != form:
        hint = " (a list is one array: give a tuple)" if isinstance(result, list) else ""
        raise InvalidType(
            f"the mapper gave a state of another form: {describe(result_form)} after {describe(form)}{hint}"
        )
    return list(map(as_node, leaves))


def with_depth(nodes: list[Node], count: Size) -> list[Node]:
    """The nodes, in which the symbol of the depth, used as a number, is the depth."""
    if isinstance(count, int):
        return nodes
    depths = {symbol.name: Node(Constant(symbol)) for symbol in count.free_symbols}
    used = [node for node in walk(nodes) if is_input(node) and node.op.named and node.op.name in depths]
    return list(substitute(nodes, {node: depths[node.op.name] for node in used})) if used else nodes


def ordered_as(form: Form, value: Any) -> Any:
    """A state with its dict keys in the order of the form, if they are the same keys."""
    if form == LEAF or not isinstance(value, (tuple, dict)):
        return value
    kind, parts = form
    if kind == "dict" and isinstance(value, dict) and set(value) == {key for key, _ in parts}:
        return {key: ordered_as(part, value[key]) for key, part in parts}
    if kind == "tuple" and isinstance(value, tuple) and len(value) == len(parts):
        return tuple(map(ordered_as, parts, value))
    return value


def describe(form: Form) -> str:
    if form == LEAF:
        return "one value"
    return (
        f"a dict with the keys {[key for key, _ in form[1]]}" if form[0] == "dict" else f"a {form[0]} of {len(form[1])}"
    )


# ------------------------------ the check: a pure mapper traces to the same step on an item and on its stand-in
#
# The two traces may differ in form: an item brings its own structure (entries of a stack, a sequence of inputs), and
# SymPy evaluates what it sees, as exp(x) + exp(x) = 2*exp(x). So both are compared with folds unrolled, sequences in
# normal form, and operations evaluated by SymPy.


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
