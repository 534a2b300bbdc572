"""What is said of models read from PyTorch: names of activations, what was folded and what was not, sizes as others count them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import pytest

import symfold as sf

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from torch import nn  # noqa: E402
from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from examples import models  # noqa: E402

NAMED: dict[str, nn.Module] = {
    "relu6": nn.ReLU6(), "hardsigmoid": nn.Hardsigmoid(), "hardswish": nn.Hardswish(), "gelu": nn.GELU(), "gelu_tanh": nn.GELU(approximate="tanh"),
    "silu": nn.SiLU(), "mish": nn.Mish(), "softplus": nn.Softplus(), "sigmoid": nn.Sigmoid(), "tanh": nn.Tanh(),
}  # fmt: skip


def read(*parts: nn.Module, size: int = 3) -> sf.Net:
    """A chain of layers as a net."""
    return sf.from_torch(nn.Sequential(*parts).double().eval(), (torch.zeros(2, size, dtype=torch.float64),))[0]


def test_activations_print_by_name() -> None:
    net = read(*(part for activation in NAMED.values() for part in (nn.Linear(3, 3), activation)))
    expected = "input"
    for number, name in enumerate(NAMED):
        expected = f"{name}(linear{2 * number}({expected}))"
    assert str(net) == expected
    assert sf.paths(net).count == 1
    operations = [data["label"] for _, data in net.graph("primitive").nodes(data=True)]
    assert set(NAMED) <= set(operations)


# -- sizes, as others count them


def chain(*parts: nn.Module, shape: tuple[int, ...]) -> tuple[nn.Module, Any]:
    return nn.Sequential(*parts), (torch.zeros(shape, dtype=torch.float64),)


def recurrent(kind: type[nn.Module], **options: Any) -> tuple[nn.Module, Any]:
    return kind(4, 6, batch_first=True, **options), (torch.zeros(2, 5, 4, dtype=torch.float64),)


def encoder() -> tuple[nn.Module, Any]:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.TransformerEncoder(layer, 3, enable_nested_tensor=False), (torch.zeros(2, 5, 8, dtype=torch.float64),)


WITHOUT_ATTENTION: dict[str, Callable[[], Any]] = {
    "perceptron": lambda: chain(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4), shape=(5, 8)),
    "without biases": lambda: chain(nn.Linear(8, 16, bias=False), nn.Tanh(), nn.Linear(16, 4, bias=False), shape=(5, 8)),
    "over positions": lambda: chain(nn.Linear(8, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 4), shape=(2, 5, 8)),
    "words": lambda: (nn.Sequential(nn.Embedding(10, 6), nn.LayerNorm(6), nn.Linear(6, 3)), (torch.ones(2, 4, dtype=torch.int64),)),
    "convolutions": lambda: chain(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 4, 3), nn.Flatten(), nn.Linear(144, 5), shape=(2, 3, 16, 16)),
    "depthwise": lambda: chain(nn.Conv2d(6, 6, 3, groups=6, padding=1), nn.Hardswish(), nn.Conv2d(6, 12, 1), shape=(2, 6, 8, 8)),
    "grouped": lambda: chain(nn.Conv2d(8, 4, 3, groups=2, stride=2), nn.GroupNorm(2, 4), nn.SiLU(), shape=(1, 8, 9, 9)),
    "dilated": lambda: chain(nn.Conv1d(3, 5, 3, dilation=2), nn.ReLU(), nn.Conv1d(5, 2, 2), shape=(2, 3, 12)),
    "volumes": lambda: chain(nn.Conv3d(2, 3, 2), nn.ReLU(), nn.AvgPool3d(2), shape=(1, 2, 5, 5, 5)),
    "upsampling": lambda: chain(nn.Conv2d(3, 4, 3), nn.Upsample(scale_factor=2, mode="bilinear"), nn.AdaptiveAvgPool2d((5, 7)), nn.Conv2d(4, 2, 1), shape=(2, 3, 8, 8)),
    "LSTM": lambda: recurrent(nn.LSTM, num_layers=2),
    "GRU": lambda: recurrent(nn.GRU),
    "RNN of two directions": lambda: recurrent(nn.RNN, bidirectional=True),
    "MobileNetV2": models.mobilenet,
    "ResNet": models.resnet,
    "ConvNeXt": models.convnext,
}  # fmt: skip
OTHERS: dict[str, Callable[[], Any]] = {
    "transposed": lambda: chain(nn.ConvTranspose2d(3, 4, 2, stride=2), nn.ReLU(), shape=(2, 3, 6, 6)), "U-Net": models.unet,
    "encoder": encoder, "GPT-2": models.gpt2, "BERT": models.bert, "Llama": models.llama, "ViT": models.vit, "T5": models.t5,
    "Whisper": models.whisper, "Mamba": models.mamba, "two LSTMs": models.seq2seq,
}  # fmt: skip


def built(factory: Callable[[], Any]) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    if factory.__module__ == models.__name__ and factory not in (models.mobilenet, models.unet, models.seq2seq):
        pytest.importorskip("transformers", reason="the package transformers is not installed")
    torch.manual_seed(0)
    module, args, *kwargs = factory()
    return module.double().eval(), args, kwargs[0] if kwargs else {}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*WITHOUT_ATTENTION, *OTHERS])
def test_sizes_are_those_of_the_flop_counter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, args, kwargs = built({**WITHOUT_ATTENTION, **OTHERS}[name])
    summary = sf.from_torch(module, args, kwargs, dynamic_shapes={})[0].summary()
    assert summary.parameters == sum(weight.numel() for weight in module.parameters())
    monkeypatch.setattr(torch.backends.mha, "get_fastpath_enabled", lambda: False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        module(*args, **kwargs)
    assert 2 * summary.multiply_adds == counter.get_total_flops()


@pytest.mark.slow
@pytest.mark.parametrize("name", WITHOUT_ATTENTION)
def test_sizes_are_those_of_torchinfo_without_its_biases_and_norms(name: str) -> None:
    torchinfo = pytest.importorskip("torchinfo", reason="the package torchinfo is not installed")
    module, args, _ = built(WITHOUT_ATTENTION[name])
    info = torchinfo.summary(module, input_data=list(args), verbose=0, depth=9)
    summary = sf.from_torch(module, args, dynamic_shapes={})[0].summary()
    assert summary.parameters == info.total_params
    expected = 0
    for layer in info.summary_list:
        if layer.is_leaf_layer and "Norm" not in layer.class_name and layer.class_name != "Embedding":
            weights = [weight.numel() for weight in layer.module.parameters()]
            matrices = [weight.numel() for weight in layer.module.parameters() if weight.ndim > 1]
            positions = prod(layer.output_size[1:-1]) if layer.class_name == "Linear" else 1  # which torchinfo leaves out
            expected += layer.macs * positions * sum(matrices) // max(1, sum(weights))
    assert summary.multiply_adds == expected
    if name == "without biases":
        assert summary.multiply_adds == info.total_mult_adds


# -- what was folded and what was not


def test_buffers_are_said_apart() -> None:
    summary = read(nn.Linear(3, 4), nn.BatchNorm1d(4)).summary()
    assert (summary.parameters, summary.buffers) == (3 * 4 + 4 + 2 * 4, 2 * 4)
    assert "buffers, which training does not move: 8" in str(summary)


def test_the_first_block_of_t5_stays_apart_for_its_bias() -> None:
    pytest.importorskip("transformers", reason="the package transformers is not installed")
    repetition = sf.from_torch(*models.t5())[0].folds()
    assert [fold.count for fold in repetition.folds] == [3]
    assert str(repetition.apart[0]) == (
        "layer_norm0_0 apart from layer_norm1..3_0: a step has SelfAttention1..3_0, and there is none numbered 0"
    )


def test_the_first_block_of_a_stage_stays_apart_for_its_shape() -> None:
    pytest.importorskip("transformers", reason="the package transformers is not installed")
    net = sf.from_torch(*models.resnet())[0]
    assert [fold.count for fold in net.folds().folds] == [3, 2]
    assert [str(part) for part in net.folds().apart] == [
        "layer1_0 apart from layer1_1..2: layer1_0 reads (batch, 4, 8, 8), layer1_1 reads (batch, 6, 4, 4)"
    ]


def test_a_recurrent_module_is_a_fold_over_time() -> None:
    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.out = nn.LSTM(3, 3, batch_first=True), nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            return self.out(self.lstm(x)[0])

    net = sf.from_torch(Tagger().double().eval(), (torch.zeros(2, 5, 3, dtype=torch.float64),))[0]
    assert [(fold.count, len(fold.state), fold.emitted) for fold in net.folds().folds] == [(5, 2, 1)]
