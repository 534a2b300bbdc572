"""The gradients that layers receive from a loss, in numbers, and how updates of layers change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from symfold.analysis.jacobians.probes import Probed, in_order, probed, untapped
from symfold.base.public import public
from symfold.base.results import Result
from symfold.base.tables import MOST, Table, Tabled
from symfold.compute.compile import compile_net
from symfold.core.leaves import Input, number
from symfold.core.names import applied_layers, names_of
from symfold.core.net import Net, listed
from symfold.core.nodes import Node
from symfold.core.primitives import reduce_sum, zeros
from symfold.core.shapes import is_known, show
from symfold.core.stacked_inputs import Leaf, StackedInputs
from symfold.errors import InvalidValue
from symfold.transform.autodiff.differentiate import value_and_grad
from symfold.transform.autodiff.reverse_mode import pull_back
from symfold.transform.inlining import inlined
from symfold.transform.specialize import with_shapes

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False, repr=False)
class Received(Tabled, Result):
    """The gradients that applications of layers receive, in order of computation, and the loss gradient.

    The loss gradient is that of the last state of the last fold that applies layers, or of the last layer if there is
    no such fold. The cosine of gradients of different shapes is nan.
    """

    layers: tuple[str, ...]
    gradients: tuple[Array, ...]
    loss_gradient: Array

    @property
    def _table(self) -> Table:
        def row(k: int) -> tuple[str, ...]:
            gradient = self.gradients[k]
            alike = gradient.shape == self.loss_gradient.shape
            cosine = f"{_cosine(gradient, self.loss_gradient):.3g}" if alike else "of another shape"
            return self.layers[k], str(gradient.shape), f"{self.norms[k]:.3g}", cosine

        return Table(("layer", "shape", "gradient norm", "cosine with loss gradient"), len(self.layers), row)

    @cached_property
    def norms(self) -> Array:
        """The norm of each received gradient."""
        return np.array([np.linalg.norm(np.ravel(gradient)) for gradient in self.gradients])

    @cached_property
    def cosines(self) -> Array:
        """The cosine of each received gradient with the loss gradient: 1 for the same direction."""
        return np.array([_cosine(gradient, self.loss_gradient) for gradient in self.gradients])

    @cached_property
    def between(self) -> Array:
        """The cosines of all pairs of received gradients."""
        return np.array([[_cosine(a, b) for b in self.gradients] for a in self.gradients])


def _cosine(a: Array, b: Array) -> float:
    if a.shape != b.shape or not np.any(a) or not np.any(b):
        return float("nan")
    first, second = np.ravel(a) / np.max(np.abs(a)), np.ravel(b) / np.max(np.abs(b))
    return float(np.clip(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)), -1.0, 1.0))


@public
def received(loss: Any, params: Mapping[str, Any], **data: Any) -> Received:
    """The gradient that every application of a layer receives from a loss, at these parameters and data.

    >>> import symfold as sf, numpy as np
    >>> x = sf.tensor("x", (None, 2))
    >>> y = sf.fold(sf.mappers.boosting(x), sf.layers("f1:4", sf.dense(2, 2, sf.tanh)), x)
    >>> loss = sf.squared_error(y, sf.tensor("target", (None, 2)))
    >>> result = sf.received(loss, y.init(seed=0), x=np.ones((5, 2)), target=np.zeros((5, 2)))
    >>> result.layers, result.cosines.round(9).tolist()
    (('f1', 'f2', 'f3'), [1.0, 1.0, 1.0])
    """
    net = _at(loss, data)
    taps = probed(net.outputs, states=True)
    bars = _bars(taps, (*(probe.source for probe in taps.probes), *taps.state))
    values = _numbers(Net(untapped(bars), ("tuple", ("*",) * len(bars)), net.leaves), params, data)
    pairs = in_order(taps.probes, values[: len(taps.probes)])
    last = pairs[-1][1] if not taps.state else values[len(taps.probes)]
    return Received(tuple(name for name, _ in pairs), tuple(np.array(value) for _, value in pairs), np.array(last))


def _at(loss: Any, data: Mapping[str, Any]) -> Net:
    """A loss that applies layers, with the sizes of the data."""
    net = Net.of(loss)
    inputs = {node.op.name for node in net.inputs}
    for name in data:
        if name not in inputs:
            raise InvalidValue(
                f"the loss has no input {name!r} (it has {', '.join(map(repr, sorted(inputs))) or 'none'})"
            )
    net = with_shapes(net, {name: np.shape(value) for name, value in data.items()})
    if len(net.outputs) != 1 or (is_known(net.outputs[0].shape) and net.outputs[0].shape != ()):
        raise InvalidValue(
            f"a loss is a single number, got shape {', '.join(show(o.shape) for o in net.outputs)} "
            "(sum over it, or use sf.squared_error)"
        )
    if not any(True for _ in applied_layers(net.outputs)):
        raise InvalidValue(
            "the loss applies no layer, so there is none that receives a gradient "
            "(name functions as layers: sf.layer('f1', np.tanh))"
        )
    return net


def _bars(taps: Probed, sources: Sequence[Node]) -> list[Node]:
    pulled = pull_back(inlined(taps.roots), [number(1)], sources)
    return [pulled.bars.get(source, zeros(source)) for source in sources]


def _numbers(net: Net, params: Mapping[str, Any], values: Mapping[str, Any]) -> list[Any]:
    return _run(net, compile_net(net), params, values)


def _run(net: Net, compiled: Callable[..., Any], params: Mapping[str, Any], values: Mapping[str, Any]) -> list[Any]:
    names = {node.op.name for node in (*net.inputs, *net.params)}
    return list(compiled(dict(params), **{name: value for name, value in values.items() if name in names}))


# ---------------------------------------------------------------- coupling of updates


@dataclass(frozen=True, eq=False, repr=False)
class Updates(Tabled, Result):
    """The change of the gradient that each layer receives, by a gradient step on one layer, per unit of learning rate.

    `changes[k][j]` is the derivative of the gradient of application k as the parameters of layer j move along their
    negative gradient.
    """

    received: tuple[str, ...]
    moved: tuple[str, ...]
    changes: tuple[tuple[Array, ...], ...]
    gradients: tuple[Array, ...]

    @property
    def _table(self) -> Table:
        """The norms, of at most as many columns as rows are shown."""
        moved = self.moved[:MOST]
        more = ("...",) * (len(self.moved) > MOST)

        def row(k: int) -> tuple[str, ...]:
            return self.received[k], *(f"{norm:.3g}" for norm in self.matrix[k, :MOST]), *more

        return Table(("received by", *(f"step on {layer}" for layer in moved), *more), len(self.received), row)

    @cached_property
    def matrix(self) -> Array:
        """The norms of the changes, applications by moved layers."""
        return np.array([[np.linalg.norm(np.ravel(change)) for change in row] for row in self.changes])

    @cached_property
    def relative(self) -> Array:
        """The same, relative to the norm of each received gradient."""
        norms = np.array([np.linalg.norm(np.ravel(gradient)) for gradient in self.gradients])
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.matrix / norms[:, None]


@public
def update_coupling(loss: Any, params: Mapping[str, Any], **data: Any) -> Updates:
    """The coupling of updates: how a gradient step on each layer alone changes the gradients that all layers receive.

    Exact: the derivatives of received gradients along the step, per unit of learning rate. In boosting a step acts
    through the loss alone, on all layers alike; in a residual net also through the states and the Jacobians.

    >>> import symfold as sf, numpy as np
    >>> x = sf.tensor("x", (None, 2))
    >>> y = sf.fold(sf.mappers.boosting(x), sf.layers("f1:3", sf.dense(2, 2, sf.tanh)), x)
    >>> loss = sf.squared_error(y, sf.tensor("target", (None, 2)))
    >>> coupled = sf.update_coupling(loss, y.init(seed=0), x=np.ones((5, 2)), target=np.zeros((5, 2)))
    >>> bool(np.allclose(coupled.matrix[0], coupled.matrix[1]))
    True
    """
    net = _at(loss, data)
    taps = probed(net.outputs)
    sources = [probe.source for probe in taps.probes]
    bars = untapped(_bars(taps, sources))
    forms = ("tuple", ("*",) * len(bars))
    before = in_order(taps.probes, _numbers(Net(bars, forms, net.leaves), params, data))
    leaves = [leaf for leaf in net.leaves if leaf.op.role == "parameter"]
    along, directions, cotangents = _along(bars, leaves)
    gradient = compile_net(value_and_grad(net))(dict(params), **data)[1]
    if not (owners := _owners(net)):
        raise InvalidValue(
            "no layer of the loss has parameters, so there is no update "
            "(give layers some: sf.dense, or weights of a body)"
        )
    columns = []
    # `along` does not depend on the cotangents: J^T v is linear in v
    zero = {node.op.name: np.zeros(node.shape) for node in cotangents}
    column = Net(along, forms, (*net.leaves, *directions, *cotangents))
    compiled = compile_net(column)
    for names in owners.values():
        steps = {d.op.name: _direction(leaf, gradient, names) for leaf, d in zip(leaves, directions, strict=True)}
        columns.append(in_order(taps.probes, _run(column, compiled, params, {**data, **zero, **steps})))
    changes = tuple(tuple(np.array(column[k][1]) for column in columns) for k in range(len(before)))
    return Updates(
        tuple(name for name, _ in before), tuple(owners), changes, tuple(np.array(value) for _, value in before)
    )


def _along(
    values: Sequence[Node], leaves: Sequence[Leaf]
) -> tuple[tuple[Node, ...], list[Node[Input]], list[Node[Input]]]:
    """The derivatives of values along directions of the leaves, with directions and cotangents as inputs.

    Forward mode by two backward passes: the first gives J^T v for cotangents v; the gradient of w^T J^T v by v is J w.
    """
    cotangents = [Node(Input(f"cotangent_{k + 1}_", value.shape)) for k, value in enumerate(values)]
    directions = [Node(Input(f"direction_{k + 1}_", leaf.shape)) for k, leaf in enumerate(leaves)]
    first = pull_back(values, cotangents, leaves)
    parts = [
        reduce_sum(first.bars[leaf] * d, axis=None, keepdims=False)
        for leaf, d in zip(leaves, directions, strict=True)
        if leaf in first.bars
    ]
    if not parts:
        return tuple(zeros(value) for value in values), directions, cotangents
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    second = pull_back((total,), [number(1)], cotangents)
    return tuple(second.bars.get(v, zeros(v)) for v in cotangents), directions, cotangents


def _owners(net: Net) -> dict[str, tuple[str, ...]]:
    """The parameters of each layer that has some, by layer name."""
    owners: dict[str, dict[str, None]] = {}
    for op, args in applied_layers(net.outputs):
        weights = [tuple(names_of(weight)) for weight in args[1 + op.arity : 1 + op.arity + op.weights]]
        for place, name in enumerate(names_of(args[0])):
            for names in weights:
                if names:
                    owners.setdefault(name, {})[names[place]] = None
    return {name: tuple(names) for name, names in owners.items()}


def _direction(leaf: Leaf, gradient: Mapping[str, Any], names: Sequence[str]) -> Array:
    """A gradient step on some parameters, in the shape of a leaf: a parameter, or stacked ones."""
    rows = [
        -np.asarray(gradient[name]) if name in names else np.zeros(np.shape(gradient[name])) for name in listed(leaf)
    ]
    return np.stack(rows) if isinstance(leaf.op, StackedInputs) else rows[0]
