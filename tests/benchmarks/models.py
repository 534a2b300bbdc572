"""Larger models, each told to symfold, PyTorch and JAX: one training step by SGD, in float64 or float32.

A model's loss is written three times, by hand for each library as its users would write it, and all rows must give the same losses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import symfold as sf

Arrays = dict[str, Any]


@dataclass(frozen=True)
class Model:
    """The loss of a model for each library.

    `params` are by symfold's names: `prefixes` with the number of the layer. `jax_loss(params, data, unrolled)` takes them by prefix, stacked;
    `torch_loss(params, data)` takes a list of tensors, layer after layer, in the order of the prefixes.
    """

    loss: sf.Net
    params: Mapping[str, Any]
    data: Arrays
    rate: float
    prefixes: tuple[str, ...]
    depth: int | None  # None: one set of parameters, for all steps of a sequence
    torch_loss: Callable[[list[Any], Arrays], Any]
    jax_loss: Callable[[Arrays, Arrays, bool], Any]

    def stacked(self, dtype: str) -> Arrays:
        if self.depth is None:
            return {name: np.asarray(self.params[name], dtype) for name in self.prefixes}
        steps = range(1, self.depth + 1)
        return {name: np.stack([self.params[f"{name}{k}"] for k in steps]).astype(dtype) for name in self.prefixes}

    def listed(self, dtype: str) -> list[Any]:
        if self.depth is None:
            return list(self.stacked(dtype).values())
        return [np.asarray(self.params[f"{name}{k}"], dtype) for k in range(1, self.depth + 1) for name in self.prefixes]


def normal(seed: int, **shapes: tuple[int, ...]) -> Arrays:
    random = np.random.default_rng(seed)
    return {name: random.normal(size=shape) for name, shape in shapes.items()}


def folded(step: Callable[..., Any], params: Arrays, state: Any, unrolled: bool) -> Any:
    """The last state of a step over stacked parameters in JAX, as a loop or written out."""
    import jax

    if not unrolled:
        return jax.lax.scan(lambda z, w: (step(z, w), None), state, params)[0]
    for k in range(len(next(iter(params.values())))):  # of arrays, or of lists of arrays
        state = step(state, {name: array[k] for name, array in params.items()})
    return state


def loss_of(net: sf.Net, shape: tuple[int, ...]) -> sf.Net:
    return sf.losses.mean_squared_error(net, sf.tensor("target", shape))


# -- z + sigmoid(z W + b): the cases of the table


def residual(width: int, batch: int, depth: int) -> Model:
    x = sf.tensor("x", (batch, width))
    net = sf.fold(sf.mappers.residual, sf.layers(f"f1:{depth + 1}", sf.dense(width, width, sf.sigmoid)), x)

    def torch_loss(p: list[Any], q: Arrays) -> Any:
        import torch

        z = q["x"]
        for k in range(depth):
            z = z + torch.sigmoid(torch.addmm(p[2 * k + 1], z, p[2 * k]))
        return ((z - q["target"]) ** 2).mean()

    def jax_loss(p: Arrays, q: Arrays, unrolled: bool) -> Any:
        import jax

        z = folded(lambda z, w: z + jax.nn.sigmoid(z @ w["W"] + w["b"]), p, q["x"], unrolled)
        return ((z - q["target"]) ** 2).mean()

    data = normal(1, x=(batch, width), target=(batch, width))
    return Model(loss_of(net, (batch, width)), net.init(seed=0), data, 1e-3, ("W", "b"), depth, torch_loss, jax_loss)


# -- pre-norm blocks with causal attention (Vaswani et al. 2017; Xiong et al. 2020)

BLOCK = ("gain_p", "shift_p", "Q_a", "K_a", "V_a", "bq_a", "bk_a", "bv_a", "O_a", "bo_a", "gain_q", "shift_q", "W_m", "b_m", "U_m", "c_m")


def transformer(width: int, heads: int, time: int, batch: int, depth: int) -> Model:
    kinds = {"p": sf.layer_norm(width), "a": sf.attention(width, heads, causal=True), "q": sf.layer_norm(width), "m": sf.perceptron(width, 4 * width)}
    layers = [sf.layers(name, kind, count=depth) for name, kind in kinds.items()]
    shape = (batch, time, width)
    net = sf.fold(sf.mappers.pre_norm, sf.zipped(*layers), sf.tensor("x", shape))
    data = normal(1, x=shape, target=shape)
    by_hand = partial(torch_transformer, width, depth), partial(jax_transformer, width // heads)
    return Model(loss_of(net, shape), net.init(seed=0), data, 0.01, BLOCK, depth, *by_hand)


def torch_transformer(width: int, depth: int, p: list[Any], q: Arrays) -> Any:
    import torch
    from torch.nn import functional

    z, size = q["x"], len(p) // depth
    for k in range(depth):
        w = dict(zip(BLOCK, p[size * k : size * (k + 1)], strict=True))
        y = functional.layer_norm(z, (width,), w["gain_p"].reshape(-1), w["shift_p"].reshape(-1))[:, None]
        queries, keys, values = (y @ w[f"{m}_a"] + w[f"b{m.lower()}_a"] for m in "QKV")
        attended = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        z = z + (attended @ w["O_a"]).sum(1) + w["bo_a"]
        y = functional.layer_norm(z, (width,), w["gain_q"].reshape(-1), w["shift_q"].reshape(-1))
        z = z + torch.relu(y @ w["W_m"] + w["b_m"]) @ w["U_m"] + w["c_m"]
    return ((z - q["target"]) ** 2).mean()


def jax_transformer(head_width: int, p: Arrays, q: Arrays, unrolled: bool) -> Any:
    import jax
    import jax.numpy as jnp

    time = q["x"].shape[1]
    past = jnp.tril(jnp.ones((time, time), bool))

    def norm(z: Any, gain: Any, shift: Any) -> Any:
        centered = z - z.mean(-1, keepdims=True)
        return centered * jax.lax.rsqrt((centered**2).mean(-1, keepdims=True) + 1e-5) * gain + shift

    def attended(queries: Any, keys: Any, values: Any) -> Any:
        if jax.default_backend() == "gpu":  # JAX's own function, whose softmax is in float32
            heads = (jnp.moveaxis(array, 1, 2) for array in (queries, keys, values))
            return jnp.moveaxis(jax.nn.dot_product_attention(*heads, is_causal=True), 2, 1)
        scores = jnp.where(past, jnp.einsum("nhtk,nhsk->nhts", queries, keys) * head_width**-0.5, -jnp.inf)
        return jax.nn.softmax(scores, -1) @ values

    def block(z: Any, w: Arrays) -> Any:
        y = norm(z, w["gain_p"], w["shift_p"])
        queries, keys, values = (jnp.einsum("ntd,hdk->nhtk", y, w[f"{m}_a"]) + w[f"b{m.lower()}_a"] for m in "QKV")
        z = z + jnp.einsum("nhtk,hkd->ntd", attended(queries, keys, values), w["O_a"]) + w["bo_a"]
        y = norm(z, w["gain_q"], w["shift_q"])
        return z + jax.nn.relu(y @ w["W_m"] + w["b_m"]) @ w["U_m"] + w["c_m"]

    z = folded(block, p, q["x"], unrolled)
    return ((z - q["target"]) ** 2).mean()


# -- an LSTM over a sequence (Hochreiter and Schmidhuber 1997)


def lstm(width: int, batch: int, time: int) -> Model:
    """Gates i, f, g, o: products of the inputs with A, B, C, D, of the state with E, F, G, H, and rows a, b, c, d."""
    w = {name: sf.parameter(name, (width, width) if name.isupper() else (1, width)) for name in "ABCDEFGHabcd"}
    u, h, s = sf.tensor("u", (time, batch, width)), sf.tensor("h", (batch, width)), sf.tensor("s", (batch, width))

    def step(state: Any, entry: Any) -> Any:
        h, s = state
        i, f, g, o = (np.dot(entry, w[inner]) + np.dot(h, w[outer]) + w[row] for inner, outer, row in zip("ABCD", "EFGH", "abcd", strict=True))
        s = sf.sigmoid(f) * s + sf.sigmoid(i) * sf.tanh(g)
        return sf.sigmoid(o) * sf.tanh(s), s

    net = sf.Net.of(sf.fold(step, u, (h, s))[0])
    params = {name: array / width**0.5 for name, array in normal(0, **{name: leaf.shape for name, leaf in w.items()}).items()}
    data = normal(1, u=(time, batch, width), h=(batch, width), s=(batch, width), target=(batch, width))
    return Model(loss_of(net, (batch, width)), params, data, 0.1, tuple("ABCDEFGHabcd"), None, torch_lstm, jax_lstm)


def torch_lstm(p: list[Any], q: Arrays) -> Any:
    """By the library's own fused LSTM."""
    import torch

    w = dict(zip("ABCDEFGHabcd", p, strict=True))
    inner, outer, rows = (torch.cat([w[name] for name in names], 1) for names in ("ABCD", "EFGH", "abcd"))
    flat = [inner.T.contiguous(), outer.T.contiguous(), rows[0], torch.zeros_like(rows[0])]
    _, h, _ = torch._VF.lstm(q["u"], (q["h"][None], q["s"][None]), flat, True, 1, 0.0, True, False, False)
    return ((h[0] - q["target"]) ** 2).mean()


def jax_lstm(p: Arrays, q: Arrays, unrolled: bool) -> Any:
    """One wide product for the four gates, the inputs' before the loop."""
    import jax
    import jax.numpy as jnp

    inner, outer, rows = (jnp.concatenate([p[name] for name in names], 1) for names in ("ABCD", "EFGH", "abcd"))

    def step(state: Any, entry: Any) -> Any:
        h, s = state
        i, f, g, o = jnp.split(entry + h @ outer, 4, -1)
        s = jax.nn.sigmoid(f) * s + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(s), s), None

    (h, _), _ = jax.lax.scan(step, (q["h"], q["s"]), q["u"] @ inner + rows, unroll=8 if unrolled else 1)
    return ((h - q["target"]) ** 2).mean()


# -- z + convolution(relu(batch_norm(z))) (He et al. 2016)

MAPS = ("gain_b", "shift_b", "W_c", "b_c")


def images(channels: int, side: int, batch: int, depth: int) -> Model:
    norms = sf.layers("b", sf.batch_norm(channels), count=depth)
    maps = sf.layers("c", sf.convolution(channels, channels, 3, padding=1), count=depth)
    shape = (batch, channels, side, side)
    net = sf.fold(lambda z, item: z + item[1](sf.relu(item[0](z))), sf.zipped(norms, maps), sf.tensor("x", shape))
    data = normal(1, x=shape, target=shape)
    return Model(loss_of(net, shape), net.init(seed=0), data, 0.1, MAPS, depth, partial(torch_images, depth), jax_images)


def torch_images(depth: int, p: list[Any], q: Arrays) -> Any:
    import torch
    from torch.nn import functional

    z, size = q["x"], len(p) // depth
    for k in range(depth):
        w = dict(zip(MAPS, p[size * k : size * (k + 1)], strict=True))
        y = functional.batch_norm(z, None, None, w["gain_b"].reshape(-1), w["shift_b"].reshape(-1), True)
        z = z + functional.conv2d(torch.relu(y), w["W_c"], w["b_c"].reshape(-1), padding=1)
    return ((z - q["target"]) ** 2).mean()


def jax_images(p: Arrays, q: Arrays, unrolled: bool) -> Any:
    import jax

    def block(z: Any, w: Arrays) -> Any:
        w = {name: array if name == "W_c" else array.reshape(1, -1, 1, 1) for name, array in w.items()}
        centered = z - z.mean((0, 2, 3), keepdims=True)
        y = centered * jax.lax.rsqrt((centered**2).mean((0, 2, 3), keepdims=True) + 1e-5) * w["gain_b"] + w["shift_b"]
        return z + jax.lax.conv(jax.nn.relu(y), w["W_c"], (1, 1), "SAME") + w["b_c"]

    z = folded(block, p, q["x"], unrolled)
    return ((z - q["target"]) ** 2).mean()


MODELS: dict[str, Callable[[], Model]] = {
    "residual a (3, 10, 10)": partial(residual, 3, 10, 10),
    "residual b (32, 64, 10)": partial(residual, 32, 64, 10),
    "residual c (256, 256, 10)": partial(residual, 256, 256, 10),
    "residual d (3, 10, 200)": partial(residual, 3, 10, 200),
    "residual e (64, 64, 100)": partial(residual, 64, 64, 100),
    "transformer (128, 4 heads, T 64, batch 8, 4 blocks)": partial(transformer, 128, 4, 64, 8, 4),
    "LSTM (128, batch 32, T 64)": partial(lstm, 128, 32, 64),
    "convolutions (16x32x32, batch 32, 6 blocks)": partial(images, 16, 32, 32, 6),
}
