"""The few passes of LLVM that large modules get keep the numbers of a gradient."""

from __future__ import annotations

import numpy as np
import pytest

import symfold as sf
from symfold.base.trees import flatten

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")

from symfold.compute.backends.native import optimization


def gradient() -> sf.Net:
    kinds = (("p", sf.layer_norm(4)), ("a", sf.attention(4, 2, causal=True)), ("q", sf.layer_norm(4)), ("m", sf.perceptron(4, 8)))
    blocks = list(zip(*(sf.layers(f"{name}1:3", kind) for name, kind in kinds), strict=True))
    net = sf.fold(sf.mappers.pre_norm, blocks, sf.tensor("x", (None, 5, 4)))
    return sf.value_and_grad(sf.losses.mean_squared_error(net, sf.tensor("target", (None, 5, 4))))


def test_few_passes_keep_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimization, "LARGE", 0)
    monkeypatch.setenv("SYMFOLD_CACHE", "")
    net, random = gradient(), np.random.default_rng(0)
    values = {node.op.name: random.normal(size=(3, 5, 4)) for node in net.inputs} | {
        node.op.name: random.normal(size=node.shape) for node in net.params
    }
    given, wanted = (flatten(run(**values))[0] for run in (net.compile("native"), net))
    scale = max(np.max(np.abs(part)) for part in wanted)
    for one, other in zip(given, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12 * scale)
