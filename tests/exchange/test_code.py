"""Code to paste: run in a namespace of its own, it has the numbers of the compiled net, for every architecture and case."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import sympy as sp
from cases import CASES, values_of
from function_points import points_of
from hypothesis import given, settings
from oracles import assert_close, weighted_squares
from strategies import formulas, nets

import symfold as sf
from symfold import extend
from symfold.analysis.jacobians.probes import tap
from symfold.base.trees import flatten
from symfold.core.functions import ROWS
from symfold.core.nodes import Node
from symfold.core.primitives import PRIMITIVES
from symfold.errors import InvalidValue, NoRule, TooLarge

NETS = {name: row.net(3, 4) for name, row in sf.mappers.ARCHITECTURES.items()} | {f"case {name}": case.build(3) for name, case in CASES.items()}


PACKAGES = ("numpy", "torch", "jax")
every_target = pytest.mark.parametrize("target", [
    pytest.param(name, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed")) for name in PACKAGES
])  # fmt: skip


def run(code: str, name: str = "net") -> Any:
    """The function that a code defines."""
    namespace: dict[str, Any] = {}
    exec(compile(code, "code", "exec"), namespace)
    return namespace[name]


def parted(net: sf.Net) -> tuple[dict[str, Any], dict[str, Any]]:
    values, names = values_of(net), [node.op.name for node in net.params]
    return {name: values[name] for name in names}, {node.op.name: values[node.op.name] for node in net.inputs}


def called(code: str, target: str, inputs: Mapping[str, Any], params: Mapping[str, Any] | None = None, name: str = "net") -> Any:
    """The results of a code, for arrays of NumPy or the target."""
    function = run(code, name)
    with_params = {} if not params else {"params": dict(params)}
    if target == "jax":
        import jax

        with jax.enable_x64(True):
            return function(**with_params, **{name: jax.numpy.asarray(value) for name, value in inputs.items()})
    return function(**with_params, **inputs)


def leaves(value: Any) -> Mapping[int, Any]:
    return dict(enumerate(map(np.asarray, flatten(value)[0])))


def check(net: sf.Net, target: str, tolerance: float = 1e-12) -> None:
    params, inputs = parted(net)
    assert_close(leaves(called(net.to_code(target), target, inputs, params)), leaves(net.compile("numpy")(params, **inputs)), tolerance)


@every_target
@pytest.mark.parametrize("name", NETS)
def test_code_has_the_numbers_of_its_net(name: str, target: str) -> None:
    check(NETS[name], target)


@every_target
@pytest.mark.parametrize("name", ["residual", "lstm", "coupling", "highway", "rk4", "attention_only", "stacking", "bidirectional"])
def test_code_of_gradients(name: str, target: str) -> None:
    check(sf.value_and_grad(weighted_squares(NETS[name])), target, 1e-11)


@every_target
def test_code_of_gradients_of_pools_and_embeddings(target: str) -> None:
    pooled = sf.max_pool(sf.tensor("x", (2, 1, 6, 6)) ** 2, 2)
    check(sf.grad(sf.Net.of((pooled * pooled).sum()), ["x"]), target, 1e-11)
    rows = sf.layer("f", sf.embedding(5, 2))(np.array([1.0, 3.0, 1.0]))
    check(sf.value_and_grad(sf.Net.of((rows * rows).sum())), target, 1e-11)


@every_target
def test_code_of_rows_at_a_sum(target: str) -> None:
    check(sf.Net.of(sf.layer("f", sf.embedding(5, 2))(np.where(sf.tensor("x", (3,)) > 0, 1, -1) + 2)), target)


@pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in ("boosting from the number 0", "a state of two parts: LSTM", "time by depth") else pytest.mark.slow) for name in CASES])
def test_long_folds_are_scans_in_jax(name: str) -> None:
    """Of the same numbers, forward and backward; no loop in Python reads the steps."""
    case = CASES[name]
    net = case.build(20)
    both = sf.value_and_grad(weighted_squares(net))
    check(net, "jax")
    check(both, "jax", 1e-11)
    if case.blocks == 1:
        assert "scan(step," in both.to_code("jax") and "    for " not in both.to_code("jax").split("def net(")[1]


@pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
def test_a_scan_is_traced_once_at_any_depth() -> None:
    import jax

    sizes = []
    for depth in (20, 40):
        net = sf.fold(sf.mappers.residual, sf.layers("f", sf.dense(3, 3, sf.tanh), count=depth), sf.tensor("x", (None, 3)))
        traced = jax.make_jaxpr(run(net.to_code("jax")))(dict(net.init(0)), np.ones((2, 3)))
        (scan,) = [equation for equation in traced.eqns if equation.primitive.name == "scan"]
        sizes.append(len(scan.params["jaxpr"].eqns))
    assert sizes[0] == sizes[1]


# ---------------------------------------------------------------- every row of the tables: written, or refused by name

WITHOUT = {"gamma", "loggamma", "digamma", "polygamma"}


@every_target
@pytest.mark.parametrize("head", ROWS, ids=lambda head: head.__name__)
def test_code_of_every_function(head: Any, target: str) -> None:
    points = points_of(head)
    points = points[np.all((np.abs(points) > 1e-3) & (np.abs(points) < 60), axis=1)]
    net = sf.Net.of(Node(head, tuple(sf.tensor(f"u{k}", (None,)) for k in range(points.shape[1]))) * 1)
    values = {f"u{k}": column for k, column in enumerate(points.T)}
    if head.__name__ in WITHOUT:
        with pytest.raises(NoRule, match=f"no spelling of the function '{head.__name__}'"):
            net.to_code(target)
        return
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(np.asarray(called(net.to_code(target), target, values)), net.compile("numpy")(**values), rtol=1e-9, atol=1e-12)


EXAMPLES = [(row, shapes, attributes) for row in PRIMITIVES.values() for shapes, attributes in row.examples]


@every_target
@pytest.mark.parametrize("row, shapes, attributes", EXAMPLES, ids=[f"{row.name}-{k}" for row in PRIMITIVES.values() for k in range(len(row.examples))])
def test_code_of_every_primitive(row: Any, shapes: Any, attributes: Any, target: str) -> None:
    random = np.random.default_rng(0)
    kinds = (*row.dtypes, *["real"] * len(shapes))
    arrays = [random.integers(0, shapes[k - 1][0], shape) if kinds[k] == "whole" else random.normal(size=shape) for k, shape in enumerate(shapes)]
    net = sf.Net.of(row(*(sf.tensor(f"a{k}", shape) for k, shape in enumerate(shapes)), **attributes))
    values = {f"a{k}": array for k, array in enumerate(arrays)}
    if row.name == "tap":  # of the analyses
        with pytest.raises(NoRule, match="no spelling of the primitive"):
            net.to_code(target)
        return
    np.testing.assert_allclose(np.asarray(called(net.to_code(target), target, values)), net.compile("numpy")(**values), rtol=1e-11, atol=1e-13)


# ---------------------------------------------------------------- names, forms, refusals


@every_target
def test_names_never_reach_code_unescaped(target: str) -> None:
    names = ["lambda", "np", "params", "print", "torch", "jnp", "sigmoid", "z", "u", "W", "net", "ﬁ", "fi", "α"]
    total: Any = 0
    for k, name in enumerate(names):
        total = total + (k + 1) * sf.tensor(name, (3,))
    net = sf.fold(lambda z, f: sf.sigmoid(f(z)) + z, sf.layers("f1:4", sf.dense(3, 3)), total + sf.parameter("class", (3,)) * sf.parameter("W_z", (1, 3)))
    params, inputs = parted(net)
    code = net.to_code(target)
    function = next(part for part in ast.parse(code).body if isinstance(part, ast.FunctionDef) and part.name == "net")
    given = [argument.arg for argument in function.args.args]
    assert given[0] == "params" and len(set(given)) == len(names) + 1 and all(name.isidentifier() for name in given)
    wanted = net.compile("numpy")(params, **inputs)
    np.testing.assert_allclose(np.asarray(called(code, target, dict(zip(given[1:], inputs.values(), strict=True)), params)), wanted, rtol=1e-12)


def test_the_name_of_the_function_is_checked() -> None:
    net = sf.Net.of(2 * sf.tensor("model", (3,)))
    assert called(net.to_code(name="model"), "numpy", {"model_": np.ones(3)}, name="model").tolist() == [2, 2, 2]
    for bad in ("class", "a b", "f(x):\n    import os", "_f"):
        with pytest.raises(InvalidValue, match="is not a name for a function"):
            net.to_code(name=bad)


def test_code_is_the_same_every_time_and_does_not_grow_with_depth() -> None:
    layers = [sf.layers("f", sf.dense(3, 3, sf.tanh), count=count) for count in (10, 100_000)]
    short, long = (sf.fold(sf.mappers.residual, of, sf.tensor("x", (None, 3))).to_code() for of in layers)
    assert short.count("\n") == long.count("\n") and "range(1, 100001)" in long
    assert all(NETS[name].to_code("torch") == NETS[name].to_code("torch") for name in ("lstm", "fractal", "pre_norm"))
    assert sf.unroll(NETS["residual"]).to_code() == NETS["residual"].to_code()


@every_target
def test_lines_are_short(target: str) -> None:
    for name, net in list(NETS.items())[::4]:
        assert max(map(len, net.to_code(target).split("\n"))) <= 100, name


def test_forms_of_results() -> None:
    x, y = sf.tensor("x", (3,)), sf.tensor("y", (3,))
    values = {"x": np.arange(3.0), "y": np.ones(3)}
    for value in ((x + y, (x * y, x)), {"a": x - y, "b": (y, x / y)}, (x + y,)):
        net = sf.Net.of(value)
        ours, theirs = called(net.to_code(), "numpy", values), net(**values)
        assert flatten(ours)[1] == flatten(theirs)[1]
        assert_close(leaves(ours), leaves(theirs))


def test_numbers_and_arrays_are_exact() -> None:
    x = sf.tensor("x", (2,))
    for number in (0.1, 1e-300, -2.5, sp.Rational(1, 3), sp.pi, sp.sqrt(2), -0.0, float("inf"), 10**30):
        net = sf.Net.of(x * number + np.array([0.1, 1 / 3]))
        with np.errstate(all="ignore"):
            np.testing.assert_array_max_ulp(np.asarray(called(net.to_code(), "numpy", {"x": np.array([0.3, 7.0])}), dtype=float), net.compile("numpy")(x=np.array([0.3, 7.0])), 2)


@every_target
def test_unknown_sizes_are_those_of_the_inputs(target: str) -> None:
    x = sf.tensor("class", (None, None, 4))
    net = sf.Net.of(x.reshape((-1, 4)).sum(axis=0) + np.broadcast_to(sf.tensor("b", (4,)), x.shape).sum(axis=(0, 1)))
    values = {"class": np.random.default_rng(0).normal(size=(2, 3, 4)), "b": np.ones(4)}
    given = {"class_": values["class"], "b": values["b"]}
    np.testing.assert_allclose(np.asarray(called(net.to_code(target), target, given)), net(**values), rtol=1e-12)


@pytest.mark.parametrize(
    "build, error, message",
    [
        (lambda: sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x")).to_code(), NoRule, "a layer is opaque"),
        (lambda: sf.fold(sf.mappers.residual, sf.layers("f", sf.dense(3, 3), count="n"), sf.tensor("x", (1, 3))).to_code(), ValueError, "depth"),
        (lambda: sf.Net.of(sf.tensor("x", (3,)) + np.arange(3000.0).reshape(1000, 3)).to_code(), TooLarge, "make it an input"),
        (lambda: NETS["residual"].to_code("tensorflow"), ValueError, "'tensorflow'"),
        (lambda: sf.Net.of(tap(sf.tensor("x"), sf.tensor("y"))).to_code(), NoRule, "no spelling of the primitive 'tap'"),
    ],
)
def test_refusals_name_what_cannot_be_written(build: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build()


def test_models_of_pytorch_become_code() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torch.manual_seed(0)
    models = [
        (torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.GELU(), torch.nn.Linear(5, 2)), torch.randn(4, 3)),
        (torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 3, enable_nested_tensor=False), torch.randn(1, 4, 8)),
    ]
    for model, example in models:
        net, params = sf.from_torch(model.double().eval(), (example.double(),))
        (name,) = (node.op.name for node in net.inputs)
        values = {key: np.asarray(value) for key, value in params.items()}
        with torch.no_grad():
            wanted = model(example.double()).numpy()
        np.testing.assert_allclose(called(net.to_code(), "numpy", {name: example.double().numpy()}, values), wanted, rtol=1e-9, atol=1e-10)
        tensors = called(net.to_code("torch"), "torch", {name: example.double()}, values)
        np.testing.assert_allclose(tensors.numpy(), wanted, rtol=1e-9, atol=1e-10)
        assert max(map(len, net.to_code("torch").split("\n"))) <= 100


def test_a_target_of_ones_own() -> None:
    with extend.temporary():
        extend.code_target("scaled", functions={"tanh": "1.0 * np.tanh({0})", "gamma": "math.gamma({0})"}, helpers={"extra": "def extra(): pass"})
        check(NETS["feedforward"], "scaled")
        assert "math.gamma(x)" in sf.Net.of(sp.gamma(sp.Symbol("x"))).to_code("scaled")
        with pytest.raises(InvalidValue, match="there is a target 'scaled' already"):
            extend.code_target("scaled")
        with pytest.raises(sf.errors.InvalidType, match="has no fact 'function'"):
            extend.code_target("other", function={})
        with pytest.raises(ValueError, match="like"):
            extend.code_target("other", like="nothing")
    with pytest.raises(ValueError, match="target"):
        NETS["feedforward"].to_code("scaled")


@settings(max_examples=20)
@given(nets())
def test_code_of_any_fold_and_of_its_gradient(net: sf.Net) -> None:
    check(net, "numpy", 1e-10)
    check(sf.grad(weighted_squares(net)), "numpy", 1e-9)


@settings(max_examples=30)
@given(formulas(functions=(sp.tanh, sp.exp, np.sin), quotients=True, choices=True))
def test_code_of_any_formula(net: sf.Net) -> None:
    with np.errstate(all="ignore"):
        params, inputs = parted(net)
        ours, theirs = called(net.to_code(), "numpy", inputs, params), net.compile("numpy")(params, **inputs)
        np.testing.assert_allclose(np.asarray(ours, dtype=float) * 1.0, theirs, rtol=1e-9, atol=1e-12)


def test_numbers_are_computed_once_and_pass_into_loops() -> None:
    total: Any = sf.Net.of(1.5)
    for _ in range(200):
        total = total + total  # 2**200 as a tree
    assert float(called((total * sf.tensor("x", ())).to_code(), "numpy", {"x": 1.0})) == 1.5 * 2.0**200
    doubled = sf.fold(lambda z, item: item[0](z) * np.exp(item[1]), [(f, 2.0) for f in sf.layers("f1:4", sf.dense(3, 3))], sf.tensor("x", (None, 3)))
    check(doubled, "numpy")
    check(sf.fold(lambda z, k: z * k, list(range(1, 5)), sf.tensor("x", (3,))), "numpy")
