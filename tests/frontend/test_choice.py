"""Choices: NumPy's values on every backend, and gradients through the branch taken alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symfold as sf
from symfold.compute.backends.table import installed

BACKENDS = installed()
Z, M = sf.tensor("z", (4,)), sf.tensor("m", (4,))
VALUES = {"z": np.array([-2.0, 0.0, 0.5, 3.0]), "m": np.array([True, False, True, False])}

# what NumPy says of numbers, it says of nets
SPELLINGS: dict[str, Callable[[Any, Any], Any]] = {
    "where": lambda z, m: np.where(z > 0, z**2, -z),
    "where by a mask that is given": lambda z, m: np.where(m, z, 1 - z),
    "where by a known mask": lambda z, m: np.where(np.array([True, False, False, True]), z, 7.0),
    "where of a number": lambda z, m: np.where(z, 1.0, 2.0),
    "select": lambda z, m: np.select([z < 0, z < 1], [z - 1, z * 5], 9.0),
    "piecewise": lambda z, m: np.piecewise(z, [z < 0, z >= 1], [lambda t: -t, 2.0, np.exp]),
    "piecewise where several conditions hold": lambda z, m: np.piecewise(z, [z > 0, z > 2], [1.0, 2.0]),
    "clip": lambda z, m: np.clip(z, -1, 1),
    "clip between crossed bounds": lambda z, m: np.clip(z, 1.0, -1.0),
    "clip from below": lambda z, m: np.clip(z, 0, None),
    "clip from above": lambda z, m: np.clip(z, None, 0.5),
    "and, or, not, xor": lambda z, m: np.where((z > -1) & ~(z > 1) | (z == 3) ^ (z > 2), z, 0.0) if isinstance(z, np.ndarray)
    else np.where((z > -1) & ~(z > 1) | np.equal(z, 3) ^ (z > 2), z, 0.0),
    "logical functions": lambda z, m: np.where(np.logical_and(z > -1, np.logical_not(m)), z, np.logical_xor(z > 0, m) * 1.0),
    "comparisons as numbers": lambda z, m: (z > 0) * z + (z <= 0) * 1.0 + np.not_equal(z, 0.5) * 2.0,
    "any, all, count": lambda z, m: np.any(z > 2) * 1.0 + np.all(z > -3) * 2.0 + np.count_nonzero(z) * 4.0,
    "nan_to_num": lambda z, m: np.nan_to_num(np.log(z), nan=7.0, neginf=-5.0),
    "min": lambda z, m: np.min(z) + np.min(z * z, axis=0),
    "cumsum": lambda z, m: np.cumsum(z),
    "isnan, isinf, isfinite": lambda z, m: np.where(np.isnan(np.sqrt(z)), 1.0, np.isfinite(np.log(z)) * 2.0 + np.isinf(np.log(z)) * 4.0),
}  # fmt: skip


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("backend", [*BACKENDS, "interpreter"])
def test_what_numpy_says_of_numbers_it_says_of_nets(name: str, backend: str) -> None:
    net = sf.Net.of(SPELLINGS[name](Z, M))
    with np.errstate(all="ignore"):
        wanted = SPELLINGS[name](VALUES["z"], VALUES["m"])
    given = {node.op.name: VALUES[node.op.name] for node in net.inputs}
    chosen = "auto" if (name, backend) == ("cumsum", "native") else backend  # which has no code for it
    found = net(**given) if backend == "interpreter" else net.compile(chosen)({}, **given)
    np.testing.assert_allclose(found, wanted, rtol=1e-14)
    assert sf.from_json(net.to_json()) == net


# conditions written with SymPy, of an input and of a value: what NumPy says of the same
SYMPY: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "a piece": (lambda z: sp.Piecewise((z, z > 0), (0, True)), lambda z: np.where(z > 0, z, 0)),
    "and, or, not": (lambda z: sp.Piecewise((z, (z > 0) & ~(z > 1)), (2 * z, (z < -1) | (z >= 3)), (5, True)),
                     lambda z: np.where((z > 0) & ~(z > 1), z, np.where((z < -1) | (z >= 3), 2 * z, 5))),
    "nested pieces": (lambda z: sp.Piecewise((sp.Piecewise((z, z > 1), (3, True)), z > 0), (sp.exp(z), True)), lambda z: np.where(z > 0, np.where(z > 1, z, 3), np.exp(z))),
    "not a number": (lambda z: sp.Piecewise((7, np.isnan(np.log(z))), (z, True)), lambda z: np.where(np.isnan(np.log(z)), 7, z)),
    "SymPy's and, or, not": (lambda z: sp.Piecewise((z, sp.And(z > 0, sp.Not(z > 1))), (2 * z, sp.Or(z < -1, sp.Ge(z, 3))), (5, True)),
                             lambda z: np.where((z > 0) & ~(z > 1), z, np.where((z < -1) | (z >= 3), 2 * z, 5))),
    "a chosen condition": (lambda z: sp.Piecewise((z, sp.ITE(z > 0, z < 1, z < -1)), (9, True)), lambda z: np.where(np.where(z > 0, z < 1, z < -1), z, 9)),
    "implied and equivalent": (lambda z: sp.Piecewise((z, sp.Implies(z > 0, z > 1)), (9, sp.Equivalent(z > 0, z < 1)), (8, True)),
                               lambda z: np.where((z <= 0) | (z > 1), z, np.where((z > 0) == (z < 1), 9, 8))),
    "a truth value as a number": (lambda z: sp.exp(z > 0) + sp.tanh(z) * (z > 1), lambda z: np.exp(1.0 * (z > 0)) + np.tanh(z) * (z > 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", SYMPY)
@pytest.mark.parametrize("backend", BACKENDS)
def test_conditions_of_sympy_are_those_of_numpy(name: str, backend: str) -> None:
    build, meant = SYMPY[name]
    at, layer = VALUES["z"], sf.layer("f", lambda z: build(z + 1))
    with np.errstate(all="ignore"):
        for net, wanted in (
            (sf.Net.of(build(Z)), meant(at)),
            (sf.fold(lambda z, k: build(z - k), [1.0, 2.0], Z), meant(meant(at - 1) - 2)),
            (sf.fold(lambda z, f: f(z) + z, [layer], Z), meant(at + 1) + at),
        ):
            np.testing.assert_allclose(net.compile(backend)({}, z=at), wanted, rtol=1e-14)
            assert sf.from_json(net.to_json()) == net


# a branch without a value where it is not read: the net, and its gradient by hand
UNREAD: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "log": (lambda z: np.where(z > 0, np.log(z), 0.0), lambda z: np.where(z > 0, 1 / z, 0)),
    "one over": (lambda z: np.where(z > 0, 1 / z, z), lambda z: np.where(z > 0, -1 / z**2, 1)),
    "a root times a logarithm": (lambda z: np.where(z > 0, np.sqrt(z) * np.log(z), 0.0), lambda z: np.where(z > 0, np.log(z) / (2 * np.sqrt(z)) + 1 / np.sqrt(z), 0)),
    "both branches": (lambda z: np.where(z > 0, np.log(z), np.log(1 - z)), lambda z: np.where(z > 0, 1 / z, -1 / (1 - z))),
    "exp of exp": (lambda z: np.where(z < 1, np.exp(np.exp(100 * z)), z), lambda z: np.where(z < 1, 100 * np.exp(100 * z) * np.exp(np.exp(100 * z)), 1)),
    "nested": (lambda z: np.where(z > 0, np.where(z > 1, np.log(z - 1), 1 / z), 0.0), lambda z: np.where(z > 0, np.where(z > 1, 1 / (z - 1), -1 / z**2), 0)),
    "below a sum": (lambda z: np.where(z > 0, np.sum(np.where(z > 0, np.log(z), 0.0)) * z, 0.0),
                    lambda z: np.where(z > 0, np.sum(np.log(z[z > 0])) + np.sum(z[z > 0]) / z, 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREAD)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_branch_that_is_not_read_changes_no_gradient(name: str, backend: str) -> None:
    build, slope = UNREAD[name]
    at = np.array([-2.0, 0.0, 0.5, 3.0])
    gradient = sf.grad(sf.Net.of(build(Z).sum()), wrt="z").compile(backend)({}, z=at)["z"]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(gradient, slope(at), rtol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_in_folds_and_below_layers_as_well(backend: str) -> None:
    """A running product of logarithms of what is positive; and weights of a layer whose input is missing where its result is not read."""
    net = sf.fold(lambda s, v: np.where(v > 0, s * np.log(v), s), Z, sf.tensor("s"))
    at = {"z": np.array([-1.0, 0.0, 2.0, 5.0]), "s": 3.0}
    gradient = sf.grad(net, wrt=["z", "s"]).compile(backend)({}, **at)
    product = np.log(2.0) * np.log(5.0)
    np.testing.assert_allclose(gradient["s"], product, rtol=1e-13)
    np.testing.assert_allclose(gradient["z"], [0, 0, 3 * product / np.log(2.0) / 2, 3 * product / np.log(5.0) / 5], rtol=1e-12)
    written = sf.unroll(net)
    for name, value in sf.grad(written, wrt=["z", "s"]).compile(backend)({}, **at).items():
        np.testing.assert_allclose(value, gradient[name], rtol=1e-13)
    x, mask = sf.tensor("x", (3, 2)), np.array([[1.0], [0.0], [1.0]])
    layer = sf.layer("f", sf.dense(2, 2, sf.tanh))
    loss = sf.Net.of(np.where(mask, layer(x), 0.0).sum())
    data = np.array([[1.0, 2.0], [np.nan, np.inf], [0.5, -1.0]])
    params = loss.init(seed=0)
    missing = sf.grad(loss).compile(backend)(params, x=data)
    present = sf.grad(sf.Net.of(layer(sf.tensor("x", (2, 2))).sum())).compile(backend)(params, x=data[[0, 2]])
    for name in present:
        np.testing.assert_allclose(missing[name], present[name], rtol=1e-12)


def test_second_derivatives() -> None:
    z = sf.tensor("z")
    first = sf.grad(sf.Net.of(np.where(z > 0, z**3, z**2)), wrt="z")["z"]
    second = sf.grad(sf.Net.of(first), wrt="z")
    assert [float(second(z=at)["z"]) for at in (2.0, -2.0)] == [12.0, 2.0]


@given(st.lists(st.floats(-3, 3).filter(lambda v: abs(v) > 1e-3), min_size=4, max_size=4), st.floats(-1, 1))
def test_gradients_are_those_of_finite_differences(entries: list[float], bound: float) -> None:
    at = np.array([entry if abs(entry - bound) > 1e-3 else entry + 0.01 for entry in entries])
    net = sf.Net.of((np.where(bound < Z, np.sin(Z) * Z, np.clip(Z, -2.5, bound) ** 2) * np.arange(1.0, 5.0)).sum())
    slope = sf.grad(net, wrt="z")(z=at)["z"]
    for k in range(4):
        step = 1e-6 * np.eye(4)[k]
        if abs(abs(at[k]) - 2.5) > 1e-3:
            assert abs((float(net(z=at + step)) - float(net(z=at - step))) / 2e-6 - slope[k]) < 1e-5


def test_piecewise_and_relations_of_sympy() -> None:
    s = sp.Symbol("s", real=True)
    pieces = sp.Piecewise((s**2, sp.And(s > 0, s < 2)), (sp.log(-s), s < -1), (7, sp.Or(sp.Eq(s, 0), s > 5)), (s, True))
    net = sf.Net.of(pieces)
    for at in (-3.0, -0.5, 0.0, 1.0, 3.0, 6.0):
        assert float(net(s=at)) == pytest.approx(float(pieces.subs(s, at)), rel=1e-14)
    assert np.isnan(float(sf.Net.of(sp.Piecewise((s, s > 0)))(s=-1.0)))


def test_a_choice_is_one_node_and_no_answer_is_given_before_there_are_numbers() -> None:
    net = sf.Net.of(np.where(Z > 0, Z, 1.0))
    kinds = [data["label"] for _, data in net.graph(level="primitive").nodes(data=True)]
    assert len(kinds) == 6, kinds  # z, 0, the comparison, 1.0, the choice, the result
    for ask in (lambda: bool(Z > 0), lambda: bool(net > 0), lambda: 1 if Z[0] < 2 else 0):
        with pytest.raises(sf.errors.InvalidType, match=r"neither true nor false.*np\.where"):
            ask()


def test_stopped_gradients() -> None:
    net = sf.Net.of((sf.stop_gradient(Z) * Z).sum())
    for backend in BACKENDS:
        np.testing.assert_array_equal(sf.grad(net, wrt="z").compile(backend)({}, z=VALUES["z"])["z"], VALUES["z"])
    x = sf.tensor("x")
    f = sf.layer("f")
    assert sf.paths(sf.Net.of(sf.stop_gradient(f(x)) + f(x))).count == 1
    series = sf.series(sf.Net.of(sf.stop_gradient(f(x)) + x))
    assert str(series) == "x + epsilon*stop_gradient(f(x)) + O(epsilon**4)"  # a value like any other


def test_a_condition_is_no_plain_truth_value() -> None:
    """== and != compare structures, so that z == 2 is False before there are numbers."""
    for choice in (lambda: np.where(Z == 2, 1.0, Z), lambda: np.where(Z != Z, 0.0, Z)):
        with pytest.raises(sf.errors.NoRule, match=r"write np\.equal"):
            choice()


def test_sympys_pieces_trace_inside_a_mapper() -> None:
    f, z = sf.layers("f1:3"), sf.tensor("z", (3,))
    by_sympy = sf.fold(lambda s, k: sp.Piecewise((k(s), (s > 0) & ~(s > 2)), (0, True)) + s, f, z)
    by_numpy = sf.fold(lambda s, k: np.where((s > 0) & ~(s > 2), k(s), 0) + s, f, z)
    bodies = {"f1": lambda v: v**2, "f2": lambda v: v + 1}
    value = np.array([-1.0, 1.5, 3.0])
    np.testing.assert_array_equal(by_sympy.bind(bodies)(value), by_numpy.bind(bodies)(value))
