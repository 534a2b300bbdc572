"""PyTorch's modules as nets and nets as PyTorch's modules: the folds found, and the same numbers and gradients by PyTorch itself.

Needs the extra `torch`; skipped, with the reason, where it is missing. The models of `transformers` are built from a
configuration, with random weights; without the package they are skipped too.
"""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import CASES, values_of
from oracles import assert_close, weighted_squares

import symfold as sf
from symfold.base.trees import flatten
from symfold.core.stacked_inputs import StackedInputs
from symfold.errors import InvalidType, InvalidValue, NoRule, OutOfRange, ShapeError

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812
from torch.utils._pytree import tree_leaves  # noqa: E402

from symfold.exchange.pytorch.export import export  # noqa: E402
from symfold.exchange.pytorch.operations import SAME, name_of  # noqa: E402
from symfold.exchange.pytorch.ops import OPERATIONS  # noqa: E402


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.Tanh(), nn.Linear(2 * width, width))

    def forward(self, z: Any) -> Any:
        return z + self.mlp(z)


class Wrap(nn.Module):
    """A function as a module, with a submodule or without."""

    def __init__(self, function: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *args: Any) -> Any:
        return self.function(self, *args)


def cells(self: Any, x: Any) -> Any:
    h = c = x.new_zeros(x.shape[1], 4)
    for entry in x:
        h, c = self.cell(entry, (h, c))
    return h


def hidden(self: Any, x: Any) -> Any:
    states = []
    for part in self.parts:
        x = part(x)
        states.append(x)
    return states


def transformers_model(name: str, config: str, settings: dict[str, Any]) -> Any:
    package = pytest.importorskip("transformers", reason="the package 'transformers' is not installed")
    return getattr(package, name)(getattr(package, config)(**settings))


WORDS = {"vocab_size": 40, "bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
IDS = np.arange(12).reshape(2, 6) * 7 % 39 + 1  # 0 is the word that PyTorch's embeddings do not learn
R = np.random.default_rng(0)


def encoder(**options: Any) -> Any:
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, **options), 6, enable_nested_tensor=False)


# name -> how it is built, its input, what it is called with, the counts of its folds when rolled, what the formula says
MODELS: dict[str, tuple[Callable[[], Any], Any, dict[str, Any], list[int], str]] = {
    "residual": (lambda: nn.Sequential(*[Residual(3) for _ in range(6)]), R.normal(size=(2, 3)), {}, [6], "z_k = z_{k-1} + mlp_{k-1}(z_{k-1}), k = 1..6"),
    "post-norm": (
        lambda: encoder(batch_first=True), R.normal(size=(2, 5, 8)), {}, [6],
        "u_k = norm1_{k-1}(z_{k-1} + self_attn_{k-1}(z_{k-1}))\nz_k = norm2_{k-1}(u_k + linear2_{k-1}(relu(linear1_{k-1}(u_k)))), k = 1..6",
    ),
    "pre-norm": (lambda: encoder(norm_first=True, activation="gelu"), R.normal(size=(5, 2, 8)), {}, [6], "z_{k-1} + self_attn_{k-1}(norm1_{k-1}(z_{k-1}))"),
    "MLP": (lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), R.normal(size=(5, 3)), {}, [], "linear2(relu(linear0(input)))"),
    "linear layers in a row": (lambda: nn.Sequential(*[nn.Linear(3, 3) for _ in range(5)]), R.normal(size=(2, 3)), {}, [5], "z_k = linear_{k-1}(z_{k-1})"),
    "RNN": (lambda: nn.RNN(3, 4), R.normal(size=(5, 2, 3)), {}, [5], ""),
    "RNN of ReLU, no bias": (lambda: nn.RNN(3, 4, bias=False, nonlinearity="relu"), R.normal(size=(5, 2, 3)), {}, [5], ""),
    "LSTM of two layers": (lambda: nn.LSTM(3, 4, 2), R.normal(size=(5, 2, 3)), {}, [5, 5], ""),
    "LSTM both ways": (lambda: nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True), R.normal(size=(2, 5, 3)), {}, [5, 5, 5, 5], ""),
    "GRU": (lambda: nn.GRU(3, 4), R.normal(size=(5, 2, 3)), {}, [5], ""),
    "a cell called at each time": (lambda: Wrap(cells, cell=nn.LSTMCell(3, 4)), R.normal(size=(5, 2, 3)), {}, [5], ""),
    "all hidden states": (lambda: Wrap(hidden, parts=nn.ModuleList([Residual(3) for _ in range(4)])), R.normal(size=(2, 3)), {}, [4], ""),
    "convolutions": (
        lambda: nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, groups=2), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 2, 3, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        R.normal(size=(2, 2, 8, 8)), {}, [], "",
    ),
    "GPT-2": (
        lambda: transformers_model("GPT2LMHeadModel", "GPT2Config", {**WORDS, "n_positions": 16, "n_embd": 12, "n_layer": 4, "n_head": 2}),
        IDS, {"use_cache": False}, [4], "u_k = attn_{k-1}(ln_1_{k-1}(z_{k-1})) + z_{k-1}\nz_k = u_k + mlp_{k-1}(ln_2_{k-1}(u_k)), k = 1..4",
    ),
    "BERT": (
        lambda: transformers_model("BertModel", "BertConfig", {"vocab_size": 40, "hidden_size": 12, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 16}),
        IDS, {}, [4], "u_k = attention_output_LayerNorm_{k-1}(attention_output_dense_{k-1}(self_{k-1}(z_{k-1})) + z_{k-1})\nz_k = layer_output_LayerNorm_{k-1}(layer_output_dense_{k-1}(intermediate_{k-1}(u_k)) + u_k), k = 1..4",
    ),
    "Llama": (
        lambda: transformers_model("LlamaForCausalLM", "LlamaConfig", {**WORDS, "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24}),
        IDS, {"use_cache": False}, [4], "u_k = z_{k-1} + self_attn_{k-1}(input_layernorm_{k-1}(z_{k-1}))\nz_k = u_k + mlp_{k-1}(post_attention_layernorm_{k-1}(u_k)), k = 1..4",
    ),
    "ALBERT, one block for all": (
        lambda: transformers_model("AlbertModel", "AlbertConfig", {"vocab_size": 40, "embedding_size": 8, "hidden_size": 12, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 24}),
        IDS, {}, [4], "u_k = attention_LayerNorm0_0(z_{k-1} + dense0_0(",
    ),
    "ResNet": (
        lambda: transformers_model("ResNetModel", "ResNetConfig", {"embedding_size": 4, "hidden_sizes": [4, 6], "depths": [3, 3], "layer_type": "basic"}),
        R.normal(size=(1, 3, 32, 32)), {}, [3, 2], "z_k = relu(layer0_{k-1}(z_{k-1}) + z_{k-1}), k = 1..3, z_0 = max_pool(relu(normalization(convolution(pixel_values)))",
    ),
}  # fmt: skip
SINGLE = {"Llama"}  # its norms and rotations compute in float32 whatever its type is
NATIVE = ("pre-norm", "convolutions", "GPT-2", "ResNet")  # what has primitives of every kind: machine code takes seconds to compile
models = pytest.mark.parametrize("name", MODELS)


def built(name: str, dtype: Any = None) -> tuple[Any, Any, dict[str, Any]]:
    torch.manual_seed(0)
    make, value, options, _, _ = MODELS[name]
    module = make().to(dtype or torch.float64).eval()
    tensor = torch.as_tensor(value)
    return module, tensor if tensor.dtype == torch.int64 else tensor.to(dtype or torch.float64), options


def told(result: Any) -> list[Any]:
    return [leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]


def listed(value: Any) -> list[Any]:
    return flatten(value)[0]


class Positions(torch.nn.Module):
    """Rows of a table by position."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(4, 2)

    def forward(self, x: Any) -> Any:
        return x + self.table(torch.arange(x.shape[0]))


def test_a_module_is_not_drawn_before_it_is_read() -> None:
    for given in (torch.nn.Linear(2, 2), [torch.nn.Linear(2, 2)]):
        with pytest.raises(InvalidType, match=r"read it: net, params = sf\.from_torch\(module"):
            sf.draw(given)


def test_a_row_that_a_table_lacks_is_refused_with_its_module() -> None:
    assert list(sf.from_torch(Positions(), torch.zeros(4, 2))[1]) == ["table_weight"]
    with pytest.raises(OutOfRange, match=r"in module 'table' \(Embedding\), at test_torch\.py, line .*: it reads row 4 of a table of 4 rows"):
        sf.from_torch(Positions(), torch.zeros(6, 2))


@models
def test_the_net_of_a_module_has_its_numbers_and_its_folds(name: str) -> None:
    module, value, options = built(name)
    net, params = sf.from_torch(module, (value,), options)
    rolled = sf.roll(net)
    _, _, _, counts, formula = MODELS[name]
    assert [fold.op.count for fold in rolled.bindings] == counts
    assert formula in sf.formula(rolled, form="fold" if counts else "steps")
    wanted = [leaf.detach().numpy() for leaf in told(module(value, **options))]
    tolerance = 1e-6 if name in SINGLE else 1e-10
    for one in (net, rolled):
        for given in (one(params, value.numpy()), one.compile("numpy")(params, value.numpy())):
            assert len(listed(given)) == len(wanted)
            for a, b in zip(listed(given), wanted, strict=True):
                np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1, np.abs(b).max()))


@models
def test_single_precision_agrees_to_five_digits(name: str) -> None:
    module, value, options = built(name, torch.float32)
    net, params = sf.from_torch(module, (value,), options)
    for a, b in zip(listed(sf.roll(net)(params, value.numpy())), told(module(value, **options)), strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=0, atol=1e-5 * max(1, float(b.detach().abs().max())))


@pytest.mark.parametrize(("name", "backend"), [*((name, "numpy") for name in MODELS), *((name, "native") for name in NATIVE)])
def test_gradients_are_those_of_pytorch(name: str, backend: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if backend == "native":
        pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
    monkeypatch.setenv("SYMFOLD_CACHE", str(tmp_path))
    module, value, options = built(name)
    net, params = sf.from_torch(module, (value,), options)
    _, gradient = sf.value_and_grad(weighted_squares(sf.roll(net))).compile(backend)(params, value.numpy())
    loss = sum((k + 1) * (leaf * leaf).sum() for k, leaf in enumerate(told(module(value, **options))))
    loss.backward()
    wanted = {path.replace(".", "_"): p.grad.numpy() for path, p in module.named_parameters() if p.grad is not None}
    found = {key.removeprefix("p_"): a for key, a in gradient.items()}
    statistics = {path.replace(".", "_") for path, _ in module.named_buffers()}  # of batch norms: parameters of the net, not of the module
    assert_close({key: found[key] for key in set(found) - statistics}, wanted, 1e-5 if name in SINGLE else 1e-10)


@models
def test_unrolled_and_rolled_up_again_it_is_the_same_net_and_it_can_be_kept(name: str) -> None:
    module, value, options = built(name)
    net, params = sf.from_torch(module, (value,), options)
    rolled = sf.roll(net)
    assert sf.roll(sf.unroll(rolled)) == rolled == sf.roll(rolled)
    assert sf.from_json(rolled.to_json()) == rolled
    again, values = sf.from_torch(module, (value,), options)
    assert again == net and again.to_json() == net.to_json() and list(values) == list(params)


@models
def test_there_and_back(name: str) -> None:
    module, value, options = built(name)
    net, params = sf.from_torch(module, (value,), options)
    back = sf.to_torch(sf.roll(net), params)
    assert {key: tuple(p.shape) for key, p in back.state_dict().items()} == {key: a.shape for key, a in params.items()}
    statistics = {path.replace(".", "_") for path, buffer in module.named_buffers() if buffer.is_floating_point()}
    assert {key.removeprefix("p_") for key, _ in back.named_buffers()} <= statistics
    for a, b in zip(tree_leaves(back(value)), told(module(value, **options)), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=(1e-6 if name in SINGLE else 1e-10) * max(1, float(b.detach().abs().max())))


@models
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-10), ("float32", 1e-5)])
def test_through_onnx(name: str, dtype: str, tolerance: float, tmp_path: Path) -> None:
    """PyTorch's module read as a net, its folds found, written as an ONNX model, run by onnxruntime: PyTorch's numbers."""
    onnx = pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the package 'onnxruntime' is not installed")
    module, value, options = built(name)
    net, params = sf.from_torch(module, (value,), options)
    rolled = sf.roll(net)
    sf.to_onnx(rolled, tmp_path / "model.onnx", params, dtype=dtype)
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert sum(node.op_type == "Scan" for node in model.graph.node) == len(rolled.bindings)
    kinds = {node.op_type for node in (*model.graph.node, *(n for scan in model.graph.node for a in scan.attribute for n in a.g.node))}
    if dtype == "float64" and "Erf" in kinds:
        pytest.skip("onnxruntime has no erf in float64")
    (given,) = model.graph.input
    fed = {given.name: value.numpy().astype(onnx.helper.tensor_dtype_to_np_dtype(given.type.tensor_type.elem_type))}
    quiet = runtime.SessionOptions()
    quiet.log_severity_level = 3
    found = runtime.InferenceSession(str(tmp_path / "model.onnx"), quiet, providers=["CPUExecutionProvider"]).run(None, fed)
    for a, b in zip(found, told(module(value, **options)), strict=True):
        wanted = b.detach().numpy()
        np.testing.assert_allclose(a, wanted, rtol=0, atol=max(tolerance, 1e-6 if name in SINGLE else 0) * max(1, np.abs(wanted).max()))


@pytest.mark.parametrize("name, layer", [("GPT-2", "attn1"), ("BERT", "self1"), ("Llama", "self_attn1"), ("ALBERT, one block for all", "ffn0_0")])
def test_models_of_words_are_compared_at_words(name: str, layer: str) -> None:
    """Rows of the table of words are drawn, and at them the model and its lesion have the numbers that are told."""
    module, value, options = built(name)
    net, _ = sf.from_torch(module, (value,), options)
    without = sf.lesion(net, [layer])
    found = sf.verdict(net, without)
    assert found.level == "different"
    (words,) = found.evidence["inputs"].values()
    assert np.ndim(words) == value.ndim and set(np.ravel(words).tolist()) <= set(range(40))
    output, *entry = found.evidence["place"]
    for one, told_value in zip((net, without), found.evidence["values"], strict=True):
        parameters = {node.op.name for node in one.params}
        result = one.compile("numpy")({key: np.asarray(v) for key, v in found.evidence["params"].items() if key in parameters}, np.array(words))
        assert listed(result)[output][tuple(entry)] == pytest.approx(told_value, rel=1e-6)


def test_parameters_of_repeated_modules_are_families() -> None:
    module, value, _ = built("residual")
    net, params = sf.from_torch(module, value)
    families = [leaf for leaf in sf.roll(net).leaves if isinstance(leaf.op, StackedInputs)]
    assert len(families) == 5  # the names of the layers, and the four parameters of each
    assert [list(leaf.op.names) for leaf in families if leaf.op.role == "layer"] == [[f"mlp{k}" for k in range(6)]]
    np.testing.assert_array_equal(params["p_3_mlp_2_bias"], module[3].mlp[2].bias.detach().numpy())


def test_a_search_finds_what_is_in_no_module_of_its_own() -> None:
    module = nn.Sequential(*(part for _ in range(4) for part in (nn.Linear(3, 3), nn.Tanh()))).double()
    weights = nn.ParameterList([nn.Parameter(torch.randn(3, 3)) for _ in range(5)])

    def functional(self: Any, x: Any) -> Any:
        for weight in self.weights:
            x = x + torch.tanh(x @ weight)
        return x

    for one, count, formula in (
        (module, 4, "z_k = tanh(linear"),
        (Wrap(functional, weights=weights).double(), 5, "z_k = z_{k-1} + tanh(dot(z_{k-1}, "),
    ):
        value = torch.randn(2, 3).double()
        net, params = sf.from_torch(one, value)
        rolled = sf.roll(net)
        assert rolled == net and [fold.op.count for fold in rolled.bindings] == [count]
        assert sf.formula(rolled, form="fold").startswith(formula)
        np.testing.assert_allclose(rolled(params, value.numpy()), one(value).detach().numpy(), atol=1e-12)


@models
def test_a_search_finds_no_less_than_the_modules(name: str) -> None:
    module, value, options = built(name)
    net, params = sf.from_torch(module, (value,), options)
    found = sf.roll(net)
    assert [fold.op.count for fold in found.bindings] == MODELS[name][3]
    for a, b in zip(listed(found(params, value.numpy())), listed(net(params, value.numpy())), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_paths_of_a_real_model_are_those_of_its_mapper() -> None:
    module, value, options = built("GPT-2")
    rolled = sf.roll(sf.from_torch(module, (value,), options)[0])
    t = sf.paths(rolled).polynomial.free_symbols.pop()
    attention = 1 + t**2  # through the attention and its norm, or past them
    assert (sf.paths(rolled).polynomial - (t * (attention * attention) ** 4 * t**2)).expand() == 0


# ---------------------------------------------------------------- what is not equal is not merged


def test_a_block_of_another_width_stands_apart() -> None:
    module = nn.Sequential(Residual(3), Residual(3), nn.Linear(3, 4), Residual(4), Residual(4), Residual(4)).double()
    rolled = sf.roll(sf.from_torch(module, torch.zeros(2, 3).double())[0])
    assert [fold.op.count for fold in rolled.bindings] == [2, 3]


def test_a_block_with_another_activation_stands_apart() -> None:
    blocks = [Residual(3) for _ in range(5)]
    blocks[2].mlp[1] = nn.ReLU()
    module, value = nn.Sequential(*blocks).double(), torch.randn(2, 3).double()
    net, params = sf.from_torch(module, value)
    rolled = sf.roll(net)
    assert [fold.op.count for fold in rolled.bindings] == [2, 2]
    np.testing.assert_allclose(rolled(params, value.numpy()), module(value).detach().numpy(), atol=1e-12)


def test_a_block_that_reads_further_back_stands_apart() -> None:
    def wired(self: Any, x: Any) -> Any:
        a = self.parts[0](x)
        b = self.parts[1](a)
        return self.parts[3](self.parts[2](b) + a)

    module, value = Wrap(wired, parts=nn.ModuleList([Residual(3) for _ in range(4)])).double(), torch.randn(2, 3).double()
    net, params = sf.from_torch(module, value)
    rolled = sf.roll(net)
    assert all(fold.op.count < 4 for fold in rolled.bindings)
    np.testing.assert_allclose(rolled(params, value.numpy()), module(value).detach().numpy(), atol=1e-12)


def test_a_first_block_that_reads_two_values_stands_apart() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.f = nn.Linear(3, 3)

        def forward(self, a: Any, b: Any) -> Any:
            return self.f(a) + b

    def wired(self: Any, x: Any, y: Any) -> Any:
        z = self.parts[0](x, y)
        for part in [*self.parts][1:]:
            z = part(z, z)
        return z

    module = Wrap(wired, parts=nn.ModuleList([Two() for _ in range(4)])).double()
    values = (torch.randn(2, 3).double(), torch.randn(2, 3).double())
    net, params = sf.from_torch(module, values)
    rolled = sf.roll(net)
    assert [fold.op.count for fold in rolled.bindings] == [3]
    np.testing.assert_allclose(rolled(params, *(value.numpy() for value in values)), module(*values).detach().numpy(), atol=1e-12)


def test_a_cast_that_changes_nothing_belongs_to_no_module() -> None:
    class Norm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))

        def forward(self, x: Any) -> Any:
            wide = x.to(torch.float32)
            return self.weight * wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True))

    module = Wrap(lambda self, x: x + self.norm(x), norm=Norm())
    assert str(sf.from_torch(module, torch.zeros(2, 3))[0]) == "args_0 + norm(args_0)"


def test_tied_weights_are_one_parameter() -> None:
    module = Wrap(lambda self, x: F.linear(self.up(x), self.up.weight.T), up=nn.Linear(3, 4)).double()
    value = torch.randn(2, 3).double()
    net, params = sf.from_torch(module, value)
    assert sorted(params) == ["up_bias", "up_weight"]
    np.testing.assert_allclose(net(params, value.numpy()), module(value).detach().numpy(), atol=1e-12)


def test_a_module_called_in_several_shapes_is_as_many_layers_of_the_same_parameters() -> None:
    module = Wrap(lambda self, x, y: self.f(x).sum() * self.f(y) + self.f(x[0]), f=nn.Linear(3, 3)).double()
    values = (T(2, 3), T(4, 3))
    net, params = sf.from_torch(module, values)
    assert len(params) == 2 and all(word in str(net) for word in ("f(", "f_2(", "f_3("))
    np.testing.assert_allclose(net(params, *(value.numpy() for value in values)), module(*values).detach().numpy(), atol=1e-12)


def test_a_module_called_twice_is_one_layer() -> None:
    module = Wrap(lambda self, x: self.f(torch.sin(self.f(x))), f=nn.Linear(3, 3)).double()
    net, params = sf.from_torch(module, torch.zeros(2, 3).double())
    assert len(params) == 2 and str(net).count("f(") == 2


# ---------------------------------------------------------------- operation by operation


def T(*shape: int) -> Any:
    return torch.as_tensor(np.random.default_rng(sum(shape)).uniform(0.1, 0.9, size=shape))


PLAIN = ("mul", "pow", "maximum", "minimum", "atan2", "add", "sub", "div", "hypot", "logaddexp", "logaddexp2", "eq", "ne", "lt", "le", "gt", "ge")
UNARY = (
    "exp", "log", "abs", "sign", "floor", "ceil", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "asinh", "erf", "erfc", "sigmoid",
    "relu", "neg", "reciprocal", "square", "sqrt", "rsqrt", "atanh", "clone", "detach", "contiguous", "t", "log1p", "expm1", "log2", "log10", "exp2",
    "trunc", "isnan", "isinf", "isfinite", "tril", "triu", "max", "min", "amax", "amin", "argmax", "argmin",
)  # fmt: skip
OPERATION: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    *((name, lambda a, b, name=name: getattr(torch, name)(a, b), (T(2, 3), T(3))) for name in PLAIN),
    *((name, lambda a, name=name: getattr(a, name)(), (T(2, 3),)) for name in UNARY),
    ("acosh", lambda a: torch.acosh(a + 1), (T(3),)),
    ("add", lambda a, b: torch.add(a, b, alpha=3), (T(2, 3), T(3))),
    ("sub", lambda a, b: torch.sub(a, b, alpha=3), (T(2, 3), T(3))),
    ("rsub", lambda a: torch.rsub(a, 2, alpha=3), (T(2, 3),)),
    ("silu", F.silu, (T(3),)),
    ("gelu", F.gelu, (T(3),)),
    ("gelu", lambda a: F.gelu(a, approximate="tanh"), (T(3),)),
    ("softplus", lambda a: F.softplus(a, beta=2), (T(3),)),
    ("clamp", lambda a: a.clamp(0.3, 0.6), (T(3),)),
    ("clamp_min", lambda a: a.clamp_min(0.5), (T(3),)),
    ("clamp_max", lambda a: a.clamp_max(0.5), (T(3),)),
    ("hardtanh", lambda a: F.hardtanh(a * 3), (T(3),)),
    ("leaky_relu", lambda a: F.leaky_relu(a - 0.5, 0.2), (T(3),)),
    ("elu", lambda a: F.elu(a - 0.5, 0.7), (T(3),)),
    ("selu", lambda a: F.selu(a - 0.5), (T(3),)),
    ("celu", lambda a: F.celu(a - 0.5, 0.7), (T(3),)),
    ("prelu", lambda a, w: F.prelu(a - 0.5, w), (T(2, 3, 2), T(3))),
    ("prelu", lambda a, w: F.prelu(a - 0.5, w), (T(3), T(1))),
    ("relu6", lambda a: F.relu6(a * 9), (T(3),)),
    ("hardsigmoid", lambda a: F.hardsigmoid(a * 9 - 5), (T(3),)),
    ("hardswish", lambda a: F.hardswish(a * 9 - 5), (T(3),)),
    ("threshold", lambda a: F.threshold(a, 0.5, 20.0), (T(3),)),
    ("mish", F.mish, (T(3),)),
    ("log_sigmoid", F.logsigmoid, (T(3),)),
    ("hardshrink", lambda a: F.hardshrink(a - 0.5, 0.2), (T(3),)),
    ("softshrink", lambda a: F.softshrink(a - 0.5, 0.2), (T(3),)),
    ("lgamma", torch.lgamma, (T(3),)),
    ("digamma", torch.digamma, (T(3),)),
    ("special_ndtr", torch.special.ndtr, (T(3),)),
    ("log_softmax", lambda a: F.log_softmax(a, 0), (T(2, 3),)),
    ("logsumexp", lambda a: a.logsumexp((0, 1)), (T(2, 3),)),
    ("max", lambda a: a.max(1, keepdim=True)[0], (T(2, 3),)),
    ("max", lambda a, b: torch.max(a, b), (T(2, 3), T(3))),
    ("min", lambda a: a.min(-2)[1], (T(2, 3),)),
    ("amax", lambda a: a.amax((0, 2), keepdim=True), (T(2, 3, 2),)),
    ("argmax", lambda a: a.argmax(1, keepdim=True), (T(2, 3),)),
    ("tril", lambda a: a.tril(-1), (T(2, 3),)),
    ("triu", lambda a: a.triu(1), (T(2, 3),)),
    ("any", lambda a: (a > 0.5).any(1, keepdim=True), (T(2, 3),)),
    ("all", lambda a: (a > 0.2).all(), (T(2, 3),)),
    ("logical_and", lambda a, b: torch.logical_and(a > 0.5, b), (T(2, 3), T(2, 3).round())),
    ("logical_or", lambda a, b: torch.logical_or(a > 0.5, b), (T(2, 3), T(2, 3).round())),
    ("logical_xor", lambda a, b: torch.logical_xor(a > 0.5, b), (T(2, 3), T(2, 3).round())),
    ("logical_not", torch.logical_not, (T(2, 3).round(),)),
    ("bitwise_and", lambda a: torch.bitwise_and(a > 0.3, a < 0.6), (T(2, 3),)),
    ("bitwise_or", lambda a: torch.bitwise_or(a < 0.3, a > 0.6), (T(2, 3),)),
    ("bitwise_xor", lambda a: torch.bitwise_xor(a > 0.3, a > 0.6), (T(2, 3),)),
    ("bitwise_not", lambda a: ~(a > 0.3), (T(2, 3),)),
    ("__and__", lambda a: (a > 0.3) & (a < 0.6), (T(2, 3),)),
    ("__or__", lambda a: (a < 0.3) | (a > 0.6), (T(2, 3),)),
    ("__xor__", lambda a: (a > 0.3) ^ (a > 0.6), (T(2, 3),)),
    ("add", lambda a: (a > 0.3) + (a > 0.6), (T(2, 3),)),
    ("mul", lambda a: (a > 0.3) * (a > 0.6), (T(2, 3),)),
    ("item", lambda a: a * a.sum().item(), (T(2, 3),)),
    ("t", lambda a: a.t(), (T(3),)),
    ("mT", lambda a: a.mT, (T(2, 3, 4),)),
    ("narrow", lambda a: a.narrow(1, -2, 2), (T(2, 4),)),
    ("where", lambda a, b: torch.where(a > b, a, -torch.inf), (T(2, 3), T(3))),
    ("where", lambda a: torch.where(a > 0.5, torch.nan, 1.0), (T(2, 3),)),
    ("masked_fill", lambda a: a.masked_fill(a > 0.5, a.sum()), (T(2, 3),)),
    ("clamp", lambda a, b, c: a.clamp(b, c), (T(2, 3), T(3), T(2, 1))),
    ("scaled_dot_product_attention", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m > 0.5), (T(2, 3, 4), T(2, 5, 4), T(2, 5, 6), T(3, 5))),
    ("layer_norm", lambda a, b: F.layer_norm(a, (4,), None, b), (T(2, 3, 4), T(4))),
    ("view", lambda a: a.view(3, 2), (T(2, 3),)),
    ("reshape", lambda a: a.T.reshape(-1), (T(2, 3),)),
    ("flatten", lambda a: a.flatten(1), (T(2, 3, 4),)),
    ("unflatten", lambda a: a.unflatten(1, (2, 2)), (T(3, 4),)),
    ("numpy_T", lambda a: a.T, (T(2, 3),)),
    ("unsqueeze", lambda a: a.unsqueeze(1), (T(2, 3),)),
    ("squeeze", lambda a: a.squeeze(1), (T(2, 1, 3),)),
    ("to", lambda a: a.to(torch.float32), (T(2, 3),)),
    ("type_as", lambda a, b: a.type_as(b), (T(2, 3), T(1))),
    ("dropout", lambda a: F.dropout(a, training=False), (T(2, 3),)),
    ("feature_dropout", lambda a: F.dropout2d(a, training=False), (T(1, 2, 3, 3),)),
    ("where", lambda a, b: torch.where(torch.tensor([True, False, True]), a, b), (T(2, 3), T(2, 1))),
    ("where", lambda a: torch.where(torch.tensor([True, False, True]), 2.0, a), (T(2, 3),)),
    ("masked_fill", lambda a: torch.softmax(a.masked_fill(torch.tensor([True, False, False]), -torch.inf), 1), (T(2, 3),)),
    ("permute", lambda a: a.permute(2, 0, 1), (T(2, 3, 4),)),
    ("permute", lambda a: a.permute(0, 2, 1), (T(2, 3, 4),)),
    ("transpose", lambda a: a.transpose(0, 2), (T(2, 3, 4),)),
    ("expand", lambda a: a.expand(4, 3), (T(1, 3),)),
    ("expand_as", lambda a, b: a.expand_as(b), (T(1, 3), T(4, 3))),
    ("broadcast_to", lambda a: torch.broadcast_to(a, (4, 3)), (T(3),)),
    ("select", lambda a: a[:, -1], (T(2, 3, 4),)),
    ("slice", lambda a: a[:, 1:-1], (T(2, 4),)),
    ("narrow", lambda a: a.narrow(1, 1, 2), (T(2, 4),)),
    ("split", lambda a: a.split(2, 1)[-1], (T(2, 5),)),
    ("split_with_sizes", lambda a: a.split([1, 4], 1)[1], (T(2, 5),)),
    ("chunk", lambda a: a.chunk(2, 1)[1], (T(2, 5),)),
    ("unbind", lambda a: a.unbind(1)[2], (T(2, 5),)),
    ("cat", lambda a, b: torch.cat([a, b], 1), (T(2, 3), T(2, 4))),
    ("concat", lambda a, b: torch.concat([a, b]), (T(2, 3), T(1, 3))),
    ("stack", lambda a, b: torch.stack([a, b], 1), (T(2, 3), T(2, 3))),
    ("stack", lambda a, b: torch.stack([a, b]), (T(2, 3), T(2, 3))),
    ("sum", lambda a: a.sum(), (T(2, 3),)),
    ("sum", lambda a: a.sum((0, 2)), (T(2, 3, 4),)),
    ("mean", lambda a: a.mean(1, keepdim=True), (T(2, 3),)),
    ("softmax", lambda a: F.softmax(a, 0), (T(2, 3),)),
    ("matmul", lambda a, b: a @ b, (T(2, 3, 4), T(4, 5))),
    ("mm", torch.mm, (T(3, 4), T(4, 5))),
    ("bmm", torch.bmm, (T(2, 3, 4), T(2, 4, 5))),
    ("linear", F.linear, (T(2, 3), T(4, 3), T(4))),
    ("baddbmm", torch.baddbmm, (T(2, 3, 5), T(2, 3, 4), T(2, 4, 5))),
    ("baddbmm", lambda a, x, y: torch.baddbmm(a, x, y, beta=0.5, alpha=2), (T(2, 3, 5), T(2, 3, 4), T(2, 4, 5))),
    ("scaled_dot_product_attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, torch.tensor([[False, False], [True, True]])), (T(2, 2, 4), T(2, 2, 4), T(2, 2, 4))),
    ("scaled_dot_product_attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, torch.tensor([[-torch.inf, -torch.inf], [0.5, -torch.inf]], dtype=torch.float64)), (T(2, 2, 4), T(2, 2, 4), T(2, 2, 4))),
    ("addmm", torch.addmm, (T(4), T(2, 3), T(3, 4))),
    ("embedding", lambda table: F.embedding(torch.tensor([[0, 2], [1, 0]]), table), (T(3, 4),)),
    ("layer_norm", lambda a, w, b: F.layer_norm(a, (3, 4), w, b, 1e-3), (T(2, 3, 4), T(3, 4), T(3, 4))),
    ("layer_norm", lambda a: F.layer_norm(a, (4,)), (T(2, 3, 4),)),
    ("rms_norm", lambda a, w: F.rms_norm(a, (4,), w, 1e-3), (T(2, 3, 4), T(4))),
    ("batch_norm", lambda a, m, v, w, b: F.batch_norm(a, m, v, w, b), (T(2, 3, 4), T(3), T(3), T(3), T(3))),
    ("scaled_dot_product_attention", F.scaled_dot_product_attention, (T(2, 2, 3, 4), T(2, 2, 5, 4), T(2, 2, 5, 6))),
    ("scaled_dot_product_attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3), (T(2, 3, 4), T(2, 3, 4), T(2, 3, 4))),
    ("scaled_dot_product_attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, torch.tensor([[True, False], [True, True]])), (T(2, 2, 4), T(2, 2, 4), T(2, 2, 4))),
    ("scaled_dot_product_attention", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m), (T(2, 3, 4), T(2, 5, 4), T(2, 5, 6), T(3, 5))),
    ("scaled_dot_product_attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True), (T(1, 4, 3, 2), T(1, 2, 3, 2), T(1, 2, 3, 2))),
    ("conv1d", lambda a, w, b: F.conv1d(a, w, b, stride=2, padding=1, dilation=2), (T(2, 3, 9), T(4, 3, 3), T(4))),
    ("conv2d", lambda a, w: F.conv2d(a, w, stride=(2, 1), padding=(0, 1), groups=2), (T(2, 4, 5, 6), T(6, 2, 3, 2))),
    ("conv3d", F.conv3d, (T(1, 2, 3, 4, 5), T(3, 2, 2, 2, 2))),
    ("max_pool1d", lambda a: F.max_pool1d(a, 2), (T(2, 3, 6),)),
    ("max_pool2d", lambda a: F.max_pool2d(a - 1, 3, 2, 1), (T(2, 3, 6, 5),)),
    ("avg_pool1d", lambda a: F.avg_pool1d(a, 2, padding=1), (T(2, 3, 6),)),
    ("avg_pool2d", lambda a: F.avg_pool2d(a, (2, 3)), (T(2, 3, 6, 6),)),
    ("adaptive_avg_pool1d", lambda a: F.adaptive_avg_pool1d(a, 2), (T(2, 3, 6),)),
    ("adaptive_avg_pool2d", lambda a: F.adaptive_avg_pool2d(a, (2, 3)), (T(2, 3, 6, 6),)),
    ("floor_divide", lambda a: a // 0.3, (T(3),)),
    ("remainder", lambda a: a % 0.3, (T(3),)),
    ("div", lambda a: torch.div(a - 0.5, 0.3, rounding_mode="trunc"), (T(3),)),
    ("copy", lambda a, b: torch.ops.aten.copy(a, b), (T(2, 3), T(3))),
    ("copy", lambda a, b: torch.ops.aten.copy(a, b), (torch.zeros(3, dtype=torch.int64), T(3) * 9)),
    ("cumprod", lambda a: torch.cumprod(a - 0.5, 1), (T(2, 7, 3),)),
    ("dist", torch.dist, (T(2, 3), T(2, 3))),
    ("slice_scatter", lambda a, b: torch.slice_scatter(a, b, 1, 1, 3), (T(2, 5), T(2, 2))),
    ("slice_scatter", lambda a, b: torch.slice_scatter(a, b, 1, 0, 5, 2), (T(2, 5), T(2, 3))),
    ("select_scatter", lambda a, b: torch.select_scatter(a, b, 0, -1), (T(2, 5), T(5))),
    ("fmod", lambda a: torch.fmod(a - 0.5, 0.3), (T(3),)),
    ("frac", lambda a: torch.frac(a * 3 - 1), (T(3),)),
    ("clip", lambda a: torch.clip(a, 0.2, 0.5), (T(3),)),
    ("logit", lambda a: torch.logit(a, 0.3), (T(5),)),
    ("nan_to_num", lambda a: torch.nan_to_num(a / 0.0, posinf=2.0), (torch.tensor([0.0, 1.0, -1.0]).double(),)),
    ("topk", lambda a: sum(torch.topk(a, 2, dim=1)), (T(2, 4, 3),)),
    ("topk", lambda a: sum(torch.topk(a, 2, largest=False)), (T(2, 4),)),
    ("sort", lambda a: sum(torch.sort(a, dim=0, descending=True)), (T(4, 3),)),
    ("sort", lambda a: sum(torch.sort(a, stable=True)), (T(4, 3),)),
    ("argsort", lambda a: torch.argsort(a, dim=0), (T(4, 3),)),
    ("argsort", lambda a: torch.argsort(a, stable=True, descending=True), (T(4, 3),)),
    ("diagonal", lambda a: a.diagonal(1, 0, 2), (T(2, 3, 4),)),
    ("diag_embed", torch.diag_embed, (T(2, 3),)),
    ("trace", torch.trace, (T(3, 3),)),
    ("cdist", torch.cdist, (T(2, 3, 4), T(2, 5, 4))),
    ("var_mean", lambda a: sum(torch.var_mean(a, 1, keepdim=True)), (T(2, 3),)),
    ("tensor_split", lambda a: torch.tensor_split(a, 3)[1], (T(5, 2),)),
    ("tensor_split", lambda a: torch.tensor_split(a, [1, 4], dim=1)[1], (T(2, 5),)),
    ("fill", lambda a: torch.fill(a, 2.0) * a, (T(2, 5),)),
    ("zero", lambda a: torch.ops.aten.zero(a) + a, (T(2, 5),)),
    ("lerp", lambda a, b: torch.lerp(a, b, 0.3), (T(3), T(3))),
    ("addcmul", lambda a, b, c: torch.addcmul(a, b, c, value=2), (T(3), T(3), T(3))),
    ("addcdiv", lambda a, b, c: torch.addcdiv(a, b, c), (T(3), T(3), T(3))),
    ("sinc", torch.sinc, (torch.tensor([0.0, 0.5, 2.3]).double(),)),
    ("xlogy", torch.xlogy, (torch.tensor([0.0, 0.5, 2.3]).double(), T(3))),
    ("outer", torch.outer, (T(3), T(4))),
    ("mv", torch.mv, (T(3, 4), T(4))),
    ("dot", torch.dot, (T(3), T(3))),
    ("tile", lambda a: a.tile(2, 2), (T(2, 3),)),
    ("fliplr", torch.fliplr, (T(2, 3),)),
    ("flipud", torch.flipud, (T(2, 3),)),
    ("view_as", lambda a, b: a.view_as(b), (T(2, 3), T(3, 2))),
    ("reshape_as", lambda a, b: a.reshape_as(b), (T(2, 3), T(3, 2))),
    ("one_hot", lambda a: F.one_hot(a, 5), (torch.tensor([0, 4, 2]),)),
    ("gru_cell", lambda x, h, w, v: torch.gru_cell(x, h, w, v), (T(2, 3), T(2, 4), T(12, 3), T(12, 4))),
    ("rnn_tanh_cell", lambda x, h, w, v: torch.rnn_tanh_cell(x, h, w, v), (T(2, 3), T(2, 4), T(4, 3), T(4, 4))),
    ("rnn_relu_cell", lambda x, h, w, v, b, c: torch.rnn_relu_cell(x, h, w, v, b, c), (T(2, 3), T(2, 4), T(4, 3), T(4, 4), T(4), T(4))),
]
# met in the models above, or what decompositions for changes in place leave
ELSEWHERE = {
    "lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "_unsafe_view", "alias", "lift_fresh_copy", "_to_copy", "float", "double", "_softmax", "_log_softmax",
    "_native_batch_norm_legit_no_training", "convolution",
    # in test_torch_sizes.py, where they are read at unknown sizes
    "arange", "diff", "eye", "full", "full_like", "new_full", "new_ones", "new_zeros", "ones", "ones_like", "scalar_tensor", "zeros", "zeros_like",
    # in test_torch_choice.py and test_models.py
    "_grouped_mm", "grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "histc", "transformers::grouped_mm_fallback",
}  # fmt: skip
# in test_torch_layers.py, as they are and as decompositions leave them
LAYERS = {
    "_adaptive_avg_pool1d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "_index_put_impl", "_unsafe_index", "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d", "_upsample_nearest_exact3d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "alpha_dropout", "avg_pool3d", "bilinear", "binary_cross_entropy", "binary_cross_entropy_with_logits", "broadcast_tensors",
    "channel_shuffle", "col2im", "constant_pad_nd", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "cosine_embedding_loss",
    "cosine_similarity", "cross_entropy_loss", "cumsum", "einsum", "embedding_bag", "feature_alpha_dropout", "flip", "gather", "glu", "group_norm",
    "hinge_embedding_loss", "huber_loss", "im2col", "index", "index_add", "index_put", "index_select", "instance_norm", "kl_div", "l1_loss",
    "linalg_vector_norm", "margin_ranking_loss", "max_pool1d_with_indices", "max_pool2d_with_indices", "max_pool3d", "max_pool3d_with_indices",
    "max_unpool2d", "max_unpool3d", "meshgrid", "movedim", "mse_loss", "multi_margin_loss", "multilabel_margin_loss", "nll_loss", "nll_loss2d",
    "nll_loss2d_forward", "nll_loss_forward", "nll_loss_nd", "pad", "pairwise_distance", "pixel_shuffle", "pixel_unshuffle", "poisson_nll_loss",
    "prod", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "repeat", "repeat_interleave", "replication_pad1d", "replication_pad2d",
    "replication_pad3d", "roll", "rot90", "rrelu", "scatter", "scatter_add", "smooth_l1_loss", "soft_margin_loss", "std", "swapaxes",
    "triplet_margin_loss", "unfold", "upsample_bicubic2d", "upsample_bilinear2d", "upsample_linear1d", "upsample_nearest1d", "upsample_nearest2d",
    "upsample_nearest3d", "upsample_trilinear3d", "var",
}  # fmt: skip


@pytest.mark.parametrize("name, function, values", OPERATION, ids=[f"{name}-{k}" for k, (name, _, _) in enumerate(OPERATION)])
def test_an_operation_has_pytorchs_numbers(name: str, function: Any, values: tuple[Any, ...]) -> None:
    module = Wrap(lambda self, *args: function(*args))
    names = {name_of(node.target) for node in export(module, values, {}).root.nodes()}
    assert name in names or name in SAME, names
    net, params = sf.from_torch(module, values)
    given = net(params, **{node.op.name: value.numpy() for node, value in zip(net.inputs, values, strict=True)})
    np.testing.assert_allclose(given, function(*values).numpy(), rtol=1e-6 if name == "to" else 1e-12, atol=1e-12)


def test_every_row_of_the_table_is_tried() -> None:
    assert {name for name, _, _ in OPERATION} | ELSEWHERE | LAYERS == set(OPERATIONS)


@pytest.mark.parametrize("order", ["AAAA", "AABB", "ABAB", "ABCA"])
def test_one_module_several_times_in_a_list_is_opened_as_others_are(order: str) -> None:
    parts = {letter: Residual(3) for letter in order}
    model = nn.Sequential(*(parts[letter] for letter in order))
    net, params = sf.from_torch(model, (torch.ones(2, 3),))
    assert sf.paths(net).coefficients() == [1, 4, 6, 4, 1]
    np.testing.assert_allclose(net(params, np.ones((2, 3))), model(torch.ones(2, 3)).detach().numpy(), rtol=1e-5)


def test_results_keep_their_names_and_places() -> None:
    x = torch.ones(2)
    net, params = sf.from_torch(Wrap(lambda self, x: {"left": x + 1, "right": x * 2}), (x,))
    np.testing.assert_equal(net(params, x.numpy()), {"left": np.full(2, 2.0), "right": np.full(2, 2.0)})
    with pytest.raises(InvalidValue, match=r"result 2 of 3 is None.*return its tensors alone"):
        sf.from_torch(Wrap(lambda self, x: (x + 1, None, x * 2)), (x,))
    assert len(sf.from_torch(Wrap(lambda self, x: (x + 1, x * 2, None)), (x,))[0].outputs) == 2  # no place is shifted


def test_changes_in_place_are_followed_or_undone() -> None:
    def owned(self: Any, x: Any) -> Any:
        y = x * 2
        y += x
        return torch.relu_(y)

    def seen_elsewhere(self: Any, x: Any) -> Any:
        y = x * 2
        row = y[0]
        row += 1
        return y

    value = T(2, 3)
    for function in (owned, seen_elsewhere):
        wanted = function(None, value)
        net, params = sf.from_torch(Wrap(function), value)
        np.testing.assert_allclose(net(params, value.numpy()), wanted.numpy())


# ---------------------------------------------------------------- what is not known


def test_an_unknown_operation_is_named_with_its_module() -> None:
    module = nn.Sequential(nn.Linear(3, 3), Wrap(lambda self, x: torch.logcumsumexp(x, 1)))
    with pytest.raises(NoRule, match=r"aten\.logcumsumexp\.default in module '1' \(Wrap\), at test_torch\.py, line .*: there is no row for it \(give partial=True"):
        sf.from_torch(module, torch.zeros(2, 3))


def test_with_partial_it_is_an_opaque_layer_and_the_structure_is_read() -> None:
    parts = nn.ModuleList([nn.Linear(3, 3) for _ in range(3)])

    def steps(self: Any, x: Any) -> Any:
        for part in self.parts:
            x = torch.logcumsumexp(part(x), 1) + x
        return x

    net, params = sf.from_torch(Wrap(steps, parts=parts), torch.zeros(2, 3), partial=True)
    assert str(sf.paths(net).polynomial) == "t**6 + 3*t**4 + 3*t**2 + 1"
    assert len(params) == 6
    with pytest.raises(NoRule, match=r"aten\.logcumsumexp\.default\(#1, 1\) has no numbers here"):
        net(params, np.zeros((2, 3)))
    assert sf.from_json(net.to_json()) == net


def test_partial_reads_operations_of_several_results() -> None:
    net, _ = sf.from_torch(Wrap(lambda self, x: torch.cummax(x * 2, 1)[0] + 1), torch.zeros(2, 3), partial=True)
    assert net.shape == (2, 3) and "cummax_result0(" in str(net)


def test_a_module_in_training_mode_says_what_to_do() -> None:
    with pytest.raises(NoRule, match=r"dropout draws numbers \(call \.eval\(\)"):
        sf.from_torch(nn.Sequential(nn.Linear(3, 3), nn.Dropout()), torch.zeros(2, 3))
    with pytest.raises(InvalidValue, match=r"changes .*running_mean.* in place, which a net cannot \(call \.eval\(\)"):
        sf.from_torch(nn.BatchNorm1d(3), torch.zeros(2, 3))


def test_control_flow_that_depends_on_values_is_refused_in_one_line() -> None:
    with pytest.raises(InvalidValue, match=r"torch\.export cannot read Wrap: .* \(test_torch\.py, line .*; control flow that depends on values"):
        sf.from_torch(Wrap(lambda self, x: x if x.sum() > 0 else -x), torch.zeros(2, 3))


def test_what_the_exporter_refuses_in_its_own_code_names_the_line_of_the_module() -> None:
    def padded(self: nn.Module, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(packed)[0]

    with pytest.raises(InvalidValue, match=r"torch\.export cannot read Wrap: .* \(test_torch\.py, line \d+: return nn\.utils\.rnn\.pad"):
        sf.from_torch(Wrap(padded), (torch.zeros(3, 2, 4), torch.tensor([3, 2])))


def test_an_example_that_the_module_does_not_take_is_said_to_be_so(capfd: pytest.CaptureFixture[str]) -> None:
    norm = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2))
    before = norm[0].running_mean.clone()
    with pytest.raises(InvalidValue, match=r"^Linear does not take these example inputs: .*2x5 and 3x2.* \(its forward takes: input\)$"):
        sf.from_torch(nn.Linear(3, 2), torch.zeros(2, 5))
    with pytest.raises(InvalidValue, match=r"^Sequential does not take these example inputs"):
        sf.from_torch(norm, (torch.ones(2, 3), torch.ones(2, 3)))
    assert torch.equal(norm[0].running_mean, before) and capfd.readouterr() == ("", "")


def test_a_module_of_a_net_prints_its_equations_and_the_first_parameters() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:21", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    shown = repr(sf.to_torch(net, net.init(seed=0)))
    assert str(net) in shown and "x: (None, 2)" in shown and "W1 (2, 2)" in shown and "... and 34 more" in shown


def test_what_is_no_module_is_named() -> None:
    with pytest.raises(InvalidType, match=r"is not a torch\.nn\.Module"):
        sf.from_torch(lambda x: x, torch.zeros(2))
    with pytest.raises(InvalidType, match=r"is not a torch\.nn\.Module \(call it: Linear\(\.\.\.\)\)$"):
        sf.from_torch(torch.nn.Linear, torch.zeros(2, 3))
    with pytest.raises(InvalidType, match="example inputs must be a tuple of tensors"):
        sf.from_torch(nn.Linear(2, 2), 3)


# ---------------------------------------------------------------- nets as modules


NETS = {name: (lambda case=case: case.build(4)) for name, case in CASES.items()} | {
    name: (lambda row=row: row.net(3, 4)) for name, row in sf.mappers.ARCHITECTURES.items()
}


@pytest.mark.parametrize("name", NETS)
def test_any_net_is_a_module_with_its_numbers_and_gradients(name: str) -> None:
    net = NETS[name]()
    values = values_of(net)
    names = {node.op.name for node in net.params}
    params = {key: value for key, value in values.items() if key in names}
    module = sf.to_torch(net, params)
    inputs = {key: torch.as_tensor(value) for key, value in values.items() if key not in names}
    parts = listed(module(**inputs))
    for a, b in zip(parts, listed(net(**values)), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b, rtol=1e-12, atol=1e-12)
    sum((k + 1) * (part * part).sum() for k, part in enumerate(parts)).backward()
    _, gradient = sf.value_and_grad(weighted_squares(net))(**values)
    assert_close({key: np.zeros(tuple(p.shape)) if p.grad is None else p.grad.numpy() for key, p in module.named_parameters()}, dict(gradient))


def test_what_training_leaves_is_a_buffer_there_and_back() -> None:
    """The statistics of a batch norm, read, trained, kept, written and read again: `fit` and PyTorch's optimizers move the others alone."""
    norm = torch.nn.BatchNorm2d(2).to(torch.float64)
    images = np.random.default_rng(0).normal(1.0, 2.0, size=(4, 2, 3, 3))
    norm(torch.as_tensor(images))
    net, params = sf.from_torch(norm.eval(), (torch.as_tensor(images),))
    done = sf.fit(sf.squared_error(net, sf.tensor("t", (4, 2, 3, 3))), params, {"input": images, "t": images}, optimizer=sf.sgd(1e-3))
    moved = {name: not np.array_equal(done.params[name], value) for name, value in params.items()}
    assert moved == {"weight": True, "bias": True, "running_mean": False, "running_var": False}

    batch = sf.Net.of(sf.layer("f1", sf.batch_norm(2))(sf.tensor("x", (None, 2, 3, 3))))
    kept, values = sf.keep_statistics(batch, batch.init(), {"x": images})
    module = sf.to_torch(kept, values)
    assert [name for name, _ in module.named_parameters()] == ["gain1", "shift1"]
    assert [name for name, _ in module.named_buffers()] == ["mean1", "variance1"]
    alone = torch.as_tensor(images[:1])
    np.testing.assert_allclose(module(alone).detach().numpy(), kept(values, x=images[:1]), atol=1e-12)
    again, held = sf.from_torch(module, (alone,))
    np.testing.assert_allclose(again(held, images[:1]), kept(values, x=images[:1]), atol=1e-12)


def test_a_gradient_is_a_module_too() -> None:
    net = weighted_squares(CASES["residual"].build(3))
    values = CASES["residual"].values(3)
    names = {node.op.name for node in net.params}
    module = sf.to_torch(sf.value_and_grad(net), {key: value for key, value in values.items() if key in names})
    value, gradient = module(torch.as_tensor(values["x"]))
    wanted, by_name = sf.value_and_grad(net)(**values)
    np.testing.assert_allclose(value.detach().numpy(), wanted)
    assert_close({key: one.detach().numpy() for key, one in dict(gradient).items()}, dict(by_name))


def test_a_module_asks_for_its_inputs_by_name() -> None:
    module = sf.to_torch(sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x")), {})
    with pytest.raises(InvalidType, match="the net takes x; got 0 by position and y by name"):
        module(y=torch.zeros(2))
    with pytest.raises(NoRule, match="layer f1 is opaque and has no numbers"):
        module(torch.zeros(2))


def test_a_module_says_what_it_cannot_take() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2)), sf.tensor("x", (None, 2)))
    with pytest.raises(ShapeError, match=r"parameter 'W1' has shape \(2, 2\), got \(2, 3\)"):
        sf.to_torch(net, {**net.init(), "W1": np.zeros((2, 3))})
    with pytest.raises(InvalidType, match=r"input 'x' of the module is .* no tensor"):
        sf.to_torch(net, net.init())(np.zeros((1, 2)))


def test_rows_that_are_masked_as_a_whole_get_nothing_there_and_back() -> None:
    attends = nn.MultiheadAttention(4, 2, batch_first=True).double().eval()
    module = Wrap(lambda self, x: self.a(x, x, x, key_padding_mask=torch.ones(2, 3, dtype=torch.bool), need_weights=False)[0], a=attends)
    value = T(2, 3, 4)
    net, params = sf.from_torch(module, value)
    np.testing.assert_allclose(net(params, value.numpy()), module(value).detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(sf.to_torch(net, params)(value).detach().numpy(), module(value).detach().numpy(), atol=1e-12)


def test_importing_symfold_imports_no_torch() -> None:
    code = "import sys, symfold, symfold.exchange.pytorch.reader, symfold.exchange.pytorch.writer; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_the_command_inspects_a_module() -> None:
    from commands import printed_json

    from examples.models import encoder

    found = printed_json("inspect", "examples.models:encoder")
    numbers = sum(weight.numel() for weight in encoder()[0].parameters())
    assert found["imported"] == "examples.models" and [(fold["count"], fold["state"]) for fold in found["folds"]] == [("6", 1)] and found["apart"] == []
    assert (found["layers"], found["parameters"], found["span"]) == (30, numbers, "30")
    assert found["formula"].startswith("u_k = z_{k-1} + self_attn_{k-1}(norm1_{k-1}(z_{k-1}))\nz_k = u_k + ")


def test_a_module_of_a_net_pickles_and_is_saved_and_traced() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(3, 3, np.tanh)), sf.tensor("x", (None, 3)))
    module, x = sf.to_torch(net, net.init(seed=0)), torch.ones(4, 3, dtype=torch.float64)
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and warns of sizes that it takes for constants
        traced = torch.jit.trace(module, (x,), check_trace=False)
    for again in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module), torch.load(file, weights_only=False), traced):
        assert torch.equal(again(x), module(x)) and torch.equal(again(x[:2]), module(x[:2]))
        assert [name for name, _ in again.named_parameters()] == ["W1", "W2", "b1", "b2"]


# ---------------------------------------------------------------- weights back into the module that they come from


class Tied(nn.Module):
    """Two names for one weight, a batch norm with statistics and a count, and a weight that nothing reads."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.norm, self.unread = nn.Linear(3, 3), nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(2, 2)
        self.second.weight = self.first.weight

    def forward(self, x: Any) -> Any:
        return self.second(self.norm(torch.tanh(self.first(x))))


def test_parameters_go_back_into_the_module() -> None:
    torch.manual_seed(0)
    module, x = Tied().eval(), torch.randn(4, 3)
    before = copy.deepcopy(module.state_dict())
    net, params = sf.from_torch(module, (x,))
    changed = {name: np.abs(array) + 0.5 for name, array in params.items()}
    state = sf.to_state_dict(changed, module)
    assert all(torch.equal(before[path], value) for path, value in module.state_dict().items())
    assert [*state] == [*before] and {path: value.dtype for path, value in state.items()} == {path: value.dtype for path, value in before.items()}
    module.load_state_dict(state)
    assert_close({"y": module(x).detach().numpy()}, {"y": net(changed, x.numpy())}, 1e-5)
    assert module.second.weight is module.first.weight and torch.equal(module.unread.weight, before["unread.weight"])
    assert torch.equal(module.first.weight, torch.from_numpy(changed["first_weight"]).float())


@pytest.mark.parametrize(
    "params, error, message",
    [
        ({"W1": np.zeros((3, 3))}, KeyError, r"the module has no parameter 'W1' \(its parameters: first_bias, first_weight"),
        ({"first_weight": np.zeros((3, 2))}, ShapeError, r"parameter 'first\.weight' has shape \(3, 3\), got \(3, 2\)"),
    ],
)
def test_parameters_of_another_module_are_refused(params: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        sf.to_state_dict(params, Tied())


def test_two_weights_of_one_name_are_refused() -> None:
    module = nn.ModuleDict({"a_b": nn.Linear(1, 1), "a": nn.ModuleDict({"b": nn.Linear(1, 1)})})
    with pytest.raises(InvalidValue, match=r"'a_b\.weight' and 'a\.b\.weight' of the module are both 'a_b_weight'"):
        sf.to_state_dict({"a_b_weight": np.zeros((1, 1))}, module)
    with pytest.raises(InvalidType, match=r"is not a torch\.nn\.Module"):
        sf.to_state_dict({}, {})


class Moves(nn.Module):
    """A table that is put where it is already, as transformers' CTRL does."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("table", torch.tensor([1.0, 2.0], dtype=dtype))

    def forward(self, x: Any) -> Any:
        self.table = self.table.to(device=x.device, dtype=x.dtype)
        return x * self.table


def test_a_buffer_that_is_put_in_its_own_place_does_not_change() -> None:
    net, params = sf.from_torch(Moves(torch.float64), (torch.ones(3, 2, dtype=torch.float64),))
    np.testing.assert_array_equal(net(params, np.ones((3, 2))), [[1.0, 2.0]] * 3)
    with pytest.raises(InvalidValue, match="the module changes table in place"):
        sf.from_torch(Moves(torch.float32), (torch.ones(3, 2, dtype=torch.float64),))


IN_PLACE: dict[str, tuple[Any, bool]] = {
    "a chain on a new value": (lambda x: torch.relu_((x * 2).add_(x)).mul_(3), True),
    "read again, as changed": (lambda x: (lambda a: a.add_(1) * a)(x * 2), False),
    "read before it changes": (lambda x: (lambda a: (a.sum(), a.add_(1).relu_())[1] + a)(x * 2), False),
    "through a view": (lambda x: (lambda a: (a[0].add_(1).mul_(2), a)[1])(x * 2), False),
    "a view of a chain": (lambda x: (lambda a: (a.add_(1)[0].relu_(), a)[1])(x * 2), False),
    "with a sum of itself": (lambda x: (lambda a: a.mul_(a.sum()).relu_())(x + 2), False),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_changes_in_place_are_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, plain = IN_PLACE[name]
    x = torch.linspace(-1, 1, 9, dtype=torch.float64).reshape(3, 3)
    if plain:  # PyTorch rewrites nothing, which takes it longer than all else
        monkeypatch.delattr(torch.export.ExportedProgram, "run_decompositions")
    net, params = sf.from_torch(Wrap(lambda self, x: function(x)), (x,))
    np.testing.assert_allclose(net(params, **{net.inputs[0].op.name: x.numpy()}), function(x).numpy(), rtol=1e-14)
