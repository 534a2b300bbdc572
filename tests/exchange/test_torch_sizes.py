"""Modules read for any batch size and any length of sequences: the same numbers and gradients as PyTorch at every size."""

from __future__ import annotations

import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles import assert_close, weighted_squares

import symfold as sf
from symfold.base.trees import flatten
from symfold.core.names import applied_layers, layer_shapes, names_of
from symfold.core.shapes import positive_integer, show
from symfold.errors import InvalidType, InvalidValue, ShapeError
from symfold.exchange.reading.naming import identifier

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812
from torch.utils._pytree import tree_leaves  # noqa: E402

from symfold.exchange.pytorch.export import export  # noqa: E402
from symfold.exchange.pytorch.ops import is_known  # noqa: E402
from symfold.exchange.pytorch.sizes import BATCH, guessed  # noqa: E402

R = np.random.default_rng(0)


class Attention(nn.Module):
    """Causal attention with a mask of the sequence's length, as in minGPT."""

    def __init__(self, width: int, heads: int, longest: int) -> None:
        super().__init__()
        self.qkv, self.out, self.heads = nn.Linear(width, 3 * width), nn.Linear(width, width), heads
        self.register_buffer("mask", torch.tril(torch.ones(longest, longest)))

    def forward(self, x: Any) -> Any:
        batch, length, width = x.shape
        q, k, v = (part.view(batch, length, self.heads, width // self.heads).transpose(1, 2) for part in self.qkv(x).split(width, dim=2))
        scores = (q @ k.transpose(-2, -1)) / (width // self.heads) ** 0.5
        weights = scores.masked_fill(self.mask[:length, :length] == 0, float("-inf")).softmax(dim=-1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(width), Attention(width, 2, 16), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, z: Any) -> Any:
        z = z + self.attention(self.norm1(z))
        return z + self.mlp(self.norm2(z))


class GPT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(20, 8), nn.Embedding(16, 8)
        self.blocks, self.norm = nn.ModuleList([Block(8) for _ in range(3)]), nn.LayerNorm(8)
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.words.weight

    def forward(self, ids: Any) -> Any:
        z = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        for block in self.blocks:
            z = block(z)
        return self.head(self.norm(z))


class BasicBlock(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        step = after // before
        self.conv1, self.bn1 = nn.Conv2d(before, after, 3, step, 1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.bn2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)
        self.skip = nn.Sequential(nn.Conv2d(before, after, 1, step, bias=False), nn.BatchNorm2d(after)) if step > 1 else nn.Identity()

    def forward(self, z: Any) -> Any:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(z))))) + self.skip(z))


def resnet() -> Any:
    blocks = [BasicBlock(4, 4), BasicBlock(4, 4), BasicBlock(4, 8), BasicBlock(8, 8)]
    return nn.Sequential(nn.Conv2d(3, 4, 3, 1, 1), nn.MaxPool2d(2), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))


class Sums(nn.Module):
    """Sizes in arithmetic: of the sequence, of the batch, of both; slices at their ends; reversal."""

    def forward(self, x: Any) -> Any:
        batch, length, width = x.shape
        places = torch.arange(length, dtype=x.dtype)
        causal = torch.triu(torch.ones(length, length, dtype=torch.bool), diagonal=1)
        scores = (x @ x.transpose(1, 2) / length**0.5).masked_fill(causal, -1e9).softmax(-1)
        rest = x[:, 1:] - x[:, :-1]
        flat = x.reshape(batch * length, width).mean(0).expand(batch, -1)
        return scores @ x, rest.sum(1), flat, x.mean(1) + x[:, -1], (x.flip(1) * places[:, None]).sum(1) / batch, x.var(1), x[:, -2:].amax(1)


def transformers_model(name: str, config: str, settings: dict[str, Any]) -> Any:
    package = pytest.importorskip("transformers", reason="the package 'transformers' is not installed")
    return getattr(package, name)(getattr(package, config)(**settings))


def ids(batch: int, length: int) -> Any:
    return R.integers(1, 20, (batch, length))


SMALL = {"vocab_size": 20, "bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
# name -> how it is built, an input for a batch and a length, what it is called with, the symbols of its input's shape
MODELS: dict[str, tuple[Callable[[], Any], Callable[[int, int], Any], dict[str, Any], str]] = {
    "MLP": (lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh()), lambda b, t: R.normal(size=(b, 3)), {}, "(batch, 3)"),
    "ResNet": (resnet, lambda b, t: R.normal(size=(b, 3, 16, 16)), {}, "(batch, 3, 16, 16)"),
    "GPT": (GPT, ids, {}, "(batch, sequence)"),
    "sums": (Sums, lambda b, t: R.normal(size=(b, t, 4)), {}, "(batch, sequence, 4)"),
    "encoder": (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 3, enable_nested_tensor=False), lambda b, t: R.normal(size=(b, t, 8)), {}, "(batch, sequence, 8)"),
    "GPT-2": (lambda: transformers_model("GPT2LMHeadModel", "GPT2Config", {**SMALL, "n_positions": 16, "n_embd": 12, "n_layer": 3, "n_head": 2}), ids, {"use_cache": False}, "(batch, sequence)"),
    "BERT": (
        lambda: transformers_model("BertModel", "BertConfig", {"vocab_size": 20, "hidden_size": 12, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 16}),
        ids, {}, "(batch, sequence)",
    ),
}  # fmt: skip
SIZES = [(1, 3), (2, 3), (2, 8), (5, 8)]
QUICK = ("GPT", "sums")
models = pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS])


def read(name: str, batch: int = 2, length: int = 5) -> tuple[Any, sf.Net, dict[str, Any]]:
    torch.manual_seed(0)
    make, value, options, _ = MODELS[name]
    module = make().double().eval()
    return module, *sf.from_torch(module, (torch.as_tensor(value(batch, length)),), options)


def results(module: Any, value: Any, options: dict[str, Any]) -> list[Any]:
    return [leaf for leaf in tree_leaves(module(torch.as_tensor(value), **options)) if isinstance(leaf, torch.Tensor)]


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(np.asarray(a), b, rtol=0, atol=1e-10 * max(1, np.abs(b).max()))


def listed(value: Any) -> list[Any]:
    return flatten(value)[0]


@models
def test_one_net_has_the_numbers_and_gradients_of_pytorch_at_every_size(name: str) -> None:
    module, net, params = read(name)
    _, value, options, shape = MODELS[name]
    assert show(net.inputs[0].shape) == shape
    compiled, gradients = net.compile("numpy"), sf.value_and_grad(weighted_squares(net)).compile("numpy")
    for batch, length in SIZES:
        x = value(batch, length)
        wanted = results(module, x, options)
        for a, b in zip(listed(compiled(params, x)), wanted, strict=True):
            close(a, b.detach().numpy())
        module.zero_grad()
        if params:
            sum((k + 1) * (leaf * leaf).sum() for k, leaf in enumerate(wanted)).backward()
            expected = {identifier(path): p.grad.numpy() for path, p in module.named_parameters() if p.grad is not None}
            found = gradients(params, x)[1]
            assert_close({key: found[key] for key in expected}, expected, 1e-10)


@models
def test_onnx_and_jax_take_every_size_too(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the package 'onnxruntime' is not installed")
    jax = pytest.importorskip("jax", reason="the extra 'jax' is not installed")
    module, net, params = read(name)
    _, value, options, shape = MODELS[name]
    sf.to_onnx(net, tmp_path / "net.onnx", params)
    session = runtime.InferenceSession(tmp_path / "net.onnx")
    (taken,) = session.get_inputs()
    assert f"({', '.join(map(str, taken.shape))})" == shape
    function = sf.to_jax(net)
    for batch, length in SIZES:
        x = value(batch, length)
        wanted = [leaf.detach().numpy() for leaf in results(module, x, options)]
        with jax.enable_x64(True):
            by_jax = listed(function(dict(params), x))
        for a, b, c in zip(session.run(None, {taken.name: x}), by_jax, wanted, strict=True):
            close(a, c)
            close(b, c)


@pytest.mark.parametrize("target", ["numpy", "torch"])
def test_code_to_paste_takes_every_size(target: str) -> None:
    module, net, params = read("GPT")
    _, value, options, _ = MODELS["GPT"]
    written: dict[str, Any] = {}
    exec(net.to_code(target), written)
    for batch, length in SIZES:
        x = value(batch, length)
        (wanted,) = results(module, x, options)
        close(np.asarray(written["net"](params, x)), wanted.detach().numpy())


@models
def test_weights_go_back_under_the_keys_of_the_module(name: str) -> None:
    module, net, params = read(name)
    _, value, options, _ = MODELS[name]
    halves = {key: array / 2 for key, array in params.items()}
    back = sf.to_torch(net, halves, like=module)
    assert back.state_dict().keys() == module.state_dict().keys()
    assert {key for key, _ in back.named_parameters()} == {key for key, _ in module.named_parameters()}
    module.load_state_dict(back.state_dict())
    x = value(3, 4)
    for a, b in zip(tree_leaves(back(torch.as_tensor(x))), results(module, x, options), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


def test_a_module_with_the_keys_of_another_shows_its_layers_and_survives_pickling() -> None:
    module, net, params = read("GPT")
    back = sf.to_torch(net, params, like=module)
    assert "(blocks): Layer(\n    (0): Layer(\n      (norm1): Layer(weight (8,), bias (8,))" in str(back)
    assert back.head.weight is back.words.weight
    again = pickle.loads(pickle.dumps(back))
    x = torch.as_tensor(ids(2, 3))
    torch.testing.assert_close(again(x), back(x))


def test_sizes_are_symbols_of_formulas_costs_and_files() -> None:
    module, net, _ = read("GPT")
    assert "z0 = words(ids) + places_weight[0:sequence]" in str(net)
    batch, sequence = positive_integer("batch"), positive_integer("sequence")
    fixed, _ = sf.from_torch(module, (torch.as_tensor(ids(2, 5)),), dynamic_shapes={})
    mask = sequence**2 + sequence  # of the sequence's length, computed; a constant in the other net
    assert (sf.cost(net).operations - mask).subs({batch: 2, sequence: 5}) == sf.cost(fixed).operations
    assert sf.paths(net).polynomial == sf.paths(fixed).polynomial
    assert sf.from_json(net.to_json()) == net == sf.roll(sf.unroll(net))


class Sides(nn.Module):
    def forward(self, x: Any, table: dict[str, Any]) -> Any:
        return x @ table["w"].T


@pytest.mark.parametrize(("marks", "shapes"), [
    (None, ["(batch, 3)", "(None, 3)"]), ({}, ["(4, 3)", "(5, 3)"]), ({"x": {0: "n"}}, ["(n, 3)", "(5, 3)"]),
    (({0: "n"}, {"w": {0: "m"}}), ["(n, 3)", "(m, 3)"]), ({"x": {0: torch.export.Dim("n")}, "table": {"w": {0: torch.export.Dim.AUTO}}}, ["(n, 3)", "(None, 3)"]),
    ({"x": {0: torch.export.Dim("n", max=7), 1: torch.export.Dim.STATIC}}, ["(n, 3)", "(5, 3)"]),
])  # fmt: skip
def test_sizes_have_the_names_of_their_marks(marks: Any, shapes: list[str]) -> None:
    net, _ = sf.from_torch(Sides(), (torch.ones(4, 3), {"w": torch.ones(5, 3)}), dynamic_shapes=marks)
    assert [show(node.shape) for node in net.inputs] == shapes


@pytest.mark.parametrize(("marks", "message"), [
    (3, "dynamic_shapes=3 is not a dict by argument"), ({"y": {0: "n"}}, "the module takes no 'y' here (it takes x, table)"),
    ({"x": {2: "n"}}, "dynamic_shapes of 'x': {2: 'n'} is not a dict by axis (from 0 to 1"), ([None] * 3, "dynamic_shapes has 3 entries, and 2 arguments"),
])  # fmt: skip
def test_marks_that_fit_nothing_are_refused(marks: Any, message: str) -> None:
    with pytest.raises((InvalidType, InvalidValue), match=re.escape(message)):
        sf.from_torch(Sides(), (torch.ones(4, 3), {"w": torch.ones(5, 3)}), dynamic_shapes=marks)


class Fixed(nn.Module):
    def forward(self, x: Any) -> Any:
        return torch.cat([x, torch.ones(4, 3, dtype=x.dtype)], 1)


def test_a_size_that_the_module_fixes_stays_a_number_unless_it_is_marked() -> None:
    assert sf.from_torch(Fixed(), torch.ones(4, 3))[0].inputs[0].shape == (4, 3)
    with pytest.raises(InvalidValue, match="Constraints violated"):
        sf.from_torch(Fixed(), torch.ones(4, 3), dynamic_shapes={"x": {0: "n"}})


def test_an_example_of_one_sample_is_read_for_any_number() -> None:
    net, params = sf.from_torch(nn.Linear(3, 2).double(), torch.ones(1, 3, dtype=torch.float64))
    assert show(net.inputs[0].shape) == "(batch, 3)" and net(params, np.ones((4, 3))).shape == (4, 2)


# -- values that depend on sizes only


@pytest.mark.parametrize(("function", "entry"), [
    (lambda x: torch.arange(x.shape[0])[None] <= torch.arange(x.shape[0])[:, None], "i0 >= i1"),
    (lambda x: torch.tril(torch.ones(x.shape[0], x.shape[0])) == 0, "i0 < i1"),
    (lambda x: torch.triu(torch.ones(x.shape[0], x.shape[0], dtype=torch.bool), 1).logical_not(), "i1 < i0 + 1"),
    (lambda x: torch.arange(x.shape[0]) >= 0, "True"), (lambda x: torch.arange(2, x.shape[0] + 2)[1:] * 3, "3*i0 + 9"),
    (lambda x: torch.tensor(x.shape[0]) * 2, "2*batch"), (lambda x: torch.arange(x.shape[0])[None].repeat(x.shape[0], 1), "i1"),
    (lambda x: torch.diff(torch.arange(x.shape[0]), prepend=x.new_full((1,), -1, dtype=torch.int64)), "1"),
    (lambda x: torch.zeros(x.shape[0], 2).masked_fill(torch.arange(x.shape[0])[:, None] > 1, 5.0), "Piecewise((5.0, i0 > 1), (0, True))"),
])  # fmt: skip
def test_entries_are_expressions_in_their_indices(function: Callable[[Any], Any], entry: str) -> None:
    class Adds(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.sum() + function(x)

    x = torch.ones(4, dtype=torch.float64)
    exported = export(Adds(), (x,), None, is_known, lambda *given: guessed(*given, (BATCH,)))
    assert str(list(exported.entries.values())[-1].entry) == entry
    net, _ = sf.from_torch(Adds(), (x,))
    for size in (2, 6):
        value = torch.ones(size, dtype=torch.float64)
        close(net(value.numpy()), Adds()(value).numpy())


# -- sizes that differ from the example's


class Of(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


@pytest.mark.parametrize("function", [
    lambda x: x[:, -x.shape[1]:] * torch.arange(16.0)[-x.shape[1]:, None], lambda x: x[:, :-1] - x[:, 1:],
    lambda x: torch.cat([torch.zeros(x.shape[0], 3, 4), x], 1)[:, -x.shape[1]:] * 2,
    lambda x: x * torch.arange(-1, 9)[None, -x.shape[1]:, None] * 3, lambda x: x[:, 1 - x.shape[1]] * 2, lambda x: x.narrow(1, -x.shape[1], 2) * 2,
    lambda x: torch.cat([x, 2 * x], 1).chunk(2, 1)[1] + x.argmax(1, keepdim=True), lambda x: F.conv1d(F.conv1d(x.mT, torch.ones(4, 4, 2).to(x), stride=2), torch.ones(4, 4, 2).to(x), stride=2),
])  # fmt: skip
def test_places_may_be_counted_from_the_end_by_sizes(function: Callable[[Any], Any]) -> None:
    net, _ = sf.from_torch(Of(function), (torch.ones(2, 6, 4),))
    assert show(net.inputs[0].shape) == "(batch, sequence, 4)"
    for batch, length in [(2, 6), (1, 4), (2, 5), (3, 7), (2, 9)]:
        x = R.normal(size=(batch, length, 4))
        close(net(x), function(torch.as_tensor(x)).numpy())


def test_a_slice_that_starts_before_the_first_entry_is_refused() -> None:
    net, _ = sf.from_torch(Of(lambda x: x[:, -3:].sum(1)), (torch.ones(2, 6, 4),))
    assert net(R.normal(size=(2, 3, 4))).shape == (2, 4)
    with pytest.raises(ShapeError, match=re.escape("the net does not take sequence = 2: sequence - 3 is negative")):
        net(R.normal(size=(2, 2, 4)))


BRANCHES = [
    (lambda x: x * 2 if x.shape[1] > 4 else x * 3, "(batch, 6, 4)"), (lambda x: x * 2 if x.shape[1] % 2 == 0 else x * 3, "(batch, 6, 4)"),
    (lambda x: x * 2 if x.shape[1] < 40 else x * 3, "(batch, 6, 4)"), (lambda x: x if x.shape[1] == 1 else x.cumsum(1) + 1, "(batch, 6, 4)"),
    (lambda x: x * 2 if x.shape[0] < x.shape[1] else x * 3, "(2, 6, 4)"), (lambda x: x * 2 if x.shape[0] + x.shape[1] > 7 else x * 3, "(2, 6, 4)"),
    (lambda x: x[:, -(x.shape[1] // 2):] * 2, "(batch, 6, 4)"),  # of one entry, all are read
    # what the branches say alike, or refuse, needs no fixed size
    (lambda x: x * 2 if x.shape[1] > 4 else x + x, "(batch, sequence, 4)"), (lambda x: x[:, :5].sum(1), "(batch, sequence, 4)"),
    (lambda x: x * torch.ones(16)[:x.shape[1], None], "(batch, sequence, 4)"), (lambda x: x.sum(1).squeeze(), "(batch, sequence, 4)"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "shape"), [each if place in (0, 5, 7) else pytest.param(*each, marks=pytest.mark.slow) for place, each in enumerate(BRANCHES)])
def test_a_size_by_which_the_module_chooses_is_that_of_the_example(function: Callable[[Any], Any], shape: str) -> None:
    net, _ = sf.from_torch(Of(function), (torch.ones(2, 6, 4),))
    assert show(net.inputs[0].shape) == shape


def test_a_size_that_is_marked_and_by_which_the_module_chooses_is_refused() -> None:
    module, x = Of(BRANCHES[0][0]), torch.ones(2, 6, 4)
    assert sf.from_torch(module, (x,), dynamic_shapes={"x": {0: "n"}})[0].inputs[0].shape[1:] == (6, 4)
    with pytest.raises(InvalidValue, match=re.escape("Of computes something else at m = 4 than at the sizes of the example")):
        sf.from_torch(module, (x,), dynamic_shapes={"x": {0: "n", 1: "m"}})


def test_numbers_of_another_module_differ() -> None:
    from symfold.exchange.pytorch.agreement import difference
    from symfold.exchange.pytorch.sizes import Sizes

    module, other, x = nn.Linear(3, 2).eval(), nn.Linear(3, 2).eval(), torch.ones(4, 3)
    net, params = sf.from_torch(module, (x,))
    assert difference(net, params, module, (x,), None, Sizes()) == ""
    assert difference(net, params, other, (x,), None, Sizes()) == difference(net, params, other.train(), (x,), None, Sizes()) == "batch = 4"
    # running it would change its buffers
    assert difference(net, params, nn.Sequential(other, nn.BatchNorm1d(2)).train(), (x,), None, Sizes()) == ""


@pytest.mark.parametrize("start", ["", "inner."], ids=["numbers first", "words first"])
def test_code_to_paste_takes_the_state_dict_of_the_module(start: str) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()
    if start:
        module = torch.nn.Sequential(OrderedDict(inner=module))
    x = torch.linspace(-1, 1, 15, dtype=torch.float64).reshape(5, 3)
    net, params = sf.from_torch(module, (x,))
    written: dict[str, Any] = {}
    exec(net.to_code("torch"), written)
    for given in (module.state_dict(), params):
        close(written["net"](given, x).detach().numpy(), module(x).detach().numpy())


def test_an_example_of_one_entry_that_a_module_takes_for_known_stays_one() -> None:
    class Reads(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.unfold(1, 2, 2).reshape(len(x), -1)  # PyTorch knows the size after `unfold` and `len`

    x = torch.arange(6.0, dtype=torch.float64)[None]
    net, _ = sf.from_torch(Reads(), (x,))
    assert net.inputs[0].shape == (1, 6)
    close(net(x.numpy()), Reads()(x).numpy())


def test_a_swap_leaves_the_other_layers_as_they_are() -> None:
    """So the series of both nets have the same terms for them, and these cancel in the difference."""
    _, net, _ = read("GPT")
    first, second = sorted(name for names, _, _ in layer_shapes(net.outputs) for name in names if re.fullmatch(r"norm\w*_?[01]", name))[:2]
    swapped = sf.swap(net, first, second)
    kept = [{(names_of(args[0])[0], op) for op, args in applied_layers(each.outputs) if names_of(args[0])[0] in ("head", "words")} for each in (net, swapped)]
    assert kept[0] == kept[1] and kept[0]
    assert sf.commutator(net, first, second, order=1).leading is None
