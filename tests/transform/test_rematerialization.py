"""Memory for recomputation: gradients from few kept states are those from all of them, and what is held follows the rule.

The oracle of every gradient is the one that keeps everything, which the other test files hold against autograd and differences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import sympy as sp
from cases import BATCH, CASES, WIDTH, X, values_of
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import arrays_of, loss_and_gradient, weighted_squares

import symfold as sf
from symfold.compute.backends.numpy import views
from symfold.core.folds import Fold
from symfold.core.nodes import walk
from symfold.errors import InvalidValue, UnknownName
from symfold.show.notation.sizes import expanded_size
from symfold.transform.inlining import inlined
from symfold.transform.passes import hoisting
from symfold.transform.passes.rematerialization import SHORTEST, group_counts, group_size, grouped, is_group

TANH = sf.dense(WIDTH, WIDTH, np.tanh)
Y = sf.tensor("y", (None, WIDTH))
BACKENDS = (
    "interpretation",
    "numpy",
    pytest.param("native", marks=pytest.mark.skipif(find_spec("llvmlite") is None, reason="the extra 'native' is not installed")),
)


def gradients(loss: sf.Net, values: Mapping[str, Any], remat: str | None, backend: str) -> dict[str, Any]:
    both = sf.value_and_grad(loss, wrt=list(values), remat=remat)
    value, gradient = both(**values) if backend == "interpretation" else both.compile(backend)({}, **values)
    return {"": value, **gradient}


def assert_close(found: Mapping[str, Any], wanted: Mapping[str, Any], tolerance: float) -> None:
    """Equal up to a part of the largest entry of each array."""
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert np.shape(found[name]) == np.shape(array)
        assert np.max(np.abs(found[name] - array), initial=0.0) <= tolerance * max(np.max(np.abs(array), initial=0.0), 1e-300), name


def counts(net: sf.Net) -> list[int]:
    return [node.op.count for node in walk(net.outputs) if isinstance(node.op, Fold)]


# ---------------------------------------------------------------- the same numbers


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", [1, 5, 10])
@pytest.mark.parametrize("name", CASES)
def test_sqrt_changes_no_gradient(name: str, depth: int, backend: str) -> None:
    net = CASES[name].build(depth)
    values = CASES[name].values(depth)
    loss = weighted_squares(net)
    wanted = gradients(loss, values, None, "interpretation")
    assert_close(gradients(loss, values, "sqrt", backend), wanted, 1e-12)


@pytest.mark.parametrize("depth", [8, 11, 13, 23])
def test_what_is_left_over(depth: int) -> None:
    """Depths that no group size divides, prime ones among them, of a fold whose steps also give states out."""
    for name in ("residual", "a scan that a second fold reads", "Elman", "boosting from the number 0"):
        loss, values = weighted_squares(CASES[name].build(depth)), CASES[name].values(depth)
        assert_close(gradients(loss, values, "sqrt", "numpy"), gradients(loss, values, None, "interpretation"), 1e-11)


def test_deep_folds_are_groups_and_short_ones_are_left_alone() -> None:
    for name in ("residual", "Elman", "a nested fold that captures the outer state", "time by depth"):
        for depth, in_groups in ((SHORTEST - 1, False), (SHORTEST, True), (100, True)):
            net = CASES[name].build(depth)
            roots = grouped(inlined(net.outputs))
            outer = [node.op for node in walk(roots) if isinstance(node.op, Fold)]
            assert any(map(is_group, outer)) is in_groups
            assert grouped(inlined(net.outputs)) == roots


@pytest.mark.parametrize("count", [*range(SHORTEST, 200), 10**4 + 1, 10**6])
def test_groups_have_about_the_square_root_of_the_steps(count: int) -> None:
    size = group_size(count)
    groups, left = group_counts(count, size)
    assert groups * size + left == count and left != 1
    assert groups + size + left <= 3 * count**0.5 + 2


@pytest.mark.parametrize("name", ["residual", "time by depth", "a state of two parts: reversible coupling"])
def test_what_is_computed_is_the_same_and_how_often_is_not(name: str) -> None:
    """Written out in full, nothing tells that values are computed twice; as a graph, each step is there once more."""
    net = CASES[name].build(10)
    (plain, steps), (again, more) = (expanded_size(sf.grad(weighted_squares(net), remat=remat)) for remat in (None, "sqrt"))
    forward = expanded_size(sf.Net(inlined(net.outputs)))[1]
    assert again == plain and forward <= more - steps < 1.3 * forward


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_nets_like_any_other(name: str) -> None:
    gradient = sf.grad(weighted_squares(CASES[name].build(10)), remat="sqrt")
    assert sf.from_json(gradient.to_json()) == gradient
    assert gradient.graph("primitive").number_of_nodes() > 10 and sf.cost(gradient).dag > 10
    values = CASES[name].values(10)
    assert_close(sf.unroll(gradient)(**values), gradient(**values), 1e-11)


def test_opaque_layers_and_unknown_depths_are_left_as_they_are() -> None:
    opaque = sf.Net.of(sf.fold(sf.mappers.residual, sf.layers("f1:101"), sf.parameter("x", ())))
    deep = sf.fold(sf.mappers.residual, sf.layers("f", TANH, count=sp.Symbol("n")), X)
    assert sf.grad(opaque, remat="sqrt") == sf.grad(opaque)
    loss = weighted_squares(deep)
    assert counts(sf.grad(loss, remat="sqrt")) == counts(sf.grad(loss)) == [sp.Symbol("n", integer=True, positive=True)] * 2


def test_unknown_shapes() -> None:
    """A state of unknown shape settles in the first step of the first group."""
    x = sf.tensor("x")
    net = sf.fold(lambda z, a: z + np.tanh(a * x), sf.tensor("u", (12, 3)), 0.0)
    loss = sf.Net.of((net.outputs[0] ** 2).sum())
    values = {"x": np.array([[0.3, -0.2, 0.5], [0.1, 0.7, 0.2]]), "u": np.random.default_rng(0).normal(size=(12, 3))}
    assert_close(gradients(loss, values, "sqrt", "numpy"), gradients(loss, values, None, "interpretation"), 1e-12)


# ---------------------------------------------------------------- reversible steps


def momentum(depth: int) -> sf.Net:
    """A residual net with momentum: the velocity is scaled, the position moves by it."""

    def step(state: Any, f: Any) -> Any:
        velocity, position = state
        velocity = 0.9 * velocity + f(position)
        return velocity, position + velocity

    return sf.fold(step, sf.layers(f"f1:{depth + 1}", TANH), (X, Y))


def leapfrog(depth: int) -> sf.Net:
    """z_{k+1} = z_{k-1} + f(z_k), carried as two states that change places."""
    return sf.fold(lambda s, f: (s[1], s[0] - f(s[1]) / 2), sf.layers(f"f1:{depth + 1}", TANH), (X, Y))


def affine(depth: int) -> sf.Net:
    """Couplings that scale by an exponential and shift, as flows do."""

    def step(state: Any, item: Any) -> Any:
        a, b = state
        a = a * np.exp(item[0](b)) + item[1](b)
        return a, b + item[0](a)

    first, second = (sf.layers(name, TANH, count=depth) for name in ("f_", "g_"))
    return sf.fold(step, list(zip(first, second, strict=True)), (X, Y))


def boosting(depth: int) -> sf.Net:
    """No step reads the state, so that none has to be recovered."""
    return sf.fold(lambda z, f: z + f(X), sf.layers(f"f1:{depth + 1}", TANH), Y)


REVERSIBLE: dict[str, Callable[[int], sf.Net]] = {
    "coupling": CASES["a state of two parts: reversible coupling"].build,
    "changing places": CASES["a state of two parts that change places"].build,
    "momentum": momentum,
    "leapfrog": leapfrog,
    "affine": affine,
    "boosting": boosting,
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", [1, 2, 7, 20])
@pytest.mark.parametrize("name", REVERSIBLE)
def test_reversible_gradients_are_those_of_kept_states(name: str, depth: int, backend: str) -> None:
    net = REVERSIBLE[name](depth)
    values = {name: 0.3 * value for name, value in values_of(net).items()}
    loss = weighted_squares(net)
    assert_close(gradients(loss, values, "reversible", backend), gradients(loss, values, None, "interpretation"), 1e-9)


@pytest.mark.skipif(find_spec("jax") is None, reason="the extra 'jax' is not installed")
@pytest.mark.parametrize(("name", "remat"), [("a nested fold that captures the outer state", "sqrt"), ("Elman", "sqrt"), ("coupling", "reversible")])
def test_scans_of_scans_in_jax(name: str, remat: str) -> None:
    net = (REVERSIBLE[name] if name in REVERSIBLE else CASES[name].build)(11)
    values = {name: 0.3 * value for name, value in values_of(net).items()}
    loss = weighted_squares(net)
    assert_close(gradients(loss, values, remat, "jax"), gradients(loss, values, None, "interpretation"), 1e-9)


@pytest.mark.parametrize("remat", ["sqrt", "reversible"])
def test_a_reversible_net_against_autograd(remat: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES["a state of two parts: reversible coupling"]
    values = {name: 0.3 * value for name, value in case.values(16).items()}
    value, gradient = loss_and_gradient(case, 16, values, monkeypatch)
    assert_close(gradients(weighted_squares(case.build(16)), values, remat, "numpy"), {"": value, **gradient}, 1e-9)


def test_a_symbolic_depth_can_be_reversed() -> None:
    n = sp.Symbol("n")
    net = sf.fold(lambda s, f: (s[1], s[0] + f(s[1])), sf.layers("f", TANH, count=n), (X, Y))
    loss = weighted_squares(net)
    both = sf.value_and_grad(loss, remat="reversible").at(n=30)
    values = {name: 0.3 * value for name, value in values_of(loss.at(n=30)).items()}
    value, gradient = both.compile("numpy")({}, **values)
    wanted = gradients(loss.at(n=30), values, None, "interpretation")
    assert_close({"": value, **gradient}, {name: wanted[name] for name in ("", *gradient)}, 1e-9)


def test_the_forward_fold_gives_out_nothing() -> None:
    """Of what a training reads backward, a reversible net keeps none: both of its folds end with their state and the gradients."""
    loss = weighted_squares(REVERSIBLE["coupling"](50))
    for remat, given_out in (("reversible", 0), (None, 4)):
        both = sf.value_and_grad(loss, remat=remat)
        forward = next(node.op for node in walk(both.outputs) if isinstance(node.op, Fold))
        assert len(forward.block.results) - forward.carries == given_out


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.sampled_from([1, -1, 2, 0.5])), min_size=1, max_size=4), st.integers(1, 12))
def test_random_couplings(updates: list[tuple[int, int, float]], depth: int) -> None:
    """Steps of three parts that are changed one after the other, each by a function of the others: always invertible."""
    functions: list[Callable[[Any, Any, Any], Any]] = [
        lambda u, v, w: np.tanh(u * w) - v,
        lambda u, v, w: sp.sin(v) * u,
        lambda u, v, w: w / (1 + u**2),
        lambda u, v, w: np.exp(-v * v) * w,
    ]

    def step(state: Any, w: Any) -> Any:
        parts = list(state)
        for place, function, scale in updates:
            others = [parts[(place + k) % 3] for k in (1, 2)]
            # the part that changes is read by no function of its own step
            parts[place] = scale * parts[place] + 0.1 * functions[function](*others, w)
        return tuple(parts)

    touched = [place for place, _, _ in updates]
    net = sf.fold(step, sf.tensor("w", (depth, 3)), tuple(sf.tensor(name, (2, 3)) for name in "abc"))
    loss, values = weighted_squares(net), values_of(net, 1)
    wanted = gradients(loss, values, None, "interpretation")
    assert_close(gradients(loss, values, "sqrt", "numpy"), wanted, 1e-11)
    if len(set(touched)) == len(touched):
        assert_close(gradients(loss, values, "reversible", "numpy"), wanted, 1e-8)


@pytest.mark.parametrize(
    "step",
    [
        lambda s, f: (s[0] + f(s[0]), s[1] + s[0]),
        lambda s, f: (s[0] * s[1], s[1] + f(s[0])),
        lambda s, f: (0 * s[0] + f(s[1]), s[1] + f(s[0])),
        lambda s, f: (s[0] + f(s[1]), s[1] + f(s[0])),
        lambda s, f: (np.tanh(s[0]), s[1] + f(s[0])),
        lambda s, f: (s[0] + s[0] + f(s[1]) - 2 * s[0], s[1] + f(s[0])),
    ],
)
def test_what_cannot_be_inverted_is_an_error_with_a_way_out(step: Any) -> None:
    net = sf.fold(step, sf.layers("f1:10", TANH), (X, Y))
    with pytest.raises(InvalidValue, match=r"steps that can be inverted.*not z \+ f\(z\).*remat='sqrt'"):
        sf.grad(weighted_squares(net), remat="reversible")


# ---------------------------------------------------------------- memory, by what causes it


def held(loss: sf.Net, remat: str | None, batch: int) -> int:
    """How many numbers the program of a gradient holds besides its parameters."""
    both = sf.value_and_grad(loss, remat=remat)
    program = both.compile("numpy").program({node.op.name: (batch, WIDTH) for node in loss.inputs})
    return sum(array.size for array in arrays_of(program)) - program.params.flat.size


DEPTHS = (100, 400, 1600)
WIDE = 1000  # samples: states are large beside the parameters and their gradients


def entry_by_entry(depth: int) -> sf.Net:
    """Boosting without products: all that a step does could be done for all groups at once."""
    return sf.fold(lambda z, f: z + f(X), sf.layers(f"f1:{depth + 1}", lambda z, a: np.tanh(a * z), a=(1, WIDTH)), Y)


@pytest.mark.slow
@pytest.mark.parametrize(
    "build",
    [
        entry_by_entry,
        boosting,
        *(CASES[name].build for name in ("residual", "a state of two parts: reversible coupling", "a layer shared by all steps")),
    ],
)
def test_sqrt_holds_as_many_states_as_the_root_of_the_depth(build: Callable[[int], sf.Net]) -> None:
    shallow, middle, deep = (held(weighted_squares(build(depth)), "sqrt", WIDE) for depth in DEPTHS)
    assert middle < 2.3 * shallow and deep < 2.3 * middle
    assert held(weighted_squares(build(1600)), None, WIDE) > 8 * deep


@pytest.mark.parametrize("name", [name for name in REVERSIBLE if name != "momentum"])
def test_reversible_holds_a_constant_number_of_states(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy's products over several steps at once are over 16 steps where no more fit in the cache, and few rows are repeated."""
    monkeypatch.setattr(hoisting, "MEMORY", 0)
    monkeypatch.setattr(views, "SPREAD", 0)
    for depth in DEPTHS:
        layers = 2 if name in ("coupling", "affine") else 1
        gradient = layers * depth * WIDTH * (WIDTH + 1)
        states = (held(weighted_squares(REVERSIBLE[name](depth)), "reversible", WIDE) - 4 * gradient) / (WIDE * WIDTH)
        assert states < 130


def test_what_is_done_at_once_fits_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boosting has its layers done for many steps at once, but not for all: evaluation too holds as much at any depth."""
    net = boosting(3000)
    sizes = []
    for numbers in (10**9, 10**5):
        monkeypatch.setattr(hoisting, "MEMORY", numbers)
        program = net.compile("numpy").program({"x": (100, WIDTH), "y": (100, WIDTH)})
        sizes.append(sum(array.size for array in arrays_of(program)) - program.params.flat.size)
    assert sizes[0] > 3000 * 100 * WIDTH and sizes[1] < 4 * 10**5
    values = {name: 0.01 * value for name, value in values_of(net).items()}
    assert_close({"": net.compile("numpy")({}, **values)}, {"": net(**values)}, 1e-10)


@pytest.mark.skipif(find_spec("llvmlite") is None, reason="the extra 'native' is not installed")
def test_the_workspace_of_native_code() -> None:
    def work(name: str, depth: int, remat: str) -> int:
        loss = weighted_squares((CASES[name].build if name in CASES else REVERSIBLE[name])(depth))
        program = sf.value_and_grad(loss, remat=remat).compile("native").program({node.op.name: (WIDE, WIDTH) for node in loss.inputs})
        size: int = program.work.size - 4 * program.params.flat.size
        return size

    shallow, middle, deep = (work("residual", depth, "sqrt") for depth in DEPTHS)
    assert middle < 2.3 * shallow and deep < 2.3 * middle
    shallow, middle, deep = (work("coupling", depth, "reversible") for depth in DEPTHS)
    assert max(shallow, middle, deep) < 60 * WIDE * WIDTH


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_training_gives_the_same_numbers(backend: str) -> None:
    random = np.random.default_rng(0)
    for name, remats in (("residual", ["sqrt"]), ("a state of two parts: reversible coupling", ["sqrt", "reversible"])):
        loss = weighted_squares(CASES[name].build(12))
        data = {node.op.name: random.normal(size=(4 * BATCH, WIDTH)) for node in loss.inputs}
        options: dict[str, Any] = {"optimizer": sf.sgd(0.001), "epochs": 3, "batch_size": BATCH, "backend": backend}
        wanted = sf.fit(loss, loss.init(0), data, **options)
        for remat in remats:
            found = sf.fit(loss, loss.init(0), data, remat=remat, **options)
            assert np.allclose(found.history.loss, wanted.history.loss, rtol=1e-10, atol=0)
            assert_close(dict(found.params), dict(wanted.params), 1e-9)


def test_stages_take_it_too() -> None:
    net = CASES["residual"].build(10)
    loss = sf.squared_error(net, sf.tensor("target", (None, WIDTH)))
    data = {"x": np.ones((4, WIDTH)), "target": np.zeros((4, WIDTH))}
    wanted, found = (sf.fit(loss, net.init(0), data, optimizer=sf.sgd(0.01), epochs=10, stages=True, remat=remat) for remat in (None, "sqrt"))
    assert np.allclose(found.history.loss, wanted.history.loss, rtol=1e-12)


def test_unknown_ways_are_named() -> None:
    loss = weighted_squares(CASES["residual"].build(3))
    for call in (
        lambda: sf.grad(loss, remat="half"),
        lambda: sf.value_and_grad(loss, remat="half"),
        lambda: sf.fit(loss, loss.init(), {"x": np.ones((2, 3))}, optimizer=sf.sgd(0.1), remat="half"),
    ):
        with pytest.raises(UnknownName, match=r"remat='half' is neither 'sqrt', 'reversible' nor an amount of memory \(as '256MB'"):
            call()


def test_steps_that_shrink_a_state_are_not_gone_back_through_until_nothing_is_left() -> None:
    """Momentum with a decay of 0.9 over 300 steps: dividing by 0.9 as often makes 5e13 of a rounding error."""
    v = sf.tensor("v", (None, WIDTH))

    def step(state: Any, f: Any) -> Any:
        velocity = 0.9 * state[1] + 0.1 * f(state[0])
        return state[0] + velocity, velocity

    def loss(depth: int) -> sf.Net:
        return sf.Net.of((sf.fold(step, sf.layers(f"f1:{depth + 1}", TANH), (X, v)).outputs[0] ** 2).sum())

    with pytest.raises(InvalidValue, match=r"300 steps that multiply a part of the state by 0\.9: 14 of its 16 digits would be lost .*remat='sqrt'"):
        sf.grad(loss(300), remat="reversible")
    values = values_of(loss(100))
    assert_close(gradients(loss(100), values, "reversible", "numpy"), gradients(loss(100), values, None, "numpy"), 1e-7)
