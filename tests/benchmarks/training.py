"""One training step (loss, gradients, update) at the notebook's size: symfold against HIPS autograd."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np

import symfold as sf
from symfold.updates import Stepper, update_of

WIDTH, BATCH, DEPTH, RATE = 3, 10, 10, 1e-3


@dataclass(frozen=True)
class Task:
    """A net and the same loss in autograd's NumPy, from parameters and a batch by name."""

    name: str
    net: Callable[[], sf.Net]
    loss: Callable[[dict[str, Any], dict[str, Any]], Any]

    def steps(self) -> tuple[Callable[[], float], Callable[[], float]]:
        """The two steps to be timed, from the same parameters on the same batch."""
        net = self.net()
        loss = sf.squared_error(net, sf.tensor("target", (BATCH, WIDTH)))
        start = loss.init(seed=0)
        random = np.random.default_rng(0)
        batch = {
            node.op.name: random.normal(size=[size if isinstance(size, int) else BATCH for size in node.shape])
            for node in loss.inputs
        }
        stepper = Stepper(update_of(loss, start, sf.sgd(RATE)))
        params = {name: np.array(value) for name, value in start.items()}
        value_and_grad = autograd.value_and_grad(self.loss)

        def ours() -> float:
            value = stepper.loss_of(batch)
            stepper.commit()
            return value

        def theirs() -> float:
            value, gradient = value_and_grad(params, batch)
            for name in params:
                params[name] = params[name] - RATE * gradient[name]
            return float(value)

        for _ in range(3):
            np.testing.assert_allclose(ours(), theirs(), rtol=1e-10)
        return ours, theirs


def sigmoid(v: Any) -> Any:
    return 1 / (1 + anp.exp(-v))


def squares(z: Any, batch: dict[str, Any]) -> Any:
    return anp.sum((batch["target"] - z) ** 2)


def dense(p: dict[str, Any], k: int, z: Any) -> Any:
    return sigmoid(anp.dot(z, p[f"W{k}"]) + p[f"b{k}"])


X = sf.tensor("x", (None, WIDTH))
LAYERS = sf.layers(f"f1:{DEPTH + 1}", sf.dense(WIDTH, WIDTH, sf.sigmoid))


def residual(p: dict[str, Any], batch: dict[str, Any]) -> Any:
    z = batch["x"]
    for k in range(1, DEPTH + 1):
        z = z + dense(p, k, z)
    return squares(z, batch)


def boosting(p: dict[str, Any], batch: dict[str, Any]) -> Any:
    z = batch["x"]
    for k in range(1, DEPTH + 1):
        z = z + dense(p, k, batch["x"])
    return squares(z, batch)


def elman_net() -> sf.Net:
    square = (WIDTH, WIDTH)
    g = sf.layer("g", lambda h, u, W, V, b: np.tanh(np.dot(h, W) + np.dot(u, V) + b), W=square, V=square, b=(1, WIDTH))
    return sf.fold(lambda h, u: g(h, u), sf.tensor("u", (DEPTH, BATCH, WIDTH)), sf.tensor("h", (BATCH, WIDTH)))


def elman(p: dict[str, Any], batch: dict[str, Any]) -> Any:
    h = batch["h"]
    for k in range(DEPTH):
        h = anp.tanh(anp.dot(h, p["W_g"]) + anp.dot(batch["u"][k], p["V_g"]) + p["b_g"])
    return squares(h, batch)


def multiplicative_net() -> sf.Net:
    """z * f(z) with a layer as a user writes one."""
    layers = sf.layers(f"f1:{DEPTH + 1}", lambda z, W, c: 1 + 0.1 * np.tanh(np.dot(z, W)) * c, W=(WIDTH, WIDTH), c=(1, WIDTH))
    return sf.fold(lambda z, f: z * f(z), layers, X)


def multiplicative(p: dict[str, Any], batch: dict[str, Any]) -> Any:
    z = batch["x"]
    for k in range(1, DEPTH + 1):
        z = z * (1 + 0.1 * anp.tanh(anp.dot(z, p[f"W{k}"])) * p[f"c{k}"])
    return squares(z, batch)


TASKS = (
    Task("residual (the notebook's)", lambda: sf.fold(sf.mappers.residual, LAYERS, X), residual),
    Task("boosting", lambda: sf.fold(sf.mappers.boosting(X), LAYERS, X), boosting),
    Task("Elman", elman_net, elman),
    Task("z * f(z), user-written layers", multiplicative_net, multiplicative),
)
