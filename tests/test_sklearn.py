"""Estimators for scikit-learn: its own checks, its MLPs as an oracle, and its tools around them."""

import pickle
import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

import sklearn.neural_network._multilayer_perceptron as multilayer
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_blobs
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import symfold as sf
from symfold.errors import Diverged, InvalidType, InvalidValue, ParseError, UnknownName
from symfold.mappers import ARCHITECTURES
from symfold.sklearn import FoldClassifier, FoldRegressor

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.standard_normal((60, 4))
NUMBERS = ROWS[:, 0] * ROWS[:, 1] + ROWS[:, 2]
LABELS = np.where(ROWS[:, 0] > 0.5, "high", np.where(ROWS[:, 0] < -0.5, "low", "mid"))


@parametrize_with_checks([FoldRegressor(), FoldClassifier()])
def test_scikit_learn_finds_nothing(estimator: Any, check: Any) -> None:
    """All checks of the installed version, none expected to fail."""
    check(estimator)


# ------------------------------ the numbers of a training


def as_mlp(model: Any, kind: type, y: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Any:
    """scikit-learn's MLP with one linear hidden layer, started where a net of depth 0 starts."""
    seed = int(np.random.RandomState(model.random_state).randint(np.iinfo(np.int32).max))
    start = model.net_.init(seed, by="glorot")
    layers = iter((start[f"W_{name}"].copy(), start[f"b_{name}"].copy().ravel()) for name in ("into", "out"))
    monkeypatch.setattr(multilayer.BaseMultilayerPerceptron, "_init_coef", lambda *_: next(layers))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", multilayer.ConvergenceWarning)
        return kind(hidden_layer_sizes=(8,), activation="identity", random_state=0, learning_rate_init=0.02, epsilon=1e-14, **options).fit(ROWS, y)


def assert_same_training(ours: Any, theirs: Any) -> None:
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.history_.epochs, theirs.loss_curve_, rtol=1e-9)
    assert np.isclose(ours.loss_, theirs.loss_, rtol=1e-9)
    for name, weights, biases in zip(("into", "out"), theirs.coefs_, theirs.intercepts_, strict=True):
        np.testing.assert_allclose(ours.params_[f"W_{name}"], weights, rtol=1e-7, atol=1e-10)
        np.testing.assert_allclose(ours.params_[f"b_{name}"].ravel(), biases, rtol=1e-7, atol=1e-10)


ADAM = sf.adam(0.02, eps=1e-14)  # scikit-learn adds its epsilon at another place
COMMON: dict[str, Any] = {"alpha": 3.0, "max_iter": 40}


@pytest.mark.parametrize("changes", [{}, {"max_iter": 400, "tol": 1e-3, "n_iter_no_change": 4}], ids=["epochs", "plateau"])
def test_a_linear_net_is_trained_as_scikit_learn_trains_it(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]) -> None:
    """Loss, penalty, Adam and the rule that ends a training, on full batches."""
    options = COMMON | changes
    ours = FoldRegressor("feedforward", depth=0, width=8, random_state=3, optimizer=ADAM, **options).fit(ROWS, NUMBERS)
    assert_same_training(ours, as_mlp(ours, MLPRegressor, NUMBERS, monkeypatch, **options))
    assert ours.n_iter_ < options["max_iter"] or not changes


@pytest.mark.parametrize("classes", [2, 3])
def test_a_linear_classifier_is_trained_as_scikit_learn_trains_it(monkeypatch: pytest.MonkeyPatch, classes: int) -> None:
    y = LABELS if classes == 3 else LABELS == "high"
    ours = FoldClassifier("feedforward", depth=0, width=8, random_state=3, optimizer=ADAM, **COMMON).fit(ROWS, y)
    theirs = as_mlp(ours, MLPClassifier, y, monkeypatch, **COMMON)
    assert_same_training(ours, theirs)
    np.testing.assert_allclose(ours.predict_proba(ROWS), theirs.predict_proba(ROWS), rtol=1e-7)
    np.testing.assert_allclose(ours.predict_log_proba(ROWS), theirs.predict_log_proba(ROWS), rtol=1e-7)
    assert ours.classes_.tolist() == theirs.classes_.tolist() and ours.predict(ROWS).tolist() == theirs.predict(ROWS).tolist()


def test_predictions_are_the_formula() -> None:
    model = FoldRegressor("f(z) - f(x)/2", depth=2, width=5, activation="tanh", max_iter=5, random_state=0).fit(ROWS, NUMBERS)
    p = {name: np.asarray(value) for name, value in model.params_.items()}
    z = x = ROWS @ p["W_into"] + p["b_into"]
    for k in ("1", "2"):
        z = np.tanh(z @ p[f"W{k}"] + p[f"b{k}"]) - np.tanh(x @ p[f"W{k}"] + p[f"b{k}"]) / 2
    np.testing.assert_allclose(model.predict(ROWS), (z @ p["W_out"] + p["b_out"]).ravel(), rtol=1e-12)
    assert "f1(z0)" in repr(model.net_)


def test_weights_are_repetitions() -> None:
    """Also of samples that are left out, and with the penalty, on full batches."""
    times = RANDOM.integers(0, 4, len(ROWS))
    options: dict[str, Any] = {"width": 6, "alpha": 2.0, "max_iter": 30, "random_state": 0, "batch_size": 1000}
    weighted = FoldRegressor(**options).fit(ROWS, NUMBERS, sample_weight=times)
    repeated = FoldRegressor(**options).fit(ROWS.repeat(times, axis=0), NUMBERS.repeat(times))
    np.testing.assert_allclose(weighted.predict(ROWS), repeated.predict(ROWS), rtol=1e-8)
    plain = FoldRegressor(**options).fit(ROWS, NUMBERS)
    assert not np.allclose(weighted.predict(ROWS), plain.predict(ROWS), rtol=1e-2)


def test_weights_of_classes_are_weights_of_their_samples() -> None:
    options: dict[str, Any] = {"width": 6, "max_iter": 20, "random_state": 0}
    by_class = FoldClassifier(class_weight={"high": 5.0, "mid": 1.0, "low": 0.5}, **options).fit(ROWS, LABELS)
    weights = np.where(LABELS == "high", 5.0, np.where(LABELS == "low", 0.5, 1.0))
    by_sample = FoldClassifier(**options).fit(ROWS, LABELS, sample_weight=weights)
    np.testing.assert_allclose(by_class.predict_proba(ROWS), by_sample.predict_proba(ROWS), rtol=1e-12)
    assert not np.allclose(by_class.predict_proba(ROWS), FoldClassifier(**options).fit(ROWS, LABELS).predict_proba(ROWS), rtol=1e-2)


def test_early_stopping_returns_the_best_epoch() -> None:
    noise = RANDOM.standard_normal(len(ROWS))
    model = FoldRegressor(early_stopping=True, validation_fraction=0.3, learning_rate_init=0.02, n_iter_no_change=5, tol=0, random_state=0).fit(ROWS, noise)
    losses = model.history_.validation["loss"]
    assert model.history_.stopped == "early stopping" and model.n_iter_ == len(losses) < 200
    assert model.history_.best == 1 + int(np.argmin(losses)) == model.n_iter_ - 5
    labels = FoldClassifier(early_stopping=True, max_iter=3, random_state=0).fit(ROWS, LABELS)
    assert len(labels.history_.validation["loss"]) == 3


STEPS: dict[str, Any] = {"width": 4, "tol": None, "shuffle": False, "batch_size": 20, "random_state": 0}


@pytest.mark.parametrize(("kind", "y"), [(FoldRegressor, NUMBERS), (FoldClassifier, LABELS), (FoldClassifier, LABELS == "mid")])
def test_epochs_one_by_one_are_a_training(kind: type, y: Any) -> None:
    """The moments of Adam and its step counter go on."""
    whole, steps = kind(max_iter=4, **STEPS).fit(ROWS, y), kind(**STEPS)
    for _ in range(4):
        steps.partial_fit(ROWS, y, **({"classes": np.unique(y)} if kind is FoldClassifier else {}))
    np.testing.assert_array_equal(steps.params_.flat, whole.params_.flat)
    assert steps.history_.epochs == whole.history_.epochs and steps.n_iter_ == 4


def test_a_warm_start_goes_on_from_the_parameters() -> None:
    """Without slots, that is one longer training; Adam starts anew, as scikit-learn's does."""
    for optimizer, same in (("sgd", True), ("adam", False)):
        long = FoldRegressor(max_iter=5, optimizer=optimizer, **STEPS).fit(ROWS, NUMBERS)
        warm = FoldRegressor(max_iter=3, optimizer=optimizer, warm_start=True, **STEPS).fit(ROWS, NUMBERS)
        warm.set_params(max_iter=2).fit(ROWS, NUMBERS)
        assert np.array_equal(warm.params_.flat, long.params_.flat) == same and warm.n_iter_ == 5
        cold = warm.set_params(warm_start=False).fit(ROWS, NUMBERS)
        assert cold.n_iter_ == 2 and not np.array_equal(cold.params_.flat, long.params_.flat)


def test_what_cannot_go_on_is_refused() -> None:
    warm = FoldRegressor(max_iter=1, warm_start=True, **STEPS).fit(ROWS, NUMBERS)
    with pytest.raises(InvalidValue, match="other parameters than the one that was fitted before"):
        warm.set_params(width=5).fit(ROWS, NUMBERS)
    with pytest.raises(InvalidValue, match="partial_fit does not go with early_stopping"):
        FoldRegressor(early_stopping=True).partial_fit(ROWS, NUMBERS)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        FoldClassifier().partial_fit(ROWS, LABELS)
    with pytest.raises(InvalidValue, match="the label 'mid' is none of the classes"):
        FoldClassifier().partial_fit(ROWS, LABELS, classes=["high", "low"])
    few = FoldClassifier(**STEPS).partial_fit(ROWS[LABELS == "mid"], LABELS[LABELS == "mid"], classes=["high", "low", "mid"])
    assert few.predict_proba(ROWS).shape == (60, 3)


# ------------------------------ arguments and results


def test_a_seed_repeats_a_training() -> None:
    fits = [FoldClassifier(width=4, max_iter=5, batch_size=7, random_state=seed).fit(ROWS, LABELS) for seed in (1, 1, np.random.RandomState(1), 2)]
    first, *others = [model.params_.flat.tobytes() for model in fits]
    assert [each == first for each in others] == [True, True, False]


def test_several_numbers_per_row() -> None:
    model = FoldRegressor(depth=1, width=16, learning_rate_init=0.02, random_state=0).fit(ROWS, np.stack([NUMBERS, -NUMBERS], axis=1))
    assert model.predict(ROWS).shape == (60, 2) and model.score(ROWS, np.stack([NUMBERS, -NUMBERS], axis=1)) > 0.9
    assert FoldRegressor(max_iter=1).fit(ROWS, NUMBERS[:, None]).predict(ROWS).shape == (60, 1)


def test_functions_and_optimizers_as_arguments() -> None:
    by_name = FoldRegressor("residual", width=4, activation="tanh", max_iter=5, random_state=0).fit(ROWS, NUMBERS)
    by_value = FoldRegressor(lambda z, f: f(z) + z, width=4, activation=np.tanh, optimizer=sf.adam(0.001), max_iter=5, random_state=0).fit(ROWS, NUMBERS)
    assert by_name.net_ == by_value.net_ and by_name.params_.flat.tobytes() == by_value.params_.flat.tobytes()
    schedule = FoldRegressor(width=4, learning_rate_init=sf.optimizers.cosine(0.1, steps=5), max_iter=5, random_state=0).fit(ROWS, NUMBERS)
    assert schedule.loss_ < by_name.loss_
    half = FoldRegressor(width=4, max_iter=5, random_state=0, dtype="float32")
    full = FoldRegressor(width=4, max_iter=5, random_state=0).fit(ROWS, NUMBERS)
    np.testing.assert_allclose(half.fit(ROWS, NUMBERS).predict(ROWS), full.predict(ROWS), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["lstm", "pre_norm", "image_residual", "mixture"])
def test_architectures(name: str) -> None:
    assert name in ARCHITECTURES
    model = FoldClassifier(name, depth=2, width=4, max_iter=2, random_state=0).fit(ROWS, LABELS)
    assert model.predict_proba(ROWS).shape == (60, 3)
    np.testing.assert_allclose(model.predict_proba(ROWS[:1]), model.predict_proba(ROWS)[:1], rtol=1e-9)  # statistics are kept


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"mapper": "resnet"}, UnknownName, "unknown mapper: 'resnet' .*'residual'"),
        ({"mapper": "f(z) +"}, ParseError, r"cannot read 'f\(z\) \+'"),
        ({"mapper": 3}, InvalidType, "mapper=3 is neither a name"),
        ({"activation": "rely"}, UnknownName, "unknown activation: 'rely' .*'relu'"),
        ({"optimizer": "adm"}, UnknownName, "unknown optimizer: 'adm' .*'adam'"),
        ({"optimizer": 3}, InvalidType, "optimizer=3 is neither a name nor an optimizer"),
        ({"learning_rate_init": -1}, InvalidValue, "learning_rate_init=-1"),
        ({"alpha": -1}, InvalidValue, "alpha=-1 is negative"),
        ({"tol": -1}, InvalidValue, "tol=-1 is negative"),
        ({"batch_size": "full"}, InvalidValue, "batch_size='full' is neither a whole number nor 'auto'"),
        ({"max_iter": 0}, InvalidValue, "max_iter=0"),
        ({"width": 0}, InvalidValue, "width=0"),
        ({"depth": -1}, InvalidValue, "depth=-1"),
        ({"early_stopping": True, "validation_fraction": 1.5}, InvalidValue, "validation_fraction=1.5 must lie between 0 and 1"),
        ({"dtype": "half"}, UnknownName, "unknown dtype: 'half'"),
        ({"optimizer": "sgd", "learning_rate_init": 1e200, "max_iter": 9}, Diverged, "try a smaller rate"),
    ],
)  # fmt: skip
def test_bad_arguments(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        FoldRegressor(**{"width": 4, "max_iter": 2, **options}).fit(ROWS, NUMBERS)


@pytest.mark.parametrize("kind", [FoldClassifier, FoldRegressor])
def test_an_unknown_argument_is_refused_with_the_names_there_are(kind: type) -> None:
    with pytest.raises(InvalidType, match=rf"{kind.__name__} has no argument 'rounds' \(its arguments: mapper, depth, .*max_iter"):
        kind(rounds=5)
    with pytest.raises(InvalidType, match=rf"{kind.__name__} has no argument 'epochs' \(write max_iter=\)"):
        kind(epochs=5)


def test_bad_weights_and_labels() -> None:
    model = FoldClassifier(width=4, max_iter=1, class_weight={"low": 0, "mid": 0, "high": 0})
    with pytest.raises(InvalidValue, match="the weight of every sample is 0"):
        model.fit(ROWS, LABELS)
    with pytest.raises(InvalidValue, match="sample_weight has negative entries"):
        FoldRegressor().fit(ROWS, NUMBERS, sample_weight=-np.ones(60))
    with pytest.raises(InvalidValue, match="y has 1 class, 'a', among"):
        FoldClassifier().fit(ROWS, ["a"] * 60)


# ------------------------------ scikit-learn's tools around them


def test_pipelines_searches_and_copies() -> None:
    x, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), FoldClassifier(width=8, learning_rate_init=0.02, max_iter=40, random_state=0))
    assert cross_val_score(model, x, y, cv=3).mean() > 0.9
    grid = {"foldclassifier__mapper": ["residual", "f(x) + z"], "foldclassifier__depth": [1, 2]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(x, y)
    assert search.best_score_ > 0.9 and len(search.cv_results_["params"]) == 4
    best = search.best_estimator_
    again = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(again.predict_proba(x), best.predict_proba(x))
    np.testing.assert_array_equal(clone(best).fit(x, y).predict_proba(x), best.predict_proba(x))
    assert again[-1].net_ == best[-1].net_


def test_frames() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(ROWS, columns=list("abcd"))
    model = FoldClassifier(width=4, max_iter=2, random_state=0).fit(frame, pd.Series(LABELS))
    assert model.feature_names_in_.tolist() == list("abcd") and model.n_features_in_ == 4
    assert set(model.predict(frame)) <= set(LABELS)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"a": "z"}))


def test_they_learn() -> None:
    x, y = load_diabetes(return_X_y=True)
    x, y = StandardScaler().fit_transform(x), (y - y.mean()) / y.std()
    assert FoldRegressor(width=16, random_state=0, max_iter=60).fit(x[:300], y[:300]).score(x[300:], y[300:]) > 0.4
    points, labels = make_blobs(400, centers=6, cluster_std=0.8, random_state=1)
    assert FoldClassifier(width=16, learning_rate_init=0.01, random_state=0).fit(points[:300], labels[:300]).score(points[300:], labels[300:]) > 0.9
