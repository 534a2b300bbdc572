"""The nets of the GPU table: in symfold, and a layer of each by hand in JAX and PyTorch, over the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import symfold as sf
from symfold.mappers.images import convolution_block

Step = Callable[[Any, Any, Any, Any], Any]  # of a library, the state, the weights of a layer, an entry of the sequence


@dataclass(frozen=True)
class Problem:
    """A loss with its numbers, and one step of it by hand.

    `names` are those of a layer's weights, in the order in which a step reads them; `depth` is None if all steps share
    them and read a sequence "u" instead.
    """

    loss: sf.Net
    params: dict[str, Any]
    data: dict[str, Any]
    names: Sequence[str]
    depth: int | None
    in_jax: Step
    in_torch: Step
    state: tuple[str, ...] = ("x",)
    unrolled: bool = True  # whether JAX compiles all steps, one after another, in reasonable time

    def weights(self, layer: int) -> list[Any]:
        return [self.params[name if self.depth is None else f"{name}{layer + 1}"] for name in self.names]

    def stacked(self) -> list[Any]:
        """The weights of all layers, stacked; those of a recurrent net once."""
        return self.weights(0) if self.depth is None else [np.stack(part) for part in zip(*map(self.weights, range(self.depth)), strict=True)]


def problem(net: sf.Net, shapes: dict[str, tuple[int, ...]], in_jax: Step, in_torch: Step, **facts: Any) -> Problem:
    random = np.random.default_rng(0)
    target = shapes.get("x") or shapes["h"]
    loss = sf.Net.of(sf.losses.mean_squared_error(net, sf.tensor("target", target)))
    params = {name: np.asarray(value, np.float32) for name, value in net.init(seed=0).items()}
    data = {name: random.standard_normal(shape, dtype=np.float32) for name, shape in {**shapes, "target": target}.items()}
    names = facts.pop("names", None) or list(dict.fromkeys(node.op.name.rstrip("0123456789") for node in net.params))
    return Problem(loss, params, data, names, facts.pop("depth", None), in_jax, in_torch, **facts)


def residual(width: int, batch: int, depth: int) -> Problem:
    """z + sigmoid(z W + b)."""
    layers = sf.layers("f", sf.dense(width, width, sf.sigmoid), count=depth)
    net = sf.fold(sf.mappers.residual, layers, sf.tensor("x", (batch, width)))
    return problem(
        net, {"x": (batch, width)},
        lambda jax, z, w, u: z + jax.nn.sigmoid(z @ w[0] + w[1]),
        lambda torch, z, w, u: z + torch.sigmoid(torch.addmm(w[1], z, w[0])),
        depth=depth, unrolled=depth <= 64,
    )  # fmt: skip


def transformer(width: int, heads: int, steps: int, batch: int, depth: int) -> Problem:
    """Causal pre-norm blocks."""
    kinds = sf.layer_norm(width), sf.attention(width, heads, causal=True), sf.layer_norm(width), sf.perceptron(width, 4 * width)
    lists = [sf.layers(name, kind, count=depth) for name, kind in zip("paqm", kinds, strict=True)]
    net = sf.fold(sf.mappers.pre_norm, sf.zipped(*lists), sf.tensor("x", (batch, steps, width)))

    def in_jax(jax: Any, z: Any, w: Any, u: Any) -> Any:
        gain, shift, Q, K, V, bq, bk, bv, O, bo, gain2, shift2, W, b, U, c = w  # noqa: E741

        def norm(z: Any, gain: Any, shift: Any) -> Any:
            centered = z - z.mean(-1, keepdims=True)
            return centered * jax.lax.rsqrt((centered**2).mean(-1, keepdims=True) + 1e-5) * gain + shift

        y = norm(z, gain, shift)
        q, k, v = (jax.numpy.einsum("btd,hdk->bthk", y, m) + n[:, 0] for m, n in ((Q, bq), (K, bk), (V, bv)))
        heads = jax.nn.dot_product_attention(q, k, v, is_causal=True)
        z = z + jax.numpy.einsum("bthk,hkd->btd", heads, O) + bo
        return z + jax.nn.relu(norm(z, gain2, shift2) @ W + b) @ U + c

    def in_torch(torch: Any, z: Any, w: Any, u: Any) -> Any:
        gain, shift, Q, K, V, bq, bk, bv, O, bo, gain2, shift2, W, b, U, c = w  # noqa: E741
        f = torch.nn.functional
        y = f.layer_norm(z, (width,), gain, shift)[:, None]
        heads = f.scaled_dot_product_attention(y @ Q + bq, y @ K + bk, y @ V + bv, is_causal=True)
        z = z + (heads @ O).sum(1) + bo
        return z + torch.relu(f.layer_norm(z, (width,), gain2, shift2) @ W + b) @ U + c

    return problem(net, {"x": (batch, steps, width)}, in_jax, in_torch, depth=depth)


def lstm(width: int, batch: int, steps: int) -> Problem:
    """Gates f, i, o and the new value g, over a sequence."""
    names = [f"{kind}{gate}" for kind in "WVb" for gate in "fiog"]
    shapes = {name: (1, width) if name[0] == "b" else (width, width) for name in names}
    weights = {name: sf.parameter(name, shape) for name, shape in shapes.items()}

    def step(state: Any, u: Any) -> Any:
        h, c = state
        f, i, o, g = (u @ weights[f"W{gate}"] + h @ weights[f"V{gate}"] + weights[f"b{gate}"] for gate in "fiog")
        c = sf.sigmoid(f) * c + sf.sigmoid(i) * sf.tanh(g)
        return sf.sigmoid(o) * sf.tanh(c), c

    start = sf.tensor("h", (batch, width)), sf.tensor("c", (batch, width))
    net = sf.Net.of(sf.fold(step, sf.tensor("u", (steps, batch, width)), start)[0])

    def by_hand(sigmoid: Any, tanh: Any, join: Any, split: Any) -> Any:
        def after(state: Any, w: Any, u: Any) -> Any:
            h, c = state
            f, i, o, g = split(u @ join(w[:4]) + h @ join(w[4:8]) + join(w[8:]))
            c = sigmoid(f) * c + sigmoid(i) * tanh(g)
            return sigmoid(o) * tanh(c), c

        return after

    def in_jax(jax: Any, state: Any, w: Any, u: Any) -> Any:
        n = jax.numpy
        return by_hand(jax.nn.sigmoid, n.tanh, lambda w: n.concatenate(w, -1), lambda z: n.split(z, 4, -1))(state, w, u)

    def in_torch(torch: Any, state: Any, w: Any, u: Any) -> Any:
        return by_hand(torch.sigmoid, torch.tanh, lambda w: torch.cat(list(w), -1), lambda z: z.chunk(4, -1))(state, w, u)

    data = {"u": (steps, batch, width), "h": (batch, width), "c": (batch, width)}
    made = problem(net, data, in_jax, in_torch, names=names, state=("h", "c"), unrolled=False)
    random = np.random.default_rng(1)
    made.params.update({name: np.float32(random.normal(size=shape) / width**0.5) for name, shape in shapes.items()})
    return made


def images(channels: int, size: int, batch: int, depth: int) -> Problem:
    """z + convolution(relu(batch_norm(z))), kernels of 3 x 3."""
    shape = (batch, channels, size, size)
    net = sf.fold(sf.mappers.residual, sf.layers("f", convolution_block(channels), count=depth), sf.tensor("x", shape))

    def in_jax(jax: Any, z: Any, w: Any, u: Any) -> Any:
        centered = z - z.mean((0, 2, 3), keepdims=True)
        normed = centered * jax.lax.rsqrt((centered**2).mean((0, 2, 3), keepdims=True) + 1e-5) * w[0] + w[1]
        return z + jax.lax.conv(jax.nn.relu(normed), w[2], (1, 1), "SAME") + w[3]

    def in_torch(torch: Any, z: Any, w: Any, u: Any) -> Any:
        f = torch.nn.functional
        normed = f.batch_norm(z, None, None, w[0].reshape(-1), w[1].reshape(-1), True)
        return z + f.conv2d(torch.relu(normed), w[2], w[3].reshape(-1), padding=1)

    return problem(net, {"x": shape}, in_jax, in_torch, depth=depth)


# by name, at full size and for a check of the programs alone, in the order of the table
ROWS: dict[str, tuple[Callable[[], Problem], Callable[[], Problem]]] = {
    "residual 1024x4096x32": (lambda: residual(1024, 4096, 32), lambda: residual(8, 16, 4)),
    "residual 256x1024x200": (lambda: residual(256, 1024, 200), lambda: residual(8, 16, 20)),
    "residual 4096x8192x8": (lambda: residual(4096, 8192, 8), lambda: residual(16, 16, 3)),
    "transformer 512, 8 heads, T 256, batch 16, 8 blocks": (lambda: transformer(512, 8, 256, 16, 8), lambda: transformer(8, 2, 6, 2, 3)),
    "LSTM 512, batch 64, T 256": (lambda: lstm(512, 64, 256), lambda: lstm(8, 4, 6)),
    "convolutions 64x56x56, batch 64, 16 blocks": (lambda: images(64, 56, 64, 16), lambda: images(3, 6, 4, 3)),
}
