"""HIPS autograd (Maclaurin et al. 2015): the notebook's own tool; its evaluation is plain NumPy."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.nets import Maths
from tests.benchmarks.peers import Peer
from tests.benchmarks.work import Runner, Work


def maths(np: Any) -> Maths:
    return Maths(lambda z, W, b: np.dot(z, W) + b, np.dot, lambda z: 1 / (1 + np.exp(-z)), np.tanh)


def train(work: Work) -> Runner:
    import autograd.numpy as anp
    from autograd import value_and_grad

    m, inputs, rate = maths(anp), work.inputs, work.rate
    params = work.tuples(lambda array: array)

    def loss(params: Any) -> Any:
        return anp.sum((inputs["target"] - work.unrolled(m, params, inputs)) ** 2)

    both = value_and_grad(loss)

    def run() -> Any:
        nonlocal params
        value, slope = both(params)
        params = [tuple(p - rate * g for p, g in zip(ps, gs, strict=True)) for ps, gs in zip(params, slope, strict=True)]
        return value

    return Runner(run, lambda: work.untupled(params))


def evaluate(work: Work) -> Runner:
    import numpy as np

    m, params = maths(np), work.tuples(lambda array: array)
    return Runner(lambda: work.unrolled(m, params, work.inputs))


ROWS = (Peer("autograd", ("autograd",), train, evaluate),)
