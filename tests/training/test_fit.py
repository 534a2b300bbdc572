"""Training: the notebook's run against autograd, laws of fit, and what it says when things go wrong."""

from dataclasses import replace
from pathlib import Path

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import symfold as sf
from symfold.compute.backends.table import BACKENDS, installed
from symfold.compute.parameters import Parameters
from symfold.errors import Diverged, InvalidType, InvalidValue, UnknownName
from symfold.training.optimizers import momentum
from symfold.training.step.training_step import Stepper, training_step

NET = sf.fold(sf.mappers.residual, sf.layers("f1:11", sf.dense(3, 3, sf.sigmoid)), sf.tensor("x", (None, 3)))
LOSS = sf.squared_error(NET, sf.tensor("target", (None, 3)))


def notebook_loss(params, x, target):
    z = x
    for k in range(1, 11):
        z = z + 1 / (1 + anp.exp(-(anp.dot(z, params[f"W{k}"]) + params[f"b{k}"])))
    return anp.sum((target - z) ** 2)


def batches(seed: int, steps: int) -> list[dict[str, np.ndarray]]:
    random = np.random.default_rng(seed)
    target = random.random((10, 3))
    return [{"x": random.normal(size=(10, 3)), "target": target} for _ in range(steps)]


def data_of(samples: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {"x": random.normal(size=(samples, 3)), "target": random.random((samples, 3))}


def test_the_notebooks_run_is_that_of_autograd() -> None:
    """10 epochs of 10 steps: every loss and every gradient to 1e-10."""
    run = batches(0, 100)
    start = NET.init(seed=0)
    value_and_grad = sf.value_and_grad(LOSS).compile()
    oracle = autograd.value_and_grad(notebook_loss)
    params = {name: np.array(value) for name, value in start.items()}
    losses = []
    for batch in run:
        value, gradient = value_and_grad(params, **batch)
        wanted_value, wanted = oracle(params, **batch)
        np.testing.assert_allclose(value, wanted_value, rtol=1e-10)
        for name in params:
            np.testing.assert_allclose(gradient[name], wanted[name], rtol=1e-10, atol=1e-10 * np.abs(wanted[name]).max())
        params = {name: params[name] - 0.01 * wanted[name] for name in params}
        losses.append(wanted_value)
    fitted = sf.fit(LOSS, start, batches=run, optimizer=sf.sgd(0.01))
    np.testing.assert_allclose(fitted.history.loss, losses, rtol=1e-9)
    for name in params:
        np.testing.assert_allclose(fitted.params[name], params[name], rtol=1e-8, atol=1e-10)


def test_training_is_a_fold_of_the_update_over_the_batches() -> None:
    """fit is the fold of the training step, and the fold is a net like any other."""
    run = batches(1, 5)
    layer = sf.layer("f1", sf.dense(3, 3, sf.sigmoid))
    loss = sf.squared_error(sf.Net.of(layer(sf.tensor("x", (10, 3)))), sf.tensor("target", (10, 3)))
    step = training_step(loss, sf.sgd(0.01))

    def update(state, batch):
        (W, b), (x, target) = state, batch
        return step(W1=W, b1=b, x=x, target=target).parts[1]

    start = sf.Net.of(layer(sf.tensor("x", (10, 3)))).init(seed=3)
    stacked = [(batch["x"], batch["target"]) for batch in run]
    trained = sf.fold(update, stacked, (sf.tensor("W", (3, 3)), sf.tensor("b", (1, 3))))
    W, b = trained(W=start["W1"], b=start["b1"])
    fitted = sf.fit(loss, start, batches=run, optimizer=sf.sgd(0.01)).params
    np.testing.assert_allclose(W, fitted["W1"], rtol=1e-12)
    np.testing.assert_allclose(b, fitted["b1"], rtol=1e-12)
    assert len(trained.bindings) == 1


def test_momentum_is_the_rule_written_by_hand() -> None:
    run, w, v = [{"x": np.array(k / 3)} for k in range(6)], 1.0, 0.0
    loss = sf.Net.of((sf.parameter("w") - sf.tensor("x", ())) ** 2)
    for batch in run:
        v = 0.5 * v + 2 * (w - batch["x"])
        w = w - 0.1 * v
    assert sf.fit(loss, {"w": 1.0}, batches=run, optimizer=momentum(0.1, 0.5)).params["w"] == pytest.approx(w)


def test_fit_leaves_its_arguments_alone_and_repeats_itself() -> None:
    random = np.random.default_rng(0)
    data = {"x": random.normal(size=(23, 3)), "target": random.random((23, 3))}
    start = NET.init(seed=0)
    before, copies = start.copy(), {name: value.copy() for name, value in data.items()}
    one, two, other = (
        sf.fit(LOSS, start, data, optimizer=sf.sgd(0.001), epochs=3, batch_size=10, seed=seed) for seed in (5, 5, 6)
    )
    assert one.history.loss == two.history.loss != other.history.loss
    assert len(one.history) == 3 * 3  # the last batch of an epoch holds the 3 samples that are left
    np.testing.assert_array_equal(start.flat, before.flat)
    for name in data:
        np.testing.assert_array_equal(data[name], copies[name])


def test_the_loss_of_a_step_is_the_one_before_its_update() -> None:
    run = batches(2, 1)
    start = NET.init(seed=0)
    assert sf.fit(LOSS, start, batches=run, optimizer=sf.sgd(0.01)).history[0] == pytest.approx(float(LOSS(start, **run[0])))


def test_metrics_after_each_epoch() -> None:
    random = np.random.default_rng(0)
    data = {"x": random.normal(size=(20, 3)), "target": random.random((20, 3))}
    metrics = {"loss": LOSS, "first": lambda p: p["b1"][0, 0]}
    done = sf.fit(LOSS, NET.init(0), data, optimizer=sf.sgd(0.001), epochs=4, batch_size=5, metrics=metrics)
    assert [len(values) for values in done.history.metrics.values()] == [4, 4]
    assert done.history.metrics["loss"][-1] == pytest.approx(float(LOSS(done.params, **data)))
    assert done.history.metrics["first"][-1] == done.params["b1"][0, 0]


@pytest.mark.parametrize("value", [None, "good", {"a": 1.0}, [1.0, None], [[1.0], [1.0, 2.0]]], ids=str)
def test_metrics_that_are_no_numbers_are_refused_by_name(value: object) -> None:
    options = {"batches": batches(2, 1), "optimizer": sf.sgd(0.01), "epochs": 2}
    score = sf.metric(lambda true, guess: value, sf.Net.of(sf.tensor("x", (None, 3))), "x")
    with pytest.raises(InvalidType, match=r"metric 'm' gave .* neither a number nor an array of numbers") as caught:
        sf.fit(LOSS, NET.init(0), metrics={"m": lambda params: value}, **options)
    assert len(caught.value.history) == 1  # the first measurement
    with pytest.raises(InvalidType, match=r"metric 'm' gave"):
        sf.fit(LOSS, NET.init(0), {"x": np.ones((4, 3)), "target": np.ones((4, 3))}, optimizer=sf.sgd(0.01), metrics={"m": score})
    done = sf.fit(LOSS, NET.init(0), metrics={"m": lambda params: [1, True]}, **options)
    assert done.history.metrics["m"] == [[1, True]] * 2


def test_a_loss_that_is_no_longer_finite_keeps_the_last_good_parameters() -> None:
    loss = sf.Net.of((sf.parameter("w") * sf.tensor("x", ())) ** 2)
    with pytest.raises(Diverged, match=r"at step \d+") as caught:
        sf.fit(loss, {"w": 1.0}, batches=[{"x": 1e3}] * 200, optimizer=sf.sgd(1.0))
    error = caught.value
    assert isinstance(error, ArithmeticError)
    assert error.step == len(error.history) + 1
    assert np.isfinite(loss(error.params, x=1e3))
    assert float(loss(error.params, x=1e3)) == pytest.approx(error.history[-1])


def test_parameters_are_views_into_one_buffer() -> None:
    params = NET.init(seed=0)
    params["W3"] -= 1.0
    assert params.flat[2 * 9 : 3 * 9].sum() == pytest.approx(params["W3"].sum())
    assert isinstance(params, Parameters) and len(params) == 20
    np.testing.assert_array_equal(NET.init(seed=4).flat, NET.init(seed=4).flat)
    assert not np.array_equal(NET.init(seed=4).flat, NET.init(seed=5).flat)


def test_progress_is_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    sf.fit(LOSS, NET.init(0), batches=batches(0, 2), optimizer=sf.sgd(0.01), progress="plain")
    assert "epoch 1/1" in capsys.readouterr().err
    sf.fit(LOSS, NET.init(0), batches=batches(0, 2), optimizer=sf.sgd(0.01))
    assert capsys.readouterr().err == ""


def test_mistakes_are_named() -> None:
    start, run = NET.init(0), batches(0, 2)
    data = {"x": np.ones((4, 3)), "target": np.ones((4, 3))}
    uneven = {**data, "x": np.ones((5, 3))}
    for error, match, call in (
        (InvalidType, "either data .* or batches", lambda: sf.fit(LOSS, start, optimizer=sf.sgd(0.1))),
        (InvalidType, "is not an optimizer", lambda: sf.fit(LOSS, start, data, optimizer=0.1)),
        (InvalidValue, "rate=-1 is not a positive number", lambda: sf.sgd(-1)),
        (InvalidValue, "epochs=0", lambda: sf.fit(LOSS, start, data, optimizer=sf.sgd(0.1), epochs=0)),
        (InvalidValue, "batch_size=0", lambda: sf.fit(LOSS, start, data, optimizer=sf.sgd(0.1), batch_size=0)),
        (InvalidValue, "no value for input 'target'", lambda: sf.fit(LOSS, start, {"x": data["x"]}, optimizer=sf.sgd(0.1))),
        (UnknownName, "unknown input: 'y'", lambda: sf.fit(LOSS, start, {**data, "y": 1}, optimizer=sf.sgd(0.1))),
        (InvalidValue, "different numbers of samples", lambda: sf.fit(LOSS, start, uneven, optimizer=sf.sgd(0.1))),
        (InvalidValue, "read only once", lambda: sf.fit(LOSS, start, batches=iter(run), epochs=2, optimizer=sf.sgd(0.1))),
        (InvalidValue, "no value for parameter 'W1'", lambda: sf.fit(LOSS, {}, data, optimizer=sf.sgd(0.1))),
        (InvalidType, "params must be a mapping", lambda: sf.fit(LOSS, None, data, optimizer=sf.sgd(0.1))),
        (InvalidType, "batches must be an iterable", lambda: sf.fit(LOSS, start, batches=3, optimizer=sf.sgd(0.1))),
        (InvalidType, "metrics must be a mapping", lambda: sf.fit(LOSS, start, data, metrics=[LOSS], optimizer=sf.sgd(0.1))),
        (InvalidType, "equally long", lambda: sf.fit(LOSS, start, {**data, "x": [[1], [1, 2]]}, optimizer=sf.sgd(0.1))),
        (InvalidValue, "seed=-1 must be", lambda: NET.init(seed=-1)),
    ):
        with pytest.raises(error, match=match):
            call()


def test_the_result_of_a_training_is_no_mapping_of_parameters(tmp_path) -> None:
    """Wherever parameters are taken, the error names the attribute that has them."""
    data = {"x": np.ones((4, 3)), "target": np.ones((4, 3))}
    done = sf.fit(LOSS, NET.init(0), data, optimizer=sf.sgd(0.1))
    for call in (
        lambda: sf.fit(LOSS, done, data, optimizer=sf.sgd(0.1)),
        lambda: NET(done, x=data["x"]),
        lambda: NET.compile("numpy")(done, data["x"]),
        lambda: NET.record(done, x=data["x"]),
        lambda: sf.save(tmp_path / "net.safetensors", NET, done),
    ):
        with pytest.raises(InvalidType, match=r"got a Fitted \(give its \.params\)"):
            call()


def test_what_is_not_finite_is_said() -> None:
    """A loss of several numbers, values that are not finite from the start, and a last update that overflows."""
    x, w = sf.tensor("x"), sf.parameter("w")
    with pytest.raises(InvalidValue, match=r"a loss is .*number"):
        sf.fit(sf.Net.of(w * x), {"w": 1.0}, {"x": np.ones(3)}, optimizer=sf.sgd(0.1))
    loss = sf.squared_error(sf.Net.of(w * sf.tensor("x", (None,))), sf.tensor("t", (None,)))
    good = {"x": np.ones(2), "t": np.ones(2)}
    with pytest.raises(InvalidValue, match="the data of 't' are not all finite"):
        sf.fit(loss, {"w": 1.0}, {**good, "t": np.array([1.0, np.nan])}, optimizer=sf.sgd(0.1))
    with pytest.raises(InvalidValue, match="parameter 'w' is not finite"):
        sf.fit(loss, {"w": np.nan}, good, optimizer=sf.sgd(0.1))
    with pytest.raises(Diverged, match="no longer finite after step 1") as caught:
        sf.fit(loss, {"w": 1e10}, good, optimizer=sf.sgd(1e300))
    assert caught.value.params["w"] == 1e10 and caught.value.step == 1


def test_a_backend_is_given_an_epoch_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seam of `Training`: one call for the batches of full size, one for what is left over; no call a step."""
    calls: list[dict[str, tuple[int, ...]]] = []

    class Recorded(Stepper):
        def run(self, stack):
            calls.append({name: stack[name].shape for name in stack})
            assert all(stack.shape(name) == shape for name, shape in calls[-1].items())
            return super().run(stack)

    random = np.random.default_rng(0)
    data = {"x": random.normal(size=(23, 3)), "target": random.random((23, 3))}
    wanted = sf.fit(LOSS, NET.init(0), data, optimizer=sf.sgd(0.001), epochs=2, batch_size=5)
    monkeypatch.setitem(BACKENDS, "numpy", replace(BACKENDS["numpy"], training=lambda update, dtype: Recorded(update)))
    got = sf.fit(LOSS, NET.init(0), data, optimizer=sf.sgd(0.001), epochs=2, batch_size=5)
    assert calls == 2 * [{"x": (4, 5, 3), "target": (4, 5, 3)}, {"x": (1, 3, 3), "target": (1, 3, 3)}]
    assert got.history.loss == wanted.history.loss and got.params == wanted.params


@pytest.mark.parametrize(
    ("options", "calls"),
    [
        ({"batch_size": 5}, [12]),
        ({}, [3]),
        ({"batch_size": 5, "metrics": {"w": lambda p: p["W1"][0, 0]}}, [4, 4, 4]),
        ({"batch_size": 5, "progress": True}, [4, 4, 4]),
        ({"batch_size": 8}, [2, 1] * 3),
    ],
    ids=["epochs of whole batches", "whole data", "measured", "shown", "with what is left over"],
)
def test_epochs_are_one_call_where_nobody_asks_in_between(options: dict, calls: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    class Recorded(Stepper):
        def run(self, stack):
            seen.append(stack.count)
            return super().run(stack)

    wanted = sf.fit(LOSS, NET.init(0), data_of(20), optimizer=sf.sgd(0.001), epochs=3, **options)
    monkeypatch.setitem(BACKENDS, "numpy", replace(BACKENDS["numpy"], training=lambda update, dtype: Recorded(update)))
    got = sf.fit(LOSS, NET.init(0), data_of(20), optimizer=sf.sgd(0.001), epochs=3, **options)
    assert seen == calls
    assert got.history == wanted.history and got.params == wanted.params


@pytest.mark.parametrize("batch_size", [None, 5])
def test_a_diverged_run_says_the_same_step_and_epoch_however_it_is_called(batch_size: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3)), sf.tensor("x", (None, 3)))
    loss = sf.squared_error(net, sf.tensor("target", (None, 3)))

    def message() -> str:
        with pytest.raises(Diverged) as caught:
            sf.fit(loss, net.init(0), data_of(20), optimizer=sf.sgd(0.1), epochs=30, batch_size=batch_size)
        return str(caught.value)

    wanted = message()
    assert "in epoch 1 " not in wanted
    monkeypatch.setitem(BACKENDS, "numpy", replace(BACKENDS["numpy"], training=lambda update, dtype: Stepper(update)))
    assert message() == wanted


def test_given_batches_may_change_their_size_and_use_one_buffer() -> None:
    run = [*batches(4, 3), *({name: value[:4] for name, value in batch.items()} for batch in batches(5, 2)), *batches(6, 1)]

    def refilled():
        buffer = {name: np.zeros((10, 3)) for name in run[0]}
        for batch in run:
            for name, value in batch.items():
                buffer[name][: len(value)] = value
            yield {name: buffer[name][: len(batch[name])] for name in buffer}

    listed, drawn = (sf.fit(LOSS, NET.init(0), batches=given, optimizer=sf.sgd(0.01)) for given in (run, refilled()))
    assert listed.history.loss == drawn.history.loss and len(listed.history) == 6


def test_stages_of_a_diverged_run_are_those_of_its_losses() -> None:
    deep = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2)), sf.tensor("x", (None, 2)))
    data = {"x": np.ones((4, 2)), "target": np.zeros((4, 2))}
    with pytest.raises(Diverged) as caught:
        sf.fit(sf.squared_error(deep, sf.tensor("target", (None, 2))), deep.init(0), data, optimizer=sf.sgd(1e9), epochs=200, stages=True)
    history = caught.value.history
    assert len(history.stages) == len(history.loss) == caught.value.step - 1


SHARED = sf.layers("g1:5", sf.dense(3, 3, sf.sigmoid))
SHARING = {
    "alone too": lambda x: sf.fold(sf.mappers.residual, SHARED, x) + SHARED[1](x),
    "captured": lambda x: sf.fold(lambda z, f: f(z) + SHARED[0](z), SHARED, x),
    "in two folds": lambda x: sf.fold(sf.mappers.residual, SHARED[:3], x) + sf.fold(sf.mappers.residual, SHARED[1:], x),
    "every other one again": lambda x: sf.fold(sf.mappers.residual, SHARED[::2], sf.fold(sf.mappers.residual, SHARED, x)),
    "backwards": lambda x: sf.fold(sf.mappers.residual, SHARED[::-1], sf.fold(sf.mappers.residual, SHARED, x)),
}


@pytest.mark.parametrize("backend", installed())
@pytest.mark.parametrize("name", SHARING)
def test_a_layer_may_be_used_in_several_places(name: str, backend: str) -> None:
    loss = sf.squared_error(SHARING[name](sf.tensor("x", (None, 3))), sf.tensor("target", (None, 3)))
    data, gradient = data_of(6), sf.grad(loss)
    params = {name: np.array(value) for name, value in loss.init(seed=0).items()}
    for _ in range(3):
        slopes = gradient(params, **data)
        params = {name: value - 0.05 * slopes[name] for name, value in params.items()}
    fitted = sf.fit(loss, loss.init(seed=0), data, optimizer=sf.sgd(0.05), epochs=3, backend=backend)
    assert set(fitted.params) == set(params)
    for name, value in params.items():
        np.testing.assert_allclose(fitted.params[name], value, rtol=1e-12, atol=1e-14)


def test_an_input_that_no_step_reads_is_given_all_the_same() -> None:
    x, unread = sf.tensor("x", (None, 3)), sf.tensor("unread", (None, 3))
    w = sf.parameter("w", (3, 3))
    pairs = sf.fold(lambda s, p: (s[0] + np.dot(s[0], w), s[1] + unread), [1, 2, 3], (x, x))
    for prediction in (pairs.parts[0], np.dot(x, w) + sf.stop_gradient(unread) * 0):
        loss = sf.Net.of(sf.squared_error(prediction, sf.tensor("target", (None, 3))))
        fitted = sf.fit(loss, loss.init(seed=0), data_of(6) | {"unread": np.ones((6, 3))}, optimizer=sf.sgd(0.001), epochs=2)
        assert fitted.history.loss[1] < fitted.history.loss[0]


def test_dropout_drops_in_training_and_not_in_evaluation() -> None:
    """Against descent on the training form step by step; the validation loss is that of the net as it is written."""
    x, w = sf.tensor("x", (None, 3)), sf.parameter("w", (3, 3))
    loss = sf.Net.of(sf.losses.mean_squared_error(np.dot(sf.dropout(x, 0.5), w), sf.tensor("target", (None, 3))))
    data, value = data_of(12), np.eye(3)
    gradient = sf.grad(sf.training_form(loss, seed=4), wrt=["w"])
    done = sf.fit(loss, {"w": value}, data, optimizer=sf.sgd(0.1), epochs=3, shuffle=False, seed=4, validation=data)
    for step in range(3):
        value = value - 0.1 * gradient({"w": value, "step": float(step)}, **data)["w"]
    np.testing.assert_allclose(done.params["w"], value, rtol=1e-12)
    assert set(done.params) == {"w"} and done.history.validation["loss"][-1] == pytest.approx(loss(done.params, **data).item())
    accumulated = sf.fit(loss, {"w": np.eye(3)}, data, optimizer=sf.sgd(0.1), epochs=1, batch_size=6, accumulate=2, seed=4, shuffle=False)
    halves = [{name: array[rows] for name, array in data.items()} for rows in (slice(6), slice(6, 12))]
    slopes = [gradient({"w": np.eye(3), "step": float(step)}, **half)["w"] for step, half in enumerate(halves)]
    np.testing.assert_allclose(accumulated.params["w"], np.eye(3) - 0.1 * sum(slopes) / 2, rtol=1e-12)


def test_labels_out_of_range_are_refused_before_the_first_step() -> None:
    logits = np.dot(sf.tensor("x", (None, 3)), sf.parameter("w", (3, 2)))
    loss, seen = sf.Net.of(sf.losses.cross_entropy(logits, sf.tensor("label", (None,)))), []
    good, bad = ({"x": np.ones((4, 3)), "label": [0, 1, 1, last]} for last in (0, 2))
    for data, options in ((bad, {}), (good, {"validation": bad}), (None, {"batches": [bad]})):
        with pytest.raises(sf.errors.OutOfRange, match="the label 2 is none of the classes"):
            sf.fit(loss, {"w": np.zeros((3, 2))}, data, optimizer=sf.sgd(0.1), callbacks=seen.append, **options)
    assert not seen
    with pytest.raises(sf.errors.OutOfRange) as caught:  # in a later batch: what was trained is in the error
        small = {"x": np.ones((2, 3)), "label": [1, 1]}
        sf.fit(loss, {"w": np.zeros((3, 2))}, batches=[small, good, bad], optimizer=sf.sgd(0.1))
    assert len(caught.value.history) == 1 and caught.value.params["w"].any()


def test_scores_are_those_of_scikit_learn() -> None:
    scores = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 2))
    data = {"x": x, "label": (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)}
    y = sf.Net.of(sf.layer("a", sf.dense(2, 3))(sf.tensor("x", (None, 2))))
    loss = sf.losses.cross_entropy(y, sf.tensor("label", (None,)))
    metrics = {"accuracy": sf.metric(scores.accuracy_score, y, "label"), "f1": sf.metric(scores.f1_score, y, "label", average="macro")}
    done = sf.fit(loss, y.init(0), data, optimizer=sf.adam(0.05), epochs=20, metrics=metrics, validation=0.25, shuffle=False)
    for history, rows in ((done.history.metrics, slice(45)), (done.history.validation, slice(45, None))):
        guess = y(done.params, x=x[rows]).argmax(axis=1)
        assert history["accuracy"][-1] == scores.accuracy_score(data["label"][rows], guess)
        assert history["f1"][-1] == scores.f1_score(data["label"][rows], guess, average="macro")
    squares = sf.metric(scores.r2_score, sf.Net.of(sf.tensor("x", (None, 2))), "x")
    assert set(sf.fit(loss, y.init(0), data, optimizer=sf.sgd(0.1), epochs=1, metrics={"r2": squares}).history.metrics["r2"]) == {1.0}
    for bad, words in (({"m": sf.metric(scores.r2_score, y, "nothing")}, "which the data lack"), ({"m": 3}, "nor a score")):
        with pytest.raises(sf.SymfoldError, match=words):
            sf.fit(loss, y.init(0), data, optimizer=sf.sgd(0.1), metrics=bad)
    with pytest.raises(sf.errors.InvalidType, match="not a function of true and predicted values"):
        sf.metric("accuracy", y, "label")


def test_slots_go_on(tmp_path: Path) -> None:
    """Two trainings, the second with the slots of the first, are one: momenta, the step of a schedule, and dropout."""
    z = sf.dropout(sf.layer("f", sf.dense(2, 2, sf.tanh))(sf.tensor("x", (None, 2))), 0.3)
    loss = sf.losses.mean_squared_error(sf.Net.of(z), sf.tensor("t", (None, 2)))
    data = {"x": np.arange(8.0).reshape(4, 2) / 8, "t": np.ones((4, 2))}
    options = {"optimizer": sf.adam(sf.optimizers.cosine(0.1, 9)), "backend": "numpy", "shuffle": False}
    whole, first = sf.fit(loss, loss.init(0), data, epochs=5, **options), sf.fit(loss, loss.init(0), data, epochs=3, **options)
    second = sf.fit(loss, first.params, data, epochs=2, slots=first.slots, **options)
    np.testing.assert_array_equal(second.params.flat, whole.params.flat)
    assert first.history.loss + second.history.loss == whole.history.loss and second.slots["step"] == 5
    with pytest.raises(InvalidValue, match=r"slots has a, and this training has .*step"):
        sf.fit(loss, first.params, data, slots={"a": 1.0}, **options)
    with pytest.raises(InvalidValue, match="without stages and checkpoints"):
        sf.fit(loss, first.params, data, slots=first.slots, checkpoint=tmp_path, **options)
