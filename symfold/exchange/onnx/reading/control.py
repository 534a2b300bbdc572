"""ONNX's control flow: Scan and Loop are folds, and If is a choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symfold.core.conversion import as_node
from symfold.core.folds import fold_nodes
from symfold.core.nodes import Node
from symfold.core.sequences import reverse
from symfold.errors import NoRule
from symfold.exchange.onnx.reading.values import MOST_ENTRIES, Value, constant
from symfold.exchange.reading.functions import choose

Body = Callable[[Any, Sequence[Value]], list[Value]]  # the results of a nested graph at some values


def _scan(body_of: Body, given: Sequence[Any], attributes: Any) -> list[Value]:
    """A Scan as a fold of its body."""
    body, scanned = attributes["body"], int(attributes["num_scan_inputs"])
    carries = len(given) - scanned
    axes = [*(attributes.get("scan_input_axes") or []), *(attributes.get("scan_output_axes") or [])]
    if any(axes):
        raise NoRule("a Scan along another axis than the first has no rule")
    outputs = len(body.output) - carries
    backward = list(attributes.get("scan_input_directions") or [0] * scanned)
    out_backward = list(attributes.get("scan_output_directions") or [0] * outputs)
    kinds: list[str] = []

    def step(nodes: Sequence[Node]) -> list[Node]:
        entries = [Value(value.kind, each) for value, each in zip(given, nodes, strict=True)]
        results = body_of(body, entries)
        kinds[:] = [result.kind for result in results]
        return [result.node for result in results]

    sequences = [
        reverse(value.node) if flag else value.node for value, flag in zip(given[carries:], backward, strict=True)
    ]
    count = given[carries].shape[0]
    results = list(fold_nodes(step, count, [value.node for value in given[:carries]], sequences))
    for k, flag in enumerate(out_backward):
        results[carries + k] = reverse(results[carries + k]) if flag else results[carries + k]
    return [Value(kind, result) for kind, result in zip(kinds, results, strict=True)]


def _loop(body_of: Body, given: Sequence[Any], attributes: Any) -> list[Value]:
    """A Loop whose number of steps is known as a fold."""
    body = attributes["body"]
    whole: list[Any] = [*given, *(None,) * (2 - len(given))]
    most, goes_on, *state = whole
    if goes_on is not None and not bool(goes_on.known):
        raise NoRule("a Loop without steps has no rule")
    if most is None:
        raise NoRule("a Loop whose number of steps depends on values has no rule")
    (count,) = most.known.ravel().tolist()
    numbered = isinstance(count, int)
    if numbered and not 0 < count <= MOST_ENTRIES:
        raise NoRule(f"a Loop of {count:,} steps has no rule")
    kinds: list[str] = []
    conditions: list[Value] = []

    def step(nodes: Sequence[Node]) -> list[Node]:
        *carried, k = nodes
        always = constant(np.asarray(True))
        entries = [Value(value.kind, each) for value, each in zip(state, carried, strict=True)]
        again, *results = body_of(body, [Value("whole", k), always, *entries])
        conditions.append(again)
        kinds[:] = [result.kind for result in results]
        return [result.node for result in results]

    numbers = as_node(np.arange(count)) if numbered else None
    if numbers is None:
        raise NoRule("a Loop over an axis of unknown size has no rule (give the model's inputs their sizes)")
    results = fold_nodes(step, count, [value.node for value in state], [numbers])
    if not all(again.is_constant and bool(again.known) for again in conditions):
        raise NoRule("a Loop that ends when a computed value says so has no rule")
    return [Value(kind, result) for kind, result in zip(kinds, results, strict=True)]


def _if(body_of: Body, given: Sequence[Any], attributes: Any) -> list[Value]:
    """A choice between the results of two graphs; that of a known case is opened."""
    (which,) = given
    if which.is_constant:
        taken = attributes["then_branch" if bool(which.known.ravel()[0]) else "else_branch"]
        return body_of(taken, [])
    yes, no = (body_of(attributes[name], []) for name in ("then_branch", "else_branch"))
    return [Value(a.kind, choose(which.node, a.node, b.node)) for a, b in zip(yes, no, strict=True)]


CONTROL: dict[str, Callable[[Body, Sequence[Any], Any], list[Value]]] = {"Scan": _scan, "Loop": _loop, "If": _if}
