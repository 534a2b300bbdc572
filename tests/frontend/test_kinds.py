"""Kinds of layers that people know by name: against the textbook's formula, and what a mask promises."""

from typing import Any

import numpy as np
import pytest
import sympy as sp
from cases import values_of

import symfold as sf
from symfold.compute.backends.table import installed
from symfold.errors import InvalidType, InvalidValue

BATCH, TIME, WIDTH, HEADS = 2, 5, 6, 3


def attended(causal: bool) -> tuple[sf.Net, dict[str, Any]]:
    net = sf.Net.of(sf.layer("f1", sf.attention(WIDTH, HEADS, causal=causal))(sf.tensor("x", (BATCH, TIME, WIDTH))))
    return net, values_of(net)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_the_softmax_of_products_head_by_head(causal: bool) -> None:
    net, v = attended(causal)
    wanted = np.zeros((BATCH, TIME, WIDTH)) + v["bo1"]
    for head in range(HEADS):
        q, k, value = (v["x"] @ v[f"{name}1"][head] + v[f"b{name.lower()}1"][head] for name in "QKV")
        scores = np.einsum("btd,bsd->bts", q, k) / np.sqrt(WIDTH // HEADS)
        powers = np.exp(scores) * (np.tril(np.ones((TIME, TIME))) if causal else 1)
        wanted += np.einsum("bts,bsd->btd", powers / powers.sum(-1, keepdims=True), value) @ v["O1"][head]
    np.testing.assert_allclose(net(v), wanted, rtol=1e-12)
    np.testing.assert_allclose(net.compile("numpy")({}, **v), wanted, rtol=1e-12)


def test_a_causal_layer_reads_nothing_that_comes_later() -> None:
    for causal in (False, True):
        net, v = attended(causal)
        changed = v["x"].copy()
        changed[:, 3:] += 1
        before, after = net(v), net({**v, "x": changed})
        assert np.array_equal(before[:, :3], after[:, :3]) == causal
        assert not np.array_equal(before[:, 3:], after[:, 3:])


def test_the_gradient_of_a_causal_layer_is_that_of_differences() -> None:
    """That by the keys' bias is 0: it shifts all the scores of a row alike."""
    net, v = attended(True)
    loss = sf.Net.of((net.outputs[0] * sf.tensor("c", (BATCH, TIME, WIDTH))).sum())
    assert sf.check_grad(loss, tolerance=1e-5) < 1e-5
    gradient = sf.grad(loss)({**v, "c": v["x"]})
    assert np.abs(gradient["Q1"]).max() > 0.01 and np.abs(gradient["bk1"]).max() < 1e-13


def test_attention_has_a_series_in_the_strength_of_layers() -> None:
    """By the rule of softmax, the mask being a number of its own: the first order is the layer itself at x."""
    x = sf.tensor("x", (1, 3, 2))
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.attention(2, 1, causal=True)), x)
    values = values_of(net)
    boosted = sf.fold(sf.mappers.boosting(x), sf.layers("f1:3", sf.attention(2, 1, causal=True)), x)
    first = sf.series(net, order=1).coefficient(1)
    np.testing.assert_allclose(first(values), boosted(values) - values["x"], rtol=1e-10, atol=1e-12)


def test_a_layer_norm_has_mean_and_variance() -> None:
    net = sf.Net.of(sf.layer("f1", sf.layer_norm(50))(sf.tensor("x", (4, 50))))
    x = np.random.default_rng(0).normal(3, 20, (4, 50))
    out = net(net.init(), x=x)
    np.testing.assert_allclose(out.mean(-1), 0, atol=1e-12)
    np.testing.assert_allclose(out.var(-1), 1, rtol=1e-6)
    np.testing.assert_allclose(out, net(net.init(), x=2 * x + 1), atol=1e-5)


def test_mistakes_are_named() -> None:
    with pytest.raises(InvalidValue, match="4 heads do not divide a width of 6"):
        sf.attention(6, 4)
    with pytest.raises(InvalidType, match="causal"):
        sf.attention(6, 2, causal="yes")  # type: ignore[arg-type]
    with pytest.raises((InvalidType, InvalidValue), match="width"):
        sf.layer_norm(0)


NUMBERED: dict[str, Any] = {
    "log10": np.log10,
    "log2": np.log2,
    "log(2)": lambda z: z * sp.log(2),
    "log to a base": lambda z: sp.log(z, 10),
    "exp(pi)": lambda z: np.where(z > sp.exp(sp.pi), z, sp.gamma(sp.Rational(1, 3))),
    "an array": lambda z: z * np.ones(3),
}


@pytest.mark.parametrize("name", NUMBERED)
def test_numbers_in_a_body_are_not_captured(name: str) -> None:
    assert not sf.layers("f1:4", NUMBERED[name]).kind.captured
    deep = sf.fold(sf.mappers.residual, sf.layers("f", NUMBERED[name], count="n"), sf.tensor("x", (3,)))
    assert len(deep.bindings[0].args) == 2  # the state and the names
    values = np.linspace(1.0, 1.5, 3)
    np.testing.assert_allclose(deep.at(n=2).compile("numpy")(x=values), deep.at(n=2)(x=values), rtol=1e-14)


@pytest.mark.parametrize("backend", installed())
def test_an_embedding_reads_rows_and_its_gradient_adds_to_them(backend: str) -> None:
    net = sf.Net.of(sf.layer("f", sf.embedding(5, 2))(sf.tensor("words", (None, 3))))
    table, words = net.init(0)["E_f"], np.array([[4, 0, 4], [1, 4, 0]])
    np.testing.assert_array_equal(net.compile(backend)({"E_f": table}, words=words), table[words])
    loss = sf.squared_error(net, sf.tensor("t", (None, 3, 2)))
    wanted = np.zeros((5, 2))
    for row in words:
        for word in row:
            wanted[word] += 2 * table[word]
    gradient = sf.grad(loss, wrt=["E_f"]).compile(backend)({"E_f": table}, words=words, t=np.zeros((2, 3, 2)))
    np.testing.assert_allclose(gradient["E_f"], wanted, rtol=1e-15)
    for run in (net.compile(backend), lambda params, **data: sf.fit(loss, params, {**data, "t": np.zeros((1, 3, 2))}, optimizer=sf.sgd(0.1), backend=backend)):
        with pytest.raises(sf.errors.OutOfRange, match=r"the table has no row 5 \(give whole numbers from 0 to 4\)"):
            run({"E_f": table}, words=[[0, 5, 1]])
    assert not np.array_equal(net.init(0, by="he")["E_f"], table) and not net.init(0, by="zeros")["E_f"].any()
