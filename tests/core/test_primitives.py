"""Each primitive: its shape rule gives the shape that NumPy's result has, and its numbers are NumPy's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.compute.backends.table import installed
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives import PRIMITIVES, is_primitive
from symfold.transform.specialize import with_shapes

R = np.random.default_rng(0)
A, B, V, T = R.normal(size=(2, 3)), R.normal(size=(3, 4)), R.normal(size=3), R.normal(size=(4, 2, 3))

# name of the row -> how NumPy spells it, and arrays to spell it on
ROWS: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("dot", np.dot, (A, B)),
    ("dot", np.dot, (V, B)),
    ("dot", np.dot, (A, V)),
    ("dot", np.dot, (V, V)),
    ("dot", np.matmul, (T, B)),
    ("dot", lambda a, b: a @ b, (T, V)),
    ("transpose", np.transpose, (A,)),
    ("sum", np.sum, (A,)),
    ("sum", lambda a: np.sum(a, axis=0), (A,)),
    ("sum", lambda a: a.sum(axis=-1, keepdims=True), (T,)),
    ("sum", lambda a: np.sum(a, axis=(0, 2)), (T,)),
    ("mean", np.mean, (A,)),
    ("mean", lambda a: np.mean(a, axis=1, keepdims=True), (T,)),
    ("reshape", lambda a: np.reshape(a, (3, 2)), (A,)),
    ("reshape", lambda a: a.reshape(-1, 2), (T,)),
    ("concatenate", lambda a, b: np.concatenate([a, b], axis=-1), (A, A)),
    ("concatenate", lambda a, b: np.concatenate([a, b]), (A, A)),
    ("expand", lambda a: np.expand_dims(a, 1), (A,)),
    ("broadcast_to", lambda a: np.broadcast_to(a, (2, 3)), (V,)),
    ("item", lambda a: a[1], (A,)),
    ("item", lambda a: a[..., 1:], (T,)),
    ("item", lambda a: a[-1, :, 0], (T,)),
    ("item", lambda a: a[:, :, ::2], (T,)),
    ("reverse", lambda a: np.flip(a, 0), (T,)),
]


@pytest.mark.parametrize("name, function, arrays", ROWS)
def test_numpys_spelling_traces_to_the_row_with_numpys_shape_and_numbers(name: str, function: Any, arrays: tuple[Any, ...]) -> None:
    tensors = [sf.tensor(f"a{k}", array.shape) for k, array in enumerate(arrays)]
    node = function(*tensors)
    wanted = function(*arrays)
    assert isinstance(node, Node) and is_primitive(node, PRIMITIVES[name])
    assert node.shape == wanted.shape
    given = Net.of(node)(**{f"a{k}": array for k, array in enumerate(arrays)})
    assert np.shape(given) == wanted.shape
    np.testing.assert_allclose(given, wanted, rtol=1e-14)


@pytest.mark.parametrize("name, function, arrays", ROWS)
def test_sizes_that_come_late_give_the_same_shape(name: str, function: Any, arrays: tuple[Any, ...]) -> None:
    late = [sf.tensor(f"a{k}", (None, *array.shape[1:])) for k, array in enumerate(arrays)]
    net = with_shapes(Net.of(function(*late)), {f"a{k}": array.shape for k, array in enumerate(arrays)})
    assert net.shape == function(*arrays).shape


def test_softmax_and_logsumexp_do_not_overflow() -> None:
    x = sf.tensor("x", (2, 3))
    large = np.array([[1e3, 0.0, -1e3], [1.0, 2.0, 3.0]])
    with np.errstate(all="raise", under="ignore"):
        soft, total = Net.of((sf.softmax(x), sf.logsumexp(x)))(large)
    np.testing.assert_allclose(soft.sum(axis=-1), 1)
    np.testing.assert_allclose(total, [1e3, np.log(np.exp([1.0, 2.0, 3.0]).sum())])


@pytest.mark.parametrize(
    "function, message",
    [
        (lambda a: np.dot(a, np.ones((4, 2))), r"\(2, 3\) and \(4, 2\): 3 columns meet 4 rows"),
        (lambda a: a.sum(axis=2), "axis 2 is out of bounds for 2 axes"),
        (lambda a: a.reshape(4, 2), r"cannot reshape \(2, 3\) into \(4, 2\)"),
        (lambda a: a[5], r"index 5 is out of bounds for \(2, 3\)"),
        (lambda a: a[0, 0, 0], "too many indices"),
        (lambda a: np.concatenate([a, a[0]]), "cannot concatenate"),
        (lambda a: np.concatenate([a, a[:, :1]]), r"cannot concatenate \(2, 3\) and \(2, 1\) along axis -2: their other sizes"),
        (lambda a: np.hstack([a, a[:1]]), r"cannot concatenate \(2, 3\) and \(1, 3\) along axis -1: their other sizes"),
        (lambda a: np.stack([a, a[0]]), r"cannot stack \(2, 3\) and \(3,\)"),
        (lambda a: np.broadcast_to(a, (4, 4)), r"cannot broadcast \(2, 3\) to \(4, 4\)"),
        (lambda a: a + np.ones(4), r"cannot add \(2, 3\) to \(4,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(function: Any, message: str) -> None:
    with pytest.raises(sf.errors.ShapeError, match=message):
        function(sf.tensor("a", (2, 3)))


@pytest.mark.parametrize("backend", installed())
def test_joins_do_not_broadcast_sizes_that_come_late(backend: Any) -> None:
    a, b = sf.tensor("a", (None, 3)), sf.tensor("b", (1, 3))
    for join in (lambda: np.concatenate([a, b], axis=1), lambda: np.stack([a, b])):
        net = Net.of(join())
        assert net.compile(backend=backend)(a=np.ones((1, 3)), b=np.ones((1, 3))).shape == net.compile()(a=np.ones((1, 3)), b=np.ones((1, 3))).shape
        with pytest.raises(sf.SymfoldError):
            net.compile(backend=backend)(a=np.ones((2, 3)), b=np.ones((1, 3)))


@pytest.mark.parametrize("function", [np.linalg.inv, np.sort, np.cumprod, lambda a: np.add.reduce(a), lambda a: a[[0, 1]]])
def test_what_has_no_rule_says_so(function: Any) -> None:
    with pytest.raises(NotImplementedError, match="does not trace"):
        function(sf.tensor("a", (2, 2)))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, (0, 1), (0, 2), (1, 2), (-3, -1), (0, 1, 2)])
@pytest.mark.parametrize("name", ["sum", "mean", "softmax", "logsumexp"])
def test_reductions_over_any_axes_have_numpys_value_and_the_right_slope(name: str, axis: Any) -> None:
    """Also in a layer's body, which is traced before its input's shape is known."""
    functions = {
        "sum": lambda z: np.sum(z, axis=axis),
        "mean": lambda z: np.mean(z, axis=axis),
        "softmax": lambda z: sf.softmax(z, axis=axis),
        "logsumexp": lambda z: sf.logsumexp(z, axis=axis),
    }
    value = np.random.default_rng(0).normal(size=(2, 4, 3))
    weights = np.exp(value)
    wanted = {
        "sum": lambda: np.sum(value, axis=axis),
        "mean": lambda: np.mean(value, axis=axis),
        "softmax": lambda: weights / weights.sum(axis=axis, keepdims=True),
        "logsumexp": lambda: np.log(weights.sum(axis=axis)),
    }[name]()
    z = sf.tensor("z", (2, 4, 3))
    for net in (sf.Net.of(functions[name](z)), sf.Net.of(sf.layer("f", functions[name])(z))):
        np.testing.assert_allclose(net(value), wanted, rtol=1e-12)
        np.testing.assert_allclose(net.compile()({}, z=value), wanted, rtol=1e-12)
        assert sf.check_grad(sf.Net.of((net * net).sum()), {"z": value}) < 1e-6


def test_axes_of_bodies_are_those_of_their_inputs() -> None:
    value = np.arange(12.0).reshape(4, 3)
    for body in (lambda z: np.expand_dims(z, 1), lambda z: np.concatenate([z, z], axis=0), lambda z: np.concatenate([z, z], axis=1)):
        net = sf.fold(lambda z, f: f(z), [sf.layer("f", body)], sf.tensor("x", (4, 3)))
        np.testing.assert_array_equal(net(value), body(value))
        np.testing.assert_array_equal(net.compile()({}, x=value), body(value))
