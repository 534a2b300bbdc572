"""What the programs of the JAX backend are made of: their loops, the types of their products, the memory they reuse.

Needs the extra `jax`; skipped, with the reason, where it is missing. A GPU is a platform to choose passes by; its programs run on every platform.
"""

from __future__ import annotations

import gc
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import CASES, Case
from oracles import assert_close, weighted_squares

import symfold as sf
from symfold.compute.lowering import rolled
from symfold.compute.parameters import layout_of, parameters_of
from symfold.errors import InvalidValue

jax = pytest.importorskip("jax", reason="the extra 'jax' is not installed")

from symfold.compute.backends.jax import training  # noqa: E402
from symfold.compute.backends.jax.program import LONGEST, Function, leaves_from, precision  # noqa: E402
from symfold.compute.backends.jax.training import Training  # noqa: E402
from symfold.compute.backends.stacks import Stack  # noqa: E402
from symfold.training.step.training_step import update_of  # noqa: E402

DIGITS = Path(__file__).parents[2] / "examples" / "digits.csv"


class Traced:
    """A net as a program for a platform, at these values."""

    def __init__(self, net: Any, values: dict[str, Any], dtype: str = "float64", platform: str = "cpu"):
        net = rolled(sf.Net.of(net))
        self.form, self.exact = net.form, "float64" if dtype == "float64" else "float32"
        params = parameters_of({node.op.name: values[node.op.name] for node in net.params}, layout_of(net))
        inputs = {node.op.name: np.shape(values[node.op.name]) for node in net.inputs}
        function = Function(net, inputs, params.layout, dtype, platform)
        arrays = [np.stack([values[name] for name in leaf.op.names]) if len(leaf.shape) > len(leaf.op.shape) else values[leaf.op.name] for leaf in function.inputs]
        self.arguments = leaves_from(params, self.exact), [np.asarray(array, self.exact) for array in arrays]
        self.jitted = jax.jit(function)

    @property
    def text(self) -> str:
        with precision(self.exact):
            return str(self.jitted.lower(*self.arguments).as_text())

    @property
    def compiled_text(self) -> str:
        with precision(self.exact):
            return str(self.jitted.lower(*self.arguments).compile().as_text())

    def outputs(self) -> dict[int, Any]:
        with precision(self.exact):
            return dict(enumerate(self.jitted(*self.arguments)))


def residual(width: int, depth: int) -> sf.Net:
    return sf.fold(sf.mappers.residual, sf.layers("f", sf.dense(width, width, sf.tanh), count=depth), sf.tensor("x", (None, width)))


def loss_of(net: sf.Net, width: int) -> sf.Net:
    return sf.losses.mean_squared_error(net, sf.tensor("target", (None, width)))


# ---------------------------------------------------------------- short folds, on a GPU

@pytest.mark.parametrize("case", [pytest.param(case, marks=[] if name in ("residual", "time by depth") else pytest.mark.slow) for name, case in CASES.items()], ids=CASES.keys())
def test_short_folds_written_out_have_the_same_numbers_and_no_loop(case: Case) -> None:
    net, values = case.build(3), case.values(3)
    both = sf.value_and_grad(weighted_squares(net), wrt=list(values))
    loop, steps = (Traced(both, values, platform=platform) for platform in ("cpu", "gpu"))
    assert "stablehlo.while" not in steps.text
    assert_close(steps.outputs(), loop.outputs(), 1e-12)


@pytest.mark.parametrize(("depth", "width", "loops"), [(LONGEST, 3, 0), (LONGEST + 1, 3, 2)])
def test_long_folds_stay_loops(depth: int, width: int, loops: int) -> None:
    loss = loss_of(residual(width, depth), width)
    values = {**loss.init(0), "x": np.ones((2, width)), "target": np.ones((2, width))}
    assert Traced(sf.value_and_grad(loss), values, platform="gpu").text.count("stablehlo.while") == loops
    assert Traced(sf.value_and_grad(loss), values, platform="cpu").text.count("stablehlo.while") == 2


def test_short_folds_of_many_operations_stay_loops() -> None:
    """XLA compiles every operation that is written out."""

    def many(z: Any, u: Any) -> Any:
        for _ in range(100):
            z = np.sin(z) + u
        return z

    net = sf.fold(many, sf.tensor("u", (8, 2)), sf.tensor("x", (2,)))
    assert "stablehlo.while" in Traced(net, {"u": np.ones((8, 2)), "x": np.ones(2)}, platform="gpu").text


# ---------------------------------------------------------------- bfloat16

def rounded(array: Any) -> Any:
    return np.asarray(np.asarray(array, jax.numpy.bfloat16), np.float32)


def test_factors_of_products_are_rounded_and_nothing_else() -> None:
    """The loop in NumPy over float32 arrays, with the factors of each product rounded to 8 bits."""
    net, x = residual(5, 4), np.random.default_rng(0).normal(size=(7, 5))
    params = net.init(0)
    z = np.float32(x)
    for k in range(1, 5):
        z = np.tanh(rounded(z) @ rounded(params[f"W{k}"]) + np.float32(params[f"b{k}"])) + z
    value = net.compile("jax", dtype="bfloat16")(params, x=x)
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, z, atol=2e-6)
    single = net.compile("jax", dtype="float32")(params, x=x)
    assert 1e-4 < np.max(np.abs(value - single)) < 0.05


@pytest.mark.parametrize("platform", ["cpu", "gpu"])
def test_all_products_of_a_gradient_are_in_bfloat16_and_sum_in_float32(platform: str) -> None:
    loss = loss_of(residual(5, 4), 5)
    values = {**loss.init(0), "x": np.ones((7, 5)), "target": np.ones((7, 5))}
    text = Traced(sf.value_and_grad(loss), values, "bfloat16", platform).text
    products = re.findall(r"stablehlo.dot_general.*: \((.*), (.*)\) -> (.*)", text)
    assert products and all(a.endswith("xbf16>") and b.endswith("xbf16>") and c.endswith("xf32>") for a, b, c in products)
    others = [line for line in text.splitlines() if "bf16" in line and "dot_general" not in line and "convert" not in line]
    assert not others


@pytest.mark.parametrize("in_loop", [False, True])
def test_convolutions_are_in_bfloat16(in_loop: bool) -> None:
    x = sf.tensor("x", (2, 3, 5, 5))
    net = sf.fold(sf.mappers.residual, sf.layers("c", sf.convolution(3, 3, 3, padding=1), count=2 if in_loop else 1), x)
    loss = sf.losses.mean_squared_error(net, sf.tensor("target", (2, 3, 5, 5)))
    random = np.random.default_rng(0)
    values = {**loss.init(0), "x": random.normal(size=(2, 3, 5, 5)), "target": random.normal(size=(2, 3, 5, 5))}
    both = sf.value_and_grad(loss)
    rough, single = (Traced(both, values, dtype, "cpu") for dtype in ("bfloat16", "float32"))
    products = re.findall(r"stablehlo.(?:dot_general|convolution).*: \((.*), (.*)\) -> ", rough.text)
    assert products and all("bf16" in a and "bf16" in b for a, b in products)
    found = rough.outputs()
    assert {output.dtype for output in found.values()} == {np.dtype(np.float32)}
    for k, output in single.outputs().items():
        np.testing.assert_allclose(found[k], output, atol=0.02 * np.max(np.abs(output)))


def test_digits_in_bfloat16_come_close_to_float32_and_parameters_stay_in_float32() -> None:
    table = np.loadtxt(DIGITS, delimiter=",", skiprows=1)[:400]
    x, h = sf.tensor("x", (None, 64)), sf.layers("f", sf.perceptron(64, 32), count=2)
    (readout,) = sf.layers("r", sf.dense(64, 10), count=1)
    net = readout(sf.fold(sf.mappers.residual, h, x))
    loss = sf.losses.cross_entropy(net, sf.tensor("label", (None,)))
    data = {"x": table[:, :64] / 16, "label": table[:, 64]}
    done = {dtype: sf.fit(loss, loss.init(0), data, optimizer=sf.adam(1e-3), epochs=8, batch_size=50, backend="jax", dtype=dtype) for dtype in ("float32", "bfloat16")}
    losses = {dtype: np.asarray(fitted.history.loss) for dtype, fitted in done.items()}
    assert losses["float32"][-1] < 0.5 < losses["float32"][0]
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=0.05)
    for array in (*done["bfloat16"].params.values(), *done["bfloat16"].slots.values()):
        np.testing.assert_array_equal(array, np.float32(array))
    assert any(np.any(array != rounded(array)) for array in done["bfloat16"].params.values())


def test_other_backends_refuse_bfloat16_by_name() -> None:
    net = residual(3, 2)
    for refused in (lambda: net.compile("numpy", dtype="bfloat16"), lambda: sf.fit(loss_of(net, 3), net.init(0), {"x": np.ones((2, 3)), "target": np.ones((2, 3))}, optimizer=sf.sgd(0.1), backend="numpy", dtype="bfloat16")):
        with pytest.raises(InvalidValue, match=r"the numpy backend computes in float64, float32 only, got dtype='bfloat16' \(leave dtype out, or choose backend='jax'\)"):
            refused()
    assert net.compile(dtype="bfloat16").backend == "jax"
    assert sf.Net.of(2 * sf.tensor("y")).compile(dtype="bfloat16")(y=0.1).dtype == np.float32


# ---------------------------------------------------------------- training: memory and transfers

NET = residual(3, 10)
LOSS = loss_of(NET, 3)
DATA = {name: np.random.default_rng(seed).normal(size=(50, 3)) for seed, name in enumerate(("x", "target"))}


@pytest.mark.parametrize(("steps", "copies"), [(1, 0), (10, 1)])
def test_the_state_is_copied_once_a_call_and_in_no_step(steps: int, copies: int) -> None:
    """Of parameters and two slots; what a step reads and writes, it reads and writes in place."""
    run = Training(update_of(LOSS, NET.init(0), sf.adam(1e-3)), "float64")
    call = run.called(Stack(steps, DATA, np.arange(5 * steps).reshape(steps, 5)))
    with precision("float64"):
        program = run.steps(call.function, steps, True).lower(call.start, call.inputs, call.order).compile().as_text()
    entry = program[program.index("ENTRY") :]
    found = re.findall(r"= f64\[10,3,3\]\S* copy\(", entry)
    assert len(found) == 3 * copies
    assert not re.search(r" (custom-call|infeed|outfeed|send|recv|copy-start)\(", program)


def test_a_training_holds_three_states_and_leaves_the_users_arrays_alone() -> None:
    params = {name: np.array(value) for name, value in NET.init(0).items()}
    before, data = {name: value.copy() for name, value in params.items()}, {name: value.copy() for name, value in DATA.items()}

    def alive() -> int:
        gc.collect()
        return sum(array.shape == (10, 3, 3) for array in jax.live_arrays())

    others = alive()
    run = Training(update_of(LOSS, params, sf.adam(1e-3)), "float64")
    stack = Stack(10, data, np.arange(50).reshape(10, 5))
    for _ in range(4):
        run.run(stack)
    assert alive() - others == 2 * 3  # between calls two states of parameters and two slots
    assert_close(params, before, 0.0)
    assert_close(data, DATA, 0.0)


def test_a_piece_is_sent_while_the_one_before_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the losses of a piece before the next one is on its way."""
    events: list[str] = []
    called, finished = Training.called, Training.finished
    monkeypatch.setattr(training, "MOST", 3 * 5 * 6 * 8)  # bytes: three batches
    monkeypatch.setattr(Training, "called", lambda *args: events.append("start") or called(*args))
    monkeypatch.setattr(Training, "finished", lambda *args: events.append("wait") or finished(*args))
    losses = Training(update_of(LOSS, NET.init(0), sf.sgd(1e-4)), "float64").run(Stack(10, DATA, np.arange(50).reshape(10, 5)))
    assert len(losses) == 10
    assert events == ["start", "start", "wait", "start", "wait", "start", "wait", "wait"]
