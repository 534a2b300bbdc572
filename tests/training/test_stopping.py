"""Training that ends early: by the validation loss, by a callback, by Ctrl-C; what is measured after each epoch."""

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

import symfold as sf
from symfold.compute.backends.table import BACKENDS, installed
from symfold.errors import InvalidType, InvalidValue
from symfold.training.loop.stopping import Best, Interrupts
from symfold.training.step.training_step import Stepper

W, X, T = sf.parameter("w", (2,)), sf.tensor("x", (None, 2)), sf.tensor("t", (None,))
LOSS = sf.Net.of(((np.dot(X, W) - T) ** 2).mean())
RANDOM = np.random.default_rng(0)
DATA = {"x": RANDOM.normal(size=(30, 2)), "t": RANDOM.normal(size=30)}
HELD = {"x": RANDOM.normal(size=(7, 2)), "t": RANDOM.normal(size=7)}
START = {"w": np.array([3.0, -2.0])}


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Who runs the tests in the background ignores Ctrl-C, and so would the tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def fit(**options):
    return sf.fit(LOSS, START, DATA, **{"optimizer": sf.sgd(0.05), "epochs": 40, **options})


def descent(epochs: int, rate: float = 0.05, rows: np.ndarray | None = None) -> list[np.ndarray]:
    """The parameters after each epoch, by a plain loop."""
    x, t = (DATA[name] if rows is None else DATA[name][rows] for name in ("x", "t"))
    after, w = [], START["w"].copy()
    for _ in range(epochs):
        w = w - rate * 2 * x.T @ (x @ w - t) / len(t)
        after.append(w)
    return after


def mean_square(w: np.ndarray, data: dict[str, np.ndarray]) -> float:
    return float(np.mean((data["x"] @ w - data["t"]) ** 2))


@pytest.mark.parametrize("backend", installed())
def test_early_stopping_returns_the_parameters_of_the_best_epoch(backend: str) -> None:
    """Against a plain loop of descent, its validation losses, and the rule of patience written out."""
    wanted = descent(200)
    losses = [mean_square(w, HELD) for w in wanted]
    best = 0
    while any(losses[j] < losses[best] - 1e-3 for j in range(best + 1, best + 4)):
        best = next(j for j in range(best + 1, best + 4) if losses[j] < losses[best] - 1e-3)
    done = fit(epochs=200, validation=HELD, early_stopping={"patience": 3, "min_delta": 1e-3}, backend=backend)
    assert 0 < best < 150 and done.history.stopped == "early stopping"
    assert done.history.best == best + 1 and len(done.history.ends) == best + 4
    np.testing.assert_allclose(done.history.validation["loss"], losses[: best + 4], rtol=1e-12)
    np.testing.assert_allclose(done.params["w"], wanted[best], rtol=1e-12)


def test_the_first_epoch_may_be_the_best_one_and_nan_is_none() -> None:
    rule = sf.EarlyStopping(patience=2)
    best = Best(rule)
    ends = [best.ends(k + 1, loss, np.array([float(k)])) for k, loss in enumerate([2.0, np.nan, 1.0, 1.0, 1.0])]
    assert ends == [False, False, False, False, True] and best.epoch == 3 and best.flat == 2.0
    with pytest.raises(FrozenInstanceError):
        rule.patience = 3
    for wrong in ({"patience": 0}, {"patience": 1.5}, {"min_delta": -1.0}, {"min_delta": np.nan}):
        with pytest.raises((InvalidValue, InvalidType), match=next(iter(wrong))):
            sf.EarlyStopping(**wrong)


def test_a_fraction_is_split_off_by_the_seed_before_the_training() -> None:
    """What a callback sees on held-out rows is the loss on the rows that no gradient has read."""
    done = fit(validation=0.3, seed=4, batch_size=5)
    order = np.random.default_rng([4, 1]).permutation(30)
    kept, rest = {name: DATA[name][order[21:]] for name in DATA}, np.sort(order[:21])
    assert done.history.validation["loss"][-1] == pytest.approx(mean_square(done.params["w"], kept))
    same = sf.fit(LOSS, START, {name: DATA[name][rest] for name in DATA}, optimizer=sf.sgd(0.05), epochs=40, seed=4, batch_size=5)
    np.testing.assert_allclose(done.params["w"], same.params["w"], rtol=1e-12)
    last = fit(validation=0.3, shuffle=False, epochs=3)
    np.testing.assert_allclose(last.params["w"], descent(3, rows=np.arange(21))[-1], rtol=1e-12)
    assert fit(validation=0.3, seed=5).params != fit(validation=0.3, seed=4).params


def test_metrics_are_taken_on_the_training_and_on_the_validation_data() -> None:
    worst = sf.Net.of(np.max(abs(np.dot(X, W) - T)))
    done = fit(validation=HELD, metrics={"worst": worst, "first": lambda p: p["w"][0]}, epochs=3)
    for k, w in enumerate(descent(3)):
        for lists, data in ((done.history.metrics, DATA), (done.history.validation, HELD)):
            assert lists["worst"][k] == pytest.approx(np.max(np.abs(data["x"] @ w - data["t"])))
        assert done.history.metrics["first"][k] == pytest.approx(w[0])
    assert list(done.history.validation) == ["loss", "worst"]


def test_callbacks_see_each_epoch_and_may_end_the_training() -> None:
    records = []

    def stop(record: object) -> None:
        if len(records) == 5:
            raise sf.StopTraining

    done = fit(callbacks=[records.append, stop], validation=HELD, metrics={"m": LOSS}, batch_size=10)
    assert [record.epoch for record in records] == [1, 2, 3, 4, 5] and done.history.stopped == "callback"
    for k, record in enumerate(records):
        assert record.loss == pytest.approx(np.mean(done.history.loss[3 * k : 3 * k + 3]))
        assert record.validation_loss == pytest.approx(mean_square(record.params["w"], HELD)) == record.validation["loss"]
        assert record.metrics["m"] == pytest.approx(mean_square(record.params["w"], DATA))
    with pytest.raises(FrozenInstanceError):
        records[0].loss = 0.0
    assert done.params == records[-1].params
    assert len(fit(callbacks=lambda record: record.epoch >= 2).history.ends) == 2
    assert len(fit(callbacks=lambda record: 1).history.ends) == 40  # only True stops


@pytest.mark.parametrize("backend", installed())
def test_ctrl_c_in_the_middle_of_a_call_ends_between_two_steps(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal comes while a backend takes steps: all of these are kept, and no others are taken."""
    row = BACKENDS[backend]

    def training(update, dtype):
        inner = Stepper(update) if row.training is None else row.training(update, dtype)
        run = inner.run

        def interrupted(stack):
            losses = run(stack)
            os.kill(os.getpid(), signal.SIGINT)
            return losses

        inner.run = interrupted
        return inner

    monkeypatch.setitem(BACKENDS, backend, replace(row, training=training))
    done = fit(batch_size=15, metrics={"w": lambda p: p["w"][0]}, backend=backend)
    assert done.history.interrupted and len(done.history) == 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    monkeypatch.setattr("symfold.training.loop.pace.Pace.size", lambda pace, stack: 5)
    merged = fit(batch_size=15, backend=backend)  # all epochs are one stack, of which one call takes five steps
    assert merged.history.interrupted and len(merged.history) == 5 and merged.history.ends == [2, 4]
    monkeypatch.undo()
    wanted = fit(batch_size=15, epochs=3, backend=backend)
    assert done.history.loss == wanted.history.loss[:2] and merged.history.loss == wanted.history.loss[:5]
    assert done.params == fit(batch_size=15, epochs=1, backend=backend).params


def test_ctrl_c_from_outside_ends_a_long_call_soon() -> None:
    """A training of hours, interrupted after a moment; steps of one call are bounded in time."""
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    done = fit(epochs=10**9, batch_size=10, shuffle=False, callbacks=lambda record: None, backend="numpy")
    timer.join()
    steps = len(done.history)
    assert done.history.interrupted and 0 < steps < 10**6
    again = fit(epochs=-(-steps // 3), batch_size=10, shuffle=False, backend="numpy")
    assert again.history.loss[:steps] == done.history.loss


def test_ctrl_c_in_a_users_code_ends_the_training_too() -> None:
    def batches():
        yield DATA
        raise KeyboardInterrupt

    done = sf.fit(LOSS, START, batches=batches(), optimizer=sf.sgd(0.05))
    assert done.history.interrupted and done.history.ends == []
    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts, interrupts.shield():
        for _ in range(2):  # the second one does not wait
            os.kill(os.getpid(), signal.SIGINT)
    assert interrupts.torn


def test_what_cannot_be_is_refused_before_the_first_step() -> None:
    seen = []
    for match, options in (
        ("validation='x'", {"validation": "x"}),
        ("validation=True", {"validation": True}),
        ("validation=1.5 must be between 0 and 1", {"validation": 1.5}),
        ("validation=0.001 of 30 samples", {"validation": 0.001}),
        ("no value for input 't'", {"validation": {"x": DATA["x"]}}),
        ("unknown input: 'y'", {"validation": {**HELD, "y": 1}}),
        ("validation data have different numbers of samples: x: 7, t: 2", {"validation": {**HELD, "t": np.ones(2)}}),
        ("validation data hold no samples", {"validation": {"x": np.ones((0, 2)), "t": np.ones(0)}}),
        ("early_stopping watches the validation loss", {"early_stopping": 3}),
        ("early_stopping=0 must be", {"early_stopping": 0, "validation": 0.1}),
        (r"early_stopping=\{'wait': 3\}", {"early_stopping": {"wait": 3}, "validation": 0.1}),
        ("callback 3 is not a function", {"callbacks": [3]}),
        ("callback .* is not a function of one value", {"callbacks": lambda: True}),
        ("progress='dots'", {"progress": "dots"}),
    ):
        with pytest.raises((InvalidValue, InvalidType), match=match):
            fit(**{"callbacks": seen.append, **options})
    with pytest.raises(InvalidValue, match=r"validation=0\.1 is a fraction of data"):
        sf.fit(LOSS, START, batches=[DATA], validation=0.1, optimizer=sf.sgd(0.1))
    assert not seen
