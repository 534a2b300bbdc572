"""Paths: against enumeration on the exported graph, against the value of linear nets, against closed forms."""

import math
from dataclasses import replace
from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
import pytest
import strategies
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import T, enumerated

import symfold as sf
from symfold.analysis.counting import spectrum
from symfold.analysis.counting.polynomials import variance_of
from symfold.analysis.counting.powers import Recurrence
from symfold.analysis.counting.tails import Estimate, Power
from symfold.analysis.counting.truncated import Truncated
from symfold.core import primitives
from symfold.core.conversion import as_node
from symfold.core.folds import fold_nodes
from symfold.core.sequences import add_rows
from symfold.errors import InvalidType, InvalidValue, NoRule, TooLarge

X, Y, C = sf.tensor("x"), sf.tensor("y"), sf.tensor("c", (3,))


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
    for value, wanted in zip(sf.paths(coupled).matrix, sf.paths(coupled.at(n=7)).matrix, strict=True):
        assert isinstance(value, Recurrence) and value.rule.startswith("P_n = t*P_{n-1} + P_{n-2}, P_0 = ")
        assert value.subs(n, 7) == wanted
    back = sf.scan(lambda z, u: u + z, sf.reverse(sf.scan(sf.mappers.residual, layers, X)), X)
    again = sf.fold(lambda z, u: u + z, sf.reverse(back), X)
    with pytest.raises(NoRule, match="give the depth a number"):
        _ = sf.paths(again).matrix


def states_and_sums(f: Any) -> tuple[Any, Any]:
    states = sf.scan(sf.mappers.residual, f, X)
    return states, sf.scan(lambda z, u: u + z, states, Y)


def both_read(*sequences: Any) -> sf.Net:
    nodes = [sf.Net.of(one).outputs[0] for one in sequences]
    return sf.Net(fold_nodes(lambda s: (s[0] + s[1] + s[2],), nodes[0].shape[0], sf.Net.of(X).outputs, nodes))


SCANNED: dict[str, Any] = {  # folds that read what others give out step by step
    "a scan itself": lambda f: sf.scan(MAPPERS["both"], f, X),
    "its states, added up": lambda f: sf.fold(lambda z, u: u + z, sf.scan(sf.mappers.residual, f, X), Y),
    "a scan of a scan": lambda f: sf.fold(lambda z, u: z * u + C, sf.scan(lambda z, u: z + u, sf.scan(MAPPERS["two branches"], f, X), Y), X),
    "two parts of one scan": lambda f: sf.fold(lambda z, u: z + u[0] + u[1], sf.scan(lambda s, g: (g(s[1]), s[0] + g(X)), f, (X, Y)), X),
    "two readers of one scan": lambda f: both_read(*states_and_sums(f)),
    "the third state": lambda f: sf.scan(sf.mappers.residual, f, X)[2],
    "the last state": lambda f: sf.scan(MAPPERS["both"], f, X)[-1],
    "one sweep": lambda f: sf.picard(sf.fold(MAPPERS["two branches"], f, X), 1),
    "three sweeps": lambda f: sf.picard(sf.fold(MAPPERS["both"], f, X), 3),
}


@pytest.mark.parametrize("name", SCANNED)
def test_what_reads_a_scan_runs_along_with_it(name: str) -> None:
    """At a symbolic depth, at a hundred steps with a polynomial kept closed, and by integers: as on the graph."""
    make = SCANNED[name]
    symbolic = sf.paths(sf.Net.of(make(sf.layers("f", count=sp.Symbol("n", integer=True, positive=True)))))
    for depth in (3, 4, 5):
        net = sf.Net.of(make(sf.layers("f", count=depth)))
        wanted = sp.Matrix(1, len(net.inputs), [enumerated(net.graph(), node.op.name) for node in net.inputs])
        assert sf.paths(net).matrix == wanted
        assert symbolic.matrix.subs(sp.Symbol("n", integer=True, positive=True), depth).applyfunc(lambda value: sp.cancel(sp.expand(value))) == wanted
        assert sf.paths(net).count == sum(wanted.subs(T, 1))


G, N = sf.layer("g"), sp.Symbol("n", integer=True, positive=True)


def backwards_read(f: Any) -> Any:
    """A fold over the states of a scan and of one that reads them backwards."""
    states, cotangents = sf.scan(sf.mappers.residual, f, X), sf.scan(lambda z, u: G(z) + u, sf.reverse(sf.scan(sf.mappers.residual, f, X)), Y)
    return sf.fold(lambda z, u: z + u[0] * u[1], sf.zipped(states, cotangents), Y)


def tuple_reversed(sequences: Any) -> Any:
    return sf.zipped(*(sf.reverse(part) for part in sf.Net.of(sequences).outputs))


BACKWARDS: dict[str, Any] = {  # folds that read what others give out from the last step to the first
    "its states from the last to the first": lambda f: sf.fold(lambda z, u: MAPPERS["both"](z, G) + u, sf.reverse(sf.scan(sf.mappers.residual, f, X)), Y),
    "its states both ways": lambda f: backwards_read(f),
    "a sum of a backward scan": lambda f: sf.fold(lambda z, u: z + u, sf.scan(lambda z, u: z + 2 * G(u), sf.reverse(sf.scan(MAPPERS["both"], f, X)), Y), X),
    "the first state of a backward scan": lambda f: sf.scan(lambda z, u: G(z) + u, sf.reverse(sf.scan(MAPPERS["two branches"], f, X)), Y)[0],
    "the last entry of a backward sequence": lambda f: sf.Net.of(sf.reverse(sf.scan(sf.mappers.residual, f, X)))[-1],
    "two parts of one scan, backwards": lambda f: sf.fold(lambda z, u: z + G(u[0]) + u[1], tuple_reversed(sf.scan(lambda s, g: (g(s[1]), s[0] + g(X)), f, (X, Y))), X),
    "a U-Net": lambda f: sf.mappers.unet(f, f, X),
    "both directions": lambda f: sf.mappers.bidirectional(lambda h, u: h + u, lambda h, u: G(h) + u, sf.scan(sf.mappers.residual, f, X), X),
    "two layers": lambda f: sf.mappers.multilayer(sf.layers("g1:3"), sf.scan(sf.mappers.residual, f, X), Y),
}


@pytest.mark.parametrize("name", BACKWARDS)
def test_scans_are_read_backwards_at_any_depth(name: str) -> None:
    """At a symbolic depth as on the graph, and by integers at a depth whose steps are not run."""
    symbolic = sf.Net.of(BACKWARDS[name](sf.layers("f", count="n")))
    matrix = sf.paths(symbolic).matrix
    for depth in (1, 2, 4):
        net = sf.Net.of(BACKWARDS[name](sf.layers("f", count=depth)))
        wanted = sp.Matrix(1, len(net.inputs), [enumerated(net.graph(), node.op.name) for node in net.inputs])
        assert matrix.subs(N, depth).applyfunc(lambda value: sp.cancel(sp.expand(value))) == wanted
    assert sum(map(sum, sf.paths(symbolic.at(n=70)).entries(2))) == sum(matrix.subs(T, 2)).subs(N, 70)


def test_chosen_paths_of_a_unet_at_any_depth() -> None:
    unet = sf.mappers.ARCHITECTURES["unet"]
    symbolic, four, deep = (sf.paths(unet.net(depth)) for depth in ("n", 4, 10**6))
    assert symbolic.mean.subs(N, 4) == sp.Rational(*four.mean.as_integer_ratio()) and deep.count == 10**6 + 1
    for chosen in (lambda paths: paths.through("f2"), lambda paths: paths.without("g1")):
        assert sp.expand(sp.cancel(chosen(symbolic).polynomial.subs(N, 4))) == chosen(four).polynomial
        assert sp.sympify(chosen(symbolic).count).subs(N, 10**6) == chosen(deep).count
    assert four.through("f3").through("g3").polynomial == 2 * T**8 + T**6 and four.through("f1").through("g1").count == 2
    with pytest.raises(NoRule, match="give the depth a number"):  # which of f3 and g3 comes first depends on n
        _ = symbolic.through("f3").through("g3").count


def test_a_net_and_its_cotangents_have_paths_in_a_symbolic_depth() -> None:
    net = sf.adjoint(sf.fold(sf.mappers.residual, sf.layers("f", count="n"), X))
    for depth in (1, 3, 5):
        assert sf.paths(net).matrix.subs(N, depth).applyfunc(lambda value: sp.cancel(sp.expand(value))) == sf.paths(net.at(n=depth)).matrix


STATES = {  # triangular, with equal and unequal parts on the diagonal; coupled, with eigenvalues 1 and -1, 2t and 0
    "two parts alike": lambda s, f: (f(s[0]) + s[0] + s[1], f(s[1]) + s[1]),
    "a sum carried along": lambda s, f: (f(s[0]) + s[0], s[1] + s[0]),
    "the first reads the second": lambda s, f: (s[0] + f(s[1]), f(s[1])),
    "changing places": lambda s, f: (f(s[1]), f(s[0])),
    "both read both": lambda s, f: (f(s[0]) + f(s[1]), f(s[0]) + f(s[1])),
    "reversible": lambda s, f: (s[0] + f(s[1]), s[1] + f(s[0] + f(s[1]))),
    "with a captured input": lambda s, f: (f(s[0]) + C, s[1] + f(s[0])),
}


@pytest.mark.parametrize("name", STATES)
def test_symbolic_powers_are_those_of_any_depth(name: str) -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    net = sf.fold(STATES[name], sf.layers("f", count=n), (sf.tensor("a", (3,)), sf.tensor("b", (3,))))
    symbolic = sf.paths(net).matrix
    assert any(isinstance(value, Recurrence) for value in symbolic) == (name == "reversible")
    for depth in (1, 2, 3, 6):
        found = symbolic.subs(n, depth).applyfunc(lambda value: sp.cancel(sp.expand(value)))
        assert found == sf.paths(net.at(n=depth)).matrix.applyfunc(sp.expand)


def test_a_symbolic_depth_within_a_step() -> None:
    m = sp.Symbol("m", integer=True, positive=True)
    inner = sf.layers("g", count=m)
    net = sf.fold(lambda z, f: sf.fold(sf.mappers.residual, inner, f(z)) + z, sf.layers("f1:3"), X)
    found = sf.paths(net)
    assert sp.expand(found.polynomial.subs(m, 3)) == sf.paths(net.at(m=3)).polynomial
    assert (found.count.subs(m, 3), found.mean.subs(m, 3)) == (sf.paths(net.at(m=3)).count, sp.Rational(*sf.paths(net.at(m=3)).mean.as_integer_ratio()))


def test_three_parts_that_all_read_each_other_have_a_recurrence() -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    parts = tuple(sf.tensor(name, (3,)) for name in "abc")
    mixing = lambda s, f: (s[0] + f(s[1]), s[1] + f(f(s[2])), s[2] + f(s[0]) + s[1])  # noqa: E731
    net = sf.fold(mixing, sf.layers("f", count=n), parts)
    assert sf.paths(net).matrix.subs(n, 5) == sf.paths(net.at(n=5)).matrix


@pytest.mark.parametrize("name", MAPPERS)
@given(data=st.data())
@settings(deadline=None, max_examples=8)
def test_paths_left_after_deleting_layers_are_those_of_the_graph_without_them(name: str, data: st.DataObject) -> None:
    depth = data.draw(st.integers(1, 5))
    gone = data.draw(st.sets(st.integers(1, depth)))
    net = sf.fold(MAPPERS[name], sf.layers(f"f1:{depth + 1}"), X)
    graph = net.graph()
    graph.remove_nodes_from([node for node, kept in graph.nodes(data=True) if kept.get("layer") in {f"f{k}" for k in gone}])
    left = sf.paths(net).without([f"f{k}" for k in gone])
    if name in ("residual", "boosting"):  # the lesioned net has just these; of a product, a factor 0 takes the other away too
        assert left.polynomial == sp.expand(sf.paths(sf.lesion(net, [f"f{k}" for k in gone])).polynomial)
    assert sp.expand(left.polynomial - (enumerated(graph, "x", "out") if "x" in graph else 0)) == 0
    for k in range(1, depth + 1):
        through, avoiding, all_of_them = sf.paths(net).through(f"f{k}"), sf.paths(net).without(f"f{k}"), sf.paths(net)
        assert sp.expand(through.polynomial + avoiding.polynomial - all_of_them.polynomial) == 0
        assert sum(through.coefficients()) == through.count


@pytest.mark.parametrize("depth", [5, 10**6, sp.Symbol("n", integer=True, positive=True)])
def test_sweeps_keep_the_paths_of_up_to_as_many_layers(depth: Any) -> None:
    """Sweep k has the sum over j up to k of binomial(n, j) t**j, at any depth."""
    net = sf.fold(sf.mappers.residual, sf.layers("f", count=depth), X)
    for sweeps in range(5):
        found = sf.paths(sf.picard(net, sweeps))
        assert sp.expand(found.polynomial - sum(sp.expand_func(sp.ff(depth, j) / sp.factorial(j)) * T**j for j in range(sweeps + 1))) == 0
        if isinstance(depth, int) and sweeps:
            assert found.count == sum(comb(depth, j) for j in range(sweeps + 1))
            chosen = found.through("f2").polynomial
            assert sp.expand(chosen - sum(comb(depth - 1, j - 1) * T**j for j in range(1, sweeps + 1))) == 0


def test_chosen_paths_of_deep_nets() -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    net = sf.fold(sf.mappers.residual, sf.layers("f", count=n), X)
    assert sf.paths(net).through("f3").polynomial == T * (1 + T) ** (n - 1)
    deep = sf.paths(net.at(n=10**6))
    assert deep.through("f250000").polynomial == T * (1 + T) ** (10**6 - 1)
    assert deep.without(["f3", "f999990", "f500000"]).polynomial == (1 + T) ** (10**6 - 3)
    assert deep.without(sf.layers("f7:9")).count == 2 ** (10**6 - 2)
    assert deep.through("f1").through("f999999").mean == 2 + Fraction(10**6 - 2, 2)
    shared = sf.layer("g")
    often = sf.paths(sf.fold(lambda z, f: f(z) + shared(z) + z, sf.layers("f1:4"), X)).through("g")
    assert often.polynomial == sp.expand((1 + 2 * T) ** 3 - (1 + T) ** 3)
    with pytest.raises(InvalidValue, match="f1000001"):
        deep.through("f1000001")


@given(weights=st.lists(st.fractions(-2, 2, max_denominator=4), min_size=1, max_size=4), t=st.integers(-2, 2))
@settings(deadline=None, max_examples=10)
def test_weights_are_those_of_the_linear_net(weights: list[Fraction], t: int) -> None:
    """With numbers as weights, the polynomial is what the net does to 1 when each layer is t*z."""
    a, b = sp.Rational(*weights[0].as_integer_ratio()), sp.Rational(*weights[-1].as_integer_ratio())

    def mapper(z: object, f: object) -> object:
        return a * f(z) + z - b * f(f(z) * a)

    def by_hand(z: sp.Expr) -> sp.Expr:
        return a * t * z + z - b * t * (t * z * a)

    wanted = sp.Integer(1)
    for _ in weights:
        wanted = by_hand(wanted)
    found = sf.paths(sf.fold(mapper, sf.layers(f"f1:{len(weights) + 1}"), X), weighted=True)
    assert found.polynomial.subs(T, t) == wanted
    assert found.count == found.polynomial.subs(T, 1)
    assert sum(found.coefficients()) == found.count


WEIGHTED: dict[str, Any] = {  # `w` makes a decimal number what the mapper has, here and in SymPy
    "a half of each": lambda z, f, x=X, w=float: w(0.5) * z + w(0.5) * x + f(z),
    "a third": lambda z, f, x=X, w=float: z / 3 - 2 * f(z),
    "decimals and sevenths": lambda z, f, x=X, w=float: w(0.1) * z + w(0.3) * f(z) + x / 7,
    "no fraction": lambda z, f, x=X, w=float: sp.pi * z + f(z) + f(x),
}


@pytest.mark.parametrize("name", WEIGHTED)
@pytest.mark.parametrize("depth", [1, 5, pytest.param(9, marks=pytest.mark.slow)])
def test_weighted_moments_are_those_of_the_polynomial(name: str, depth: int) -> None:
    """Against the derivatives of the polynomial that SymPy multiplies out by hand, layers worth t."""
    value = sp.Integer(1)
    for _ in range(depth):
        value = sp.expand(WEIGHTED[name](value, lambda u: T * u, sp.Integer(1), lambda number: sp.Rational(str(number))))
    found = sf.paths(sf.fold(WEIGHTED[name], sf.layers("f", count=depth), X), weighted=True)
    length = T * sp.diff(value, T) / value
    assert sp.simplify(found.count - value.subs(T, 1)) == 0
    for g in (1, Fraction(2, 3), Fraction(-1, 5)):
        assert sp.simplify(found.tilted_mean(g) - length.subs(T, sp.Rational(g))) == 0
    assert sp.simplify(found.mean - length.subs(T, 1)) == 0
    assert sp.simplify(found.variance - (T * sp.diff(length, T)).subs(T, 1)) == 0


@pytest.mark.parametrize("depth", [7, 1000, 10**6])
def test_weighted_counts_at_any_depth(depth: int) -> None:
    """(a + t)**n is a binomial distribution, whatever the numbers' length; the fractions are in lowest terms."""
    found = sf.paths(sf.fold(lambda z, f: z / 3 + f(z), sf.layers("f", count=depth), X), weighted=True)
    assert found.count == Fraction(4, 3) ** depth
    assert (found.mean, found.variance) == (Fraction(3 * depth, 4), Fraction(3 * depth, 16))
    assert found.tilted_mean(Fraction(2, 3)) == Fraction(2 * depth, 3)
    halves = sf.paths(sf.fold(lambda z, f: 0.5 * z + f(z) + X, sf.layers("f", count=depth), X), weighted=True)
    assert halves.count == 3 * Fraction(3, 2) ** depth - 2  # the fixed point of 3/2 z + 1 is -2
    assert math.gcd(halves.count.numerator, 2) == 1 and halves.count.denominator == 2**depth
    with pytest.raises(InvalidValue, match="add up to 0"):
        _ = sf.paths(sf.fold(lambda z, f: z - f(z), sf.layers("f", count=depth), X), weighted=True).mean


def test_symbolic_shares_of_deep_nets_stay_closed() -> None:
    g = sp.Symbol("g")
    found = sf.paths(sf.fold(lambda z, f: f(z) + X, sf.layers("f", count=10**6), X)).tilted_mean(g)
    assert len(str(found)) < 200
    few = sf.paths(sf.fold(lambda z, f: f(z) + X, sf.layers("f", count=301), X))
    assert few.tilted_mean(Fraction(1, 2)) == Fraction(sum(k * 2 ** (301 - k) for k in range(302)), sum(2**k for k in range(302)))
    assert few.tilted_mean(g).subs(g, sp.Rational(1, 2)) == few.tilted_mean(sp.Rational(1, 2))
    small = sf.paths(sf.fold(lambda z, f: f(z) + X, sf.layers("f", count=5), X)).tilted_mean(g)
    assert sp.simplify(small - sum(k * g**k for k in range(6)) / sum(g**k for k in range(6))) == 0


@given(count=st.integers(-300, 300).filter(bool), first=st.integers(-300, 300), second=st.integers(-300, 300))
def test_variances_are_in_lowest_terms(count: int, first: int, second: int) -> None:
    found, wanted = variance_of(count, first, second), Fraction(second, count) - Fraction(first, count) ** 2
    assert (found.numerator, found.denominator) == (wanted.numerator, wanted.denominator)


@given(
    a=st.lists(st.fractions(-5, 5, max_denominator=12), min_size=3, max_size=3),
    b=st.lists(st.fractions(-5, 5, max_denominator=12), min_size=3, max_size=3),
)
def test_truncated_polynomials_are_polynomials_truncated(a: list[Fraction], b: list[Fraction]) -> None:
    s = Truncated.about(Fraction(0), 2)
    one, two = (parts[0] + parts[1] * s + parts[2] * s * s for parts in (a, b))
    assert (one + two).fractions == [p + q for p, q in zip(a, b, strict=True)]
    assert (one * two).fractions == [sum(a[i] * b[k - i] for i in range(k + 1)) for k in range(3)]


def test_long_numbers_are_written_as_powers_or_by_their_size() -> None:
    residual = sf.paths(sf.fold(sf.mappers.residual, sf.layers("f", count=10**6), X))
    assert repr(residual.count) == str(residual.count) == f"{residual.count:,}" == "2**1000000" and residual.count + 1 == 2**10**6 + 1
    third = sf.fold(lambda z, f: z / 3 + f(X), sf.layers("f", count=10**6), X)
    found = sf.paths(third, weighted=True)
    assert repr(found.count) == "Fraction(about 10**477121, 3**1000000)"
    assert str(found.polynomial) == "-1/2*t/3**999999 + 3*t/2 + 3**(-1000000)"
    assert "3**(-1000000)" in repr(found) and "3^{1000000}" in str(found._repr_latex_())


@given(
    first=st.dictionaries(st.integers(0, 3), st.integers(1, 4), min_size=1),
    base=st.dictionaries(st.integers(0, 4), st.integers(1, 6), min_size=1, max_size=3),
    count=st.integers(1, 30),
    low=st.integers(-3, 60),
    wide=st.integers(0, 60),
)
@settings(deadline=None, max_examples=100)
def test_tails_are_sums_of_coefficients(first: dict[int, int], base: dict[int, int], count: int, low: int, wide: int) -> None:
    whole = sp.Poly(sp.Add(*(c * T**k for k, c in first.items())) * sp.Add(*(c * T**k for k, c in base.items())) ** count, T)
    between = sum(int(c) for (k,), c in whole.terms() if low <= k <= low + wide)
    assert Power(first, base, count).share(low, low + wide) == Fraction(between, int(whole.eval(1)))


@pytest.mark.slow
def test_fractions_at_large_depth() -> None:
    """Of a million residual layers, all of the paths but 4.5 % lie within two deviations of the mean: exactly."""
    deep = sf.paths(sf.fold(sf.mappers.residual, sf.layers("f", count=10**6), X))
    share = deep.fraction(499_000, 501_000)
    assert isinstance(share, Fraction) and share.denominator.bit_count() == 1
    deviation = 500
    assert float(share) == pytest.approx(math.erf(1000.5 / deviation / math.sqrt(2)), abs=1e-6)
    assert Power({0: 1}, {0: 1, 1: 1}, 2000).share(0, 1000) == Fraction(1, 2) + Fraction(comb(2000, 1000), 2**2001)
    trinomial = sf.paths(sf.fold(lambda z, f: f(f(z)) + f(z) + z, sf.layers("f", count=400), X))
    counts = trinomial.coefficients()
    assert trinomial.fraction(390, 420) == Fraction(sum(counts[390:421]), 3**400)


@pytest.mark.parametrize("window", [(480, 520), (0, 499), (530, 1000), (400, 600)])
def test_estimates_are_within_their_error(window: tuple[int, int]) -> None:
    power = Power({0: 1, 1: 2}, {0: 1, 1: 1}, 1000)
    estimate = power._estimate(*window)
    assert isinstance(estimate, Estimate) and abs(float(power.share(*window)) - estimate) <= estimate.error


def test_shares_of_the_gradient_are_binomial() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:9"), X)
    g, p = Fraction(2, 3), Fraction(2, 5)  # p = g / (1 + g)
    assert sf.paths(net).shares(g) == [comb(8, k) * p**k * (1 - p) ** (8 - k) for k in range(9)]
    assert sf.paths(net).tilted_mean(g) == 8 * p == sum(k * share for k, share in enumerate(sf.paths(net).shares(g)))


def test_values_of_layers_do_not_matter() -> None:
    dense = sf.layers("f1:5", sf.dense(3, 3, sf.sigmoid))
    net = sf.fold(sf.mappers.residual, dense, sf.tensor("x", (None, 3)))
    assert sf.paths(net).polynomial == sp.expand((1 + T) ** 4)


@pytest.mark.parametrize("depth", [5, 40, 200])
def test_the_spectrum_has_the_shares_that_are_counted(depth: int) -> None:
    """Of two parts that read each other, no power closes: counted exactly, and by Fourier inversion."""
    net = sf.fold(STATES["reversible"], sf.layers(f"f1:{depth + 1}"), (sf.tensor("a", (3,)), sf.tensor("b", (3,))))
    found = sf.paths(net)
    for low, high in ((0, depth), (depth // 2, depth), (depth, 2 * depth), (depth - 2, depth + 3)):
        share = spectrum.share(lambda t, tidy: sum(sum(row) for row in found.entries(t, tidy)), found.longest, low, high)
        assert abs(share - float(found.fraction(low, high))) <= share.error < 1e-9


def test_of_a_million_steps_that_do_not_close_a_fraction_is_a_float_with_its_error() -> None:
    """p = 1 + t**2 and a captured input: the lengths are twice a binomial, but for one path in 2**n each."""
    net = sf.fold(lambda z, f: f(f(z) + C) + z, sf.layers("f", count=10**5), C)
    share = sf.paths(net).fraction(100_000, 100_400)
    one = sf.paths(sf.fold(sf.mappers.residual, sf.layers("f", count=10**5), X)).fraction(50_000, 50_200)
    assert isinstance(share, Estimate) and share.error < 1e-6 and 0 < float(one) - share < 0.003


@given(recipe=strategies.recipes(), depth=st.integers(1, 6))
@settings(deadline=None, max_examples=40)
def test_of_drawn_mappers_of_several_parts(recipe: strategies.Recipe, depth: int) -> None:
    """Against enumeration on the graph, and against the value of the net whose every layer is t*z."""
    start = (Y, sf.tensor("u"), sf.tensor("v"))[: len(recipe)]
    net = sf.fold(strategies.step_of(recipe, X), sf.layers(f"f1:{depth + 1}"), start)
    found, graph = sf.paths(net), net.graph()
    assert found.matrix == sp.Matrix(len(recipe), len(net.inputs), [enumerated(graph, node.op.name, f"out{k + 1}") for k in range(len(recipe)) for node in net.inputs])
    for place, source in enumerate(net.inputs):  # 1 at one input and 0 at the others
        state = tuple(sp.Integer(part == source) for part in start)
        for _ in range(depth):
            state = strategies.step_of(recipe, sp.Integer(source == X))(state, lambda z: 3 * z)
        assert all(value.subs(T, 3) == number for value, number in zip(found.matrix[:, place], state, strict=True))


def test_a_scan_over_layers_of_two_kinds_that_a_fold_reads() -> None:
    """Its states are joined from two folds, and each is read by itself."""
    kinds = [*sf.layers("f1:3", sf.dense(2, 2, np.tanh)), sf.layer("f3", lambda z: z**2)]
    states = sf.scan(sf.mappers.feedforward, kinds, sf.tensor("x", (None, 2)))
    net = sf.fold(lambda a, z: a * z + a, states, sf.tensor("y", (None, 2)))
    graph = net.graph()
    assert [node.op.name for node in net.inputs] == ["y", "x"]
    for place, name in enumerate(("y", "x")):
        assert sp.expand(sf.paths(net).matrix[0, place] - enumerated(graph, source=name)) == 0


def test_paths_are_displayed_and_no_display_fails() -> None:
    deep = sf.paths(sf.fold(sf.mappers.residual, sf.layers("f", count=10**6), sf.tensor("x")))
    assert deep._repr_latex_() == r"$\displaystyle \left(t + 1\right)^{1000000}$"
    assert "matrix" in str(sf.paths(sf.Net.of((sf.tensor("x"), sf.layer("f")(sf.tensor("y")))))._repr_latex_())
    broken = replace(deep, gone=("g",), net=None)  # type: ignore[arg-type]
    assert broken._repr_latex_() is None and "cannot be shown" in repr(broken)


@pytest.mark.parametrize("depth", [3, 10**6, sp.Symbol("n", integer=True, positive=True)])
def test_decimal_weights_that_add_up_to_one(depth: object) -> None:
    """As floats, 0.1 + 0.2 + 0.7 is not 1, and the sum over the steps would not close."""
    net = sf.fold(lambda z, f: 0.1 * z + 0.2 * z + 0.7 * z + f(X), sf.layers("f", count=depth), X)
    found = sf.paths(net, weighted=True)
    assert sp.expand(found.polynomial - (1 + depth * T)) == 0
    assert found.count == 1 + depth


@pytest.mark.parametrize("mapper", [lambda z, f: 0.5 * f(z) + z, lambda z, f: z - f(z), lambda z, f: z + 0.5 * f(X), lambda z, f: f(z) + z, lambda z, f: f(z)])
def test_a_lesioned_net_has_the_paths_that_are_left(mapper: Any) -> None:
    """The zero in a layer's place leads nowhere."""
    net = sf.fold(mapper, sf.layers("f1:4"), X)
    assert sp.expand(sf.paths(sf.lesion(net, ["f2"])).matrix[0, 0] - sf.paths(net).without("f2").polynomial) == 0


# -- numbers as weights, however they arrive

W, H, Q, N = *sp.symbols("w h q"), sp.Symbol("n", integer=True, positive=True)
LAYERS = sf.layers("f1:4")


def weighing(z: Any, item: Any) -> Any:
    return z + item[1] * item[0](z)


def expected(weights: Any) -> sp.Expr:
    return sp.expand(sp.prod(1 + sp.sympify(weight) * T for weight in weights))


def weighted_polynomial(net: Any) -> sp.Expr:
    return sp.expand(sf.paths(net, weighted=True).polynomial)


HALF, THIRD = sp.Rational(1, 2), sp.Rational(1, 3)
ITEMS: dict[str, tuple[Any, list[Any]]] = {
    "whole numbers": ([2, 3, 5], [2, 3, 5]),
    "decimals": ([0.1, 0.3, 0.1], [sp.Rational(1, 10), sp.Rational(3, 10), sp.Rational(1, 10)]),
    "fractions": ([HALF, THIRD, HALF], [HALF, THIRD, HALF]),
    "of several kinds": ([1, 0.25, THIRD], [1, sp.Rational(1, 4), THIRD]),
    "symbols": ([W, H, W], [W, H, W]),
    "symbols and numbers": ([W, 2, H], [W, 2, H]),
    "arrays whose entries are equal": ([np.full(3, 2.0), np.full(3, 0.5), np.ones(3)], [2, HALF, 1]),
    "layers dropped": ([1, 0, 1], [1, 0, 1]),
}


@pytest.mark.parametrize("name", ITEMS)
def test_numbers_as_items_are_weights(name: str) -> None:
    items, weights = ITEMS[name]
    net = sf.fold(weighing, list(zip(LAYERS, items, strict=True)), X)
    assert weighted_polynomial(net) == weighted_polynomial(sf.unroll(net)) == expected(weights)
    found = sf.paths(net, weighted=True)
    value = expected(weights)
    assert sp.simplify(sp.sympify(found.count) - value.subs(T, 1)) == 0
    assert sp.simplify(found.mean - (T * sp.diff(value, T) / value).subs(T, 1)) == 0


@pytest.mark.parametrize("weight", [2, 0.5, HALF, W])
def test_one_number_for_all_steps_closes(weight: Any) -> None:
    exact = sp.nsimplify(weight)
    repeated = sf.fold(weighing, sf.repeat((LAYERS[0], weight), 3), X)
    assert weighted_polynomial(repeated) == expected([exact] * 3)
    symbolic = sf.paths(sf.fold(weighing, sf.repeat((LAYERS[0], weight), N), X), weighted=True)
    assert sp.simplify(symbolic.polynomial - (1 + exact * T) ** N) == 0
    assert sp.simplify(symbolic.mean - N * exact / (1 + exact)) == 0
    deep = sf.paths(sf.fold(weighing, sf.repeat((LAYERS[0], weight), 10**6), X), weighted=True)
    assert sp.simplify(deep.polynomial - (1 + exact * T) ** 10**6) == 0


def test_equal_numbers_in_a_row_are_taken_together() -> None:
    numbers = as_node(np.repeat([0.5, 0.25], 500_000))
    found = sf.paths(sf.fold(weighing, sf.zipped(sf.layers("f", count=10**6), numbers), X), weighted=True)
    assert found.polynomial == (1 + T / 2) ** 500_000 * (1 + T / 4) ** 500_000
    assert found.mean == 500_000 * (Fraction(1, 3) + Fraction(1, 5))
    assert found.variance == 500_000 * (Fraction(2, 9) + Fraction(4, 25))


@pytest.mark.slow
def test_many_different_numbers() -> None:
    numbers = [Fraction(k % 7 + 1, 8) for k in range(300)]
    found = sf.paths(sf.fold(weighing, sf.zipped(sf.layers("f", count=300), as_node(np.array([float(w) for w in numbers]))), X), weighted=True)
    coefficients = [Fraction(1)]
    for weight in numbers:
        coefficients = [a + weight * b for a, b in zip([*coefficients, Fraction(0)], [Fraction(0), *coefficients], strict=True)]
    assert found.coefficients() == coefficients
    assert (found.count, found.mean) == (sum(coefficients), sum((w / (1 + w) for w in numbers), Fraction(0)))
    deep = sf.paths(sf.fold(weighing, sf.zipped(sf.layers("f", count=3_000), as_node(np.arange(3_000) % 7 + 1.0)), X), weighted=True)
    assert deep.mean == sum((Fraction(k % 7 + 1, k % 7 + 2) for k in range(3_000)), Fraction(0))
    with pytest.raises(TooLarge, match="listed up to 2,000"):
        _ = deep.polynomial


def test_numbers_that_steps_compute() -> None:
    """A rate that halves at every step, in the state and from a scan of its own; refused where the depth is a symbol."""

    def annealed(state: Any, f: Any) -> Any:
        return state[0] + state[1] * f(state[0]), state[1] / 2

    wanted = expected([3, sp.Rational(3, 2), sp.Rational(3, 4)])
    assert weighted_polynomial(sf.fold(annealed, LAYERS, (X, 3))[0]) == wanted
    assert weighted_polynomial(sf.fold(annealed, LAYERS, (X, W))[0]) == expected([W, W / 2, W / 4])
    rates = sf.scan(lambda rate, _: rate / 2, range(3), 6)
    assert weighted_polynomial(sf.fold(weighing, sf.zipped(LAYERS, rates), X)) == wanted
    with pytest.raises(NoRule, match="differ from step to step"):
        _ = sf.paths(sf.fold(annealed, sf.layers("f", count=N), (X, 3))[0], weighted=True).polynomial
    kept = sf.fold(lambda s, f: (s[0] + s[1] * f(X), s[1]), sf.layers("f", count=N), (0, 3))[0]
    assert sp.expand(sf.paths(kept, weighted=True).polynomial - 3 * N * T) == 0
    last = sf.fold(lambda s, f: (f(s[0]), s[1] * HALF), LAYERS, (X, 1))  # a weight after the last step only
    assert weighted_polynomial(sf.Net.of(last[0] * last[1])) == T**3 / 8


def test_a_dense_net_over_depth_with_numbers() -> None:
    """Every layer reads a sum of all the earlier ones, each with its number."""
    x = sf.tensor("x", (None, 3))
    numbers = [[1, 2], [3, 0.5, 0.25], [0, 1, 2, 4]]
    items = [(f, np.array(row).reshape(-1, 1, 1)) for f, row in zip(LAYERS, numbers, strict=True)]
    net = sf.fold(sf.mappers.denseformer, items, (x, sf.stack([x])))
    values, read = [sp.Integer(1)], sp.Integer(1)
    for row in numbers:
        values.append(T * read)
        read = sp.expand(sum(sp.Rational(str(number)) * value for number, value in zip(row, values, strict=True)))
    assert [sp.expand(value) for value in sf.paths(net, weighted=True).matrix] == [read, sp.expand(sum(values))]
    with pytest.raises(NoRule, match="not a single weight"):
        _ = sf.paths(sf.fold(lambda z, f: z + np.array([1.0, 2.0, 3.0]) * f(z), LAYERS, x), weighted=True).polynomial


SYMBOLS: dict[str, tuple[Any, set[str]]] = {
    "a strength": (lambda z, f: z + W * f(z), {"w"}),
    "a constant gate": (lambda z, f: (1 - W) * z + W * f(z), {"w"}),
    "a power": (lambda z, f: z + W**2 / 2 * f(z), {"w"}),
    "a divisor": (lambda z, f: (z + f(z)) / W, {"w"}),
    "a bias": (lambda z, f: f(z) + W, set()),
    "a strength and a bias": (lambda z, f: z + W * f(z) + H, {"w"}),
    "read by a layer": (lambda z, f: f(z + W * z) + f(W), set()),
}


@pytest.mark.parametrize("name", SYMBOLS)
@pytest.mark.parametrize("x", [X, sp.Symbol("x")], ids=["tensor", "symbol"])
def test_symbols_that_only_multiply_are_weights(name: str, x: Any) -> None:
    """With a number in its place, the polynomial is the same."""
    mapper, weights = SYMBOLS[name]
    net = sf.fold(mapper, LAYERS, x)
    found = sf.paths(net, weighted=True)
    assert {node.op.name for node in net.inputs} - {node.op.name for node in found.inputs} == weights
    assert sf.paths(net).inputs == net.inputs
    if weights:
        column = found.inputs.index(net.inputs[0])
        wanted = sf.paths(net(w=sp.Rational(2, 3)), weighted=True).matrix
        assert sp.expand(found.matrix[0, column].subs(W, sp.Rational(2, 3)) - wanted[0, column]) == 0


def test_a_weight_is_not_called_t() -> None:
    with pytest.raises(InvalidValue, match="rename the symbol"):
        _ = sf.paths(sf.fold(lambda z, f: z + T * f(z), LAYERS, X), weighted=True).polynomial


# -- arguments that are read for their shape


@pytest.mark.parametrize("shape", [None, (3,), (None, 3), (2, 3)])
def test_a_target_is_read_once(shape: Any) -> None:
    """Where a shape is not known, the prediction is checked against the target's, which is not a path."""
    f, g = sf.layers("f1:3")
    z = sf.tensor("z") if shape is None else sf.tensor("z", shape)
    net = sf.Net.of(sf.squared_error(f(z), g(z)))
    assert sf.paths(net).polynomial == 2 * T and sf.paths(net, weighted=True).polynomial == 0


def shape_readers() -> dict[str, Any]:
    z, y = sf.tensor("z", (4, 4)), sf.tensor("y", (4, 4))
    table, loose = sf.tensor("table", (5, 4)), sf.tensor("loose")
    return {
        "causal": (z + primitives.causal(y), {"z"}),
        "broadcast_like": (primitives.broadcast_like(z, y), {"z"}),
        "sum_like": (primitives.sum_like(z, loose), {"z"}),
        "put": (primitives.put(z[0], y, index=(0,)), {"z"}),
        "add_rows": (add_rows(z, y, positions=(0, 1, 2, 3)), {"z"}),
        "alike": (primitives.alike(loose, y), {"loose"}),
        "share": (z * primitives.share(y, axis=None), {"z"}),
        "at_max": (z * primitives.at_max(y, axis=(-1,)), {"z"}),
        "embed": (primitives.embed(table, y), {"table"}),
        "add_windows": (primitives.add_windows(sf.tensor("bar", (3, 3, 2, 2)), y, kernel=(2, 2), stride=(1, 1), padding=(0, 0), dilation=(1, 1), fill=0.0), {"bar"}),
    }


@pytest.mark.parametrize("name", shape_readers())
def test_arguments_that_are_read_for_their_shape_carry_no_path(name: str) -> None:
    value, read = shape_readers()[name]
    found = sf.paths(sf.Net.of(value))
    assert {node.op.name for node, paths in zip(found.inputs, found.matrix, strict=True) if paths != 0} == read
    assert all(paths in (0, 1) for paths in found.matrix)


def test_a_causal_mask_is_no_factor() -> None:
    z, f = sf.tensor("z", (None, 4, 4)), sf.layer("f")
    net = sf.Net.of(f(z) + primitives.causal(f(z)))
    assert sf.paths(net).polynomial == T and str(sf.jacobian(net)) == "J_f(z)"


def test_an_adjoint_has_paths() -> None:
    """From the cotangent it passes every layer once or goes around it, the transposed Jacobians read the states."""
    adjoint = sf.adjoint(sf.fold(sf.mappers.residual, LAYERS, X))
    assert sum(sf.paths(adjoint).matrix.subs(T, 1)) == sf.paths(adjoint).count
    assert sf.paths(adjoint).matrix[0, 1] == 2**3


N = sp.Symbol("n", integer=True, positive=True)
COUNTED = {
    "residual": sf.mappers.residual,
    "feedforward": sf.mappers.feedforward,
    "twice": lambda z, f: f(f(z)) + f(z) + z,
    "once or twice": lambda z, f: f(z) + f(f(z)),
    "boosting": lambda z, f: f(sf.tensor("x")) + z,
    "doubled": lambda z, f: f(z) + 2 * z,
    "runge-kutta": sf.mappers.rk4(),
}
COUNTED_NETS = {
    **{name: sf.fold(mapper, sf.layers("f", count="n"), sf.tensor("x")) for name, mapper in COUNTED.items()},
    **{name: sf.mappers.ARCHITECTURES[name].net("n") for name in ("bidirectional", "dense_sum", "encoder_decoder", "multilayer")},
    "unet": sf.Net.of(sf.mappers.unet(sf.layers("f", count="n"), sf.layers("g", count="n"), sf.tensor("x"))),
}


@pytest.mark.parametrize("name", COUNTED_NETS)
def test_coefficients_in_a_symbolic_depth_are_those_at_every_depth(name: str) -> None:
    net = COUNTED_NETS[name]
    symbolic = sf.paths(net).coefficients(4)
    for depth in (1, 2, 3, 5, 7):
        counts = sf.paths(net.at(n=depth)).coefficients(4)
        values = [int(sp.sympify(value).subs(N, depth)) for value in symbolic]
        assert values == [*counts, *[0] * (5 - len(counts))]


def test_coefficients_with_symbolic_weights_are_those_at_every_depth() -> None:
    w = sp.Symbol("w")
    found = sf.paths(sf.fold(lambda z, f: w * z + f(z) + f(f(z)) / 2, sf.layers("f", count="n"), sf.tensor("x")), weighted=True)
    for depth in (1, 4):
        wanted = sp.Poly(((w + T + T**2 / 2) ** depth).expand(), T).all_coeffs()[::-1]
        values = [sp.expand(value.subs(N, depth)) for value in found.coefficients(3)]
        assert values == [*map(sp.expand, wanted), 0][:4]


def test_many_coefficients_in_a_symbolic_depth_are_products_or_refused() -> None:
    found = sf.paths(COUNTED_NETS["residual"])
    assert found.coefficients(60)[60].subs(N, 100) == comb(100, 60)
    for paths, most in ((found, 500), (sf.paths(COUNTED_NETS["runge-kutta"]), 50)):
        with pytest.raises(sf.errors.TooLarge, match=f"10000000 coefficients in a symbolic depth are too many .at most {most}"):
            paths.coefficients(10**7)
    with pytest.raises(sf.errors.NoRule, match=r"no rule gives the coefficients of .*P_n"):
        sf.paths(sf.mappers.ARCHITECTURES["lstm"].net("n")).coefficients(3)


def test_coefficients_at_a_symbolic_depth_say_how_to_list_them() -> None:
    pairs = sf.zipped(sf.layers("f", count="n"), sf.layers("g", count="n"))
    with pytest.raises(ValueError, match=r"depends on n \(list the first ones: .coefficients\(upto=3\)"):
        sf.paths(sf.fold(lambda z, item: item[0](z) + item[1](z), pairs, sf.tensor("x"))).coefficients()
