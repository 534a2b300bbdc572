"""Processes that are killed while they write: models, checkpoints, nets, pictures and reports.

Each process writes an old and a new version of every file in turn, until SIGKILL ends it at a random moment. Law: under each name
there is the old or the new version, whole. What a killed process leaves behind has a name of its own.
"""

from __future__ import annotations

import math
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import symfold as sf
from symfold.apps.command.options import write
from symfold.apps.data import Scale
from symfold.apps.regression import Model
from symfold.apps.saved import save_model
from symfold.apps.table_nets import Shape
from symfold.training.loop.checkpoints import Snapshot, identity
from symfold.training.loop.checkpoints import write as write_checkpoint

LONGEST = 0.2  # seconds until a process is killed

X = sf.tensor("x")
NETS = [sf.Net.of(sf.fold(mapper, sf.layers("f1:9"), X)) for mapper in (sf.mappers.residual, sf.mappers.boosting(X))]


def model(version: int) -> Model:
    """A model whose file has about a megabyte."""
    shape = Shape("residual", 8, 128, "tanh", tuple(f"c{k}" for k in range(128)), "y")
    params = {leaf.op.name: np.full(leaf.shape, version + 0.5) for leaf in shape.net().params}
    return Model(shape, params, Scale(np.ones(128), np.ones(128)), Scale(np.ones(1), np.ones(1)), np.array([0, 2]), np.array([1]))


def checkpoint(version: int) -> Snapshot:
    """A checkpoint of a megabyte."""
    return Snapshot(identity(NETS[0]), {}, {"state": np.full(1 << 17, version + 0.5)}, 1)


def writers() -> dict[str, list[Callable[[Path], object]]]:
    """By file name, how each of two versions is written."""
    models = [model(version) for version in range(2)]
    reports = [sf.compare(*nets).to_html() for nets in (NETS, NETS[::-1])]
    return {
        "model.safetensors": [lambda path, value=value: save_model(path, value) for value in models],
        "epoch-000001.safetensors": [lambda path, value=value: write_checkpoint(path.parent, value) for value in map(checkpoint, range(2))],
        "net.json": [lambda path, net=net: write(net.to_json(), str(path)) for net in NETS],
        "net.graphml": [lambda path, net=net: sf.export.save(net, path) for net in NETS],
        "net.svg": [lambda path, net=net: net.draw(path) for net in NETS],
        "report.html": [lambda path, text=text: write(text, str(path)) for text in reports],
    }


def killed(folder: Path, jobs: dict[str, list[Callable[[Path], object]]], seed: int) -> None:
    """Run a process that writes every file again and again, and kill it at a random moment."""
    rng = random.Random(seed)
    wait, largest = rng.uniform(0, LONGEST), next(iter(jobs))
    child = os.fork()
    if child == 0:
        try:
            while True:
                name = rng.choice([*jobs, *[largest] * 9])  # so that kills come while a file is open
                rng.choice(jobs[name])(folder / name)
        finally:
            os._exit(1)
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
        raise AssertionError("the process ended by itself: it could not write")


def run(seconds: float, start: int, count: int) -> tuple[dict[str, dict[str, float]], bool]:
    """Kill processes and print what was found: the figures, and whether a file is damaged."""
    print(f"seed: {start}; files: {', '.join(jobs := writers())}", flush=True)
    begin, kills, unfinished, damaged = time.monotonic(), 0, 0, 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        versions: dict[str, set[bytes]] = {}
        for name, (old, new) in jobs.items():
            new(folder / name)
            versions[name] = {(folder / name).read_bytes()}
            old(folder / name)
            versions[name].add((folder / name).read_bytes())
        while kills < count and time.monotonic() - begin < (seconds or math.inf):
            killed(folder, jobs, start + kills)
            kills += 1
            for name, whole in versions.items():
                if (folder / name).read_bytes() not in whole:
                    damaged += 1
                    print(f"broken: {name} is damaged\nseed: {start + kills - 1}", flush=True)
                    jobs[name][0](folder / name)
            for path in set(folder.iterdir()) - {folder / name for name in jobs}:
                unfinished += 1
                path.unlink()
    print(f"{kills:,} processes killed, {unfinished:,} of them in the middle of a file; {damaged:,} files damaged")
    figures = {"kills": kills, "unfinished": unfinished, "failures": damaged, "seconds": time.monotonic() - begin}
    return {"kills": figures}, damaged > 0
