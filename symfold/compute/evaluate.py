"""Evaluation by interpretation: slow, simple, correct for every number type; the reference for all backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import NumpyArray, array_of, check_params, has_params
from symfold.base.trees import unflatten
from symfold.compute.bounded_inputs import bounded_inputs, check_bounded
from symfold.core.attach import attach
from symfold.core.blocks import Call
from symfold.core.conversion import as_node
from symfold.core.functions import numbers_of
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.leaves import Constant, FrozenArray, Input
from symfold.core.names import applied_layers, covers, names_of
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import Apply, is_primitive, within
from symfold.core.shapes import NAME, fits, show
from symfold.core.stacked_inputs import Names
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


def opaque_names(net: Net) -> list[Names]:
    """The names of the opaque layers of a net, family by family."""
    return [names_of(args[0]) for op, args in applied_layers(net.outputs) if op.body is None]


class Evaluator(Interpreter):
    """The numbers of a net, from values by input name; exact for arrays of objects (SymPy numbers).

    An opaque layer is the function of its name in `functions`, over arrays.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        exact: bool = False,
        functions: Mapping[str, Callable[..., Any]] | None = None,
    ):
        self.values = values
        self.exact = exact
        self.functions = functions or {}
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
            call = "; parameters come first: net(params, x)" if node.op.role == "parameter" else ""
            raise InvalidValue(f"no value for {node.op.role} {node.op.name!r} (given: {given}{call})")
        return self.values[node.op.name]

    def index(self, value: NumpyArray, position: int, node: Node) -> NumpyArray:
        return value[position]

    def collect(self, entries: Entries, node: Node) -> NumpyArray:
        return np.stack([np.asarray(entry) for entry in entries])

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        op = node.op
        if isinstance(op, Call):
            if op.body is None:
                return self.opaque(args[0], args[1:])
            return self.run(with_divisions(op.body.results), dict(zip(op.body.formals, args[1:], strict=True)))[0]
        if isinstance(op, type):
            if self.exact:
                return np.frompyfunc(op, len(args), 1)(*args)
            return numbers_of(op)(*args)
        assert isinstance(op, Apply)
        return op.evaluate(*args)

    def opaque(self, layer: str, args: Sequence[Any]) -> NumpyArray:
        """The numbers of an opaque layer, from its function: of the shape of its first argument, as in every net."""
        if layer not in self.functions:
            raise has_no_numbers(layer)
        value = as_numbers(layer, self.functions[layer](*args))
        if value.shape != np.shape(args[0]):
            raise ShapeError(
                f"the function of layer {layer} gave shape {value.shape} for an argument of shape {np.shape(args[0])} "
                "(an opaque layer keeps the shape of its first argument)"
            )
        return value


def call(net: Net, *values: Any, **named: Any) -> Any:
    """Evaluate at numbers, or substitute nodes, nets or SymPy expressions for inputs, which gives a net.

    Positional values follow `inputs`; a mapping before them holds parameters, and functions over arrays for opaque
    layers, such as a fitted model's.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x"))
    >>> net({"f1": np.sign, "f2": np.square}, [-2.0, 3.0])
    array([ 6., 20.])
    """
    params: Mapping[str, Any] = {}
    if values and has_params(values[0]):
        check_params(values[0])
    if values and isinstance(values[0], Mapping):
        params, values = values[0], values[1:]
    if len(values) > len(net.inputs):
        names = listing(node.op.name for node in net.inputs)
        first = "; parameters come first: net(params, x)" if any(isinstance(value, Mapping) for value in values) else ""
        raise InvalidType(
            f"{plural(len(values), 'value')} given for {plural(len(net.inputs), 'input')}: {names}{first}"
        )
    positional = {node.op.name: value for node, value in zip(net.inputs, values, strict=False)}
    arguments = {**params, **positional, **named}
    leaves = {node.op.name: node for node in (*net.inputs, *net.params)}
    functions = {name: value for name, value in arguments.items() if callable(value) and name not in leaves}
    if functions:
        opaque = opaque_names(net)
        functions = {name: value for name, value in functions.items() if any(covers(name, names) for names in opaque)}
    for name in arguments:
        if (
            name not in leaves and name not in params and name not in functions
        ):  # spare parameters are allowed: a gradient needs fewer
            raise InvalidType(f"the net has no input or parameter {name!r} (it has {listing(map(repr, leaves))})")
    if any(
        isinstance(value, Node) or hasattr(value, "_as_node_") or hasattr(value, "free_symbols")
        for name, value in arguments.items()
        if name not in functions
    ):
        if functions:
            raise InvalidType(
                f"a function for layer {next(iter(functions))!r} applies to numbers only "
                "(to substitute nodes or expressions as well, give the layer a body first: net.bind)"
            )
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
    evaluator = Evaluator(numbers, functions=functions)
    outputs = with_divisions(with_shapes(net, {name: value.shape for name, value in numbers.items()}).outputs)
    with np.errstate(all="ignore"):  # as in compiled nets: infinite and undefined numbers are results
        results = evaluator.run_whole(outputs)
    if not evaluator.objects and any(is_primitive(node, within) for node in walk(net.outputs)):
        check_bounded(bounded_inputs(net), numbers)
    return unflatten(net.form, [np.asarray(result) for result in results])


attach(Net, __call__=call)
