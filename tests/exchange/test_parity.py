"""The layers and mappers of the zoo against PyTorch's modules, parameters copied over: values and all gradients.

Needs the extra `torch`; skipped, with the reason, where it is missing. In float64 to 1e-10, against PyTorch's float32 to 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from oracles import weighted_squares

import symfold as sf
from symfold.frontend.named_layers import weight_name

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from torch import nn  # noqa: E402

Get = Callable[[str], Any]
TIMES, BATCH, INPUTS, HIDDEN = 5, 2, 3, 4
WIDTH, HEADS, WIDER = 8, 2, 12


@dataclass(frozen=True)
class Parity:
    """A module of PyTorch's, a net that should be the same, and how its parameters are copied.

    `copied(get, too)` gives the net's parameters from the module's: `get` reads one, `too` one that is added to another. Of the
    gradients, `get` reads one and `too` gives nothing: what is added to another has the other's gradient.
    """

    module: Callable[[], Any]
    net: Callable[[], sf.Net]
    copied: Callable[[Get, Get], Mapping[str, Any]]
    shape: tuple[int, ...]
    call: Callable[..., Any] = lambda module, value: module(value)


def weights(layer: str, **values: Any) -> dict[str, Any]:
    """Weights by the names that they have as those of a layer."""
    return {weight_name(prefix, layer): value for prefix, value in values.items()}


# ---------------------------------------------------------------- recurrent nets


def gate(name: str, inputs: int, activation: Callable[..., Any] = lambda value: value) -> sf.Layer:
    """A layer of the state and the input."""
    return sf.layer(name, lambda h, u, U, W, b: activation(np.dot(h, U) + np.dot(u, W) + b), U=(HIDDEN, HIDDEN), W=(inputs, HIDDEN), b=(HIDDEN,))


def affine(name: str, inputs: int) -> sf.Layer:
    return sf.layer(name, lambda u, W, b: np.dot(u, W) + b, W=(inputs, HIDDEN), b=(HIDDEN,))


def cell(kind: str, tag: str, inputs: int) -> Any:
    if kind == "RNN":
        return sf.mappers.elman(gate(f"g{tag}", inputs, np.tanh))
    if kind == "LSTM":
        return sf.mappers.lstm(*(gate(f"{letter}{tag}", inputs) for letter in "ifog"))
    return sf.mappers.gru_reset_after(gate(f"z{tag}", inputs), gate(f"r{tag}", inputs), affine(f"n{tag}", HIDDEN), affine(f"m{tag}", inputs))


def recurrent_net(kind: str, layers: int, both: bool) -> sf.Net:
    """Layers over time, each one way or both ways."""
    sequence: Any = sf.tensor("u", (TIMES, BATCH, INPUTS))
    start: Any = np.zeros((BATCH, HIDDEN))
    for number in range(layers):
        inputs = INPUTS if number == 0 else HIDDEN * (1 + both)
        ahead, back = (cell(kind, f"_{way}{'xy'[number]}", inputs) for way in "ab")
        if kind == "LSTM":
            ways = [sf.scan(ahead, sequence, (start, start))[0], sf.Net.of(sf.reverse(sf.scan(back, sf.reverse(sequence), (start, start))[0]))]
            sequence = np.concatenate(ways, axis=-1) if both else ways[0]
        else:
            sequence = sf.mappers.bidirectional(ahead, back, sequence, start) if both else sf.scan(ahead, sequence, start)
    return sf.Net.of(sequence)


def recurrent(kind: str, layers: int = 1, both: bool = False) -> Parity:
    letters = {"RNN": "g", "LSTM": "ifgo", "GRU": "rzn"}[kind]  # the gates in PyTorch's order

    def copied(get: Get, too: Get) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for number in range(layers):
            for way, suffix in [("a", ""), ("b", "_reverse")][: 1 + both]:
                end, tag = f"l{number}{suffix}", f"_{way}{'xy'[number]}"
                for place, letter in enumerate(letters):
                    part = slice(place * HIDDEN, (place + 1) * HIDDEN)
                    U, W, bias = get(f"weight_hh_{end}")[part].T, get(f"weight_ih_{end}")[part].T, get(f"bias_ih_{end}")[part]
                    if letter == "n":  # the reset gate stands between the two
                        found |= weights(f"n{tag}", W=U, b=get(f"bias_hh_{end}")[part]) | weights(f"m{tag}", W=W, b=bias)
                    else:
                        found |= weights(f"{letter}{tag}", U=U, W=W, b=bias + too(f"bias_hh_{end}")[part])
        return found

    return Parity(
        lambda: getattr(nn, kind)(INPUTS, HIDDEN, layers, bidirectional=both),
        lambda: recurrent_net(kind, layers, both),
        copied,
        (TIMES, BATCH, INPUTS),
        lambda module, u: module(u)[0],
    )


# ---------------------------------------------------------------- transformers


def heads(weight: Any) -> Any:
    """A matrix that PyTorch applies from the right, transposed, its columns by heads."""
    return weight.T.reshape(WIDTH, HEADS, WIDTH // HEADS).swapaxes(0, 1)


def attention_weights(layer: str, get: Get, path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for place, letter in enumerate("QKV"):
        part = slice(place * WIDTH, (place + 1) * WIDTH)
        found |= weights(layer, **{letter: heads(get(f"{path}in_proj_weight")[part]), f"b{letter.lower()}": get(f"{path}in_proj_bias")[part].reshape(HEADS, 1, -1)})
    return found | weights(layer, O=get(f"{path}out_proj.weight").T.reshape(HEADS, -1, WIDTH), bo=get(f"{path}out_proj.bias")[None])


def transformer_weights(get: Get, too: Get) -> dict[str, Any]:
    return {
        **attention_weights("a", get, "self_attn."),
        **weights("m", W=get("linear1.weight").T, b=get("linear1.bias")[None], U=get("linear2.weight").T, c=get("linear2.bias")[None]),
        **weights("p", gain=get("norm1.weight"), shift=get("norm1.bias")),
        **weights("q", gain=get("norm2.weight"), shift=get("norm2.bias")),
    }


def transformer(norm_first: bool) -> Parity:
    mapper = sf.mappers.pre_norm if norm_first else sf.mappers.post_norm

    def net() -> sf.Net:
        item = (
            sf.layer("p", sf.layer_norm(WIDTH)), sf.layer("a", sf.attention(WIDTH, HEADS)),
            sf.layer("q", sf.layer_norm(WIDTH)), sf.layer("m", sf.perceptron(WIDTH, WIDER)),
        )  # fmt: skip
        return sf.fold(mapper, [item], sf.tensor("x", (None, TIMES, WIDTH)))

    return Parity(
        lambda: nn.TransformerEncoderLayer(WIDTH, HEADS, WIDER, dropout=0.0, batch_first=True, norm_first=norm_first),
        net, transformer_weights, (BATCH, TIMES, WIDTH),
    )  # fmt: skip


def attention(causal: bool) -> Parity:
    mask = nn.Transformer.generate_square_subsequent_mask(TIMES, dtype=torch.float64) if causal else None
    return Parity(
        lambda: nn.MultiheadAttention(WIDTH, HEADS, batch_first=True),
        lambda: sf.Net.of(sf.layer("a", sf.attention(WIDTH, HEADS, causal=causal))(sf.tensor("x", (None, TIMES, WIDTH)))),
        lambda get, too: attention_weights("a", get),
        (BATCH, TIMES, WIDTH),
        lambda module, x: module(x, x, x, attn_mask=None if mask is None else mask.to(x.dtype), need_weights=False)[0],
    )


# ---------------------------------------------------------------- images and norms


def of_kind(module: Callable[[], Any], kind: Callable[[], Any], copied: Callable[[Get, Get], Mapping[str, Any]], shape: tuple[int, ...]) -> Parity:
    return Parity(module, lambda: sf.Net.of(sf.layer("f", kind())(sf.tensor("x", (None, *shape[1:])))), copied, shape)


def batch_norm(module: Any, shape: tuple[int, ...]) -> Parity:
    """The training form, whose statistics are those of the batch."""
    axes = len(shape) - 2
    tall = (3, *(1,) * axes)
    copied = lambda get, too: weights("f", gain=get("weight").reshape(tall), shift=get("bias").reshape(tall))  # noqa: E731
    return of_kind(lambda: module(3), lambda: sf.batch_norm(3, axes=axes), copied, shape)


def convolution(**options: Any) -> Parity:
    return of_kind(
        lambda: nn.Conv2d(3, 4, 3, **{"padding": 1, **options}),
        lambda: sf.convolution(3, 4, 3, **options),
        lambda get, too: weights("f", W=get("weight"), b=get("bias").reshape(-1, 1, 1)),
        (BATCH, 3, 7, 6),
    )


PARITIES = {
    "RNN": recurrent("RNN"),
    "RNN, two layers": recurrent("RNN", 2),
    "RNN, both ways": recurrent("RNN", both=True),
    "RNN, two layers both ways": recurrent("RNN", 2, both=True),
    "GRU": recurrent("GRU"),
    "GRU, two layers": recurrent("GRU", 2),
    "GRU, both ways": recurrent("GRU", both=True),
    "GRU, two layers both ways": recurrent("GRU", 2, both=True),
    "LSTM": recurrent("LSTM"),
    "LSTM, two layers": recurrent("LSTM", 2),
    "LSTM, both ways": recurrent("LSTM", both=True),
    "LSTM, two layers both ways": recurrent("LSTM", 2, both=True),
    "MultiheadAttention": attention(causal=False),
    "MultiheadAttention, causal": attention(causal=True),
    "TransformerEncoderLayer, norm last": transformer(norm_first=False),
    "TransformerEncoderLayer, norm first": transformer(norm_first=True),
    "Conv2d": convolution(),
    "Conv2d, strides": convolution(stride=2),
    "Conv2d, no padding": convolution(padding=0),
    "LayerNorm": of_kind(lambda: nn.LayerNorm(WIDTH), lambda: sf.layer_norm(WIDTH), lambda get, too: weights("f", gain=get("weight"), shift=get("bias")), (BATCH, TIMES, WIDTH)),
    "BatchNorm2d": batch_norm(nn.BatchNorm2d, (4, 3, 5, 6)),
    "BatchNorm1d, rows": batch_norm(nn.BatchNorm1d, (4, 3)),
    "BatchNorm1d, sequences": batch_norm(nn.BatchNorm1d, (4, 3, 5)),
}
NORMS = pytest.mark.parametrize(("norm", "shape"), [(nn.BatchNorm2d, (4, 3, 5, 6)), (nn.BatchNorm1d, (4, 3)), (nn.BatchNorm1d, (4, 3, 5))])


def randomised(module: Any) -> Any:
    """Nothing left at 0 or 1, where a wrong order would not show."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=parameter.dtype) / 2)
    return module


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-10), ("float32", 1e-6)])
@pytest.mark.parametrize("name", PARITIES)
def test_it_has_pytorchs_values_and_gradients(name: str, dtype: str, tolerance: float) -> None:
    parity = PARITIES[name]
    module = randomised(parity.module().to(torch.float64)).to(getattr(torch, dtype))
    value = torch.as_tensor(np.random.default_rng(1).normal(size=parity.shape)).to(getattr(torch, dtype)).requires_grad_()
    result = parity.call(module, value)
    (result * result).sum().backward()

    held = dict(module.named_parameters())
    params = parity.copied(lambda key: held[key].detach().double().numpy(), lambda key: held[key].detach().double().numpy())
    slopes = dict(parity.copied(lambda key: held[key].grad.double().numpy(), lambda key: np.zeros(tuple(held[key].shape))))
    net = parity.net()
    assert {node.op.name: tuple(node.shape) for node in net.params} == {key: np.shape(one) for key, one in params.items()}
    source = net.inputs[0].op.name

    given = {source: value.detach().double().numpy()}
    wanted = result.detach().double().numpy()
    np.testing.assert_allclose(net.compile("numpy")(params, **given), wanted, rtol=0, atol=tolerance * max(1.0, np.abs(wanted).max()))

    _, gradient = sf.value_and_grad(weighted_squares(net), wrt=[source, *params]).compile("numpy")(params, **given)
    slopes[source] = value.grad.double().numpy()
    assert set(gradient) == set(slopes)
    # one measure for all: the slope of a key's bias is 0, and PyTorch's float32 gives what is left of the others' rounding
    largest = max(1.0, *(np.abs(one).max() for one in slopes.values()))
    for key, slope in slopes.items():
        np.testing.assert_allclose(gradient[key], slope, rtol=0, atol=tolerance * largest, err_msg=key)


@NORMS
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-10), ("float32", 1e-6)])
def test_a_kept_batch_norm_is_pytorchs_evaluated(norm: Any, shape: tuple[int, ...], dtype: str, tolerance: float) -> None:
    """With the running averages of a few batches: values, and the gradients of all that PyTorch gives one."""
    module, random = randomised(norm(3)).to(getattr(torch, dtype)), np.random.default_rng(2)
    for _ in range(3):
        module(torch.as_tensor(random.normal(1.0, 2.0, size=shape)).to(getattr(torch, dtype)))
    value = torch.as_tensor(random.normal(size=(1, *shape[1:]))).to(getattr(torch, dtype)).requires_grad_()
    result = module.eval()(value)
    (result * result).sum().backward()

    own = {"gain": module.weight, "shift": module.bias, "mean": module.running_mean, "variance": module.running_var}
    tall = (3, *(1,) * (len(shape) - 2))
    params = weights("f", **{name: one.detach().double().numpy().reshape(tall) for name, one in own.items()})
    net = sf.Net.of(sf.layer("f", sf.batch_norm(3, axes=len(shape) - 2, kept=True))(sf.tensor("x", (None, *shape[1:]))))
    sample, wanted = value.detach().double().numpy(), result.detach().double().numpy()
    np.testing.assert_allclose(net.compile("numpy")(params, x=sample), wanted, rtol=0, atol=tolerance * np.abs(wanted).max())
    _, gradient = sf.value_and_grad(weighted_squares(net), wrt=["x", "gain_f", "shift_f"]).compile("numpy")(params, x=sample)
    for name, one in {"x": value, **{f"{key}_f": own[key] for key in ("gain", "shift")}}.items():
        slope = one.grad.double().numpy().reshape(gradient[name].shape)
        np.testing.assert_allclose(gradient[name], slope, rtol=0, atol=tolerance * np.abs(slope).max(), err_msg=name)


@NORMS
def test_kept_statistics_are_pytorchs_averages_of_the_data(norm: Any, shape: tuple[int, ...]) -> None:
    """A cumulative average over one batch, which holds all the data; PyTorch's variance is that of a sample, n/(n - 1) times ours."""
    data = np.random.default_rng(3).normal(1.0, 2.0, size=shape)
    module = norm(3, momentum=None).to(torch.float64)
    module(torch.as_tensor(data))
    net = sf.Net.of(sf.layer("f", sf.batch_norm(3, axes=len(shape) - 2))(sf.tensor("x", (None, *shape[1:]))))
    kept, params = sf.keep_statistics(net, net.init(), {"x": data})
    assert kept == sf.Net.of(sf.layer("f", sf.batch_norm(3, axes=len(shape) - 2, kept=True))(sf.tensor("x", (None, *shape[1:]))))
    count = data.size // 3
    np.testing.assert_allclose(params["mean_f"].ravel(), module.running_mean.numpy(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(params["variance_f"].ravel() * count / (count - 1), module.running_var.numpy(), rtol=0, atol=1e-10)
