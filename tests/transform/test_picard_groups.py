"""Between boosting and residual: sweeps that solve a net, and groups whose layers read one state."""

from collections.abc import Callable
from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.core.names import names_of
from symfold.core.stacked_inputs import Numbered
from symfold.errors import InvalidType, InvalidValue

X = sf.tensor("x")
T, M = sp.Symbol("t"), sp.Symbol("m", integer=True, positive=True)
Step = Callable[[Any, Callable[[Any], Any], Any], Any]
# what is carried, what the layer gives for what it reads, the layer
STEPS: dict[str, tuple[Callable[[Any, Any], Any], Step]] = {
    "residual": (lambda z, f: f(z) + z, lambda z, f, u: f(u) + z),
    "feedforward": (lambda z, f: f(z), lambda z, f, u: f(u)),
    "multiplicative": (lambda z, f: z * f(z), lambda z, f, u: z * f(u)),
    "halved": (lambda z, f: 0.5 * f(z) + z, lambda z, f, u: 0.5 * f(u) + z),
    "inner": (lambda z, f: f(f(z)) + z, lambda z, f, u: f(f(u)) + z),
    "tanh of the state": (lambda z, f: f(z) + np.tanh(z) + z, lambda z, f, u: f(u) + np.tanh(u) + z),
}
BODIES = [lambda v, k=k: np.sin((k + 1) * v) / (k + 2) for k in range(9)]


def bound(net: sf.Net) -> sf.Net:
    """The net with numbers for the layers that it has: f_k is sin(k v)/(k + 1)."""
    used = {name for leaf in net.leaves if leaf.op.role == "layer" for name in names_of(leaf)}
    return net.bind({name: BODIES[int(name[1:]) - 1] for name in used})


@pytest.mark.parametrize("name", STEPS)
@settings(max_examples=25)
@given(depth=st.integers(1, 6), sweeps=st.integers(0, 7), x=st.floats(-2, 2))
def test_a_sweep_is_the_loop_written_by_hand(name: str, depth: int, sweeps: int, x: float) -> None:
    mapper, apart = STEPS[name]
    net = sf.picard(sf.fold(mapper, sf.layers("f", count=depth), X), sweeps)
    before = [x] * depth  # what the layers read: sweep 0 is constant
    value = x
    for _ in range(sweeps):
        value, reads = x, []
        for k in range(depth):
            reads.append(value)
            value = apart(value, BODIES[k], before[k])
        before = reads
    assert float(bound(net)(x=x)) == pytest.approx(value, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_as_many_sweeps_as_steps_are_the_net(name: str, depth: int) -> None:
    net = sf.fold(STEPS[name][0], sf.layers("f", count=depth), X)
    for sweeps in (depth, depth + 2):
        assert float(bound(sf.picard(net, sweeps))(x=0.7)) == pytest.approx(float(bound(net)(x=0.7)), rel=1e-13)
    if depth > 1:
        assert float(bound(sf.picard(net, depth - 1))(x=0.7)) != pytest.approx(float(bound(net)(x=0.7)), rel=1e-9, abs=0)


@pytest.mark.parametrize("depth", [1, 3, 1_000_000, sp.Symbol("n", integer=True, positive=True)])
def test_boosting_is_the_first_sweep_of_the_residual_net(depth: Any) -> None:
    layers = sf.layers("f", count=depth)
    assert sf.picard(sf.fold(sf.mappers.residual, layers, X), 1) == sf.fold(sf.mappers.boosting(X), layers, X)


@pytest.mark.parametrize("sweeps", range(8))
def test_a_sweep_keeps_the_paths_up_to_its_number(sweeps: int) -> None:
    net = sf.picard(sf.fold(sf.mappers.residual, sf.layers("f", count=6), X), sweeps)
    assert sf.paths(net).polynomial == sp.expand(sum(comb(6, k) * T**k for k in range(min(sweeps, 6) + 1)))


@pytest.mark.parametrize("sweeps", [1, 2, 3])
def test_the_error_of_a_sweep_is_of_the_next_order(sweeps: int) -> None:
    """Layers of strength epsilon: the difference from the net falls as epsilon ** (sweeps + 1)."""
    def difference(epsilon: float) -> float:
        scaled = {f"f{k + 1}": (lambda v, k=k: epsilon * BODIES[k](v)) for k in range(5)}
        net = sf.fold(sf.mappers.residual, sf.layers("f", count=5), X)
        return abs(float(net.bind(scaled)(x=0.4)) - float(sf.picard(net, sweeps).bind(scaled)(x=0.4)))

    slope = np.log2(difference(4e-3) / difference(2e-3))
    assert slope == pytest.approx(sweeps + 1, abs=0.15)


@pytest.mark.parametrize("depth", [10, 1000])
def test_the_cost_of_a_sweep_does_not_grow_with_depth(depth: int) -> None:
    net = sf.picard(sf.fold(sf.mappers.residual, sf.layers("f", count=depth), X), 4)
    assert (len(net.bindings), len(net.blocks)) == (4, 2)  # the last gives out no trajectory


def test_a_state_of_two_parts_and_a_scan() -> None:
    def coupled(state: Any, f: Any) -> Any:
        a, b = state
        return a + f(b), b * f(a)

    net = sf.scan(coupled, sf.layers("f1:4"), (X, sf.tensor("y")))
    swept = bound(sf.picard(net, 3))
    for ours, exact in zip(swept(x=0.3, y=0.8), bound(net)(x=0.3, y=0.8), strict=True):
        np.testing.assert_allclose(ours, exact, rtol=1e-13)
    constant = sf.picard(sf.scan(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x", (2,))), 0)
    np.testing.assert_allclose(bound(constant)(x=[1.0, 2.0]).shape, (3, 2))


def test_an_unrolled_net_is_swept_as_a_whole() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:5"), X)
    assert sf.roll(sf.picard(sf.unroll(net), 1)) == sf.fold(sf.mappers.boosting(X), sf.layers("f1:5"), X)
    assert float(bound(sf.picard(sf.unroll(net), 2))(x=0.3)) == pytest.approx(float(bound(sf.picard(net, 2))(x=0.3)), rel=1e-14)


# ---------------------------------------------------------------- groups


@pytest.mark.parametrize("name", STEPS)
@settings(max_examples=25)
@given(depth=st.integers(1, 9), size=st.integers(1, 10), x=st.floats(-2, 2))
def test_a_group_is_the_loop_written_by_hand(name: str, depth: int, size: int, x: float) -> None:
    mapper, apart = STEPS[name]
    net = sf.grouped(sf.fold(mapper, sf.layers("f", count=depth), X), size)
    value = before = x
    for k in range(depth):
        if k % size == 0:
            before = value
        value = apart(value, BODIES[k], before)
    assert float(bound(net)(x=x)) == pytest.approx(value, rel=1e-12, abs=1e-12)


@given(depth=st.integers(1, 14), size=st.integers(1, 15))
def test_the_paths_of_groups(depth: int, size: int) -> None:
    """(1 + q t)**(n/q), the last group short where q does not divide n."""
    net = sf.grouped(sf.fold(sf.mappers.residual, sf.layers("f", count=depth), X), size)
    expected = (1 + size * T) ** (depth // size) * (1 + depth % size * T)
    assert sp.expand(sf.paths(net).polynomial - expected) == 0


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_the_ends_of_the_continuum(depth: int) -> None:
    layers = sf.layers("f", count=depth)
    net = sf.fold(sf.mappers.residual, layers, X)
    assert sf.grouped(net, 1) == net
    boosting = sf.roll(sf.fold(sf.mappers.boosting(X), layers, X))
    assert sf.roll(sf.grouped(net, depth)) == sf.roll(sf.grouped(net, depth + 5)) == boosting


@pytest.mark.parametrize("name", STEPS)
def test_all_layers_of_a_symbolic_depth_in_one_group(name: str) -> None:
    """Which is boosting for the residual net, and then at a number one group of that many layers."""
    deep = sf.fold(STEPS[name][0], sf.layers("f", count="n"), X)
    one = sf.grouped(deep, sp.Symbol("n"))
    assert sf.roll(one.at(n=5)) == sf.roll(sf.grouped(deep.at(n=5), 5))
    assert sf.grouped(deep, 1) == deep
    assert (one == sf.fold(sf.mappers.boosting(X), sf.layers("f", count="n"), X)) == (name == "residual")


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("size", [2, 3, 12])
def test_groups_of_a_symbolic_depth_are_those_at_every_number(name: str, size: int) -> None:
    deep = sf.fold(STEPS[name][0], sf.layers("f", count=size * M), X)
    net = sf.grouped(deep, size)
    for groups in (2, 4, 7):
        assert net.at(m=groups) == sf.grouped(deep.at(m=groups), size)
        assert sf.roll(sf.unroll(net.at(m=groups))) == sf.roll(net.at(m=groups))
    if size <= len(BODIES):
        assert float(bound(net.at(m=1))(x=0.7)) == pytest.approx(float(bound(sf.grouped(deep.at(m=1), size))(x=0.7)), rel=1e-14)
    assert sf.from_json(net.to_json()) == net


def test_a_symbolic_depth_may_be_more_than_a_multiple() -> None:
    deep = sf.fold(sf.mappers.residual, sf.layers("f", count=6 * M + 3), X)
    assert sf.grouped(deep, 3).at(m=2) == sf.grouped(deep.at(m=2), 3)
    assert sf.paths(sf.grouped(deep, 3)).polynomial.subs(M, 4) == (1 + 3 * T) ** 9


@pytest.mark.parametrize("size", [2, 3, 5])
def test_what_is_asked_of_groups_of_a_symbolic_depth(size: int) -> None:
    """Against the same net at a number: paths, cost, and the adjoint as a net and in numbers."""
    net = sf.grouped(sf.fold(sf.mappers.residual, sf.layers("f", count=size * M), sf.tensor("x", (3,))), size)
    assert sf.paths(net).polynomial == (1 + size * T) ** M
    assert (sf.cost(net).work, sf.cost(net).span) == (size * M, M)
    for groups in (2, 3):
        small = net.at(m=groups)
        assert sp.expand(sf.paths(net).polynomial.subs(M, groups) - sf.paths(small).polynomial) == 0
        assert sf.adjoint(net).at(m=groups) == sf.adjoint(small)
    x, whole = np.array([0.3, -0.8, 1.4]), net.bind({"f": BODIES[1]})
    slope = (whole.at(m=4)(x=x + 1e-5) - whole.at(m=4)(x=x - 1e-5)) / 2e-5
    np.testing.assert_allclose(sf.adjoint(whole).at(m=4)(x=x, a=np.ones(3))["x"], slope, rtol=1e-6)


def test_groups_of_a_symbolic_depth_are_written_and_drawn() -> None:
    net = sf.grouped(sf.fold(sf.mappers.residual, sf.layers("f", count=2 * M), X), 2)
    assert str(net) == "z_k = f_{2*k}(z_{k-1}) + f_{2*k-1}(z_{k-1}) + z_{k-1}, k = 1..m, z_0 = x"
    assert "f_{2 k-1}" in sf.formula(net, style="latex") and "f₂ₖ₋₁(zₖ₋₁)" in sf.formula(net, style="unicode")
    assert "<mn>2</mn><mo>\u2062</mo><mi>k</mi><mo>−</mo><mn>1</mn>" in sf.formula(net, style="mathml")
    assert str(sf.adjoint(net)).splitlines()[1] == "a_{k-1} = a_k + f_{2*k-1}'(z_{k-1})^T a_k + f_{2*k}'(z_{k-1})^T a_k, k = m..1, a_m = a"
    drawn = sf.Net.of(net).graph("fold")
    assert drawn.nodes["fold1"]["label"] == "z_{k} = f_{2*k}(z_{k-1}) + f_{2*k-1}(z_{k-1}) + z_{k-1}\nk = 1, ..., m"
    assert {data["label"] for _, data in drawn.nodes(data=True)} >= {"f1, ..., f_{2*m-1}", "f2, ..., f_{2*m}"}
    assert {data["label"] for _, data in net.graph("block").nodes(data=True)} >= {"f_{2*k-1}", "f_{2*k}"}


@pytest.mark.parametrize("name", ["residual", "multiplicative"])
def test_groups_of_layers_with_parameters_share_them_with_the_net(name: str) -> None:
    """The parameters of a group interleave in the layout; loops in numbers, and central differences, are the oracle."""
    kind = sf.dense(2, 2, sf.tanh)
    deep = sf.fold(STEPS[name][0], sf.layers("f", kind, count=3 * M), sf.tensor("x", (1, 2)))
    plain, net = deep.at(m=3), sf.grouped(deep, 3).at(m=3)
    params = plain.init(seed=3)
    assert sorted(net.init(seed=0)) == sorted(params)
    x = np.array([[0.3, -0.8]])

    def by_hand(params: Any) -> Any:
        value = before = x
        for k in range(9):
            before = value if k % 3 == 0 else before
            value = STEPS[name][1](value, lambda u, k=k: np.tanh(u @ params[f"W{k + 1}"] + params[f"b{k + 1}"]), before)
        return value

    np.testing.assert_allclose(net(params, x), by_hand(params), rtol=1e-13)
    np.testing.assert_allclose(net.compile()(params, x=x), by_hand(params), rtol=1e-12)
    gradients = sf.grad(sf.Net.of(np.sum(net)))(params, x=x)
    for one in ("W1", "W5", "b9"):
        moved = {sign: params.copy() for sign in (1, -1)}
        for sign, these in moved.items():
            these[one] = these[one] + sign * 1e-5 * np.ones_like(params[one])
        slope = (by_hand(moved[1]).sum() - by_hand(moved[-1]).sum()) / 2e-5
        assert np.sum(gradients[one]) == pytest.approx(slope, rel=1e-6, abs=1e-9)


def test_groups_of_a_million_layers_name_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    name = Numbered.__getitem__
    monkeypatch.setattr(Numbered, "__getitem__", lambda self, position: asked.append(position) or name(self, position))
    net = sf.grouped(sf.fold(sf.mappers.residual, sf.layers("f", count=1_000_000), X), 10)
    assert len(net.bindings) == 1
    assert sf.paths(net).mean == Fraction(100_000 * 10, 11)
    assert len(net.leaves) == 11 and len(asked) < 200
    deep = sf.fold(sf.mappers.residual, sf.layers("f", count=10 * M), X)
    assert sf.grouped(deep, 10).at(m=100_000) == net


def test_the_states_of_a_grouped_scan_keep_their_order() -> None:
    net = sf.scan(sf.mappers.residual, sf.layers("f", count=7), sf.tensor("x", (2,)))
    x = np.array([0.3, -0.8])
    value = before = x
    states = []
    for k in range(7):
        if k % 2 == 0:
            before = value
        value = value + BODIES[k](before)
        states.append(value)
    np.testing.assert_allclose(bound(sf.grouped(net, 2))(x=x), states, rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda net: sf.picard(net, -1), InvalidValue, "sweeps=-1"),
        (lambda net: sf.picard(net, 1.5), InvalidType, "sweeps=1.5"),
        (lambda net: sf.grouped(net, 0), InvalidValue, "=0"),
        (lambda net: sf.grouped(net, "two"), InvalidType, "='two'"),
        (lambda net: sf.grouped(sf.fold(sf.mappers.residual, sf.layers("f", count="n"), X), 2), InvalidValue, r"groups of 2: nothing says that 2 divides the depth n, .*count=2\*m.*net.at\(n=10"),
        (lambda net: sf.grouped(sf.fold(sf.mappers.residual, sf.layers("f", count=3 * M), X), 2), InvalidValue, r"2 divides the depth 3\*m.*net.at\(m=10"),
        (lambda net: sf.grouped(sf.scan(sf.mappers.residual, sf.layers("f", count=2 * M), X), 2), InvalidValue, "gives a value per step.*net.at"),
        (lambda net: sf.grouped(sf.fold(lambda z, w: z * w, sf.tensor("w", (2 * M,)), X), 2), InvalidValue, "no numbered names.*net.at"),
        (lambda net: sf.grouped(sf.fold(lambda z, w: z * w, sf.tensor("w", (None,)), X), 2), InvalidValue, "unknown until numbers are given"),
        (lambda net: sf.grouped(sf.fold(sf.mappers.residual, sf.layers("f", count="n"), X), sp.Symbol("m")), InvalidValue, "groups of m out of n layers"),
        (lambda net: sf.grouped(net, sp.Symbol("n")), InvalidValue, "groups of n out of 3 layers .give the size as a whole number"),
        (lambda net: sf.grouped(net, "n"), InvalidType, "size='n' must be a whole number, at least 1, or the symbol of the depth"),
    ],
)
def test_what_is_no_number_of_sweeps_or_layers(call: Callable[[sf.Net], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call(sf.fold(sf.mappers.residual, sf.layers("f1:4"), X))


def test_steps_without_a_fold_are_found_or_refused() -> None:
    f = sf.layers("f1:5")
    folded = sf.fold(sf.mappers.residual, f, X)
    written: Any = X
    for layer in f:
        written = layer(written) + written
    for rewired in (lambda net: sf.picard(net, 2), lambda net: sf.grouped(net, 2)):
        assert rewired(written) == rewired(folded)
        with pytest.raises(InvalidValue, match="no fold and no repeated steps"):
            rewired(f[0](X) + X)


def test_sweeps_beyond_the_depth_change_nothing() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), X)
    assert sf.picard(net, 4) == sf.picard(net, 10**9) == net
    with pytest.raises(sf.errors.TooLarge, match="at most 100,000"):
        sf.picard(sf.fold(sf.mappers.residual, sf.layers("f", count="n"), X), 10**9)
