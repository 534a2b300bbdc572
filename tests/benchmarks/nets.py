"""The nets of the table: how symfold is told of each, and the formula of one step that every peer computes.

A formula is written once, over a peer's own functions (`Maths`), so that all peers compute the same thing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import symfold as sf
from tests.benchmarks.work import Case

State = tuple[Any, ...]


@dataclass(frozen=True)
class Maths:
    """What a peer calls its functions; `affine(z, W, b)` is dot(z, W) + b in the form that is fastest for it."""

    affine: Callable[[Any, Any, Any], Any]
    dot: Callable[[Any, Any], Any]
    sigmoid: Callable[[Any], Any]
    tanh: Callable[[Any], Any]


@dataclass(frozen=True)
class Row:
    """A net: `weights` of each step, or of all the steps where it is recurrent, by name; capitals are matrices, small letters rows.

    Of the products of a step with a weight, `products`, the cotangent of the other factor is asked for except in
    `dead` of them at every step and in `first` more at the first step; `functions` counts sigmoids and tanhs.
    """

    name: str
    build: Callable[[Case], sf.Net]
    step: Callable[[Maths, State, Mapping[str, Any], Any, Any], State]
    weights: str
    states: str = "x"
    recurrent: bool = False
    products: int = 1
    dead: int = 0
    first: int = 1
    functions: int = 1

    def product_counts(self, depth: int) -> tuple[int, int, int]:
        """How many products a training step has: forward, for cotangents, for weight gradients."""
        forward = self.products * depth
        return forward, forward - self.dead * depth - self.first, forward

    def symfold_name(self, letter: str, step: int) -> str:
        return letter if self.recurrent else f"{letter}{step + 1}"


def layers(case: Case, body: Any, **shapes: Any) -> Any:
    return sf.layers(f"f1:{case.depth + 1}", body, **shapes)


def x_of(case: Case) -> Any:
    return sf.tensor("x", (None, case.width))


def shapes_of(case: Case, letters: str) -> dict[str, tuple[int, int]]:
    return {letter: (case.width if letter.isupper() else 1, case.width) for letter in letters}


def recurrent(case: Case, letters: str, step: Callable[..., Any], *states: str) -> sf.Net:
    """The fold of a step with shared weights over a sequence; the first part of its state."""
    w = {letter: sf.parameter(letter, shape) for letter, shape in shapes_of(case, letters).items()}
    u = sf.tensor("u", (case.depth, case.batch, case.width))
    start = tuple(sf.tensor(name, (case.batch, case.width)) for name in states)
    if len(start) == 1:
        return sf.fold(lambda h, u: step(h, u, **w), u, start[0])
    return sf.Net.of(sf.fold(lambda s, u: step(*s, u, **w), u, start)[0])


# -- z + sigmoid(dot(z, W) + b), and the same reading x


def residual(m: Maths, s: State, p: Mapping[str, Any], x: Any, u: Any) -> State:
    (z,) = s
    return (z + m.sigmoid(m.affine(z, p["W"], p["b"])),)


def boosting(m: Maths, s: State, p: Mapping[str, Any], x: Any, u: Any) -> State:
    (z,) = s
    return (z + m.sigmoid(m.affine(x, p["W"], p["b"])),)


def residual_net(case: Case) -> sf.Net:
    return sf.fold(sf.mappers.residual, layers(case, sf.dense(case.width, case.width, sf.sigmoid)), x_of(case))


def boosting_net(case: Case) -> sf.Net:
    x = x_of(case)
    return sf.fold(sf.mappers.boosting(x), layers(case, sf.dense(case.width, case.width, sf.sigmoid)), x)


# -- a block of two layers (He et al. 2016), and a highway (Srivastava et al. 2015)


def block(m: Maths, s: State, p: Mapping[str, Any], x: Any, u: Any) -> State:
    (z,) = s
    return (z + m.affine(m.sigmoid(m.affine(z, p["W"], p["b"])), p["V"], p["c"]),)


def block_net(case: Case) -> sf.Net:
    body = layers(case, lambda z, W, b, V, c: np.dot(sf.sigmoid(np.dot(z, W) + b), V) + c, **shapes_of(case, "WbVc"))
    return sf.fold(sf.mappers.residual, body, x_of(case))


def highway(m: Maths, s: State, p: Mapping[str, Any], x: Any, u: Any) -> State:
    (z,) = s
    gate = m.sigmoid(m.affine(z, p["V"], p["c"]))
    return (gate * m.tanh(m.affine(z, p["W"], p["b"])) + (1 - gate) * z,)


def highway_net(case: Case) -> sf.Net:
    def body(z: Any, W: Any, b: Any, V: Any, c: Any) -> Any:
        gate = sf.sigmoid(np.dot(z, V) + c)
        return gate * np.tanh(np.dot(z, W) + b) + (1 - gate) * z

    return sf.fold(lambda z, f: f(z), layers(case, body, **shapes_of(case, "WbVc")), x_of(case))


# -- recurrent nets (Elman 1990; Cho et al. 2014; Hochreiter and Schmidhuber 1997): the sequence u, weights shared


def elman(m: Maths, s: State, p: Mapping[str, Any], x: Any, u: Any) -> State:
    (h,) = s
    return (m.tanh(m.affine(h, p["W"], p["b"]) + m.dot(u, p["V"])),)


def elman_net(case: Case) -> sf.Net:
    return recurrent(case, "WVb", lambda h, u, W, V, b: np.tanh(np.dot(h, W) + b + np.dot(u, V)), "h")


def gru(m: Maths, s: State, p: Mapping[str, Any], x: Any, u: Any) -> State:
    (h,) = s
    reset = m.sigmoid(m.affine(h, p["W"], p["a"]) + m.dot(u, p["X"]))
    update = m.sigmoid(m.affine(h, p["V"], p["b"]) + m.dot(u, p["Y"]))
    new = m.tanh(m.affine(reset * h, p["U"], p["c"]) + m.dot(u, p["Z"]))
    return (update * h + (1 - update) * new,)


def gru_net(case: Case) -> sf.Net:
    def step(h: Any, u: Any, W: Any, V: Any, U: Any, X: Any, Y: Any, Z: Any, a: Any, b: Any, c: Any) -> Any:
        reset = sf.sigmoid(np.dot(h, W) + a + np.dot(u, X))
        update = sf.sigmoid(np.dot(h, V) + b + np.dot(u, Y))
        new = np.tanh(np.dot(reset * h, U) + c + np.dot(u, Z))
        return update * h + (1 - update) * new

    return recurrent(case, "WVUXYZabc", step, "h")


def lstm(m: Maths, s: State, p: Mapping[str, Any], x: Any, u: Any) -> State:
    h, cell = s
    forget = m.sigmoid(m.affine(h, p["F"], p["f"]) + m.dot(u, p["P"]))
    write = m.sigmoid(m.affine(h, p["I"], p["i"]) + m.dot(u, p["Q"]))
    read = m.sigmoid(m.affine(h, p["O"], p["o"]) + m.dot(u, p["R"]))
    cell = forget * cell + write * m.tanh(m.affine(h, p["G"], p["g"]) + m.dot(u, p["S"]))
    return read * m.tanh(cell), cell


def lstm_net(case: Case) -> sf.Net:
    def step(h: Any, cell: Any, u: Any, **w: Any) -> Any:
        def gate(function: Any, inner: str, outer: str, row: str) -> Any:
            return function(np.dot(h, w[inner]) + w[row] + np.dot(u, w[outer]))

        cell = gate(sf.sigmoid, "F", "P", "f") * cell + gate(sf.sigmoid, "I", "Q", "i") * gate(np.tanh, "G", "S", "g")
        return gate(sf.sigmoid, "O", "R", "o") * np.tanh(cell), cell

    return recurrent(case, "FIOGPQRSfiog", step, "h", "s")


NETS = {
    row.name: row
    for row in (
        Row("residual", residual_net, residual, "Wb"),
        Row("boosting", boosting_net, boosting, "Wb", dead=1, first=0),
        Row("block", block_net, block, "WbVc", products=2),
        Row("highway", highway_net, highway, "WbVc", products=2, first=2, functions=2),
        Row("Elman", elman_net, elman, "WVb", "h", True, products=2, dead=1),
        Row("GRU", gru_net, gru, "WVUXYZabc", "h", True, products=6, dead=3, first=2, functions=3),
        Row("LSTM", lstm_net, lstm, "FIOGPQRSfiog", "hs", True, products=8, dead=4, first=4, functions=5),
    )
}
