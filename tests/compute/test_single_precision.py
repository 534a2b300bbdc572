"""Single precision: a program in float32 holds float32 numbers throughout, half the memory, with the accuracy of float32.

The oracle is a loop in NumPy over arrays of float32, and the program in float64.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from cases import CASES, WIDTH
from oracles import arrays_of, weighted_squares

import symfold as sf

EPSILON = float(np.finfo(np.float32).eps)
BACKENDS = ["numpy", *(name for name, package in (("native", "llvmlite"), ("jax", "jax")) if find_spec(package))]
NET = sf.fold(sf.mappers.residual, sf.layers("f1:6", sf.dense(WIDTH, WIDTH, sf.tanh)), sf.tensor("x", (None, WIDTH)))
LOSS = sf.losses.squared_error(NET, sf.tensor("target", (None, WIDTH)))
DATA = {name: np.random.default_rng(seed).normal(size=(7, WIDTH)) for seed, name in enumerate(("x", "target"))}


def steps_by_hand(params: Any, x: Any, target: Any, rate: Any, count: int) -> list[Any]:
    """The losses of gradient steps through a residual net, as a loop over float32 arrays."""
    single = {name: np.asarray(value, np.float32) for name, value in params.items()}
    x, target, rate = np.float32(x), np.float32(target), np.float32(rate)
    losses = []
    for _ in range(count):
        states, slopes = [x], []
        for k in range(1, 6):
            inner = np.tanh(states[-1] @ single[f"W{k}"] + single[f"b{k}"])
            slopes.append(1 - inner**2)
            states.append(inner + states[-1])
        bar = 2 * (states[-1] - target)
        losses.append(np.sum((target - states[-1]) ** 2))
        for k in range(5, 0, -1):
            inside = bar * slopes[k - 1]
            bar = bar + inside @ single[f"W{k}"].T
            single[f"W{k}"] = single[f"W{k}"] - rate * (states[k - 1].T @ inside)
            single[f"b{k}"] = single[f"b{k}"] - rate * inside.sum(axis=0, keepdims=True)
    assert {value.dtype for value in single.values()} == {np.dtype(np.float32)}
    return [losses, single]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_training_in_float32_is_the_loop_in_float32(backend: str) -> None:
    params = LOSS.init(0)
    done = sf.fit(LOSS, params, DATA, optimizer=sf.sgd(0.002), epochs=20, backend=backend, dtype="float32")
    losses, single = steps_by_hand(params, DATA["x"], DATA["target"], 0.002, 20)
    np.testing.assert_allclose(done.history.loss, losses, rtol=32 * EPSILON)
    for name, value in done.params.items():
        np.testing.assert_allclose(value, single[name], atol=32 * EPSILON)
        np.testing.assert_array_equal(value, value.astype(np.float32))  # given as float64, and numbers of float32
    double = sf.fit(LOSS, params, DATA, optimizer=sf.sgd(0.002), epochs=20, backend=backend).history.loss
    assert 0 < np.max(np.abs(np.divide(done.history.loss, double) - 1)) < 32 * EPSILON


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_computed_in_float32_is_float32(backend: str) -> None:
    value, gradient = sf.value_and_grad(LOSS).compile(backend, "float32")(LOSS.init(0), **DATA)
    assert {array.dtype for array in (value, *gradient.values())} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if "scan" in name or "LSTM" in name else pytest.mark.slow) for name in CASES])
def test_no_array_is_wider(name: str) -> None:
    """Of a gradient's program: constants, states, parameters; whole numbers are positions."""
    values = CASES[name].values(10)
    both = sf.value_and_grad(weighted_squares(CASES[name].build(10)), wrt=list(values))
    compiled = both.compile("numpy", "float32")
    single, double = compiled({}, **values), both.compile("numpy")({}, **values)
    program = compiled.program({node.op.name: np.shape(values[node.op.name]) for node in both.inputs})
    assert {array.dtype.str for array in arrays_of(program) if array.dtype.kind != "i"} == {"<f4"}
    for found, wanted in zip([single[0], *single[1].values()], [double[0], *double[1].values()], strict=True):
        assert np.max(np.abs(found - wanted), initial=0.0) <= 64 * EPSILON * max(np.max(np.abs(wanted), initial=0.0), 1.0)


def test_memory_halves() -> None:
    both = sf.value_and_grad(LOSS)
    held = []
    for dtype in ("float64", "float32"):
        compiled = both.compile("numpy", dtype)
        held.append(sum(array.nbytes for array in arrays_of(compiled.program({name: array.shape for name, array in DATA.items()}))))
        assert compiled.params.flat.dtype == dtype
    assert held[1] * 2 == held[0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_numbers_too_large_become_infinite_without_a_warning(backend: str) -> None:
    net = sf.Net.of(sf.parameter("w") * sf.tensor("x"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert net.compile(backend, "float32")({"w": 1e39}, x=2.0) == np.inf == net.compile(backend, "float32")({"w": 2.0}, x=1e39)


@pytest.mark.slow
def test_products_in_float32_are_faster() -> None:
    """In processor time of one thread, in turn; the target is that they are no slower, and half is typical."""
    program = """
import time
import numpy as np
import symfold as sf

width = 256
net = sf.fold(sf.mappers.residual, sf.layers("f1:21", sf.dense(width, width, sf.tanh)), sf.tensor("x", (None, width)))
params, x = net.init(0), np.random.default_rng(0).normal(size=(512, width))
compiled = {dtype: net.compile("numpy", dtype) for dtype in ("float64", "float32")}
times = {dtype: [] for dtype in compiled}
for _ in range(8):
    for dtype, run in compiled.items():
        start = time.process_time()
        run(params, x=x)
        times[dtype].append(time.process_time() - start)
print(min(times["float32"][1:]) < min(times["float64"][1:]))
"""
    alone = os.environ | dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    result = subprocess.run([sys.executable, "-c", program], env=alone, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "True"
