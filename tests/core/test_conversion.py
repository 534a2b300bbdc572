"""What may stand in a net, and what may not."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symfold as sf
from symfold.compute.backends.table import installed
from symfold.errors import InvalidType, InvalidValue, NoRule


def test_an_unknown_size_is_no_number() -> None:
    x = sf.tensor("x", (None, 3))
    with pytest.raises(NoRule, match=r"unknown size x.shape\[0\] cannot be used as a value"):
        np.sum(x) / x.shape[0]


def test_a_fold_over_an_unknown_length_is_written_out_only_when_it_is_known() -> None:
    net = sf.fold(lambda h, u: h + u, sf.tensor("u", (None, 3)), sf.tensor("h", (3,)))
    np.testing.assert_array_equal(net(h=np.zeros(3), u=np.ones((5, 3))), np.full(3, 5.0))
    with pytest.raises(InvalidValue, match="unknown until numbers are given"):
        sf.unroll(net)


HALF, THIRD = sp.Rational(1, 2), Fraction(1, 3)
BESIDE: dict[str, Callable[[Any], Any]] = {
    "sqrt(2)*p": lambda p: sp.sqrt(2) * p,
    "pi + p": lambda p: sp.pi + p,
    "1/2 - p": lambda p: HALF - p,
    "1/2 / p": lambda p: HALF / p,
    "1/2 ** p": lambda p: HALF**p,
    "1.5*p": lambda p: sp.Float(1.5) * p,
    "E**p": lambda p: sp.E**p,
    "1/2 < p": lambda p: np.where(HALF < p, p, 0),  # noqa: SIM300 - the number first
    "tanh(p/2)": lambda p: np.tanh(HALF * p),
    "sp.tanh(sqrt(2)*p)": lambda p: sp.tanh(sp.sqrt(2) * p),
    "1/3 * p": lambda p: THIRD * p,
    "p/(1/3)": lambda p: p / THIRD,
    "p**(1/3)": lambda p: p**THIRD,
    "1/3 ** p": lambda p: THIRD**p,
    "sqrt(1/3)": lambda p: sf.sqrt(THIRD) * p,
    "an array": lambda p: (np.array([0.0, 1.0]) * THIRD * p).sum(),
    "np.add": lambda p: np.add(THIRD, p) + np.add(HALF, p),
    "np.where": lambda p: np.where(p > THIRD, THIRD, p),
    "np.clip": lambda p: np.clip(p, Fraction(-1, 2), THIRD),
    "np.stack": lambda p: np.stack([THIRD, p]).sum(),
    "a list": lambda p: (np.array([0.0, 1.0]) + p * [THIRD, 1]).sum(),
    "items": lambda p: sf.fold(lambda z, c: c * z + p, [THIRD, Fraction(2, 3)], p),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_number_beside_a_parameter_leaves_it_one(name: str) -> None:
    net = sf.Net.of(BESIDE[name](sf.parameter("p")))
    assert [node.op.name for node in net.params] == ["p"] and not net.inputs
    written = sf.Net.of(BESIDE[name](sf.parameter("p")))
    assert written == net == sf.from_json(net.to_json())
    value = float(net({"p": 0.7}))
    if name not in ("items", "sp.tanh(sqrt(2)*p)", "tanh(p/2)", "np.add", "np.stack", "np.clip", "a list", "an array", "sqrt(1/3)"):
        np.testing.assert_allclose(value, float(BESIDE[name](np.float64(0.7))), rtol=1e-14)
    np.testing.assert_allclose(float(net.compile("numpy")({"p": 0.7})), value, rtol=1e-14)


def test_a_sympy_expression_beside_a_node_stays_one() -> None:
    x = sf.tensor("x")
    assert isinstance(sp.tanh(x) * x, sp.Mul)
    assert isinstance(sp.Symbol("a") * x, sp.Mul)


def test_fractions_are_numbers() -> None:
    assert sf.Normal(0, THIRD).deviation == 1 / 3
    w, x = sf.parameter("w"), sf.tensor("x", (None,))
    fitted = sf.fit(sf.Net.of(((THIRD * w - x) ** 2).sum()), {"w": Fraction(1, 2)}, {"x": [THIRD, Fraction(2, 3)]}, optimizer=sf.sgd(Fraction(1, 10)))
    assert np.isfinite(fitted.params["w"])


def test_a_power_of_a_fraction_is_exact() -> None:
    x = sf.tensor("x")
    assert str(THIRD**x) == str(THIRD ** sf.Net.of(x)) == "(1/3)**x"
    assert str(sf.fold(lambda z, i: i**z, [THIRD], x)) == "z1 = (1/3)**x"
    assert str(sf.Net.of((1 / 3) ** x)) == "0.333333333333333**x"


NEGATIVE_ZERO: dict[str, Callable[[Any], Any]] = {
    "x + -0.0": lambda x: x + -0.0,
    "x - 0.0": lambda x: x - 0.0,
    "x*(-0.0)": lambda x: x * -0.0,
    "atan2(-0.0, x)": lambda x: np.arctan2(-0.0, x),
    "x/(-0.0)": lambda x: x / -0.0,
    "Max(x, -0.0)": lambda x: np.maximum(x, -0.0),
    "(-0.0)**x": lambda x: (-0.0) ** x,
}


@pytest.mark.parametrize("text", NEGATIVE_ZERO)
@np.errstate(all="ignore")
def test_minus_zero_keeps_its_sign(text: str) -> None:
    net = sf.Net.of(NEGATIVE_ZERO[text](sf.tensor("x")))
    assert str(net) == text.replace("+ -", "- ")
    assert net == sf.from_json(net.to_json())
    for value in (-2.0, -0.0, 3.0):
        expected = NEGATIVE_ZERO[text](np.float64(value))
        for backend in [name for name in ("numpy", "native") if name in installed()]:
            result = float(net.compile(backend=backend)({}, x=value))
            np.testing.assert_array_equal([result, np.signbit(result)], [expected, np.signbit(expected)])


def test_items_of_minus_zero() -> None:
    net = sf.fold(lambda z, i: z / i, [-0.0, 2.0], sf.tensor("x"))
    assert str(net) == "z1 = x/(-0.0)\nz2 = z1/2.0"
    assert float(net(x=1.0)) == float(sf.unroll(net)(x=1.0)) == -np.inf


def test_sums_with_minus_zero_are_proved_equal_and_its_angle_is_not() -> None:
    x, y = sf.tensor("x"), sf.tensor("y")
    assert sf.verdict(sf.Net.of(y * (x - 0.0)), sf.Net.of(x * y)).equal
    assert sf.verdict(sf.Net.of(np.arctan2(-0.0, x)), sf.Net.of(np.arctan2(0.0, x))).equal is False


@pytest.mark.parametrize("body", [
    lambda x: x * (x == 2), lambda x: (x != 2) + x, lambda x: x - (x == 2), lambda x: True / x, lambda x: np.add(x, x == 2),
    lambda x: np.subtract(x == 2, x), lambda x: np.maximum(x, x == 2), lambda x: sf.Net.of(x) * (x == 2),
])  # fmt: skip
def test_equality_of_structure_is_no_number(body: Callable[[Any], Any]) -> None:
    with pytest.raises(InvalidType, match=r"cannot compute with (True|False): == and != compare structures \(write np.equal"):
        body(sf.tensor("x"))


def test_truth_values_are_values_of_a_choice_and_conditions() -> None:
    x = sf.tensor("x")
    assert str(sf.Net.of(np.where(np.logical_and(x > 0, True), True, False))) == "where(x > 0 and 1, 1, 0)"
