"""The primitives of image and language nets: the loops that they stand for, adjoints by finite differences, and memory that they see."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives import add_windows, convolution, embed, opaque, permute, reshape, windows
from symfold.errors import NoRule, OutOfRange, ShapeError

R = np.random.default_rng(0)
WINDOWS = {
    "one axis": ((7,), {"kernel": (3,), "stride": (1,), "padding": (0,), "dilation": (1,)}),
    "two axes": ((2, 5, 6), {"kernel": (2, 3), "stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}),
    "three axes": ((3, 4, 5), {"kernel": (2, 2, 2), "stride": (1, 2, 3), "padding": (0, 1, 1), "dilation": (1, 1, 1)}),
}


def windows_by_hand(a: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, fill: float) -> Any:
    """One entry after the other, as the indices say."""
    rank = len(kernel)
    lead, sizes = a.shape[:-rank], a.shape[-rank:]
    places = [len(range(-p, n + p - d * (k - 1), s)) for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)]
    result = np.full((*lead, *places, *kernel), fill)
    for index in product(*map(range, (*places, *kernel))):
        at = tuple(i * s - p + j * d for i, j, s, p, d in zip(index[:rank], index[rank:], stride, padding, dilation, strict=True))
        if all(0 <= one < n for one, n in zip(at, sizes, strict=True)):
            result[(..., *index)] = a[(..., *at)]
    return result


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_are_the_entries_that_the_indices_say(name: str) -> None:
    shape, options = WINDOWS[name]
    a = R.normal(size=shape)
    node = windows(sf.tensor("a", shape), **options, fill=-2.0)
    wanted = windows_by_hand(a, **options, fill=-2.0)
    assert node.shape == wanted.shape
    np.testing.assert_array_equal(Net.of(node)(a), wanted)
    np.testing.assert_array_equal(Net.of(node).compile("numpy")({}, a), wanted)


@pytest.mark.parametrize("name", WINDOWS)
def test_the_adjoint_of_windows_is_their_transpose(name: str) -> None:
    shape, options = WINDOWS[name]
    a = R.normal(size=shape)
    seen = windows(sf.tensor("a", shape), **options, fill=0.0)
    b = R.normal(size=seen.shape)
    back = Net.of(add_windows(sf.tensor("b", seen.shape), sf.tensor("a", shape), **options, fill=0.0))
    np.testing.assert_allclose(np.sum(Net.of(seen)(a) * b), np.sum(a * back(b=b, a=a)), rtol=1e-12)


def nets() -> dict[str, Node]:
    w = sf.parameter("W", (2, 3, 4), sf.Normal(0.0, 1.0))
    table = sf.parameter("E", (5, 3), sf.Normal(0.0, 1.0))
    kernel = sf.parameter("K", (4, 2, 3, 2), sf.Normal(0.0, 1.0))
    image = sf.parameter("I", (1, 2, 5, 4), sf.Normal(0.0, 1.0))
    numbers = np.array([[0, 4, 4], [1, 0, 4]])
    return {
        "permute": sf.tanh(permute(w, axes=(-1, -3, -2))) * R.normal(size=(4, 2, 3)),
        "embed": sf.tanh(embed(table, numbers)) * R.normal(size=(2, 3, 3)),
        "convolution": sf.tanh(convolution(image, kernel, stride=(2, 1), padding=(1, 1), dilation=(1, 2), groups=1)),
    }


@pytest.mark.parametrize("name", ["permute", "embed", "convolution"])
def test_adjoints_agree_with_finite_differences(name: str) -> None:
    loss = Net.of(nets()[name].sum())
    sf.check_grad(loss)
    assert sf.from_json(sf.grad(loss).to_json()) == sf.grad(loss)


def test_rows_are_picked_by_numbers_given_late() -> None:
    table, numbers = R.normal(size=(5, 3)), np.array([[3, 0], [3, 4]])
    net = Net.of(embed(sf.tensor("t", (5, 3)), sf.tensor("n", (2, 2))))
    np.testing.assert_array_equal(net(table, numbers), table[numbers])
    for wrong in (-1, 5, 0.5, np.nan):
        with pytest.raises(OutOfRange, match=rf"the table has no row {wrong:g} \(give whole numbers from 0 to 4\)"):
            net(table, np.array([[0, 1], [2, wrong]]))


def test_series_go_through_other_orders_of_axes_and_through_tables() -> None:
    w = sf.tensor("w", (2, 3))
    f = sf.layer("f", lambda z: z * 3)
    net = Net.of(permute(f(w), axes=(-1, -2)) + embed(f(w), np.array([0, 1, 1]))[:, 0:2])
    value = R.normal(size=(2, 3))
    series = sf.series(net, order=1)
    np.testing.assert_allclose(sf.Net.of(sf.scaled(net))(w=value, epsilon=1.0), net(value))
    assert "epsilon" in str(series)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ShapeError, match=r"cannot put the axes of \(2, 3\) in the order \(-1, -1\)"):
        permute(sf.tensor("a", (2, 3)), axes=(-1, -1))
    with pytest.raises(ShapeError, match=r"windows of \(4,\) do not fit into \(3,?\)"):
        windows(sf.tensor("a", (3,)), kernel=(4,), stride=(1,), padding=(0,), dilation=(1,), fill=0.0)
    with pytest.raises(NoRule, match=r"the operation sort has no numbers here"):
        Net.of(opaque(sf.tensor("a", (2,)), operation="sort", result=0, shape=(2,)))(np.zeros(2))
    with pytest.raises(NoRule, match=r"the operation sort has no derivative here"):
        sf.grad(Net.of(opaque(sf.parameter("W", (2,)), operation="sort", result=0, shape=(2,)).sum()))


def test_memory_that_a_reshaped_value_is_seen_in_is_not_given_away() -> None:
    x = sf.tensor("x", (2, 3))
    a, b = reshape(sf.tanh(x), shape=(3, 2)), reshape(np.sin(x), shape=(3, 2))
    value = R.normal(size=(2, 3))
    net = Net.of(a * b + a)
    np.testing.assert_allclose(net.compile("numpy")({}, value), net(value), rtol=1e-15)
