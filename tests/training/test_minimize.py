"""`sf.minimize`: minima known in closed form, SciPy's own run on a hand-written loss, and what is refused."""

import signal
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import symfold as sf
from symfold.core.leaves import Fixed, Input
from symfold.core.nodes import Node
from symfold.errors import Diverged, InvalidType, InvalidValue, UnknownName

minimize = import_module("symfold.training.minimize")  # sf.minimize is the function
optimize = pytest.importorskip("scipy.optimize")
BACKENDS = ["numpy", *(name for name, package in (("native", "llvmlite"), ("jax", "jax")) if find_spec(package))]
RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(30, 3)), RANDOM.normal(size=(30, 1))


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Who runs the tests in the background ignores Ctrl-C, and so would the tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("backend", BACKENDS)
def test_ridge_regression_has_its_closed_form(backend: str) -> None:
    w = sf.parameter("w", (3, 1))
    loss = sf.Net.of(((np.dot(sf.tensor("x", (None, 3)), w) - sf.tensor("y", (None, 1))) ** 2).sum() + 0.5 * (w**2).sum())
    done = sf.minimize(loss, {"w": np.ones((3, 1))}, {"x": X, "y": Y}, backend=backend)
    np.testing.assert_allclose(done.params["w"], np.linalg.solve(X.T @ X + 0.5 * np.eye(3), X.T @ Y), rtol=1e-7)
    assert done.history[0] == pytest.approx(((X @ np.ones((3, 1)) - Y) ** 2).sum() + 1.5) and np.all(np.diff(done.history.loss) <= 0)


def test_a_deep_net_takes_scipys_own_steps() -> None:
    """Ten steps from the same start, against SciPy on a loss in autograd."""
    net = sf.fold(sf.mappers.residual, sf.layers("f1:5", sf.dense(3, 3, sf.tanh)), sf.tensor("x", (None, 3)))
    target = RANDOM.normal(size=(30, 3))
    start = net.init(0)
    done = sf.minimize(sf.squared_error(net, sf.tensor("t", (None, 3))), start, {"x": X, "t": target}, steps=10, backend="numpy")

    def by_hand(flat):
        z = X
        for k in range(4):
            part = flat[12 * k : 12 * k + 12]
            z = z + anp.tanh(anp.dot(z, part[:9].reshape(3, 3)) + part[9:])
        return anp.sum((target - z) ** 2)

    flat = np.concatenate([np.concatenate([start[f"W{k}"].ravel(), start[f"b{k}"].ravel()]) for k in range(1, 5)])
    found = optimize.minimize(autograd.value_and_grad(by_hand), flat, jac=True, method="L-BFGS-B", options={"maxiter": 10, "ftol": 0, "gtol": 1e-8})
    assert len(done.history) == 11 and done.history[-1] == pytest.approx(found.fun, rel=1e-6)
    np.testing.assert_allclose(done.params["W3"].ravel(), found.x[24:33], rtol=1e-4)


def test_a_parameter_in_several_places_moves_once_and_statistics_stay() -> None:
    layers = sf.layers("f1:3", sf.dense(2, 2))
    x = sf.tensor("x", (None, 2))
    both = sf.Net.of(((sf.fold(sf.mappers.residual, layers, x) - layers[0](x) - 3) ** 2).sum())
    done = sf.minimize(both, both.init(0), {"x": X[:, :2]})
    assert done.history[-1] < 1e-10 and float(both(done.params, x=X[:, :2])) == pytest.approx(done.history[-1], abs=1e-12)
    fixed = Node(Input("fixed", (), "parameter", Fixed(2.0, 0.0)))
    loss = sf.Net.of((sf.parameter("w") - fixed) ** 2)
    params = sf.minimize(loss, {"w": 0.0, "fixed": 2.0}).params
    assert params["fixed"] == 2.0 and params["w"] == pytest.approx(2.0)


def test_ctrl_c_returns_the_parameters_after_the_last_step(monkeypatch: pytest.MonkeyPatch) -> None:
    net = sf.Net.of(sf.layer("f1", sf.dense(3, 1, sf.tanh))(sf.tensor("x", (None, 3))))
    loss, data, start = sf.squared_error(net, sf.tensor("t", (None, 1))), {"x": X, "t": Y}, net.init(0)
    evaluate, calls = minimize.Problem.__call__, []

    def interrupted(problem, point):
        calls.append(point)
        if len(calls) == 6:
            signal.raise_signal(signal.SIGINT)
        return evaluate(problem, point)

    monkeypatch.setattr(minimize.Problem, "__call__", interrupted)
    done = sf.minimize(loss, start, data, backend="numpy")
    assert done.history.stopped == "interrupted" and done.history.interrupted and len(calls) == 6
    assert 1 < len(done.history) <= 5 and done.history[-1] < done.history[0]
    assert float(loss(done.params, **data)) == pytest.approx(done.history[-1])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_history_tells_why_it_ended() -> None:
    w = sf.parameter("w", (3, 1))
    error = sf.Net.of(np.dot(sf.tensor("x", (None, 3)), w) - sf.tensor("y", (None, 1)))
    kinds = {"steps": sf.Net.of((error.outputs[0] ** 2).sum()), "ties": sf.Net.of(np.abs(error.outputs[0]).sum())}

    def ended(name: str, **options: float) -> tuple[str, float]:
        done = sf.minimize(kinds[name], {"w": np.ones((3, 1))}, {"x": X, "y": Y}, backend="numpy", **options)
        return done.history.stopped, float(np.abs(sf.grad(kinds[name])(done.params, x=X, y=Y)["w"]).max())

    assert ended("steps", steps=1)[0] == ""
    (why, slope), (at_kink, steep) = ended("steps", tolerance=1e-6), ended("ties")  # least absolute errors end at a kink
    assert why == "converged" and slope <= 1e-6 and at_kink == "no better step" and steep > 1e-3


def test_what_is_wrong_is_refused() -> None:
    w, x = sf.parameter("w"), sf.tensor("x", ())
    loss = sf.Net.of((w - x) ** 2)
    sums = sf.Net.of(((w - sf.tensor("x", (None,))) ** 2).sum())
    pairs = sf.Net.of(((w * sf.tensor("x", (None,)) - sf.tensor("y", (None,))) ** 2).sum())
    for wrong, error, words in (
        (lambda: sf.minimize(loss, None, {"x": 1.0}), InvalidType, "params must be a mapping"),
        (lambda: sf.minimize(loss, {"w": 1.0}), InvalidValue, "no value for input 'x'"),
        (lambda: sf.minimize(loss, {"w": 1.0}, {"x": 1.0, "y": 2.0}), UnknownName, "unknown input: 'y'"),
        (lambda: sf.minimize(loss, {"w": 1.0}, {"x": 1.0}, steps=0), InvalidValue, "steps=0"),
        (lambda: sf.minimize(loss, {"w": 1.0}, {"x": 1.0}, tolerance=-1), InvalidValue, "tolerance=-1.0 is negative"),
        (lambda: sf.minimize(loss, {"w": np.nan}, {"x": 1.0}), InvalidValue, "parameter 'w' is not finite"),
        (lambda: sf.minimize(loss, {"w": 1.0}, {"x": np.nan}), InvalidValue, "the data of 'x' are not all finite: it is one number"),
        (lambda: sf.minimize(sums, {"w": 1.0}, {"x": [1.0, np.inf]}), InvalidValue, r"the data of 'x' are not all finite: 1 of 2 entries, the first at \[1\] \(leave out"),
        (lambda: sf.minimize(sums, {"w": 1.0}, {"x": []}), InvalidValue, r"no samples to train on \(the first axis of 'x' has length 0"),
        (lambda: sf.minimize(pairs, {"w": 1.0}, {"x": [1.0, 2.0], "y": [1.0]}), InvalidValue, "different numbers of samples: x: 2, y: 1"),
        (lambda: sf.minimize(sf.Net.of(sf.log(w - 1) * x), {"w": 1.0}, {"x": 1.0}), Diverged, "the loss is -inf at the start"),
        (lambda: sf.minimize(sf.Net.of(x * 1), {}, {"x": 1.0}), InvalidValue, "the loss has no parameter to move"),
        (lambda: sf.minimize(sf.Net.of(w * sf.tensor("x", (None,))), {"w": 1.0}, {"x": [1.0, 2.0]}), InvalidValue, "a loss is a single number"),
    ):
        with pytest.raises(error, match=words):
            wrong()
