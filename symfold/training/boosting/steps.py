"""Steps: one step of a mapper, its loss by what the layer writes, and the best multiple of what a learner predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.compute.evaluate import Evaluator
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.errors import InvalidType
from symfold.frontend.folding import fold
from symfold.frontend.losses import check_single
from symfold.frontend.named_layers import layers
from symfold.transform.autodiff.differentiate import value_and_grad

Rule = Callable[[Any, Any], Any]  # a prediction and a target to a loss
MOST = 2.0**20  # the longest step that a line search tries
NEGLIGIBLE = 1e-3  # the part of a slope that is taken for none, along a direction without a minimum


def widened(table: NumpyArray, start: NumpyArray) -> NumpyArray:
    return np.hstack([table, np.tile(start, (len(table), 1))])


@dataclass(frozen=True)
class Rows:
    """The states of some rows, their targets, and the states that they started from."""

    state: NumpyArray
    target: NumpyArray
    input: NumpyArray

    @classmethod
    def of(cls, table: NumpyArray, start: NumpyArray, target: NumpyArray) -> Rows:
        """The rows of a table, with the constant that the prediction starts from."""
        state = widened(table, start)
        return cls(state, target, state)

    def taken(self, places: NumpyArray) -> Rows:
        return Rows(self.state[places], self.target[places], self.input[places])


class Step:
    """One step of a mapper as nets: over an opaque layer, and its loss over what the layer writes (`written`).

    Beside it, the loss of a prediction.
    """

    def __init__(self, make: Callable[[Node], Any], rule: Rule, columns: int, outputs: int, single: bool):
        shape = (None, columns + outputs)
        x, state, written = tensor("x", shape), tensor("state", shape), tensor("written", shape)
        self.columns, self.outputs = columns, outputs
        self.step = fold(make(x), layers("f", count=1), state)
        if self.step.outputs[0].shape[1:] != shape[1:] or len(self.step.outputs) != 1:
            raise InvalidType("a mapper for boosting has one state, of the shape of the rows (as f(z) + z)")
        after = fold(make(x), [lambda *read: written], state)
        entries = (None,) if single else (None, outputs)
        target, prediction = tensor("target", entries), tensor("prediction", entries)
        loss = Net.of(rule(after.outputs[0][:, -1] if single else after.outputs[0][:, columns:], target))
        check_single(loss.outputs[0].shape)
        if "written" not in [node.op.name for node in loss.inputs]:
            raise InvalidType(
                "the loss after a step does not depend on the layer, so no stage can fit it "
                "(let the mapper add the layer to the state, as f(z) + z)"
            )
        self.of_written = value_and_grad(loss, wrt=["written"]).compile("numpy")
        self.of_prediction = value_and_grad(Net.of(rule(prediction, target)), wrt=["prediction"]).compile("numpy")

    def check_adds(self, rows: Rows) -> None:
        """Refuse a mapper that changes the state if the layer writes zero, since shrinkage then makes no step small."""
        state = rows.state[:2].copy()
        state[:, self.columns :] += 1
        first = replace(rows, state=state, target=rows.target[:2], input=rows.input[:2])
        if not np.allclose(self.after(np.zeros_like, first).state, state):
            raise InvalidType(
                "the mapper changes the state even if its layer is zero, so no stage is a small step "
                "(let the mapper add the layer to the state, as f(z) + z)"
            )

    def gradient(self, rows: Rows, written: NumpyArray | float = 0.0) -> NumpyArray:
        """The gradient of the loss after the step by what the layer writes, if it writes this."""
        full = np.zeros_like(rows.state)
        full[:, self.columns :] = written
        given = {"x": rows.input, "state": rows.state, "written": full, "target": rows.target}
        _, gradients = self.of_written({}, **{name: given[name] for name in self.of_written.input_names})
        return gradients["written"][:, self.columns :]

    def loss(self, rows: Rows) -> float:
        """The loss of the predictions in the states."""
        return self.value_and_gradient(rows.state[:, self.columns :], rows.target)[0]

    def value_and_gradient(self, prediction: NumpyArray, target: NumpyArray) -> tuple[float, NumpyArray]:
        """The loss of a prediction, and its gradient by that."""
        value, gradients = self.of_prediction({}, prediction=prediction.reshape(target.shape), target=target)
        return float(value), gradients["prediction"].reshape(prediction.shape)

    def after(self, layer: Callable[[NumpyArray], NumpyArray], rows: Rows) -> Rows:
        """The rows after a step with this layer."""
        evaluator = Evaluator({"x": rows.input, "state": rows.state}, functions={"f1": layer})
        return replace(rows, state=evaluator.run_whole(self.step.outputs)[0])

    def read(self, rows: Rows) -> NumpyArray:
        """What the layer reads."""
        seen: list[NumpyArray] = []

        def record(value: NumpyArray) -> NumpyArray:
            seen.append(value)
            return np.zeros_like(value)

        self.after(record, rows)
        if len(seen) != 1:
            raise InvalidType(
                f"the mapper calls its layer {len(seen)} times in a step; boosting fits a learner to one call"
            )
        return seen[0]


def best_step(step: Step, rows: Rows, direction: NumpyArray) -> float:
    """The multiple of a direction that, written by the layer, has the least loss."""
    return zero_of(lambda size: float(np.sum(step.gradient(rows, size * direction) * direction)))


def zero_of(slope: Callable[[float], float]) -> float:
    """Where an increasing function is zero: by one secant if it is linear, else by secants and bisections in turn.

    A function that stays negative (the slope of a logistic loss, if the labels are separated) is taken for zero at the
    first power of two where it has fallen to a thousandth.

    >>> zero_of(lambda size: 4 * size - 6), round(zero_of(lambda size: size**3 - 8), 9)
    (1.5, 2.0)
    """
    at_zero, at_one = slope(0.0), slope(1.0)
    if at_zero == 0:
        return 0.0
    if at_zero > 0:
        return -zero_of(lambda size: -slope(-size))
    if at_one > at_zero:
        guess = at_zero / (at_zero - at_one)
        left = slope(guess)
        if abs(left) <= 1e-9 * abs(at_zero):
            return guess - left / (at_one - at_zero)
    low, at_low, high, at_high, far = 0.0, at_zero, 1.0, at_one, None
    while at_high <= 0:
        if far is None and abs(at_high) <= NEGLIGIBLE * abs(at_zero):
            far = high
        if high >= MOST:
            return far or high
        low, at_low, high = high, at_high, 2 * high
        at_high = slope(high)
    for k in range(200):
        middle = (low + high) / 2 if k % 2 else (low * at_high - high * at_low) / (at_high - at_low)
        at_middle = slope(middle)
        if abs(at_middle) <= 1e-12 * abs(at_zero) or high - low <= 1e-12 * high:
            return middle
        if at_middle < 0:
            low, at_low = middle, at_middle
        else:
            high, at_high = middle, at_middle
    return (low + high) / 2


def best_constant(step: Step, target: NumpyArray, outputs: int) -> NumpyArray:
    """The constant prediction of the least loss: output by output, until none moves by a millionth."""
    start = np.zeros(outputs)
    for _ in range(1 if outputs == 1 else 50):
        before = start.copy()
        for k, unit in enumerate(np.eye(outputs)):

            def slope(size: float, k: int = k, unit: NumpyArray = unit) -> float:
                prediction = np.tile(start + size * unit, (len(target), 1))
                return float(np.sum(step.value_and_gradient(prediction, target)[1][:, k]))

            start[k] += zero_of(slope)
        if np.allclose(before, start, rtol=1e-6, atol=1e-9):
            break
    return start


def sum_scale(step: Step, rows: Rows) -> float:
    """The number of samples if the loss is their mean, 1 if it is their sum; 0 if no sample has a gradient.

    A sample alone is compared with the same among all.
    """
    gradient = step.gradient(rows)
    place = np.unravel_index(np.argmax(np.abs(gradient)), gradient.shape)
    alone = step.gradient(rows.taken(np.array([place[0]])))
    return float(alone[0, place[1]] / gradient[place]) if gradient[place] else 0.0
