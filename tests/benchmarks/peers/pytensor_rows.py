"""PyTensor, the successor of Theano: linked as C, and through numba."""

from __future__ import annotations

from functools import partial

from tests.benchmarks.nets import Maths
from tests.benchmarks.peers import Peer, residual_only
from tests.benchmarks.work import Runner, Work


def train(work: Work, mode: str) -> Runner:
    import pytensor
    import pytensor.tensor as pt

    width = work.case.width
    m = Maths(lambda z, W, b: pt.dot(z, W) + pt.specify_shape(b, (1, width)), pt.dot, pt.sigmoid, pt.tanh)
    params = work.tuples(pytensor.shared)
    flat = [value for part in params for value in part]
    inputs = {name: pt.constant(value) for name, value in work.inputs.items()}
    loss = pt.sum((inputs["target"] - work.unrolled(m, params, inputs)) ** 2)
    slope = pytensor.grad(loss, flat) if hasattr(pytensor, "grad") else pt.grad(loss, flat)
    step = pytensor.function([], loss, updates=[(p, p - work.rate * g) for p, g in zip(flat, slope, strict=True)], mode=mode)
    step.trust_input = True
    return Runner(step, lambda: work.untupled([[value.get_value() for value in part] for part in params]))


def shallow(work: Work) -> str:
    return residual_only(work) or ("" if work.case.depth <= 10 else "compiles for minutes at this depth")


ROWS = (
    Peer("pytensor C", ("pytensor",), partial(train, mode="CVM"), unfit=shallow),
    Peer("pytensor numba", ("pytensor", "numba"), partial(train, mode="NUMBA"), unfit=shallow),
)
