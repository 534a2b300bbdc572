"""`net.expr`: SymPy's own functions take it, agree with the net in numbers, and print it in the author's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from strategies import SMOOTH, formulas

import symfold as sf
from symfold.core import functions

X, Y, Z = sp.symbols("x y z")
EXACT = {X: sp.Rational(3, 7), Y: sp.Rational(-5, 3)}
POINT = {name.name: np.array(float(value)) for name, value in EXACT.items()}

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "expand": sp.expand,
    "factor": sp.factor,
    "together": sp.together,
    "cancel": sp.cancel,
    "collect": lambda expr: sp.collect(expr, X),
    "doit": lambda expr: expr.doit(),
    "subs": lambda expr: expr.subs(X, EXACT[X]),
    "xreplace": lambda expr: expr.xreplace({Y: EXACT[Y]}),
    "Poly": lambda expr: sp.Poly(sp.Add(expr, Z, evaluate=False)).as_expr().xreplace({Z: 0}),  # it wants a generator
}


def value_of(net: sf.Net) -> float:
    """The number that the net gives at the point, where it gives one: SymPy's 1/0 is infinite in every direction."""
    with np.errstate(all="ignore"):
        value = float(net({node.op.name: POINT[node.op.name] for node in net.inputs}))
    assume(np.isfinite(value) and abs(value) < 1e6 and not net.expr.has(sp.zoo, sp.nan, sp.oo, -sp.oo))
    return value


def number(expr: Any, step: Any = 0) -> Any:
    """An expression at the point, in 40 digits; x moved by a step."""
    with mpmath.workdps(40):
        return sp.lambdify((X, Y), expr, "mpmath")(mpmath.mpf(3) / 7 + step, mpmath.mpf(-5) / 3)


def assert_close(given: Any, wanted: Any) -> None:
    assert abs(given - wanted) <= 1e-9 * (1 + abs(wanted))


@given(net=formulas())
def test_polynomials_are_taken_by_poly(net: sf.Net) -> None:
    wanted = value_of(net)
    for polynomial in (sp.Poly(net.expr, X, Y), sp.Poly(sp.expand(net.expr), X, Y)):
        assert_close(polynomial.eval((EXACT[X], EXACT[Y])), wanted)


@settings(max_examples=300)
@given(
    name=st.sampled_from(list(FUNCTIONS)),
    net=st.one_of(formulas((*SMOOTH, sf.relu), (0, 1, 2, -1, sp.Rational(1, 2))), formulas((*SMOOTH, sf.relu), (0, 1, 2, -1), choices=True)),
)
def test_functions_of_sympy_keep_the_value(name: str, net: sf.Net) -> None:
    wanted = value_of(net)
    result = sp.sympify(FUNCTIONS[name](net.expr))
    assume(not result.has(sp.zoo, sp.nan))  # 1/(x - x), which SymPy's functions evaluate: infinite in every direction
    try:
        found = number(result)
    except ZeroDivisionError:  # within a comparison, where NumPy goes on with an infinite number
        reject()
    assert_close(found, wanted)


@given(net=formulas(SMOOTH, (0, 1, 2, 3, -1), choices=True))
def test_derivatives_are_differences(net: sf.Net) -> None:
    value_of(net)
    step = mpmath.mpf(10) ** -15
    try:
        difference = (number(net.expr, step) - number(net.expr, -step)) / (2 * step)
    except ZeroDivisionError:  # within a comparison, where NumPy goes on with an infinite number
        reject()
    assume(abs(difference) < 1e6)
    derivative = sp.diff(net.expr, X)
    assume(not derivative.has(sp.zoo, sp.nan))  # likewise; and of a power of pieces that are 0, SymPy's own derivative is 0/0
    assert_close(number(derivative), difference)


@given(net=formulas((*SMOOTH, sf.relu), choices=True))
def test_lambdify_computes_arrays(net: sf.Net) -> None:
    points = {"x": np.array([0.3, -1.5, 0.0]), "y": np.array([2.0, 0.7, 0.0])}
    with np.errstate(all="ignore"):
        wanted = [float(net({node.op.name: points[node.op.name][k] for node in net.inputs})) for k in range(3)]
        given = np.broadcast_to(sp.lambdify((X, Y), net.expr)(points["x"], points["y"]), 3)
    assume(np.all(np.isfinite(wanted)))
    np.testing.assert_allclose(given, wanted, rtol=1e-9, atol=1e-9)


def terms(most: int) -> st.SearchStrategy[Any]:
    """Sums and products of names, layers and functions without numbers among them."""
    leaf = st.sampled_from([sf.tensor(name) for name in "xyabz"])
    layers = st.sampled_from([*sf.layers("f g"), sf.tanh])

    def larger(part: Any) -> Any:
        both = st.tuples(part, part)
        return st.one_of(
            both.map(lambda pair: pair[0] + pair[1]), both.map(lambda pair: pair[0] * pair[1]), st.builds(lambda f, v: f(v), layers, part)
        )

    return st.recursive(leaf, larger, max_leaves=most)


@given(value=terms(8))
def test_it_prints_in_the_authors_order(value: Any) -> None:
    net = sf.Net.of(value)
    assert sp.sstr(net.expr, order="none") == sf.formula(net, form="expanded")


def nested_powers() -> sf.Net:
    """The state that a step of two parts leads to, each a power 1 of a sum of powers 1."""
    x = sf.tensor("x")
    return sf.fold(lambda z, f: f(z), [lambda z: z**1 + x] * 3, x)


x, y = sf.tensor("x"), sf.tensor("y")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (nested_powers(), "x + x + x + x"),
        (y + x, "y + x"),
        (x + x, "x + x"),
        (x**1 + x, "x + x"),
        ((x**1) ** 1 + y, "x + y"),
        ((x**2) ** 3 * x, "x**6*x"),
        ((x**y) ** 2, "x**(2*y)"),
        (y + x**0, "y + 1"),
        (0 * x + y, "y"),
        (1 * x, "x"),
        (y * 0 * x, "0"),
        (sf.Net.of(2)._as_node_() ** 3 * x, "8*x"),
        (sf.exp(sf.Net.of(0)._as_node_()) + x, "1 + x"),
        (sf.Net.of(2)._as_node_() ** 10**9 * x, "2**1000000000*x"),
    ],
)  # fmt: skip
def test_what_no_constructor_of_sympy_builds_is_evaluated(value: Any, shown: str) -> None:
    assert sp.sstr(sf.Net.of(value).expr, order="none") == shown


@pytest.mark.parametrize("depth", [30, 400])
def test_sharing_is_kept_at_any_depth(depth: int) -> None:
    """An expression of 2**30 operations is one of a few nodes; deep ones meet no limit of recursion."""
    residual = sf.fold(sf.mappers.residual, sf.layers("f", count=30), sf.tensor("x")).to_sympy(max_ops=None)
    assert len(residual.args) == 31
    deep = sf.fold(lambda z, f: f(z) ** 2 / 3, sf.layers("f", count=depth), sf.tensor("x")).to_sympy(max_ops=None)
    assert deep.args[0].base.func.__name__ == f"f{depth}"


C, D = X > 0, sp.And(X < 1, sp.Ne(Y, 2))


@pytest.mark.parametrize(
    "choice",
    [
        sp.Piecewise((X, C), (Y, True)),
        sp.Piecewise((X, D), (Y, sp.Or(C, sp.Eq(Y, 3))), (X * Y, True)),
        sp.Piecewise((X, sp.Not(D)), (sp.tanh(Y), C), (1, True)),
        sp.Piecewise((sp.Piecewise((1, D), (2, True)), C), (3, True)),
        Y**2 + 3 * sp.Piecewise((X, X >= Y), (Y, True)),
    ],
)
def test_a_piecewise_comes_out_as_it_went_in(choice: Any) -> None:
    shown = sf.Net.of(choice).expr
    assert sp.srepr(sp.piecewise_fold(shown)) == sp.srepr(sp.piecewise_fold(choice))
    assert sp.simplify(shown - choice) == 0


def test_a_choice_by_a_choice_stays_a_function_and_so_does_a_truth_value_in_arithmetic() -> None:
    twice = sf.Net.of(np.where((a := np.where(x > 0, x, y)) > 1, a, 0)).expr
    assert twice.func.__name__ == "where" and twice.args[1] == sp.Piecewise((X, X > 0), (Y, True))
    assert str(sf.Net.of((x > 0) * y).expr) == "y*greater(x, 0)"
    assert sf.Net.of(np.where(np.equal(sf.Net.of(1)._as_node_(), 2), x, y)).expr == Y


@pytest.mark.parametrize("step", [lambda z, f: np.where(z > 0, z, f(z)), lambda z, f: np.where(f(z) > 0, f(z) + z, z)])
def test_choices_by_long_conditions_are_built_at_once(step: Any) -> None:
    assert sf.fold(step, sf.layers("f", count=400), x).to_sympy(max_ops=None).func.__name__ == "where"


def test_a_comparison_with_complex_infinity_stays_a_comparison() -> None:
    """SymPy itself refuses to compare it, and asks whether a term is 0 wherever it simplifies."""
    compared = functions.greater(1, sp.zoo)
    assert compared.is_zero is None and sp.expand(compared + 1) == compared + 1 and sp.Float(1) + compared.evalf() == compared + 1.0
