"""Learners of scikit-learn, compared by where they read: an arm against scikit-learn, and a test that decides nothing."""

import dataclasses
from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.apps.experiments import learners as module
from symfold.apps.experiments.catalogue import aligned
from symfold.apps.experiments.learners import TASKS, Model, breast_cancer, real_learners
from symfold.apps.experiments.samples import Sample, diabetes
from symfold.apps.experiments.summary import summary
from symfold.errors import MissingPackage, UnknownName


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two learners, and few epochs."""
    tree, linear = pytest.importorskip("sklearn.tree"), pytest.importorskip("sklearn.linear_model")
    models = {"stump": Model(tree.DecisionTreeRegressor(max_depth=1), 100, 0.1, False), "ridge": Model(linear.Ridge(), 3, 0.5, True)}
    monkeypatch.setattr(module, "learners", lambda: models)
    monkeypatch.setattr(module, "EPOCHS", 5)


def test_boosted_stumps_are_those_of_scikit_learn(small: None) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    found = real_learners("diabetes", 2)
    for seed in range(2):
        sample = diabetes(seed)
        model = ensemble.GradientBoostingRegressor(max_depth=1, n_estimators=100).fit(sample.train[0], sample.train[1][:, 0])
        losses = [np.mean((part - sample.validation[1][:, 0]) ** 2) for part in model.staged_predict(sample.validation[0])]
        best = next(k for k in range(100) if min(losses[: k + 21]) == losses[k])  # twenty further stages are no better
        predicted = list(model.staged_predict(sample.test[0]))[best]
        arm = found.arms.index(("stump", "boosting", "stages"))
        assert found.layers[arm, seed] == best + 1
        assert found.test[arm, seed] == pytest.approx(np.sqrt(np.mean((predicted - sample.test[1][:, 0]) ** 2)), rel=1e-10)
        assert found.constant[seed] == pytest.approx(np.sqrt(np.mean(sample.test[1] ** 2)), rel=1e-6)  # targets have mean 0


def test_the_test_rows_decide_nothing(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """With targets that are 1 higher in the test alone, as many layers are kept and every prediction is the same."""
    before = real_learners("diabetes", 2)

    def higher(seed: int, path: Any = None) -> Sample:
        sample = diabetes(seed)
        return dataclasses.replace(sample, test=(sample.test[0], sample.test[1] + 1))

    kept: list[np.ndarray] = []

    def predictions(predicted: np.ndarray, target: np.ndarray) -> float:
        kept.append(predicted)
        return 0.0

    monkeypatch.setitem(TASKS, "diabetes", dataclasses.replace(TASKS["diabetes"], error=predictions))
    real_learners("diabetes", 2)
    monkeypatch.setitem(TASKS, "diabetes", dataclasses.replace(TASKS["diabetes"], draw=higher, error=predictions))
    after = real_learners("diabetes", 2)
    half = len(kept) // 2
    assert all(np.array_equal(a, b) for a, b in zip(kept[:half], kept[half:], strict=True))
    np.testing.assert_array_equal(before.layers, after.layers)


def test_a_result_has_a_table_and_sentences(small: None) -> None:
    found = real_learners("breast cancer", 2)
    assert found.arms == (
        ("stump", "boosting", "stages"), ("stump", "residual", "stages"),
        ("ridge", "boosting", "stages"), ("ridge", "residual", "stages"),
        ("ridge", "boosting", "end to end"), ("ridge", "residual", "end to end"),
    )  # fmt: skip
    lines = aligned(found.rows())
    assert [line.split("  ")[0] for line in lines] == ["learner", "stump", "ridge", "ridge", "best constant"]
    assert str(found.budget) == "2 seeds, 341 rows, 5 steps a training, 20 trainings"
    heads = ["stump, stages", "ridge, stages", "ridge, end to end", "ridge, reading the input", "ridge, reading the state"]
    assert [sentence.split(":")[0] for sentence in summary(found)] == heads
    assert found.apart(found.arms[1], found.arms[0]).mean == pytest.approx((found.test[1] - found.test[0]).mean())
    assert 0 < found.test.max() < found.constant.min() < 1


def test_parts_of_the_tumors_are_disjoint_and_standardized() -> None:
    pytest.importorskip("sklearn")
    sample = breast_cancer(0)
    parts = [{tuple(row) for row in x} for x, _ in (sample.train, sample.validation, sample.test)]
    assert [len(part) for part in parts] == [341, 114, 114] and len(set.union(*parts)) == 569
    np.testing.assert_allclose(sample.train[0].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(sample.train[0].std(axis=0), 1, rtol=1e-12)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownName, match=r"unknown sample: 'iris'.*'breast cancer', 'diabetes'"):
        sf.experiments.real_learners("iris")
    monkeypatch.setitem(__import__("sys").modules, "sklearn.linear_model", None)
    with pytest.raises(MissingPackage, match=r"scikit-learn is not installed \(pip install 'symfold\[sklearn\]'\)"):
        sf.experiments.real_learners("diabetes")
