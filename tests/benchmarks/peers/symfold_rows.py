"""symfold: one row a backend, those that are there."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import symfold as sf
from symfold.compile import BACKENDS
from symfold.updates import Stepper
from tests.benchmarks.peers import Peer
from tests.benchmarks.work import Runner, Work

PACKAGES = {"numpy": "numpy", "native": "llvmlite", "jax": "jax"}


def loss_of(work: Work) -> sf.Net:
    return sf.squared_error(work.net.build(work.case), sf.tensor("target", (work.case.batch, work.case.width)))


def gradient(work: Work) -> dict[str, Any]:
    """The gradient of the loss, by letter, from the NumPy backend."""
    _, slope = sf.value_and_grad(loss_of(work)).compile("numpy")(work.named(work.params), **work.inputs)
    return work.stacked(slope)


def train(work: Work, backend: str) -> Runner:
    """What `fit` does a step: the batch handed over, loss, gradients and update, and the update taken."""
    stepper = Stepper(loss_of(work), work.named(work.params), sf.sgd(work.rate), backend=backend)
    batch = work.inputs

    def run() -> float:
        value = stepper.loss_of(batch)
        stepper.commit()
        return value

    return Runner(run, lambda: work.stacked(stepper.state))


def evaluate(work: Work, backend: str) -> Runner:
    net = work.net.build(work.case)
    compiled, params = net.compile(backend), net.init(seed=0)
    for name, value in work.named(work.params).items():
        params[name] = value
    inputs = {name: value for name, value in work.inputs.items() if name != "target"}
    return Runner(lambda: compiled(params, **inputs))


def packing(work: Work) -> Runner:
    """A plain dict of arrays taken over into the one buffer of a compiled net."""
    plain = {name: np.array(value) for name, value in work.named(work.params).items()}
    held = work.net.build(work.case).compile().params
    return Runner(lambda: held.load(plain))


ROWS = tuple(
    Peer(f"symfold {name}", (PACKAGES.get(name, name),), partial(train, backend=name), partial(evaluate, backend=name)) for name in BACKENDS
)
