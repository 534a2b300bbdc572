"""Nodes: identity is structure, order is the author's, nothing is simplified."""

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symfold as sf
from symfold.core.conversion import as_node
from symfold.core.nodes import Node, digest, substitute, walk

X, Y = sf.tensor("x", (2, 3)), sf.tensor("y", (2, 3))


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: 2 - a * b,
        lambda a, b: a / b,
        lambda a, b: 1 / a,
        lambda a, b: 3 / a,
        lambda a, b: a**2,
        lambda a, b: 2**a,
        lambda a, b: -a + +b,
        lambda a, b: abs(a),
        lambda a, b: a @ b.T,
        lambda a, b: a.sum() + b.mean(axis=0),
        lambda a, b: np.square(a) - np.sqrt(np.abs(b)),
        lambda a, b: np.log1p(np.exp(a)) + np.expm1(b),
        lambda a, b: np.maximum(a, 0.5) * np.minimum(b, a),
        lambda a, b: np.logaddexp(a, b),
        lambda a, b: np.ones((2, 3)) - a,
        lambda a, b: np.float64(2.0) * a + np.int64(3),
        lambda a, b: np.arctan2(a, b),
        lambda a, b: np.True_ * a,
    ],
)
def test_operators_and_numpy_mean_what_they_mean_for_arrays(function: Any) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 3)), random.normal(size=(2, 3))
    given = sf.Net.of(function(X, Y))
    np.testing.assert_allclose(given({"x": x, "y": y}), function(x, y), rtol=1e-13)


def test_equal_structure_is_one_object() -> None:
    assert sf.tensor("x", (2, 3)) is X and (X + Y) is (X + Y)
    assert (X + Y) != (Y + X)  # the author's order is part of what was written
    assert len({X + 1, 1 + X, X + 1.0, X + 1}) == 3


def test_equality_does_not_rest_on_the_table() -> None:
    from symfold.core import nodes

    first = X * 2 + Y
    kept = dict(nodes._interned)
    nodes._interned.clear()
    try:
        second = sf.tensor("x", (2, 3)) * 2 + sf.tensor("y", (2, 3))
        assert second is not first and second == first and hash(second) == hash(first)
        assert digest(second) == digest(first)
    finally:
        nodes._interned.update(kept)


def test_numbers_that_print_alike_are_not_alike() -> None:
    a, b = X * (0.1 + 0.2), X * 0.3
    assert a != b and digest(a) != digest(b)
    assert sp.tanh(a) != sp.tanh(b)


def test_nothing_is_kept_alive() -> None:
    node = sf.tensor("gone") + 12345
    seen = weakref.ref(node)
    del node
    gc.collect()
    assert seen() is None


def test_threads_build_one_node() -> None:
    built: list[Node] = []
    threads = [threading.Thread(target=lambda: built.extend(X + k for k in range(200))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1600 and len(set(map(id, built))) == 200


def test_a_node_is_immutable() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        X.shape = ()


def test_walks_visit_each_node_once_after_its_arguments() -> None:
    z: Any = X
    for _ in range(60):
        z = z * z  # 2^60 paths
    order = walk([z])
    assert len(order) == 61
    place = {node: k for k, node in enumerate(order)}
    assert all(place[arg] < place[node] for node in order for arg in node.args)


def test_substitution_infers_shapes_anew() -> None:
    (moved,) = substitute((X.sum(axis=0),), {X: sf.tensor("w", (4, 5))})
    assert moved.shape == (5,)


def test_sympys_expressions_are_read_in_their_order() -> None:
    x = sf.tensor("x")
    assert sf.Net.of(sp.Symbol("x")) == sf.Net.of(x)
    assert sf.Net.of(sp.tanh(x) + x * sp.pi)(0.5) == pytest.approx(np.tanh(0.5) + 0.5 * np.pi)
    with pytest.raises(NotImplementedError, match="cannot be part of a net"):
        as_node(sp.Integral(sp.Symbol("x")))


@pytest.mark.parametrize("name", ["", "a b", "1x", 3, None, "x-y"])
def test_odd_names_are_refused(name: Any) -> None:
    with pytest.raises(ValueError if isinstance(name, str) else TypeError, match="is not a name"):
        sf.tensor(name)


def test_a_function_that_walks_once_repeats_no_walk_and_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from symfold.core import nodes

    counted: list[int] = []
    plain = nodes._walk
    monkeypatch.setattr(nodes, "_walk", lambda roots, stop: counted.append(1) or plain(roots, stop))
    deep = X
    for _ in range(nodes.LONG):
        deep = deep + 1

    @nodes.walking_once
    def orders(root: Node) -> list[list[Node]]:
        return [nodes.walk((root,)), nodes.walk((root,)), nodes.walk((root, X)), nodes.walk((root,), stop=[X])]

    first, again, _, stopped = orders(deep)
    assert first == again == [X, *stopped] and first is not again and len(counted) == 3
    seen = weakref.ref(deep)
    del deep, first, again, _, stopped
    gc.collect()
    assert seen() is None


def test_a_rule_that_replaces_nothing_gives_the_roots_and_is_asked_once_per_node() -> None:
    from symfold.core.nodes import rebuilt, walk

    root = X * 2 + Y
    for replaced, expected in ((None, root), (X, Y * 2 + Y), (X * 2, Y + Y), (root, Y)):
        asked: list[Node] = []

        def rule(node: Node, args: object, replaced: Node | None = replaced, asked: list[Node] = asked) -> Node | None:
            asked.append(node)
            return Y if node is replaced else None

        assert rebuilt([root], rule) == (expected,) and asked == walk([root])
