"""Layers taken out, swapped and put in another order: nets again, equal to those that were folded so in the first place."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.errors import InvalidType, InvalidValue
from symfold.names import names_of

X = sf.tensor("x")
WIDE = sf.tensor("x", (None, 3))
DENSE = sf.dense(3, 3, np.tanh)
ADDITIVE: dict[str, Callable[[Any], Callable[[Any, Any], Any]]] = {
    "residual": lambda x: sf.mappers.residual,
    "boosting": sf.mappers.boosting,
    "halved": lambda x: lambda z, f: 0.5 * f(z) + z,
    "inner": lambda x: lambda z, f: z + f(f(z)),
}


@pytest.mark.parametrize("x", [X, WIDE], ids=["any shape", "width 3"])
@pytest.mark.parametrize("name", ["residual", "boosting", "inner"])
@given(depth=st.integers(1, 6), data=st.data())
@settings(max_examples=15)
def test_a_sum_without_a_layer_is_the_sum_of_the_others(x: sf.Net, name: str, depth: int, data: Any) -> None:
    layers = sf.layers("f", DENSE if x is WIDE else None, count=depth)
    gone = data.draw(st.sets(st.integers(0, depth - 1)))
    mapper = ADDITIVE[name](x)
    lesioned = sf.lesion(sf.fold(mapper, layers, x), [layers[k] for k in gone])
    kept = [layer for k, layer in enumerate(layers) if k not in gone]
    assert sf.roll(lesioned) == sf.roll(sf.fold(mapper, kept, x) if kept else sf.Net.of(x))


@pytest.mark.parametrize("mapper", [sf.mappers.feedforward, sf.mappers.multiplicative, ADDITIVE["halved"](X), lambda z, f: f(z) - z])
@pytest.mark.parametrize("gone", [{0}, {1, 2}, {0, 1, 2, 3}])
def test_a_layer_taken_out_gives_zero(mapper: Any, gone: set[int]) -> None:
    """Against the same fold with a layer that is zero."""
    bodies = [lambda v, k=k: np.sin((k + 1) * v) + 1 for k in range(4)]
    net = sf.fold(mapper, sf.layers("f1:5"), X)
    lesioned = sf.lesion(net, [f"f{k + 1}" for k in gone])
    used = {name for leaf in lesioned.leaves if leaf.op.role == "layer" for name in names_of(leaf)}
    found = lesioned.bind({name: bodies[int(name[1:]) - 1] for name in used})(x=[0.4, -1.0]) if used else lesioned(x=[0.4, -1.0])
    value = np.array([0.4, -1.0])
    for k, body in enumerate(bodies):
        value = mapper(value, (lambda v: 0 * v) if k in gone else body)
    np.testing.assert_allclose(found, value, rtol=1e-13)


def test_shared_layers_nested_folds_and_states_of_two_parts() -> None:
    shared = sf.layer("g", DENSE)
    both = sf.fold(lambda z, f: f(z) + shared(z) + z, sf.layers("f1:4", DENSE), WIDE)
    assert sf.lesion(both, [shared]) == sf.fold(sf.mappers.residual, sf.layers("f1:4", DENSE), WIDE)
    inner = sf.layers("h11:13", DENSE)
    nested = sf.fold(lambda z, f: f(z) + sf.fold(sf.mappers.residual, inner, z), sf.layers("f1:4", DENSE), WIDE)
    only = sf.fold(lambda z, f: f(z) + sf.fold(sf.mappers.residual, inner[:1], z), sf.layers("f1:4", DENSE), WIDE)
    params, rows = dict(nested.init(0)), np.random.default_rng(1).normal(size=(5, 3))
    wanted = only({name: params[name] for name in only.init(0)}, x=rows)
    np.testing.assert_allclose(sf.lesion(nested, ["h12"])(params, x=rows), wanted, rtol=1e-13)
    pair = sf.fold(lambda s, f: (s[1], s[0] + f(s[1])), sf.layers("f1:4", DENSE), (WIDE, sf.tensor("y", (None, 3))))
    values = pair.init(0)
    x, y = np.random.default_rng(0).normal(size=(2, 5, 3))
    layer = lambda k, v: np.tanh(v @ values[f"W{k}"] + values[f"b{k}"])  # noqa: E731
    a, b = x, y
    for k in (1, 2, 3):
        a, b = b, a + (0 if k == 2 else layer(k, b))
    for ours, wanted in zip(sf.lesion(pair, ["f2"])(dict(values), x=x, y=y), (a, b), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-13)


def test_a_scan_keeps_its_length() -> None:
    net = sf.lesion(sf.scan(sf.mappers.residual, sf.layers("f1:5"), sf.tensor("x", (2,))), ["f2", "f3"])
    states = net.bind({"f1": lambda v: v, "f4": lambda v: v})(x=[1.0, 2.0])
    np.testing.assert_array_equal(states, [[2, 4], [2, 4], [2, 4], [4, 8]])


def test_a_million_layers() -> None:
    layers = sf.layers("f", count=1_000_000)
    net = sf.lesion(sf.fold(sf.mappers.residual, layers, X), ["f500000"])
    assert [fold.op.count for fold in net.bindings] == [499_999, 500_000]
    assert sf.paths(net).count == 2**999_999


@pytest.mark.parametrize("name", ["residual", "boosting", "halved"])
@pytest.mark.parametrize("gone", [["f1"], ["f2"], ["f2", "f5"], ["f3", "f4"]])
def test_a_symbolic_depth(name: str, gone: list[str]) -> None:
    """A lesion at the depth n, and then a number, is the lesion at that number."""
    deep = sf.fold(ADDITIVE[name](X), sf.layers("f", count="n"), X)
    lesioned = sf.lesion(deep, gone)
    assert sf.roll(lesioned.at(n=8)) == sf.roll(sf.lesion(deep.at(n=8), gone))
    assert sp.simplify(sf.paths(lesioned).polynomial - sf.paths(deep).without(gone).polynomial) == 0


@pytest.mark.parametrize("kind", [None, DENSE])
@pytest.mark.parametrize("mapper", [sf.mappers.residual, sf.mappers.feedforward, sf.mappers.multiplicative])
@given(data=st.data())
@settings(max_examples=10)
def test_reordering_is_folding_over_the_layers_in_that_order(kind: Any, mapper: Any, data: Any) -> None:
    layers = sf.layers("f1:6", kind)
    order = data.draw(st.permutations(range(5)))
    x = X if kind is None else WIDE
    shuffled = [layers[k] for k in order]
    net = sf.fold(mapper, layers, x)
    assert sf.reorder(net, shuffled) == sf.fold(mapper, shuffled, x)
    assert sf.reorder(sf.unroll(net), shuffled) == sf.unroll(sf.fold(mapper, shuffled, x))
    assert sf.swap(sf.swap(net, "f2", "f5"), "f5", "f2") == net


def test_a_part_is_reordered_in_the_places_it_had() -> None:
    f = sf.layers("f1:6")
    net = sf.fold(sf.mappers.residual, f, X)
    assert sf.reorder(net, ["f5", "f1", "f3"]) == sf.fold(sf.mappers.residual, [f[4], f[1], f[0], f[3], f[2]], X)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda net: sf.lesion(net, "f1"), InvalidType, "list of layers"),
        (lambda net: sf.lesion(net, [3]), InvalidType, "3 is no layer"),
        (lambda net: sf.lesion(net, ["f9"]), InvalidValue, "no layer 'f9'"),
        (lambda net: sf.swap(net, "f1", "g"), InvalidValue, "no layer 'g'"),
        (lambda net: sf.reorder(net, ["f1", "f1"]), InvalidValue, "named twice"),
        (lambda net: sf.swap(net.bind({"f1": lambda v: v**2}), "f1", "f2"), InvalidValue, "different kinds"),
    ],
)
def test_what_cannot_be_taken_out_or_swapped(call: Callable[[sf.Net], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call(sf.fold(sf.mappers.residual, sf.layers("f1:4"), X))


@pytest.mark.parametrize("name", ["f1", "f2", "f4"])
def test_a_net_that_reads_its_input_for_the_number_of_rows_alone_has_numbers(name: str) -> None:
    """A feedforward net without one layer is that of the later ones on zeros, as many as there are rows."""
    x = sf.tensor("x", (None, 3))
    net = sf.fold(sf.mappers.feedforward, sf.layers("f1:5", sf.dense(3, 3, sf.tanh)), x)
    predict = sf.lesion(net, [name]).compile()
    params = {key: value + 0.5 for key, value in net.init(seed=0).items()}
    z = np.zeros((7, 3))
    for k in range(int(name[1:]) + 1, 5):
        z = np.tanh(z @ params[f"W{k}"] + params[f"b{k}"])
    np.testing.assert_allclose(predict({key: params[key] for key in predict.layout.names}, x=np.ones((7, 3))), z)
