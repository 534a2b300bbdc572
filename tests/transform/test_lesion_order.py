"""Layers taken out, swapped and put in another order: nets again, equal to those that were folded so in the first place."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.core.folds import Select
from symfold.core.names import names_of
from symfold.core.nodes import Node
from symfold.core.stacked_inputs import StackedInputs
from symfold.errors import InvalidType, InvalidValue

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


KINDS = (sf.dense(3, 3, np.tanh), sf.dense(3, 3, sf.sigmoid), sf.layer("f", lambda z, V: np.sin(z @ V), V=(3, 3)).kind, sf.layer("f", lambda z: z**2 / 4).kind)
BY_HAND: list[Callable[[Any, str, Any], Any]] = [
    lambda p, k, z: np.tanh(z @ p[f"W{k}"] + p[f"b{k}"]),
    lambda p, k, z: 1 / (1 + np.exp(-(z @ p[f"W{k}"] + p[f"b{k}"]))),
    lambda p, k, z: np.sin(z @ p[f"V{k}"]),
    lambda p, k, z: z**2 / 4,
]


@pytest.mark.parametrize("name", ["residual", "boosting", "inner"])
@given(kinds=st.lists(st.integers(0, 3), min_size=1, max_size=6), data=st.data())
@settings(max_examples=25)
def test_layers_of_different_kinds_take_their_bodies_and_parameters_along(name: str, kinds: list[int], data: Any) -> None:
    """Against the fold over the layers in the new order, and against a loop in NumPy."""
    layers = [sf.layer(f"f{k}", KINDS[kind]) for k, kind in enumerate(kinds, 1)]
    order = data.draw(st.permutations(range(len(kinds))))
    mapper = ADDITIVE[name](WIDE)
    net = sf.fold(mapper, layers, WIDE)
    moved = sf.reorder(net, [layers[k] for k in order])
    assert sf.roll(moved) == sf.roll(sf.fold(mapper, [layers[k] for k in order], WIDE))
    assert sf.roll(sf.reorder(moved, layers)) == sf.roll(net)
    params, x = dict(net.init(0)), np.random.default_rng(2).normal(size=(4, 3))
    z = x
    for k in order:
        layer = lambda v, k=k: BY_HAND[kinds[k]](params, str(k + 1), v)  # noqa: E731
        z = {"residual": lambda: layer(z) + z, "boosting": lambda: layer(x) + z, "inner": lambda: z + layer(layer(z))}[name]()  # noqa: B023
    np.testing.assert_allclose(moved(params, x=x) if params else moved(x=x), z, rtol=1e-11)


def test_layers_of_one_kind_that_start_otherwise_keep_their_start() -> None:
    kind = sf.layer("f", lambda z, W: z @ W, W=(3, 3)).kind
    assert kind is not None
    small, large = (sf.layer(f"f{k}", replace(kind, weights=(replace(kind.weights[0], start=sf.Normal(0, k)),))) for k in (1, 2))
    swapped = sf.swap(sf.fold(sf.mappers.feedforward, [small, large], WIDE), "f1", "f2")
    assert swapped == sf.fold(sf.mappers.feedforward, [large, small], WIDE)
    assert {node.op.name: node.op.start.deviation for node in swapped.params} == {"W1": 1, "W2": 2}


def test_a_layer_that_stands_beside_a_fold_changes_places_with_one_in_it() -> None:
    """The layer before the fold is another kind, takes what it captures along, and the layer shared by the steps stays."""
    c, shared = sf.tensor("c", (3,)), sf.layer("h", DENSE)
    first = sf.layer("g", lambda v: v * c)
    layers = sf.layers("f1:5", sf.dense(3, 3, sf.sigmoid))
    mapper = lambda z, f: f(z) + shared(z)  # noqa: E731
    net = sf.fold(mapper, layers, first(WIDE))
    assert sf.roll(sf.swap(net, "g", "f3")) == sf.roll(sf.fold(mapper, [*layers[:2], first, layers[3]], layers[2](WIDE)))
    assert sf.roll(sf.swap(net, "h", "f2")) == sf.roll(
        sf.fold(lambda z, f: f(z) + layers[1](z), [layers[0], shared, *layers[2:]], first(WIDE))
    )


# ---------------------------------------------------------------- order at any depth


@pytest.mark.parametrize("kind", [None, DENSE])
@pytest.mark.parametrize("name", [*ADDITIVE, "feedforward", "multiplicative"])
@pytest.mark.parametrize("order", [("f2", "f1"), ("f5", "f2"), ("f4", "f1", "f6", "f3")])
def test_an_order_at_a_symbolic_depth(name: str, order: tuple[str, ...], kind: Any) -> None:
    """Other places at the depth n, and then a number, are other places at that number; and there and back is the net."""
    x = X if kind is None else WIDE
    mapper = ADDITIVE[name](x) if name in ADDITIVE else getattr(sf.mappers, name)
    deep = sf.fold(mapper, sf.layers("f", kind, count="n"), x)
    moved = sf.reorder(deep, order)
    last = max(int(one[1:]) for one in order)
    assert [str(fold.op.count) for fold in moved.bindings] == [str(last), f"n - {last}"]
    back = sf.reorder(moved, sorted(order))
    for depth in (last + 1, 9):
        assert sf.roll(moved.at(n=depth)) == sf.roll(sf.reorder(deep.at(n=depth), order))
        assert sf.roll(back.at(n=depth)) == sf.roll(deep.at(n=depth))
    if name != "inner":
        assert sp.simplify(sf.paths(moved).polynomial - sf.paths(deep).polynomial) == 0


def test_a_layer_of_another_kind_at_a_symbolic_depth() -> None:
    def net(count: Any) -> sf.Net:
        return sf.fold(sf.mappers.residual, sf.layers("f", DENSE, count=count), sf.fold(sf.mappers.residual, [sf.layer("g", lambda v: v**2)], WIDE))

    assert [str(fold.op.count) for fold in sf.swap(net("n"), "g", "f3").bindings] == ["1", "2", "1", "n - 3"]
    assert sf.roll(sf.swap(net("n"), "g", "f3").at(n=7)) == sf.roll(sf.swap(net(7), "g", "f3"))


@pytest.mark.parametrize(
    ("pair", "counts"), [(("f2", "f5"), [5, 999_995]), (("f2", "f500000"), [2, 499_997, 1, 500_000]), (("f999999", "f1000000"), [999_998, 2])]
)
def test_a_swap_in_a_million_layers_lists_none_but_those_nearby(pair: tuple[str, str], counts: list[int]) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f", DENSE, count=1_000_000), WIDE)
    swapped = sf.swap(net, *pair)
    assert [fold.op.count for fold in swapped.bindings] == counts
    assert sum(len(leaf.op.names) for leaf in swapped.leaves if isinstance(leaf.op, StackedInputs) and isinstance(leaf.op.names, tuple)) <= 3 * 5
    assert sf.paths(swapped).count == 2**1_000_000


def test_deep_swaps_are_the_fold_over_the_swapped_list() -> None:
    f = list(sf.layers("f", count=2_600))
    swapped = [*f[:1], f[1300], *f[2:1300], f[1], *f[1301:]]
    found = sf.swap(sf.fold(sf.mappers.residual, f, X), "f2", "f1301")
    assert len(found.bindings) == 4
    assert sf.roll(found) == sf.roll(sf.fold(sf.mappers.residual, swapped, X))


@pytest.mark.parametrize("call", [lambda net: sf.swap(net, "f1", "f2"), lambda net: sf.lesion(net, ["f1"])])
def test_symbolically_many_steps_in_reverse_ask_for_a_number(call: Callable[[sf.Net], Any]) -> None:
    """The first layer is the last one applied, and it is not known which step that is."""
    forward = sf.fold(sf.mappers.residual, sf.layers("f", count="n"), X)
    (fold,) = forward.bindings
    backward = forward.with_outputs([Node(Select(0), (Node(fold.op, (fold.args[0], sf.reverse(fold.args[1]))),))])
    with pytest.raises(InvalidValue, match=r"net.at\(n=10\)"):
        call(backward)


def test_a_part_is_reordered_in_the_places_it_had() -> None:
    f = sf.layers("f1:6")
    net = sf.fold(sf.mappers.residual, f, X)
    assert sf.reorder(net, ["f5", "f1", "f3"]) == sf.fold(sf.mappers.residual, [f[4], f[1], f[0], f[3], f[2]], X)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda net: sf.lesion(net, "f1"), InvalidType, "list of layers"),
        (lambda net: sf.lesion(net, [3]), InvalidType, "3 is not a layer"),
        (lambda net: sf.lesion(net, ["f9"]), InvalidValue, "no layer 'f9'"),
        (lambda net: sf.swap(net, "f1", "g"), InvalidValue, "no layer 'g'"),
        (lambda net: sf.reorder(net, ["f1", "f1"]), InvalidValue, "named twice"),
        (lambda net: sf.swap(sf.fold(lambda z, f: f(z, z), [sf.layer("g", lambda u, v: u * v)], net), "g", "f2"), InvalidValue, "read 2 and 1 values"),
        (lambda net: sf.swap(sf.fold(sf.mappers.feedforward, [sf.layer("f1", sf.dense(3, 4)), sf.layer("f2", sf.dense(4, 2))], WIDE), "f1", "f2"),
         sf.errors.ShapeError, "cannot change places"),
        (lambda net: sf.swap(sf.fold(lambda z, f: f(z) + sf.layer("g", lambda v: v * z)(z), sf.layers("f1:4"), X), "g", "f2"),
         InvalidValue, "layer g captures a value of its step"),
        (lambda net: sf.swap(sf.fold(lambda s, f: (f(s[0]) + sf.layer("g", lambda v: v * s[0])(s[1]), sf.layer("h", lambda v: v * s[1])(s[0])), sf.layers("f1:4"), (X, X)),
                             "g", "h"), InvalidValue, "captures a value of its step"),
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
