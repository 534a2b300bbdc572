"""A whole training, from the file of digits to 97 % of the test digits right: imports, reading, compiling, every epoch and its test.

The same net (64 pixels, two hidden layers of 64, relu, 10 classes), batches of 32, Adam at 1e-3, tested after every epoch.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parent.parent.parent / "examples" / "digits.csv"
GOAL, TESTED, EPOCHS, BATCH, RATE, HIDDEN = 0.97, 360, 200, 32, 1e-3, 64
CASES = ("97 % of the digits",)


def data() -> tuple[Any, Any, Any, Any]:
    """Pixels and digits to learn from, and to test with."""
    table = np.loadtxt(FILE, delimiter=",", skiprows=1)
    order = np.random.default_rng(0).permutation(len(table))
    pixels, digits = table[order, :64] / 16, table[order, 64].astype(int)
    return pixels[TESTED:], digits[TESTED:], pixels[:TESTED], digits[:TESTED]


def batches(count: int, epoch: int) -> list[Any]:
    order = np.random.default_rng(epoch).permutation(count)
    return [order[k : k + BATCH] for k in range(0, count, BATCH)]


def until_the_goal(train: Callable[[int], object], score: Callable[[], float]) -> tuple[int, float]:
    """The number of epochs, and the share that is right after the last."""
    for epoch in range(1, EPOCHS + 1):
        train(epoch)
        if (right := float(score())) >= GOAL:
            break
    return epoch, right


def ours() -> tuple[int, float]:
    import symfold as sf

    x, y, test_x, test_y = data()
    z = sf.tensor("x", (None, 64))
    for name, size, activation in (("f", 64, sf.relu), ("g", HIDDEN, sf.relu), ("h", HIDDEN, None)):
        z = sf.layer(name, sf.dense(size, 10 if name == "h" else HIDDEN, activation) if activation else sf.dense(size, 10))(z)
    net = sf.Net.of(z)
    loss = sf.losses.cross_entropy(net, sf.tensor("label", (None,)))
    right = 0.0

    def enough(epoch: Any) -> bool:
        nonlocal right
        right = epoch.validation["right"]
        return right >= GOAL

    done = sf.fit(
        loss, loss.init(seed=0, by="he"), {"x": x, "label": y}, optimizer=sf.adam(RATE), epochs=EPOCHS, batch_size=BATCH,
        validation={"x": test_x, "label": test_y}, metrics={"right": sf.metric(lambda true, guess: np.mean(true == guess), net, "label")},
        callbacks=enough, progress=False,
    )  # fmt: skip
    return len(done.history.ends), right


def compiled_now() -> tuple[int, float]:
    """From an empty cache of machine code."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SYMFOLD_CACHE"] = folder
        return ours()


def compiled_before() -> tuple[int, float]:
    """With the machine code that another process compiled and kept, which is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SYMFOLD_CACHE"] = folder
        subprocess.run([sys.executable, "-W", "ignore", "-c", "from tests.benchmarks import digits; digits.ours()"], check=True)
        return ours()


def by_sklearn() -> tuple[int, float]:
    from sklearn.neural_network import MLPClassifier

    x, y, test_x, test_y = data()
    model = MLPClassifier((HIDDEN, HIDDEN), alpha=0.0, batch_size=BATCH, learning_rate_init=RATE, random_state=0)
    return until_the_goal(lambda epoch: model.partial_fit(x, y, classes=range(10)), lambda: model.score(test_x, test_y))


def by_torch() -> tuple[int, float]:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x, y, test_x, test_y = map(torch.tensor, data())
    x, test_x = x.float(), test_x.float()
    net = nn.Sequential(nn.Linear(64, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10))
    optimizer = torch.optim.Adam(net.parameters(), RATE)

    def train(epoch: int) -> None:
        for rows in batches(len(x), epoch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()

    @torch.no_grad()
    def score() -> float:
        return float((net(test_x).argmax(1) == test_y).double().mean())

    return until_the_goal(train, score)


def by_flax() -> tuple[int, float]:
    import optax
    from flax import nnx

    x, y, test_x, test_y = data()
    rngs = nnx.Rngs(0)
    net = nnx.Sequential(nnx.Linear(64, HIDDEN, rngs=rngs), nnx.relu, nnx.Linear(HIDDEN, HIDDEN, rngs=rngs), nnx.relu, nnx.Linear(HIDDEN, 10, rngs=rngs))
    optimizer = nnx.Optimizer(net, optax.adam(RATE), wrt=nnx.Param)

    @nnx.jit
    def step(net: Any, optimizer: Any, x: Any, y: Any) -> None:
        def loss(net: Any) -> Any:
            return optax.softmax_cross_entropy_with_integer_labels(net(x), y).mean()

        optimizer.update(net, nnx.grad(loss)(net))

    forward = nnx.jit(lambda net, x: net(x))

    def train(epoch: int) -> None:
        for rows in batches(len(x), epoch):
            step(net, optimizer, x[rows], y[rows])

    return until_the_goal(train, lambda: float(np.mean(np.asarray(forward(net, test_x)).argmax(1) == test_y)))


ROWS: dict[str, Callable[[], tuple[int, float]]] = {
    "symfold fit": compiled_now,
    "symfold fit, compiled before": compiled_before,
    "scikit-learn": by_sklearn,
    "torch eager": by_torch,
    "flax": by_flax,
}


def timed(case: str, row: str) -> dict[str, Any]:
    """Seconds of CPU time, imports included: others on the machine do not count."""
    start = time.process_time()
    epochs, right = ROWS[row]()
    seconds = time.process_time() - start
    if right < GOAL:
        raise RuntimeError(f"{right:.1%} after {epochs} epochs")
    return {"seconds": seconds, "first": seconds, "losses": [], "note": f"{epochs} epochs"}
