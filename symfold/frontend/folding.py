"""Folding: a mapper run over items, as `fold` and `scan`.

Items of equal pattern make one fold, whatever their number: the mapper is traced once per run, and again on the run's
first and last items to catch a mapper that is not a pure function of (state, item).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from symfold.base.arguments import one_of, ordered, quoted, takes
from symfold.base.trees import LEAF, Form, State, as_state, flatten, unflatten
from symfold.core.blocks import prefixed
from symfold.core.conversion import as_node
from symfold.core.folds import Step, settle, state_of, traced_step
from symfold.core.leaves import Constant
from symfold.core.net import Net
from symfold.core.nodes import Node, substitute, walk
from symfold.core.sequences import join
from symfold.core.shapes import Shape, Size
from symfold.core.stacked_inputs import is_input
from symfold.errors import InvalidType, InvalidValue, ShapeError
from symfold.frontend.runs import FOLDED, Repeated, Run, Zipped, runs_of
from symfold.frontend.trace_check import check_trace
from symfold.frontend.tracer import Tracer

Mapper = Callable[[State, Any], State]  # a state and an item to the next state


def fold(mapper: Mapper, items: object, init: State = None, *, check: str = "ends") -> Net:
    """Fold a mapper `(state, item) -> state` over items; returns the last state, as `functools.reduce` does.

    Without `init`, the first item is the initial state. `check="all"` traces every item, not only the ends of each run.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:4"), sf.tensor("x")
    >>> print(sf.formula(sf.fold(lambda z, f: f(z) + z, f, x), form="expanded"))
    f3(f2(f1(x) + x) + f1(x) + x) + f2(f1(x) + x) + f1(x) + x
    """
    return run_fold(mapper, items, init, check, states=False)


def scan(mapper: Mapper, items: object, init: State = None, *, check: str = "ends") -> Net:
    """Fold a mapper and return the states after all steps as a sequence (a tuple of sequences for a tuple state).

    >>> import symfold as sf
    >>> sf.scan(lambda h, u: h + u, sf.tensor("u", (5, 2)), sf.tensor("h", (2,))).outputs[0].shape
    (5, 2)
    """
    return run_fold(mapper, items, init, check, states=True)


def run_fold(mapper: Mapper, items: object, init: State, check: str, states: bool) -> Net:
    one_of("check", check, ("ends", "all"))
    if not callable(mapper):
        raise InvalidType(
            f"a mapper must be a function (state, item) -> state, got {quoted(mapper)} "
            "(as sf.mappers.residual, or lambda z, f: f(z) + z)"
        )
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


def first_of(items: object) -> tuple[Any, Any]:
    """The first item as the initial state, and the remaining items."""
    if isinstance(items, (Repeated, Zipped)):
        raise InvalidType(
            "a fold over repeated items, or over lists side by side, has no first item that could be the initial state "
            "(give init)"
        )
    listed = ordered(FOLDED, items)
    if not listed:
        raise InvalidType("fold of no items with no initial state (give init, as for functools.reduce)")
    return listed[0], listed[1:]


def fold_run(mapper: Mapper, run: Run, init: tuple[Node, ...], form: Form, states: bool) -> tuple[Node, ...]:
    """Fold over one run."""
    carries = len(init)

    def place(formals: Sequence[Node], position: int) -> str:
        name = run.name_at(position)
        return (
            f"step {run.start + position + 1}{f' ({name})' if name else ''}, "
            f"{state_of([formal.shape for formal in formals[:carries]])}"
        )

    def applied(formals: Sequence[Node], item: Any, position: int) -> list[Node]:
        try:
            result = mapper(unflatten(form, [Tracer(formal) for formal in formals[:carries]]), item)
        except ShapeError as error:
            raise prefixed(error, place(formals, position)) from None
        except TypeError as error:
            if not takes(mapper, None, None):
                raise InvalidType(
                    f"a mapper takes (state, item), and {quoted(mapper)} cannot be called with two arguments"
                ) from None
            if not callable(item) and "not callable" in str(error):
                raise InvalidType(
                    f"the mapper calls its item, and the item of step {run.start + position + 1} is no function "
                    "(fold over layers, as sf.layers('f1:4'), functions or nets)"
                ) from error
            error.add_note(f"in {place(formals, position)}")
            raise
        except Exception as error:
            error.add_note(f"in {place(formals, position)}")
            raise
        leaves, result_form = flatten(ordered_as(form, as_state(result)))
        if result_form != form:
            hint = " (a list is one array: give a tuple)" if isinstance(result, list) else ""
            raise InvalidType(
                f"the mapper gave a state of another form: {describe(result_form)} after {describe(form)}{hint}"
            )
        nodes = with_depth(list(map(as_node, leaves)), run.count)
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
