"""Comparable nets: those with the same symbolic depths, inputs, parameter shapes and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symfold.core.conversion import as_node
from symfold.core.names import applied_layers
from symfold.core.net import Net
from symfold.core.shapes import Shape, fits, show
from symfold.core.stacked_inputs import Names, StackedInputs
from symfold.errors import InvalidType, InvalidValue, ShapeError


def incomparable(a: Net, b: Net) -> str | None:
    """The reason why two nets cannot be compared; None if they can."""
    depths = [free_depths(net) for net in (a, b)]
    if depths[0] != depths[1]:
        return (
            f"the symbolic depths are {_listed(depths[0])} in one and {_listed(depths[1])} in the other "
            "(give them numbers: net.at(n=10))"
        )
    inputs = [{leaf.op.name: leaf.shape for leaf in net.inputs} for net in (a, b)]
    if inputs[0].keys() != inputs[1].keys():
        return f"the inputs are {_listed(inputs[0])} in one and {_listed(inputs[1])} in the other"
    for name, shape in inputs[0].items():
        if not fits(shape, inputs[1][name]):
            return f"input {name!r} has shape {show(shape)} in one and {show(inputs[1][name])} in the other"
    parameters: list[dict[Names | str, Shape]] = [
        {
            leaf.op.names if isinstance(leaf.op, StackedInputs) else leaf.op.name: leaf.op.shape
            for leaf in net.leaves
            if leaf.op.role == "parameter"
        }
        for net in (a, b)
    ]
    for names, shape in parameters[0].items():
        if names in parameters[1] and shape != parameters[1][names]:
            return f"parameter {names!r} has shape {show(shape)} in one and {show(parameters[1][names])} in the other"
    if len(a.outputs) != len(b.outputs) or a.form != b.form:
        return f"the outputs are held in another form: {len(a.outputs)} in one and {len(b.outputs)} in the other"
    for place, (left, right) in enumerate(zip(a.outputs, b.outputs, strict=True)):
        if not fits(left.shape, right.shape):
            return f"output {place + 1} has shape {show(left.shape)} in one and {show(right.shape)} in the other"
    return None


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"


def free_depths(net: Net) -> set[str]:
    """The symbols in the depths of a net."""
    counts = [leaf.op.count for leaf in net.leaves if isinstance(leaf.op, StackedInputs)] + [
        node.op.count for node in net.bindings
    ]
    return {
        symbol.name
        for count in counts
        if not isinstance(count, int)
        for symbol in count.free_symbols
        if "[" not in symbol.name
    }


def has_bodies(net: Net) -> bool:
    """Whether any layer of a net has a body."""
    return any(op.body is not None for op, _ in applied_layers(net.outputs))


def with_parameters(a: Net, b: Net, params: Mapping[str, Any]) -> tuple[Net, Net]:
    """Both nets with numbers in place of parameters."""
    if not isinstance(params, Mapping):
        raise InvalidType(
            f"params must be a mapping from names to numbers, got {params!r} (as net.init(seed=0) gives it)"
        )
    parameters = [{node.op.name: node for node in net.params} for net in (a, b)]
    for name in params:
        if not any(name in nodes for nodes in parameters):
            listed = sorted({*parameters[0], *parameters[1]})
            raise InvalidValue(
                f"no parameter of the nets is called {name!r} (their parameters: {', '.join(listed[:12]) or 'none'})"
            )
    nets: list[Net] = []
    for net, nodes in zip((a, b), parameters, strict=True):
        values = {name: np.asarray(params[name]) for name in nodes if name in params}
        for name, value in values.items():
            if not fits(value.shape, nodes[name].shape):
                raise ShapeError(f"parameter {name!r} has shape {show(nodes[name].shape)}, got {value.shape}")
        nets.append(
            net.replaced({name: as_node(value if value.ndim else value.item()) for name, value in values.items()})
        )
    return nets[0], nets[1]
