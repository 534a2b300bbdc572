"""Losses: one number from a prediction and a target of one shape."""

import math
from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.compute.backends.table import BACKENDS, installed
from symfold.errors import InvalidValue, OutOfRange, ShapeError


@pytest.mark.parametrize(("prediction", "target"), [((None, 1), (None,)), ((None, 3), (None, 1)), ((4, 3), (3,)), ((2, 3), (1, 3))])
def test_a_loss_does_not_broadcast(prediction: tuple, target: tuple) -> None:
    with pytest.raises(ShapeError, match="must have one shape: a loss does not broadcast"):
        sf.squared_error(sf.tensor("p", prediction), sf.tensor("t", target))


def test_unknown_shapes_are_checked_when_numbers_come() -> None:
    loss = sf.Net.of(sf.squared_error(sf.tensor("p"), sf.tensor("t")))
    assert loss(p=np.zeros((4, 1)), t=np.ones((4, 1))) == 4.0
    for run in (loss, loss.compile()):
        with pytest.raises(ShapeError, match=r"prediction \(4, 1\) and target \(4,\)"):
            run(p=np.zeros((4, 1)), t=np.ones(4))
    assert sf.check_grad(loss, {"p": np.ones(3), "t": np.zeros(3)}) < 1e-6


def test_it_is_the_sum_of_squares() -> None:
    loss = sf.squared_error(sf.Net.of(sf.tensor("p", (None, 2))), sf.tensor("t", (None, 2)))
    p, t = np.arange(6.0).reshape(3, 2), np.ones((3, 2))
    assert loss(p=p, t=t) == ((t - p) ** 2).sum()


def test_evaluation_computes_in_floating_point_and_checks_shapes() -> None:
    x = sf.tensor("x")
    for value, wanted in ((np.array([200], np.uint8), [400.0]), (np.array([True, False]), [2.0, 0.0])):
        np.testing.assert_array_equal(sf.Net.of(x + x)(x=value), wanted)
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(3, 3)), sf.tensor("x", (None, 3)))
    with pytest.raises(ShapeError, match=r"parameter 'b1' has shape \(1, 3\), got .*\(5, 3\)"):
        net({**net.init(0), "b1": np.zeros((5, 3))}, x=np.ones((1, 3)))


@pytest.mark.parametrize("one_hot", [False, True])
def test_cross_entropy_and_its_gradient_are_those_of_the_textbook(one_hot: bool) -> None:
    random = np.random.default_rng(0)
    scores, labels = random.normal(size=(5, 4)) * 30, random.integers(0, 4, 5)
    given = np.eye(4)[labels] if one_hot else labels
    loss = sf.Net.of(sf.losses.cross_entropy(sf.tensor("y", (None, 4)), sf.tensor("label", (None, 4) if one_hot else (None,))))
    exact = np.exp(scores - scores.max(-1, keepdims=True))
    softmax = exact / exact.sum(-1, keepdims=True)
    np.testing.assert_allclose(loss(y=scores, label=given), -np.log(softmax[np.arange(5), labels]).mean(), rtol=1e-12)
    slope = sf.grad(loss, wrt=["y"])(y=scores, label=given)["y"]
    np.testing.assert_allclose(slope, (softmax - np.eye(4)[labels]) / 5, atol=1e-15)


def test_cross_entropy_needs_a_known_number_of_classes() -> None:
    with pytest.raises(ShapeError, match="known number of classes"):
        sf.losses.cross_entropy(sf.tensor("y", (None, None)), sf.tensor("label", (None,)))


def slope_error(loss: sf.Net, values: dict[str, Any]) -> float:
    """The difference between the slope along a random direction of y and central differences."""
    direction, step = np.random.default_rng(1).normal(size=values["y"].shape), 1e-6
    ahead, behind = (loss(**{**values, "y": values["y"] + sign * step * direction}) for sign in (1, -1))
    return abs((ahead - behind) / (2 * step) - (sf.grad(loss, wrt=["y"])(**values)["y"] * direction).sum())


RANDOM = np.random.default_rng(7)
SHAPE = (4, 3, 2)  # samples, steps, entries
Y, T, COUNTS = RANDOM.normal(size=SHAPE) * 2, RANDOM.normal(size=SHAPE), RANDOM.integers(0, 5, SHAPE)
TRUTHS = RANDOM.integers(0, 2, SHAPE)
# each loss, and its terms as loops over numbers would write them
TERMS = {
    "mean_squared_error": (T, lambda y, t: (y - t) * (y - t)),
    "absolute_error": (T, lambda y, t: y - t if y > t else t - y),
    "huber": (T, lambda y, t: 0.5 * (y - t) ** 2 if abs(y - t) <= 1 else abs(y - t) - 0.5),
    "poisson": (COUNTS, lambda y, t: math.exp(y) - t * y),
    "binary_cross_entropy": (TRUTHS, lambda y, t: -math.log(1 / (1 + math.exp(-y))) if t else -math.log(1 - 1 / (1 + math.exp(-y)))),
}
MASKS = {"none": None, "samples": RANDOM.integers(0, 2, 4), "steps": RANDOM.integers(0, 2, (4, 3)), "entries": RANDOM.integers(0, 2, SHAPE)}
MASKS["samples"][0] = 1


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", TERMS)
def test_a_loss_is_the_mean_of_the_terms_that_are_kept_each_by_its_weight(name: str, weighted: bool, mask: str) -> None:
    target, term = TERMS[name]
    weights = np.array([0.5, 1.0, 2.0, 3.0]) if weighted else None
    total = amount = 0.0
    for place in np.ndindex(SHAPE):
        keep = MASKS[mask] is None or MASKS[mask][place[: MASKS[mask].ndim]]
        weight = weights[place[0]] if weighted else 1.0
        if keep:
            total, amount = total + weight * term(Y[place], target[place]), amount + weight
    given = {}
    for key, value in (("weights", weights), ("mask", MASKS[mask])):
        if value is not None:
            given[key] = sf.tensor(key, (None, *value.shape[1:]))
    loss = sf.Net.of(getattr(sf.losses, name)(sf.tensor("y", (None, *SHAPE[1:])), sf.tensor("t", (None, *SHAPE[1:])), **given))
    values = {"y": Y, "t": target, "weights": weights, "mask": MASKS[mask]}
    values = {key: value for key, value in values.items() if key in {node.op.name for node in loss.inputs}}
    np.testing.assert_allclose(loss(**values), total / amount, rtol=1e-12)
    assert slope_error(loss, values) < 1e-7


def test_what_a_mask_leaves_out_may_be_anything() -> None:
    y, t, keep = sf.tensor("y", (None, 3)), sf.tensor("t", (None,)), sf.tensor("keep", (None,))
    loss = sf.Net.of(sf.losses.cross_entropy(y, t, mask=keep))
    scores = np.array([[1.0, 2.0, 3.0], [np.nan, np.inf, 0.0], [0.0, 0.0, 5.0]])
    data = {"y": scores, "t": [2, -100, 0], "keep": [1, 0, 1]}
    wanted = sf.Net.of(sf.losses.cross_entropy(y, t))(y=scores[::2], t=[2, 0])
    slopes = sf.grad(loss, wrt=["y"])(**data)["y"]
    assert loss(**data) == wanted and np.all(slopes[1] == 0) and np.isfinite(slopes).all()
    error = sf.Net.of(sf.losses.mean_squared_error(y, sf.tensor("u", (None, 3)), mask=keep))
    np.testing.assert_allclose(error(y=scores, u=np.zeros((3, 3)), keep=[1, 0, 1]), (1 + 4 + 9 + 25) / 6, rtol=1e-15)


@pytest.mark.parametrize("backend", installed())
def test_the_mean_of_no_entries_is_zero_and_moves_nothing(backend: str) -> None:
    y, t, keep = sf.tensor("y", (None, 3)), sf.tensor("t", (None,)), sf.tensor("keep", (None,))
    losses = sf.losses.cross_entropy(y, t, mask=keep), sf.losses.mean_squared_error(y, y * 0 + 1, mask=keep)
    for loss in losses:
        run = sf.value_and_grad(sf.Net.of(loss), wrt=["y"]).compile(backend)
        data = {"y": np.ones((2, 3)), "t": [1, 0], "keep": [0, 0]}
        value, slopes = run({}, **{name: data[name] for name in run.input_names})
        assert value == 0 and not slopes["y"].any()


@pytest.mark.parametrize("given", ["numbers", "one-hot"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("by_class", [False, True])
def test_cross_entropy_smooths_labels_and_weights_classes(given: str, smoothing: float, by_class: bool) -> None:
    scores, labels, factors = RANDOM.normal(size=(5, 3)) * 4, np.array([0, 2, 1, 1, 2]), np.array([0.5, 2.0, 1.0]) if by_class else np.ones(3)
    total = amount = 0.0
    for row, label in zip(scores, labels, strict=True):
        for c in range(3):
            share = (1 - smoothing) * (c == label) + smoothing / 3
            total -= factors[c] * share * (row[c] - math.log(sum(map(math.exp, row))))
        amount += factors[label] if given == "numbers" else 1
    target = sf.tensor("t", (None,) if given == "numbers" else (None, 3))
    loss = sf.Net.of(sf.losses.cross_entropy(sf.tensor("y", (None, 3)), target, label_smoothing=smoothing, class_weights=factors if by_class else None))
    values = {"y": scores, "t": labels if given == "numbers" else np.eye(3)[labels]}
    np.testing.assert_allclose(loss(**values), total / amount, rtol=1e-12)
    assert slope_error(loss, values) < 1e-7


def test_an_impossible_class_costs_nothing_unless_it_is_the_label() -> None:
    loss = sf.Net.of(sf.losses.cross_entropy(sf.tensor("y", (None, 3)), sf.tensor("t", (None,))))
    scores = np.array([[0.0, 0.0, -np.inf]])
    np.testing.assert_allclose(loss(y=scores, t=[0]), math.log(2), rtol=1e-15)
    np.testing.assert_allclose(sf.grad(loss, wrt=["y"])(y=scores, t=[0])["y"], [[-0.5, 0.5, 0.0]])
    assert loss(y=scores, t=[2]) == np.inf


def test_binary_cross_entropy_is_accurate_far_out_and_weights_positives() -> None:
    y, t = sf.tensor("y", (None, 2)), sf.tensor("t", (None, 2))
    plain, weighted = (sf.Net.of(sf.losses.binary_cross_entropy(y, t, pos_weight=factor)) for factor in (None, np.array([3.0, 0.5])))
    data = {"y": [[100.0, -100.0]], "t": [[1.0, 0.0]]}
    np.testing.assert_allclose(plain(**data), math.exp(-100), rtol=1e-12)
    np.testing.assert_allclose(weighted(y=[[0.0, 0.0]], t=[[1.0, 0.0]]), (3 + 1) * math.log(2) / 2, rtol=1e-15)


@pytest.mark.parametrize("backend", installed())
@pytest.mark.parametrize("label", [3, -1, 1.5, math.nan])
def test_labels_out_of_range_are_refused_when_numbers_arrive(label: float, backend: str) -> None:
    w = sf.parameter("w", (2, 3))
    loss = sf.Net.of(sf.losses.cross_entropy(np.dot(sf.tensor("x", (None, 2)), w), sf.tensor("t", (None,))))
    data = {"x": np.ones((2, 2)), "t": [0, label]}
    for run in (lambda: loss.compile(backend)(loss.init(), **data), lambda: sf.fit(loss, loss.init(), data, optimizer=sf.sgd(0.1), backend=backend)):
        with pytest.raises(OutOfRange, match=rf"the label {label:g} is none of the classes \(give whole numbers from 0 to 2\)"):
            run()
    masked = sf.Net.of(sf.losses.cross_entropy(sf.tensor("y", (None, 3)), sf.tensor("t", (None,)), mask=sf.tensor("keep", (None,))))
    scores = {"y": np.zeros((2, 3)), "t": [0, label]}
    np.testing.assert_allclose(masked.compile(backend)({}, **scores, keep=[1, 0]), math.log(3), rtol=1e-15)
    with pytest.raises(OutOfRange):
        masked.compile(backend)({}, **scores, keep=[1, 1])
    computed = sf.Net.of(sf.losses.cross_entropy(sf.tensor("y", (None, 3)), 1 * sf.tensor("t", (None,)))).compile(backend)
    if backend == "numpy":
        with pytest.raises(OutOfRange):
            computed({}, **scores)
    else:
        assert np.isnan(computed({}, **scores))


def test_penalties_are_sums_over_trained_parameters_and_keep_folds_folded() -> None:
    blocks = sf.layers("f1:5", sf.dense(2, 2))
    net = sf.fold(sf.mappers.residual, blocks, sf.tensor("x", (None, 2)))
    params = net.init(3)
    everything = np.concatenate([value.ravel() for value in params.values()])
    np.testing.assert_allclose(sf.losses.l1(net, 0.1)(params), 0.1 * np.abs(everything).sum(), rtol=1e-14)
    np.testing.assert_allclose(sf.losses.l2(net, 0.1)(params), 0.1 * (everything**2).sum(), rtol=1e-14)
    assert len(sf.losses.l2(net, 0.1).params) == 8 and len(sf.losses.l2(sf.roll(net), 0.1).equations) == len(sf.losses.l2(sf.roll(sf.fold(sf.mappers.residual, sf.layers("f1:9", sf.dense(2, 2)), sf.tensor("x", (None, 2)))), 0.1).equations)
    only = sf.Net.of(sf.losses.l2([node for node in net.params if node.op.name.startswith("W")], 2))
    np.testing.assert_allclose(only(params), 2 * sum((params[f"W{k}"] ** 2).sum() for k in range(1, 5)), rtol=1e-14)
    shared = sf.layer("g", sf.dense(2, 2))
    twice = sf.Net.of(shared(shared(sf.tensor("x", (None, 2)))))
    np.testing.assert_allclose(sf.losses.l2(twice, 1)(twice.init(1)), (twice.init(1)["W_g"] ** 2).sum(), rtol=1e-14)
    statistic = sf.Net.of(sf.layer("n", sf.batch_norm(2, kept=True))(sf.tensor("x", (None, 2, 3, 3))))
    assert {node.op.name for node in sf.losses.l2(statistic, 1).params} == {"gain_n", "shift_n"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda y, t: sf.losses.huber(y, t, delta=0), "delta=0 is not a positive number"),
        (lambda y, t: sf.losses.mean_squared_error(y, t, mask=sf.tensor("m", (None, 2))), r"mask of shape \(None, 2\) for values of shape .* leading axes"),
        (lambda y, t: sf.losses.mean_squared_error(y, t, weights=sf.tensor("w")), "known number of axes"),
        (lambda y, t: sf.losses.cross_entropy(y, sf.tensor("l", (None,)), label_smoothing=1.5), "label_smoothing=1.5 must be from 0 to 1"),
        (lambda y, t: sf.losses.cross_entropy(y, sf.tensor("l", (None,)), class_weights=[1.0, 2.0]), "for 3 classes"),
        (lambda y, t: sf.losses.cross_entropy(y, sf.tensor("l", (None, 1))), "must have one shape"),
        (lambda y, t: sf.losses.l1(sf.Net.of(y), 0.1), "no trained parameters"),
    ],
)
def test_a_wrong_loss_says_what_is_wrong(call: Any, message: str) -> None:
    with pytest.raises(sf.SymfoldError, match=message):
        call(sf.tensor("y", (None, 3)), sf.tensor("t", (None, 3)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("backend", installed())
def test_every_backend_has_the_losses_and_their_gradients(backend: str, dtype: str) -> None:
    if dtype == "float32" and dtype not in BACKENDS[backend].dtypes:
        pytest.skip("the backend computes in float64")
    names = {name: sf.tensor(name, (None, *shape)) for name, shape in {"y": (3,), "t": (3,), "label": (), "keep": (), "by": ()}.items()}
    given, total = {"weights": names["by"], "mask": names["keep"]}, 0
    for name in TERMS:
        total = total + getattr(sf.losses, name)(names["y"], names["t"], **given)
    loss = sf.Net.of(total + sf.losses.cross_entropy(names["y"], names["label"], label_smoothing=0.1, class_weights=[1.0, 2.0, 3.0], **given))
    values = {"y": Y[:, :, 0], "t": TRUTHS[:, :, 0], "label": [0, 2, 9, 1], "keep": [1, 1, 0, 1], "by": [1.0, 0.5, 1.0, 2.0]}
    net, close = sf.value_and_grad(loss, wrt=["y"]), {"float64": 1e-13, "float32": 1e-5}[dtype]
    (value, slopes), (wanted, exact) = net.compile(backend, dtype)({}, **values), net(**values)
    np.testing.assert_allclose(value, wanted, rtol=close)
    np.testing.assert_allclose(slopes["y"], exact["y"], rtol=close, atol=close)


Y3, T3, M3, T1 = sf.tensor("y", (None, 3)), sf.tensor("t", (None, 3)), sf.tensor("m", (None,)), sf.tensor("t", (None,))
OUT_OF_RANGE = {
    "truths": (sf.losses.binary_cross_entropy, [[0.0, 1.0, 2.0]], r"'t' holds 2.0 \(give numbers from 0 to 1\)"),
    "no truths": (sf.losses.binary_cross_entropy, [[0.0, -1.0, 1.0]], "'t' holds -1.0"),
    "nan": (sf.losses.binary_cross_entropy, [[0.0, np.nan, 1.0]], "'t' holds nan"),
    "counts": (sf.losses.poisson, [[3.0, -1.0, 1.0]], r"'t' holds -1.0 \(give numbers of 0 or more\)"),
    "shares": (sf.losses.cross_entropy, [[1.5, -0.5, 0.0]], "'t' holds 1.5"),
    "sums": (sf.losses.cross_entropy, [[0.5, 0.2, 0.0]], r"'t' holds a row of sum 0.7 \(give rows of sum 1\)"),
}


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_targets_out_of_range_are_refused_when_they_arrive(name: str) -> None:
    rule, target, message = OUT_OF_RANGE[name]
    loss, masked = sf.Net.of(rule(Y3, T3)), sf.Net.of(rule(Y3, T3, mask=M3))
    values = {"y": np.zeros((1, 3)), "t": np.array(target)}
    for run in (loss, loss.compile("numpy"), sf.grad(loss, wrt=["y"])):
        with pytest.raises(InvalidValue, match=message):
            run(**values)
    both = {"y": np.zeros((2, 3)), "t": np.array([target[0], [0.0, 1.0, 0.0]])}
    with pytest.raises(InvalidValue, match=message):
        masked(**both, m=[1, 1])
    assert masked(**both, m=[0, 1]) == loss(y=both["y"][1:], t=both["t"][1:])


def test_weights_of_classes_and_strengths_of_penalties_are_not_negative() -> None:
    for weights in ([1.0, -1.0, 1.0], [1.0, np.nan, 1.0]):
        with pytest.raises(InvalidValue, match="class_weights holds"):
            sf.losses.cross_entropy(Y3, T1, class_weights=np.array(weights))
    loss = sf.Net.of(sf.losses.cross_entropy(Y3, T1, class_weights=sf.tensor("w", (3,))))
    with pytest.raises(InvalidValue, match=r"'w' holds -1\.0"):
        loss(y=np.zeros((1, 3)), t=[0], w=[1.0, -1.0, 1.0])
    for penalty in (sf.losses.l1, sf.losses.l2):
        with pytest.raises(InvalidValue, match=r"strength holds -0\.1"):
            penalty([sf.parameter("w", (2,))], -0.1)
