"""Verdicts by numbers: polynomials modulo a prime, pieces far from zero, differences below what floats show; oracles by SymPy."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.analysis.equality.modular import decide
from symfold.analysis.equality.multiprecision import compare_precisely
from symfold.analysis.equality.numerical import compare_numbers
from symfold.analysis.equality.verdict import verdict

X = sf.tensor("x")
ROW, BATCH = sf.tensor("x", (3, 4)), sf.tensor("x", (None, 4))
A, B = sf.parameter("A", (4, 5)), sf.parameter("B", (5, 2))
BILLION = 10**9
SYMBOL = sp.Symbol("x", real=True)


def net(value: Any) -> sf.Net:
    return sf.Net.of(value)


def squares(count: int) -> list[sf.Layer]:
    return [sf.layer(f"f{k}", lambda z, k=k: z * z + k) for k in range(1, count + 1)]


# ---------------------------------------------------------------- polynomials


@st.composite
def polynomials(draw: Any, depth: int = 3) -> Any:
    """An expression of sums, products and whole powers, as a tree of text and numbers."""
    kind = draw(st.sampled_from(["x", "number"] if depth == 0 else ["x", "number", "+", "+", "*", "*", "**"]))
    if kind == "x":
        return "x"
    if kind == "number":
        return draw(st.sampled_from([1, -2, 0.1, 1e-12, 10**9, 0.5]))
    left = draw(polynomials(depth - 1))
    return (kind, left, draw(st.integers(0, 3)) if kind == "**" else draw(polynomials(depth - 1)))


def built(tree: Any, x: Any, number: Any) -> Any:
    if not isinstance(tree, tuple):
        return x if tree == "x" else number(tree)
    kind, left, right = tree
    one = built(left, x, number)
    if kind == "**":
        return one**right
    other = built(right, x, number)
    return one + other if kind == "+" else one * other


@settings(max_examples=80, deadline=None)
@given(polynomials(), polynomials(), st.integers(0, 2))
def test_one_point_modulo_a_prime_says_what_sympy_says_of_the_polynomials(one: Any, other: Any, seed: int) -> None:
    """Decimal numbers are read as they are written, in SymPy too."""
    trees = (one, ("+", other, ("*", 0, "x")))
    nets = [net(built(tree, X, lambda value: value + 0 * X) + 0 * X) for tree in trees]  # numbers as nodes: Python is not to compute with them
    exact = [sp.expand(built(tree, SYMBOL, lambda value: sp.Rational(str(value)))) for tree in trees]
    found = decide(*nets, seed=seed)
    assert found is not None and found.equal is bool(exact[0] == exact[1])
    assert verdict(*nets, seed=seed).equal is bool(exact[0] == exact[1])


def test_polynomials_too_deep_for_fractions_are_found_different_at_a_point_that_can_be_checked() -> None:
    nets = [sf.fold(mapper, squares(12), X) for mapper in (sf.mappers.residual, sf.mappers.boosting(X))]
    found = verdict(*nets)
    assert found.equal is False and "as polynomials" in found.text
    prime, values, output = found.evidence["prime"], found.evidence["values"], found.evidence["place"]
    assert sp.isprime(prime)
    x = np.array(found.evidence["inputs"]["x"], dtype=object)[output[1:]]
    z, total = x, x
    for k in range(1, 13):
        z, total = z + z * z + k, total + x * x + k
    assert values == (z % prime, total % prime) and values[0] != values[1]


def test_deep_polynomials_that_are_equal_are_not_called_different() -> None:
    one, other = ([sf.layer(f"f{k}", body) for k in range(1, 41)] for body in (lambda z: (z + 1) * (z - 1), lambda z: z**2 - 1))
    assert verdict(sf.fold(sf.mappers.residual, one, X), sf.fold(sf.mappers.residual, other, X)).equal is True


def test_matrices_are_computed_entry_by_entry() -> None:
    found = verdict(net((ROW @ A) @ B), net(ROW @ (A @ B)))
    assert found.level == "equal as random functions" and "as polynomials" in found.text and "2**-" in found.text
    assert verdict(net((ROW @ A) @ B), net(ROW @ (A @ B) + 1e-9 * np.sum(ROW))).equal is False
    square = sf.tensor("x", (2, 2))
    assert verdict(net(square @ square.T), net(square.T @ square)).equal is False
    assert verdict(net((BATCH @ A) @ B), net(BATCH @ (A @ B))).level == "numerically equal"  # of some sizes, nothing is said of all


def test_what_is_no_polynomial_has_no_residues() -> None:
    for value in (sf.relu(X), np.tanh(X), X**-1, X**0.5, sf.layer("g")(X)):
        assert decide(net(value), net(X), seed=0) is None


# ---------------------------------------------------------------- decimal numbers


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (X**2 + 1e-12 * X, X**2 + 0 * X, False),
        (0.1 * X + 0.2 * X, 0.3 * X, True),
        (0.1 * X, X / 10, True),
        (0.1 * X, X * (sp.Rational(1, 10) + sp.Rational(1, 10**30)), False),
        ((1 / 3) * X, X / sp.Integer(3), None),  # a float of 16 digits is the rounding of a number that is not known
        (1e300 * X, X * 10**300, True),
    ],
)
def test_a_decimal_number_is_what_it_says(one: Any, other: Any, equal: bool | None) -> None:
    assert verdict(net(one), net(other)).equal is equal


# ---------------------------------------------------------------- pieces


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("place", [50, BILLION, 123456.789, 1e-9])
@pytest.mark.parametrize("bump", [False, True])
def test_a_piece_that_is_flat_near_zero_is_found(sign: int, place: Any, bump: bool) -> None:
    """A kink, or a bump of width 1, at a number of the net; SymPy confirms the counterexample."""

    def piece(x: Any, relu: Any, at: Any = place) -> Any:
        return relu(sign * x - at) * (relu(at + 1 - sign * x) if bump else 1)

    found = verdict(net(piece(X, sf.relu)), net(0 * X))
    assert found.equal is False, found
    point, (left, right) = found.evidence["inputs"]["x"], found.evidence["values"]
    expected = piece(sp.Rational(point.numerator, point.denominator), lambda z: sp.Max(0, z), sp.Rational(str(place)))
    assert right == 0 and left != 0 and expected == sp.Rational(left.numerator, left.denominator)


def test_a_piece_in_a_layer_and_behind_an_opaque_one_is_found() -> None:
    far, flat = sf.layer("f", lambda z: sf.relu(z - BILLION)), sf.layer("f", lambda z: 0 * z)
    g = sf.layer("g")
    for items in ([far], [far, sf.layer("h", lambda z: z + 1)]):
        assert verdict(sf.fold(sf.mappers.residual, items, X), sf.fold(sf.mappers.residual, [flat, *items[1:]], X)).equal is False
    assert verdict(net(g(X) + sf.relu(X - BILLION)), net(g(X))).equal is False
    assert verdict(net(g(X) + sf.relu(np.tanh(X / BILLION) - 0.5)), net(g(X))).equal is False


def test_pieces_that_are_equal_are_not_called_different() -> None:
    for one, other in ((sf.relu(X) - sf.relu(-X), X + 0), (sf.relu(X) + sf.relu(-X), sp.Abs(X)), (sf.relu(BILLION * X), BILLION * sf.relu(X))):
        assert verdict(net(one), net(other)).level == "numerically equal"


# ---------------------------------------------------------------- many digits


@pytest.mark.parametrize("gap", [1e-12, 1e-20])
def test_a_difference_below_what_floats_show_is_found_and_is_one(gap: float) -> None:
    found = verdict(net(np.tanh(X) + gap * X), net(np.tanh(X)))
    assert found.equal is False and found.evidence["verified"]
    output, entry = found.evidence["place"]
    point = found.evidence["inputs"]["x"][entry]
    expected = sp.N(sp.tanh(sp.Float(point, 60)) + sp.Rational(str(gap)) * sp.Float(point, 60) - sp.tanh(sp.Float(point, 60)), 10)
    assert output == 0 and f"{abs(float(expected)):.1e}" in found.text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (sp.cosh(X) ** 2 - sp.sinh(X) ** 2, 1 + 0 * X),
        (np.tanh(X) + (sp.cosh(X) - sp.sinh(X)) * (sp.cosh(X) + sp.sinh(X)) - 1, np.tanh(X)),
        (sf.log(sf.exp(X) * sf.exp(-X)) + np.tanh(X), np.tanh(X)),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_rounding_is_never_called_a_difference(one: Any, other: Any, seed: int) -> None:
    """At large numbers all digits cancel, in fifty digits and in a hundred."""
    assert verdict(net(one), net(other), seed=seed).equal is not False


def test_cancellation_in_a_sum_over_entries_is_not_a_difference() -> None:
    x = sf.tensor("x", (3,))
    grown = sf.exp(1000 * x[0])
    summed = np.sum(sf.stack([grown, np.tanh(x[1]), -grown]))
    assert compare_precisely(net(summed), net(np.tanh(x[1])), {"x": np.array([1.0, 1.0, 1.0])}, "0", False).differs is None


def test_softmax_to_many_digits() -> None:
    rows = sf.tensor("x", (None, 3))
    same, other = verdict(net(sf.softmax(rows + 1)), net(sf.softmax(rows))), verdict(net(sf.softmax(rows)), net(sf.softmax(rows) + 1e-12 * rows))
    assert same.evidence["digits"] > 0 and "to 40 digits" in same.text
    assert other.equal is False and other.evidence["verified"]


def test_parameters_and_layers_are_drawn_anew_at_each_point() -> None:
    """A relu that is dead for some parameters is alive for others."""
    w = sf.parameter("w", ())
    found = compare_numbers(net(sf.relu(np.tanh(w) - 0.3) + 0 * X), net(0 * X), seed=0)
    assert found.equal is False and np.tanh(found.params["w"]) > 0.3
    assert found.values[0] == pytest.approx(np.tanh(found.params["w"]) - 0.3, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(polynomials(2), st.integers(0, 3))
def test_a_counterexample_in_fractions_is_what_sympy_computes(tree: Any, seed: int) -> None:
    one, other = net(sf.relu(built(tree, X, lambda v: v + 0 * X) + 0 * X)), net(0 * X)
    found = verdict(one, other, seed=seed)
    if found.equal is False:
        point = found.evidence["inputs"]["x"]
        assert isinstance(point, Fraction)
        value = sp.Max(0, built(tree, sp.Rational(point.numerator, point.denominator), lambda v: sp.Rational(str(v))))
        assert value == sp.Rational(*found.evidence["values"][0].as_integer_ratio()) != 0
    else:
        polynomial = sp.expand(built(tree, SYMBOL, lambda v: sp.Rational(str(v))))
        assert all(polynomial.subs(SYMBOL, k) <= 0 for k in (1, 2, -1, 3, sp.Rational(1, 2), 10, -10, 10**10, -(10**10)))
