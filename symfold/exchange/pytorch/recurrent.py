"""PyTorch's recurrent operations as nodes: a cell is a step; a layer is a fold of it over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from symfold.core import functions
from symfold.core.folds import fold_nodes
from symfold.core.nodes import Node
from symfold.core.primitives import concatenate, dot, item, permute, swap
from symfold.core.sequences import element, reverse, stack
from symfold.core.shapes import Shape
from symfold.errors import NoRule
from symfold.exchange.pytorch.rows import evaluated

Weights = Sequence[Node]  # input to hidden, hidden to hidden, their biases if any, and an LSTM's projection if any


def _affine(x: Node, weight: Node, bias: Node | None) -> Node:
    product = dot(x, swap(weight))
    return product if bias is None else product + bias


def _gates(x: Node, count: int) -> list[Node]:
    size = x.shape[-1] // count
    return [item(x, index=(..., (k * size, (k + 1) * size))) for k in range(count)]


def _sides(x: Node, h: Node, weights: Weights) -> tuple[Node, Node]:
    biases = weights[2:] or (None, None)
    return _affine(x, weights[0], biases[0]), _affine(h, weights[1], biases[1])


def _sigmoid(a: Node) -> Node:
    return Node(functions.sigmoid, (a,))


def _tanh(a: Node) -> Node:
    return Node(sp.tanh, (a,))


def lstm_step(x: Node, state: Sequence[Node], weights: Weights) -> tuple[Node, ...]:
    h, c = state
    projected = len(weights) % 2 == 1
    from_x, from_h = _sides(x, h, weights[:-1] if projected else weights)
    i, f, g, o = _gates(from_x + from_h, 4)
    cell_state = _sigmoid(f) * c + _sigmoid(i) * _tanh(g)
    hidden = _sigmoid(o) * _tanh(cell_state)
    return dot(hidden, swap(weights[-1])) if projected else hidden, cell_state


def gru_step(x: Node, state: Sequence[Node], weights: Weights) -> tuple[Node, ...]:
    (h,) = state
    from_x, from_h = _sides(x, h, weights)
    (r_x, z_x, n_x), (r_h, z_h, n_h) = _gates(from_x, 3), _gates(from_h, 3)
    z = _sigmoid(z_x + z_h)
    n = _tanh(n_x + _sigmoid(r_x + r_h) * n_h)
    return ((1 - z) * n + z * h,)


def rnn_step(activation: Callable[[Node], Node]) -> Callable[..., tuple[Node, ...]]:
    def step(x: Node, state: Sequence[Node], weights: Weights) -> tuple[Node, ...]:
        from_x, from_h = _sides(x, state[0], weights)
        return (activation(from_x + from_h),)

    return step


def _time_and_samples_swapped(x: Node) -> Node:
    """The time and sample axes swapped."""
    return permute(x, axes=(-2, -3, -1))


def layers(step: Callable[..., tuple[Node, ...]], parts: int) -> Callable[..., tuple[Node, ...]]:
    """A recurrent operation of one or more layers, in one or both directions; last states of all layers are stacked."""

    def row(
        shape: Shape,
        x: Node,
        start: Sequence[Node] | Node,
        weights: Weights,
        biases: bool,
        count: int,
        dropout: float,
        train: bool,
        both: bool,
        batch_first: bool = False,
    ) -> tuple[Node, ...]:
        if not isinstance(biases, bool):
            raise NoRule("a recurrent layer over packed sequences has no rule")
        evaluated(not (train and dropout), "a recurrent layer with dropout draws numbers")
        directions, each = 1 + both, len(weights) // (count * (1 + both))
        start = (start,) if isinstance(start, Node) else tuple(start)
        sequence = _time_and_samples_swapped(x) if batch_first else x
        last: list[list[Node]] = [[] for _ in range(parts)]
        for number in range(count):
            outputs = []
            for direction in range(directions):
                place = number * directions + direction
                step_weights = weights[place * each : (place + 1) * each]
                operand = reverse(sequence) if direction else sequence
                states = [element(part, place) for part in start]
                *final, out = fold_nodes(_step(step, step_weights), operand.shape[0], states, [operand])
                for last_states, state in zip(last, final, strict=True):
                    last_states.append(state)
                outputs.append(reverse(out) if direction else out)
            sequence = concatenate(*outputs, axis=-1) if both else outputs[0]
        result = _time_and_samples_swapped(sequence) if batch_first else sequence
        return (result, *(stack(states) for states in last))

    return row


def _step(step: Callable[..., tuple[Node, ...]], weights: Weights) -> Callable[[Sequence[Node]], Sequence[Node]]:
    def run(values: Sequence[Node]) -> Sequence[Node]:
        *state, x = values
        after = step(x, state, weights)
        return (*after, after[0])  # the first part of the state is also the output of the step

    return run


def cell(step: Callable[..., tuple[Node, ...]]) -> Callable[..., Any]:
    def row(shape: Shape, x: Node, start: object, *weights: Node) -> Any:
        after = step(x, [start] if isinstance(start, Node) else start, weights)
        return after if len(after) > 1 else after[0]

    return row


RECURRENT: dict[str, Callable[..., Any]] = {
    "lstm": layers(lstm_step, 2),
    "gru": layers(gru_step, 1),
    "rnn_tanh": layers(rnn_step(_tanh), 1),
    "rnn_relu": layers(rnn_step(lambda a: Node(functions.relu, (a,))), 1),
    "lstm_cell": cell(lstm_step),
    "gru_cell": cell(gru_step),
    "rnn_tanh_cell": cell(rnn_step(_tanh)),
    "rnn_relu_cell": cell(rnn_step(lambda a: Node(functions.relu, (a,)))),
}
