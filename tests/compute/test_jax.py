"""The JAX backend: NumPy's numbers on every case, gradients by two routes, one scan a fold, whole epochs in one call.

Needs the extra `jax`; skipped, with the reason, where it is missing.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import sympy as sp
from cases import CASES, Case, values_of
from oracles import assert_close, weighted_squares

import symfold as sf
from symfold.base.trees import flatten
from symfold.compute.parameters import Parameters
from symfold.errors import Diverged, InvalidValue, NoRule, ShapeError
from symfold.mappers import ARCHITECTURES
from symfold.training.optimizers import Optimizer, momentum

jax = pytest.importorskip("jax", reason="the extra 'jax' is not installed")

from symfold.compute.backends.jax import functions, training  # noqa: E402
from symfold.compute.backends.jax.program import Function, Program, leaves_from, precision  # noqa: E402
from symfold.compute.backends.jax.training import Training  # noqa: E402
from symfold.compute.backends.stacks import Stack  # noqa: E402
from symfold.core.primitives import PRIMITIVES, expand, squeeze, windows  # noqa: E402
from symfold.core.primitives import swap as transpose  # noqa: E402
from symfold.training.step.training_step import update_of  # noqa: E402

cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
ALIKE = {name: case for name, case in CASES.items() if case.blocks is not None}


def parted(values: Mapping[str, Any], net: sf.Net) -> tuple[dict[str, Any], dict[str, Any]]:
    parameters = {node.op.name for node in net.params}
    return {k: v for k, v in values.items() if k in parameters}, {k: v for k, v in values.items() if k not in parameters}


def assert_same(given: Any, wanted: Any, tolerance: float = 1e-12) -> None:
    assert_close(dict(enumerate(flatten(given)[0])), dict(enumerate(flatten(wanted)[0])), tolerance)


def fed(net: sf.Net, values: Mapping[str, Any]) -> Program:
    """The program of a net, with these values."""
    params, inputs = parted(values, net)
    compiled = net.compile("jax")
    program: Program = compiled.program({name: np.shape(inputs[name]) for name in compiled.input_names})
    program.params.load(params)
    program.feed(inputs)
    return program


@pytest.mark.parametrize("name", ["highway", "lstm", "unet", "denseformer", "hyper_connections", "pre_norm", "image_residual"])
def test_architectures(name: str) -> None:
    """Attention, convolution and sequences read side by side: NumPy's numbers and NumPy's gradients."""
    net = ARCHITECTURES[name].net(2, 4)
    values = values_of(net)
    assert_same(net.compile("jax")({}, **values), net(values), 1e-10)
    gradient = sf.grad(weighted_squares(net))
    assert_close(gradient.compile("jax")({}, **values), gradient(values), 1e-9)


@pytest.mark.parametrize("pool", [sf.max_pool, sf.mean_pool, lambda z: np.max(z, axis=(1, 3)), lambda z: windows(z, kernel=(3, 2), stride=(2, 3), padding=(2, 1), dilation=(1, 1), fill=0.0).sum(axis=2)])
def test_windows_and_the_largest_entry(pool: Callable[[Any], Any]) -> None:
    value = np.random.default_rng(0).normal(size=(2, 3, 5, 6))
    net = sf.Net.of(pool(sf.tensor("x", (2, 3, 5, 6))))
    gradient = sf.grad(sf.Net.of((net * net * net).sum()), wrt=["x"])
    assert_same(net.compile("jax")({}, x=value), net(value))
    assert_same(gradient.compile("jax")({}, x=value)["x"], gradient(x=value)["x"])


def by_name(program: Program, parameters: Any, inputs: Any) -> dict[str, Any]:
    """Arrays by leaf, as JAX's gradient has them, as arrays by name."""
    layout = program.params.layout
    found = dict(Parameters(layout, np.concatenate([np.zeros(0), *(np.ravel(leaf) for leaf in parameters)])))
    for leaf, array in zip(program.function.inputs, inputs, strict=True):
        names = leaf.op.names
        found |= dict(zip(names, array if len(leaf.shape) > len(leaf.op.shape) else [array], strict=True))
    return {name: np.asarray(array) for name, array in found.items()}


@cases
@pytest.mark.parametrize("depth", [1, 4])
def test_values_and_gradients_are_numpys_and_gradients_agree_by_two_routes(case: Case, depth: int) -> None:
    """Our adjoint, compiled by either backend, and JAX's own gradient of the loss."""
    net, values = case.build(depth), case.values(depth)
    params, inputs = parted(values, net)
    assert_same(net.compile("jax")(params, **inputs), net.compile("numpy")(params, **inputs))
    loss = weighted_squares(net)
    both = sf.value_and_grad(loss, wrt=list(values))
    wanted_value, wanted = both.compile("numpy")(params, **inputs)
    value, ours = both.compile("jax")(params, **inputs)
    program = fed(loss, values)
    with precision("float64"):
        theirs = jax.grad(lambda p, i: program.function(p, i)[0], argnums=(0, 1))(leaves_from(program.params, "float64"), program.inputs)
    assert_same(value, wanted_value)
    assert_close(ours, wanted, 1e-12)
    assert_close(by_name(program, *theirs), {name: np.asarray(array) for name, array in ours.items()}, 1e-12)


def equations(jaxpr: Any) -> Iterator[str]:
    """The names of all equations, those of inner jaxprs too."""
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for value in equation.params.values():
            for inner in value if isinstance(value, (tuple, list)) else (value,):
                if hasattr(inner, "jaxpr"):
                    yield from equations(inner.jaxpr)
                elif hasattr(inner, "eqns"):
                    yield from equations(inner)


@pytest.mark.parametrize("case", ALIKE.values(), ids=ALIKE.keys())
def test_the_jaxpr_has_one_size_at_depth_10_and_1000(case: Case) -> None:
    traced: list[list[list[str]]] = []
    for depth in (10, 1000):
        loss = weighted_squares(case.build(depth))
        both = sf.value_and_grad(loss, wrt=[node.op.name for node in (*loss.inputs, *loss.params)])
        traced.append([])
        with precision("float64"):
            for net in (loss, both):
                program = fed(net, case.values(depth))
                given = leaves_from(program.params, "float64"), program.inputs
                traced[-1].append(list(equations(jax.make_jaxpr(program.function)(*given).jaxpr)))
                if net is loss:
                    slope = jax.grad(lambda p, i, f=program.function: f(p, i)[0])
                    traced[-1].append(list(equations(jax.make_jaxpr(slope)(*given).jaxpr)))
    assert traced[0] == traced[1]
    if case.name not in ("boosting from the number 0",):  # of which nothing waits for a step: it is one product and a sum
        assert "scan" in traced[0][0]


def compiled_text(net: sf.Net, values: Mapping[str, Any]) -> str:
    """The program after XLA's passes."""
    program = fed(net, values)
    with precision("float64"):
        return str(program.jitted.lower(leaves_from(program.params, "float64"), program.inputs).compile().as_text())


def test_the_program_has_one_product_for_each_weight_gradient() -> None:
    """Three products per product of the net, and none of them sample by sample: there are 4 samples."""
    net = sf.fold(sf.mappers.residual, sf.layers("f1:9", sf.perceptron(3, 6)), sf.tensor("x", (4, 5, 3)))
    both = sf.value_and_grad(weighted_squares(net))
    random = np.random.default_rng(0)
    text = compiled_text(both, {node.op.name: random.normal(size=node.shape) for node in (*both.inputs, *both.params)})
    products = [line for line in text.splitlines() if " dot(" in line]
    assert len(products) == 2 + 4 and not any("f64[4," in line for line in products)


# ---------------------------------------------------------------- one row each

def test_a_function_without_a_row_is_named() -> None:
    net = sf.Net.of(sp.zeta(sf.tensor("x", (2,))))
    with pytest.raises(NoRule, match="no numbers for the SymPy function zeta"):
        net.compile("jax")({}, x=np.ones(2) + 1)


Z, A = sf.tensor("z", (2, 3, 4)), sf.tensor("a", (3,))
APPLIED: dict[str, Any] = {
    "reshape": np.reshape(Z, (4, 6)), "expand": expand(Z, axis=-2), "squeeze": squeeze(np.sum(Z, axis=1, keepdims=True), axis=-2),
    "concatenate": np.concatenate([Z, 2 * Z], axis=1), "item": Z[1, ::2], "broadcast_to": A + Z[0, :, 0], "sum": np.sum(Z, axis=(0, -1)),
    "mean": np.mean(Z, axis=1) + np.mean(Z), "softmax": sf.softmax(Z, axis=(1, 2)), "logsumexp": sf.logsumexp(Z, axis=1) + sf.logsumexp(Z, axis=(0, 1, 2)),
    "dot": Z @ sf.tensor("w", (4, 2)) + A[0], "transpose": transpose(Z), "powers": Z**2 + 1 / (2 + Z**4) + (3 + Z) ** 0.5 + (3 + Z) ** -1.5,
    "stack": sf.stack([Z, Z * Z, Z]), "reverse": sf.reverse(Z), "relu": sf.relu(Z) + np.maximum(Z, 0.1) + np.abs(Z),
    "vectors": A @ Z[0] + (Z[0] @ sf.tensor("v", (4,)))[0], "alike": sf.squared_error(Z, sf.tensor("t", None)), "constants": np.arange(24).reshape(2, 3, 4) * Z,
    "unknown": sf.softmax(sf.tensor("u")) + np.sum(sf.tensor("u")) + np.mean(sf.tensor("u")),
}  # fmt: skip


@pytest.mark.parametrize("name", APPLIED)
def test_primitives_and_their_adjoints_are_interpretations(name: str) -> None:
    net = sf.Net.of(APPLIED[name])
    random = np.random.default_rng(0)
    values = {node.op.name: random.normal(size=node.shape if node.op.name not in "tu" else (2, 3, 4), scale=0.7) for node in net.inputs}
    for one in (net, sf.value_and_grad(weighted_squares(net), wrt=list(values))):
        assert_same(one.compile("jax")({}, **values), one(values))


def test_spellings_are_of_primitives_and_few() -> None:
    """Everything else is computed by the numbers of the row itself, as `test_rows` says."""
    assert {row.name for row in functions.ROWS} <= set(PRIMITIVES)
    assert len(functions.ROWS) < 5


def test_stable_functions_far_out() -> None:
    x, far = sf.tensor("x", (4,)), np.array([-1000.0, -40.0, 40.0, 1000.0])
    np.testing.assert_allclose(sf.Net.of(sf.sigmoid(x)).compile("jax")({}, x=far), [0.0, np.exp(-40.0), 1.0, 1.0], rtol=1e-15)
    np.testing.assert_allclose(sf.Net.of(sf.softplus(x)).compile("jax")({}, x=far), [0.0, np.exp(-40.0), 40.0, 1000.0], rtol=1e-15)
    assert sf.Net.of(sf.logsumexp(x)).compile("jax")({}, x=far) == 1000.0


# ---------------------------------------------------------------- compiled

NET = sf.fold(sf.mappers.residual, sf.layers("f1:11", sf.dense(3, 3, sf.sigmoid)), sf.tensor("x", (None, 3)))
LOSS = sf.squared_error(NET, sf.tensor("target", (None, 3)))


@pytest.mark.parametrize("before", [False, True])
def test_the_users_setting_of_jax_decides_nothing_and_is_left_alone(before: bool) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3))
    wanted = NET.compile("numpy")(NET.init(0), x=x)
    with jax.enable_x64(before):
        double, single = (NET.compile("jax", dtype=dtype)(NET.init(0), x=x) for dtype in ("float64", "float32"))
        assert jax.config.jax_enable_x64 is before
    assert (double.dtype, single.dtype) == (np.float64, np.float32)
    assert_same(double, wanted)
    np.testing.assert_allclose(single, wanted, rtol=1e-5)
    assert np.max(np.abs(single - wanted)) > 1e-9


def test_a_compiled_net_takes_other_shapes_gives_arrays_of_the_callers_and_is_pickled() -> None:
    params, run = NET.init(seed=1), NET.compile("jax")
    first = run(params, x=np.ones((2, 3)))
    first += 1
    assert_same(pickle.loads(pickle.dumps(run))(params, x=np.ones((2, 3))) + 1, first)
    assert run(params, x=np.ones((5, 3))).shape == (5, 3)
    assert run.backend == "jax" and "scan" in run.source
    assert_same(run({**params, "b1": params["b1"] + 1}, x=np.ones((2, 3))), NET({**params, "b1": params["b1"] + 1}, x=np.ones((2, 3))))
    for error, match, call in (
        (ShapeError, r"input 'x' has shape \(None, 3\)", lambda: run(params, x=np.ones((1, 4)))),
        (InvalidValue, "no value for input 'x'", lambda: run(params)),
        (NoRule, "opaque", lambda: sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x")).compile("jax")({}, x=1.0)),
    ):
        with pytest.raises(error, match=match):
            call()


# ---------------------------------------------------------------- training


def data_of(samples: int, seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {"x": random.normal(size=(samples, 3)), "target": random.random((samples, 3))}


@pytest.mark.parametrize("optimizer", [sf.sgd(0.002), momentum(0.0005)], ids=["sgd", "momentum"])
@pytest.mark.parametrize("batch_size", [5, 7, None])
def test_a_hundred_steps_are_numpys(optimizer: Optimizer, batch_size: int | None) -> None:
    epochs = {5: 10, 7: 12, None: 100}[batch_size]
    run = [
        sf.fit(LOSS, NET.init(0), data_of(50), optimizer=optimizer, epochs=epochs, batch_size=batch_size, metrics={"loss": LOSS}, backend=backend)
        for backend in ("numpy", "jax")
    ]
    assert len(run[0].history) == len(run[1].history) == (96 if batch_size == 7 else 100)
    np.testing.assert_allclose(run[1].history.loss, run[0].history.loss, rtol=1e-9)
    np.testing.assert_allclose(run[1].history.metrics["loss"], run[0].history.metrics["loss"], rtol=1e-9)
    assert_close(run[1].params, run[0].params, 1e-9)


@pytest.mark.parametrize(("rate", "steps"), [(1e-4, 30), (0.1, 7)])
def test_data_that_do_not_fit_on_a_device_are_put_there_piece_by_piece(rate: float, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all sizes of a piece the same losses and parameters, to the end or to where the loss is no longer finite."""
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3)), sf.tensor("x", (None, 3)))
    loss = sf.squared_error(net, sf.tensor("target", (None, 3)))
    found = []
    for most in (training.MOST, 3 * 5 * (3 + 3) * 8):  # bytes: all, or three batches of five rows
        monkeypatch.setattr(training, "MOST", most)
        try:
            done = sf.fit(loss, net.init(0), data_of(50), optimizer=sf.sgd(rate), epochs=3, batch_size=5, backend="jax")
            found.append((done.history.loss, done.params))
        except Diverged as error:
            found.append((error.history.loss, error.params))
    assert len(found[0][0]) == len(found[1][0]) == steps
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-12)
    assert_close(found[1][1], found[0][1], 1e-12)


def test_data_that_fit_are_sent_to_the_device_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, ...]] = []
    plain = training.placed

    def counted(read: Any, shape: tuple[int, ...], sharding: Any) -> Any:
        sent.append(shape)
        return plain(read, shape, sharding)

    monkeypatch.setattr(training, "placed", counted)
    sf.fit(LOSS, NET.init(0), data_of(50), optimizer=sf.sgd(1e-4), epochs=3, batch_size=5, metrics={"loss": LOSS}, backend="jax")
    assert sent.count((50, 3)) == 2 and sent.count((10, 5)) == 3  # the arrays; the order of each epoch
    assert (10, 5, 3) not in sent


def test_no_step_selects_between_states() -> None:
    """A check of each loss in the loop would read all parameters and write them again."""
    run = Training(update_of(LOSS, NET.init(0), sf.sgd(1e-4)), "float64")
    stack = Stack(10, data_of(50), np.arange(50).reshape(10, 5))
    call = run.called(stack)
    with precision("float64"):
        text = run.steps(call.function, 10, True).lower(call.start, call.inputs, call.order).as_text()
    assert "stablehlo.while" in text and "select" not in text


def test_float32_trains_in_float32() -> None:
    run = [sf.fit(LOSS, NET.init(0), data_of(50), optimizer=sf.sgd(0.002), epochs=10, batch_size=5, backend="jax", dtype=t) for t in ("float64", "float32")]
    np.testing.assert_allclose(run[1].history.loss, run[0].history.loss, rtol=1e-4)
    assert run[1].params["W1"].dtype == np.float64
    np.testing.assert_array_equal(run[1].params.flat, run[1].params.flat.astype(np.float32))


def test_stages_train_the_same_layers() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3, sf.sigmoid)), sf.tensor("x", (None, 3)))
    loss = sf.squared_error(net, sf.tensor("target", (None, 3)))
    run = [
        sf.fit(loss, net.init(0), data_of(20), optimizer=momentum(0.001), epochs=7, batch_size=10, stages=True, backend=backend)
        for backend in ("numpy", "jax")
    ]
    assert run[0].history.stages == run[1].history.stages
    np.testing.assert_allclose(run[1].history.loss, run[0].history.loss, rtol=1e-9)
    assert_close(run[1].params, run[0].params, 1e-9)


def test_given_batches_of_sequences_of_a_layer_of_all_time() -> None:
    """Batches whose first axis is time, and inputs of many names, which lie as one family."""
    named = [sf.tensor(f"u{k}", (None, 2)) for k in range(1, 5)]
    g = sf.layer("g", lambda h, u, W, V: np.tanh(h @ W + u @ V), W=(3, 3), V=(2, 3))
    loss = sf.squared_error(sf.fold(lambda h, u: g(h, u), named, sf.tensor("h", (None, 3))), sf.tensor("t", (None, 3)))
    random = np.random.default_rng(0)
    batches = [{node.op.name: random.normal(size=(rows, node.shape[1])) for node in loss.inputs} for rows in (4, 4, 3, 4, 4, 4)]
    run = [sf.fit(loss, loss.init(0), batches=batches, optimizer=sf.sgd(0.01), epochs=2, backend=backend) for backend in ("numpy", "jax")]
    assert len(run[1].history) == 12
    np.testing.assert_allclose(run[1].history.loss, run[0].history.loss, rtol=1e-9)
    assert_close(run[1].params, run[0].params, 1e-9)


def test_a_loss_of_parameters_alone_is_trained_on_empty_batches() -> None:
    loss = sf.Net.of((sf.parameter("w") - 1) ** 2)
    done = sf.fit(loss, {"w": 3.0}, batches=[{}] * 10, optimizer=sf.sgd(0.25), epochs=2, backend="jax")
    assert done.history.loss == [4.0 / 4**k for k in range(20)] and done.params["w"] == 1 + 2 / 2**20


@pytest.mark.parametrize("rate", [0.5, 1.0, 30.0])
def test_the_step_at_which_a_loss_stops_being_finite(rate: float) -> None:
    loss = sf.Net.of((sf.parameter("w") * sf.tensor("x", ())) ** 2)
    caught = []
    for backend in ("numpy", "jax"):
        with pytest.raises(Diverged) as error:
            sf.fit(loss, {"w": 1.0}, batches=[{"x": 1e3}] * 200, optimizer=sf.sgd(rate), backend=backend)
        caught.append(error.value)
    assert str(caught[0]) == str(caught[1]) and caught[0].step == caught[1].step
    assert caught[1].params["w"] == pytest.approx(caught[0].params["w"], rel=1e-9)
    assert caught[1].history.loss == pytest.approx(caught[0].history.loss, rel=1e-9)


def test_what_is_not_finite_from_the_start_is_named() -> None:
    w, x = sf.parameter("w"), sf.tensor("x", (None,))
    loss = sf.squared_error(sf.Net.of(w * x), sf.tensor("t", (None,)))
    good = {"x": np.ones(2), "t": np.ones(2)}
    for error, match, params, data, rate in (
        (InvalidValue, "the data of 't' are not all finite", 1.0, {**good, "t": np.array([1.0, np.nan])}, 0.1),
        (InvalidValue, "parameter 'w' is not finite", np.nan, good, 0.1),
        (Diverged, "no longer finite after step 1", 1e10, good, 1e300),
    ):
        with pytest.raises(error, match=match):
            sf.fit(loss, {"w": params}, data, optimizer=sf.sgd(rate), backend="jax")
    with pytest.raises(InvalidValue, match=r"a loss is a single number, got shape \(2,\)"):
        sf.fit(sf.Net.of(w * sf.tensor("x")), {"w": 1.0}, {"x": np.ones(2)}, optimizer=sf.sgd(0.1), backend="jax")


def test_steps_cost_no_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """The net is traced as often for 200 batches an epoch as for 2, and three epochs are one call."""
    traced, calls = [0], [0]
    plain, run = Function.__call__, Training.run

    def counted(self: Function, *args: Any) -> Any:
        traced[0] += 1
        return plain(self, *args)

    def called(self: Training, stack: Any) -> Any:
        calls[0] += 1
        return run(self, stack)

    monkeypatch.setattr(Function, "__call__", counted)
    monkeypatch.setattr(Training, "run", called)
    seen = []
    for samples in (10, 1000):
        traced[0] = calls[0] = 0
        done = sf.fit(LOSS, NET.init(0), data_of(samples), optimizer=sf.sgd(1e-5), epochs=3, batch_size=5, backend="jax")
        seen.append((traced[0], calls[0]))
        assert len(done.history) == 3 * samples // 5
    assert seen[0] == seen[1] and seen[0][1] == 1
