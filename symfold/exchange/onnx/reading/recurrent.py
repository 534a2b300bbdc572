"""ONNX's recurrent layers as nodes: a fold of a step over time, in one or both directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from symfold.core import functions
from symfold.core.folds import fold_nodes
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives import broadcast_to, dot, item, permute, swap
from symfold.core.sequences import element, reverse, stack
from symfold.errors import NoRule
from symfold.exchange.onnx.reading.elementwise import Operation, Row
from symfold.exchange.onnx.reading.values import Value
from symfold.exchange.reading.functions import apply

Step = Callable[[Node, Sequence[Node], dict[str, Node | None], int, bool], tuple[Node, ...]]
PLAIN = {b"sigmoid", b"tanh", b"Sigmoid", b"Tanh"}


def _affine(x: Node, weight: Node | None, bias: Node | None) -> Node:
    assert weight is not None
    product = dot(x, swap(weight))
    return product if bias is None else product + bias


def _gates(a: Node, count: int, size: int) -> list[Node]:
    return [item(a, index=(..., (k * size, (k + 1) * size))) for k in range(count)]


def _sigmoid(a: Node) -> Node:
    return apply(functions.sigmoid, a)


def _tanh(a: Node) -> Node:
    return apply(sp.tanh, a)


def _lstm(x: Node, state: Sequence[Node], w: dict[str, Node | None], size: int, linear: bool) -> tuple[Node, ...]:
    h, c = state
    i, o, f, g = _gates(_affine(x, w["W"], w["Wb"]) + _affine(h, w["R"], w["Rb"]), 4, size)
    after = _sigmoid(f) * c + _sigmoid(i) * _tanh(g)
    return _sigmoid(o) * _tanh(after), after


def _gru(x: Node, state: Sequence[Node], w: dict[str, Node | None], size: int, linear: bool) -> tuple[Node, ...]:
    (h,) = state
    from_x = _gates(_affine(x, w["W"], w["Wb"]), 3, size)
    from_h = _gates(_affine(h, w["R"], w["Rb"]), 3, size)
    z, r = _sigmoid(from_x[0] + from_h[0]), _sigmoid(from_x[1] + from_h[1])
    if linear:
        inner = r * from_h[2]
    else:
        assert w["R"] is not None
        last = ((2 * size, 3 * size),)
        bias = None if w["Rb"] is None else item(w["Rb"], index=last)
        inner = _affine(r * h, item(w["R"], index=last), bias)
    n = _tanh(from_x[2] + inner)
    return ((1 - z) * n + z * h,)


def _rnn(x: Node, state: Sequence[Node], w: dict[str, Node | None], size: int, linear: bool) -> tuple[Node, ...]:
    return (_tanh(_affine(x, w["W"], w["Wb"]) + _affine(state[0], w["R"], w["Rb"])),)


def recurrent(step: Step, parts: int, gates: int) -> Row:
    """A recurrent layer: all outputs, then the last states."""

    def row(
        op: Operation,
        x: Value,
        weights: Value,
        recurrences: Value,
        biases: Value | None = None,
        lengths: Value | None = None,
        *starts: Value | None,
    ) -> tuple[Any, ...]:
        if lengths is not None or op.get("clip") or op.get("layout", 0) or op.get("input_forget", 0):
            raise NoRule(f"{op.kind} with lengths, clip, layout or input_forget has no rule")
        if {*(op.get("activations") or [])} - PLAIN or (len(starts) > parts and starts[parts] is not None):
            raise NoRule(f"{op.kind} with other activations or with peepholes has no rule")
        way = op.get("direction", b"forward").decode()
        size, time, samples = int(op.get("hidden_size")), x.shape[0], x.shape[1]
        outputs, last = [], []
        for number_, backward in enumerate({"forward": [False], "reverse": [True]}.get(way, [False, True])):
            bias = None if biases is None else element(biases.node, number_)
            w = {
                "W": element(weights.node, number_),
                "R": element(recurrences.node, number_),
                "Wb": None if bias is None else item(bias, index=((0, gates * size),)),
                "Rb": None if bias is None else item(bias, index=((gates * size, 2 * gates * size),)),
            }
            given = [*starts, *(None,) * parts][:parts]
            state = [
                broadcast_to(number(0), shape=(samples, size)) if start is None else element(start.node, number_)
                for start in given
            ]

            def run(nodes: Sequence[Node], w: dict[str, Node | None] = w) -> Sequence[Node]:
                *before, entry = nodes
                after = step(entry, before, w, size, bool(op.get("linear_before_reset", 0)))
                return (*after, after[0])

            sequence = reverse(x.node) if backward else x.node
            *final, out = fold_nodes(run, time, state, [sequence])
            outputs.append(reverse(out) if backward else out)
            last.append(final)
        result = permute(stack(outputs), axes=(-3, -4, -2, -1))
        return (result, *(stack([states[k] for states in last]) for k in range(parts)))

    return row


RECURRENT: dict[str, Row] = {
    "LSTM": recurrent(_lstm, 2, 4),
    "GRU": recurrent(_gru, 1, 3),
    "RNN": recurrent(_rnn, 1, 1),
}
