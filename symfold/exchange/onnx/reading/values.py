"""Values of an ONNX graph: nodes, or known arrays, in which an unknown size is a symbol."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import NumpyArray
from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.shapes import Shape, Size
from symfold.errors import NoRule

MOST_ENTRIES = 2**26  # of an array that a model computes while it is read


@dataclass(frozen=True)
class Value:
    """A node, an array, or both: a parameter with its numbers. `kind` is real, whole or truth."""

    kind: str
    given: Node | None = None
    array: NumpyArray | None = None

    @property
    def node(self) -> Node:
        if self.given is not None:
            return self.given
        assert self.array is not None
        bounded(self.array.shape)
        if self.array.dtype == object:
            raise NoRule("a size that is not known cannot be used as a number")
        return as_node(self.array if self.array.dtype != bool else self.array.astype(np.int64))

    @property
    def known(self) -> NumpyArray:
        """The numbers; an error if they are computed from inputs."""
        if self.array is None:
            raise NoRule("it needs a value that is known while the model is read, not one computed from the inputs")
        return self.array

    @property
    def is_constant(self) -> bool:
        return self.given is None

    @property
    def shape(self) -> Shape:
        return self.given.shape if self.given is not None else tuple(self.known.shape)


def kind_of(dtype: Any) -> str:
    """What numbers of a NumPy dtype are to a net."""
    kind = {"f": "real", "V": "real", "i": "whole", "u": "whole", "b": "truth", "O": "whole"}.get(np.dtype(dtype).kind)
    if kind is None:
        raise NoRule(f"values of dtype {dtype} are not real numbers")
    return kind


def constant(array: Any) -> Value:
    """A known array; one of sizes that are all numbers holds whole numbers."""
    plain = np.asarray(array)
    if plain.dtype == object and all(isinstance(entry, (int, np.integer, sp.Integer)) for entry in plain.flat):
        plain = plain.astype(np.int64)
    if plain.dtype.kind == "V":
        plain = plain.astype(np.float32)
    return Value(kind_of(plain.dtype), None, plain)


def bounded(shape: Any) -> None:
    """Raise an error for a shape with too many entries to be computed while reading."""
    if prod(int(size) for size in shape) > MOST_ENTRIES:
        raise NoRule(f"an array of shape {tuple(map(int, shape))} has more than {MOST_ENTRIES:,} entries")


def size_of(entry: Any) -> Size:
    """An entry of a shape: a number or a symbol."""
    return entry if isinstance(entry, sp.Expr) and not entry.is_Integer else int(entry)


def sizes_of(value: Value) -> list[Size]:
    return [size_of(entry) for entry in value.known.ravel().tolist()]


def wholes_of(value: Value) -> list[int]:
    sizes = sizes_of(value)
    if not all(isinstance(size, int) for size in sizes):
        raise NoRule(f"it needs sizes that are known, got {sizes}")
    return [int(size) for size in sizes]
