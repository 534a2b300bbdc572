"""symfold: one row a backend, those that are there."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import symfold as sf
from symfold.compute.backends.stacks import Stack
from symfold.compute.backends.table import BACKENDS
from symfold.training.step.training_step import training_of, update_of
from tests.benchmarks.peers import Peer
from tests.benchmarks.work import Runner, Work, many


def needs(backend: str) -> tuple[str, ...]:
    package = BACKENDS[backend].package
    return (package,) if package else ()


def loss_of(work: Work) -> sf.Net:
    return sf.squared_error(work.net.build(work.case), sf.tensor("target", (work.case.batch, work.case.width)))


def gradient(work: Work) -> dict[str, Any]:
    """The gradient of the loss, by letter, from the NumPy backend."""
    _, slope = sf.value_and_grad(loss_of(work)).compile("numpy")(work.named(work.params), **work.inputs)
    return work.stacked(slope)


def train(work: Work, backend: str, fused: bool = False) -> Runner:
    """What `fit` does for one batch, or for many in one call: the batches handed over, loss, gradients and update."""
    steps = many(work) if fused else 1
    training = training_of(update_of(loss_of(work), work.named(work.params), sf.sgd(work.rate)), backend)
    stack = Stack(steps, {name: np.stack([value] * steps) for name, value in work.inputs.items()})
    return Runner(lambda: training.run(stack)[-1], lambda: work.stacked(training.state), steps)


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


ROWS = (
    *(Peer(f"symfold {name}", needs(name), partial(train, backend=name), partial(evaluate, backend=name)) for name in BACKENDS),
    *(Peer(f"symfold {name}, many steps", needs(name), partial(train, backend=name, fused=True)) for name, row in BACKENDS.items() if row.training),
)
