"""Series in the strength of layers: against exact SymPy expansions, HIPS autograd, interpolation and differences in epsilon, and slopes of errors."""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any
from xml.dom.minidom import parseString

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
import strategies
import sympy as sp
from cases import values_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.analysis.strength.jets import count_of_shares, jets, shares
from symfold.analysis.strength.multilinear import Expansion, directional_of
from symfold.analysis.strength.series import LOOKED, MOST
from symfold.compute.evaluate import Evaluator
from symfold.core.interpreter import Entries
from symfold.core.leaves import Constant, Input
from symfold.core.nodes import Node
from symfold.core.primitives import broadcast_to, is_primitive
from symfold.core.primitives.directional import directional
from symfold.errors import InvalidType, InvalidValue, NoRule, TooLarge
from symfold.transform.specialize import with_shapes

X, Y = sf.tensor("x"), sf.tensor("y")
E = sp.Symbol("epsilon")

MAPPERS: dict[str, Callable[..., Any]] = {
    "residual": lambda z, f, x=X: f(z) + z,
    "boosting": lambda z, f, x=X: f(x) + z,
    "feedforward": lambda z, f, x=X: f(z),
    "multiplicative": lambda z, f, x=X: z * f(z),
    "half": lambda z, f, x=X: 0.5 * f(z) + z,
    "third": lambda z, f, x=X: z - f(z) / 3,
    "twice": lambda z, f, x=X: f(f(z)) + z,
    "both": lambda z, f, x=X: f(z + f(x)) + 2 * z,
    "square": lambda z, f, x=X: z**2 + f(z) * f(x),
}
# polynomials in one variable, so that everything is exact
POLYNOMIALS = [lambda z: z**2 - z + 2, lambda z: z**3 + 1, lambda z: 2 * z**2 + 3, lambda z: 1 - z**3 + z, lambda z: z**4 / 3 - 1, lambda z: z + z**2]


def opaque(name: str, depth: int) -> sf.Net:
    return sf.fold(MAPPERS[name], sf.layers(f"f1:{depth + 1}"), X)


def bodies(depth: int) -> dict[str, Callable[..., Any]]:
    return {f"f{k + 1}": POLYNOMIALS[k] for k in range(depth)}


def exact(name: str, depth: int, order: int, at: Any) -> list[sp.Expr]:
    """The coefficients by hand: the loop in SymPy's numbers, every layer times epsilon, higher powers dropped."""

    def kept(value: Any) -> sp.Expr:
        whole = sp.Poly(sp.nsimplify(value), E)
        return sum((whole.coeff_monomial(E**power) * E**power for power in range(order + 1)), sp.Integer(0))

    z = at
    for k in range(depth):
        z = kept(MAPPERS[name](z, lambda u, k=k: kept(E * POLYNOMIALS[k](u)), at))
    return [sp.Poly(z, E).coeff_monomial(E**power) for power in range(order + 1)]


def worth(node: Node, at: Any) -> sp.Expr:
    """What a word is worth where the layers are the polynomials: a derivative is a product, in one variable."""
    z = sp.Symbol("z")
    if isinstance(node.op, Constant):
        return node.op.value
    if isinstance(node.op, Input):
        return at
    if isinstance(node.op, type):
        return node.op(*(worth(arg, at) for arg in node.args))
    if is_primitive(node, broadcast_to):
        return worth(node.args[0], at)
    layer = POLYNOMIALS[int(node.args[0].op.name[1:]) - 1](z)
    point = worth(node.args[1], at)
    directions = [worth(arg, at) for arg in node.args[2:]] if is_primitive(node, directional) else []
    return sp.diff(layer, z, len(directions)).subs(z, point) * sp.prod(directions)


@pytest.mark.parametrize("name", MAPPERS)
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_coefficients_are_those_of_the_scaled_loop_expanded_by_sympy(name: str, depth: int) -> None:
    at = sp.Rational(2, 3)
    wanted = exact(name, depth, 3, at)
    net = opaque(name, depth)
    by_name = [sum((c * worth(word, at) for word, c in sf.series(net).terms(power).items()), sp.Integer(0)) for power in range(4)]
    assert [sp.nsimplify(one) for one in by_name] == wanted
    numbers = sf.series(net.bind(bodies(depth))).evaluate(x=float(at))
    np.testing.assert_allclose([float(n) for n in numbers], [float(w) for w in wanted], rtol=1e-12, atol=1e-12)


@given(name=st.sampled_from(sorted(MAPPERS)), depth=st.integers(1, 3), order=st.integers(0, 4), at=st.fractions(-1, 1, max_denominator=5))
@settings(deadline=None, max_examples=40)
def test_numbers_are_those_of_the_loop_at_any_order(name: str, depth: int, order: int, at: Any) -> None:
    wanted = exact(name, depth, order, sp.Rational(at.numerator, at.denominator))
    found = sf.series(opaque(name, depth).bind(bodies(depth)), order).evaluate(x=float(at))
    np.testing.assert_allclose([float(n) for n in found], [float(w) for w in wanted], rtol=1e-11, atol=1e-11)


# ---------------------------------------------------------------- terms and their counts


def test_term_counts_of_the_residual_net_at_depth_three() -> None:
    net = opaque("residual", 3)
    assert sf.series(net, order=4).counts == (1, 3, 3, 5, 8)
    assert [len(sf.series(net, order=4).terms(power)) for power in range(5)] == [1, 3, 3, 5, 8]


def test_the_second_order_at_depth_four_lists_every_pair() -> None:
    f = [sf.layer(f"f{k}") for k in range(1, 5)]
    terms = sf.series(opaque("residual", 4)).terms(2)
    assert terms == {directional_of(f[j](X), [(0, f[i](X))]): 1 for j in range(4) for i in range(j)}


def test_the_third_order_has_second_derivatives_too() -> None:
    f1, f2, f3 = (sf.layer(f"f{k}")(X) for k in (1, 2, 3))
    half = sp.Rational(1, 2)
    assert sf.series(opaque("residual", 3)).terms(3) == {
        directional_of(f3, [(0, directional_of(f2, [(0, f1)]))]): 1,
        directional_of(f2, [(0, f1), (0, f1)]): half,
        directional_of(f3, [(0, f1), (0, f1)]): half,
        directional_of(f3, [(0, f1), (0, f2)]): 1,
        directional_of(f3, [(0, f2), (0, f2)]): half,
    }


@pytest.mark.parametrize("name", ["residual", "boosting", "half", "third", "both"])
@pytest.mark.parametrize("depth", [2, 3, 5])
def test_counts_on_the_folded_form_are_those_of_listing(name: str, depth: int) -> None:
    series = sf.series(opaque(name, depth), order=4)
    assert series.counts == tuple(len(series.terms(power)) for power in range(5))
    deep = sf.series(sf.fold(MAPPERS[name], sf.layers("f", count="n"), X), order=4)
    if name != "both":
        n = sp.Symbol("n", integer=True, positive=True)
        assert [sp.sympify(count).subs(n, depth) for count in deep.counts[1:]] == list(series.counts[1:])


def test_a_million_layers_are_counted_and_not_listed() -> None:
    n = 10**6
    series = sf.series(sf.fold(MAPPERS["residual"], sf.layers("f", count=n), X))
    assert series.counts == (1, n, n * (n - 1) // 2, n * (n - 1) * (2 * n - 1) // 6)
    boosting = sf.series(sf.fold(MAPPERS["boosting"], sf.layers("f", count=n), X))
    assert (series - boosting).counts == (0, 0, *series.counts[2:]) and (series - boosting).leading == 2
    assert str(series - boosting).endswith("y = epsilon**2*c2_1000000 + epsilon**3*c3_1000000 + O(epsilon**4)")
    with pytest.raises(TooLarge, match=r"epsilon\*\*1 has 1,000,000 terms, over the bound of 5,000 .*recurrence"):
        series.terms(1)


def test_terms_of_a_shared_layer_merge() -> None:
    g = sf.layer("g")
    net = sf.fold(lambda z, _: g(z) + z, [1.0, 2.0, 3.0, 4.0], X)
    series = sf.series(net)
    assert series.counts == (1, 1, 1, 2)
    assert series.terms(1) == {g(X): 4}
    assert series.terms(2) == {directional_of(g(X), [(0, g(X))]): 6}
    assert sorted(series.terms(3).values()) == [4, 7]  # over i to 3: the sum of i (i - 1) / 2, and that of i^2 / 2


def test_cancelling_terms_are_not_counted() -> None:
    g = sf.layer("g")
    net = sf.fold(lambda z, _: g(z) - g(X) + z, [1.0, 2.0], X)
    assert sf.series(net).counts == (1, 0, 0, 0)


# ---------------------------------------------------------------- residual and boosting


def test_residual_minus_boosting_leads_at_the_second_order() -> None:
    difference = sf.series(opaque("residual", 3)) - sf.series(opaque("boosting", 3))
    assert difference.leading == 2
    assert difference.terms(1) == {} and difference.terms(2) == sf.series(opaque("residual", 3)).terms(2)
    assert (sf.series(opaque("residual", 1)) - sf.series(opaque("boosting", 1))).leading is None
    deep = [sf.series(sf.fold(MAPPERS[name], sf.layers("f", count="n"), X)) for name in ("residual", "boosting")]
    assert (deep[0] - deep[1]).leading == 2 and str(deep[0] - deep[0]) == "O(epsilon**4)"


def dense_values(depth: int, seed: int) -> tuple[sf.Net, sf.Net, dict[str, Any]]:
    x = sf.tensor("x", (None, 3))
    layers = sf.layers(f"f1:{depth + 1}", sf.dense(3, 3, np.tanh))
    nets = [sf.fold(mapper, layers, x) for mapper in (sf.mappers.residual, sf.mappers.boosting(x))]
    return nets[0], nets[1], values_of(nets[0], seed)


@pytest.mark.parametrize("seed", range(4))
def test_slopes_of_the_difference_are_two_and_three(seed: int) -> None:
    residual, boosting, values = dense_values(6, seed)
    second = (sf.series(residual) - sf.series(boosting)).evaluate(values)[2]
    run = [sf.scaled(net).compile() for net in (residual, boosting)]
    strengths = 10.0 ** np.arange(-3, -1.4, 0.25)
    difference = [run[0](values, x=values["x"], epsilon=e) - run[1](values, x=values["x"], epsilon=e) for e in strengths]
    for wanted, sizes in (
        (2, [np.linalg.norm(d) for d in difference]),
        (3, [np.linalg.norm(d - e**2 * second) for d, e in zip(difference, strengths, strict=True)]),
    ):
        assert abs(np.polyfit(np.log(strengths), np.log(sizes), 1)[0] - wanted) < 0.1


@pytest.mark.parametrize("name", ["residual", "multiplicative", "feedforward", "smooth"])
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_the_sum_of_the_orders_is_wrong_by_the_next_order(name: str, order: int) -> None:
    x = sf.tensor("x", (2, 3))
    mapper = {"residual": sf.mappers.residual, "multiplicative": lambda z, f: z * (1 + f(z)), "feedforward": lambda z, f: f(z), "smooth": lambda z, f: sp.sin(f(z)) + z}[name]
    net = sf.fold(mapper, sf.layers("f1:3", sf.dense(3, 3, np.tanh)), x)
    values = {key: value + 0.1 for key, value in values_of(net, 1).items()}
    coefficients = sf.series(net, order).evaluate(values)
    strengths = 10.0 ** np.arange(-2, -1, 0.2)
    run = sf.scaled(net).compile()
    sizes = [np.linalg.norm(run(values, x=values["x"], epsilon=e) - sum(c * e**k for k, c in enumerate(coefficients))) for e in strengths]
    slope = np.polyfit(np.log(strengths), np.log(sizes), 1)[0]
    assert slope > order + 0.9


# ---------------------------------------------------------------- numbers


@pytest.mark.filterwarnings("ignore:Output seems independent:UserWarning")  # boosting is linear in epsilon
def test_numbers_are_those_of_nested_autograd() -> None:
    residual, boosting, values = dense_values(3, 5)

    def by_hand(e: Any, where: str) -> Any:
        z = values["x"]
        for k in (1, 2, 3):
            z = z + e * anp.tanh(anp.dot(z if where == "residual" else values["x"], values[f"W{k}"]) + values[f"b{k}"])
        return z

    for net, where in ((residual, "residual"), (boosting, "boosting")):
        derivative: Any = lambda e, where=where: by_hand(e, where)  # noqa: E731
        wanted = []
        for power in range(4):
            wanted.append(derivative(0.0) / float(sp.factorial(power)))
            derivative = autograd.jacobian(derivative)
        for found, expected in zip(sf.series(net).evaluate(values), wanted, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_opened_coefficients_are_compiled_to_the_same_numbers() -> None:
    residual, boosting, values = dense_values(50, 2)
    difference = sf.series(residual) - sf.series(boosting)
    numbers = difference.evaluate(values)
    for power in range(4):
        net = difference.coefficient(power, named=False)
        assert len(net.blocks) <= 2
        np.testing.assert_allclose(net.compile()(values, x=values["x"]), numbers[power], rtol=1e-9, atol=1e-9)


def interpolated(net: sf.Net, values: Mapping[str, Any], order: int, radius: float) -> list[list[Any]]:
    """The coefficients by interpolation of the scaled net at Chebyshev's points in epsilon."""
    angles = np.pi * (np.arange(15) + 0.5) / 15
    whole = sf.scaled(net)
    flat = sf.Net(whole.outputs, ("tuple", ("*",) * len(whole.outputs)), whole.leaves)
    runs = [flat({**values, "epsilon": radius * np.cos(angle)}) for angle in angles]
    found = []
    for place in range(len(whole.outputs)):
        entries = np.stack([run[place] for run in runs])
        waves = [(1 if k == 0 else 2) / 15 * np.tensordot(np.cos(k * angles), entries, 1) for k in range(15)]
        powers = [np.polynomial.chebyshev.cheb2poly(np.eye(15)[k]) for k in range(15)]
        found.append([sum(w * (p[power] if power < len(p) else 0) for w, p in zip(waves, powers, strict=True)) / radius**power for power in range(order + 1)])
    return [list(row) for row in zip(*found, strict=True)]


def differenced(net: sf.Net, values: Mapping[str, Any], order: int) -> list[list[Any]]:
    """The coefficients by divided differences of the scaled net next to epsilon = 0, in 80 digits: poles may be as near as they like."""
    digits = np.frompyfunc(lambda number: sp.Float(number, 80), 1, 1)
    step = sp.Float("1e-15", 80)
    given = {name: np.asarray(digits(value), dtype=object) for name, value in values.items()}
    whole = with_shapes(sf.scaled(net), {name: value.shape for name, value in given.items()} | {"epsilon": ()})
    runs = []
    for k in range(1, order + 2):  # not at 0: what SymPy multiplies by 0 loses its digits
        evaluator = Evaluator(given | {"epsilon": np.asarray(k * step, dtype=object)}, exact=True)
        results = zip(evaluator.run(whole.outputs), whole.outputs, strict=True)
        runs.append([evaluator.collect(value, node) if isinstance(value, Entries) else value for value, node in results])
    coefficients = []
    for power in range(order + 1):
        coefficients.append([np.asarray(value, dtype=float) for value in runs[0]])
        runs = [[(b - a) / ((power + 1) * step) for a, b in zip(*pair, strict=True)] for pair in pairwise(runs)]
    return coefficients


@pytest.mark.slow
@given(net=strategies.nets(), seed=st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_numbers_of_any_net_are_those_of_differences(net: sf.Net, seed: int) -> None:
    assume('"relu"' not in net.to_json())  # not smooth
    values = values_of(net, seed)
    wanted = differenced(net, values, 3)
    found = sf.series(net).evaluate(values)
    for one, two in zip(found, wanted, strict=True):
        parts = one if isinstance(one, tuple) else (one,)
        for a, b in zip(parts, two, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10 * (1 + np.max(np.abs(b), initial=0)))


def functions(z: Any, f: Any) -> dict[str, Any]:
    """The operations that have a rule of their own."""
    u = f(z) + z
    return {
        "dot": u @ u.T @ z,
        "softmax": sf.softmax(u * z),
        "softmax over rows": sf.softmax(u, axis=0) + z,
        "logsumexp": z * sf.logsumexp(u, axis=1, keepdims=True),
        "logsumexp of all": z * sf.logsumexp(u, axis=(0, 1)),
        "mean and sum": (u - u.mean(axis=1, keepdims=True)) / (u * u + 1).sum(),
        "joined": np.concatenate([u[:, 1:], z[:, :1] * u[:, :1]], axis=1),
        "stacked": np.stack([u, u * u])[1],
        "powers": u**2 + 1 / (u * u + 2) + sp.exp(u) * sp.log(u * u + 1),
        "kinds": sf.sigmoid(u) * sf.softplus(z) + sf.erf(u) + np.sqrt(u * u + 1) + np.cos(u) - sp.atan(u),
        "two arguments": sp.atan2(u, z * z + 2) + np.maximum(u, z - 9) + np.abs(u + 9),
        "reshaped": np.reshape(u, (3, 2)).T.T.reshape((2, 3)) + np.expand_dims(u, 0)[0],
        "row added": u + f(z[:1]),
    }


@pytest.mark.parametrize("name", functions(sf.tensor("z", (2, 3)), lambda z: z))
def test_every_operation_has_the_series_of_interpolation(name: str) -> None:
    net = sf.fold(lambda z, f: functions(z, f)[name], sf.layers("f1:3", sf.dense(3, 3, np.tanh)), sf.tensor("x", (2, 3)))
    values = values_of(net, 2)
    wanted = interpolated(net, values, 3, 0.1)
    for found, (expected,) in zip(sf.series(net).evaluate(values), wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * (1 + np.abs(expected).max()))


def test_what_is_broadcast_counts_as_often_as_it_is_read() -> None:
    g = sf.layer("g", lambda z: z * z)
    for x in (sf.tensor("x", (2, 3)), sf.tensor("x")):
        net = sf.Net.of((x + g(sf.tensor("b"))).sum())
        values = {"x": np.ones((2, 3)), "b": 2.0}
        assert [float(one) for one in sf.series(net, order=1).evaluate(values)] == [6.0, 24.0]
        wide = sf.Net.of(x + g(sf.tensor("b", ())))
        assert sf.series(wide, order=1).evaluate(values)[1].shape == (2, 3)


# ---------------------------------------------------------------- several inputs, parts and results


def test_layers_of_several_inputs_have_partial_derivatives() -> None:
    net = sf.fold(lambda z, f: f(z, Y) + z, sf.layers("f1:3"), X)
    assert str(sf.series(net, order=2)) == "x + epsilon*(f1(x, y) + f2(x, y)) + epsilon**2*f2'_1(x, y)[f1(x, y)] + O(epsilon**3)"
    both = sf.fold(lambda z, f: f(z, z) + z, sf.layers("f1:3"), X)
    assert len(sf.series(both).terms(2)) == 2 and len(sf.series(both).terms(3)) == 3
    bound = both.bind({"f1": lambda u, v: u * v, "f2": lambda u, v: u**2 * v})
    assert [float(one) for one in sf.series(bound).evaluate(x=2.0)] == [2.0, 12.0, 48.0, 96.0]


def test_reversible_coupling() -> None:
    def coupling(state: tuple[Any, Any], f: Any) -> tuple[Any, Any]:
        a = state[0] + f(state[1])
        return a, state[1] + f(a)

    net = sf.fold(coupling, sf.layers("f1:3"), (X, Y))
    first = sf.series(net).terms(1)
    f1, f2 = sf.layers("f1:3")
    assert first == ({f1(Y): 1, f2(Y): 1}, {f1(X): 1, f2(X): 1})
    bound = net.bind({"f1": POLYNOMIALS[0], "f2": POLYNOMIALS[1]})
    wanted = interpolated(bound, {"x": 0.5, "y": -0.3}, 3, 0.1)
    for found, expected in zip(sf.series(bound).evaluate(x=0.5, y=-0.3), wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert str(sf.series(net, order=1)) == "y[0] = x + epsilon*(f1(y) + f2(y)) + O(epsilon**2)\ny[1] = y + epsilon*(f1(x) + f2(x)) + O(epsilon**2)"


def test_scans_have_the_terms_of_every_step() -> None:
    scan = sf.scan(MAPPERS["residual"], sf.layers("f1:4"), X)
    folds = [sf.series(opaque("residual", depth)) for depth in (1, 2, 3)]
    for power in range(4):
        assert sf.series(scan).terms(power) == tuple(one.terms(power) for one in folds)
    values = {"x": 0.5}
    bound = scan.bind(bodies(3))
    for found, (expected,) in zip(sf.series(bound).evaluate(values), interpolated(bound, values, 3, 0.1), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_scans_of_inputs_print_entry_by_entry() -> None:
    net = sf.scan(lambda h, u: sf.layer("g")(h) + u, [sf.tensor("u1"), sf.tensor("u2")], X)
    assert str(sf.series(net, order=2)) == "[u1 + epsilon*g(x) + O(epsilon**3), u2 + epsilon*g(u1) + epsilon**2*g'(u1)[g(x)] + O(epsilon**3)]"


def test_the_layers_inside_of_a_layer_are_part_of_it() -> None:
    inner = sf.layer("g", lambda z: z**2)
    outer = sf.layer("f", lambda z: inner(inner(z)))
    net = sf.fold(lambda z, f: f(z) + z, [outer], X)
    assert str(sf.series(net, order=1)) == "x + epsilon*f(x) + O(epsilon**2)\nclosed: f (several layers inside)"
    assert [float(one) for one in sf.series(net, order=2).evaluate(x=2.0)] == [2.0, 16.0, 0.0]
    assert sf.scaled(net)(x=2.0, epsilon=0.5) == 10.0


# ---------------------------------------------------------------- the folded form


@pytest.mark.parametrize("name", MAPPERS)
def test_folded_and_unrolled_have_one_series(name: str) -> None:
    net = opaque(name, 10 if name not in ("twice", "both", "square") else 4)
    folded, unrolled = sf.series(net), sf.series(sf.unroll(net))
    for power in range(4):
        assert folded.terms(power) == unrolled.terms(power)


@pytest.mark.parametrize("name", MAPPERS)
def test_a_coefficient_has_as_many_blocks_at_any_depth(name: str) -> None:
    for power in range(4):
        blocks = {depth: len(sf.series(sf.fold(MAPPERS[name], sf.layers("f", count=depth), X)).coefficient(power).blocks) for depth in (10, 1000)}
        assert blocks[10] == blocks[1000] <= 2


SHORT = {
    "feedforward": lambda z, f: f(z),
    "the input again": lambda z, f: f(z) + X,
    "twice": lambda z, f: f(f(z)),
    "of the input alone": lambda z, f: f(X),
    "squares": lambda z, f: f(z) ** 2 + f(X),
}


@pytest.mark.parametrize("name", SHORT)
def test_a_short_memory_needs_the_last_layers_alone(name: str) -> None:
    """The coefficients of the last of a million layers are those of the last of a few, and no fold is run for them."""
    order = 3
    few, many = (sf.series(sf.fold(SHORT[name], sf.layers("f", count=depth), X), order) for depth in (9, 10**6))
    later = {f"f{k}": sf.layer(f"f{10**6 - 9 + k}") for k in range(1, 10)}
    moved = sf.series(sf.fold(SHORT[name], list(later.values()), X), order)
    for power in range(order + 1):
        assert many.terms(power) == moved.terms(power)
        assert not many.coefficient(power).bindings
    assert many.counts == few.counts
    unrolled = sf.series(sf.unroll(sf.fold(SHORT[name], sf.layers("f", count=9), X)), order)
    assert [few.terms(power) for power in range(order + 1)] == [unrolled.terms(power) for power in range(order + 1)]


@pytest.mark.parametrize("name", SHORT)
@pytest.mark.parametrize("shape", [(), (2,)])
def test_a_short_memory_in_numbers(name: str, shape: tuple[int, ...]) -> None:
    """Against the net that is written out, layer by layer; the shape of the state is kept."""
    net = sf.fold(SHORT[name], [sf.layer(f"f{k}", POLYNOMIALS[0]) for k in range(9)], X)
    assert len(net.bindings) == 1
    at = np.full(shape, 0.5)
    for found, wanted in zip(sf.series(net).evaluate(x=at), sf.series(sf.unroll(net)).evaluate(x=at), strict=True):
        assert np.shape(found) == shape
        np.testing.assert_allclose(found, wanted)


WEIGHTED: dict[str, Callable[..., Any]] = {
    "twice the state": lambda z, f: f(z) + 2 * z,
    "half the state": lambda z, f: f(z) + z / 2,
    "minus the state": lambda z, f: f(z) - z,
    "half of both": lambda z, f: f(z) / 2 + z / 2,
    "half, and the input": lambda z, f: f(z) + z / 2 + X,
    "the input taken off": lambda z, f: f(z) + 2 * z - X,
    "at two places": lambda z, f: f(z) + f(X) + 2 * z,
    "back and forth": lambda z, f: f(z) + f(X) - z,
    "through another function": lambda z, f: f(z) + np.tanh(z),
}
COUNTED = list(WEIGHTED)[:5]  # without listing


@pytest.mark.parametrize("name", WEIGHTED)
def test_counts_of_weighted_states_are_those_of_their_terms(name: str) -> None:
    for depth in range(1, 4 if name == "through another function" else 6):
        found = sf.series(sf.fold(WEIGHTED[name], sf.layers("f", count=depth), X), 3)
        assert found.counts == tuple(len(found.terms(power)) for power in range(4))
        unrolled = sf.series(sf.unroll(sf.fold(WEIGHTED[name], sf.layers("f", count=depth), X)), 3)
        assert [found.terms(power) for power in range(4)] == [unrolled.terms(power) for power in range(4)]


@pytest.mark.parametrize("name", WEIGHTED)
@pytest.mark.parametrize("depth", [2_000, 10**6, "n"])
def test_weighted_states_are_recurrences_and_little_is_listed_to_see_it(name: str, depth: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [0]
    apply = Expansion.apply

    def counted(self: Expansion, node: Node, args: Any) -> Any:
        found = apply(self, node, args)
        made[0] += max(len(found), 1)
        return found

    monkeypatch.setattr(Expansion, "apply", counted)
    found = sf.series(sf.fold(WEIGHTED[name], sf.layers("f", count=depth), X))
    assert f"k = 1..{depth}" in str(found) and f"c3_{depth}" in str(found)
    assert made[0] <= (100 if name in COUNTED else LOOKED + MOST)
    if name in COUNTED:
        count = 7 if depth == "n" else depth
        values = [one.subs(dict.fromkeys(one.free_symbols, count)) for one in map(sp.sympify, found.counts)]
        assert values[:3] == [1, count, count * (count - 1) // 2]
        assert found.leading == 0 and made[0] <= 300


def test_numbers_that_grow_with_the_depth_are_not_listed_without_end() -> None:
    with pytest.raises(TooLarge, match=r"numbers of more than 16,384 bits .*\.formula\(form='fold'\)"):
        sf.series(sf.fold(lambda z, f: f(z) + 2 * z, sf.layers("f", count=10**6), X)).terms(0)


def test_what_no_step_changes_is_not_carried() -> None:
    (fold,) = sf.series(sf.fold(MAPPERS["residual"], sf.layers("f", count=1000), X)).coefficient(3).bindings
    assert fold.op.carries == 3  # c1, c2, c3; x is captured


@pytest.mark.parametrize("style", ["text", "unicode", "latex", "mathml"])
def test_every_style_prints(style: str) -> None:
    nets = [opaque("residual", 3), sf.fold(MAPPERS["residual"], sf.layers("f", count="n"), X), sf.fold(lambda z, f: f(z, z) + z, sf.layers("f1:4"), X)]
    for net in nets:
        shown = sf.series(net, order=5).formula(style)
        assert "directional" not in shown and "slots" not in shown
        if style == "mathml":
            parseString(shown)
    wanted = {
        "text": "f2'(x)[f1(x)]", "unicode": "f₂'(x)[f₁(x)]",
        "latex": r"f_{2}'\left(x\right)\left[f_{1}{\left(x \right)}\right]", "mathml": '<msub><mrow><mi>f</mi><mo lspace="0" rspace="0">′</mo></mrow><mn>2</mn></msub>',
    }  # fmt: skip
    assert wanted[style] in sf.series(nets[0]).formula(style)


def test_symbolic_depth_prints_its_recurrences() -> None:
    net = sf.fold(MAPPERS["residual"], sf.layers("f", count="n"), X)
    assert str(sf.series(net)) == (
        "c1_k = f_k(x) + c1_{k-1}\n"
        "c2_k = f_k'(x)[c1_{k-1}] + c2_{k-1}\n"
        "c3_k = f_k'(x)[c2_{k-1}] + f_k''(x)[c1_{k-1}, c1_{k-1}]/2 + c3_{k-1}, k = 1..n, c1_0 = 0, c2_0 = 0, c3_0 = 0\n"
        "y = x + epsilon*c1_n + epsilon**2*c2_n + epsilon**3*c3_n + O(epsilon**4)"
    )
    with pytest.raises(InvalidValue, match=r"net.at\(n=10\)"):
        sf.series(net).terms(1)


def test_recurrences_and_terms_are_one_series() -> None:
    """The recurrences of the folded form, written out, are the terms."""
    net = opaque("residual", 4)
    for power, node in enumerate(jets(net.outputs, 3)[0]):
        assert node is not None and Expansion(100).run([node])[0] == sf.series(net).terms(power)


def test_the_expression_is_sympys() -> None:
    expr = sf.series(opaque("residual", 3)).expr.expand()
    f1, f2 = sp.Function("f1"), sp.Function("f2")
    x = sp.Symbol("x")
    assert expr.coeff(E, 1) == f1(x) + f2(x) + sp.Function("f3")(x)
    assert expr.coeff(E, 2).has(sp.Function("f2'")(x, f1(x))) and len(expr.coeff(E, 3).args) == 5


# ---------------------------------------------------------------- the derivative by name


def test_derivatives_are_symmetric_and_kept() -> None:
    f, u, v = sf.layer("f"), sf.tensor("u"), sf.tensor("v")
    assert directional_of(f(X), [(0, u), (0, v)]) is directional_of(f(X), [(0, v), (0, u)])
    assert [repr(directional_of(f(X), [(0, u)] * k)) for k in (1, 3, 4)] == ["f'(x)[u]", "f'''(x)[u, u, u]", "f^(4)(x)[u, u, u, u]"]
    nets = opaque("residual", 3), sf.fold(MAPPERS["residual"], sf.layers("f", count=1000), X)
    small, large = (sf.series(net).coefficient(3) for net in nets)
    for coefficient in (small, large):
        assert pickle.loads(pickle.dumps(coefficient)) == coefficient
        assert sf.from_json(coefficient.to_json()) == coefficient
    code = "import sys, symfold\nfor line in sys.stdin: print(symfold.from_json(line))"
    lines = "\n".join(json.dumps(json.loads(coefficient.to_json())) for coefficient in (small, large))
    done = subprocess.run([sys.executable, "-c", code], input=lines, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{small}\n{large}"
    for level in ("layer", "primitive", "step", "fold"):
        assert len(small.graph(level=level)) > 2
    assert "<img" in str(small._repr_html_())


def test_a_layer_with_a_body_is_read_by_its_name_in_its_own_shape() -> None:
    x = sf.tensor("x", (None, 3))
    net = sf.Net.of(sf.layer("f2", sf.dense(4, 2, np.tanh))(sf.layer("f1", sf.dense(3, 4))(x)))
    series = sf.series(net)
    assert str(series) == "epsilon*f2(0) + epsilon**2*f2'(0)[f1(x)] + epsilon**3*f2''(0)[f1(x), f1(x)]/2 + O(epsilon**4)"
    assert [series.coefficient(power).shape[1] for power in (1, 2, 3)] == [2, 2, 2]
    assert series.evaluate(values_of(net))[2].shape == (2, 2)


# ---------------------------------------------------------------- scaling


@given(net=strategies.nets(), seed=st.integers(0, 3))
@settings(deadline=None, max_examples=30)
def test_scaled_by_one_is_the_net_itself(net: sf.Net, seed: int) -> None:
    values = values_of(net, seed)
    ones = sf.scaled(net)({**values, "epsilon": 1.0})
    for given_, wanted in zip(*(value if isinstance(value, tuple) else (value,) for value in (ones, net(values))), strict=True):
        np.testing.assert_allclose(given_, wanted, rtol=1e-12)


def test_scaling_keeps_the_fold() -> None:
    deep = sf.scaled(sf.fold(MAPPERS["residual"], sf.layers("f", count="n"), X), "s")
    assert str(deep) == "z_k = s*f_k(z_{k-1}) + z_{k-1}, k = 1..n, z_0 = x"
    assert str(sf.scaled(opaque("residual", 1), 0.5)) == "z1 = 0.5*f1(x) + x"


# ---------------------------------------------------------------- what cannot be done is said


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda z, f: z * z + f(z), lambda z, f: z**2 + f(z)),
        (lambda z, f: (z + f(z)) * (z + f(z)), lambda z, f: z**2 + 2 * z * f(z) + f(z) ** 2),
        (lambda z, f: (z + f(z)) ** 3, lambda z, f: z**3 + 3 * z * f(z) ** 2 + 3 * z**2 * f(z) + f(z) ** 3),
        (lambda z, f: (2 * z) ** 2 - f(z) * z**2 * f(z), lambda z, f: 4 * z * z - (z * f(z)) ** 2),
    ],
)
def test_a_difference_cancels_what_is_equal(one: Callable[..., Any], other: Callable[..., Any]) -> None:
    f = sf.layers("f1:4")
    apart = sf.series(sf.fold(one, f, X)) - sf.series(sf.fold(other, f, X))
    assert apart.leading is None and apart.counts == (0, 0, 0, 0)


def test_a_difference_in_normal_form_cancels_at_a_symbolic_depth() -> None:
    f = sf.layers("f", count="n")
    apart = sf.series(sf.fold(lambda z, f: z * z + f(z), f, X)) - sf.series(sf.fold(lambda z, f: z**2 + f(z), f, X))
    assert apart.leading is None and apart.counts == (0, 0, 0, 0)


def test_powers_that_are_long_stay_powers() -> None:
    f = sf.layers("f1:3")
    net = sf.fold(lambda z, f: z + f(z), f, sf.tensor("x") + sf.tensor("y"))
    assert str(sf.series(sf.Net.of(net.outputs[0] ** 1000), order=0)) == "(x + y)**1000 + O(epsilon)"


@pytest.mark.parametrize("sizes", [[1, 2, 3], [2, 2, 3], [1, 1, 5], [3], []])
def test_shares_are_counted_without_listing_them(sizes: list[int]) -> None:
    assert [count_of_shares(power, sizes) for power in range(9)] == [len(list(shares(power, sizes))) for power in range(9)]


def test_an_order_of_too_many_products_is_refused_by_name_and_has_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("symfold.analysis.strength.jets.MOST", 10)  # 11 partitions of 6: a coefficient of order 7
    net = opaque("residual", 3)
    assert str(sf.series(net, order=6)).startswith("c1_k = ")
    with pytest.raises(TooLarge, match=r"11 products of lower coefficients, over the bound of 10 .*evaluate"):
        sf.series(net, order=7).formula()
    numbers = sf.series(net.bind(bodies(3)), order=7).evaluate(x=0.5)
    assert numbers[7] == pytest.approx(float(exact("residual", 3, 7, sp.Rational(1, 2))[7]), rel=1e-12)


def test_errors_say_what_can_be_done() -> None:
    net = opaque("residual", 2)
    with pytest.raises(InvalidValue, match="from 0 to 100"):
        sf.series(net, order=101)
    with pytest.raises(InvalidValue, match="a series of order -1"):
        sf.series(net, order=-1)
    with pytest.raises(InvalidValue, match="named 'epsilon'"):
        sf.series(sf.scaled(net))
    with pytest.raises(InvalidValue, match=r"named 'f2' .its names: x, f1, f2; choose"):
        sf.scaled(net, "f2")
    with pytest.raises(InvalidValue, match="coefficient 4 of a series of order 3"):
        sf.series(net).coefficient(4)
    with pytest.raises(InvalidValue, match="must be one of 'terms', 'fold'"):
        sf.series(net).formula(form="steps")
    with pytest.raises(NoRule, match="'pullback' has no rule for series"):
        sf.series(sf.adjoint(net)).coefficient(1)
    with pytest.raises(NoRule, match="Pow has no series at 0"):
        sf.series(sf.fold(lambda z, f: 1 / f(z), sf.layers("f1:3"), X)).coefficient(1)
    with pytest.raises(NoRule, match="opaque"):
        sf.series(net).evaluate(x=1.0)
    with pytest.raises(NoRule, match="bind first"):
        sf.series(net).coefficient(2).bind({"f1": lambda z: z, "f2": lambda z: z})
    with pytest.raises(InvalidType, match="no input or parameter 'y'"):
        sf.series(net.bind(bodies(2))).evaluate(x=1.0, y=2.0)
    with pytest.raises(InvalidType, match="different structure"):
        _ = sf.series(net) - sf.series(sf.Net.of((X, Y)))


ZIPPED = {
    "sum": lambda z, p: p[0](z) + p[1](z) + z,
    "product": lambda z, p: p[0](z) * p[1](z) + z,
    "sum and product": lambda z, p: p[0](z) * p[1](z) + p[0](z) + z,
    "residual and boosting": lambda z, p: p[0](z) + p[1](sf.tensor("x")) + z,
    "composition": lambda z, p: p[0](p[1](z)) + z,
}
LISTED = {  # at depth 3, from lists of terms
    "sum": (1, 6, 12, 34),
    "product": (1, 0, 3, 0),
    "sum and product": (1, 3, 6, 14),
    "residual and boosting": (1, 6, 6, 15),
    "composition": (1, 3, 3, 6),
}


@pytest.mark.parametrize("name", ZIPPED)
def test_terms_of_layers_side_by_side_are_counted_at_a_symbolic_depth(name: str) -> None:
    f, g = sf.layers("f", count="n"), sf.layers("g", count="n")
    series = sf.series(sf.fold(ZIPPED[name], sf.zipped(f, g), sf.tensor("x")), order=3)
    depth = sp.Symbol("n", integer=True, positive=True)
    assert tuple(sp.sympify(count).subs(depth, 3) for count in series.counts) == LISTED[name]


@pytest.mark.parametrize(
    "operation, order_0",
    [(sf.softmax, "softmax(0)"), (sf.logsumexp, "logsumexp(0, axis=(-1,))"), (lambda z: sf.softmax(np.exp(z), axis=0), "softmax(1, axis=(0,))"), (lambda z: np.max(z), "max(0)"), (lambda z: np.var(z, axis=0), "O(epsilon)")],
)
def test_axes_of_values_of_unknown_shape_that_go_to_zero(operation: Any, order_0: str) -> None:
    net = sf.fold(lambda z, f: operation(f(z)), sf.layers("f1:3"), sf.tensor("x"))
    assert str(sf.series(net, 0)).startswith(order_0) and "cannot be shown" not in str(sf.series(net, 2))


def test_a_new_axis_of_a_value_of_unknown_shape_keeps_its_position() -> None:
    net = sf.fold(lambda z, f: np.expand_dims(f(z), 0), sf.layers("f1:3"), sf.tensor("x"))
    assert str(sf.series(net, 1)) == "epsilon*expand(f2(0), axis=0) + O(epsilon**2)"


def test_entries_of_a_sequence_of_which_some_go_to_zero() -> None:
    x = sf.tensor("x", (2,))
    assert str(sf.series(sf.stack([x, sf.layer("f")(x)]), 0)) == "[x + O(epsilon), O(epsilon)]"


def test_equal_parts_of_a_sum_are_counted() -> None:
    """Heun's second order is the trapezoid rule: half the derivative along both ends of a step."""
    lines = str(sf.series(sf.fold(sf.mappers.heun(), sf.layers("f", count="n"), sf.tensor("x")), order=2)).splitlines()
    assert "c2_k = c2_{k-1} + (f_k'(x)[c1_{k-1}] + f_k'(x)[c1_k])/2, k = 1..n, c1_0 = 0, c2_0 = 0" in lines
