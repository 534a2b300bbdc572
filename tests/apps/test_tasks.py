"""Columns of labels: recognised, trained on, saved, predicted and measured; the metrics are scikit-learn's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import call, printed
from hypothesis import given, settings
from hypothesis import strategies as st

from symfold.apps.data import read_table
from symfold.apps.metrics import classification_metrics, regression_metrics
from symfold.apps.regression import Settings, train
from symfold.apps.saved import load_model, save_model
from symfold.apps.table_nets import Shape
from symfold.apps.tasks import target_of
from symfold.errors import DataError


def table_of(folder: Path, column: list[str], name: str = "t.csv") -> str:
    random = np.random.default_rng(0)
    rows = "".join(f"{a:.6f},{b:.6f},{text}\n" for (a, b), text in zip(random.standard_normal((len(column), 2)), column, strict=True))
    (folder / name).write_text("a,b,y\n" + rows)
    return str(folder / name)


@pytest.mark.parametrize(
    ("column", "task", "classes"),
    [
        (["yes", "no"] * 4, "classification", ("no", "yes")),
        (["10", "9", "9", "10"], "classification", ("9", "10")),
        (["1", "1.0", "0", "0"], "classification", ("0", "1")),
        (["1", "2", "3", "4"], "regression", ()),  # as many as rows
        ([str(k % 21) for k in range(100)], "regression", ()),  # more than 20
        ([str(k % 20) for k in range(100)], "classification", tuple(map(str, range(20)))),
        (["0.5", "1.5"] * 4, "regression", ()),
        (["1", "1", "1", "1"], "regression", ()),
        (["1", "1", "two", "two"], "classification", ("1", "two")),
    ],
)
def test_labels_are_recognised(column: list[str], task: str, classes: tuple[str, ...], tmp_path: Path) -> None:
    found = target_of(read_table(table_of(tmp_path, column), labels="y"), "y")
    assert (found.task, found.classes) == (task, classes)
    if classes and not any(cell == "1.0" for cell in column):
        assert [classes[int(k)] for k in found.values[:, 0]] == column
    if not classes:
        assert found.values[:, 0].tolist() == [float(cell) for cell in column]


@pytest.mark.parametrize(
    ("column", "task", "words"),
    [
        (["a", "b", "b"], "regression", ("'y'", "'a' in row 1", "--task classification")),
        (["a", "a", "a"], "classification", ("every row has the label 'a'",)),
        (["a", "", "a"], "auto", ("line 3", "'y'", "is empty")),
        (["a", "nan", "a"], "auto", ("line 3", "'nan'")),
    ],
)
def test_what_is_no_column_of_labels_or_numbers_is_named(column: list[str], task: str, words: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        target_of(read_table(table_of(tmp_path, column), labels="y"), "y", task)
    assert all(word in str(raised.value) for word in words), raised.value


def test_the_task_can_be_chosen(tmp_path: Path) -> None:
    table = read_table(table_of(tmp_path, ["0", "1"] * 4), labels="y")
    assert target_of(table, "y", "regression").classes == ()
    table = read_table(table_of(tmp_path, ["1", "2", "3", "4"]), labels="y")
    assert target_of(table, "y", "classification").classes == ("1", "2", "3", "4")


def by_hand(values: Any, labels: Any, epochs: int, rate: float, params: dict[str, Any]) -> list[float]:
    """Full-batch gradient descent on the mean cross-entropy of a linear net of two layers; the losses before each step."""
    W, b, V, c = (params[name].copy() for name in ("W_into", "b_into", "W_out", "b_out"))
    losses, hot = [], np.eye(c.shape[1])[labels]
    for _ in range(epochs):
        z = values @ W + b
        scores = z @ V + c
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        losses.append(float(-np.log(p[np.arange(len(labels)), labels]).mean()))
        g = (p - hot) / len(labels)
        W, b, V, c = (
            W - rate * values.T @ (g @ V.T), b - rate * (g @ V.T).sum(axis=0, keepdims=True),
            V - rate * z.T @ g, c - rate * g.sum(axis=0, keepdims=True),
        )  # fmt: skip
    return losses


def test_a_classifier_is_trained_as_by_hand(tmp_path: Path) -> None:
    table = read_table(table_of(tmp_path, ["x", "y", "z"] * 5), labels="y")
    target, shape = target_of(table, "y"), Shape("residual", 0, 3, "tanh", ("a", "b"), "y", ("x", "y", "z"))
    model, history = train(shape, table, target, Settings(epochs=5, batch_size=100, rate=0.5))
    rows = model.train_rows
    values = model.scale.standardize(table.select(("a", "b"))[rows])
    wanted = by_hand(values, target.values[rows, 0].astype(int), 5, 0.5, dict(shape.net().init(0)))
    np.testing.assert_allclose(history.loss, wanted, rtol=1e-10)
    probabilities = model.probabilities(table.select(("a", "b")))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert (probabilities.argmax(axis=1) == model.predict(table.select(("a", "b")))).all()


def test_train_and_eval_of_labels(tmp_path: Path) -> None:
    data, model = table_of(tmp_path, ["no", "yes", 'o"k'.replace('"', "")] * 6), str(tmp_path / "m.safetensors")
    options = ("--optimizer", "adam", "--schedule", "cosine", "--rate", "0.05", "--epochs", "20", "--width", "4", "--depth", "1")
    shown = printed("train", "residual", *options, "--data", data, "--target", "y", "-o", model)
    assert "classification of y (3 labels)" in shown and "accuracy on y" in shown and "most frequent" in shown
    report = json.loads(printed("train", "residual", *options, "--data", data, "--target", "y", "--json"))
    predicted = printed("eval", model, "--data", data).splitlines()
    actual = ["no", "yes", "ok"] * 6
    assert predicted[0] == "predicted y" and set(predicted[1:]) <= set(actual)
    hits = sum(one == other for one, other in zip(predicted[1:], actual, strict=True))
    found = sum(report["accuracy"][part] * report["rows"][part] for part in ("train", "test"))
    assert found == pytest.approx(hits)
    metrics = json.loads(printed("eval", model, "--data", data, "--metrics", "--json"))["metrics"]
    assert metrics["accuracy"] == pytest.approx(hits / 18)
    assert np.sum(metrics["confusion"]) == 18 and np.trace(metrics["confusion"]) == hits
    assert load_model(model).shape.classes == ("no", "ok", "yes")
    text = printed("eval", model, "--data", data, "-o", str(tmp_path / "p.csv"))
    assert text.splitlines()[1].startswith("accuracy: ") and "confusion" in text
    other = table_of(tmp_path, ["no", "never", "yes"], "other.csv")
    refused = call("eval", model, "--data", other, "--metrics")
    assert refused.exit_code == 2 and "'never' in row 2" in refused.stderr and "'ok'" in refused.stderr
    assert len(printed("eval", model, "--data", other).splitlines()) == 4, "labels are not needed for predictions"


def test_a_regression_reports_metrics(tmp_path: Path) -> None:
    data, model = table_of(tmp_path, [f"{k / 7:.3f}" for k in range(12)]), str(tmp_path / "m.safetensors")
    printed("train", "residual", "--epochs", "5", "--data", data, "--target", "y", "-o", model)
    report = json.loads(printed("eval", model, "--data", data, "--json"))
    errors = np.array(report["predictions"]) - np.array([round(k / 7, 3) for k in range(12)])
    assert report["metrics"]["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert report["metrics"]["mae"] == pytest.approx(np.mean(np.abs(errors)))


@pytest.mark.parametrize("loss", ["huber", *(pytest.param(name, marks=pytest.mark.slow) for name in ("mean_squared_error", "absolute_error"))])
def test_every_choice_trains(loss: str, tmp_path: Path) -> None:
    data = table_of(tmp_path, [f"{k / 7:.3f}" for k in range(12)])
    optimizer = {"mean_squared_error": "lion", "absolute_error": "adamw", "huber": "momentum"}[loss]
    schedule = {"mean_squared_error": "warmup", "absolute_error": "one_cycle", "huber": "step"}[loss]
    args = ("--loss", loss, "--optimizer", optimizer, "--schedule", schedule, "--validation", "0.2", "--early-stopping", "3", "--backend", "numpy")
    report = json.loads(printed("train", "boosting", *args, "--epochs", "4", "--depth", "1", "--data", data, "--target", "y", "--json"))
    assert (report["loss"], report["optimizer"], report["schedule"]) == (loss, optimizer, schedule)
    assert 1 <= len(report["validation"]) <= 4 and np.isfinite(report["validation"]).all()


def test_a_resumed_training_of_the_command_is_that_without_a_stop(tmp_path: Path) -> None:
    data, folder = table_of(tmp_path, ["0", "1"] * 8), str(tmp_path / "checkpoints")
    run = lambda *args: json.loads(  # noqa: E731
        printed("train", "residual", "--depth", "1", "--optimizer", "adam", "--backend", "numpy", "--data", data, "--target", "y", *args, "--json")
    )
    whole = run("--epochs", "6")
    run("--epochs", "3", "--checkpoint", folder)
    assert run("--epochs", "6", "--checkpoint", folder, "--resume")["metrics"] == whole["metrics"]


@pytest.mark.parametrize(("loss", "column"), [("poisson", "0 3 1 2 7 0 1 4 2 9 1 2"), ("binary_cross_entropy", "n y n y y n n y y n y n")])
def test_losses_of_one_score_give_counts_and_probabilities(loss: str, column: str, tmp_path: Path) -> None:
    """At the optimum, the predictions of a net with a readout have the mean of the targets: the slope of the loss in its bias is 0."""
    data = table_of(tmp_path, column.split())
    table = read_table(data, labels="y")
    target = target_of(table, "y", "regression" if loss == "poisson" else "classification")
    shape = Shape("residual", 0, 2, "tanh", ("a",), "y", target.classes)
    model, _ = train(shape, table, target, Settings(epochs=600, batch_size=99, rate=0.1, loss=loss, optimizer="adam", backend="numpy"))
    values, wanted = table.select(["a"]), target.values[:, 0]
    predicted = model.probabilities(values)[:, 1] if target.classes else model.predict(values)
    raw = model.raw(values)[:, 0]
    np.testing.assert_allclose(predicted, np.exp(raw) if loss == "poisson" else 1 / (1 + np.exp(-raw)), rtol=1e-12)
    assert predicted[model.train_rows].mean() == pytest.approx(wanted[model.train_rows].mean(), rel=1e-4)
    if target.classes:
        assert model.predict(values).tolist() == (predicted > 0.5).tolist()
    save_model(tmp_path / "m.safetensors", model)
    assert load_model(tmp_path / "m.safetensors").predict(values).tolist() == model.predict(values).tolist()


def test_a_loss_that_does_not_fit_the_target_is_refused(tmp_path: Path) -> None:
    three, negative = table_of(tmp_path, ["a", "b", "c"] * 4), tmp_path / "n.csv"
    negative.write_text("a,y\n" + "".join(f"{k},{k - 2.5}\n" for k in range(9)))
    for data, loss, words in (
        (three, "binary_cross_entropy", "for two classes, and the target has 3 (give --loss cross_entropy)"),
        (str(negative), "poisson", "for counts, and the target holds -2.5 (give --loss mean_squared_error)"),
    ):
        for command in ("train", "sweep"):
            refused = call(command, "residual", "--data", data, "--target", "y", "--loss", loss)
            assert refused.exit_code == 2 and words in refused.stderr


def test_with_a_schedule_a_resumed_training_has_the_same_epochs(tmp_path: Path) -> None:
    data, folder = table_of(tmp_path, ["0", "1"] * 8), str(tmp_path / "checkpoints")
    args = ("train", "residual", "--depth", "1", "--backend", "numpy", "--data", data, "--target", "y", "--checkpoint", folder)
    printed(*args, "--epochs", "2", "--schedule", "cosine")
    refused = call(*args, "--epochs", "4", "--schedule", "cosine", "--resume")
    assert refused.exit_code == 2 and refused.stderr.count("\n") == 1
    assert "the schedule 'cosine' runs over all epochs, so their number cannot grow (give --epochs as before)" in refused.stderr
    assert "the schedule" not in call(*args, "--epochs", "2", "--schedule", "cosine", "--seed", "1", "--resume").stderr
    printed(*args, "--epochs", "2", "--schedule", "cosine", "--resume")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--loss", "hinge"), ("'hinge'", "'cross_entropy'")),
        (("--task", "regression", "--loss", "cross_entropy"), ("'cross_entropy'", "'huber'")),
        (("--optimizer", "adom"), ("'adom'", "'adam'")),
        (("--schedule", "linear"), ("'linear'", "'cosine'")),
        (("--backend", "gpu"), ("'gpu'", "'numpy'")),
        (("--validation", "1.5"), ("--validation",)),
        (("--early-stopping", "3"), ("--early-stopping", "--validation")),
        (("--resume",), ("--resume", "--checkpoint")),
        (("--task", "ranking"), ("'ranking'",)),
    ],
)
def test_a_wrong_choice_lists_the_right_ones(args: tuple[str, ...], words: tuple[str, ...], tmp_path: Path) -> None:
    result = call("train", "residual", "--data", table_of(tmp_path, ["0", "1"] * 8), "--target", "y", *args)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert all(word in result.stderr for word in words), result.stderr


@settings(max_examples=25)
@given(st.integers(2, 5), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_the_metrics_of_a_classification_by_loops(classes: int, rows: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(classes), rows)
    actual = random.integers(0, classes, rows)
    found = classification_metrics(probabilities, actual)
    guess = [max(range(classes), key=lambda k: row[k]) for row in probabilities]
    assert found["accuracy"] == pytest.approx(sum(a == g for a, g in zip(actual, guess, strict=True)) / rows)
    assert found["log_loss"] == pytest.approx(-sum(np.log(row[a]) for row, a in zip(probabilities, actual, strict=True)) / rows)
    scores = []
    for k in set(actual.tolist()) | set(guess):
        true = sum(a == k and g == k for a, g in zip(actual, guess, strict=True))
        precision, recall = true / max(1, guess.count(k)), true / max(1, actual.tolist().count(k))
        scores.append(2 * precision * recall / (precision + recall) if true else 0.0)
    assert found["f1"] == pytest.approx(sum(scores) / len(scores))
    assert found["confusion"] == [[sum(a == i and g == j for a, g in zip(actual, guess, strict=True)) for j in range(classes)] for i in range(classes)]


@pytest.mark.filterwarnings("ignore")
def test_the_metrics_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    for seed in range(20):
        random = np.random.default_rng(seed)
        rows, classes = int(random.integers(2, 40)), int(random.integers(2, 6))
        actual, predicted = random.standard_normal((2, rows))
        found = regression_metrics(predicted, actual)
        assert found["r2"] == pytest.approx(metrics.r2_score(actual, predicted), rel=1e-12)
        assert found["mae"] == pytest.approx(metrics.mean_absolute_error(actual, predicted), rel=1e-12)
        assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(actual, predicted), rel=1e-12)
        probabilities, labels = random.dirichlet(np.full(classes, 0.1), rows), random.integers(0, classes, rows)
        scores, guess = classification_metrics(probabilities, labels), probabilities.argmax(axis=1)
        every = list(range(classes))
        assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(labels, guess), rel=1e-12)
        assert scores["log_loss"] == pytest.approx(metrics.log_loss(labels, probabilities, labels=every), rel=1e-9)
        assert scores["f1"] == pytest.approx(metrics.f1_score(labels, guess, average="macro"), rel=1e-12)
        assert scores["confusion"] == metrics.confusion_matrix(labels, guess, labels=every).tolist()
