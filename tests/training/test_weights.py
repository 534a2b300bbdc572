"""Weights of samples and classes against losses and gradients written out, and against samples given several times."""

from importlib.util import find_spec

import numpy as np
import pytest

import symfold as sf
from symfold.compute.backends.table import installed
from symfold.errors import InvalidType, InvalidValue
from symfold.training.objective.weights import weighted

X, T, LABEL = sf.tensor("x", (None, 3)), sf.tensor("t", (None, 2)), sf.tensor("label", (None,))
W = sf.parameter("w", (3, 2))
Y = np.dot(X, W)
RANDOM = np.random.default_rng(0)
DATA = {"x": RANDOM.normal(size=(12, 3)), "t": RANDOM.normal(size=(12, 2))}
LABELS = RANDOM.integers(0, 2, 12)
START = {"w": RANDOM.normal(size=(3, 2))}
COUNTS = np.array([0, 1, 2, 3, 1, 1, 4, 0, 1, 2, 1, 2])
LOSSES = {
    "sum": sf.squared_error(Y, T),
    "mean": ((Y - T) ** 2).mean(),
    "mean of means": ((Y - T) ** 2).mean(axis=1).mean(),
    "mean with a penalty": ((Y - T) ** 2).mean() / 3 + 0.1 * (W**2).sum(),
    "difference": ((Y - T) ** 2).sum() - 2 * (np.tanh(Y - T) ** 2).sum(),
    "absolute": abs(Y - T).mean(),
    "masked": sf.losses.mean_squared_error(Y, T, mask=T > 0),
}


@pytest.mark.parametrize("name", LOSSES)
def test_whole_weights_are_samples_given_several_times(name: str) -> None:
    """The loss and its gradient: n times a sample, or the weight n."""
    loss = sf.Net.of(LOSSES[name])
    several = {key: np.repeat(array, COUNTS, axis=0) for key, array in DATA.items()}
    value, gradient = sf.value_and_grad(loss)(START, **several)
    got, slopes = sf.value_and_grad(weighted(loss))(START, **DATA, sample_weight=COUNTS)
    np.testing.assert_allclose(got, value, rtol=1e-12)
    np.testing.assert_allclose(slopes["w"], gradient["w"], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("backend", installed())
def test_a_training_with_weights_is_descent_on_the_weighted_mean(backend: str) -> None:
    loss, weights, w = sf.Net.of(LOSSES["mean"]), RANDOM.random(12), START["w"]
    for _ in range(4):
        error = DATA["x"] @ w - DATA["t"]
        w = w - 0.1 * DATA["x"].T @ (weights[:, None] * error) / weights.sum()  # the mean is over 2 columns
    done = sf.fit(loss, START, DATA, optimizer=sf.sgd(0.1), epochs=4, sample_weight=weights, backend=backend)
    np.testing.assert_allclose(done.params["w"], w, rtol=1e-12)


def test_weights_follow_their_samples_into_batches() -> None:
    """Shuffled batches with weights, against batches that hold the weights as an entry."""
    loss, weights = sf.Net.of(LOSSES["mean"]), RANDOM.random(12)
    done = sf.fit(loss, START, DATA, optimizer=sf.sgd(0.1), epochs=2, batch_size=5, seed=3, sample_weight=weights)
    generator, run = np.random.default_rng(3), []
    for _ in range(2):
        order = generator.permutation(12)
        run += [{**{key: array[rows] for key, array in DATA.items()}, "weight": weights[rows]} for rows in (order[:5], order[5:10], order[10:])]
    given = sf.fit(loss, START, batches=run, optimizer=sf.sgd(0.1), sample_weight="weight")
    assert done.params == given.params and done.history.loss == given.history.loss
    entry = sf.fit(loss, START, {**DATA, "weight": weights}, optimizer=sf.sgd(0.1), epochs=2, batch_size=5, seed=3, sample_weight="weight")
    assert done.params == entry.params


def test_class_weights_are_weights_of_the_samples_of_a_class() -> None:
    loss = sf.Net.of(sf.losses.cross_entropy(Y, LABEL))
    data = {"x": DATA["x"], "label": LABELS}

    def fit(**options):
        return sf.fit(loss, START, data, optimizer=sf.sgd(0.5), epochs=3, **options).params

    given = np.where(LABELS == 1, 5.0, 2.0)
    assert fit(class_weight={0: 2.0, 1: 5.0}) == fit(sample_weight=given) == fit(class_weight={"label": {0: 2, 1: 5}})
    assert fit(class_weight={0: 2.0, 1: 5.0}, sample_weight=DATA["x"][:, 0] ** 2) == fit(sample_weight=given * DATA["x"][:, 0] ** 2)
    balanced = 12 / (2 * np.bincount(LABELS))[LABELS]
    assert fit(class_weight="balanced") == fit(sample_weight=balanced) != fit()
    batches = [{key: array[rows] for key, array in data.items()} for rows in (slice(0, 6), slice(6, 12))]
    one, two = (
        sf.fit(loss, START, batches=[{**batch, **more} for batch, more in zip(batches, entries, strict=True)], optimizer=sf.sgd(0.5), **options).params
        for entries, options in (([{}, {}], {"class_weight": {0: 2.0, 1: 5.0}}), ([{"w": given[:6]}, {"w": given[6:]}], {"sample_weight": "w"}))
    )
    assert one == two


def test_targets_out_of_range_are_refused_by_fit_minimize_and_boost() -> None:
    loss = sf.Net.of(sf.losses.poisson(Y, T))
    with pytest.raises(InvalidValue, match=r"'t' holds .* \(give numbers of 0 or more\)"):
        sf.fit(loss, START, DATA, optimizer=sf.sgd(0.1))
    if find_spec("scipy"):
        with pytest.raises(InvalidValue, match=r"'t' holds"):
            sf.minimize(loss, START, DATA)
    with pytest.raises(InvalidValue, match=r"'target' holds .* \(give numbers from 0 to 1\)"):
        sf.boost("boosting", Zero(), DATA["x"], DATA["t"], stages=1, loss="binary_cross_entropy")


class Zero:
    def fit(self, x, y):
        return self

    def predict(self, x):
        return np.zeros(len(x))


def test_a_batch_of_zero_weights_moves_nothing() -> None:
    loss, weights = sf.Net.of(LOSSES["mean"]), np.r_[np.zeros(6), np.ones(6)]
    done = sf.fit(loss, START, DATA, optimizer=sf.sgd(0.1), batch_size=6, shuffle=False, sample_weight=weights)
    second = sf.fit(loss, START, {key: array[6:] for key, array in DATA.items()}, optimizer=sf.sgd(0.1))
    np.testing.assert_allclose(done.history.loss, [0.0, *second.history.loss], rtol=1e-14)
    np.testing.assert_allclose(done.params["w"], second.params["w"], rtol=1e-14)


def test_what_has_no_weighted_form_is_refused_by_name() -> None:
    for loss, match in (
        ((np.dot(X, W) ** 2).mean() ** 2, r"Pow of samples .*weights=w"),
        ((Y**2).sum() * (Y**2).mean(), "Mul of samples"),
        (np.sqrt((Y**2).mean()), "Pow of samples"),
        (np.max(Y), "max of samples"),
    ):
        with pytest.raises(InvalidValue, match=match):
            sf.fit(loss, START, {"x": DATA["x"]}, optimizer=sf.sgd(0.1), sample_weight=COUNTS)
    loss = sf.Net.of(LOSSES["mean"])
    for match, options in (
        (r"sample_weight has shape \(3,\), and there are 12 samples", {"sample_weight": np.ones(3)}),
        ("sample_weight holds -1.0", {"sample_weight": np.r_[-1.0, np.ones(11)]}),
        ("sample_weight holds nan", {"sample_weight": np.r_[np.nan, np.ones(11)]}),
        ("sample_weight is zero everywhere", {"sample_weight": np.zeros(12)}),
        ("sample_weight='x' is an input", {"sample_weight": "x"}),
        ("no value for input 'v'", {"sample_weight": "v"}),
        ("class_weight=3 is neither", {"class_weight": 3}),
        ("class_weight needs one input that holds labels", {"class_weight": {0: 1.0}}),
    ):
        with pytest.raises((InvalidValue, InvalidType), match=match):
            sf.fit(loss, START, DATA, optimizer=sf.sgd(0.1), **options)
    labeled = sf.Net.of(sf.losses.cross_entropy(Y, LABEL))
    with pytest.raises(InvalidValue, match=r"no weight for the label 1 \(it has 0\)"):
        sf.fit(labeled, START, {"x": DATA["x"], "label": LABELS}, optimizer=sf.sgd(0.1), class_weight={0: 1.0})
    with pytest.raises(InvalidValue, match=r"class_weight has a weight for 9, which is no label of the data \(they are 0, 1\)"):
        sf.fit(labeled, START, {"x": DATA["x"], "label": LABELS}, optimizer=sf.sgd(0.1), class_weight={0: 1.0, 1: 2.0, 9: 1.0})
    with pytest.raises(InvalidValue, match="batches hold weights of their own"):
        sf.fit(loss, START, batches=[DATA], optimizer=sf.sgd(0.1), sample_weight=COUNTS)
