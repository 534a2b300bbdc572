"""ONNX models as nets: the numbers of onnxruntime, Scan and Loop as folds, and refusals of what is damaged or unknown.

Needs the extra `onnx`; skipped, with the reason, where it is missing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import values_of
from every_fold import folds

import symfold as sf
from symfold.base.trees import flatten
from symfold.errors import DataError, NoRule, SymfoldError

onnx = pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

draw = np.random.default_rng(0)


def reals(*shape: int) -> Any:
    return draw.normal(size=shape)


def parted(net: sf.Net) -> tuple[dict[str, Any], dict[str, Any]]:
    values, names = values_of(net), {node.op.name for node in net.params}
    return {k: v for k, v in values.items() if k in names}, {k: v for k, v in values.items() if k not in names}


SLOW = [name for name in sf.mappers.ARCHITECTURES if name != "residual"]


def changed(path: Path, change: Callable[[Any], object]) -> None:
    """Change a model in its file."""
    model = onnx.load(path)
    change(model)
    path.write_bytes(model.SerializeToString())


def without_record(model: Any) -> None:
    del model.metadata_props[:]


@pytest.mark.parametrize("name", ["residual", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_a_net_comes_back_from_onnx_as_it_was(name: str, tmp_path: Path) -> None:
    net = sf.mappers.ARCHITECTURES[name].net(3, 4)
    params, inputs = parted(net)
    shapes = {node.op.name: np.shape(inputs[node.op.name]) for node in net.inputs}
    sf.to_onnx(net, tmp_path / "net.onnx", params, shapes=shapes)
    again, read = sf.from_onnx(tmp_path / "net.onnx")
    assert again == net and str(sf.verdict(again, net)).startswith("identical")
    assert read.keys() == params.keys() and all(np.array_equal(read[key], value) for key, value in params.items())


def test_names_layers_and_activations_come_back(tmp_path: Path) -> None:
    layers = [sf.layer(f"ln_{k}_in", sf.layer_norm(4)) for k in range(3)]
    weights = [sf.parameter(f"blocks_{k}_w", (4, 4)) for k in range(3)]
    net = sf.fold(lambda z, item: z + sf.gelu(item[0](z) @ item[1]), list(zip(layers, weights, strict=True)), sf.tensor("x", (None, 4)))
    params = net.init(seed=0)
    for given in ({}, {"dtype": "float32"}, {"unrolled": True}):
        sf.to_onnx(net, tmp_path / "net.onnx", params, **given)
        again, read = sf.from_onnx(tmp_path / "net.onnx")
        assert again == net
        assert all(np.allclose(read[name], value, rtol=1e-6, atol=0) for name, value in params.items())


def test_parameters_may_be_trained_elsewhere_and_a_changed_graph_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3, sf.gelu)), sf.tensor("x", (None, 3)))

    def trained(model: Any) -> None:
        for array in model.graph.initializer:
            if array.name == "W1..W3":
                array.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(array) + 1, array.name))

    def negated(model: Any) -> None:
        model.graph.node[-1].op_type = "Neg"

    sf.to_onnx(net, path, net.init(seed=0))
    changed(path, trained)
    again, read = sf.from_onnx(path)
    assert again == net and np.array_equal(read["W2"], net.init(seed=0)["W2"] + 1)
    changed(path, negated)
    other, same = sf.from_onnx(path)
    x = reals(2, 3)
    np.testing.assert_allclose(other(same, x=x), -net(read, x=x), rtol=1e-12)


@pytest.mark.parametrize("name", ["residual", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_a_model_without_its_record_has_the_numbers_names_and_folds_of_its_net(name: str, tmp_path: Path) -> None:
    net = sf.mappers.ARCHITECTURES[name].net(3, 4)
    params, inputs = parted(net)
    shapes = {node.op.name: np.shape(inputs[node.op.name]) for node in net.inputs}
    sf.to_onnx(net, tmp_path / "net.onnx", params, shapes=shapes)
    changed(tmp_path / "net.onnx", without_record)
    again, read = sf.from_onnx(tmp_path / "net.onnx")
    assert {key: value.shape for key, value in read.items()} == {key: np.shape(value) for key, value in params.items()}
    assert all(np.array_equal(read[key], value) for key, value in params.items())
    assert folds(again) == folds(sf.roll(net))
    wanted = flatten(net(params, **inputs))[0]
    for result, array in zip(flatten(again(read, **inputs))[0], wanted, strict=True):
        np.testing.assert_allclose(result, array, rtol=1e-10, atol=1e-10)


def test_free_sizes_stay_free(tmp_path: Path) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3, sf.tanh)), sf.tensor("x", (None, 3)))
    params = net.init(seed=0)
    sf.to_onnx(net, tmp_path / "net.onnx", params)
    again, read = sf.from_onnx(tmp_path / "net.onnx")
    assert folds(again) == [(3, 1)]
    for rows in (1, 5):
        x = reals(rows, 3)
        np.testing.assert_allclose(again(read, x=x), net(params, x=x), rtol=1e-12)


# -- operations, against onnxruntime

Model = tuple[Any, dict[str, Any]]


def model_of(
    kind: str | Sequence[Any], inputs: Mapping[str, Any], results: int = 1, stored: Mapping[str, Any] | None = None, opset: int = 18, **attributes: Any
) -> Model:
    """A model of one operation, or of a list of nodes, over these inputs and stored arrays."""
    names = [*inputs, *(stored or {})]
    outputs = [f"y{k}" for k in range(results)]
    nodes = [helper.make_node(kind, names, outputs, name="the_one", **attributes)] if isinstance(kind, str) else list(kind)
    infos = [helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(np.asarray(v).dtype), np.shape(v)) for k, v in inputs.items()]
    initializers = [numpy_helper.from_array(np.asarray(v), k) for k, v in (stored or {}).items()]
    graph = helper.make_graph(nodes, "g", infos, [onnx.ValueInfoProto(name=name) for name in outputs], initializer=initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10), dict(inputs)


def small(*shape: int) -> Any:
    return reals(*shape).astype(np.float32)


def wholes(*values: Any) -> Any:
    return np.array(values, dtype=np.int64)


OPERATIONS: dict[str, Callable[[], Model]] = {
    **{kind: lambda kind=kind: model_of(kind, {"x": small(2, 3)}) for kind in ("Relu", "Sigmoid", "Tanh", "Exp", "Erf", "Abs", "Neg", "Floor", "Round", "Softplus", "Softsign", "Elu", "Selu", "LeakyRelu", "HardSigmoid", "HardSwish", "Softmax", "LogSoftmax", "Flatten", "Shape", "Size")},
    **{kind: lambda kind=kind: model_of(kind, {"a": small(2, 3), "b": small(3)}) for kind in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Less")},
    **{kind: lambda kind=kind: model_of(kind, {"x": small(2, 3, 4)}, keepdims=0) for kind in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare", "ArgMax", "ArgMin")},
    "Gemm": lambda: model_of("Gemm", {"a": small(3, 2)}, stored={"b": small(4, 3), "c": small(4)}, transA=1, transB=1, alpha=0.5, beta=2.0),
    "Reshape": lambda: model_of("Reshape", {"x": small(2, 3, 4)}, stored={"s": wholes(0, -1)}), "Slice": lambda: model_of("Slice", {"x": small(5, 6)}, stored={"s": wholes(4, 1), "e": wholes(-9999, 2**62), "a": wholes(0, -1), "t": wholes(-2, 2)}),
    "Gather": lambda: model_of("Gather", {"x": small(4, 3), "i": wholes([1, -1])}), "GatherElements": lambda: model_of("GatherElements", {"x": small(4, 3), "i": wholes([0, 1, 2], [3, -1, 0])}),
    "GatherND": lambda: model_of("GatherND", {"x": small(4, 3), "i": wholes([0, 1], [3, 2])}), "ScatterND": lambda: model_of("ScatterND", {"x": small(4, 3), "i": wholes([1], [3]), "u": small(2, 3)}),
    "Pad": lambda: model_of("Pad", {"x": small(2, 3)}, stored={"p": wholes(0, 1, 1, 2), "v": np.float32(2)}), "Pad reflect": lambda: model_of("Pad", {"x": small(2, 3)}, stored={"p": wholes(1, 1, 0, 2)}, mode="reflect"),
    "Split": lambda: model_of("Split", {"x": small(5, 2)}, 2, stored={"s": wholes(2, 3)}), "Expand": lambda: model_of("Expand", {"x": small(3, 1)}, stored={"s": wholes(2, 1, 4)}), "Tile": lambda: model_of("Tile", {"x": small(2, 3)}, stored={"r": wholes(2, 1)}),
    "Transpose": lambda: model_of("Transpose", {"x": small(2, 3, 4)}, perm=[1, 2, 0]), "Clip": lambda: model_of("Clip", {"x": small(6)}, stored={"l": np.float32(-0.5), "h": np.float32(0.5)}), "TopK": lambda: model_of("TopK", {"x": small(3, 5)}, 2, stored={"k": wholes(2)}),
    "Trilu": lambda: model_of("Trilu", {"x": small(4, 4)}, upper=0), "CumSum": lambda: model_of("CumSum", {"x": small(3, 4)}, stored={"a": np.int64(1)}, reverse=1), "OneHot": lambda: model_of("OneHot", {"i": wholes(0, 2)}, stored={"d": wholes(3), "v": np.array([0, 1], np.float32)}),
    "Einsum": lambda: model_of("Einsum", {"a": small(2, 3), "b": small(3, 4)}, equation="ij,jk->ki"), "Where": lambda: model_of("Where", {"m": np.array([True, False]), "a": small(2), "b": small(2)}), "Cast": lambda: model_of("Cast", {"x": small(5) * 3}, to=TensorProto.INT64),
    "whole division": lambda: model_of("Div", {"a": wholes(7, -7), "b": wholes(2, 2)}), "DepthToSpace": lambda: model_of("DepthToSpace", {"x": small(1, 8, 2, 3)}, blocksize=2), "PRelu": lambda: model_of("PRelu", {"x": small(2, 3)}, stored={"s": small(3)}),
    "Conv": lambda: model_of("Conv", {"x": small(2, 4, 5, 6)}, stored={"w": small(6, 2, 2, 3), "b": small(6)}, strides=[2, 1], pads=[1, 0, 0, 2], group=2), "Conv same": lambda: model_of("Conv", {"x": small(1, 2, 6)}, stored={"w": small(3, 2, 2)}, auto_pad="SAME_UPPER"),
    "ConvTranspose": lambda: model_of("ConvTranspose", {"x": small(1, 2, 3, 3)}, stored={"w": small(2, 2, 3, 3), "b": small(2)}, strides=[2, 2], pads=[1, 0, 0, 1], output_padding=[1, 1]),
    "MaxPool": lambda: model_of("MaxPool", {"x": small(1, 2, 5, 6)}, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]), "MaxPool ceil": lambda: model_of("MaxPool", {"x": small(1, 2, 6)}, kernel_shape=[3], strides=[2], ceil_mode=1),
    "AveragePool": lambda: model_of("AveragePool", {"x": small(1, 2, 5, 6)}, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]), "GlobalAveragePool": lambda: model_of("GlobalAveragePool", {"x": small(1, 2, 5, 6)}),
    "BatchNormalization": lambda: model_of("BatchNormalization", {"x": small(2, 3, 4)}, stored={"s": small(3), "b": small(3), "m": small(3), "v": small(3) ** 2}), "LayerNormalization": lambda: model_of("LayerNormalization", {"x": small(2, 3, 4)}, stored={"s": small(4), "b": small(4)}),
    "InstanceNormalization": lambda: model_of("InstanceNormalization", {"x": small(2, 3, 4)}, stored={"s": small(3), "b": small(3)}), "Resize": lambda: model_of([helper.make_node("Resize", ["x", "", "f"], ["y0"], mode="linear")], {"x": small(1, 1, 3, 4)}, stored={"f": np.array([1, 1, 2, 1.5], np.float32)}),
    "LSTM": lambda: model_of("LSTM", {"x": small(5, 2, 3)}, 3, stored={"w": small(2, 16, 3), "r": small(2, 16, 4), "b": small(2, 32)}, hidden_size=4, direction="bidirectional"),
    "GRU": lambda: model_of("GRU", {"x": small(5, 2, 3)}, 2, stored={"w": small(1, 12, 3), "r": small(1, 12, 4), "b": small(1, 24)}, hidden_size=4, linear_before_reset=1), "GRU reset": lambda: model_of("GRU", {"x": small(5, 2, 3)}, 2, stored={"w": small(1, 12, 3), "r": small(1, 12, 4)}, hidden_size=4, direction="reverse"),
    "RNN": lambda: model_of("RNN", {"x": small(5, 2, 3)}, 2, stored={"w": small(1, 4, 3), "r": small(1, 4, 4), "b": small(1, 8)}, hidden_size=4),
}  # fmt: skip


LEARNERS: dict[str, Any] = {
    "Scaler": {"offset": [1.0, 2.0, 3.0], "scale": [0.5, 1.0, 2.0]}, "Normalizer": {"norm": "L2"},
    "LinearRegressor": {"coefficients": [1.0, -2.0, 3.0, 0.5, 0.0, 1.0], "intercepts": [0.1, 0.2], "targets": 2},
    "LinearClassifier": {"coefficients": [1.0, -2.0, 3.0, 0.5, 0.0, 1.0], "intercepts": [0.1, 0.2], "classlabels_ints": [3, 5], "post_transform": "SOFTMAX"},
}  # fmt: skip


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.slow) for kind in LEARNERS])
def test_learners_have_the_numbers_of_onnxruntime(kind: str, tmp_path: Path) -> None:
    model, inputs = model_of(kind, {"x": small(4, 3)}, 1 + (kind == "LinearClassifier"), domain="ai.onnx.ml", **LEARNERS[kind])
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    assert_as_onnxruntime(model, inputs, tmp_path)


def read(model: Any, folder: Path) -> tuple[sf.Net, dict[str, Any]]:
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    return sf.from_onnx(folder / "m.onnx")


def assert_as_onnxruntime(model: Any, inputs: Mapping[str, Any], folder: Path) -> sf.Net:
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    wanted = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, dict(inputs))
    net, params = read(model, folder)
    results = flatten(net(params, **{node.op.name: inputs[node.op.name] for node in net.inputs}))[0]
    for result, array in zip(results, wanted, strict=True):
        assert np.shape(result) == array.shape
        np.testing.assert_allclose(np.asarray(result, float), array.astype(float), rtol=2e-5, atol=2e-5)
    return net


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_the_numbers_of_onnxruntime(name: str, tmp_path: Path) -> None:
    model, inputs = OPERATIONS[name]()
    assert_as_onnxruntime(model, inputs, tmp_path)


def loop_model(count: int) -> Model:
    """z = tanh(z) + 1/2, `count` times."""
    info = [helper.make_tensor_value_info(n, t, s) for n, t, s in (("k", TensorProto.INT64, []), ("c", TensorProto.BOOL, []), ("z", TensorProto.FLOAT, [3]))]
    nodes = [helper.make_node("Identity", ["c"], ["c2"]), helper.make_node("Tanh", ["z"], ["t"]), helper.make_node("Add", ["t", "half"], ["z2"])]
    after = [helper.make_tensor_value_info("c2", TensorProto.BOOL, []), helper.make_tensor_value_info("z2", TensorProto.FLOAT, [3])]
    body = helper.make_graph(nodes, "body", info, after)
    loop = helper.make_node("Loop", ["n", "yes", "x"], ["y0"], name="the_loop", body=body)
    return model_of([loop], {"x": small(3)}, stored={"n": np.int64(count), "yes": np.bool_(True), "half": np.float32(0.5)})


def test_a_loop_is_a_fold(tmp_path: Path) -> None:
    model, inputs = loop_model(6)
    assert folds(assert_as_onnxruntime(model, inputs, tmp_path)) == [(6, 1)]


def test_a_stack_of_layers_is_a_fold_over_the_stored_arrays(tmp_path: Path) -> None:
    nodes, stored = [], {}
    for k in range(4):
        stored |= {f"w{k}": small(3, 3), f"b{k}": small(3)}
        before = "x" if k == 0 else f"z{k}"
        nodes += [
            helper.make_node("Gemm", [before, f"w{k}", f"b{k}"], [f"a{k}"]), helper.make_node("Relu", [f"a{k}"], [f"r{k}"]),
            helper.make_node("Add", [f"r{k}", before], ["y0" if k == 3 else f"z{k + 1}"]),
        ]  # fmt: skip
    model, inputs = model_of(nodes, {"x": small(2, 3)}, stored=stored)
    net = assert_as_onnxruntime(model, inputs, tmp_path)
    assert folds(net) == [(4, 1)]
    assert {node.op.name for node in net.params} == set(stored)


# -- refusals


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: model_of("Det", {"x": small(2, 2)}), r"the operation Det 'the_one': there is no row for it"),
        (lambda: model_of("Relu", {"x": small(2)}, opset=12), r"opset 12, and opsets 13 to"),
        (lambda: model_of("ConstantOfShape", {}, stored={"s": wholes(2**40, 2**40)}), r"the operation ConstantOfShape"),
        (lambda: model_of("Reshape", {"x": small(4), "s": wholes(2, 2)}), r"the operation Reshape 'the_one': it needs a value that is known"),
        (lambda: model_of("Pad", {"x": small(3)}, stored={"p": wholes(2**40, 0), "v": np.float32(1)}), r"the operation Pad 'the_one': an array of shape"),
        (lambda: loop_model(2**40), r"the operation Loop 'the_loop': a Loop of 1,099,511,627,776 steps has no rule"),
    ],
)
def test_a_refusal_names_the_operation_and_the_node(build: Callable[[], Model], message: str, tmp_path: Path) -> None:
    with pytest.raises(NoRule, match=message):
        read(build()[0], tmp_path)


def test_data_beside_the_model_are_read_from_its_folder_alone(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    weights = small(3, 3)
    for place in (folder / "w.bin", tmp_path / "w.bin"):
        place.write_bytes(weights.tobytes())
    os.symlink(tmp_path / "w.bin", folder / "link.bin")
    os.symlink(tmp_path, folder / "up")

    def stored_at(location: str, **more: str) -> Any:
        model, _ = model_of("MatMul", {"x": small(2, 3)}, stored={"w": weights})
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **more}.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
        return model

    _, params = read(stored_at("w.bin"), folder)
    assert np.array_equal(params["w"], weights)
    for location in ("../w.bin", str(tmp_path / "w.bin"), "link.bin", "up/w.bin", "missing.bin", "", "."):
        with pytest.raises((DataError, SymfoldError)):
            read(stored_at(location), folder)
    for more in ({"offset": "-4"}, {"offset": "999"}, {"length": "4"}, {"offset": "x"}):
        with pytest.raises(DataError):
            read(stored_at("w.bin", **more), folder)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_damaged_files_are_read_or_refused(seed: int, tmp_path: Path) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    sf.to_onnx(net, tmp_path / "net.onnx", net.init(seed=0))
    whole = (tmp_path / "net.onnx").read_bytes()
    rng = np.random.default_rng(seed)
    refused = 0
    for _ in range(60):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), size=rng.integers(1, 4)):
            data[place] = rng.integers(0, 256)
        (tmp_path / "bad.onnx").write_bytes(data[: rng.integers(1, len(data))] if rng.random() < 0.2 else data)
        try:
            sf.from_onnx(tmp_path / "bad.onnx")
        except SymfoldError:
            refused += 1
    assert refused > 10
