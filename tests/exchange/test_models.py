"""Twenty-one models of different families by `sf.from_torch`: PyTorch's numbers and gradients, and their blocks in folds.

`python -m tests.coverage transformers` and `written` try all of them. Needs the extra `torch`; the models of
`transformers` are built from configurations.
"""

from __future__ import annotations

from importlib import import_module

import pytest

pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from tests.coverage.models import examine

# a model, and how many of its repeated modules are steps of folds
SAMPLE = {
    "architectures": {
        "GPT-2": 4, "Gemma 2": 4, "Mixtral": 4, "Mamba 2": 4, "BERT": 4, "MobileBERT": 4, "DeBERTa-v2": 3, "Whisper": 7, "wav2vec 2": 4, "SegFormer": 6, "CLIP": 8, "ViT": 4,
    },
    "written": {"U-Net": 0, "pre-activation ResNet": 4, "minGPT": 4, "KAN": 3, "S4 by a loop": 0, "message passing": 6, "neural ODE, Runge-Kutta": 0, "spatial transformer": 0, "branch by values": 0},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("family", "name"), [(family, name) for family, names in SAMPLE.items() for name in names])
def test_a_model_gives_the_numbers_and_gradients_of_torch(family: str, name: str) -> None:
    if family == "architectures":
        pytest.importorskip("transformers", reason="the package 'transformers' is not installed")
    found = examine(import_module(f"tests.coverage.{family}").MODELS[name])
    assert (found.reason, found.gradients) == ("", "equal")
    assert found.folded >= SAMPLE[family][name]
