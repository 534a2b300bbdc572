"""Joining: products of a step with a common factor are one wide product, with the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import assert_close, weighted_squares

import symfold as sf
from symfold.base.trees import flatten
from symfold.compute.lowering import lowered, rolled
from symfold.core.folds import Fold
from symfold.core.nodes import walk
from symfold.core.primitives import dot, is_primitive, swap
from symfold.mappers.recurrent import gru, lstm
from symfold.transform.passes.hoisting import hoisted
from symfold.transform.passes.joining import joined

WIDTH, ROWS, STEPS = 3, 2, 5


def values_of(net: sf.Net) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {node.op.name: random.normal(size=node.shape) for node in (*net.inputs, *net.params)}


def products_of_steps(roots: Any) -> list[int]:
    """The number of products in the step of each fold."""
    return [sum(is_primitive(inner, dot) for inner in walk(node.op.block.results)) for node in walk(roots) if isinstance(node.op, Fold)]


def assert_joined(net: sf.Net) -> tuple[Any, Any]:
    """The roots before and after, with the same numbers."""
    before = lowered(rolled(net), {})
    after = joined(before)
    values = values_of(net)
    given, wanted = (dict(enumerate(flatten(net.with_outputs(roots)(**values))[0])) for roots in (after, before))
    assert_close(given, wanted, 1e-13)
    return before, after


def cell_net(cell: Any, names: str, *state: str) -> sf.Net:
    gates = [sf.layer(name, lambda h, u, W, V, b: h @ W + u @ V + b, W=(WIDTH, WIDTH), V=(2, WIDTH), b=(1, WIDTH)) for name in names]
    start = tuple(sf.tensor(name, (ROWS, WIDTH)) for name in state)
    return sf.Net.of(sf.fold(cell(*gates), sf.tensor("u", (STEPS, ROWS, 2)), start if len(start) > 1 else start[0]))


@pytest.mark.parametrize(
    ("net", "forward", "backward"),
    [(cell_net(lstm, "ifog", "h", "c"), 2, 1), (cell_net(gru, "fgk", "h"), 3, 2)],
    ids=["lstm", "gru"],
)
def test_gates_are_wide_products(net: sf.Net, forward: int, backward: int) -> None:
    """A gated step has a product for each value that gates read, and its adjoint one for each cotangent of them."""
    _, after = assert_joined(net)
    assert products_of_steps(after) == [forward]
    _, after = assert_joined(sf.value_and_grad(weighted_squares(net)))
    first, second = products_of_steps(after)
    weights = sum(node.op.name[0] in "WV" for node in net.params)
    assert (first, second) == (forward, backward + weights)


def test_weights_of_single_steps_and_products_on_their_own_stay() -> None:
    """Concatenating the weights of each step would cost as much as it saves."""
    body = sf.layers("f1:6", lambda z, W, V: np.tanh(z @ W) * (z @ V), W=(3, 3), V=(3, 3))
    for net in (
        sf.fold(lambda z, f: f(z), body, sf.tensor("x", (2, 3))),
        cell_net(lambda f: lambda h, u: np.tanh(f(h, u)), "f", "h"),
    ):
        before, after = assert_joined(net)
        assert before == after


def test_products_of_a_long_sequence_leave_the_loop() -> None:
    """Whatever their size, if asked: each step of an LSTM has one product left, that with its state."""
    width, rows, steps = 40, 30, 60
    gates = [sf.layer(name, lambda h, u, W, V: h @ W / 40 + u @ V, W=(width, width), V=(2, width)) for name in "ifog"]
    start = sf.tensor("h", (rows, width)), sf.tensor("c", (rows, width))
    net = sf.Net.of(sf.fold(lstm(*gates), sf.tensor("u", (steps, rows, 2)), start))
    before = joined(lowered(rolled(net), {}))
    in_loop, outside = hoisted(before), hoisted(before, products=True)
    assert [products_of_steps(roots) for roots in (in_loop, outside)] == [[2], [1]]
    values = values_of(net)
    given, wanted = (dict(enumerate(flatten(net.with_outputs(roots)(**values))[0])) for roots in (outside, before))
    assert_close(given, wanted, 1e-13)


TERMS = st.lists(
    st.tuples(st.sampled_from("hku"), st.sampled_from("ABC"), st.booleans(), st.booleans()), min_size=1, max_size=6
)


@settings(deadline=None, max_examples=25)
@given(TERMS, TERMS)
def test_any_sums_of_products(first: Any, second: Any) -> None:
    """Weights read twice, transposed or not; products within factors; sums that other nodes read."""
    weights = {name: sf.parameter(name, (WIDTH, WIDTH)) for name in "ABC"}

    def step(state: Any, u: Any) -> Any:
        h, k = state
        values = {"h": h, "k": k, "u": u}
        after = []
        for terms in (first, second):
            total: Any = u
            for value, weight, transposed, nested in terms:
                matrix = swap(weights[weight]) if transposed else weights[weight]
                total = total + (np.tanh(total) if nested else values[value]) @ matrix / 4
            after.append(total)
        return tuple(after)

    start = sf.tensor("h", (ROWS, WIDTH)), sf.tensor("k", (ROWS, WIDTH))
    assert_joined(sf.Net.of(sf.fold(step, sf.tensor("u", (STEPS, ROWS, WIDTH)), start)))
