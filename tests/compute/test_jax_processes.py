"""Data-parallel training: two devices, and two processes on 127.0.0.1, come to the parameters of one; and what a step communicates.

Needs the extra `jax`; skipped, with the reason, where it is missing. Runs `examples/data_parallel.py`, as docs/howto/scale.md does.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jax", reason="the extra 'jax' is not installed")

ROOT = Path(__file__).parents[2]
Ranks = list[tuple[list[str], dict[str, str]]]  # of each process, its options and its environment
ALONE: Ranks = [([], {})]
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


def by_hand(processes: int) -> Ranks:
    """Options and environment of each process, where somebody says who is who."""
    shared = ["--coordinator", f"127.0.0.1:{free_port(0)}", "--processes", str(processes)]
    return [([*shared, "--process", str(k)], {}) for k in range(processes)]


def by_slurm(processes: int) -> Ranks:
    """The same as `srun` starts them: JAX takes the port from the number of the job."""
    first = 2**16 - 2**12
    job = next(port for port in range(first + os.getpid() % 2**11, 2**16) if free_port(port)) - first
    shared = {"SLURM_JOB_ID": str(job), "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": str(processes)}
    return [(["--cluster"], {**shared, "SLURM_PROCID": str(k), "SLURM_LOCALID": str(k)}) for k in range(processes)]


def free_port(wanted: int) -> int:
    """A port that nobody listens on: the wanted one, 0 if it is taken; of 0, any."""
    with socket.socket() as listening:
        try:
            listening.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
        port: int = listening.getsockname()[1]
        return port


def trained(where: Path, ranks: Ranks, **environment: str) -> tuple[str, dict[str, np.ndarray]]:
    """What the example prints, and the parameters it comes to, run by these processes."""
    out = where / "params.npz"
    command = ("-W", "error", "examples/data_parallel.py", "--out", str(out))
    texts = printed(*(started(*command, *options, **{**own, **environment}) for options, own in ranks))
    with np.load(out) as params:
        return texts[0], {name: params[name] for name in params.files}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    text, params = trained(tmp_path_factory.mktemp("alone"), ALONE)
    assert "1 process(es), 1 device(s)" in text and "the last of 100" in text
    return params


@pytest.mark.parametrize(
    ("ranks", "environment", "said"),
    [
        (lambda: by_hand(2), {}, "2 process(es), 2 device(s)"),
        (lambda: by_slurm(2), {}, "2 process(es), 2 device(s)"),
        (lambda: ALONE, TWO_DEVICES, "1 process(es), 2 device(s)"),
    ],
    ids=["two processes", "two tasks of Slurm", "two devices"],
)
def test_the_parameters_after_100_steps_are_those_of_one_process(
    ranks: Callable[[], Ranks], environment: dict[str, str], said: str, alone: dict[str, np.ndarray], tmp_path: Path
) -> None:
    text, params = trained(tmp_path, ranks(), **environment)
    assert said in text and set(params) == set(alone)
    for name, value in alone.items():
        np.testing.assert_allclose(params[name], value, rtol=0, atol=1e-8)


COMMUNICATED = """
import numpy as np, symfold as sf
from symfold.compute.backends.jax.program import precision
from symfold.training.data.batches import Stack
from symfold.training.step.training_step import training_of, update_of

x, target = sf.tensor("x", (None, 8)), sf.tensor("target", (None, 8))
net = sf.fold(sf.mappers.residual, sf.layers("f1:6", sf.dense(8, 8, sf.sigmoid)), x)
for rows in (6, 5):
    stack = Stack(7, {"x": np.ones((7, rows, 8)), "target": np.ones((7, rows, 8))})
    training = training_of(update_of(sf.squared_error(net, target), net.init(0), sf.sgd(0.01)), "jax")
    function = training.function(stack)
    steps = training.steps(function, stack.count, False)
    with precision("float64"):
        inputs = tuple(training.spread(stack, leaf) for leaf in function.inputs)
        print("rows", rows, [shard.data.shape for shard in inputs[0].addressable_shards])
        print(steps.lower(training.held, inputs, None).compile().as_text())
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
