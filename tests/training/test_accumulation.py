"""Accumulation: k micro-batches train as the one batch that holds their samples, whatever is left at the end of an epoch."""

import numpy as np
import pytest

import symfold as sf
from symfold.compute.backends.table import installed
from symfold.errors import InvalidValue

NET = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(3, 3, sf.tanh)), sf.tensor("x", (None, 3)))
T = sf.tensor("t", (None, 3))
RANDOM = np.random.default_rng(0)
DATA = {"x": RANDOM.normal(size=(17, 3)), "t": RANDOM.normal(size=(17, 3))}
LOSSES = {
    "mean": sf.losses.mean_squared_error(NET, T),
    "sum": sf.squared_error(NET, T) / 17,
    "mean with a penalty": sf.losses.mean_squared_error(NET, T) + sf.losses.l2(NET, 0.1),
    "sum with a penalty": sf.squared_error(NET, T) / 17 + sf.losses.l2(NET, 0.1),
}
CASES = [("mean", 4, 3), ("sum with a penalty", 5, 2), *((name, 4, 3) for name in LOSSES), ("mean", 17, 2), ("mean", 3, 100)]


def fits(loss: sf.Net, size: int, every: int, data=DATA, **options):
    """The training of micro-batches, and that of the large batches."""
    options = {"optimizer": sf.adam(0.02), "epochs": 3, **options}
    return (
        sf.fit(loss, NET.init(0), data, batch_size=size, accumulate=every, **options),
        sf.fit(loss, NET.init(0), data, batch_size=size * every, **options),
    )


@pytest.mark.parametrize(("name", "size", "every"), [*CASES[:2], *(pytest.param(*case, marks=pytest.mark.slow) for case in CASES[2:])])
def test_micro_batches_train_as_the_large_batch(name: str, size: int, every: int) -> None:
    loss = sf.Net.of(LOSSES[name])
    small, large = fits(loss, size, every, backend="numpy")
    assert len(small.history) == 3 * -(-17 // size)
    for key, value in large.params.items():
        np.testing.assert_allclose(small.params[key], value, rtol=1e-9, atol=1e-11)
    assert small.history[0] == pytest.approx(loss(NET.init(0), **first_batch(size)).item())


def first_batch(size: int) -> dict[str, np.ndarray]:
    order = np.random.default_rng(0).permutation(17)[:size]
    return {name: array[order] for name, array in DATA.items()}


@pytest.mark.parametrize("backend", installed())
def test_on_every_backend_with_weights_schedules_and_clipping(backend: str) -> None:
    """The step counter counts updates, a norm is that of the whole gradient, and a mean is weighted by the weights."""
    rate = sf.optimizers.cosine(0.1, 6)
    optimizer = sf.optimizers.clipped(sf.optimizers.momentum(rate), 0.3)
    loss = sf.Net.of(LOSSES["mean with a penalty"])
    small, large = fits(loss, 4, 3, optimizer=optimizer, sample_weight=RANDOM.random(17), backend=backend)
    for key, value in large.params.items():
        np.testing.assert_allclose(small.params[key], value, rtol=1e-9, atol=1e-11)


def test_given_batches_of_a_known_number_end_with_their_epoch() -> None:
    """A list ends with an update; a generator carries what is left into the next epoch, or leaves it."""
    loss = sf.Net.of(LOSSES["mean"])
    run = [{name: array[k : k + 4] for name, array in DATA.items()} for k in range(0, 17, 4)]
    merged = [{name: array[start:end] for name, array in DATA.items()} for start, end in ((0, 8), (8, 16), (16, 17))]
    options = {"optimizer": sf.sgd(0.1)}
    listed = sf.fit(loss, NET.init(0), batches=run, accumulate=2, epochs=2, **options)
    wanted = sf.fit(loss, NET.init(0), batches=merged, epochs=2, **options)
    drawn = sf.fit(loss, NET.init(0), batches=iter(run), accumulate=2, **options)
    unfinished = sf.fit(loss, NET.init(0), batches=merged[:2], **options)
    for one, other in ((listed, wanted), (drawn, unfinished)):
        for key, value in other.params.items():
            np.testing.assert_allclose(one.params[key], value, rtol=1e-10, atol=1e-12)


X, LABEL, KEEP = sf.tensor("x", (None, 3)), sf.tensor("label", (None,)), sf.tensor("keep", (None,))
SCORES = np.dot(X, sf.parameter("w", (3, 2)))
RATIOS = {
    "masked": sf.losses.cross_entropy(SCORES, LABEL, mask=KEEP),
    "masked errors and a penalty": 3 * sf.losses.mean_squared_error(SCORES, sf.tensor("u", (None, 2)), mask=KEEP) + sf.losses.l2([SCORES], 0.1),
    "weighted by class": sf.losses.cross_entropy(SCORES, LABEL, class_weights=np.array([1.0, 3.0])),
}
LABELED = {"x": DATA["x"], "u": DATA["t"][:, :2], "label": RANDOM.integers(0, 2, 17), "keep": np.r_[np.zeros(4), np.ones(9), 0, 1, 0, 1]}


@pytest.mark.parametrize("name", RATIOS)
@pytest.mark.parametrize("weights", [None, RANDOM.random(17)])
def test_means_under_masks_are_accumulated_by_what_is_kept(name: str, weights: np.ndarray | None) -> None:
    loss = sf.Net.of(RATIOS[name])
    data = {node.op.name: LABELED[node.op.name] for node in loss.inputs}
    options = {"optimizer": sf.sgd(0.3), "epochs": 2, "sample_weight": weights, "shuffle": False, "backend": "numpy"}
    small = sf.fit(loss, loss.init(0), data, batch_size=4, accumulate=3, **options)
    large = sf.fit(loss, loss.init(0), data, batch_size=12, **options)
    np.testing.assert_allclose(small.params["w"], large.params["w"], rtol=1e-10)
    assert not np.allclose(small.params["w"], loss.init(0)["w"])


def test_what_cannot_be_accumulated_is_refused() -> None:
    mixed = sf.Net.of(LOSSES["mean"] + LOSSES["sum"])
    with pytest.raises(InvalidValue, match="adds a mean to a sum"):
        fits(mixed, 4, 2)
    both = sf.Net.of(RATIOS["masked"] + RATIOS["weighted by class"])
    with pytest.raises(InvalidValue, match="cannot add up a mean under a mask"):
        sf.fit(both, both.init(0), {key: LABELED[key] for key in ("x", "label", "keep")}, optimizer=sf.sgd(0.1), batch_size=4, accumulate=2)
    with pytest.raises(InvalidValue, match=r"accumulate=2 needs the size of a micro-batch \(give batch_size\)"):
        sf.fit(mixed, NET.init(0), DATA, optimizer=sf.sgd(0.1), accumulate=2)
    with pytest.raises(InvalidValue, match=r"accumulate and weights need a loss .* max of samples"):
        fits(sf.Net.of(np.max(NET)), 4, 2, {"x": DATA["x"]})
    with pytest.raises(InvalidValue, match="accumulate=0"):
        fits(mixed, 4, 0)


def test_batch_norm_is_refused_and_kept_statistics_are_not() -> None:
    images = sf.tensor("x", (None, 2, 2, 2))
    data = {"x": RANDOM.normal(size=(8, 2, 2, 2)), "t": RANDOM.normal(size=(8, 2, 2, 2))}
    target = sf.tensor("t", (None, 2, 2, 2))
    options = {"optimizer": sf.sgd(0.1), "batch_size": 2, "backend": "numpy"}
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.batch_norm(2)), images)
    for normed in (net, sf.Net.of(sf.layer("g", sf.batch_norm(2))(images))):
        loss = sf.losses.mean_squared_error(normed, target)
        with pytest.raises(InvalidValue, match=r"accumulate=4 does not go with batch norm, .*keep_statistics"):
            sf.fit(loss, normed.init(0), data, accumulate=4, **options)
    kept, params = sf.keep_statistics(net, net.init(0), {"x": data["x"]})
    sf.fit(sf.losses.mean_squared_error(kept, target), params, data, accumulate=4, **options)


BY_HAND = {
    "a mean": lambda z: z - np.mean(z, axis=0),
    "a mean, kept": lambda z: z - np.mean(z, axis=0, keepdims=True),
    "a variance": lambda z: z / np.std(z, axis=0),
    "a largest": lambda z: z - np.max(z, axis=0),
    "a softmax": lambda z: sf.softmax(z, axis=0),
    "products of samples": lambda z: np.dot(z, np.dot(np.transpose(z), z)),
    "the first sample": lambda z: z - z[0],
    "a fold over samples": lambda z: z + sf.fold(lambda total, row: np.tanh(total + row), z, np.zeros(3)),
    "in a layer": lambda z: sf.layer("g", lambda z: z - np.mean(z, axis=0))(z),
    "in the steps of a fold": lambda z: sf.fold(lambda z, f: f(z) - np.mean(z, axis=0), sf.layers("g11:13", sf.dense(3, 3)), z),
    "over positions and samples": lambda z: z - np.reshape(z, (-1,)).mean(),
}
APART = {
    "a mean over columns": lambda z: z - np.mean(z, axis=1, keepdims=True),
    "layer norm": lambda z: sf.layer("g", sf.layer_norm(3))(z),
    "a softmax": lambda z: sf.softmax(z, axis=1),
    "steps in a fold": lambda z: np.transpose(sf.scan(lambda total, row: total + row, np.transpose(z), np.zeros(3)[0])),
    "products of columns": lambda z: np.einsum("ni,ij->nj", z, np.eye(3)),
    "pairs of rows": lambda z: np.reshape(np.reshape(z, (-1, 3, 1)).mean(axis=-1), (-1, 3)),
    "dropout": lambda z: sf.dropout(z, 0.5),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_samples_that_depend_on_each_other_are_refused(name: str) -> None:
    loss = sf.Net.of(sf.losses.mean_squared_error(sf.Net.of(BY_HAND[name](NET.outputs[0])), T))
    with pytest.raises(InvalidValue, match=r"accumulate=3 (needs samples that do not depend on each other, and .* joins those of a micro-batch|does not go with batch norm)"):
        sf.fit(loss, loss.init(0), DATA, optimizer=sf.sgd(0.1), batch_size=4, accumulate=3)
    values = loss.init(0)
    parts, whole = (np.mean([loss(values, **{key: a[k : k + size] for key, a in DATA.items()}).item() for k in range(0, 16, size)]) for size in (4, 16))
    assert abs(parts - whole) > 1e-6, "they do not depend on each other"


@pytest.mark.parametrize("name", APART)
def test_samples_apart_train_as_the_large_batch(name: str) -> None:
    loss = sf.Net.of(sf.losses.mean_squared_error(sf.Net.of(APART[name](NET.outputs[0])), T))
    options = {"optimizer": sf.sgd(0.1), "shuffle": False, "backend": "numpy"}
    small = sf.fit(loss, loss.init(0), DATA, batch_size=4, accumulate=3, **options)
    if name != "dropout":  # whose masks are those of each micro-batch
        large = sf.fit(loss, loss.init(0), DATA, batch_size=12, **options)
        for key, value in large.params.items():
            np.testing.assert_allclose(small.params[key], value, rtol=1e-9, atol=1e-11)
