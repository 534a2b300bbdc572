"""An ONNX graph under construction: nodes in order, shared constants, sizes read off the inputs at run time.

A value is its name. The body of a fold may read values outside of it; constants and sizes are outside of all bodies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from types import ModuleType
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.version import __version__
from symfold.core.shapes import NAME, Shape, Size, is_concrete, is_known, show
from symfold.errors import MissingPackage, NoRule

OPSET = 18  # the first whose reductions all take their axes as an input
LAST = np.iinfo(np.int64).max


def onnx_package() -> ModuleType:
    """The package `onnx`, or an error if it is not installed."""
    try:
        import onnx
    except ImportError:
        raise MissingPackage("the package onnx is not installed (pip install 'symfold[onnx]')") from None
    return onnx


class Graph:
    """A graph under construction: `emit` appends an operation and returns the name of its result."""

    def __init__(self, dtype: str, taken: Sequence[str]):
        self.onnx = onnx_package()
        self.dtype = np.dtype(dtype)
        self.type = self.onnx.helper.np_dtype_to_tensor_dtype(self.dtype)
        self.taken = set(taken)
        self.initializers: list[Any] = []
        self.scopes: list[list[Any]] = [[]]  # the nodes of the graph, then of nested bodies
        self.constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self.symbols: dict[sp.Symbol, tuple[str, int]] = {}  # unknown sizes, as input and axis
        self.sizes: dict[Size, str] = {}

    def fresh(self, stem: str) -> str:
        """An unused name."""
        number, name = 1, stem
        while name in self.taken:
            number, name = number + 1, f"{stem}_{number}"
        self.taken.add(name)
        return name

    def emit(self, kind: str, *args: str, **attributes: object) -> str:
        """An operation with one result."""
        return self.emit_many(kind, args, 1, **attributes)[0]

    def emit_many(self, kind: str, args: Sequence[str], count: int, **attributes: object) -> list[str]:
        """An operation with several results."""
        results = [self.fresh(f"{kind}_{len(self.taken)}") for _ in range(count)]
        self.scopes[-1].append(
            self.onnx.helper.make_node(kind, list(args), results, name=results[0] if results else kind, **attributes)
        )
        return results

    def constant(self, value: Any, dtype: type[np.generic] | None = None, name: str | None = None) -> str:
        """A constant array, of the graph's dtype by default."""
        array = np.ascontiguousarray(np.asarray(value, dtype=self.dtype if dtype is None else dtype)).reshape(
            np.shape(value)
        )
        key = (array.dtype.str, array.shape, array.tobytes())
        if name is None and key in self.constants:
            return self.constants[key]
        constant_name = name or self.fresh(f"constant_{len(self.initializers)}")
        self.initializers.append(self.onnx.numpy_helper.from_array(array, constant_name))
        if name is None:
            self.constants[key] = constant_name
        return constant_name

    def integers(self, values: Sequence[int]) -> str:
        """Constant whole numbers: axes, positions, sizes."""
        return self.constant(np.asarray(values, dtype=np.int64).reshape(len(values)), np.int64)

    def size(self, size: Size) -> str:
        """A size as an array of one whole number; an unknown size is read off the inputs."""
        if isinstance(size, int):
            return self.integers([size])
        if size not in self.sizes:
            with self.outside():
                self.sizes[size] = self._computed(size)
        return self.sizes[size]

    def _computed(self, size: sp.Expr) -> str:
        if size.is_Integer:
            return self.integers([int(size)])
        if size in self.symbols:
            name, axis = self.symbols[size]
            return self.emit("Shape", name, start=axis, end=axis + 1)
        if isinstance(size, sp.floor):
            numerator, denominator = size.args[0].as_numer_denom()
            return self.emit("Div", self.size(numerator), self.size(denominator))  # floor division: none is negative
        numerator, denominator = size.as_numer_denom()
        if denominator != 1:
            return self.emit("Div", self.size(numerator), self.size(denominator))
        kind = {sp.Add: "Add", sp.Mul: "Mul"}.get(type(size))
        if kind is None:
            raise NoRule(
                f"the size {size} cannot be written for ONNX (give the inputs their sizes: shapes={{'x': (32, 3)}})"
            )
        return reduce(lambda a, b: self.emit(kind, a, b), map(self.size, size.args))

    def number(self, value: sp.Expr) -> str:
        """A number computed from unknown sizes, of the graph's dtype."""
        with self.outside():
            return self._number(value)

    def _number(self, value: sp.Expr) -> str:
        if not value.free_symbols:
            return self.constant(float(value))
        kind = {sp.Add: "Add", sp.Mul: "Mul", sp.Pow: "Pow"}.get(type(value))
        if kind is not None:
            return reduce(lambda a, b: self.emit(kind, a, b), map(self._number, value.args))
        return self.emit("Cast", self.emit("Squeeze", self.size(value), self.integers([0])), to=self.type)

    def shape(self, shape: Shape) -> str:
        """A shape, as an array of whole numbers."""
        check_rank(shape)
        if is_concrete(shape):
            return self.integers([int(size) for size in shape])
        return self.emit("Concat", *(self.size(size) for size in shape), axis=0)

    def spread(self, value: str, before: Shape, after: Shape) -> str:
        """A value broadcast to a shape, if it has another."""
        return value if before == after else self.emit("Expand", value, self.shape(after))

    def info(self, name: str, shape: Shape, dtype: Any = None) -> Any:
        """The type and shape of an input or result; unknown sizes by name."""
        kind = self.type if dtype is None else self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.onnx.helper.make_tensor_value_info(
            name, kind, [size if isinstance(size, int) else str(size) for size in shape]
        )

    def output(self, name: str, value: str, shape: Shape) -> Any:
        """A value as a named result of the graph."""
        self.scopes[0].append(self.onnx.helper.make_node("Identity", [value], [name], name=name))
        return self.info(name, shape)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Append to the graph itself instead of the current body."""
        scopes, self.scopes = self.scopes, self.scopes[:1]
        try:
            yield
        finally:
            self.scopes = scopes

    @contextmanager
    def body(self) -> Iterator[list[Any]]:
        """Append to a new body, whose nodes are in the list."""
        self.scopes.append([])
        yield self.scopes[-1]
        self.scopes.pop()

    def model(self, inputs: Sequence[object], outputs: Sequence[object]) -> Any:
        """The finished model."""
        helper = self.onnx.helper
        read = set(values_read(self.scopes[0]))  # rows may ask for constants that the file does without
        stored = [array for array in self.initializers if array.name in read]
        graph = helper.make_graph(self.scopes[0], "symfold", list(inputs), list(outputs), initializer=stored)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="symfold", producer_version=__version__
        )
        model.ir_version = helper.find_min_ir_version_for(model.opset_import)
        return model


def values_read(nodes: Iterable[Any]) -> Iterator[str]:
    """The names of the values that operations read, also those in their bodies."""
    for node in nodes:
        yield from node.input
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from values_read(attribute.g.node)


def check_rank(shape: Shape) -> None:
    """Raise an error if the number of axes is unknown, which ONNX requires."""
    if not is_known(shape) or shape == (NAME,):
        raise NoRule(
            f"a value of shape {show(shape)} cannot be written for ONNX: its axes are not known "
            "(give the inputs shapes: shapes={'x': (32, 3)})"
        )
