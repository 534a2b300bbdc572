"""Evaluation by interpretation: slow, simple, correct for every number type; the reference for all backends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import NumpyArray, array_of
from symfold.base.trees import unflatten
from symfold.core.attach import attach
from symfold.core.blocks import Call
from symfold.core.conversion import as_node
from symfold.core.functions import numbers_of
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.leaves import Constant, FrozenArray, Input
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives import Apply
from symfold.core.shapes import NAME, fits, show
from symfold.errors import InvalidType, InvalidValue, NoRule, ShapeError, depth_is_symbolic, listing, plural
from symfold.transform.inlining import with_divisions
from symfold.transform.specialize import match, with_shapes


def constant_value(node: Node) -> Any:
    """The NumPy value of a constant."""
    assert isinstance(node.op, Constant)
    value = node.op.value
    if isinstance(value, FrozenArray):
        return value.array
    if value.free_symbols:
        raise depth_is_symbolic(value)
    return int(value) if isinstance(value, sp.Integer) and abs(int(value)) < 2**53 else float(value)


def as_numbers(name: str, value: Any) -> Any:
    """A value as an array: numbers as float64, so that none wraps around; objects unchanged."""
    array = array_of(f"the value of {name!r}", value, objects=True)
    return array if array.dtype.kind == "O" else array.astype(np.float64)


def has_no_numbers(layer: str) -> NoRule:
    """The error for a layer without a body."""
    return NoRule(
        f"layer {layer} is opaque and has no numbers (give it a body: net.bind({{{layer!r}: lambda z: ...}}))"
    )


class Evaluator(Interpreter):
    """The numbers of a net, from values by input name; exact for arrays of objects (SymPy numbers)."""

    def __init__(self, values: Mapping[str, Any], exact: bool = False):
        self.values = values
        self.exact = exact
        self.objects = any(getattr(value, "dtype", np.dtype(float)).kind == "O" for value in values.values())

    def leaf(self, node: Node) -> Any:
        if isinstance(node.op, Constant):
            if self.exact and isinstance(node.op.value, sp.Expr):
                return np.asarray(node.op.value, dtype=object)
            value = constant_value(node)
            # int64 would wrap around; Python's integers beside objects are exact
            return value if self.objects else np.asarray(value, dtype=np.float64)[()]
        assert isinstance(node.op, Input)
        if node.shape[-1:] == (NAME,):
            return node.op.name
        if node.op.name not in self.values:
            given = listing(map(repr, self.values))
            raise InvalidValue(f"no value for {node.op.role} {node.op.name!r} (given: {given})")
        return self.values[node.op.name]

    def index(self, value: NumpyArray, position: int, node: Node) -> NumpyArray:
        return value[position]

    def collect(self, entries: Entries, node: Node) -> NumpyArray:
        return np.stack([np.asarray(entry) for entry in entries])

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        op = node.op
        if isinstance(op, Call):
            if op.body is None:
                raise has_no_numbers(args[0])
            return self.run(with_divisions(op.body.results), dict(zip(op.body.formals, args[1:], strict=True)))[0]
        if isinstance(op, type):
            if self.exact:
                return np.frompyfunc(op, len(args), 1)(*args)
            return numbers_of(op)(*args)
        assert isinstance(op, Apply)
        return op.evaluate(*args)


def call(net: Net, *values: Any, **named: Any) -> Any:
    """Evaluate at numbers, or substitute nodes, nets or SymPy expressions for inputs, which gives a net.

    Positional values follow `inputs`; a mapping before them holds parameters.
    """
    params: Mapping[str, Any] = {}
    if values and isinstance(values[0], Mapping):
        params, values = values[0], values[1:]
    if len(values) > len(net.inputs):
        names = listing(node.op.name for node in net.inputs)
        raise InvalidType(f"{plural(len(values), 'value')} given for {plural(len(net.inputs), 'input')}: {names}")
    positional = {node.op.name: value for node, value in zip(net.inputs, values, strict=False)}
    arguments = {**params, **positional, **named}
    leaves = {node.op.name: node for node in (*net.inputs, *net.params)}
    for name in arguments:
        if name not in leaves and name not in params:  # spare parameters are allowed: a gradient needs fewer
            raise InvalidType(f"the net has no input or parameter {name!r} (it has {listing(map(repr, leaves))})")
    if any(
        isinstance(value, Node) or hasattr(value, "_as_node_") or hasattr(value, "free_symbols")
        for value in arguments.values()
    ):
        substituted = {name: as_node(value) for name, value in arguments.items() if name in leaves}
        for name, value in substituted.items():
            leaf = leaves[name]
            if not fits(value.shape, leaf.shape):
                raise ShapeError(
                    f"{leaf.op.role} {name!r} has shape {show(leaf.shape)}, got {value} of shape {show(value.shape)}"
                )
        return net.replaced(substituted)

    numbers = {name: as_numbers(name, value) for name, value in arguments.items() if name in leaves}
    for node in net.params:
        if node.op.name in numbers and not fits(numbers[node.op.name].shape, node.shape):
            raise ShapeError(
                f"parameter {node.op.name!r} has shape {show(node.shape)}, got {numbers[node.op.name].shape}"
            )
    for name, value in numbers.items():
        match(leaves[name], value.shape, {})
    evaluator = Evaluator(numbers)
    outputs = with_divisions(with_shapes(net, {name: value.shape for name, value in numbers.items()}).outputs)
    with np.errstate(all="ignore"):  # as in compiled nets: infinite and undefined numbers are results
        results = evaluator.run_whole(outputs)
    return unflatten(net.form, [np.asarray(result) for result in results])


attach(Net, __call__=call)
