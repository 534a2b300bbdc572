"""JAX's control flow: a scan is a fold, a `while` of known length is one, and a `cond` is a choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symfold.core import functions
from symfold.core.folds import fold_nodes
from symfold.core.nodes import Node
from symfold.core.sequences import reverse
from symfold.errors import NoRule
from symfold.exchange.jaxpr.values import Value, known_value
from symfold.exchange.reading.functions import apply, choose

MOST_STEPS = 10**6  # of a `while` whose steps are counted
Run = Callable[[Any, Sequence[Value], Sequence[Value]], list[Value]]  # the results of a jaxpr at constants and values


def _scan(run: Run, equation: Any, values: list[Value], wanted: list[bool]) -> list[Value]:
    """A scan as a fold of its body."""
    given = equation.params
    fixed, carries = given["num_consts"], given["num_carry"]
    constants, state, sequences = values[:fixed], values[fixed : fixed + carries], values[fixed + carries :]
    body, backward = given["jaxpr"], given["reverse"]
    avals = [var.aval for var in body.jaxpr.invars[fixed:]]

    def step(nodes: Sequence[Node]) -> list[Node]:
        entries = [Value(tuple(a.shape), a.dtype, node) for a, node in zip(avals, nodes, strict=True)]
        results = run(body.jaxpr, [known_value(c) for c in body.consts], [*constants, *entries])
        return [result.full for result in results]

    operands = [reverse(value.full) if backward else value.full for value in sequences]
    results = fold_nodes(step, given["length"], [value.full for value in state], operands)
    nodes = [*results[:carries], *(reverse(node) if backward else node for node in results[carries:])]
    return [
        Value(tuple(var.aval.shape), var.aval.dtype, node) for var, node in zip(equation.outvars, nodes, strict=True)
    ]


def _while(run: Run, equation: Any, values: list[Value], wanted: list[bool]) -> list[Value]:
    """A `while` whose number of steps is known as a fold."""
    from jax.interpreters import partial_eval

    given = equation.params
    condition, body = given["cond_jaxpr"], given["body_jaxpr"]
    of_condition, of_body = given["cond_nconsts"], given["body_nconsts"]
    tested, constants, state = (
        values[:of_condition],
        values[of_condition : of_condition + of_body],
        values[of_condition + of_body :],
    )
    _, read = partial_eval.dce_jaxpr(condition.jaxpr, [True])
    counted = _closed(partial_eval, body.jaxpr, of_body, list(read[of_condition:]))
    _, kept = partial_eval.dce_jaxpr(body.jaxpr, counted)
    needed = [*(c for c, k in zip(constants, kept[:of_body], strict=True) if k), *_chosen(state, counted)]
    if not all(value.known is not None for value in needed) or any(value.known is None for value in tested):
        raise NoRule("the number of its steps depends on values that are not known here")
    count = _counted(condition, tested, body, constants, state, counted)
    carried = _closed(partial_eval, body.jaxpr, of_body, wanted)

    def step(nodes: Sequence[Node]) -> list[Node]:
        entries = iter(nodes)
        whole = [
            Value(value.shape, value.dtype, next(entries)) if kept_ else value
            for value, kept_ in zip(state, carried, strict=True)
        ]
        used, inputs = partial_eval.dce_jaxpr(body.jaxpr, carried)
        results = run(used, [known_value(c) for c in body.consts], _chosen([*constants, *whole], inputs))
        return [result.full for result in results]

    results = iter(fold_nodes(step, count, [value.full for value in _chosen(state, carried)], []))
    return [
        Value(value.shape, value.dtype, next(results)) if kept_ else value
        for value, kept_ in zip(state, carried, strict=True)
    ]


def _chosen(values: Sequence[Any], flags: Sequence[bool]) -> list[Any]:
    return [value for value, chosen in zip(values, flags, strict=True) if chosen]


def _closed(partial_eval: Any, jaxpr: Any, fixed: int, read: list[bool]) -> list[bool]:
    """The parts of a state that these parts of it depend on, over all steps."""
    while True:
        _, used = partial_eval.dce_jaxpr(jaxpr, read)
        wider = [a or b for a, b in zip(read, used[fixed:], strict=True)]
        if wider == read:
            return read
        read = wider


def _counted(
    condition: Any,
    tested: list[Value],
    body: Any,
    constants: list[Value],
    state: list[Value],
    part: list[bool],
) -> int:
    """The number of steps, by JAX: the loop of the part of the state that its condition reads."""
    import jax

    core = jax.core
    whole = [
        jax.numpy.asarray(value.known) if value.known is not None else jax.numpy.zeros(value.shape, value.dtype)
        for value in (*constants, *state)
    ]
    fixed = len(constants)

    def goes_on(carry: Any) -> Any:
        steps, values = carry
        (again,) = core.eval_jaxpr(condition.jaxpr, condition.consts, *(t.known for t in tested), *values)
        return again & (steps <= MOST_STEPS)

    def after(carry: Any) -> Any:
        steps, values = carry
        results = core.eval_jaxpr(body.jaxpr, body.consts, *whole[:fixed], *values)
        return steps + 1, [new if chosen else old for new, old, chosen in zip(results, values, part, strict=True)]

    count = int(jax.lax.while_loop(goes_on, after, (0, whole[fixed:]))[0])
    if count > MOST_STEPS:
        raise NoRule(f"it has more than {MOST_STEPS:,} steps")
    return count


def _cond(run: Run, equation: Any, values: list[Value], wanted: list[bool]) -> list[Value]:
    """A choice between the results of functions; that of a known case is opened."""
    which, *operands = values
    branches = equation.params["branches"]

    def taken(branch: Any) -> list[Value]:
        return run(branch.jaxpr, [known_value(c) for c in branch.consts], operands)

    if which.known is not None:
        return taken(branches[min(max(int(np.asarray(which.known)), 0), len(branches) - 1)])
    cases = [taken(branch) for branch in branches]
    results = []
    for case in zip(*cases, strict=True):
        node = case[-1].full
        for number, value in reversed(list(enumerate(case[:-1]))):
            test = functions.equal if number else functions.less_equal  # below 0 is the first case
            node = choose(apply(test, which.loose, number), value.full, node)
        results.append(Value(case[0].shape, case[0].dtype, node))
    return results


CONTROL: dict[str, Callable[[Run, Any, list[Value], list[bool]], list[Value]]] = {
    "scan": _scan,
    "while": _while,
    "cond": _cond,
}
