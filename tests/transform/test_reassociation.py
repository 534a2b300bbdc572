"""Reassociation: the same function, never more work that depends on the state; and where the work of a step is then done."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracles import weighted_squares

import symfold as sf
from symfold.base.trees import flatten
from symfold.compute.backends.numpy.program import with_exponentials
from symfold.core.functions import sigmoid
from symfold.core.nodes import walk
from symfold.transform.passes.reassociation import reassociated

Z, Y, A, B = (sf.tensor(name, (2,)) for name in "zyab")
VALUES = {"z": np.array([0.7, -1.2]), "y": np.array([1.1, 0.4]), "a": np.array([-0.6, 2.0]), "b": np.array([0.9, 0.3])}


Tree = str | float | tuple[object, ...]
TREES = st.recursive(
    st.sampled_from(["z", "y", "a", "b", -1, 2, 0.5]),
    lambda parts: st.one_of(st.tuples(st.sampled_from("+-*"), parts, parts), st.tuples(st.sampled_from(["tanh", "neg"]), parts)),
    max_leaves=12,
)
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "neg": operator.neg, "tanh": np.tanh}


def computed(tree: Tree, names: dict[str, object]) -> object:
    if not isinstance(tree, tuple):
        return names[tree] if isinstance(tree, str) else tree
    return OPERATORS[tree[0]](*(computed(part, names) for part in tree[1:]))


@settings(deadline=None, max_examples=300)
@given(st.lists(TREES, min_size=1, max_size=2))
@example([("-", ("*", "a", "z"), ("*", "z", "b"))])
@example([("neg", ("+", ("tanh", "z"), "b"))])
@example([("*", ("*", 2, ("-", "z", "a")), -1)])
@example([("+", ("*", "z", "y"), ("*", "y", "z"))])
@example([("*", ("neg", ("+", "z", "a")), ("+", "y", "b"))])
def test_reassociated_is_the_same_function(trees: list[Tree]) -> None:
    roots = tuple(sf.Net.of(computed(tree, {"z": Z, "y": Y, "a": A, "b": B}) + 0 * Z).outputs[0] for tree in trees)
    made = reassociated(roots, (Z, Y))
    for before, after in zip(roots, made, strict=True):
        given = {node.op.name: VALUES[node.op.name] for node in sf.Net.of(before).inputs}
        np.testing.assert_allclose(sf.Net.of(after + 0 * before)(**given), sf.Net.of(before)(**given), rtol=1e-12, atol=1e-12)


PAIR = [(np.array([0.5, 1.5]) + 0.1 * k, np.array([-0.25, 2.0]) - 0.1 * k) for k in range(4)]


def calls_of_a_step(net: sf.Net) -> list[str]:
    """The calls in the only loop of the generated source."""
    lines = net.compile("numpy").source.splitlines()
    (start,) = (number for number, line in enumerate(lines) if line.strip().startswith("for "))
    inside = len(lines[start]) - len(lines[start].lstrip())
    body = lines[start + 1 :]
    end = next(number for number, line in enumerate(body) if len(line) - len(line.lstrip()) <= inside)
    return [line.strip().split("(")[0].split(".")[-1] for line in body[:end]]


@pytest.mark.parametrize(
    ("step", "calls"),
    [
        (lambda z, a, b: z * a - z * b, ["multiply"]),
        (lambda z, a, b: a * z * b, ["multiply"]),
        (lambda z, a, b: np.tanh(z) + a + b, ["tanh", "add"]),
        (lambda z, a, b: b - (np.tanh(z) - a), ["tanh", "subtract"]),
        (lambda z, a, b: -(2 * z) * a, ["multiply"]),
        (lambda z, a, b: sf.sigmoid(z + a), ["subtract", "exp", "add", "reciprocal"]),
        (lambda z, a, b: a * np.tanh(z) + np.exp(a) * b, ["tanh", "multiply", "add"]),
        (lambda z, a, b: z * np.tanh(z), ["tanh", "multiply"]),
    ],
)
def test_what_waits_for_no_state_is_done_before_the_loop(step: Callable[..., Any], calls: list[str]) -> None:
    net = sf.fold(lambda z, pair: step(z, *pair), PAIR, sf.tensor("x", (2,)))
    assert calls_of_a_step(net) == calls
    x = np.array([0.3, -0.8])
    np.testing.assert_allclose(net.compile("numpy")(x=x), net(x=x), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("left", [True, False])
def test_long_sums_are_reassociated_without_recursion(left: bool) -> None:
    """5,000 terms, the first of which comes again."""
    total: Any = Z
    for k in range(5_000):
        term = A * float(k + 2)
        total = total + term if left else term + total
    (made,) = reassociated([total + Z], (Z,))
    assert len(made.args) == 2 and 2 * Z in made.args


def test_a_value_that_no_step_changes_is_computed_once() -> None:
    """A weight that all the steps share, squared in each."""
    g = sf.layer("g", lambda z, w: z * w**2, w=(2,))
    net = sf.fold(lambda z, _: g(z), PAIR, sf.tensor("x", (2,)))
    assert calls_of_a_step(net) == ["multiply"]
    params = {"w_g": np.array([0.5, -2.0])}
    np.testing.assert_allclose(net.compile("numpy")(params, x=np.ones(2)), params["w_g"] ** 8)


@pytest.mark.parametrize(("rows", "calls"), [(4, 3), (2000, 5)])
def test_large_steps_are_done_one_after_the_other(rows: int, calls: int) -> None:
    """A derivative and a weight gradient for all steps at once leave the cache where a step's values fill it."""
    net = sf.fold(sf.mappers.residual, sf.layers("f1:21", sf.dense(4, 4, sf.sigmoid)), sf.tensor("x", (rows, 4)))
    backward = sf.value_and_grad(sf.squared_error(net, sf.tensor("t", (rows, 4)))).compile("numpy").source.split("for ")[-1]
    assert len([line for line in backward.splitlines() if line.startswith(" " * 12)]) == calls


@pytest.mark.parametrize("width", [3, 40])
@pytest.mark.parametrize("shared", [False, True])
def test_narrow_or_shared_rows_are_repeated_before_the_loop(width: int, shared: bool) -> None:
    names = ["f"] * 5 if shared else [f"f{k}" for k in range(5)]
    made = {name: sf.layer(name, sf.dense(width, width, np.tanh)) for name in names}
    net = sf.fold(sf.mappers.residual, [made[name] for name in names], sf.tensor("x", (None, width)))
    params, run = net.init(seed=3), net.compile("numpy")
    for name in params:
        params[name] = np.random.default_rng(len(name)).normal(size=params[name].shape)
    for rows in (1, 7):
        x = np.random.default_rng(rows).normal(size=(rows, width))
        np.testing.assert_allclose(run(params, x=x), net({**params, "x": x}), rtol=1e-12)
        assert ("take(" in run.source) == ((width < 10 or shared) and rows > 1)


def test_sigmoids_are_written_out_in_the_blocks_of_folds() -> None:
    net = sf.fold(lambda z, a: sf.fold(lambda u, b: sf.sigmoid(u) * b, PAIR[0], z) + a, PAIR[1], sf.tensor("x", (2,)))
    nodes = [node for results in (with_exponentials(net.outputs), *(b.results for b in sf.Net(with_exponentials(net.outputs)).blocks)) for node in walk(results)]
    assert not any(node.op is sigmoid for node in nodes) and any(node.op is sp.exp for node in nodes)


@pytest.mark.parametrize("gather", [sf.fold, sf.scan])
@pytest.mark.parametrize(
    "step",
    [
        lambda z, a, x: (np.tanh(z + x) * a).sum(axis=0, keepdims=True),  # the state is a row
        lambda z, a, x: np.tanh(z + (x * z).sum(axis=0, keepdims=True) + a),  # a row that the step makes
    ],
)
def test_rows_that_the_steps_make_are_not_repeated_beforehand(step: Callable[..., Any], gather: Callable[..., Any]) -> None:
    x, rows = sf.tensor("x", (4, 2)), [np.array([[0.3, -0.4]]) * k for k in range(1, 5)]
    start = sf.tensor("z", (1, 2)) if step(np.ones((1, 2)), 1.0, np.ones((4, 2))).shape == (1, 2) else x
    net = sf.Net.of(gather(lambda z, a: step(z, a, x), rows, start))
    both = sf.value_and_grad(weighted_squares(net), wrt=[node.op.name for node in net.inputs])
    random = np.random.default_rng(0)
    values = {node.op.name: random.normal(size=node.shape) for node in both.inputs}
    for made in (net, both):
        given = {name: value for name, value in values.items() if name in {node.op.name for node in made.inputs}}
        found, wanted = flatten(made.compile("numpy")(**given))[0], flatten(made(**given))[0]
        for left, right in zip(found, wanted, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-12)


def test_a_large_number_times_a_sum_does_not_absorb_what_is_added() -> None:
    """`(1 - mask) * -1e300` is 0 where the mask is 1; `-1e300 + 1e300 * mask` is too, but only before `x` is added."""
    x, mask = sf.tensor("x", (2, 3)), sf.tensor("mask", (2, 3))
    values = {"x": np.arange(6.0).reshape(2, 3) / 7, "mask": np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])}
    net = sf.Net.of(x / 3 + (1 - mask) * -1e300)
    wanted = np.where(values["mask"] == 1, values["x"] / 3, -1e300)
    np.testing.assert_array_equal(net.compile("numpy")({}, **values), wanted)
