"""What is folded in models with loops, stages and branches, what is not, and why; with PyTorch's numbers.

Needs the extra `torch`.
"""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch", reason="the extra 'torch' is not installed")

import torch
from torch import nn

import symfold as sf
from tests.coverage.check import TOLERANCE, worst
from tests.coverage.models import tensors_of
from tests.coverage.written import MODELS, real


class Residual(nn.Module):
    """A block of a ResNet; the first one of a stage changes the width."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(before, after, 3, padding=1, stride=after // before), nn.Conv2d(after, after, 3, padding=1)
        self.down = nn.Conv2d(before, after, 1, stride=2) if after > before else nn.Identity()

    def forward(self, x: Any) -> Any:
        return torch.relu(self.down(x) + self.conv2(torch.relu(self.conv1(x))))


class Alternating(nn.Module):
    """Every second block looks at windows that are shifted, as in Swin."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(6, 6) for _ in range(6))

    def forward(self, x: Any) -> Any:
        for k, block in enumerate(self.blocks):
            shift = 2 * (k % 2)
            y = torch.roll(x, -shift, 1).unflatten(1, (2, 4))
            y = (torch.softmax(y @ y.mT, -1) @ y).flatten(1, 2)
            x = x + block(torch.roll(y, shift, 1))
        return x


def stages(*widths: int) -> nn.Sequential:
    """Three blocks for each width."""
    before = (widths[0], *widths)
    return nn.Sequential(*(nn.Sequential(Residual(a, b), Residual(b, b), Residual(b, b)) for a, b in zip(before, widths, strict=False)))


BUILT: dict[str, Any] = {
    "a ResNet": lambda: (stages(4, 8, 16), (real(1, 4, 8, 8),)), "a ResNet of one width": lambda: (stages(4, 4, 4), (real(1, 4, 8, 8),)),
    "shifted windows": lambda: (Alternating(), (real(2, 8, 6),)),
}  # fmt: skip

# the steps of each fold, outer ones first, and a reason why something stays apart
FOLDS: dict[str, tuple[list[int], str]] = {
    "a ResNet": ([3, 2, 2], ""),
    "a ResNet of one width": ([9], ""),
    "shifted windows": ([3], "they take turns in each step"),
    "universal transformer": ([4], ""), "GRU cell in a loop": ([5], ""), "LSTM gate by gate": ([5], ""), "selective scan": ([6], ""), "S4 by a loop": ([6], ""),
    "neural ODE, Euler": ([5], ""), "neural ODE, Runge-Kutta": ([4], ""), "diffusion steps": ([4], ""), "deep equilibrium": ([7], ""), "Hopfield net": ([4], ""),
    "RealNVP": ([4], ""), "reversible net": ([6], ""), "message passing": ([3], ""), "boosted nets": ([5], ""), "KAN": ([3], ""),
    "mixture of experts": ([3], "experts0_0, experts0_2 apart from experts1..3_0, experts1..3_2: the fold starts from what it gives"),
    "routed experts": ([], "experts1_0, experts1_2 apart from experts0_0, experts0_2: they stand side by side: neither reads what the other gives"),
    "WaveNet": ([], "filters1, gates1, skips1, residuals1 apart from filters0, gates0, skips0, residuals0: inside, convolution has dilation (2,) in filters1, (1,) in filters0"),
    "U-Net": ([], "first1 reads (1, 4, 12, 12), first0 reads (1, 1, 12, 12)"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FOLDS)
def test_the_folds_of_a_model_and_why_others_stay_apart(name: str) -> None:
    torch.manual_seed(0)
    module, inputs = (BUILT | MODELS)[name]()
    module = module.double().eval()
    net, params = sf.from_torch(module, tuple(inputs), dynamic_shapes={})
    found = net.folds()
    counts, reason = FOLDS[name]
    assert [fold.count for fold in found.folds] == counts
    assert reason in "\n".join(map(str, found.apart))
    values = dict(zip((node.op.name for node in net.inputs), (value.numpy() for value in inputs), strict=True))
    wanted = [value.detach().numpy() for value in tensors_of(module(*inputs))]
    given = net.compile("numpy")(params, **values)
    assert not worst(zip(given if isinstance(given, (tuple, list)) else [given], wanted, strict=True), TOLERANCE)
