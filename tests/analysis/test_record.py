"""net.record: what layers give and receive, against loops over layers and finite differences."""

from typing import Any

import numpy as np
import pytest

import symfold as sf

X, TARGET = sf.tensor("x", (None, 3)), sf.tensor("t", (None, 3))
DATA = {"x": np.random.default_rng(0).normal(size=(5, 3)), "t": np.random.default_rng(1).normal(size=(5, 3))}


def layers(count: int = 4) -> Any:
    return sf.layers(f"f1:{count + 1}", sf.dense(3, 3, sf.tanh))


def test_rows_are_those_of_a_loop_over_the_layers_and_of_finite_differences() -> None:
    loss = sf.losses.mean_squared_error(sf.fold(sf.mappers.residual, layers(), X), TARGET)
    params = loss.init(0)

    def run(shift: tuple[int, Any] | None = None) -> tuple[list[Any], float]:
        z, given = DATA["x"], []
        for k in range(1, 5):
            given.append(np.tanh(z @ params[f"W{k}"] + params[f"b{k}"]))
            z = z + given[-1] + (shift[1] if shift and shift[0] == k else 0)
        return given, ((z - DATA["t"]) ** 2).mean()

    record = loss.record(params, **DATA)
    assert record.layers == ("f1", "f2", "f3", "f4") and len(record) == 4
    for k, (row, wanted) in enumerate(zip(record, run()[0], strict=True), 1):
        np.testing.assert_allclose(row.activation, wanted, rtol=1e-14)
        slopes = np.zeros((5, 3))
        for place in np.ndindex(5, 3):
            step = np.zeros((5, 3))
            step[place] = 1e-6
            slopes[place] = (run((k, step))[1] - run((k, -step))[1]) / 2e-6
        np.testing.assert_allclose(row.gradient, slopes, atol=1e-9)
        assert record[f"f{k}"] is row


@pytest.mark.parametrize(
    "net",
    [
        sf.fold(sf.mappers.residual, layers(), X),
        pytest.param(sf.fold(sf.mappers.boosting(X), layers(), X), marks=pytest.mark.slow),
        sf.fold(lambda z, f: sf.fold(sf.mappers.residual, [f] * 3, z), layers(), X),
        pytest.param(
            sf.fold(lambda z, fs: fs[1](fs[0](z)) + z, list(zip(layers(), sf.layers("g11:15", sf.dense(3, 3, sf.sigmoid)), strict=True)), X),
            marks=pytest.mark.slow,
        ),
        pytest.param(sf.Net.of(sf.scan(sf.mappers.residual, layers(), X)[3]) + sf.layer("h", sf.dense(3, 3))(X), marks=pytest.mark.slow),
    ],
    ids=["residual", "boosting", "nested", "two per step", "scan"],
)
def test_a_fold_and_its_steps_written_out_have_one_record(net: Any) -> None:
    loss = sf.Net.of(sf.losses.huber(net, TARGET))
    params = loss.init(2)
    folded, written = sf.roll(loss).record(params, **DATA), sf.unroll(loss).record(params, **DATA)
    received = sf.received(loss, params, **DATA)
    assert sorted(folded.layers) == sorted(written.layers) == sorted(received.layers)
    for one, other in zip(sorted(folded, key=lambda row: row.layer), sorted(written, key=lambda row: row.layer), strict=True):
        np.testing.assert_allclose(one.activation, other.activation, rtol=1e-13)
        np.testing.assert_allclose(one.gradient, other.gradient, rtol=1e-11, atol=1e-15)


def test_a_net_that_is_no_loss_has_activations_alone_and_shows_a_table_of_any_depth() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f", sf.dense(3, 3, sf.tanh), count=300), X)
    record = net.record({**net.init(0), "other": np.zeros(3)}, x=DATA["x"])
    assert len(record) == 300 and record.gradients == () and record["f7"].gradient is None
    lines = repr(record).splitlines()
    assert len(lines) == 22 and lines[11] == "... 280 more" and lines[-1].startswith("f300") and "gradient" not in lines[0]
    assert record[:2].layers == ("f1", "f2") and record[-1].layer == "f300"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sf.Net.of(X * 2).record(x=DATA["x"]), "applies no layer"),
        (lambda: sf.Net.of(layers()[0](X)).record(x=DATA["x"]), "no value for parameter 'W1'"),
        (lambda: sf.Net.of(sf.layer("f")(X)).record(x=DATA["x"]), "layer f is opaque"),
        (lambda: sf.Net.of(layers()[0](X)).record({"W1": np.eye(3), "b1": np.zeros((1, 3))}, y=DATA["x"]), "'y'"),
        (lambda: sf.Net.of(layers()[0](X)).record({"W1": np.eye(3), "b1": np.zeros((1, 3))}, x=DATA["x"])["g"], "no layer 'g' .*f1"),
        (lambda: sf.fold(lambda z, f: f(z), [sf.layer("f", lambda z: z * z)] * 3, X).record(x=DATA["x"])["f"], "applied 3 times .*0, 1, 2"),
    ],
)
def test_what_cannot_be_recorded_is_refused(call: Any, message: str) -> None:
    with pytest.raises(sf.SymfoldError, match=message):
        call()


def test_a_gradient_of_another_shape_has_no_cosine_with_the_loss_gradient() -> None:
    x = sf.tensor("x", (4, 2))
    y = sf.layer("out", sf.dense(2, 1))(sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2)), x))
    loss = sf.squared_error(y, sf.tensor("target", (4, 1)))
    shown = str(sf.received(loss, loss.init(seed=0), x=np.ones((4, 2)), target=np.zeros((4, 1))))
    assert "nan" not in shown and shown.splitlines()[-1].endswith("of another shape")
