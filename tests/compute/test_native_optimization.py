"""Native code after LLVM: few passes keep the numbers of a gradient, and a gradient takes no second exponential."""

from __future__ import annotations

import numpy as np
import pytest

import symfold as sf
from symfold.base.trees import flatten

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")

from symfold.compute.backends.native import optimization
from symfold.compute.backends.native.machine import target_machine
from symfold.compute.backends.native.module import module_of
from symfold.compute.backends.native.processors import processor
from symfold.compute.parameters import layout_of


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


def exponentials(net: sf.Net) -> int:
    """The exponentials in the optimized module of a net: each shifts a vector of exponents into its place."""
    shapes = {node.op.name: (4, 3) for node in net.inputs}
    module = module_of(net, shapes, layout_of(net), np.dtype(np.float64))
    return str(optimization.optimized(module.text, target_machine(processor()))).count(" = shl <")


@pytest.mark.parametrize("activation", [sf.sigmoid, sf.tanh], ids=["sigmoid", "tanh"])
def test_slopes_share_the_exponential_of_the_value(activation: object) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:6", sf.dense(3, 3, activation)), sf.tensor("x", (None, 3)))
    loss = sf.Net.of((net.outputs[0] ** 2).sum())
    assert exponentials(sf.value_and_grad(loss)) == exponentials(loss) > 0
