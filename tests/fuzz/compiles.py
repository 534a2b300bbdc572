"""Different nets compiled to machine code, one after the other, in one process.

Law: memory stays flat. What the process holds at the end is at most a tenth more than after a quarter of the nets.
"""

from __future__ import annotations

import gc
import math
import random
import time
from pathlib import Path

import numpy as np

import symfold as sf
from symfold.compute.backends.table import installed
from tests.fuzz.threads import empty_cache

GROWTH = 1.1
FUNCTIONS = (np.tanh, sf.sigmoid, sf.relu, np.sin, sf.softplus)


def resident() -> float:
    """Megabytes of memory of this process."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def compiled(seed: int) -> None:
    """Compile a net that no other seed has, compute it, and let go of it."""
    rng = random.Random(seed)
    first, second = rng.sample(FUNCTIONS, 2)
    factor, depth, width = rng.uniform(0.1, 0.9), rng.randrange(2, 6), rng.randrange(1, 6)
    layers = sf.layers(f"f1:{depth + 1}", sf.dense(width, width, first))
    net = sf.fold(lambda z, f: second(f(z) * factor) + z / (2 + seed), layers, sf.tensor("x", (None, width)))
    assert np.isfinite(net.compile(backend="native")(net.init(seed=0), x=np.ones((2, width)))).all()


def run(seconds: float, start: int, count: int) -> tuple[dict[str, dict[str, float]], bool]:
    """Compile nets and print what was found: the figures, and whether memory grows."""
    print(f"seed: {start}", flush=True)
    if "native" not in installed():
        print("the backend 'native' is not installed: pip install 'symfold[native]'")
        return {}, True
    begin, done, early = time.monotonic(), 0, math.inf
    quarter = max(1, count // 4)
    with empty_cache():
        while done < count and time.monotonic() - begin < (seconds or math.inf):
            compiled(start + done)
            done += 1
            if done == quarter:
                early = resident()
    late = resident()
    grows = late > GROWTH * early
    print(f"{done:,} nets compiled: {early:.0f} MB after {quarter:,} of them, {late:.0f} MB at the end{', which is no longer flat' if grows else ''}")
    figures = {"nets": done, "failures": grows, "most MB after a quarter": early, "most MB at the end": late, "seconds": time.monotonic() - begin}
    return {"compiles": figures} if done > quarter else {}, grows
