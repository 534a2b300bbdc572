"""Convolution, batch norm and pooling, and what they are made of: against loops over every entry."""

from typing import Any

import numpy as np
import pytest
from cases import values_of

import symfold as sf
from symfold.core.primitives import add_windows, windows
from symfold.errors import NoRule, ShapeError

X = np.random.default_rng(0).normal(size=(2, 3, 5, 6))


def by_hand(x: Any, W: Any, b: Any, stride: int, padding: int) -> Any:
    """Entry by entry."""
    samples, channels, height, width = x.shape
    padded = np.zeros((samples, channels, height + 2 * padding, width + 2 * padding))
    padded[:, :, padding : padding + height, padding : padding + width] = x
    outputs, _, size, _ = W.shape
    rows, columns = ((full + 2 * padding - size) // stride + 1 for full in (height, width))
    out = np.zeros((samples, outputs, rows, columns))
    for n, o, y, z in np.ndindex(*out.shape):
        patch = padded[n, :, y * stride : y * stride + size, z * stride : z * stride + size]
        out[n, o, y, z] = (patch * W[o]).sum() + b[o, 0, 0]
    return out


@pytest.mark.parametrize("size, stride, padding", [(3, 1, 1), (3, 2, 1), (1, 1, 0), (2, 2, 0), (4, 3, 2), (5, 1, 0)])
def test_a_convolution_is_the_sum_over_windows(size: int, stride: int, padding: int) -> None:
    kind = sf.convolution(3, 4, size, stride=stride, padding=padding)
    for samples in (None, 2):
        net = sf.Net.of(sf.layer("f1", kind)(sf.tensor("x", (samples, 3, 5, 6))))
        values = {**values_of(net), "x": X}
        wanted = by_hand(X, values["W1"], values["b1"], stride, padding)
        for found in (net(values), net.compile("numpy")({}, **values)):
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
        assert sf.check_grad(sf.Net.of((net * net).sum()), values, tolerance=1e-6) < 1e-6
        assert sf.from_json(net.to_json()) == net


@pytest.mark.parametrize("stride, padding", [((1, 1), (0, 0)), ((2, 1), (1, 0)), ((2, 3), (2, 1))])
def test_windows_and_their_adjoint_are_transposes(stride: Any, padding: Any) -> None:
    """<windows(a), c> == <a, add_windows(c)>, and the second derivatives too: each is the other's adjoint."""
    how = {"kernel": (3, 2), "stride": stride, "padding": padding, "dilation": (1, 1), "fill": 0.0}
    read = windows(sf.tensor("a", (2, 5, 6)), **how)
    a, c = np.random.default_rng(1).normal(size=(2, 5, 6)), np.random.default_rng(2).normal(size=read.shape)
    back = sf.Net.of(add_windows(sf.tensor("c", read.shape), sf.tensor("a", (2, 5, 6)), **how))
    assert np.vdot(sf.Net.of(read)(a), c) == pytest.approx(np.vdot(a, back(c=c, a=a)), rel=1e-12)
    assert sf.check_grad(sf.Net.of((back * back).sum()), tolerance=1e-6) < 1e-6


def test_pooling() -> None:
    x = sf.tensor("x", (None, 3, 5, 6))
    cut = X[:, :, :4, :6].reshape(2, 3, 2, 2, 3, 2)
    for pool, wanted in ((sf.max_pool, cut.max(axis=(3, 5))), (sf.mean_pool, cut.mean(axis=(3, 5)))):
        net = sf.Net.of(pool(x))
        np.testing.assert_allclose(net(X), wanted, rtol=1e-14)
        assert pool(sf.Net.of(x)) == net
        assert sf.check_grad(sf.Net.of((net * net).sum()), {"x": X}, tolerance=1e-6) < 1e-6


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_the_largest_entry(axis: Any, keepdims: bool) -> None:
    net = sf.Net.of(np.max(sf.tensor("x", (2, 4, 3)), axis=axis, keepdims=keepdims))
    value = np.random.default_rng(0).normal(size=(2, 4, 3))
    np.testing.assert_array_equal(net(value), value.max(axis=axis, keepdims=keepdims))
    assert sf.check_grad(sf.Net.of((net * net).sum()), {"x": value}, tolerance=1e-6) < 1e-6
    equal = sf.grad(sf.Net.of(np.max(sf.tensor("x", (3,)))), wrt=["x"])(x=np.ones(3))
    np.testing.assert_array_equal(equal["x"], [1 / 3, 1 / 3, 1 / 3])  # equal entries share the slope


@pytest.mark.parametrize("text, shapes", [
    ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij->ji", [(2, 3)]), ("bij,bkj->bik", [(2, 3, 4), (2, 5, 4)]), ("i,j,k->kji", [(2,), (3,), (4,)]),
    ("ab,bc,cd->ad", [(2, 3), (3, 4), (4, 2)]), ("i,i->", [(4,), (4,)]),
])  # fmt: skip
def test_einsum(text: str, shapes: list[Any]) -> None:
    values = {f"a{k}": np.random.default_rng(k).normal(size=shape) for k, shape in enumerate(shapes)}
    net = sf.Net.of(np.einsum(text, *(sf.tensor(name, value.shape) for name, value in values.items())))
    np.testing.assert_allclose(net(values), np.einsum(text, *values.values()), rtol=1e-12)
    assert net.shape == np.einsum(text, *values.values()).shape
    assert sf.check_grad(sf.Net.of((net * net).sum()), values, tolerance=1e-6) < 1e-6


@pytest.mark.parametrize("text, shapes, error, words", [
    ("ij,jk->ik", [(2, 3), (4, 5)], ShapeError, "has the axis 'j' with sizes 3 and 4"),
    ("ij->ji", [(2, 3, 4)], ShapeError, "names 2 axes 'ij' of a value of shape"),
    ("ii->i", [(2, 2)], NoRule, "names an axis twice in 'ii'"), ("ij->i", [(2, 2)], NoRule, "sums 'j' over one operand alone"),
    ("ij,jk", [(2, 2), (2, 2)], NoRule, "write letters for the axes"), ("ij->ik", [(2, 2)], NoRule, "operand"),
    ("i,j->ij", [(2,)], NoRule, "names 2 operands, and 1 are given"),
])  # fmt: skip
def test_what_einsum_does_not_take_is_named(text: str, shapes: list[Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        np.einsum(text, *(sf.tensor(f"a{k}", shape) for k, shape in enumerate(shapes)))


def test_windows_that_do_not_fit_are_named() -> None:
    with pytest.raises(ShapeError, match=r"windows of \(7, 7\) do not fit into \(1, 1, 5, 6\)"):
        sf.layer("f", sf.convolution(1, 1, 7, padding=0))(sf.tensor("x", (1, 1, 5, 6)))
    with pytest.raises(ShapeError, match=r"takes \(samples, channels, 2 more axes\), got \(1, 5, 6\)"):
        sf.layer("f", sf.convolution(1, 1, 3))(sf.tensor("x", (1, 5, 6)))
    with pytest.raises(ShapeError, match=r"windows are taken along 2 last axes, got a value of shape \(5,\)"):
        sf.max_pool(sf.tensor("x", (5,)))


def test_a_batch_norm_has_mean_and_variance_by_channel() -> None:
    net = sf.Net.of(sf.layer("f1", sf.batch_norm(3))(sf.tensor("x", (None, 3, 5, 6))))
    values = {**values_of(net), "x": X}
    mean, variance = X.mean(axis=(0, 2, 3), keepdims=True), X.var(axis=(0, 2, 3), keepdims=True)
    np.testing.assert_allclose(net(values), (X - mean) / np.sqrt(variance + 1e-5) * values["gain1"] + values["shift1"], rtol=1e-10)
    assert sf.check_grad(sf.Net.of((net * net * net).sum()), values, tolerance=1e-5) < 1e-5


def test_a_series_of_convolutions() -> None:
    """The first order of a residual net is boosting, its second what the layers do to each other."""
    x = sf.tensor("x", (1, 1, 4, 4))
    layers = sf.layers("f1:3", sf.convolution(1, 1))
    net = sf.fold(sf.mappers.residual, layers, x)
    values = values_of(net)
    first, second = layers
    series = sf.series(net, order=2)
    np.testing.assert_allclose(series.coefficient(1, named=False)(values), sf.Net.of(first(x) + second(x))(values), atol=1e-12)
    pure = sf.Net.of(second(first(x)) - second(x * 0))(values)
    np.testing.assert_allclose(series.coefficient(2, named=False)(values), pure, atol=1e-12)
