"""Paths: against enumeration on the exported graph, against the value of linear nets, against closed forms."""

from fractions import Fraction
from math import comb

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import T, enumerated

import symfold as sf
from symfold.errors import InvalidType, NoRule

X, Y = sf.tensor("x"), sf.tensor("y")


MAPPERS = {
    "feedforward": lambda z, f: f(z),
    "residual": lambda z, f: f(z) + z,
    "boosting": lambda z, f: f(X) + z,
    "both": lambda z, f: f(f(z) + X) + z,
    "two branches": lambda z, f: f(z) + f(f(z)) + z + z,
    "multiplicative": lambda z, f: z * f(z) + X,
}


@pytest.mark.parametrize("name", MAPPERS)
@given(depth=st.integers(1, 6))
@settings(deadline=None, max_examples=6)
def test_polynomials_are_those_of_enumeration(name: str, depth: int) -> None:
    net = sf.fold(MAPPERS[name], sf.layers(f"f1:{depth + 1}"), X)
    wanted = enumerated(net.graph(), "x", "out")
    found = sf.paths(net)
    assert sp.expand(found.polynomial - wanted) == 0
    coefficients = sp.Poly(wanted, T).all_coeffs()[::-1]
    assert found.coefficients()[: len(coefficients)] == coefficients
    assert found.count == wanted.subs(T, 1)
    assert found.mean == Fraction(int(sum(k * c for k, c in enumerate(coefficients))), int(sum(coefficients)))


@pytest.mark.parametrize("name", [name for name in MAPPERS if name != "multiplicative"])
@given(depth=st.integers(1, 5), t=st.integers(-3, 3))
@settings(deadline=None, max_examples=10)
def test_of_sums_the_polynomial_is_the_value_of_the_net_whose_layers_are_t_times(name: str, depth: int, t: int) -> None:
    layers = [(lambda z: t * z)] * depth
    net = sf.fold(MAPPERS[name], layers, X)
    opaque = sf.fold(MAPPERS[name], sf.layers(f"f1:{depth + 1}"), X)
    assert float(net(1.0)) == float(sf.paths(opaque).polynomial.subs(T, t))


def test_several_inputs_and_outputs_have_a_matrix() -> None:
    def coupling(state: tuple, f: object) -> tuple:
        a = state[0] + f(state[1])
        return a, state[1] + f(a)

    net = sf.fold(coupling, sf.layers("f1:4"), (X, Y))
    graph = net.graph()
    wanted = [[enumerated(graph, source, target) for source in ("x", "y")] for target in ("out1", "out2")]
    assert sf.paths(net).matrix == sp.Matrix(wanted)
    with pytest.raises(InvalidType, match="2 inputs and 2 outputs"):
        _ = sf.paths(net).polynomial


def test_scans_and_nested_folds() -> None:
    inputs = [sf.tensor(f"u{k}") for k in (1, 2, 3)]
    grid = sf.fold(lambda seq, f: sf.scan(lambda h, u: f(h, u), seq, Y), sf.layers("f1:3"), sf.stack(inputs))
    last = sf.Net.of(grid[2])
    graph = last.graph()
    assert list(sf.paths(last).matrix) == [enumerated(graph, node.op.name, "out") for node in last.inputs]
    nested = sf.fold(lambda z, f: sf.fold(lambda w, g: g(w + z) + w, sf.layers("g1:3"), f(z)), sf.layers("f1:4"), X)
    assert sp.expand(sf.paths(nested).polynomial - enumerated(nested.graph(), "x", "out")) == 0


def test_blocks_without_captured_inputs_multiply() -> None:
    first, second = sf.layers("f1:4"), sf.layers("f4:9")
    whole = sf.paths(sf.fold(MAPPERS["two branches"], [*first, *second], X)).polynomial
    parts = [sf.paths(sf.fold(MAPPERS["two branches"], part, X)).polynomial for part in (first, second)]
    assert sp.expand(whole - parts[0] * parts[1]) == 0


def test_veit_et_al() -> None:
    """Of the paths of 54 residual layers, 98.017 % pass through 19 to 35 of them."""
    found = sf.paths(sf.fold(sf.mappers.residual, sf.layers("f1:55"), X))
    assert found.fraction(19, 35) == Fraction(sum(comb(54, k) for k in range(19, 36)), 2**54)
    assert float(found.fraction(19, 35)) == pytest.approx(0.98017, abs=5e-6)
    assert found.coefficients() == [comb(54, k) for k in range(55)]


@pytest.mark.parametrize("depth", [10, 1000, 10**6])
def test_moments_at_any_depth(depth: int) -> None:
    layers = sf.layers("f", count=depth)
    residual = sf.paths(sf.fold(sf.mappers.residual, layers, X))
    assert (residual.count, residual.mean, residual.variance) == (2**depth, Fraction(depth, 2), Fraction(depth, 4))
    assert residual.polynomial == ((1 + T) ** depth if depth > 64 else sp.expand((1 + T) ** depth))
    boosting = sf.paths(sf.fold(sf.mappers.boosting(X), layers, X))
    assert (boosting.count, boosting.mean) == (depth + 1, Fraction(depth, depth + 1))
    assert boosting.polynomial == 1 + depth * T


def test_a_symbolic_depth_closes_or_says_why_not() -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    layers = sf.layers("f", count=n)
    assert sf.paths(sf.fold(MAPPERS["two branches"], layers, X)).polynomial.subs(n, 3).expand() == (
        sf.paths(sf.fold(MAPPERS["two branches"], sf.layers("f1:4"), X)).polynomial
    )
    parts = sf.tensor("a", (3,)), sf.tensor("b", (3,))
    coupled = sf.fold(lambda s, f: (s[1], s[0] + f(s[1])), layers, parts)
    with pytest.raises(NoRule, match="recurrence"):
        _ = sf.paths(coupled).matrix


def test_values_of_layers_do_not_matter() -> None:
    dense = sf.layers("f1:5", sf.dense(3, 3, sf.sigmoid))
    net = sf.fold(sf.mappers.residual, dense, sf.tensor("x", (None, 3)))
    assert sf.paths(net).polynomial == sp.expand((1 + T) ** 4)
