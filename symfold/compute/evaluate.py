"""Numbers by interpretation: slow, simple, and right for any number type; what every backend is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import array_of
from symfold.base.trees import unflatten
from symfold.core.applied_layers import Call
from symfold.core.attach import attach
from symfold.core.conversion import as_node
from symfold.core.functions import numbers_of
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Constant, FrozenArray, Input
from symfold.core.shapes import NAME, fits, show
from symfold.errors import InvalidType, InvalidValue, NoRule, ShapeError
from symfold.transform.inlining import with_divisions
from symfold.transform.specialize import match, with_shapes


def constant_value(node: Node) -> Any:
    """A constant as NumPy computes with it."""
    value = node.op.value
    if isinstance(value, FrozenArray):
        return value.array
    return int(value) if isinstance(value, sp.Integer) and abs(int(value)) < 2**53 else float(value)


def as_numbers(name: str, value: Any) -> Any:
    """A value as an array to compute with: numbers as float64, so that none wraps around; objects as they are."""
    array = array_of(f"the value of {name!r}", value, objects=True)
    return array if array.dtype.kind == "O" else array.astype(np.float64)


def has_no_numbers(layer: str) -> NoRule:
    """The error that names a layer without a body."""
    return NoRule(
        f"layer {layer} is opaque and has no numbers (give it a body: net.bind({{{layer!r}: lambda z: ...}}))"
    )


class Evaluator(Interpreter):
    """The numbers of a net, from values by input name. Arrays of objects (SymPy numbers) give exact results."""

    def __init__(self, values: Mapping[str, Any], exact: bool = False):
        self.values = values
        self.exact = exact
        self.objects = any(getattr(value, "dtype", np.dtype(float)).kind == "O" for value in values.values())

    def leaf(self, node: Node) -> Any:
        if isinstance(node.op, Constant):
            if self.exact and isinstance(node.op.value, sp.Expr):
                return np.asarray(node.op.value, dtype=object)
            value = constant_value(node)
            # whole numbers would wrap around; beside objects they are exact as they are
            return value if self.objects else np.asarray(value, dtype=np.float64)[()]
        if node.shape[-1:] == (NAME,):
            return node.op.name
        assert isinstance(node.op, Input)
        if node.op.name not in self.values:
            raise InvalidValue(
                f"no value for {node.op.role} {node.op.name!r} (given: {', '.join(map(repr, self.values)) or 'nothing'})"
            )
        return self.values[node.op.name]

    def index(self, value: Any, position: int, node: Node) -> Any:
        return value[position]

    def collect(self, entries: Entries, node: Node) -> Any:
        return np.stack([np.asarray(entry) for entry in entries])

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        op = node.op
        if isinstance(op, Call):
            if op.body is None:
                raise has_no_numbers(args[0])
            given = dict(zip(op.body.formals, args[1:], strict=True))
            return self.run(with_divisions(op.body.results), given)[0]
        if isinstance(op, type):
            if self.exact:
                return np.frompyfunc(op, len(args), 1)(*args)
            return numbers_of(op)(*args)
        return op.evaluate(*args)


def call(net: Net, *values: Any, **named: Any) -> Any:
    """Evaluate at numbers, or put nodes, nets or SymPy expressions in the place of inputs (a net again).

    Positional values follow `inputs`, after a dict of parameters if the first value is a mapping.
    """
    params: Mapping[str, Any] = {}
    if values and isinstance(values[0], Mapping):
        params, values = values[0], values[1:]
    if len(values) > len(net.inputs):
        raise InvalidType(
            f"{len(values)} values given for {len(net.inputs)} input(s): {', '.join(i.op.name for i in net.inputs) or 'none'}"
        )
    given = {**params, **{i.op.name: value for i, value in zip(net.inputs, values, strict=False)}, **named}
    known = {node.op.name: node for node in (*net.inputs, *net.params)}
    for name in given:
        if (
            name not in known and name not in params
        ):  # parameters may be more than this net needs: a gradient needs fewer
            raise InvalidType(
                f"the net has no input or parameter {name!r} (it has {', '.join(map(repr, known)) or 'none'})"
            )
    if any(
        isinstance(value, Node) or hasattr(value, "_as_node_") or hasattr(value, "free_symbols")
        for value in given.values()
    ):
        placed = {name: as_node(value) for name, value in given.items() if name in known}
        for name, value in placed.items():
            if not fits(value.shape, known[name].shape):
                raise ShapeError(
                    f"{known[name].op.role} {name!r} has shape {show(known[name].shape)}, got {value} of shape {show(value.shape)}"
                )
        return net.replaced(placed)

    numbers = {name: as_numbers(name, value) for name, value in given.items() if name in known}
    for node in net.params:
        if node.op.name in numbers and not fits(numbers[node.op.name].shape, node.shape):
            raise ShapeError(
                f"parameter {node.op.name!r} has shape {show(node.shape)}, got {numbers[node.op.name].shape}"
            )
    for name, value in numbers.items():
        match(known[name], value.shape, {})
    evaluator = Evaluator(numbers)
    outputs = with_divisions(with_shapes(net, {name: value.shape for name, value in numbers.items()}).outputs)
    with np.errstate(all="ignore"):  # as compiled nets have it: infinite and undefined numbers are results
        whole = evaluator.run_whole(outputs)
    return unflatten(net.form, [np.asarray(value) for value in whole])


attach(Net, __call__=call)
