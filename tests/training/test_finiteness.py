"""What is not finite, and what is missing: it is named before a smaller rate is suggested, by every backend; masked entries are never read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.compute.backends.table import installed
from symfold.errors import Diverged, InvalidValue, SymfoldError

BACKENDS = [*installed()]
NET = sf.fold(sf.mappers.feedforward, sf.layers("f1:3", sf.dense(2, 2, sf.relu)), sf.tensor("x", (None, 2)))
LOSS = sf.squared_error(NET, sf.tensor("t", (None, 2)))
W = sf.parameter("w")
V = sf.tensor("v", (3,))
MASKED = np.ma.array([1.0, 99.0, 3.0], mask=[False, True, False])


def data_with(value: float, name: str = "x") -> dict[str, np.ndarray]:
    data = {"x": np.ones((6, 2)), "t": np.zeros((6, 2))}
    data[name][2, 0] = value
    return data


def complaint(loss: sf.Net, params: Mapping[str, Any], backend: str, **options: Any) -> SymfoldError:
    with pytest.raises(SymfoldError) as caught:
        sf.fit(loss, params, backend=backend, **{"optimizer": sf.sgd(0.01), **options})
    return caught.value


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["x", "t"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("batch_size", [None, 2])
def test_data_are_named_first(backend: str, name: str, value: float, batch_size: int | None) -> None:
    error = complaint(LOSS, NET.init(0), backend, data=data_with(value, name), epochs=3, batch_size=batch_size)
    assert isinstance(error, InvalidValue)
    assert f"the data of {name!r} are not all finite: 1 of 12 entries, the first at [2, 0]" in str(error)


@pytest.mark.parametrize("backend", BACKENDS)
def test_data_of_given_batches_are_named_too(backend: str) -> None:
    def batches() -> Iterator[dict[str, np.ndarray]]:
        yield {"x": np.ones((4, 2)), "t": np.zeros((4, 2))}
        yield data_with(np.nan)
        yield {"x": np.ones((4, 2)), "t": np.zeros((4, 2))}

    error = complaint(LOSS, NET.init(0), backend, batches=batches())
    assert "the data of 'x' are not all finite: 1 of 12 entries, the first at [2, 0]" in str(error)


@pytest.mark.parametrize("backend", BACKENDS)
def test_data_are_named_before_parameters_and_these_before_gradients(backend: str) -> None:
    start = NET.init(0)
    start["W1"][0, 1] = np.nan
    assert "the data of 'x'" in str(complaint(LOSS, start, backend, data=data_with(np.nan)))
    assert "parameter 'W1' is not finite before the first step" in str(complaint(LOSS, start, backend, data=data_with(1.0), epochs=3))
    root = sf.Net.of(np.sqrt(W - 1) * sf.tensor("x", (None,)).sum())
    assert "parameter 'w'" in str(complaint(root, {"w": np.inf}, backend, data={"x": np.ones(2)}))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_gradient_is_named_where_the_loss_was_finite(backend: str) -> None:
    """The slope of a square root at 0 is infinite: no rate mends it, and none is suggested."""
    loss = sf.Net.of((np.sqrt(W) * sf.tensor("x", (None,))).sum())
    for epochs in (1, 3):
        error = complaint(loss, {"w": 0.0}, backend, data={"x": np.ones(2)}, epochs=epochs)
        assert isinstance(error, Diverged) and "the gradient of 'w' is not finite at step 1" in str(error)
        assert "rate" not in str(error) and error.params["w"] == 0.0  # type: ignore[attr-defined]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loss_that_is_not_finite_at_the_first_step_is_not_the_rates_fault(backend: str) -> None:
    error = complaint(sf.Net.of((np.log(W) * sf.tensor("x", (None,))).sum()), {"w": -1.0}, backend, data={"x": np.ones(2)})
    assert "nan at step 1, in epoch 1, although data and parameters are finite" in str(error) and "smaller rate" not in str(error)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_smaller_rate_is_suggested_where_nothing_else_is_wrong(backend: str) -> None:
    loss = sf.Net.of(((W * sf.tensor("x", (None,))) ** 2).sum())
    error = complaint(loss, {"w": 1.0}, backend, data={"x": np.full(2, 1e3)}, epochs=200, optimizer=sf.sgd(1.0))
    assert isinstance(error, Diverged) and "try a smaller rate" in str(error) and "gradient" not in str(error)


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "numpy"])
def test_data_beyond_the_type_of_the_numbers_are_not_finite(backend: str) -> None:
    error = complaint(LOSS, NET.init(0), backend, data=data_with(1e39), dtype="float32", epochs=2)
    assert "the data of 'x' are not all finite" in str(error)


def test_infinite_data_that_do_no_harm_are_data() -> None:
    """The logarithm of 0 is such a number, and exp makes 0 of it again."""
    loss = sf.Net.of(((np.exp(sf.tensor("x", (None,))) - W) ** 2).sum())
    for backend in BACKENDS:
        done = sf.fit(loss, {"w": 0.0}, {"x": np.array([-np.inf, 0.0])}, optimizer=sf.sgd(0.1), epochs=60, backend=backend)
        assert done.params["w"] == pytest.approx(0.5)


def test_validation_data_are_named_before_the_first_step() -> None:
    """Early stopping would take the first epoch for the best one. A mask may leave such entries out."""
    x, t, mask = sf.tensor("x", (None,)), sf.tensor("t", (None,)), sf.tensor("mask", (None,))
    start, options = {"w": 1.0}, {"optimizer": sf.sgd(0.1), "epochs": 9}
    plain, masked = (sf.Net.of(sf.losses.mean_squared_error(x * sf.parameter("w"), t, mask=m)) for m in (None, mask))
    data = {"x": np.ones(8), "t": np.full(8, 3.0), "mask": np.ones(8)}
    held = {"x": np.ones(3), "t": np.array([3.0, np.nan, np.inf]), "mask": np.array([1.0, 0.0, 0.0])}
    both = {name: np.concatenate([data[name], held[name]]) for name in data}
    words = r"the validation data of 't' are not all finite: 2 of 3 entries, the first at \[1\]"
    for given, validation in ((data, held), (both, 3 / 11)):
        given, validation = (v if isinstance(v, float) else {"x": v["x"], "t": v["t"]} for v in (given, validation))
        with pytest.raises(InvalidValue, match=words) as caught:
            sf.fit(plain, start, given, validation=validation, early_stopping=2, shuffle=False, **options)
        assert not hasattr(caught.value, "history")
    done = sf.fit(masked, start, data, validation=held, early_stopping=2, **options)
    assert done.history.best == 9 and done.history.validation_loss[-1] == pytest.approx((done.params["w"] - 3) ** 2)


def test_stages_name_the_data_too() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    error = complaint(sf.squared_error(net, sf.tensor("t", (None, 2))), net.init(0), "numpy", data=data_with(np.nan), epochs=4, stages=True)
    assert "the data of 'x' are not all finite" in str(error)


# ---------------------------------------------------------------- masked arrays


READS: dict[str, Callable[[Any], Any]] = {
    "an input, interpreted": lambda given: sf.Net.of(V.sum())(v=given),
    "an input, compiled": lambda given: sf.Net.of(V.sum()).compile("numpy")(v=given),
    "an input by position": lambda given: sf.Net.of(V.sum()).compile("numpy")(given),
    "a parameter": lambda given: sf.Net.of(sf.parameter("p", (3,)) + V)({"p": given}, v=np.ones(3)),
    "a parameter, set": lambda given: sf.Net.of(sf.parameter("p", (3,)) + V).init().__setitem__("p", given),
    "a part of a net": lambda given: V * given,
    "a part of a net, first": lambda given: given @ V,
    "an item": lambda given: sf.fold(lambda z, u: z + u, [given, given], V),
    "items": lambda given: sf.fold(lambda z, u: z + u, given, sf.tensor("z", ())),
    "an initial state": lambda given: sf.fold(sf.mappers.residual, sf.layers("f1:3"), given),
    "a mapper's": lambda given: sf.mappers.boosting(given),
    "data": lambda given: sf.fit(sf.Net.of(((V - W) ** 2).sum()), {"w": 0.0}, {"v": given}, optimizer=sf.sgd(0.1)),
    "given batches": lambda given: sf.fit(sf.Net.of(((V - W) ** 2).sum()), {"w": 0.0}, batches=[{"v": given}], optimizer=sf.sgd(0.1)),
    "start parameters": lambda given: sf.fit(sf.Net.of((sf.parameter("p", (3,)) ** 2).sum()), {"p": given}, batches=[{}], optimizer=sf.sgd(0.1)),
    "in a list": lambda given: sf.Net.of(sf.tensor("v", (2, 3)).sum())(v=[given, np.ones(3)]),
    "in a list, compiled": lambda given: sf.Net.of(sf.tensor("v", (2, 3)).sum()).compile("numpy")(v=[np.ones(3), given]),
}  # fmt: skip


@pytest.mark.parametrize("name", READS)
def test_masked_entries_are_refused(name: str) -> None:
    with pytest.raises(SymfoldError, match=r"masked entr(y|ies) of"):
        READS[name](MASKED)


@pytest.mark.parametrize("name", [name for name in READS if name != "a part of a net, first"])
def test_a_mask_without_entries_changes_nothing(name: str) -> None:
    READS[name](np.ma.array([1.0, 2.0, 3.0], mask=[False, False, False]))


def test_the_constant_masked_is_no_number() -> None:
    with pytest.raises(InvalidValue, match="masked"):
        sf.Net.of(sf.tensor("v", (2,)).sum())(v=[1.0, np.ma.masked])
    with pytest.raises(InvalidValue, match="masked"):
        sf.Net.of(sf.tensor("v") + 1)(v=np.ma.masked)


@pytest.mark.skipif("jax" not in BACKENDS, reason="the extra 'jax' is not installed")
def test_a_function_of_jax_refuses_them() -> None:
    with pytest.raises(InvalidValue, match="masked"):
        sf.to_jax(sf.Net.of(V * 2))({}, MASKED)
