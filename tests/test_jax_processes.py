"""Data-parallel training: two devices, and two processes on 127.0.0.1, come to the parameters of one; and what a step communicates.

Needs the extra `jax`; skipped, with the reason, where it is missing. Runs `examples/data_parallel.py`, as docs/scaling.md does.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jax", reason="the extra 'jax' is not installed")

ROOT = Path(__file__).parent.parent
TWO_DEVICES = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}


def started(*command: str, **environment: str) -> subprocess.Popen[str]:
    own = {**os.environ, "JAX_PLATFORMS": "cpu", **environment}
    return subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=own, cwd=ROOT)


def printed(*running: subprocess.Popen[str]) -> list[str]:
    """What processes print, which run side by side and end well; none is left behind."""
    try:
        texts = [process.communicate(timeout=240)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0] * len(running), "\n".join(texts)
    return texts


def trained(where: Path, processes: int = 1, **environment: str) -> tuple[str, dict[str, np.ndarray]]:
    """What the example prints, and the parameters it comes to, by so many processes."""
    out = where / "params.npz"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = ["examples/data_parallel.py", "--coordinator", f"127.0.0.1:{port}", "--processes", str(processes), "--out", str(out)]
    texts = printed(*(started("-W", "error", *shared, "--process", str(k), **environment) for k in range(processes)))
    with np.load(out) as params:
        return texts[0], {name: params[name] for name in params.files}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    text, params = trained(tmp_path_factory.mktemp("alone"))
    assert "1 process(es), 1 device(s)" in text and "the last of 100" in text
    return params


@pytest.mark.parametrize(("processes", "environment", "said"), [(2, {}, "2 process(es), 2 device(s)"), (1, TWO_DEVICES, "1 process(es), 2 device(s)")])
def test_the_parameters_after_100_steps_are_those_of_one_process(
    processes: int, environment: dict[str, str], said: str, alone: dict[str, np.ndarray], tmp_path: Path
) -> None:
    text, params = trained(tmp_path, processes, **environment)
    assert said in text and set(params) == set(alone)
    for name, value in alone.items():
        np.testing.assert_allclose(params[name], value, rtol=0, atol=1e-8)


COMMUNICATED = """
import numpy as np, symfold as sf
from symfold.backends.jax.program import precision
from symfold.batches import Stack
from symfold.updates import training_of, update_of

x, target = sf.tensor("x", (None, 8)), sf.tensor("target", (None, 8))
net = sf.fold(sf.mappers.residual, sf.layers("f1:6", sf.dense(8, 8, sf.sigmoid)), x)
for rows in (6, 5):
    stack = Stack(7, {"x": np.ones((7, rows, 8)), "target": np.ones((7, rows, 8))})
    training = training_of(update_of(sf.squared_error(net, target), net.init(0), sf.sgd(0.01)), "jax")
    function, steps = training.compiled(stack)
    with precision("float64"):
        inputs = tuple(training.spread(stack, leaf) for leaf in function.inputs)
        print("rows", rows, [shard.data.shape for shard in inputs[0].addressable_shards])
        print(steps.lower(*training.held, inputs).compile().as_text())
    print("parameters", net.init(0).flat.size)
"""


def test_a_step_adds_up_the_gradients_over_the_devices_and_communicates_nothing_else() -> None:
    """One all-reduce of as many numbers as there are parameters, and the loss; rows that cannot be dealt out evenly cost none."""
    (text,) = printed(started("-c", COMMUNICATED, **TWO_DEVICES))
    even, odd = text.split("rows 5 ")
    assert "rows 6 [(7, 3, 8), (7, 3, 8)]" in even and odd.startswith("[(7, 5, 8), (7, 5, 8)]")
    collective = re.compile(r" = (.*?) (all-reduce|all-gather|all-to-all|reduce-scatter|collective-permute)(?:-start)?\(")
    found = collective.findall(even)
    assert {operation for _, operation in found} == {"all-reduce"} and not collective.findall(odd)
    sizes = [int(np.prod([int(n) for n in shape.split(",") if n])) for types, _ in found for shape in re.findall(r"f64\[([\d,]*)\]", types)]
    assert sum(sizes) == 5 * (8 * 8 + 8) + 1
