"""The acceptance cases as one table: what is folded, how many blocks that is, and the same loop written by hand in NumPy.

Every test file that claims something of all nets runs over `CASES`; a new case is one row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

import symfold as sf

Values = Mapping[str, Any]
WIDTH, BATCH, TIMES = 3, 2, 4


@dataclass(frozen=True)
class Case:
    """A net for every depth, and what must hold of it."""

    name: str
    build: Callable[[int], sf.Net]
    reference: Callable[[int, Values], Any]
    blocks: int | None  # at any depth from 3 up; None where every step has a block of its own
    shallowest: int = 0  # a scan needs one step at least

    def values(self, depth: int, seed: int = 0) -> dict[str, Any]:
        """Numbers for every input and parameter of the net at this depth."""
        return values_of(self.build(depth), seed)


def values_of(net: sf.Net, seed: int = 0) -> dict[str, Any]:
    """Numbers for every input and parameter, in shapes that fit: an unknown size is `BATCH`."""
    random = np.random.default_rng(seed)
    return {
        node.op.name: random.normal(size=[size if isinstance(size, int) else BATCH for size in node.shape], scale=0.7)
        for node in (*net.inputs, *net.params)
    }


def sigmoid(v: Any) -> Any:
    return 1 / (1 + np.exp(-v))


def dense(v: Values, k: Any, z: Any) -> Any:
    """The layer f_k as the notebook writes it, without its activation."""
    return np.dot(z, v[f"W{k}"]) + v[f"b{k}"]


# ---------------------------------------------------------------- the nets

X = sf.tensor("x", (None, WIDTH))
SIGMOID = sf.dense(WIDTH, WIDTH, sf.sigmoid)
TANH = sf.dense(WIDTH, WIDTH, np.tanh)


def residual(depth: int) -> sf.Net:
    return sf.fold(lambda z, f: f(z) + z, sf.layers(f"f1:{depth + 1}", SIGMOID), X)


def residual_by_hand(depth: int, v: Values) -> Any:
    z = v["x"]
    for k in range(1, depth + 1):
        z = sigmoid(dense(v, k, z)) + z
    return z


def multiplicative(depth: int) -> sf.Net:
    return sf.fold(lambda z, f: z * f(z), sf.layers(f"f1:{depth + 1}", SIGMOID), X)


def multiplicative_by_hand(depth: int, v: Values) -> Any:
    z = v["x"]
    for k in range(1, depth + 1):
        z = z * sigmoid(dense(v, k, z))
    return z


def nested(depth: int) -> sf.Net:
    """Each step folds three shared layers, and every inner step reads the outer state."""
    inner = sf.layers("g1001:1004", TANH)
    return sf.fold(lambda z, f: sf.fold(lambda h, g: g(h) + z, inner, f(z)), sf.layers(f"f1:{depth + 1}", SIGMOID), X)


def nested_by_hand(depth: int, v: Values) -> Any:
    z = v["x"]
    for k in range(1, depth + 1):
        h = sigmoid(dense(v, k, z))
        for j in ("_g1001", "_g1002", "_g1003"):
            h = np.tanh(dense(v, j, h)) + z
        z = h
    return z


def shared_by_all(depth: int) -> sf.Net:
    g = sf.layer("g", TANH)
    return sf.fold(lambda z, f: g(f(z)) + z, sf.layers(f"f1:{depth + 1}", SIGMOID), X)


def shared_by_all_by_hand(depth: int, v: Values) -> Any:
    z = v["x"]
    for k in range(1, depth + 1):
        z = np.tanh(dense(v, "_g", sigmoid(dense(v, k, z)))) + z
    return z


def shared_by_some(depth: int) -> sf.Net:
    """Every other step applies one and the same layer."""
    g = sf.layer("g", SIGMOID)
    own = sf.layers(f"f1:{depth + 1}", SIGMOID)
    return sf.fold(lambda z, f: f(z) + z, [g if k % 2 else f for k, f in enumerate(own)], X)


def shared_by_some_by_hand(depth: int, v: Values) -> Any:
    z = v["x"]
    for k in range(depth):
        z = sigmoid(dense(v, "_g" if k % 2 else k + 1, z)) + z
    return z


def pairs(depth: int) -> sf.Net:
    """Items (mapper, layer): residual steps first, then multiplicative ones."""
    mappers = [sf.mappers.residual if 2 * k < depth else sf.mappers.multiplicative for k in range(depth)]
    return sf.fold(lambda z, item: item[0](z, item[1]), list(zip(mappers, sf.layers(f"f1:{depth + 1}", SIGMOID), strict=True)), X)


def pairs_by_hand(depth: int, v: Values) -> Any:
    z = v["x"]
    for k in range(depth):
        out = sigmoid(dense(v, k + 1, z))
        z = out + z if 2 * k < depth else z * out
    return z


def boosting_from_zero(depth: int) -> sf.Net:
    return sf.fold(lambda z, f: f(X) + z, sf.layers(f"f1:{depth + 1}", SIGMOID), 0)


def boosting_from_zero_by_hand(depth: int, v: Values) -> Any:
    z: Any = 0
    for k in range(1, depth + 1):
        z = sigmoid(dense(v, k, v["x"])) + z
    return z


def kinds_change(depth: int) -> sf.Net:
    """Layers of one kind, then of another with other parameters."""
    scaled = sf.layer("f", lambda z, a: np.tanh(a * z), a=(1, WIDTH)).kind
    layers = [sf.Layer(f"f{k + 1}", SIGMOID if 2 * k < depth else scaled) for k in range(depth)]
    return sf.fold(lambda z, f: f(z) + z, layers, X)


def kinds_change_by_hand(depth: int, v: Values) -> Any:
    z = v["x"]
    for k in range(depth):
        z = (sigmoid(dense(v, k + 1, z)) if 2 * k < depth else np.tanh(v[f"a{k + 1}"] * z)) + z
    return z


def lstm(depth: int) -> sf.Net:
    """A cell of two parts, the hidden state and the memory, over `depth` inputs."""
    gates = sf.layer("g", sf.dense(WIDTH + 2, 4 * WIDTH))

    def cell(state: Any, u: Any) -> Any:
        h, c = state
        a = gates(np.concatenate([h, u], axis=-1))
        i, f, o, new = (a[..., k * WIDTH : (k + 1) * WIDTH] for k in range(4))
        c = sf.sigmoid(f) * c + sf.sigmoid(i) * np.tanh(new)
        return sf.sigmoid(o) * np.tanh(c), c

    start = (sf.tensor("h", (BATCH, WIDTH)), sf.tensor("c", (BATCH, WIDTH)))
    return sf.fold(cell, sf.tensor("u", (depth, BATCH, 2)), start)


def lstm_by_hand(depth: int, v: Values) -> Any:
    h, c = v["h"], v["c"]
    for k in range(depth):
        a = np.concatenate([h, v["u"][k]], axis=-1) @ v["W_g"] + v["b_g"]
        i, f, o, new = np.split(a, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
        h = sigmoid(o) * np.tanh(c)
    return h, c


def coupling(depth: int) -> sf.Net:
    """The reversible net: two halves of the state, each changed by a function of the other."""

    def step(state: Any, item: Any) -> Any:
        a, b = state
        f, g = item
        a = a + f(b)
        return a, b + g(a)

    layers = sf.layers(f"f1:{2 * depth + 1}", TANH)
    return sf.fold(step, [(layers[2 * k], layers[2 * k + 1]) for k in range(depth)], (X, sf.tensor("y", (None, WIDTH))))


def coupling_by_hand(depth: int, v: Values) -> Any:
    a, b = v["x"], v["y"]
    for k in range(depth):
        a = a + np.tanh(dense(v, 2 * k + 1, b))
        b = b + np.tanh(dense(v, 2 * k + 2, a))
    return a, b


def changing_places(depth: int) -> sf.Net:
    """Two parts that take each other's place: the next state must not overwrite what it is made of."""
    return sf.fold(lambda s, f: (s[1], s[0] + f(s[1])), sf.layers(f"f1:{depth + 1}", TANH), (X, sf.tensor("y", (None, WIDTH))))


def changing_places_by_hand(depth: int, v: Values) -> Any:
    a, b = v["x"], v["y"]
    for k in range(1, depth + 1):
        a, b = b, a + np.tanh(dense(v, k, b))
    return a, b


def concatenating(depth: int) -> sf.Net:
    """The dense net: the state grows, so that no two steps are alike."""
    layers = [sf.Layer(f"f{k + 1}", sf.dense(WIDTH + 2 * k, 2, np.tanh)) for k in range(depth)]
    return sf.fold(lambda z, f: np.concatenate([z, f(z)], axis=-1), layers, X)


def concatenating_by_hand(depth: int, v: Values) -> Any:
    z = v["x"]
    for k in range(1, depth + 1):
        z = np.concatenate([z, np.tanh(dense(v, k, z))], axis=-1)
    return z


def time_by_depth(depth: int) -> sf.Net:
    """A fold over layers of a scan over time: every layer reads the sequence that the one below it gave."""
    start = sf.tensor("h", (BATCH, WIDTH))
    return sf.fold(
        lambda states, f: sf.scan(lambda h, u: np.tanh(f(h) + u), states, start),
        sf.layers(f"f1:{depth + 1}", SIGMOID),
        sf.tensor("u", (TIMES, BATCH, WIDTH)),
    )


def time_by_depth_by_hand(depth: int, v: Values) -> Any:
    states = v["u"]
    for k in range(1, depth + 1):
        h, given = v["h"], []
        for u in states:
            h = np.tanh(sigmoid(dense(v, k, h)) + u)
            given.append(h)
        states = np.stack(given)
    return states


def scan_then_fold(depth: int) -> sf.Net:
    """A scan whose sequence a second fold reads, from the last entry to the first."""
    states = sf.scan(lambda z, f: f(z) + z, sf.layers(f"f1:{depth + 1}", SIGMOID), X)
    return sf.fold(lambda a, z: np.tanh(a) * z, sf.reverse(states), sf.tensor("y", (None, WIDTH)))


def scan_then_fold_by_hand(depth: int, v: Values) -> Any:
    z, given = v["x"], []
    for k in range(1, depth + 1):
        z = sigmoid(dense(v, k, z)) + z
        given.append(z)
    a = v["y"]
    for z in reversed(given):
        a = np.tanh(a) * z
    return a


def symbolic_depth(depth: int) -> sf.Net:
    """A net of depth n, n given its number afterwards."""
    net: sf.Net = sf.fold(sf.mappers.residual, sf.layers("f", SIGMOID, count=sp.Symbol("n")), X)
    return net.at(n=depth)


def elman(depth: int) -> sf.Net:
    """The recurrent net over its inputs, one layer of two arguments for all of time."""
    g = sf.layer("g", lambda h, u, W, V, b: np.tanh(np.dot(h, W) + np.dot(u, V) + b), W=(WIDTH, WIDTH), V=(2, WIDTH), b=(1, WIDTH))
    return sf.fold(lambda h, u: g(h, u), sf.tensor("u", (depth, BATCH, 2)), sf.tensor("h", (BATCH, WIDTH)))


def elman_by_hand(depth: int, v: Values) -> Any:
    h = v["h"]
    for k in range(depth):
        h = np.tanh(h @ v["W_g"] + v["u"][k] @ v["V_g"] + v["b_g"])
    return h


CASES = {
    case.name: case
    for case in (
        Case("residual", residual, residual_by_hand, 1),
        Case("multiplicative", multiplicative, multiplicative_by_hand, 1),
        Case("a nested fold that captures the outer state", nested, nested_by_hand, 2),
        Case("a layer shared by all steps", shared_by_all, shared_by_all_by_hand, 1),
        Case("a layer shared by some steps", shared_by_some, shared_by_some_by_hand, 1),
        Case("pairs of mapper and layer", pairs, pairs_by_hand, 2),
        Case("boosting from the number 0", boosting_from_zero, boosting_from_zero_by_hand, 2),
        Case("items that change kind half way", kinds_change, kinds_change_by_hand, 2),
        Case("a state of two parts: LSTM", lstm, lstm_by_hand, 1),
        Case("a state of two parts: reversible coupling", coupling, coupling_by_hand, 1),
        Case("a state of two parts that change places", changing_places, changing_places_by_hand, 1),
        Case("a state that grows: concatenation", concatenating, concatenating_by_hand, None),
        Case("time by depth", time_by_depth, time_by_depth_by_hand, 2),
        Case("a scan that a second fold reads", scan_then_fold, scan_then_fold_by_hand, 2, 1),
        Case("a symbolic depth", symbolic_depth, residual_by_hand, 1),
        Case("Elman", elman, elman_by_hand, 1),
    )
}
