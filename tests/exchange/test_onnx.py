"""Nets as ONNX models: the numbers and gradients of every case and every architecture, by the reference evaluator and by onnxruntime.

Needs the extra `onnx`; skipped, with the reason, where it is missing. Where onnxruntime is missing, the reference evaluator judges alone.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from cases import BATCH, CASES, values_of
from function_points import points_of, special_points
from oracles import weighted_squares

import symfold as sf
from symfold.base.trees import LEAF
from symfold.core import functions, primitives, sequences
from symfold.core.nodes import Node
from symfold.core.primitives import embed, windows
from symfold.errors import DataError, InvalidValue, NoRule, UnknownName
from symfold.exchange.onnx.elementwise import HEADS
from symfold.exchange.onnx.rows import ROWS

onnx = pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")

from onnx.reference import ReferenceEvaluator  # noqa: E402

NETS = {name: row.net(3, 4) for name, row in sf.mappers.ARCHITECTURES.items()} | {f"case {name}": case.build(3) for name, case in CASES.items()}


def reference(model: Any, path: Path) -> Callable[[Mapping[str, Any]], list[Any]]:
    evaluator = ReferenceEvaluator(model)
    return lambda feed: list(evaluator.run(None, dict(feed)))


def runtime(model: Any, path: Path) -> Callable[[Mapping[str, Any]], list[Any]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda feed: list(session.run(None, dict(feed)))


RUNTIMES = [reference, *([runtime] if find_spec("onnxruntime") else [])]
by_every_runtime = pytest.mark.parametrize("run", RUNTIMES, ids=[run.__name__ for run in RUNTIMES])


def written(net: sf.Net, params: Mapping[str, Any], path: Path, **given: Any) -> Any:
    """The model as it stands in the file, which ONNX's own checker passes, shapes and types included."""
    sf.to_onnx(net, path, params, **given)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    return model


def fed(model: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs in the types that the model asks for."""
    types = {given.name: onnx.helper.tensor_dtype_to_np_dtype(given.type.tensor_type.elem_type) for given in model.graph.input}
    return {name: np.asarray(values[name], dtype=kind) for name, kind in types.items()}


def leaves(form: Any, value: Any) -> list[Any]:
    """A net's results as ONNX gives them: what is of many names is one array."""
    if form == LEAF:
        return [value]
    kind, parts = form
    if kind == "named":
        return [value[names] if isinstance(names, str) else np.stack([value[name] for name in names]) for names in parts]
    pairs = [(part, value[key]) for key, part in parts] if kind == "dict" else zip(parts, value, strict=True)
    return [leaf for part, held in pairs for leaf in leaves(part, held)]


def parted(net: sf.Net, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    names = {node.op.name for node in net.params}
    return {k: v for k, v in values.items() if k in names}, {k: v for k, v in values.items() if k not in names}


def agrees(net: sf.Net, values: Mapping[str, Any], run: Any, path: Path, tolerance: float = 1e-10, **given: Any) -> Any:
    params, inputs = parted(net, values)
    model = written(net, params, path, **given)
    wanted = leaves(net.form, net.compile("numpy")(params, **inputs))
    for found, one in zip(run(model, path)(fed(model, inputs)), wanted, strict=True):
        assert found.shape == np.shape(one)
        np.testing.assert_allclose(found, one, rtol=tolerance, atol=tolerance)
    return model


@by_every_runtime
@pytest.mark.parametrize("name", NETS)
def test_a_model_has_the_numbers_of_its_net(name: str, run: Any, tmp_path: Path) -> None:
    agrees(NETS[name], values_of(NETS[name]), run, tmp_path / "net.onnx")


@by_every_runtime
@pytest.mark.parametrize("name", NETS)
def test_a_gradient_is_a_model_too(name: str, run: Any, tmp_path: Path) -> None:
    net = sf.value_and_grad(weighted_squares(NETS[name]))
    agrees(net, values_of(net), run, tmp_path / "net.onnx")


@by_every_runtime
@pytest.mark.parametrize("name", ["residual", "lstm", "pre_norm", "unet"])
def test_float32_is_as_near_as_its_type(name: str, run: Any, tmp_path: Path) -> None:
    model = agrees(NETS[name], values_of(NETS[name]), run, tmp_path / "net.onnx", 1e-3, dtype="float32")
    kinds = {held.data_type for held in model.graph.initializer}
    assert kinds <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}


IMAGES = sf.tensor("x", (None, 2, 7, 6))
KERNEL = sf.parameter("W", (3, 2, 3, 2))
DEPTHWISE = sf.parameter("W", (4, 1, 3, 2))
POOL = {"kernel": (3, 2), "stride": (2, 2), "padding": (1, 1), "dilation": (1, 1)}


def seen(kernel: tuple[int, int], stride: Any = (1, 1), padding: Any = (0, 0), dilation: Any = (1, 1)) -> Any:
    return windows(IMAGES, kernel=kernel, stride=stride, padding=padding, dilation=dilation, fill=0.0)


CLIPPED: dict[str, Callable[[], Any]] = {
    "windows by strides": lambda: seen((3, 2), stride=(2, 3), padding=(1, 0)),
    "windows by dilation": lambda: seen((3, 2), padding=(2, 2), dilation=(1, 3)),
    "windows that leave a rest": lambda: seen((2, 2), stride=(3, 4), padding=(0, 1)),
    "a convolution": lambda: primitives.convolution(IMAGES, KERNEL, stride=(1, 2), padding=(1, 1), dilation=(1, 1), groups=1),
    "a depthwise convolution": lambda: primitives.convolution(IMAGES, DEPTHWISE, stride=(2, 1), padding=(0, 1), dilation=(1, 2), groups=2),
    "pools": lambda: sf.max_pool(IMAGES) + sf.mean_pool(IMAGES),
    "padded pools": lambda: primitives.max_pool(IMAGES, **POOL) - primitives.mean_pool(IMAGES, padded=False, **POOL),
    "padded means": lambda: primitives.mean_pool(IMAGES, padded=True, **POOL),
    "layer norm": lambda: primitives.layer_norm(IMAGES, sf.parameter("gain", (7, 6)), axes=(-2, -1), epsilon=1e-5),
    "a running sum": lambda: np.cumsum(IMAGES, axis=2),
    "overlapping pools": lambda: primitives.reduce_max(seen((3, 3), stride=(2, 2), padding=(1, 1)), axis=(-2, -1), keepdims=False),
    "slices": lambda: IMAGES[:, 1:, -1, 1:-2] * IMAGES[:, :1, 0, ::2] + IMAGES[:, :, 2:5, 3].sum(axis=(1, 2)).sum(),
    "reversed": lambda: sf.reverse(sf.tensor("x", (5, 2))) * 2,
    "all its axes": lambda: np.max(IMAGES) + sf.logsumexp(IMAGES) + np.mean(IMAGES) + np.sum(IMAGES),
    "several axes": lambda: np.max(IMAGES, axis=(1, 3)) + sf.logsumexp(IMAGES, axis=(1, 3)) + np.mean(IMAGES, axis=(1, 3), keepdims=True)[:, 0, :, 0],
    "softmax over two axes": lambda: sf.softmax(IMAGES, axis=(1, 2)),
    "no axis": lambda: sf.tensor("x", ()) ** 2 + sf.sqrt(sf.tensor("y", ()) ** 2) + 1 / sf.tensor("y", ()) ** 3,
    "a vector": lambda: np.dot(sf.tensor("x", (3,)), sf.parameter("W", (3, 2))),
}


@by_every_runtime
@pytest.mark.parametrize("name", CLIPPED)
@pytest.mark.parametrize("what", ["value", "gradient"])
def test_windows_slices_and_reductions(name: str, what: str, run: Any, tmp_path: Path) -> None:
    net = sf.Net.of(CLIPPED[name]())
    if what == "gradient":
        if name == "slices":
            pytest.skip("its adjoint puts values at every second place, which `test_what_cannot_be_written_leaves_no_file` says")
        net = sf.grad(weighted_squares(net), wrt="x")
    agrees(net, values_of(net), run, tmp_path / "net.onnx")
    if what == "value":  # which may have operations that runtimes know in float32 alone
        agrees(net, values_of(net), run, tmp_path / "net.onnx", 1e-4, dtype="float32")


WRITTEN = [head for head, row in functions.ROWS.items() if head in HEADS or row.composition is not None]


@by_every_runtime
@pytest.mark.parametrize("head", WRITTEN, ids=[head.__name__ for head in WRITTEN])
def test_elementwise_functions(head: Any, run: Any, tmp_path: Path) -> None:
    points = np.concatenate([[point for point in points_of(head) if np.all(abs(point) < 40)], special_points(head, "float64")])
    net = sf.Net.of(Node(head, tuple(sf.tensor(f"u{k}", (len(points),)) for k in range(points.shape[1]))))
    values = {f"u{k}": column.copy() for k, column in enumerate(points.T)}
    with np.errstate(all="ignore"):
        agrees(net, values, run, tmp_path / "net.onnx", 1e-13)


@by_every_runtime
def test_what_is_no_number_stays_none(run: Any, tmp_path: Path) -> None:
    x = sf.tensor("x", (2,))
    for function in (np.log1p, lambda x: np.heaviside(x, 0.5)):
        with np.errstate(all="ignore"):
            agrees(sf.Net.of(function(x)), {"x": np.array([-np.inf, np.nan])}, run, tmp_path / "net.onnx", 1e-13)


def test_every_primitive_has_a_row() -> None:
    rows = {row for module in (primitives, sequences) for row in vars(module).values() if isinstance(row, primitives.Primitive)}
    assert set(ROWS) <= rows
    # a body is written in a primitive's place, and lowering removes the marks of budgets
    assert all(row.body is not None for row in rows - set(ROWS) - {primitives.budgeted})


def test_every_function_has_a_row_but_those_that_onnx_has_not() -> None:
    assert set(functions.ROWS) - set(WRITTEN) == {sp.atan2, sp.gamma, sp.loggamma, sp.digamma, sp.polygamma}


def test_a_fold_is_one_scan_at_any_depth(tmp_path: Path) -> None:
    lengths = set()
    for depth in (10, 1000):
        net = sf.fold(sf.mappers.residual, sf.layers(f"f1:{depth + 1}", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
        model = written(net, net.init(seed=0), tmp_path / "net.onnx")
        assert [node.op_type for node in model.graph.node] == ["Scan", "Identity"]
        lengths.add(len(model.graph.node[0].attribute[0].g.node))
    assert len(lengths) == 1 and max(lengths) < 10


@by_every_runtime
@pytest.mark.parametrize("name", NETS)
def test_unrolled_it_has_no_scan(name: str, run: Any, tmp_path: Path) -> None:
    model = agrees(NETS[name], values_of(NETS[name]), run, tmp_path / "net.onnx", unrolled=True)
    assert "Scan" not in {node.op_type for node in model.graph.node}
    assert {held.name for held in model.graph.initializer if held.data_type == onnx.TensorProto.DOUBLE} >= {node.op.name for node in NETS[name].params}


def test_a_model_that_is_too_large_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("symfold.exchange.onnx.writer.MOST_BYTES", 100)
    with pytest.raises(InvalidValue, match="an ONNX file holds 2"):
        sf.to_onnx(NETS["residual"], tmp_path / "net.onnx", NETS["residual"].init())
    assert not list(tmp_path.iterdir())


@by_every_runtime
def test_unknown_sizes_stay_free(run: Any, tmp_path: Path) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.attention(4, 2, causal=True)), sf.tensor("x", (None, None, 4)))
    params = net.init(seed=0)
    model = written(net, params, tmp_path / "net.onnx")
    run_it = run(model, tmp_path / "net.onnx")
    for batch, time in ((1, 3), (5, 2)):
        x = np.random.default_rng(0).normal(size=(batch, time, 4))
        np.testing.assert_allclose(run_it({"x": x})[0], net(params, x=x), rtol=1e-10, atol=1e-10)


@by_every_runtime
def test_a_shape_that_is_unknown_is_asked_for(run: Any, tmp_path: Path) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", np.tanh), sf.tensor("x"))
    with pytest.raises(NoRule, match=r"axes are not known \(give the inputs shapes"):
        sf.to_onnx(net, tmp_path / "net.onnx")
    agrees(net, {"x": np.ones((BATCH, 3))}, run, tmp_path / "net.onnx", shapes={"x": (None, 3)})


def test_numbers_of_rows_are_whole(tmp_path: Path) -> None:
    table, tokens = sf.parameter("table", (5, 2)), sf.tensor("tokens", (None, 3))
    net = sf.Net.of(embed(table, tokens))
    values = {"table": np.arange(10.0).reshape(5, 2), "tokens": np.array([[0, 4, 4]])}
    model = agrees(net, values, reference, tmp_path / "net.onnx")
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.INT64
    both = agrees(sf.Net.of(embed(table, tokens) + np.sum(tokens)), values, reference, tmp_path / "net.onnx")
    assert both.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.DOUBLE


@by_every_runtime
@pytest.mark.parametrize("places", [[0, 1, 0], [0, 1, 2, 1, 0], [2, 1, 0, 0, 1, 2]], ids=str)
def test_layers_used_again(places: list[int], run: Any, tmp_path: Path) -> None:
    f = sf.layers("f1:4", sf.dense(4, 4, sf.tanh))
    net = sf.fold(sf.mappers.residual, [f[k] for k in places], sf.tensor("x", (None, 4)))
    agrees(net, values_of(net), run, tmp_path / "net.onnx")


def test_results_are_called_by_the_names_they_hold(tmp_path: Path) -> None:
    net = sf.value_and_grad(weighted_squares(NETS["residual"]))
    model = written(net, parted(net, values_of(net))[0], tmp_path / "net.onnx")
    assert [output.name for output in model.graph.output] == ["output_0", "output_1_W1..W3", "output_1_b1..b3"]


def test_the_same_net_is_the_same_file(tmp_path: Path) -> None:
    net = NETS["pre_norm"]
    for name in ("a.onnx", "b.onnx"):
        sf.to_onnx(net, tmp_path / name, net.init(seed=0))
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_what_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    opaque = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x", (2, 3)))
    with pytest.raises(NoRule, match="a layer is opaque and has no numbers"):
        sf.to_onnx(opaque, path)
    with pytest.raises(NoRule, match=r"no ONNX operation for gamma \(those with one: .*tanh"):
        sf.to_onnx(sf.Net.of(Node(sp.gamma, (sf.tensor("x", (3,)),))), path)
    with pytest.raises(NoRule, match="values put 2 places apart"):
        sf.to_onnx(sf.grad(np.sum(IMAGES[:, :, ::2] ** 2), wrt="x"), path)
    with pytest.raises(InvalidValue, match="no value for parameter 'W1'"):
        sf.to_onnx(NETS["residual"], path)
    with pytest.raises(UnknownName, match="unknown input: 'nope'"):
        sf.to_onnx(NETS["residual"], path, NETS["residual"].init(), shapes={"nope": (3,)})
    with pytest.raises(InvalidValue, match="float16"):
        sf.to_onnx(NETS["residual"], path, NETS["residual"].init(), dtype="float16")
    with pytest.raises(DataError, match="there is no folder"):
        sf.to_onnx(NETS["residual"], tmp_path / "none" / "net.onnx", NETS["residual"].init())
    assert not list(tmp_path.iterdir())


def test_importing_symfold_imports_no_onnx() -> None:
    code = "import sys, symfold, symfold.exchange.onnx.writer; print('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


@by_every_runtime
def test_dropout_is_exported_as_the_identity_and_its_training_form_with_sizes_alone(run: Any, tmp_path: Path) -> None:
    for samples in (None, 6):
        net = sf.fold(lambda z, f: sf.dropout(f(z), 0.25) + z, sf.layers("f1:4", sf.dense(3, 3, sf.tanh)), sf.tensor("x", (samples, 3)))
        form, x = sf.training_form(net, seed=2), np.random.default_rng(0).normal(size=(6, 3))
        values = {**form.init(0), "step": 4.0, "x": x}
        agrees(net, {name: value for name, value in values.items() if name != "step"}, run, tmp_path / "net.onnx")
        if samples is None:
            with pytest.raises(NoRule, match=r"a random mask of shape \(None, 3\) .*export the net as written"):
                sf.to_onnx(form, tmp_path / "form.onnx", parted(form, values)[0])
        else:
            agrees(form, values, run, tmp_path / "form.onnx")
