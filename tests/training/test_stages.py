"""Stages: layers fitted one after the other, against prefix nets trained by hand, residuals fitted by hand, and frozen bits."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.errors import Diverged, InvalidValue
from symfold.training.objective.stages import stages_of
from symfold.training.optimizers import momentum

X = sf.tensor("x", (None, 3))
TARGET = sf.tensor("target", (None, 3))
MAPPERS = {"residual": sf.mappers.residual, "boosting": sf.mappers.boosting(X)}


def loss_of(name: str, depth: int, readout: bool = False):
    net = sf.fold(MAPPERS[name], sf.layers("f", sf.dense(3, 3, sf.tanh), count=depth), X)
    return sf.squared_error(sf.Net.of(sf.layer("out", sf.dense(3, 3))(net)) if readout else net, TARGET)


def data_of(seed: int, rows: int = 12) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {"x": random.normal(size=(rows, 3)), "target": random.normal(size=(rows, 3))}


@pytest.mark.parametrize("name", MAPPERS)
@pytest.mark.parametrize("readout", [False, True])
def test_each_stage_is_the_net_of_its_depth(name: str, readout: bool) -> None:
    for k, stage in enumerate(stages_of(loss_of(name, 4, readout), 4), start=1):
        assert sf.roll(stage.net) == sf.roll(loss_of(name, k, readout))
        assert stage.trained == (f"W{k}", f"b{k}", *(("W_out", "b_out") if readout else ()))


@given(depth=st.integers(1, 6), more=st.integers(0, 20))
@settings(deadline=None, max_examples=20)
def test_the_budget_is_shared_out_whole(depth: int, more: int) -> None:
    shares = [stage.epochs for stage in stages_of(loss_of("residual", depth), depth + more)]
    assert sum(shares) == depth + more and max(shares) - min(shares) <= 1 and shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("name", MAPPERS)
@pytest.mark.parametrize("optimizer", [sf.sgd(0.02), momentum(0.01)], ids=["sgd", "momentum"])
def test_stages_are_prefix_nets_trained_one_after_the_other_by_their_last_layer(name: str, optimizer) -> None:
    """Every step by the gradient of a net of its own depth, written as a loop; the readout moves all along."""
    start, data = loss_of(name, 3, readout=True).init(seed=1), data_of(1)
    done = sf.fit(loss_of(name, 3, readout=True), start, data, optimizer=optimizer, epochs=7, stages=True)
    params = {key: np.array(value) for key, value in start.items()}
    rate, decay = (0.02, 0.0) if optimizer.name == "sgd" else (0.01, 0.9)
    losses = []
    for k, steps in ((1, 3), (2, 2), (3, 2)):
        loss = loss_of(name, k, readout=True)
        both = sf.value_and_grad(loss)
        mine = {key: params[key] for key in loss.init(0)}
        moving = {key: np.zeros_like(params[key]) for key in (f"W{k}", f"b{k}", "W_out", "b_out")}
        for _ in range(steps):
            value, gradient = both(mine, **data)
            losses.append(float(value))
            for key in moving:
                entry = dict(sf.grad(loss, wrt=[key])(mine, **data))[key] if key not in gradient else gradient[key]
                moving[key] = decay * moving[key] + entry
            for key, step in moving.items():
                mine[key] = mine[key] - rate * step
        params.update(mine)
    np.testing.assert_allclose(done.history.loss, losses, rtol=1e-10)
    assert done.history.stages == ["f1"] * 3 + ["f2"] * 2 + ["f3"] * 2
    for key in params:
        np.testing.assert_allclose(done.params[key], params[key], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", MAPPERS)
def test_what_a_stage_does_not_train_keeps_its_bits(name: str) -> None:
    loss, data = loss_of(name, 3), data_of(2)
    start = loss.init(seed=2)
    seen: list[dict[str, bytes]] = [{key: start[key].tobytes() for key in start}]
    bits = lambda epoch: seen.append({key: epoch.params[key].tobytes() for key in epoch.params})  # noqa: E731
    done = sf.fit(loss, start, data, optimizer=sf.sgd(0.02), epochs=6, batch_size=5, callbacks=bits, stages=True)
    for epoch, (before, after) in enumerate(pairwise(seen)):
        layer = 1 + epoch // 2
        assert {key for key in before if before[key] != after[key]} == {f"W{layer}", f"b{layer}"}
    assert len(done.history) == len(done.history.stages) == 6 * 3
    again = sf.fit(loss, start, data, optimizer=sf.sgd(0.02), epochs=6, batch_size=5, stages=True)
    assert again.history.loss == done.history.loss and again.params == done.params


def test_stagewise_boosting_is_each_layer_fitted_to_the_residual() -> None:
    """The loop of Friedman (2001) in NumPy: r = y - F, a tanh layer stepped along its own squared error, F += f(x)."""
    depth, steps, rate = 4, 5, 0.01
    loss, data = loss_of("boosting", depth), data_of(3)
    start = loss.init(seed=3)
    done = sf.fit(loss, start, data, optimizer=sf.sgd(rate), epochs=depth * steps, stages=True)
    x, fitted, losses = data["x"], data["x"].copy(), []
    for k in range(1, depth + 1):
        residual = data["target"] - fitted
        W, b = np.array(start[f"W{k}"]), np.array(start[f"b{k}"])
        for _ in range(steps):
            out = np.tanh(x @ W + b)
            losses.append(np.sum((residual - out) ** 2))
            slope = -2 * (residual - out) * (1 - out**2)
            W, b = W - rate * x.T @ slope, b - rate * slope.sum(axis=0, keepdims=True)
        fitted = fitted + np.tanh(x @ W + b)
        np.testing.assert_allclose(done.params[f"W{k}"], W, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(done.params[f"b{k}"], b, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(done.history.loss, losses, rtol=1e-10)


def test_metrics_measure_the_net_as_far_as_it_is_fitted() -> None:
    """The last metric of a stage is the loss of the net of that depth; the last of all is that of the whole net."""
    loss, data = loss_of("residual", 3), data_of(4)
    done = sf.fit(loss, loss.init(0), data, optimizer=sf.sgd(0.01), epochs=3, metrics={"loss": loss}, stages=True)
    for k in (1, 2, 3):
        prefix = loss_of("residual", k)
        own = {key: done.params[key] for key in prefix.init(0)}
        assert done.history.metrics["loss"][k - 1] == pytest.approx(float(prefix(own, **data)))


def test_pairs_layers_without_parameters_and_chains_have_their_order() -> None:
    f, g = sf.layers("f1:3", sf.dense(3, 3)), sf.layers("g3:5", sf.dense(3, 3))
    act = sf.layer("act", lambda z: z / (1 + z**2))

    def step(z, both):
        first, second = both
        z = z + first(z)
        return z + second(z)

    found = stages_of(sf.squared_error(sf.fold(step, list(zip(f, g, strict=True)), X), TARGET), 4)
    assert [stage.layer for stage in found] == ["f1", "g3", "f2", "g4"]
    assert found[1].net == sf.roll(sf.squared_error(sf.fold(step, [(f[0], g[0])], X), TARGET), search=False)
    chain = sf.fold(sf.mappers.residual, list(g), sf.fold(sf.mappers.residual, [f[0], act, f[1]], X))
    found = stages_of(sf.squared_error(chain, TARGET), 5)
    assert [(stage.layer, stage.absent) for stage in found] == [
        ("f1", ("f2", "g3", "g4")), ("f2", ("g3", "g4")), ("g3", ("g4",)), ("g4", ()),
    ]  # fmt: skip


def test_given_batches_are_shared_out_by_their_epochs() -> None:
    loss, run = loss_of("boosting", 2), [data_of(k) for k in range(3)]
    done = sf.fit(loss, loss.init(0), batches=run, optimizer=sf.sgd(0.01), epochs=4, stages=True)
    assert done.history.stages == ["f1"] * 6 + ["f2"] * 6


def test_a_stage_that_diverges_keeps_the_good_parameters_of_all_layers() -> None:
    loss, data = loss_of("residual", 2), data_of(5)
    with pytest.raises(Diverged) as caught:
        sf.fit(loss, loss.init(0), {**data, "target": data["target"] * 1e160}, optimizer=sf.sgd(1e150), epochs=4, stages=True)
    assert set(caught.value.params) == set(loss.init(0)) and np.isfinite(caught.value.params.flat).all()


def squared(net):
    return sf.squared_error(net, TARGET)


F = sf.dense(3, 3, sf.tanh)
WRONG = {
    "no fold": (squared(sf.Net.of(sf.layer("f1", F)(X))), 4, "no fold over layers with parameters"),
    "no parameters": (squared(sf.fold(sf.mappers.residual, [sf.tanh, sf.sin], X)), 4, "no fold over layers with parameters"),
    "shared": (squared(sf.fold(sf.mappers.residual, [sf.layer("f1", F)] * 3, X)), 4, "'f1' is applied more than once"),
    "used outside too": (squared(sf.layer("f1", F)(sf.fold(sf.mappers.residual, sf.layers("f1:3", F), X))), 4, "more than once"),
    "symbolic": (squared(sf.fold(sf.mappers.residual, sf.layers("f", F, count="n"), X)), 4, "the depth n is a symbol"),
    "feedforward": (squared(sf.fold(sf.mappers.feedforward, sf.layers("f1:4", F), X)), 4, "does not depend on 'f1'"),
    "multiplied": (squared(sf.fold(sf.mappers.multiplicative, sf.layers("f1:4", F), X)), 4, "does not depend on 'f1'"),
    "too few": (squared(sf.fold(sf.mappers.residual, sf.layers("f1:6", F), X)), 4, "at least 5"),
}


@pytest.mark.parametrize("case", WRONG)
def test_nets_without_stages_are_named(case: str) -> None:
    loss, epochs, words = WRONG[case]
    with pytest.raises(InvalidValue, match=words):
        sf.fit(loss, {}, data_of(0), optimizer=sf.sgd(0.1), epochs=epochs, stages=True)
