"""One call through the public API of each library, from NumPy arrays to NumPy arrays: the residual net of width 3, batch 10.

A call evaluates the net, or gives the loss with its gradient by every parameter. What is computed takes 1 to 30 us, so what is
measured is mostly the way in and out.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import symfold as sf
from tests.benchmarks.models import residual

Call = Callable[[], Any]
CASES = {f"{task}, depth {depth}": (task, depth) for task in ("evaluation", "loss and gradient") for depth in (10, 200)}


def nets(task: str, depth: int) -> tuple[sf.Net, Any, dict[str, Any]]:
    model = residual(3, 10, depth)
    if task == "evaluation":
        net = sf.fold(sf.mappers.residual, sf.layers(f"f1:{depth + 1}", sf.dense(3, 3, sf.sigmoid)), sf.tensor("x", (10, 3)))
        return net, model.params, {"x": model.data["x"]}
    return sf.value_and_grad(model.loss), model.params, model.data


def ours(task: str, depth: int, backend: str, plain: bool = False, kernel: bool = False, read: bool = False) -> Call:
    if read and task == "evaluation":
        raise NotImplementedError("an evaluation has no gradients")
    net, params, data = nets(task, depth)
    compiled = net.compile(backend)
    if plain:
        params = {name: np.array(array) for name, array in params.items()}

    def all_read() -> Any:
        loss, slopes = compiled(params, **data)
        return loss, *slopes.values()

    if read:
        return all_read
    if not kernel:
        return lambda: compiled(params, **data)
    result, run = compiled(params, **data), compiled.program({name: array.shape for name, array in data.items()}).run

    def only() -> Any:
        run()
        return result

    return only


def by_jax(task: str, depth: int) -> Call:
    import jax

    jax.config.update("jax_enable_x64", True)
    model = residual(3, 10, depth)
    params = {name: np.array(array) for name, array in model.params.items()}

    def output(params: Any, x: Any) -> Any:
        for k in range(1, depth + 1):
            x = x + jax.nn.sigmoid(x @ params[f"W{k}"] + params[f"b{k}"])
        return x

    def loss(params: Any, x: Any, target: Any) -> Any:
        return ((output(params, x) - target) ** 2).mean()

    if task == "evaluation":
        forward = jax.jit(output)
        return lambda: np.asarray(forward(params, model.data["x"]))
    both = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(both(params, **model.data))


def by_casadi(task: str, depth: int) -> Call:
    import casadi as ca

    model = residual(3, 10, depth)
    symbols = [ca.MX.sym(name, *array.shape) for name, array in model.params.items()]
    by_name = dict(zip(model.params, symbols, strict=True))
    x, target = ca.MX.sym("x", 10, 3), ca.MX.sym("target", 10, 3)
    z = x
    for k in range(1, depth + 1):
        z = z + 1 / (1 + ca.exp(-(z @ by_name[f"W{k}"] + ca.repmat(by_name[f"b{k}"], 10, 1))))
    arrays = [np.array(array) for array in model.params.values()]
    if task == "evaluation":
        function = ca.Function("f", [*symbols, x], [z])
        return lambda: np.asarray(function(*arrays, model.data["x"]))
    loss = ca.sumsqr(z - target) / 30
    slopes = [ca.gradient(loss, symbol) for symbol in symbols]
    function = ca.Function("f", [*symbols, x, target], [loss, *slopes])
    return lambda: function(*arrays, model.data["x"], model.data["target"])


def by_onnx(task: str, depth: int) -> Call:
    """Weights are part of its model, so a call passes `x` alone."""
    import onnxruntime

    if task != "evaluation":
        raise NotImplementedError("its models have no gradients")
    net, params, data = nets(task, depth)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        sf.to_onnx(net, path, params)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, data)[0]


ROWS: dict[str, Callable[[str, int], Call]] = {
    "symfold native": lambda task, depth: ours(task, depth, "native"),
    "symfold native, its code alone": lambda task, depth: ours(task, depth, "native", kernel=True),
    "symfold native, a plain dict": lambda task, depth: ours(task, depth, "native", plain=True),
    "symfold native, all gradients read": lambda task, depth: ours(task, depth, "native", read=True),
    "symfold numpy": lambda task, depth: ours(task, depth, "numpy"),
    "symfold numpy, its code alone": lambda task, depth: ours(task, depth, "numpy", kernel=True),
    "symfold numpy, a plain dict": lambda task, depth: ours(task, depth, "numpy", plain=True),
    "jax.jit": by_jax,
    "casadi": by_casadi,
    "onnxruntime": by_onnx,
}


def timed(case: str, row: str, span: float, rounds: int) -> dict[str, Any]:
    """Seconds of CPU time per call, the least of some rounds: what interrupts a call is not part of it."""
    task, depth = CASES[case]
    start = time.perf_counter()
    call = ROWS[row](task, depth)
    result = call()
    first = time.perf_counter() - start
    value = float(np.sum(np.asarray(result))) if task == "evaluation" else float(result[0])
    once, repeats = 0.0, 1
    while once < span / 4:
        repeats *= 2
        once = spent(call, repeats)
    repeats = max(1, round(repeats * span / once))
    return {"seconds": min(spent(call, repeats) for _ in range(rounds)) / repeats, "first": first, "losses": [value]}


def spent(call: Call, repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        call()
    return time.process_time() - start
