"""Sinking: steps compute elementwise operations on what they emit, and every value stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from oracles import assert_close, weighted_squares

import symfold as sf
from symfold.base.trees import flatten
from symfold.core.folds import Fold
from symfold.core.nodes import Node, is_elementwise, walk
from symfold.core.sequences import reverse
from symfold.training.step.training_step import training_step
from symfold.transform.inlining import inlined
from symfold.transform.passes import sinking

W, V, Z = sf.tensor("W", (5, 3, 3)), sf.tensor("V", (5, 3, 3)), sf.tensor("z", (3, 3))


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sinking, "SMALL", 0)
    monkeypatch.setattr(sinking, "CACHED", 0)
    yield


def products(name: str) -> Node:
    return sf.scan(lambda z, w: z @ w, sf.tensor(name, (5, 3, 3)), Z).outputs[0]


def crossed() -> tuple[Node, ...]:
    """Two folds, each with a sum that reads what the other emits: both cannot be in steps."""
    a, b = products("W"), products("V")
    return a + b * 2, b + a * 3


def of_all_sums() -> tuple[Node, ...]:
    a = products("W")
    return a / sf.sqrt((a * a).sum()), a


LOSS = weighted_squares(sf.fold(sf.mappers.residual, sf.layers("f1:5", sf.dense(3, 3, sf.sigmoid)), Z))
STEPS = {"sgd": sf.sgd(0.1), "adam": sf.adam(0.1), "adamw": sf.adamw(0.1)}
NETS: dict[str, sf.Net] = {
    "forward": sf.Net.of(sf.sin(products("W") * 2 + V) * V),
    "backward": sf.Net.of(reverse(products("W")) * 2 + V),
    "both ways": sf.Net((reverse(products("W")) * 2 + V, products("W") - V)),
    "the sequence is wanted, too": sf.Net((products("W") * V, products("W"))),
    "rows for all steps": sf.Net.of(products("W") * sf.tensor("r", (3,)) + sf.tensor("k", (1, 3, 3))),
    "two folds": sf.Net(crossed()),
    "what needs all steps first": sf.Net(of_all_sums()),
    "an entry twice": sf.Net.of(np.maximum(products("W"), products("W") * products("W"))),
    **{name: sf.roll(training_step(LOSS, optimizer)) for name, optimizer in STEPS.items()},
}


def outside(roots: Any) -> int:
    """The elementwise operations on sequences of five matrices, outside of folds."""
    return sum(is_elementwise(node) and node.shape == (5, 3, 3) for node in walk(roots))


@pytest.mark.parametrize("name", NETS)
def test_values_stay(name: str) -> None:
    net = NETS[name]
    before = inlined(net.outputs)
    after = sf.Net(sinking.sunk(before), net.form, net.signature)
    random = np.random.default_rng(0)
    values = {node.op.name: random.uniform(0.5, 1.5, size=node.shape) for node in (*net.inputs, *net.params)}
    assert_close(dict(enumerate(flatten(after(**values))[0])), dict(enumerate(flatten(net(**values))[0])), 1e-12)
    assert outside(after.outputs) <= outside(before)


@pytest.mark.parametrize("name", ["forward", "backward", "the sequence is wanted, too", "an entry twice"])
def test_steps_compute_all_of_it(name: str) -> None:
    assert outside(inlined(NETS[name].outputs)) > 0 == outside(sinking.sunk(inlined(NETS[name].outputs)))


@pytest.mark.parametrize("name", STEPS)
def test_the_update_of_all_layers_is_in_the_backward_steps(name: str) -> None:
    roots = sinking.sunk(inlined(NETS[name].outputs))
    weights = [node for node in walk(roots) if is_elementwise(node) and node.shape == (4, 3, 3)]
    assert not weights and sum(isinstance(node.op, Fold) for node in walk(roots)) == 2


def test_what_fits_in_the_cache_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    roots = NETS["forward"].outputs
    assert sinking.sunk(roots) == roots
