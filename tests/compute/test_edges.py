"""Agreement at the edges: every backend and the interpreter give NumPy's value, in float64 and in one shape, where there are no
rows, one entry or no axis, where a division has no value, and where constants are whole numbers, truth values, nan or infinite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symfold as sf
from symfold.compute.backends.table import installed
from symfold.mappers.expressions import named_mapper

BACKENDS = ["interpreter", *installed()]
X, S, Z = sf.tensor("x", (None, 3)), sf.tensor("s", ()), sf.tensor("z", (8,))
W = sf.parameter("W", (3, 2))
EMPTY = np.zeros((0, 3))
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 2.0, np.inf, -np.inf, np.nan])
NET = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(3, 3, sf.tanh)), X)


def computed(net: Any, backend: str, params: Any = None, **values: Any) -> list[Any]:
    """The outputs, in their order."""
    whole = sf.Net.of(net)
    values = {node.op.name: values[node.op.name] for node in whole.inputs}
    with np.errstate(all="ignore"):
        result = whole(params or {}, **values) if backend == "interpreter" else whole.compile(backend)(params or {}, **values)
    return list(result.values()) if isinstance(result, Mapping) else list(result) if isinstance(result, tuple) else [result]


def check(net: Any, wanted: list[Any], backend: str, params: Any = None, **values: Any) -> None:
    results = computed(net, backend, params, **values)
    assert len(results) == len(wanted)
    for result, right in zip(results, wanted, strict=True):
        assert isinstance(result, (np.ndarray, np.float64)) and result.dtype == np.float64
        assert np.shape(result) == np.shape(right)
        np.testing.assert_allclose(result, np.asarray(right, dtype=float), rtol=1e-14, atol=0)


def slope(value: Any, *names: str) -> sf.Net:
    return sf.grad(sf.Net.of(np.sum(value)), wrt=list(names))


ROWS: dict[str, tuple[Any, Any]] = {  # a net that reads no rows x, and what it gives
    "elementwise": (X * 2 + 1, EMPTY),
    "with a row": (X + np.ones((1, 3)), EMPTY),
    "sum": (X.sum(), 0.0),
    "sum of columns": (np.sum(X, axis=0), np.zeros(3)),
    "sum of rows": (np.sum(X, axis=1), np.zeros(0)),
    "mean": (X.mean(), np.nan),
    "mean of columns": (np.mean(X, axis=0), np.full(3, np.nan)),
    "mean of rows": (np.mean(X, axis=1), np.zeros(0)),
    "maximum": (np.max(X), -np.inf),
    "minimum": (-np.max(-X), np.inf),
    "maximum of columns": (np.max(X, axis=0), np.full(3, -np.inf)),
    "maximum of columns, axis kept": (np.max(X, axis=0, keepdims=True), np.full((1, 3), -np.inf)),
    "maximum of rows": (np.max(X, axis=1), np.zeros(0)),
    "softmax": (sf.softmax(X), EMPTY),
    "softmax of columns": (sf.softmax(X, axis=0), EMPTY),
    "logsumexp of rows": (sf.logsumexp(X, axis=1), np.zeros(0)),
    "logsumexp of columns": (sf.logsumexp(X, axis=0), np.full(3, -np.inf)),
    "product": (np.dot(X, np.ones((3, 2))), np.zeros((0, 2))),
    "product over rows": (np.dot(X.T, X), np.zeros((3, 3))),
    "einsum": (np.einsum("ij,ik->jk", X, X), np.zeros((3, 3))),
    "side by side": (np.concatenate([X, X], axis=1), np.zeros((0, 6))),
    "one after the other": (np.concatenate([X, np.ones((2, 3))], axis=0), np.ones((2, 3))),
    "stacked": (np.stack([X, X]), np.zeros((2, 0, 3))),
    "transposed": (X.T, np.zeros((3, 0))),
    "flat": (np.reshape(X, (-1,)), np.zeros(0)),
    "a column": (X[:, 0], np.zeros(0)),
    "a scan": (sf.scan(lambda z, u: z + u, [1.0, 2.0], X), np.zeros((2, 0, 3))),
    "layer norm": (sf.layer("f", lambda z: (z - np.mean(z, axis=1, keepdims=True)) ** 2)(X), EMPTY),
    "slope of sum": (slope(X**2, "x"), EMPTY),
    "slope of mean": (sf.grad(sf.Net.of((X**2).mean()), wrt=["x"]), EMPTY),
    "slope of mean of rows": (slope(np.mean(X**2, axis=1), "x"), EMPTY),
    "slope of maximum": (slope(np.max(X, axis=1), "x"), EMPTY),
    "slope of maximum of columns": (slope(np.max(X, axis=0), "x"), EMPTY),
    "slope of softmax": (slope(sf.softmax(X) ** 2, "x"), EMPTY),
    "slope of logsumexp": (slope(sf.logsumexp(X, axis=1), "x"), EMPTY),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ROWS)
def test_no_rows(name: str, backend: str) -> None:
    net, wanted = ROWS[name]
    check(net, [wanted], backend, x=EMPTY)


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_sum_along_an_empty_axis_but_zero(backend: str) -> None:
    a, b = sf.tensor("a", (2, None)), sf.tensor("b", (None, 4))
    check(np.dot(a, b), [np.zeros((2, 4))], backend, a=np.zeros((2, 0)), b=np.zeros((0, 4)))
    check(np.sum(a, axis=1), [np.zeros(2)], backend, a=np.zeros((2, 0)))
    check(slope(np.dot(a, b), "a", "b"), [np.zeros((2, 0)), np.zeros((0, 4))], backend, a=np.zeros((2, 0)), b=np.zeros((0, 4)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loss_of_no_rows_moves_nothing(backend: str) -> None:
    target, params = sf.tensor("t", (None, 3)), NET.init(0)
    still = [np.zeros(np.shape(value)) for value in params.values()]
    check(NET, [EMPTY], backend, params, x=EMPTY)
    check(sf.grad(sf.squared_error(NET, target)), still, backend, params, x=EMPTY, t=EMPTY)
    check(sf.grad(sf.Net.of(((NET - target) ** 2).mean())), still, backend, params, x=EMPTY, t=EMPTY)


KINDS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "dense": (lambda: sf.dense(3, 3), (3,)), "perceptron": (lambda: sf.perceptron(3, 4), (3,)), "layer_norm": (lambda: sf.layer_norm(3), (3,)),
    "attention": (lambda: sf.attention(6, 2), (4, 6)), "causal attention": (lambda: sf.attention(6, 2, causal=True), (4, 6)),
    "convolution": (lambda: sf.convolution(2, 2), (2, 5, 5)), "batch_norm": (lambda: sf.batch_norm(2), (2, 5, 5)),
    "batch_norm of rows": (lambda: sf.batch_norm(2, axes=0), (2,)),
}  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", KINDS)
def test_a_layer_of_no_rows(name: str, backend: str) -> None:
    kind, shape = KINDS[name]
    net = sf.Net.of(sf.layer("f", kind())(sf.tensor("x", (None, *shape))))
    params, none = net.init(0), np.zeros((0, *shape))
    check(net, [none], backend, params, x=none)
    check(sf.grad(sf.Net.of((net**2).sum())), [np.zeros(np.shape(value)) for value in params.values()], backend, params, x=none)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "0/z": lambda z: 0 / z, "0.0/z": lambda z: 0.0 / z, "z/z": lambda z: z / z, "1/z": lambda z: 1 / z, "0*(1/z)": lambda z: 0 * (1 / z),
    "z/0": lambda z: z / 0, "z*0": lambda z: z * 0, "(z - z)/z": lambda z: (z - z) / z, "z**0": lambda z: z**0, "z**-1": lambda z: z**-1,
    "z**-2": lambda z: z**-2, "0**z": lambda z: 0.0**z, "1**z": lambda z: 1.0**z, "log": np.log, "sqrt": np.sqrt, "abs": abs, "sign": np.sign,
    "maximum": lambda z: np.maximum(z, 0.0), "minimum": lambda z: np.minimum(0.0, z), "maximum of itself": lambda z: np.maximum(z, z),
    "heaviside": lambda z: np.heaviside(z, 0.5), "floor": np.floor, "exp": np.exp, "log1p": np.log1p, "expm1": np.expm1, "hypot": lambda z: np.hypot(z, z),
    "z + nan": lambda z: z + np.nan, "z*nan": lambda z: z * np.nan, "z + inf": lambda z: z + np.inf, "z - inf": lambda z: z - np.inf,
    "z*inf": lambda z: z * np.inf, "inf/z": lambda z: np.inf / z, "maximum of nan": lambda z: np.maximum(z, np.nan),
    "minimum of inf": lambda z: np.minimum(z, np.inf), "z**inf": lambda z: z**np.inf, "z**nan": lambda z: z**np.nan, "nan**z": lambda z: np.nan**z,
    "times whole numbers": lambda z: z * np.arange(8), "times truth values": lambda z: z * np.array([True, False] * 4),
    "times small whole numbers": lambda z: z * np.full(8, 100, dtype=np.int8) * np.full(8, 100, dtype=np.int8), "times nans": lambda z: z * np.full(8, np.nan),
}  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_numbers(name: str, backend: str) -> None:
    """In an array, alone, and as the steps of a fold."""
    function = FUNCTIONS[name]
    with np.errstate(all="ignore"):
        right = [function(SPECIAL), function(function(SPECIAL))]
    if name == "times small whole numbers":  # in NumPy int8 times int8 would wrap around; the net multiplies from the left
        right = [SPECIAL * 1e4, SPECIAL * 1e8]
    nets = [function(Z), sf.fold(lambda z, _: function(z), range(2), Z)]
    if "times" not in name:
        nets, right = [*nets, function(S)], [*right, right[0][0]]
    check(tuple(nets), right, backend, z=SPECIAL, s=SPECIAL[0])


SLOPES: dict[str, tuple[Callable[[Any], Any], list[float]]] = {  # at 0, 1, 2, inf
    "0/z": (lambda z: 0 / z, [np.nan, 0, 0, 0]),
    "1/z": (lambda z: 1 / z, [-np.inf, -1, -0.25, 0]),
    "z*0": (lambda z: z * 0, [0, 0, 0, 0]),
    "z + nan": (lambda z: z + np.nan, [1, 1, 1, 1]),
    "z*nan": (lambda z: z * np.nan, [np.nan] * 4),
    "z*inf": (lambda z: z * np.inf, [np.inf] * 4),
    "log": (np.log, [np.inf, 1, 0.5, 0]),
    "sqrt": (np.sqrt, [np.inf, 0.5, 0.5 / np.sqrt(2), 0]),
    "exp": (np.exp, [1, np.e, np.e**2, np.inf]),
    "sign": (np.sign, [0, 0, 0, 0]),
    "times truth values": (lambda z: z * np.array([True, False, True, False]), [1, 0, 1, 0]),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", SLOPES)
def test_slopes_at_special_numbers(name: str, backend: str) -> None:
    function, right = SLOPES[name]
    z = sf.tensor("z", (4,))
    check(slope(function(z), "z"), [np.array(right)], backend, z=np.array([0.0, 1.0, 2.0, np.inf]))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "text, function",
    [
        ("max(z)", lambda z, x: z), ("min(z)", lambda z, x: z), ("max(f(z))", lambda z, x: np.tanh(z)), ("max(2)", lambda z, x: 2.0), ("max(2, 3)", lambda z, x: 3.0),
        ("max(z, x)", np.maximum), ("min(z, x, 1)", lambda z, x: np.minimum(np.minimum(z, x), 1)), ("0/z", lambda z, x: 0 / z), ("max(z, 0)/z", lambda z, x: np.maximum(z, 0) / z),
    ],
)  # fmt: skip
def test_typed_expressions(text: str, function: Callable[[Any, Any], Any], backend: str) -> None:
    value = np.array([[0.0, 1.0, -2.0]])
    right = value
    with np.errstate(all="ignore"):
        for _ in range(2):
            right = function(right, value)
    check(sf.fold(named_mapper(text).make(X), sf.layers("f1:3", sf.tanh), X), [right], backend, x=value)


ITEMS: dict[str, Any] = {
    "numbers": [2, 3, 4], "again": [2, 3, 2], "all the same": [2, 2, 2], "one": [2], "rates": [0.5, 0.25, 0.5, 0.25], "fractions": [sp.Rational(1, 2), sp.Rational(1, 4), sp.Rational(1, 2)],
    "pi": [2, sp.pi, 2], "nan": [np.nan, 1, np.nan], "infinite": [np.inf, -np.inf, 1.0], "truth values": [True, False, True],
    "rows": [np.array([1, 2]), np.array([3, 4]), np.array([1, 2])], "an array": np.array([2, 3, 2]), "a row": np.array([[2.0, 3.0]]),
    "an array of truth values": np.array([True, False, True]), "small whole numbers": np.array([100, 100, 100, 3], dtype=np.int8), "halves": np.array([0.5, 1.5], dtype=np.float16),
    "zeros": [0, -0.0, 0], "large": [2**40, 2**40, 3], "an array of large numbers": np.array([2**40, 2**40, 3]),
}  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ITEMS)
def test_constants_as_items(name: str, backend: str) -> None:
    """Multiplied and added, last state and all of them, forward and backward, from an input and from a number; and the slope."""
    items, start = ITEMS[name], np.array([1.0, -1.0])
    u = sf.tensor("u", (2,))
    numbers = [np.asarray(item, dtype=float) for item in items]
    states = [start]
    with np.errstate(all="ignore"):
        for item in numbers:
            states.append(states[-1] * 3 + item)
        product, backward = start, start
        for item in numbers:
            product = product * item
        for item in numbers[::-1]:
            backward = backward * 2 + item
        factor = product / start
    multiplied = sf.fold(lambda z, p: z * p, items, u)
    nets = (
        multiplied,
        sf.fold(lambda z, p: z * p, items, 1),
        sf.scan(lambda z, p: z * 3 + p, items, u),
        sf.fold(lambda z, p: z * 2 + p, sf.reverse(sf.stack(list(items))), u),
        slope(multiplied, "u")["u"],
    )
    alone = factor if np.ndim(numbers[0]) else factor[0]
    check(nets, [product, alone, np.stack(states[1:]), backward, factor], backend, u=start)


CONSTANTS: dict[str, tuple[Any, Any]] = {
    "a whole number": (3, 3.0), "a number": (0.5, 0.5), "nan": (np.nan, np.nan), "infinity": (-np.inf, -np.inf), "a fraction": (sp.Rational(1, 4), 0.25),
    "whole numbers": (np.array([1, 2]), [1.0, 2.0]), "truth values": (np.array([True, False]), [1.0, 0.0]), "single precision": (np.array([0.1], dtype=np.float32), [np.float32(0.1)]),
    "nans": (np.array([np.nan, np.inf]), [np.nan, np.inf]), "no numbers": (np.zeros((0, 2)), np.zeros((0, 2))), "a power": (sf.stack([2, 3]) ** 70, [2.0**70, 3.0**70]),
    "a reciprocal": (sf.stack([2, 4]) ** -1, [0.5, 0.25]), "a quotient": (sf.stack([1, 2]) / sf.stack([2, 8]), [0.5, 0.25]), "a product": (sf.stack([2**40, 1]) * 2**40, [2.0**80, 2.0**40]),
}  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CONSTANTS)
def test_nets_of_constants_alone(name: str, backend: str) -> None:
    value, right = CONSTANTS[name]
    check(sf.Net.of(value), [right], backend)
    assert sf.from_json(sf.Net.of(value).to_json()) == sf.Net.of(value)


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_axis_and_axes_of_one(backend: str) -> None:
    a, b = sf.tensor("a", (1, 3)), sf.tensor("b", (2, 3))
    ones = {"a": np.ones((1, 3)), "b": np.full((2, 3), 2.0)}
    for net, right in ((S * 2, 6), (S.sum(), 3), (S.mean(), 3), (np.max(S), 3), (sf.softmax(sf.stack([S])), [1])):
        check(net, [right], backend, s=3.0)
    check(slope(S**2, "s"), [6.0], backend, s=3.0)
    check(np.sum(a, axis=0), [np.ones(3)], backend, a=ones["a"])
    check(np.max(a, axis=0), [np.ones(3)], backend, a=ones["a"])
    check(sf.softmax(sf.tensor("c", (3, 1))), [np.ones((3, 1))], backend, c=np.ones((3, 1)))
    check(slope(a * b, "a", "b"), [np.full((1, 3), 4.0), np.ones((2, 3))], backend, **ones)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int32, np.int64, np.float16, np.float32])
def test_inputs_of_any_type_are_numbers(dtype: Any, backend: str) -> None:
    values = np.array([1, 0, 1]).astype(dtype)
    check(sf.tensor("u") * 200 + sf.tensor("u"), [values.astype(float) * 201], backend, u=values)


def test_formulas_of_nan_and_infinity() -> None:
    """In every style, and as SymPy's own."""
    net = sf.Net.of(Z * np.nan + np.inf)
    assert net.expr.has(sp.nan) and net.expr.has(sp.oo)
    for form in ("fold", "steps", "expanded"):
        for style in ("text", "unicode", "latex", "mathml"):
            assert sf.formula(net, form=form, style=style)


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "jax"])  # `jax.jit` makes them one
def test_constants_that_differ_by_the_sign_of_zero_stay_separate(backend: str) -> None:
    x = sf.tensor("x", (2,))
    net = np.arctan2(np.array([0.0, 1.0]), x) + np.arctan2(np.array([-0.0, 1.0]), x)
    check(net, [[0.0, np.pi / 2]], backend, x=[-1.0, 1.0])
