"""What is said of models read from PyTorch: names of activations, what was folded and what was not, sizes as others count them."""

from __future__ import annotations

import pytest

import symfold as sf

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from torch import nn  # noqa: E402

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
