"""Recurrent nets: items are inputs over time, and all steps share the layers of a cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symfold.base.public import public
from symfold.base.trees import Layered, State
from symfold.core.net import Net
from symfold.core.sequences import reverse
from symfold.frontend import folding
from symfold.frontend.elementwise import sigmoid, tanh
from symfold.mappers.registry import Architecture, Mapper, Parts, bound, last_step, mean_step, pair_of


@public
def elman(g: Layered) -> Mapper:
    """h = g(h, u), one layer over the state and the input (Elman 1990).

    >>> import symfold as sf
    >>> print(sf.fold(elman(sf.layer("g")), [sf.tensor("u1"), sf.tensor("u2")], sf.tensor("h")))
    z1 = g(h, u1)
    z2 = g(z1, u2)
    """
    return bound(_elman, g)


def _elman(g: Layered, h: State, u: State) -> State:
    return g(h, u)


@public
def gru(update: Layered, reset: Layered, new: Layered) -> Mapper:
    """The gated recurrent unit (Cho et al. 2014): z = s(update), r = s(reset), h = z h + (1 - z) tanh(new(r h, u)).

    >>> import symfold as sf
    >>> cell = gru(*sf.layers("f g k"))
    >>> print(sf.formula(sf.fold(cell, [sf.tensor("u")], sf.tensor("h")), form="expanded"))
    sigmoid(f(h, u))*h + (1 - sigmoid(f(h, u)))*tanh(k(sigmoid(g(h, u))*h, u))
    """
    return bound(_gru, update, reset, new)


def _gru(update: Layered, reset: Layered, new: Layered, h: State, u: State) -> State:
    z = sigmoid(update(h, u))
    return z * h + (1 - z) * tanh(new(sigmoid(reset(h, u)) * h, u))


@public
def gru_reset_after(update: Layered, reset: Layered, new: Layered, read: Layered) -> Mapper:
    """The gated recurrent unit with the reset gate after the product, as in cuDNN and PyTorch.

    Cho et al. 2014, first version: z = s(update), r = s(reset), h = z h + (1 - z) tanh(read(u) + r new(h)).

    >>> import symfold as sf
    >>> cell = gru_reset_after(*sf.layers("f g k m"))
    >>> print(sf.formula(sf.fold(cell, [sf.tensor("u")], sf.tensor("h")), form="expanded"))
    sigmoid(f(h, u))*h + (1 - sigmoid(f(h, u)))*tanh(m(u) + sigmoid(g(h, u))*k(h))
    """
    return bound(_gru_reset_after, update, reset, new, read)


def _gru_reset_after(update: Layered, reset: Layered, new: Layered, read: Layered, h: State, u: State) -> State:
    z = sigmoid(update(h, u))
    return z * h + (1 - z) * tanh(read(u) + sigmoid(reset(h, u)) * new(h))


@public
def lstm(take: Layered, forget: Layered, show: Layered, new: Layered) -> Mapper:
    """Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000). State: (h, c).

    >>> import symfold as sf
    >>> cell = lstm(*sf.layers("i f o g"))
    >>> net = sf.fold(cell, [sf.tensor("u")], (sf.tensor("h"), sf.tensor("c")))
    >>> print(sf.formula(net[1], form="expanded"))
    sigmoid(f(h, u))*c + sigmoid(i(h, u))*tanh(g(h, u))
    """
    return bound(_lstm, take, forget, show, new)


def _lstm(
    take: Layered, forget: Layered, show: Layered, new: Layered, state: tuple[State, State], u: State
) -> tuple[State, State]:
    h, c = pair_of("lstm", state, "h", "c")
    c = sigmoid(forget(h, u)) * c + sigmoid(take(h, u)) * tanh(new(h, u))
    return sigmoid(show(h, u)) * tanh(c), c


@public
def bidirectional(forward: Mapper, backward: Mapper, inputs: State, init: State) -> State:
    """Both directions in time, concatenated at every step along the last axis (Schuster & Paliwal 1997).

    >>> import symfold as sf
    >>> g, k = sf.layer("g", sf.dense(2, 2)), sf.layer("k", sf.dense(2, 2))
    >>> ahead, back = (lambda h, u, f=f: f(h) + u for f in (g, k))
    >>> bidirectional(ahead, back, sf.tensor("u", (5, 2)), sf.tensor("h", (1, 2))).shape
    (5, 1, 4)
    """
    ahead, back = folding.scan(forward, inputs, init), folding.scan(backward, reverse(inputs), init)
    return np.concatenate([ahead, Net.of(reverse(back))], axis=-1)


@public
def multilayer(cells: object, inputs: State, init: State) -> State:
    """Stacked recurrent layers, each over the states of the one below (Schmidhuber 1992; Graves et al. 2013).

    Cells: layers of (h, u).

    >>> import symfold as sf
    >>> inputs = sf.stack([sf.tensor("u1"), sf.tensor("u2")])
    >>> print(sf.formula(multilayer(sf.layers("f1:3"), inputs, sf.tensor("h"))[1], form="expanded"))
    f2(f2(h, f1(h, u1)), f1(f1(h, u1), u2))
    """
    return folding.fold(lambda sequence, g: folding.scan(elman(g), sequence, init), cells, inputs)


@public
def encoder_decoder(encoder: Mapper, decoder: Mapper, inputs: State, outputs: State, init: State) -> State:
    """The encoder reads the inputs; its last state starts the decoder, over the outputs so far (Sutskever et al. 2014).

    >>> import symfold as sf
    >>> f, g = sf.layers("f g")
    >>> u, v = [sf.tensor("u1"), sf.tensor("u2")], [sf.tensor("v1")]
    >>> net = encoder_decoder(elman(f), elman(g), u, v, sf.tensor("h"))
    >>> print(sf.formula(net[0], form="expanded"))
    g(f(f(h, u1), u2), v1)
    """
    return folding.scan(decoder, outputs, folding.fold(encoder, inputs, init))


def _cell(parts: Parts, names: Sequence[str], gate: bool = True) -> list[Layered]:
    return [parts.layer(name, inputs=2, gate=gate) for name in names]


def _over(parts: Parts, cell: Mapper, *state: str) -> Net:
    start = tuple(parts.start(name) for name in state)
    return folding.fold(cell, parts.tensor("u", steps=True), start[0] if len(start) == 1 else start)


def _bidirectional(parts: Parts) -> Net:
    ahead, back = _cell(parts, ("f", "g"), gate=False)
    return bidirectional(elman(ahead), elman(back), parts.tensor("u", steps=True), parts.start("h"))


def _encoder_decoder(parts: Parts) -> Net:
    encoder, decoder = _cell(parts, ("f", "g"), gate=False)
    return encoder_decoder(
        elman(encoder), elman(decoder), parts.tensor("u", steps=True), parts.tensor("v", steps=True), parts.start("h")
    )


ARCHITECTURES = (
    Architecture("elman", lambda parts: _over(parts, elman(*_cell(parts, "g", gate=False)), "h"),
                 "h = g(h, u)", "h", "t**n", "n", "n", "", "Elman 1990", "steps"),
    Architecture("gru", lambda parts: _over(parts, gru(*_cell(parts, "fgk")), "h"),
                 "h = s*h + (1 - s)*tanh(k(r*h, u)), s = sigmoid(f(h, u)), r = sigmoid(g(h, u))", "h",
                 "(1 + 3*t + t**2)**n", "2*n", "3*n", "", "Cho et al. 2014", "steps"),
    Architecture("gru_reset_after", lambda parts: _over(parts, gru_reset_after(*_cell(parts, "fg"), *(parts.layer(name, gate=True) for name in "km")), "h"),
                 "h = s*h + (1 - s)*tanh(m(u) + r*k(h)), s = sigmoid(f(h, u)), r = sigmoid(g(h, u))", "h",
                 "(1 + 4*t)**n", "n", "4*n", "", "Cho et al. 2014, first version", "steps"),
    Architecture("lstm", lambda parts: _over(parts, lstm(*_cell(parts, "ifog")), "h", "c"),
                 "c = sigmoid(f(h, u))*c + sigmoid(i(h, u))*tanh(g(h, u)), h = sigmoid(o(h, u))*tanh(c)", "(h, c)",
                 "Matrix([[4*t, 1], [3*t, 1]])**n", "n", "4*n", "", "Hochreiter & Schmidhuber 1997", "steps"),
    Architecture("bidirectional", _bidirectional,
                 "a = f(a, u), b = g(b, u backwards), [a, b]", "(a, b), sequences", "2*(t**(n + 1) - t)/(t - 1)", "n", "2*n", "", "Schuster & Paliwal 1997", "steps", mean_step),
    Architecture("multilayer", lambda parts: multilayer(parts.layers("f", inputs=2, count=2), parts.tensor("u", steps=True), parts.start("h")),
                 "h_k = f_k(h_k, h_{k-1}), 2 layers deep", "h of each layer, sequences",
                 "Matrix([[Sum((n - k)*(k + 1)*t**(k + 2), (k, 0, n - 1)), Sum(t**k + k*t**(k + 1), (k, 1, n))]])", "n + 1", "2*n", "", "Schmidhuber 1992", "steps", last_step),
    Architecture("encoder_decoder", _encoder_decoder,
                 "h = f(h, u), then h = g(h, v)", "h", "t**n*(t**(n + 1) - t)/(t - 1)", "2*n", "2*n", "", "Sutskever et al. 2014", "steps", last_step),
)  # fmt: skip
