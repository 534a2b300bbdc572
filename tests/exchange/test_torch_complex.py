"""Complex tensors and Fourier transforms read from PyTorch: the numbers of PyTorch's own FFT, at several sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.core.shapes import show

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from torch import fft, nn  # noqa: E402

R = np.random.default_rng(0)


class Of(nn.Module):
    """A function as a module, with a table of complex numbers."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        self.register_buffer("turns", torch.polar(torch.ones(9, 2, dtype=torch.float64), torch.outer(torch.arange(9.0), torch.tensor([1.0, 0.1])).double()))

    def forward(self, x: Any) -> Any:
        return self.function(x, self.turns)


def pairs(x: Any) -> Any:
    return torch.view_as_complex(x.reshape(*x.shape[:-1], 2, 2))


FUNCTIONS = {
    "of two axes": lambda x, t: fft.fftn(x, dim=(1, 2)).real, "imaginary part": lambda x, t: fft.fft2(x).imag,
    "half and back": lambda x, t: fft.irfft(fft.rfft(x, dim=1) * 2, n=x.shape[1], dim=1), "orthonormal": lambda x, t: fft.irfft(fft.rfft(x, norm="ortho"), norm="ortho"),
    "low frequencies": lambda x, t: fft.irfft2(fft.rfft2(x)[..., :2], s=(x.shape[1], 4)), "convolution": lambda x, t: fft.ifft(fft.fft(x) * fft.fft(x.flip(2))).real,
    "causal convolution": lambda x, t: fft.irfft(fft.rfft(x, n=2 * x.shape[1], dim=1) * fft.rfft(x[:1], n=2 * x.shape[1], dim=1), n=2 * x.shape[1], dim=1)[:, : x.shape[1]],
    "fewer numbers": lambda x, t: fft.fft(x, n=3).abs(), "more numbers": lambda x, t: fft.rfft(x, n=9).angle(), "odd": lambda x, t: fft.irfft(fft.rfft(x, n=5), n=5),
    "conjugate": lambda x, t: torch.view_as_real(fft.rfftn(x, norm="forward").conj().resolve_conj()), "quotient": lambda x, t: (fft.fft(x) / (2 + fft.fft(x))).real,
    "exponential": lambda x, t: fft.ifftn(torch.exp(1j * x)).imag, "weights": lambda x, t: torch.einsum("bik,kd->bid", fft.rfft(x)[..., :2], t[:2]).imag,
    "rotary positions": lambda x, t: torch.view_as_real(pairs(x) * t[: x.shape[1]]).flatten(2), "product": lambda x, t: (pairs(x) @ t[:2]).abs() - (fft.fft(x, dim=1) - 1).imag.mean(2, keepdim=True),
}  # fmt: skip


QUICK = ("of two axes", "causal convolution", "rotary positions")


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FUNCTIONS])
def test_complex_tensors_have_the_numbers_of_pytorch_at_every_size(name: str) -> None:
    module, example = Of(FUNCTIONS[name]), torch.tensor(R.normal(size=(2, 5, 4)))
    net, params = sf.from_torch(module, (example,))
    assert show(net.inputs[0].shape) == "(batch, sequence, 4)"
    for size in [(2, 5, 4), (3, 8, 4), (1, 3, 4)]:
        x = R.normal(size=size)
        np.testing.assert_allclose(net(params, x), module(torch.tensor(x)).numpy(), rtol=0, atol=1e-10)


def test_gradients_flow_through_a_fourier_transform() -> None:
    module, x = Of(FUNCTIONS["causal convolution"]), R.normal(size=(2, 5, 4))
    net, params = sf.from_torch(module, (torch.tensor(x),))
    leaf = torch.tensor(x, requires_grad=True)
    (module(leaf) ** 2).sum().backward()
    slopes = sf.grad(sf.Net.of((net.outputs[0] ** 2).sum()), wrt=[net.inputs[0].op.name])(params, x)
    np.testing.assert_allclose(slopes[net.inputs[0].op.name], leaf.grad.numpy(), rtol=0, atol=1e-10)
