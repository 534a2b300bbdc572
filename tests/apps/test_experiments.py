"""Experiments: their laws at small budgets. Counts, sums and slopes are exact or near; what training gives is only repeated."""

from functools import partial
from itertools import combinations
from math import comb

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.apps.experiments import by_strength, lesion_curves, path_lengths, two_by_two
from symfold.apps.experiments.__main__ import main
from symfold.apps.experiments.bands import Band, band
from symfold.apps.experiments.catalogue import EXPERIMENTS, table
from symfold.apps.experiments.paths import contributions, masks_of, path_vectors
from symfold.apps.experiments.samples import diabetes, tent, triangle
from symfold.apps.experiments.summary import summary
from symfold.apps.experiments.training import fitted
from symfold.apps.experiments.where_and_when import SETTINGS, Setting, boosted, net_of, start_of, widened
from symfold.errors import DataError, InvalidValue

SMALL = Setting(3, 4, 1, 4, 64, (1.0,))


def test_slopes_are_those_of_the_series() -> None:
    found = by_strength(seeds=4, depth=4)
    assert found.slope.mean == pytest.approx(2, abs=0.05) and found.remainder_slope.mean == pytest.approx(3, abs=0.05)
    assert found.difference.shape == found.remainder.shape == (4, len(found.strengths))


def test_the_difference_is_that_of_nets_written_by_hand() -> None:
    """Both nets in NumPy, from the same seed, and the second-order term by central differences along the sum of earlier layers."""
    depth, width, rows, e = 3, 4, 16, 0.125
    found = by_strength(seeds=2, depth=depth, width=width, rows=rows, strengths=(e, e / 2))
    random = np.random.default_rng(0)
    params = {}
    for letter, shape in (("W", (width, 2 * width)), ("b", (1, 2 * width)), ("V", (2 * width, width))):
        for k in range(1, depth + 1):
            params[f"{letter}{k}"] = random.standard_normal(shape) / shape[0] ** 0.5
    x = random.standard_normal((rows, width))

    def layer(k: int, z: np.ndarray) -> np.ndarray:
        return np.tanh(z @ params[f"W{k}"] + params[f"b{k}"]) @ params[f"V{k}"]

    z = x
    for k in range(1, depth + 1):
        z = z + e * layer(k, z)
    gap = z - x - e * sum(layer(k, x) for k in range(1, depth + 1))
    h, term = 1e-5, 0
    for i, j in combinations(range(1, depth + 1), 2):
        term = term + (layer(j, x + h * layer(i, x)) - layer(j, x - h * layer(i, x))) / (2 * h)
    assert found.difference[0, 0] == pytest.approx(np.linalg.norm(gap), rel=1e-9)
    assert found.remainder[0, 0] == pytest.approx(np.linalg.norm(gap - e**2 * term), rel=1e-6)


@given(seed=st.integers(0, 99), depth=st.integers(1, 5))
@settings(deadline=None, max_examples=25)
def test_path_lengths_are_the_sums_over_all_paths(seed: int, depth: int) -> None:
    """The polynomial of one pass against every product of Jacobians, subset by subset; all of them against the whole product."""
    random = np.random.default_rng(seed)
    jacobians = random.normal(size=(depth, 3, 3))
    cotangent = random.normal(size=(2, 3))
    pulls = [partial(lambda J, a: a @ J, J) for J in jacobians]
    found = contributions(pulls, cotangent)
    vectors = path_vectors(pulls, cotangent, masks_of(depth))
    for length in range(depth + 1):
        total = np.zeros_like(cotangent)
        for through in combinations(range(depth), length):
            product = cotangent
            for k in reversed(through):
                product = product @ jacobians[k]
            total = total + product
        np.testing.assert_allclose(found[length], total, rtol=1e-10, atol=1e-10)
        chosen = masks_of(depth).sum(axis=1) == length
        assert chosen.sum() == comb(depth, length)
        np.testing.assert_allclose(vectors[chosen].sum(axis=0), total, rtol=1e-10, atol=1e-10)
    whole = cotangent
    for J in reversed(jacobians):
        whole = whole @ (np.eye(3) + J)
    np.testing.assert_allclose(found.sum(axis=0), whole, rtol=1e-9, atol=1e-9)


def test_drawn_paths_have_every_length_alike() -> None:
    masks = masks_of(20, most=210)
    assert masks.shape == (210, 20) and np.bincount(masks.sum(axis=1)).tolist() == [10] * 21


def test_the_gradient_of_a_trained_net_is_the_sum_of_its_paths() -> None:
    found = path_lengths(seeds=2, depth=4, epochs=4, rates=(0.01,), choosing=1)
    assert found.off.max() < 1e-10 and found.counts == (1, 4, 6, 4, 1)
    np.testing.assert_allclose(found.share.sum(axis=1), 1, rtol=1e-10)
    np.testing.assert_allclose(found.magnitude.sum(axis=1), 1, rtol=1e-12)
    assert (found.norm <= np.array(found.counts) * found.path_norm * (1 + 1e-12)).all()  # the triangle inequality
    np.testing.assert_allclose(found.norm[:, [0, -1]], found.path_norm[:, [0, -1]], rtol=1e-12)  # there is one path of these


@pytest.fixture(scope="module")
def lesions():
    return lesion_curves(2, depth=3, epochs=4, draws=2, rates=(0.01,), choosing=1)


def test_boosting_does_not_know_the_order_of_its_layers(lesions) -> None:
    place = lesions.nets.index("boosting")
    np.testing.assert_allclose(lesions.swapped[place], lesions.swapped[place][:, :1].repeat(4, axis=1), rtol=1e-12)
    assert lesions.harm("boosting", "swapped", 1).mean == pytest.approx(0, abs=1e-12)


def test_a_feedforward_net_without_any_layer_gives_one_number(lesions) -> None:
    """Deleting one layer or all of them leaves what the later biases make of zero: no row differs from another."""
    place = lesions.nets.index("feedforward")
    assert lesions.deleted.shape == lesions.swapped.shape == (3, 2, 4)
    for seed in range(2):
        target = diabetes(seed).test[1]
        assert (lesions.deleted[place, seed, 1:] >= target.std() - 1e-12).all()
    np.testing.assert_array_equal(lesions.deleted[:, :, 0], lesions.swapped[:, :, 0])


@pytest.mark.parametrize("name", ["diabetes", "triangle"])
def test_shrinkage_by_one_is_boosting_stage_by_stage(name: str) -> None:
    """Friedman's residuals, layer by layer, against the stages of fit on the whole boosting net: the same parameters."""
    sample = (diabetes if name == "diabetes" else triangle)(0)
    rows = widened(sample.train[0], SMALL.room), sample.train[1]
    net = net_of("boosting", rows[0].shape[1], SMALL)
    start = start_of(net, 1.0, 0)
    whole = {key: np.array(value) for key, value in fitted(net, start, rows, 0.02, 6, len(rows[1]), 0, stages=True).items()}
    setting = Setting(3, 4, 1, 6, len(rows[1]), (1.0,))
    alone = boosted(setting, start, rows, 0.02, 1.0, 0)
    assert set(alone) == set(whole)
    for key, value in whole.items():
        np.testing.assert_allclose(alone[key], value, rtol=1e-7, atol=1e-10)


def test_shrinkage_writes_less_of_each_layer() -> None:
    """F = nu * sum f_k, each f_k fitted to y - F before it: checked on the prediction, from the layers unshrunk."""
    sample = triangle(0)
    rows = widened(sample.train[0], SMALL.room), sample.train[1]
    net = net_of("boosting", rows[0].shape[1], SMALL)
    params = boosted(SMALL, start_of(net, 1.0, 0), rows, 0.02, 0.25, 0)
    total = 0
    for k in (1, 2, 3):
        total = total + 0.25 * (np.tanh(rows[0] @ params[f"W{k}"] + params[f"b{k}"]) @ (params[f"V{k}"] / 0.25))[:, -1:]
    np.testing.assert_allclose(net.compile()(params, x=rows[0]), total, rtol=1e-9)


@pytest.mark.slow
def test_where_and_when_repeats_itself_and_has_equal_budgets() -> None:
    small = partial(two_by_two, "triangle", 2, epochs=8, choosing=1, rates=(0.01, 0.03))
    one, two = small(), small()
    for part in ("validation", "train", "test", "mean", "linear"):
        np.testing.assert_array_equal(getattr(one, part), getattr(two, part))
    assert one.test.shape == (5, 2) and one.validation.shape == (5, 2 * len(SETTINGS["triangle"].steepness))
    assert one.budget.steps == 8 * 4 and one.budget.trainings == 5 * (2 * 3 + 2)
    assert np.isfinite(one.test).all() and (one.mean > 0).all()


def test_the_rest_repeats_itself(lesions) -> None:
    again = lesion_curves(2, depth=3, epochs=4, draws=2, rates=(0.01,), choosing=1)
    np.testing.assert_array_equal(lesions.deleted, again.deleted)
    np.testing.assert_array_equal(by_strength(2, depth=2).difference, by_strength(2, depth=2).difference)


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=12))
def test_a_band_is_two_standard_errors_wide(values: list[int]) -> None:
    found = band(np.array(values, dtype=float))
    mean = sum(values) / len(values)
    error = (sum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values)) ** 0.5
    assert (found.mean, found.low, found.high) == pytest.approx((mean, mean - 2 * error, mean + 2 * error))
    assert found.holds(mean) and found.overlaps(Band(found.high, found.high, found.high + 1))


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_the_wave_has_as_many_pieces_as_the_map_makes(times: int) -> None:
    x = np.linspace(0, 1, 2**times * 8 + 1)
    turns = np.count_nonzero(np.diff(np.sign(np.diff(tent(x, times)))))
    assert turns == 2**times - 1


def test_the_rows_of_a_sample_are_apart() -> None:
    sample = diabetes(3)
    assert [len(x) for x, _ in (sample.train, sample.validation, sample.test)] == [266, 88, 88]
    np.testing.assert_allclose(sample.train[0].mean(axis=0), 0, atol=1e-12)
    rows = np.vstack([sample.train[0], sample.validation[0], sample.test[0]])
    assert len(np.unique(rows, axis=0)) == 442


@pytest.mark.slow
def test_every_experiment_says_its_budget_and_what_it_supports() -> None:
    ran = CliRunner().invoke(main, ["--quick", "--seeds", "2", "epsilon", "lesions", "paths", "triangle"])
    assert ran.exit_code == 0, ran.output
    for name in ("epsilon", "lesions", "paths", "triangle"):
        assert f"{name}: {EXPERIMENTS[name].question}" in ran.output
    assert ran.output.count("Budget: 2 seeds") == 4 and "stays the same to rounding" in ran.output


def test_trainings_that_diverge_are_said() -> None:
    found = two_by_two("triangle", 2, epochs=8, choosing=1, rates=(1e6,))
    said = " ".join(summary(found))
    assert "diverged" in said and "cannot be compared" in said and "edge of the grid" in said
    assert any("inf" in line or "nan" in line for line in table(found))


def test_mistakes_are_named() -> None:
    with pytest.raises(InvalidValue, match="unknown sample: 'iris'"):
        two_by_two("iris")
    with pytest.raises(InvalidValue, match="seeds=1"):
        by_strength(seeds=1)
    with pytest.raises(DataError, match=r"no\.csv"):
        path_lengths(data="no.csv")
    ran = CliRunner().invoke(main, ["paths", "--data", "no.csv"])
    assert ran.exit_code == 2 and "no.csv" in ran.output
    assert sf.experiments.by_strength is by_strength


def test_a_table_that_is_not_there_is_asked_for(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("symfold.apps.experiments.samples.__file__", str(tmp_path / "a" / "b" / "c.py"))
    with pytest.raises(DataError, match="give its path: data="):
        diabetes(0)
