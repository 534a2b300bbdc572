"""Kept statistics: the net of kept statistics against the net that takes them from its batch, and against NumPy by hand."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from cases import values_of

import symfold as sf
from symfold.errors import InvalidType, InvalidValue, UnknownName
from symfold.frontend.images import batch_norm
from symfold.frontend.layer_kinds import make_kind
from symfold.training.objective.stages import stages_of
from symfold.training.optimizers import momentum

X = sf.tensor("x", (None, 2, 4, 4))
IMAGES = np.random.default_rng(0).normal(1.0, 2.0, size=(6, 2, 4, 4)) * np.arange(6.0).reshape(6, 1, 1, 1) / 3  # samples unlike each other
NORM = sf.batch_norm(2)


def block_of(norm: Any) -> Any:
    """A kind that norms what it reads and mixes its channels."""

    def body(z: Any, gain: Any, shift: Any, M: Any, *kept: Any) -> Any:
        return np.einsum("ncyx,cd->ndyx", np.tanh(norm.body(z, gain, shift, *kept)[0]), M)

    weights = list(norm.weights)
    weights.insert(2, sf.layer("f", lambda z, M: z, M=(2, 2)).kind.weights[0])
    return make_kind(body, 1, tuple(weights))


def residual_net(depth: int, kept: bool = False) -> sf.Net:
    return sf.fold(sf.mappers.residual, sf.layers("f", block_of(batch_norm(2, kept=kept)), count=depth), X)


def by_hand(depth: int, values: Mapping[str, Any], x: Any, statistics: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
    """The residual net as a loop, with given statistics or with those of the batch; they are given back."""
    found: dict[str, Any] = {}
    z = x
    for k in range(1, depth + 1):
        mean, variance = z.mean(axis=(0, 2, 3)), z.var(axis=(0, 2, 3))
        if statistics is not None:
            mean, variance = statistics[f"mean{k}"], statistics[f"variance{k}"]
        found |= {f"mean{k}": mean, f"variance{k}": variance}
        tall = [one.reshape(2, 1, 1) for one in (mean, variance)]
        normed = (z - tall[0]) / np.sqrt(tall[1] + 1e-5) * values[f"gain{k}"] + values[f"shift{k}"]
        z = z + np.einsum("ncyx,cd->ndyx", np.tanh(normed), values[f"M{k}"])
    return z, found


def numbers(net: sf.Net, *leave: str) -> dict[str, Any]:
    return {name: value for name, value in values_of(net).items() if name not in ("x", *leave)}


def close(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("form", [sf.Net.of, sf.unroll, sf.roll])
def test_the_kept_net_gives_what_the_batch_net_gave(depth: int, form: Any) -> None:
    """On the data; and of one image alone what a loop with the statistics of all the data gives."""
    net = form(residual_net(depth))
    values = numbers(net)
    wanted, statistics = by_hand(depth, values, IMAGES)
    kept, params = sf.keep_statistics(net, values, {"x": IMAGES})
    for name, value in statistics.items():
        close(params[name], value.reshape(2, 1, 1))
    assert set(params) == {*values, *statistics} and all(np.array_equal(params[name], value) for name, value in values.items())
    for compute in (kept, kept.compile("numpy")):
        close(compute(params, x=IMAGES), wanted)
        close(compute(params, x=IMAGES), net(values, x=IMAGES))
        close(compute(params, x=IMAGES[2:3]), wanted[2:3])
        other = np.random.default_rng(1).normal(size=(1, 2, 4, 4))
        close(compute(params, x=other), by_hand(depth, values, other, statistics)[0])
    assert np.abs(net(values, x=IMAGES[2:3]) - wanted[2:3]).max() > 0.1  # alone, the batch net gives something else


@pytest.mark.parametrize("depth", [1, 3])
def test_it_is_the_net_folded_over_kept_layers(depth: int) -> None:
    """Equal nets, folded, unrolled, read back."""
    net = residual_net(depth)
    kept, params = sf.keep_statistics(net, net.init(), {"x": IMAGES})
    assert kept == residual_net(depth, kept=True)
    assert sf.roll(sf.keep_statistics(sf.unroll(net), net.init(), {"x": IMAGES})[0]) == sf.roll(kept)
    assert sf.from_json(kept.to_json()) == kept
    assert kept.init()["mean1"].tolist() == [[[0.0]], [[0.0]]] and kept.init()["variance1"].tolist() == [[[1.0]], [[1.0]]]
    again, same = sf.keep_statistics(kept, params, {"x": IMAGES[:2]})
    assert again == kept and same == params  # nothing is left to keep
    assert sf.check_grad(sf.Net.of((kept * kept).sum()), {**params, "x": IMAGES}, tolerance=1e-6) < 1e-6


def apart(z: Any, pair: Any) -> Any:
    """A fold over a pair of layers within a step of a fold."""
    return sf.fold(lambda u, f: u * u + f(u), [pair[0], pair[1]], z)


NESTED = {
    "a fold in a fold": (sf.fold(apart, list(zip(sf.layers("f1:4", NORM), sf.layers("f11:14", NORM), strict=True)), X), 6),
    "a scan": (sf.scan(sf.mappers.residual, sf.layers("f1:4", NORM), X), 3),
    "a list read backward": (sf.fold(sf.mappers.residual, sf.layers("f1:4", NORM)[::-1], X), 3),
    "layers of other names": (sf.fold(sf.mappers.residual, [sf.layer("a", NORM), sf.layer("b2", NORM), sf.layer("c", NORM)], X), 3),
    "a layer within layers": (sf.fold(sf.mappers.residual, [sf.layer("f1", lambda z: sf.layer("g1", NORM)(z) * z), sf.layer("f2", lambda z: z)], X), 1),
    "a norm around a layer": (sf.Net.of(sf.layer("f1", make_kind(lambda z, gain, shift: NORM.body(sf.layer("g2", NORM)(z) ** 3, gain, shift)[0], 1, NORM.weights))(X)), 2),
    "one layer, the same values in every step": (sf.fold(lambda z, c: z * c + sf.layer("f1", NORM)(X), np.arange(1.0, 4.0), X), 1),
    "several outputs": (sf.Net.of((sf.layer("f1", NORM)(X), X.sum())), 1),
}


@pytest.mark.parametrize("name", NESTED)
def test_wherever_layers_are_applied(name: str) -> None:
    net, layers = NESTED[name]
    values = numbers(net)
    kept, params = sf.keep_statistics(net, values, {"x": IMAGES})
    added = set(params) - set(values)
    assert len(added) == 2 * layers and sum(one.startswith("mean") for one in added) == layers
    found, wanted, alone = (one[0] if isinstance(one, tuple) else one for one in (kept(params, x=IMAGES), net(values, x=IMAGES), kept(params, x=IMAGES[:1])))
    close(found, wanted)
    close(alone, wanted[..., :1, :, :, :])


@pytest.mark.parametrize("shape", [(7, 3), (7, 3, 5), (4, 3, 2, 2, 2)], ids=["rows", "sequences", "volumes"])
def test_norms_of_other_shapes(shape: tuple[int, ...]) -> None:
    """By a loop: the statistics of each channel, axis 1, over samples and positions."""
    axes, data = len(shape) - 2, np.random.default_rng(0).normal(1.0, 2.0, size=shape)
    net = sf.fold(lambda z, f: z + np.tanh(f(z)), sf.layers("f1:3", sf.batch_norm(3, axes=axes)), sf.tensor("x", (None, *shape[1:])))
    values = numbers(net)
    kept, params = sf.keep_statistics(net, values, {"x": data})
    z, over, tall = data, (0, *range(2, len(shape))), (3, *(1,) * axes)
    for k in "12":
        mean, variance = (statistic(axis=over).reshape(tall) for statistic in (z.mean, z.var))
        close(params[f"mean{k}"], mean)
        close(params[f"variance{k}"], variance)
        z = z + np.tanh((z - mean) / np.sqrt(variance + 1e-5) * values[f"gain{k}"] + values[f"shift{k}"])
    close(net(values, x=data), z)
    close(kept(params, x=data[2:3]), z[2:3])
    assert kept == sf.fold(lambda z, f: z + np.tanh(f(z)), sf.layers("f1:3", sf.batch_norm(3, axes=axes, kept=True)), sf.tensor("x", (None, *shape[1:])))


def test_two_norms_of_one_layer_are_kept_apart() -> None:
    def body(z: Any, gain: Any, shift: Any) -> Any:
        return NORM.body(NORM.body(z, gain, shift)[0] ** 3 + z, gain, shift)[0]

    net = sf.Net.of(sf.layer("f1", make_kind(body, 1, NORM.weights))(X))
    values = numbers(net)
    kept, params = sf.keep_statistics(net, values, {"x": IMAGES})
    assert [one for one in params if one not in values] == ["mean1", "variance1", "mean_b1", "variance_b1"]
    close(params["mean1"].ravel(), IMAGES.mean(axis=(0, 2, 3)))
    close(kept(params, x=IMAGES[3:4]), net(values, x=IMAGES)[3:4])


def test_a_norm_after_a_kept_one_has_names_of_its_own() -> None:
    def body(z: Any, gain: Any, shift: Any, mean: Any, variance: Any) -> Any:
        return NORM.body(batch_norm(2, kept=True).body(z, gain, shift, mean, variance)[0] ** 3, gain, shift)[0]

    net = sf.Net.of(sf.layer("f1", make_kind(body, 1, batch_norm(2, kept=True).weights))(X))
    values = {**numbers(net), "variance1": np.ones((2, 1, 1))}
    kept, params = sf.keep_statistics(net, values, {"x": IMAGES})
    assert [one for one in params if one not in values] == ["mean_b1", "variance_b1"]
    close(kept(params, x=IMAGES[3:4]), net(values, x=IMAGES)[3:4])


def test_what_cannot_be_kept_is_named() -> None:
    f = sf.layer("f1", NORM)
    several = sf.fold(lambda z, c: c * f(z) ** 2, np.arange(1.0, 4.0), X)
    with pytest.raises(InvalidValue, match="layer f1 is applied several times, to values with different statistics"):
        sf.keep_statistics(several, several.init(), {"x": IMAGES})
    outside = sf.fold(lambda z, g: g(z - np.mean(z, axis=(-4, -2, -1), keepdims=True)), sf.layers("f1:3", NORM), X)
    with pytest.raises(InvalidValue, match="outside of the body of a layer"):
        sf.keep_statistics(outside, outside.init(), {"x": IMAGES})
    net = residual_net(2)
    with pytest.raises(InvalidValue, match="no value for input 'x'"):
        sf.keep_statistics(net, net.init(), {})
    with pytest.raises(InvalidValue, match=r"no samples to take statistics of \(the first axis of 'x' has length 0\)"):
        sf.keep_statistics(net, net.init(), {"x": IMAGES[:0]})
    with pytest.raises(InvalidValue, match="the statistics of layer f1 are not finite"):
        sf.keep_statistics(net, net.init(), {"x": np.where(IMAGES > 3, np.nan, IMAGES)})
    with pytest.raises(UnknownName, match="'y'"):
        sf.keep_statistics(net, net.init(), {"x": IMAGES, "y": IMAGES})
    with pytest.raises(InvalidValue, match="no value for parameter"):
        sf.keep_statistics(net, {}, {"x": IMAGES})
    with pytest.raises(InvalidType, match="kept=1 must be True or False"):
        sf.batch_norm(2, kept=1)


@pytest.mark.parametrize("backend, package", [("numpy", "numpy"), ("native", "llvmlite"), ("jax", "jax")])
@pytest.mark.parametrize("optimizer", [sf.sgd(0.002), momentum(0.002)], ids=["sgd", "momentum"])
@pytest.mark.parametrize("stages", [False, True])
def test_training_leaves_kept_statistics_as_they_are(backend: str, package: str, optimizer: Any, stages: bool) -> None:
    """Bit for bit, while every other parameter moves as it does by gradient steps written as a loop."""
    pytest.importorskip(package, reason=f"the package {package!r} is not installed")
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3", NORM), X)
    kept, params = sf.keep_statistics(sf.squared_error(net, sf.tensor("t", (None, 2, 4, 4))), net.init(), {"x": IMAGES, "t": IMAGES**2})
    data = {"x": IMAGES, "t": IMAGES**2}
    done = sf.fit(kept, params, data, optimizer=optimizer, epochs=4, stages=stages, backend=backend)
    fixed = [name for name in params if name.startswith(("mean", "variance"))]
    assert len(fixed) == 4 and list(done.params) == list(params)
    assert all(np.array_equal(done.params[name], params[name]) for name in fixed)
    assert not any(np.array_equal(done.params[name], params[name]) for name in params if name not in fixed)
    if not stages:
        moving = {name: np.array(value) for name, value in params.items()}
        velocity = {name: 0.0 for name in params if name not in fixed}
        for _ in range(4):
            gradient = sf.grad(kept)(moving, **data)
            for name, before in velocity.items():
                velocity[name] = (0.9 if optimizer.slots else 0.0) * before + gradient[name]
                moving[name] -= 0.002 * velocity[name]
        for name, value in moving.items():
            np.testing.assert_allclose(done.params[name], value, rtol=1e-9, atol=1e-12)


def test_a_stage_does_not_name_what_stays() -> None:
    """A stage says which parameters are its own; those that are fixed are left out where it is trained."""
    from symfold.training.step.training_step import moved

    kept = sf.squared_error(residual_net(2, kept=True), sf.tensor("t", (None, 2, 4, 4)))
    first = stages_of(kept, 2)[0]
    assert {"mean1", "variance1"} <= set(first.trained or ())
    assert [leaf.op.name for leaf in moved(first.net, first.trained)] == ["gain1", "shift1", "M1"]
