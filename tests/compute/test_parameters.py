"""Parameters: one buffer, writable views, started as their layers say."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.compute.parameters import Parameters, layout_of
from symfold.errors import InvalidType, InvalidValue, ShapeError, UnknownName

DENSE = sf.dense(4, 4, sf.sigmoid)
NET = sf.fold(sf.mappers.residual, sf.layers("f1:4", DENSE), sf.tensor("x", (None, 4)))


def test_every_entry_lies_in_one_place_of_the_buffer() -> None:
    params = NET.init(seed=0)
    params.flat[:] = np.arange(params.flat.size)
    found = np.concatenate([value.ravel() for value in params.values()])
    np.testing.assert_array_equal(np.sort(found), np.arange(params.flat.size))


def test_starts_are_those_of_the_layers() -> None:
    wide = sf.fold(sf.mappers.residual, sf.layers("f", sf.dense(100, 100), count=5), sf.tensor("x", (None, 100)))
    params = wide.init(seed=0)
    assert params["W3"].std() == pytest.approx(0.1, rel=0.05)
    assert not params["b3"].any()
    gain = sf.Net.of(sf.tensor("x", ()) * sf.parameter("gain", (), sf.Normal(1.0, 0.0)))
    assert gain.init(seed=0)["gain"] == 1.0


def test_a_parameter_in_two_places_has_one_value() -> None:
    layers = sf.layers("f1:4", DENSE)
    net = sf.Net.of(sf.fold(sf.mappers.residual, layers, sf.tensor("x", (2, 4))) + layers[1](sf.tensor("x", (2, 4))))
    params = net.init(seed=0)
    values = {name: np.array(value) for name, value in params.items()}
    x = np.ones((2, 4))
    np.testing.assert_allclose(net.compile()(params, x=x), net(values, x=x))
    params["W2"] = np.zeros((4, 4))
    values["W2"] = np.zeros((4, 4))
    np.testing.assert_allclose(net.compile()(params, x=x), net(values, x=x))


def test_a_plain_dict_and_the_buffer_give_the_same() -> None:
    params, run, x = NET.init(seed=3), NET.compile(), np.ones((2, 4))
    np.testing.assert_array_equal(run(params, x=x), run({name: value.copy() for name, value in params.items()}, x=x))
    other = sf.fold(sf.mappers.boosting(sf.tensor("x", (None, 4))), sf.layers("f1:4", DENSE), sf.tensor("x", (None, 4)))
    assert other.compile()(params, x=x).shape == (2, 4)  # the same names in a net of another shape


def test_copies_are_apart() -> None:
    params = NET.init(seed=3)
    copy = params.copy()
    copy["W1"] += 1
    assert not np.array_equal(copy["W1"], params["W1"])


def test_mistakes_are_named() -> None:
    params = NET.init(seed=0)
    with pytest.raises(UnknownName, match="unknown parameter: 'W9'"):
        params["W9"] = 1
    with pytest.raises(KeyError):
        params["W9"]
    with pytest.raises(ShapeError, match=r"'W1' has shape \(4, 4\), got \(3,\)"):
        params["W1"] = np.ones(3)
    with pytest.raises(InvalidType, match="give numbers"):
        params["W1"] = np.full((4, 4), "a")
    with pytest.raises(InvalidType, match="cannot delete"):
        del params["W1"]
    with pytest.raises(InvalidValue, match="no value for parameter 'W1'"):
        Parameters(layout_of(NET)).load({})
    with pytest.raises(InvalidValue, match="no size yet"):
        sf.fold(sf.mappers.residual, sf.layers("f", DENSE, count="n"), sf.tensor("x", (None, 4))).init()


def test_a_call_checks_parameter_shapes_and_computes_in_floats() -> None:
    """As the compiled net does: the same error, and no number wraps around."""
    net = sf.fold(sf.mappers.residual, sf.layers("f1:2", sf.dense(3, 3)), sf.tensor("x", (None, 3)))
    for name, value in (("b1", np.zeros((5, 3))), ("W1", 1.0)):
        for run in (net, net.compile()):
            with pytest.raises(sf.errors.ShapeError, match=rf"parameter '{name}' has shape \(\d, 3\), got "):
                run({**net.init(0), name: value}, x=np.ones((1, 3)))
    x = sf.tensor("x")
    assert sf.Net.of(x + x)(x=np.array([200], np.uint8)).tolist() == [400.0]
    assert sf.Net.of(x + x)(x=np.array([True])).tolist() == [2.0]
    for bad in ([[1, 2, 3], [1]], np.array(["a"], dtype=object)):
        with pytest.raises(sf.errors.SymfoldError, match="the value of 'x' is not an array"):
            sf.Net.of(x + 1)(x=bad)


def test_parameters_compare_and_compiled_nets_are_pickled() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(3, 3)), sf.tensor("x", (None, 3)))
    params, run, x = net.init(0), net.compile(), np.ones((2, 3))
    assert params == net.init(0) and params != net.init(1) and params == dict(params)
    wanted = run(params, x=x)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(run))(params, x=x), wanted)


@pytest.mark.parametrize(
    "kind",
    [
        np.array,
        lambda a: np.array(a, order="F"),
        lambda a: a.astype(np.int32),
        lambda a: a.astype(np.float32),
        lambda a: a.astype(np.longdouble),
        lambda a: a > 0,
        lambda a: np.flip(np.flip(a).copy()),
        lambda a: a.tolist(),
        lambda a: np.ma.array(a),
    ],
)
def test_all_arrays_at_once_and_one_by_one_give_the_same(kind: Callable[[Any], Any]) -> None:
    """Also of nets whose parameters are single numbers, or of several kinds."""
    x = sf.tensor("x", (None, 3))
    scaled = [sf.layer(f"s{k}", lambda z, g: g * z, g=()) for k in range(1, 4)]
    net = sf.fold(sf.mappers.residual, [*sf.layers("f1:4", sf.dense(3, 3)), *scaled], x)
    start = net.init(seed=0)
    start.flat[:] = np.random.default_rng(0).normal(0, 3, start.flat.size)
    plain = {name: kind(np.array(value)) for name, value in [*start.items()][::-1]} | {"unused": "no number"}
    at_once, one_by_one = Parameters(layout_of(net)), Parameters(layout_of(net))
    at_once.load(plain)
    for name in one_by_one:
        one_by_one[name] = plain[name]
    np.testing.assert_array_equal(at_once.flat, one_by_one.flat)


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (np.zeros(9), ShapeError, r"'W2' has shape \(3, 3\), got \(9,\)"),
        (np.zeros((3, 3), complex), InvalidType, "give numbers"),
        (np.full((3, 3), "1"), InvalidType, "give numbers"),
        (np.full((3, 3), None), InvalidType, "not an array"),
        (np.ma.array(np.zeros((3, 3)), mask=np.eye(3)), InvalidValue, "masked"),
    ],
)
def test_one_bad_array_among_many_is_named(value: Any, error: type[Exception], words: str) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3)), sf.tensor("x", (None, 3)))
    plain = {name: np.array(array) for name, array in net.init(seed=0).items()}
    with pytest.raises(error, match=words):
        net.compile("numpy")({**plain, "W2": value}, x=np.ones((1, 3)))


@pytest.mark.parametrize("small", [0, 1000], ids=["array by array", "number by number"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_parameters_in_another_order_are_loaded_by_name(dtype: str, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of layers written one by one, for the fold of these layers: its arrays of one kind lie next to each other."""
    monkeypatch.setattr("symfold.compute.parameters.SMALL", small)
    f, x = sf.layers("f1:4", sf.dense(2, 2)), sf.tensor("x", (None, 2))
    params = sf.Net.of(f[2](f[1](f[0](x)))).init(seed=1)
    folded = Parameters(layout_of(sf.Net.of(sf.fold(sf.mappers.feedforward, f, x)))).astype(dtype)
    assert params.layout != folded.layout
    for _ in range(2):  # the second time by the places that are remembered
        params["W2"] += 1
        folded.load(params)
        for name, array in params.items():
            np.testing.assert_array_equal(folded[name], array.astype(dtype))
    with pytest.raises(sf.SymfoldError, match="no value for parameter 'W1'"):
        folded.load(sf.Net.of(f[1](x)).init())
