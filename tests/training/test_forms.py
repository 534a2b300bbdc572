"""The training form of nets: what dropout drops, on every backend, in every step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.compute.backends.table import BACKENDS, installed
from symfold.core.primitives import random_keys, random_mask

X = sf.tensor("x", (None, 4))
BLOCKS = sf.layers("f1:5", sf.dense(4, 4, sf.tanh))


def dropped(z: Any, f: Any) -> Any:
    return sf.dropout(f(z), 0.25) + z


FOLDED = sf.fold(dropped, BLOCKS, X)
NETS: dict[str, Any] = {
    "alone": sf.Net.of(sf.dropout(X, 0.3)),
    "fold": FOLDED,
    "two in a step": sf.fold(lambda z, f: sf.dropout(f(sf.dropout(z, 0.1)), 0.4) + z, BLOCKS, X),
    "in a layer": sf.fold(sf.mappers.residual, sf.layers("g1:4", lambda z, W: sf.dropout(sf.tanh(np.dot(z, W)), 0.2), W=(4, 4)), X),
    "nested": sf.fold(lambda z, f: sf.fold(dropped, [f] * 3, z), BLOCKS, X),
    "scan": sf.scan(dropped, BLOCKS, X),
    "several": sf.Net.of(sf.dropout(FOLDED, 0.5) + sf.dropout(X * 2, 0.5) + sf.layer("h", lambda z: sf.dropout(z, 0.5))(X)),
}


def permuted(value: int, key: tuple[int, int], rounds: int) -> int:
    """The permutation of the numbers below 2**24, in Python's integers."""
    left, right = divmod(value, 4096)
    words = [key[0] % 4096, key[1] % 4096, key[0] // 4096, key[1] // 4096]
    for k in range(rounds):
        word = (words[k % 4] + 2531 * k % 4096) % 4096
        left, right = right, (left + (right - word) ** 2 // 32) % 4096
    return 4096 * left + right


def mask(shape: tuple[int, ...], key: Any, rate: float = 0.5) -> Any:
    return np.asarray(sf.Net.of(random_mask(sf.tensor("z", shape), sf.tensor("key", (2,)), rate=rate))(z=np.zeros(shape), key=key))


def test_masks_and_keys_are_those_of_a_loop_over_integers() -> None:
    key, rate, shape = (1234567, 16777215), 0.3, (5, 3, 2)
    wanted = np.empty(shape)
    for row in range(5):
        row_key = permuted(row, key, 8), key[1]
        for place, entry in enumerate(np.ndindex(3, 2)):
            wanted[(row, *entry)] = 0 if permuted(place, row_key, 8) < rate * 2**24 else 1 / 0.7
    np.testing.assert_array_equal(mask(shape, key, rate), wanted)
    keys = sf.Net.of(random_keys(sf.tensor("key", (2,)), sf.tensor("n", (None,))))(key=key, n=[0, 5, 70000])
    assert keys.tolist() == [[permuted(2 * n, key, 12), permuted(2 * n + 1, key, 12)] for n in (0, 5, 70000)]


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.9])
def test_a_mask_drops_at_its_rate_and_keeps_the_mean(rate: float) -> None:
    values = mask((500, 400), (3, 9), rate)
    assert set(np.unique(values)) == {0, 1 / (1 - rate)}
    error = (rate * (1 - rate) / values.size) ** 0.5
    assert abs((values == 0).mean() - rate) < 4 * error


def correlation(a: Any, b: Any) -> float:
    """The correlation of two masks, in standard errors."""
    a, b = np.asarray(a != 0, float).ravel(), np.asarray(b != 0, float).ravel()
    return abs(np.corrcoef(a, b)[0, 1]) * a.size**0.5


def test_entries_rows_and_keys_are_independent() -> None:
    values = mask((400, 500), (17, 4))
    shifts = [(values[:, k:], values[:, :-k]) for k in (1, 2, 16, 64)] + [(values[k:], values[:-k]) for k in (1, 2, 16, 64)]
    others = [(values, mask((400, 500), key)) for key in ((18, 4), (17, 5), (17, 4 + 4096), (17 + 2**23, 4))]
    assert max(correlation(a, b) for a, b in shifts + others) < 4.5
    counts = np.bincount((values[:, :496].reshape(-1, 4) != 0) @ [1, 2, 4, 8], minlength=16)
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 50  # chi squared of 15 degrees of freedom: 1e-5


def test_layers_steps_of_folds_steps_of_trainings_and_seeds_are_independent() -> None:
    net = sf.scan(lambda z, f: f(z), sf.layers("f1:4", lambda z: sf.dropout(0 * z + 1, 0.5)), sf.tensor("x", (None, 100)))
    own = sf.scan(lambda z, f: sf.dropout(0 * z + f(z), 0.5), sf.layers("f1:4", lambda z: 0 * z + 1), sf.tensor("x", (None, 100)))
    x = np.ones((100, 100))
    for form in (net, own):
        runs = [sf.training_form(form, seed)({"step": step}, x=x) for seed, step in ((0, 0), (0, 1), (0, 2), (1, 0), (2**24, 0))]
        masks = [run[k] for run in runs for k in range(3)]
        pairs = [correlation(a, b) for k, a in enumerate(masks) for b in masks[:k]]
        assert len(pairs) == 105 and max(pairs) < 5 and sum(pair > 2 for pair in pairs) < 15


@pytest.mark.parametrize("name", NETS)
def test_the_evaluation_form_is_the_net_without_dropout_and_a_net_without_it_is_its_training_form(name: str) -> None:
    plain = sf.fold(sf.mappers.residual, BLOCKS, X)
    assert sf.training_form(plain) is plain
    form = sf.training_form(NETS[name], 3)
    assert form != NETS[name] and sf.training_form(form) is form
    assert form == sf.training_form(sf.unroll(NETS[name]), 3) == sf.training_form(sf.roll(NETS[name]), 3) != sf.training_form(NETS[name], 4)
    assert sf.from_json(form.to_json()) == form
    assert {node.op.name for node in form.params} == {node.op.name for node in NETS[name].params} | {"step"}


def values_of(form: sf.Net) -> tuple[dict[str, Any], dict[str, Any]]:
    return {**form.init(0), "step": 5.0}, {"x": np.random.default_rng(0).normal(size=(6, 4))}


def test_folds_stay_folded() -> None:
    long = sf.training_form(sf.fold(dropped, sf.layers("f", sf.dense(4, 4), count=500), X))
    assert len(long.bindings) == 1 and long.bindings[0].op.count == 500 and len(long.blocks) == 1


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("backend", installed())
def test_every_backend_drops_the_same_entries_in_float32_too(name: str, backend: str) -> None:
    form = sf.training_form(NETS[name], 3)
    params, data = values_of(form)
    wanted = form(params, **data)
    for dtype, close in (("float64", 1e-14), ("float32", 1e-5)):
        if dtype in BACKENDS[backend].dtypes:
            np.testing.assert_allclose(form.compile(backend, dtype)(params, **data), wanted, rtol=close, atol=close)


@pytest.mark.parametrize("name", ["alone", "fold", *(pytest.param(name, marks=pytest.mark.slow) for name in ("nested", "several"))])
def test_a_gradient_has_the_mask_of_its_value(name: str) -> None:
    form = sf.training_form(NETS[name], 3)
    params, data = values_of(form)
    assert sf.check_grad(sf.squared_error(form, sf.tensor("t", (None, 4))), {**params, **data, "t": np.ones((6, 4))}) < 1e-6
    if name == "alone":
        slopes = sf.grad(sf.Net.of(np.sum(form)), wrt=["x"])(params, **data)["x"]
        np.testing.assert_array_equal(slopes, form(params, x=np.ones((6, 4))))


@pytest.mark.parametrize("rate", [1, -0.1, 1.5])
def test_a_rate_is_below_one(rate: float) -> None:
    with pytest.raises(sf.SymfoldError, match=rf"rate={rate} must be from 0 to below 1"):
        sf.dropout(X, rate)


def test_no_rate_is_no_dropout() -> None:
    assert sf.dropout(X, 0) == X
