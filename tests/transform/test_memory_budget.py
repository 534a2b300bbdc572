"""A gradient within a budget: its numbers are those of all values kept, and what programs hold stays within the budget.

The oracles are the gradient that keeps everything, a loop written by hand, and an exhaustive search among plans.
"""

from __future__ import annotations

import gc
import tracemalloc
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import sympy as sp
from cases import CASES, WIDTH
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import arrays_of, weighted_squares

import symfold as sf
from symfold.core.folds import Fold
from symfold.core.nodes import walk
from symfold.errors import InvalidType, InvalidValue, UnknownName
from symfold.transform.passes.memory_plans import BESIDE, Plan, Steps, shares

NATIVE = pytest.param("native", marks=pytest.mark.skipif(find_spec("llvmlite") is None, reason="the extra 'native' is not installed"))
JAX = pytest.param("jax", marks=pytest.mark.skipif(find_spec("jax") is None, reason="the extra 'jax' is not installed"))
TANH = sf.dense(WIDTH, WIDTH, sf.tanh)


def residual(depth: Any) -> sf.Net:
    """The loss of a deep residual net with small steps."""
    net = sf.fold(lambda z, f: z + f(z) / 50, sf.layers("f", TANH, count=depth), sf.tensor("x", (None, WIDTH)))
    return sf.squared_error(net, sf.tensor("target", (None, WIDTH)))


def data(samples: int) -> dict[str, Any]:
    generator = np.random.default_rng(3)
    return {name: generator.normal(size=(samples, WIDTH)) for name in ("x", "target")}


def gradients(loss: sf.Net, values: Any, remat: Any, backend: str, dtype: str = "float64") -> dict[str, Any]:
    both = sf.value_and_grad(loss, wrt=list(values), remat=remat)
    value, gradient = both(**values) if backend == "interpretation" else both.compile(backend, dtype)({}, **values)
    return {"": value, **gradient}


def least_of(loss: sf.Net, values: Any) -> int:
    """The least budget, as the refusal of one byte names it; 1 if that is enough."""
    try:
        gradients(loss, values, 1, "numpy")
    except InvalidValue as error:
        least: int = error.advice[0].value  # type: ignore[assignment]
        assert f"keeps {least:,} at least (give remat={least} or more" in str(error)
        return least
    return 1


def assert_close(found: Any, wanted: Any, tolerance: float = 1e-11) -> None:
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert np.shape(found[name]) == np.shape(array)
        assert np.max(np.abs(found[name] - array), initial=0.0) <= tolerance * max(np.max(np.abs(array), initial=0.0), 1e-300), name


# ---------------------------------------------------------------- plans


def most_kept(count: int, plan: Plan | None) -> tuple[int, int, int]:
    """What a run by a plan keeps at most (states, values), and the steps it computes again, counted step by step."""
    if plan is None:
        return 0, count, 0
    assert plan.groups * plan.size + plan.rest == count and plan.rest != 1 and min(plan.groups, plan.size) > 1
    states, values, again = most_kept(plan.size, plan.inner)
    return plan.groups + BESIDE + states, plan.rest + values, plan.groups * (plan.size + again)


@cache
def fewest_again(count: int, state: int, values: int, budget: int) -> int:
    """The fewest steps to compute again within a budget, by trying every plan; 10**9 if none fits."""
    if count * values <= budget:
        return 0
    best = 10**9
    for groups in range(2, count // 2 + 1):
        for size in range(2, count // groups + 1):
            rest = count - groups * size
            left = budget - (groups + BESIDE) * state - rest * values
            if rest != 1 and left > 0:
                best = min(best, groups * (size + fewest_again(size, state, values, left)))
    return best


@settings(deadline=None, max_examples=60)
@given(st.integers(4, 30), st.integers(1, 3), st.integers(1, 6), st.integers(3, 120))
def test_a_plan_keeps_what_it_says_and_computes_little_again(count: int, state: int, values: int, budget: int) -> None:
    steps = Steps(count, state, values)
    if budget < steps.least:
        return
    plan = steps.plan(budget)
    states, kept, again = most_kept(count, plan)
    assert states * state + kept * values == steps.kept(plan) <= budget
    best = fewest_again(count, state, values, budget)
    assert best <= again <= 1.5 * best + 2
    assert best < 10**9 and (steps.least == 1 or fewest_again(count, state, values, steps.least // 2) >= best)


@pytest.mark.parametrize("count", [100, 997, 10**4, pytest.param(10**6, marks=pytest.mark.slow)])
def test_more_memory_means_less_recomputation(count: int) -> None:
    steps = Steps(count, 1, 2)
    assert steps.least < 12 * np.log2(count)
    budgets = [steps.least, *(int(steps.most * part) for part in (0.01, 0.1, 0.5, 0.9, 1.0)), steps.most]
    again = [most_kept(count, steps.plan(budget))[2] for budget in budgets if budget >= steps.least]
    assert again == sorted(again, reverse=True) and again[-1] == 0
    assert most_kept(count, steps.plan(int(0.9 * steps.most)))[2] < 0.25 * count  # the last steps keep their values


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(2, 300), st.integers(1, 3), st.integers(1, 5)), min_size=1, max_size=4), st.floats(0, 1.2))
def test_shares_use_the_budget(rows: list[tuple[int, int, int]], part: float) -> None:
    parts = [Steps(*row) for row in rows]
    least, most = sum(p.least for p in parts), sum(p.most for p in parts)
    budget = int(least + part * (most - least)) + 1
    given_shares = shares(parts, budget)
    assert sum(given_shares) <= max(budget, 0) or budget >= most
    assert all(p.least <= share <= p.most for p, share in zip(parts, given_shares, strict=True))
    assert sum(given_shares) >= min(budget, most) - len(parts) - 1


# ---------------------------------------------------------------- the same numbers

EVERY = [pytest.param(name, marks=[] if name in ("residual", "time by depth", "a scan that a second fold reads") else pytest.mark.slow) for name in CASES]


@pytest.mark.parametrize("depth", [11, pytest.param(24, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", EVERY)
def test_a_budget_changes_no_gradient(name: str, depth: int) -> None:
    loss, values = weighted_squares(CASES[name].build(depth)), CASES[name].values(depth)
    wanted, least = gradients(loss, values, None, "interpretation"), least_of(loss, values)
    for budget in (least, 2 * least + 100, 10**7):
        assert_close(gradients(loss, values, budget, "numpy"), wanted)
    assert_close(gradients(loss, values, least, "interpretation"), wanted)
    if least > 1:
        with pytest.raises(InvalidValue, match="remat is a budget of"):
            gradients(loss, values, least - 1, "numpy")


@pytest.mark.slow
@pytest.mark.parametrize("backend", [NATIVE, JAX])
@pytest.mark.parametrize("name", CASES)
def test_a_budget_changes_no_gradient_elsewhere(name: str, backend: str) -> None:
    loss, values = weighted_squares(CASES[name].build(11)), CASES[name].values(11)
    wanted, least = gradients(loss, values, None, "interpretation"), least_of(loss, values)
    for budget in (least, 2 * least + 100):
        assert_close(gradients(loss, values, budget, backend), wanted, 1e-10)


def long_and_deep() -> tuple[sf.Net, dict[str, Any]]:
    """Recurrent layers over a sequence: a layer's gradient keeps a value of every step, and the layers are a fold."""

    def layer(sequence: Any, weights: Any) -> Any:
        return sf.scan(lambda h, x: sf.tanh(np.dot(h, weights) + sf.tanh(h) * x), sequence, sf.tensor("h", (2, 3)))

    net = sf.fold(layer, sf.tensor("W", (12, 3, 3)), sf.tensor("u", (60, 2, 3)))
    generator = np.random.default_rng(1)
    values = {"u": generator.normal(size=(60, 2, 3)), "W": generator.normal(size=(12, 3, 3)) / 2, "h": np.zeros((2, 3))}
    return sf.Net.of((net.outputs[0] ** 2).sum()), values


@pytest.mark.slow
def test_folds_inside_steps_are_regrouped_too() -> None:
    """In little memory, each layer is computed again alone, and its steps in groups."""
    loss, values = long_and_deep()
    wanted, least = gradients(loss, values, None, "numpy"), least_of(loss, values)
    states, one_layer = (12 + BESIDE) * 60 * 6 * 8, 60 * 6 * 8 * 4
    assert least < 8 * Steps(12, 60 * 6, 60 * 6 * 4).least
    for budget in (least, states + one_layer // 2, 4 * states):
        assert_close(gradients(loss, values, budget, "numpy"), wanted, 1e-12)
    assert sf.cost(sf.grad(loss, list(values), remat=states + one_layer // 2)).memory <= states + one_layer // 2


def test_training_within_a_budget() -> None:
    loss = residual(30)
    params, rows = loss.init(0), data(8)
    runs = [sf.fit(loss, params, rows, optimizer=sf.sgd(1e-3), epochs=5, batch_size=4, backend="numpy", remat=remat) for remat in (None, "2kB")]
    np.testing.assert_allclose(runs[1].params.flat, runs[0].params.flat, rtol=1e-11, atol=1e-14)
    for call in (lambda: sf.fit(loss, params, rows, optimizer=sf.sgd(1e-3), backend="numpy", remat=10),):
        with pytest.raises(InvalidValue, match=r"a budget of 10 bytes.*or take fewer samples at once"):
            call()


def test_the_batch_decides_what_is_kept() -> None:
    """One compiled gradient: no step is computed again for a small batch, most are for a large one; half as early in float32."""
    both = sf.value_and_grad(residual(100), remat="50kB")
    folds = {}
    for dtype, samples in (("float64", 10), ("float64", 11), ("float32", 20), ("float32", 21)):
        source = both.compile("numpy", dtype).program(dict.fromkeys(("x", "target"), (samples, WIDTH))).source
        folds[dtype, samples] = source.count("for ")
    assert folds["float64", 10] == folds["float32", 20] < folds["float32", 21] == folds["float64", 11]


def test_states_that_are_numbers() -> None:
    net = sf.fold(lambda z, a: z + np.tanh(a * z), sf.tensor("a", (50,)), sf.tensor("z", ()))
    loss, values = sf.Net.of(net.outputs[0] ** 2), {"a": np.linspace(-1, 1, 50), "z": np.array(0.5)}
    least = least_of(loss, values)
    assert least < 50 * 8
    assert_close(gradients(loss, values, least, "numpy"), gradients(loss, values, None, "interpretation"))


# ---------------------------------------------------------------- nets like any other


def test_gradients_with_a_budget_are_nets_like_any_other() -> None:
    loss = residual(12)
    gradient, params, rows = sf.grad(loss, remat="5kB"), loss.init(0), data(5)
    assert sf.from_json(gradient.to_json()) == gradient != sf.grad(loss)
    assert "bytes=5000" in str(gradient)
    assert_close(sf.unroll(gradient)(params, **rows), sf.grad(loss)(params, **rows))
    assert sf.roll(sf.unroll(gradient)) == sf.roll(gradient)
    again = sf.value_and_grad(sf.Net.of((gradient.outputs[0] ** 2).sum()))
    assert_close(again.compile("numpy")(params, **rows)[1], sf.value_and_grad(sf.Net.of((sf.grad(loss).outputs[0] ** 2).sum()))(params, **rows)[1], 1e-10)


def test_a_symbolic_depth_gets_its_groups_with_its_number() -> None:
    loss = residual(sp.Symbol("n"))
    both = sf.value_and_grad(loss, remat="2kB")
    params, rows = loss.at(n=40).init(0), data(2)
    value, gradient = both.at(n=40).compile("numpy")(params, **rows)
    wanted = sf.value_and_grad(loss.at(n=40))(params, **rows)
    assert_close({"": value, **gradient}, {"": wanted[0], **wanted[1]})


@pytest.mark.parametrize(("remat", "kind"), [("256M", UnknownName), ("half", UnknownName), ("0MB", UnknownName), ("-1MB", UnknownName), (0, InvalidValue), (2.5, InvalidType), (True, InvalidType)])
def test_no_amount_of_memory(remat: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="remat="):
        sf.grad(residual(3), remat=remat)


# ---------------------------------------------------------------- memory


def test_cost_reports_what_is_kept() -> None:
    """Of each step two values of 5 samples: the state before it and the hyperbolic tangent's argument."""
    x, target = (sf.tensor(name, (5, WIDTH)) for name in ("x", "target"))
    net = sf.fold(lambda z, f: z + f(z) / 50, sf.layers("f", TANH, count=100), x)
    loss = sf.squared_error(net, target)
    entry = 5 * WIDTH * 8
    assert sf.cost(loss).memory == 0 and "memory" not in str(sf.cost(loss))
    assert sf.cost(sf.grad(loss)).memory == 2 * 100 * entry
    few = sf.squared_error(sf.fold(lambda z, f: z + f(z) / 50, sf.layers("f", TANH, count=8), x), target)
    assert sf.cost(sf.unroll(sf.grad(few))).memory == sf.cost(sf.grad(few)).memory == 2 * 8 * entry
    assert sf.cost(sf.grad(loss, remat="sqrt")).memory == (10 + 2 * 10) * entry
    for budget in (20_000, 8_000, 4_000):
        assert budget // 2 < sf.cost(sf.grad(loss, remat=budget)).memory <= budget
    unknown = sf.cost(sf.grad(residual(100), remat=10**6)).memory
    (size,) = unknown.free_symbols
    assert [unknown.subs({size: samples}) for samples in (5, 10**6)] == [2 * 100 * entry, 10**6]


def by_hand(params: Any, x: Any, target: Any, depth: int) -> tuple[Any, dict[str, Any]]:
    """The loss of a deep residual net and its gradient, by a loop that keeps every state."""
    states = [x]
    for k in range(1, depth + 1):
        states.append(states[-1] + np.tanh(states[-1] @ params[f"W{k}"] + params[f"b{k}"]) / 50)
    bar, gradient = 2 * (states[-1] - target), {}
    for k in range(depth, 0, -1):
        inside = bar / 50 * (1 - np.tanh(states[k - 1] @ params[f"W{k}"] + params[f"b{k}"]) ** 2)
        gradient[f"W{k}"], gradient[f"b{k}"] = states[k - 1].T @ inside, inside.sum(axis=0, keepdims=True)
        bar = bar + inside @ params[f"W{k}"].T
    return np.sum((states[-1] - target) ** 2), gradient


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numpy", NATIVE])
@pytest.mark.parametrize("budget", [8_000_000, 64_000_000])
def test_ten_thousand_steps_within_a_budget(backend: str, budget: int) -> None:
    """What a gradient of 640 MB holds beside parameters, by the arrays and by the peak of what Python allocates."""
    depth, samples = 10_000, 1000
    loss, rows = residual(depth), data(samples)
    params = loss.init(0)
    both = sf.value_and_grad(loss, remat=budget)
    compiled = both.compile(backend)
    gc.collect()
    tracemalloc.start()
    value, gradient = compiled(params, **rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    program: Any = compiled.program({name: array.shape for name, array in rows.items()})
    arrays = arrays_of(program) if backend == "numpy" else [program.work]
    parameters, state = params.flat.nbytes, samples * WIDTH * 8
    held = sum(array.nbytes for array in arrays)
    assert held < budget + 12 * state + 6 * parameters, (held, budget)
    assert peak < held + 40e6 + 8 * parameters  # the net, views, and copies of the gradient
    wanted = by_hand(params, rows["x"], rows["target"], depth)
    np.testing.assert_allclose(value, wanted[0], rtol=1e-11)
    for name in ("W1", "b1", "W5000", "b10000"):
        np.testing.assert_allclose(gradient[name], wanted[1][name], rtol=1e-9, atol=1e-10 * np.max(np.abs(wanted[1][name])))


@pytest.mark.parametrize("budget", [5_000_000, 10_000_000])
def test_a_program_holds_its_budget(budget: int) -> None:
    """The same at a depth of 400, where states are too large to be computed for several steps at once."""
    samples = 6000
    both = sf.value_and_grad(residual(400), remat=budget)
    program: Any = both.compile("numpy").program(dict.fromkeys(("x", "target"), (samples, WIDTH)))
    held, state = sum(array.nbytes for array in arrays_of(program)), samples * WIDTH * 8
    assert budget / 2 < held < budget + 12 * state + 6 * program.params.flat.nbytes
    assert len([node for node in walk(both.outputs) if isinstance(node.op, Fold)]) == 2  # groups are the program's
