"""Convolutions in NumPy: values and gradients by products with columns are those of the body, which multiplies windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import assert_close, weighted_squares

import symfold as sf
from symfold.base.trees import flatten
from symfold.compute.backends.numpy import convolutions, pieces, sharing
from symfold.core.primitives import convolution


@st.composite
def convolved(draw: Any) -> sf.Net:
    """A convolution of an image of one to three axes, in groups, with any stride, padding and dilation that fit."""
    rank, groups = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    options = {name: tuple(draw(st.integers(low, 2)) for _ in range(rank)) for name, low in (("stride", 1), ("padding", 0), ("dilation", 1))}
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    fitting = zip(kernel, options["dilation"], options["padding"], strict=True)
    sizes = tuple(draw(st.integers(max(1, d * (k - 1) + 1 - 2 * p), 7)) for k, d, p in fitting)
    channels, outputs = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    image = sf.tensor("x", (draw(st.integers(1, 3)), channels, *sizes))
    return sf.Net.of(convolution(image, sf.parameter("W", (outputs, channels // groups, *kernel)), groups=groups, **options))


def values_of(net: sf.Net) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {node.op.name: random.normal(size=node.shape) for node in (*net.inputs, *net.params)}


def leaves(value: Any) -> dict[int, Any]:
    return dict(enumerate(map(np.asarray, flatten(value)[0])))


@pytest.mark.parametrize("deep", [1, convolutions.DEEP], ids=["a product per shift", "one product"])
@pytest.mark.parametrize("cached", [1, 2000, convolutions.CACHED], ids=["row by row", "a few samples at a time", "at once"])
@settings(max_examples=20)
@given(net=convolved(), threads=st.integers(1, 3), alone=st.sampled_from([20, pieces.ALONE]))
def test_values_and_gradients(cached: int, deep: int, net: sf.Net, threads: int, alone: int) -> None:
    both = sf.value_and_grad(weighted_squares(net), wrt=["x", "W"])
    values = values_of(both)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolutions, "CACHED", cached)
        patch.setattr(convolutions, "DEEP", deep)
        patch.setattr(convolutions, "threads_for", lambda multiplications: threads)
        patch.setattr(pieces, "ALONE", alone)
        patch.setattr(pieces, "SHORT", 2)
        compiled = both.compile("numpy")
        compiled(**{name: 2 - value for name, value in values.items()})  # what it leaves in memory is not read
        assert_close(leaves(compiled(**values)), leaves(both(**values)), 1e-12)


def test_a_step_holds_no_windows_and_an_empty_batch_is_a_batch() -> None:
    layers = sf.layers("c", sf.convolution(4, 4, 3, padding=1), count=3)
    net = sf.fold(sf.mappers.residual, layers, sf.tensor("x", (None, 4, 6, 6)))
    both = sf.value_and_grad(sf.Net.of((net * net).sum()))
    compiled = both.compile("numpy")
    params = net.init(0)
    value, gradient = compiled(params, x=np.ones((5, 4, 6, 6)))
    kept = [array.size for array in compiled.program({"x": (5, 4, 6, 6)}).run.__defaults__ if isinstance(array, np.ndarray)]
    assert max(kept) < 5 * 4 * 6 * 6 * 9  # the windows of one step
    empty, none = compiled(params, x=np.ones((0, 4, 6, 6)))
    assert empty == 0 and not any(np.any(array) for array in none.values())
    assert np.isfinite(value) and all(np.any(array) for array in gradient.values())


def test_threads_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    image, kernel = sf.tensor("x", (9, 8, 12, 12)), sf.parameter("W", (8, 8, 3, 3))
    net = sf.Net.of(convolution(image, kernel, stride=(1, 1), padding=(1, 1), dilation=(1, 1), groups=1))
    both = sf.value_and_grad(weighted_squares(net), wrt=["x", "W"])
    values = values_of(both)
    found = []
    for threads in "123":
        monkeypatch.setenv("SYMFOLD_THREADS", threads)
        monkeypatch.setattr(sharing, "WORTH", 1)
        monkeypatch.setattr(convolutions, "CACHED", 2**14)
        found.append(leaves(both.compile("numpy")(**values)))
    for other in found[1:]:
        for k, array in found[0].items():
            np.testing.assert_array_equal(other[k], array)


def test_an_error_of_a_thread_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMFOLD_THREADS", "2")

    def work(thread: int, place: int) -> None:
        if place == 1:
            raise ValueError("place 1")

    with pytest.raises(ValueError, match="place 1"):
        sharing.shared(work, 4, 2)


def test_float32_stays_float32() -> None:
    net = sf.Net.of(convolution(sf.tensor("x", (2, 2, 4, 4)), sf.parameter("W", (3, 2, 3, 3)), stride=(1, 1), padding=(1, 1), dilation=(1, 1), groups=1))
    values = values_of(net)
    single, double = (net.compile("numpy", dtype=dtype)(**values) for dtype in ("float32", "float64"))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, atol=1e-5)


@pytest.mark.parametrize("where", ["x", "W", "both"])
@settings(max_examples=40)
@given(net=convolved())
def test_infinite_entries_reach_what_reads_them_alone(where: str, net: sf.Net) -> None:
    both = sf.grad(sf.Net.of(net.outputs[0].sum()), wrt=["x", "W"])
    values = values_of(net)
    for name in values if where == "both" else where:
        values[name].flat[values[name].size // 3] = np.inf
    with np.errstate(invalid="ignore"):
        found, wanted = leaves(both.compile("numpy")(**values)), leaves(both(**values))
    for k, array in wanted.items():
        np.testing.assert_allclose(found[k], array, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("place", range(9))
def test_an_infinite_entry_stays_in_its_row(place: int) -> None:
    """Where one row of an image ends, another begins in memory."""
    image = sf.tensor("x", (1, 1, 3, 3))
    net = sf.Net.of(convolution(image, sf.parameter("W", (1, 1, 2, 2)), groups=1, stride=(1, 1), padding=(0, 0), dilation=(1, 1)).sum())
    slope, values = sf.grad(net, wrt=["W"]), {"x": np.arange(9.0).reshape(1, 1, 3, 3), "W": np.ones((1, 1, 2, 2))}
    values["x"].flat[place] = np.inf
    np.testing.assert_array_equal(slope.compile("numpy")(**values)["W"], slope(**values)["W"])
