"""CasADi (Andersson et al. 2019): matrix graphs (MX), scalar graphs (SX), and both compiled as C by gcc."""

from __future__ import annotations

import contextlib
import tempfile
from functools import partial
from typing import Any

import numpy as np

from tests.benchmarks.nets import Maths
from tests.benchmarks.peers import Peer, residual_only
from tests.benchmarks.work import Runner, Work

COMPILER = {"flags": ["-O3", "-march=native", "-ffast-math"], "linker_flags": ["-lmvec", "-lm"]}


def train(work: Work, scalar: bool = False, compiled: bool = False) -> Runner:
    import casadi as ca

    kind, rows = (ca.SX if scalar else ca.MX), work.case.batch
    m = Maths(
        lambda z, W, b: z @ W + ca.repmat(b, rows, 1), lambda z, W: z @ W, lambda z: 1 / (1 + ca.exp(-z)), ca.tanh
    )
    shapes = [array.shape for part in work.tuples(lambda array: array) for array in part]
    flat = kind.sym("p", sum(rows * columns for rows, columns in shapes))
    leaves, start = [], 0
    for shape in shapes:
        leaves.append(ca.reshape(flat[start : start + shape[0] * shape[1]], *shape))
        start += shape[0] * shape[1]
    size = len(work.net.weights)
    inputs: dict[str, Any] = {name: kind(ca.DM(value)) for name, value in work.inputs.items() if value.ndim == 2}
    output = work.unrolled(m, [leaves[k : k + size] for k in range(0, len(leaves), size)], inputs)
    loss = ca.sumsqr(inputs["target"] - output)
    options = {"jit": True, "compiler": "shell", "jit_options": COMPILER} if compiled else {}
    # its compiler leaves files where the process stands
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        step = ca.Function("step", [flat], [flat - work.rate * ca.gradient(loss, flat), loss], options)

    # evaluated in place, without copies, through a buffer; matrices lie column by column
    params = np.concatenate([array.ravel(order="F") for part in work.tuples(lambda array: array) for array in part])
    after, value = np.empty_like(params), np.empty(1)
    buffer, call = step.buffer()
    buffer.set_arg(0, memoryview(params))
    buffer.set_res(0, memoryview(after))
    buffer.set_res(1, memoryview(value))

    def run(keep: Any = (step, buffer)) -> Any:
        call()
        params[:] = after
        return value[0]

    def now() -> dict[str, Any]:
        found, start = [], 0
        for shape in shapes:
            found.append(params[start : start + shape[0] * shape[1]].reshape(shape, order="F"))
            start += shape[0] * shape[1]
        return work.untupled([found[k : k + size] for k in range(0, len(found), size)])

    return Runner(run, now)


def scalars(work: Work, limit: float) -> str:
    """A scalar graph has a node for every multiplication of the step."""
    count = sum(work.net.product_counts(work.case.depth)) * work.case.batch * work.case.width**2
    return residual_only(work) or ("" if count < limit else f"{count:.0e} scalar products are too many for one program")


def short(work: Work) -> str:
    return residual_only(work) or ("" if work.case.depth <= 10 and work.case.width <= 32 else "its C compiles for over a minute")


ROWS = (
    Peer("casadi MX", ("casadi",), train, unfit=residual_only),
    Peer("casadi SX", ("casadi",), partial(train, scalar=True), unfit=partial(scalars, limit=1e6)),
    Peer("casadi MX as C", ("casadi",), partial(train, compiled=True), unfit=short),
    Peer("casadi SX as C", ("casadi",), partial(train, scalar=True, compiled=True), unfit=partial(scalars, limit=1e4)),
)
