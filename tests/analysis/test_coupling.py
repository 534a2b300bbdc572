"""Virtual weights: a residual net is boosting's one wide hidden layer with lateral couplings."""

from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.errors import InvalidType, InvalidValue, NoRule, TooLarge

WIDTH, HIDDEN, DEPTH = 3, 4, 5
ROWS = sf.tensor("x", (None, WIDTH))
COLUMNS = sf.tensor("x", (WIDTH, None))
KINDS: dict[str, tuple[Any, Any]] = {
    "rows": (ROWS, sf.layer("f", lambda z, W, b, V: np.tanh(z @ W + b) @ V, W=(WIDTH, HIDDEN), b=(1, HIDDEN), V=(HIDDEN, WIDTH)).kind),
    "columns": (COLUMNS, sf.layer("f", lambda z, W, b, V: V @ np.tanh(W @ z + b), W=(HIDDEN, WIDTH), b=(HIDDEN, 1), V=(WIDTH, HIDDEN)).kind),
    "dense": (ROWS, sf.dense(WIDTH, WIDTH, np.tanh)),
}


@pytest.mark.parametrize("name", KINDS)
def test_one_wide_layer_with_lateral_couplings(name: str) -> None:
    """h = tanh(W x + L h + b) by forward substitution, out = x + V h: the residual net; with L = 0, boosting."""
    x, kind = KINDS[name]
    layers = sf.layers("f", kind, count=DEPTH)
    residual, boosting = sf.fold(sf.mappers.residual, layers, x), sf.fold(sf.mappers.boosting(x), layers, x)
    params = dict(residual.init(seed=1))
    random = np.random.default_rng(2)
    for key in params:
        params[key] = random.normal(size=np.shape(params[key]))
    columns = random.normal(size=(WIDTH, 7))
    found = sf.coupling(residual, params)
    W, V = np.vstack(found.read), np.hstack(found.write)
    b = np.concatenate([np.ravel(params[f"b{k + 1}"]) for k in range(DEPTH)])[:, None]
    assert np.count_nonzero(np.triu(found.lateral)) == 0
    for net in (residual, boosting):
        lateral = sf.coupling(net, params).lateral
        assert np.any(lateral) == (net is residual)
        h = np.zeros((len(W), 7))
        for _ in range(DEPTH):  # as many sweeps as layers solve a strictly block lower triangular system exactly
            h = np.tanh(W @ columns + lateral @ h + b)
        given = net(params, x=columns if name == "columns" else columns.T)
        np.testing.assert_allclose(given if name == "columns" else given.T, columns + V @ h, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("mapper", "weights"), [
    (lambda z, f: f(z) + z, [[0, 0, 0], [1, 0, 0], [1, 1, 0]]),
    (lambda z, f: f(z), [[0, 0, 0], [1, 0, 0], [0, 1, 0]]),
    (lambda z, f: 0.5 * z + f(z), [[0, 0, 0], [1, 0, 0], [0.5, 1, 0]]),
    (lambda z, f: z + 0.5 * f(z), [[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0]]),
    (lambda z, f: f(ROWS) + z, [[0, 0, 0], [0, 0, 0], [0, 0, 0]]),
])  # fmt: skip
def test_blocks_are_weighed_by_what_the_layers_read(mapper: Any, weights: Any) -> None:
    net = sf.fold(mapper, sf.layers("f1:4", KINDS["rows"][1]), ROWS)
    params = net.init(seed=0)
    found = sf.coupling(net, params)
    assert found.layers == ("f1", "f2", "f3")
    for k in range(3):
        for j in range(k):
            wanted = weights[k][j] * np.linalg.norm(params[f"V{j + 1}"] @ params[f"W{k + 1}"])
            np.testing.assert_allclose(found.norms[k, j], wanted)


def test_a_layer_that_is_applied_twice_has_no_one_place() -> None:
    net = sf.fold(lambda z, f: f(f(z)) + z, sf.layers("f1:3", KINDS["rows"][1]), ROWS)
    with pytest.raises(NoRule, match="more than once"):
        sf.coupling(net, net.init(seed=0))


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (sf.layers("f1:3"), "opaque"),
        (sf.layers("f1:3", lambda z, a: np.tanh(a * z), a=(1, WIDTH)), "one product"),
        (sf.layers("f1:3", lambda z, W: np.tanh(z @ W) + z, W=(WIDTH, WIDTH)), "one product"),
    ],
)
def test_layers_without_virtual_weights(layers: Any, words: str) -> None:
    net = sf.fold(sf.mappers.residual, layers, ROWS)
    with pytest.raises(NoRule, match=words):
        sf.coupling(net, dict(net.init(0)))


def test_parameters_that_are_none() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(3, 3)), ROWS)
    with pytest.raises(InvalidType, match="mapping"):
        sf.coupling(net, None)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="W2"):
        sf.coupling(net, {"W1": np.eye(3), "b1": np.zeros((1, 3)), "b2": np.zeros((1, 3))})


def test_a_coupling_of_very_many_layers_is_refused_before_their_parameters_are_looked_for() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f", sf.dense(2, 2, sf.tanh), count=10**6), sf.tensor("x", (None, 2)))
    with pytest.raises(TooLarge, match="at most 2,000 layers"):
        sf.coupling(net, {})
