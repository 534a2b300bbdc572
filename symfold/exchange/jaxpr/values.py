"""Values of a jaxpr: nodes, or arrays that are known while reading.

JAX broadcasts every operand to the shape of the result; NumPy and nets do so by themselves. So the node of a value may
have a smaller shape that broadcasts to the value's: `x + b` stays `x + b`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives import broadcast_to
from symfold.errors import NoRule

KINDS = {"f": "real", "V": "real", "i": "whole", "u": "whole", "b": "truth"}  # V: bfloat16 and smaller types


@dataclass(frozen=True)
class Value:
    """A value of a jaxpr, with the shape and dtype that JAX gives it; a known one has its array."""

    shape: tuple[int, ...]
    dtype: Any
    node: Node | None = None
    known: Any = None

    @property
    def loose(self) -> Node:
        """The value as a node whose shape broadcasts to the value's."""
        if self.node is not None:
            return self.node
        array = np.asarray(self.known)
        if array.dtype.kind == "V":
            array = array.astype(np.float32)
        first = array.flat[0] if array.size else None
        return as_node(first.item()) if first is not None and (array == first).all() else as_node(array)

    @property
    def full(self) -> Node:
        """The value as a node of its whole shape."""
        node = self.loose
        return node if node.shape == self.shape else broadcast_to(node, shape=self.shape)

    @property
    def kind(self) -> str:
        return kind_of(self.dtype)


def kind_of(dtype: Any) -> str:
    """What numbers of a dtype are to a net: real, whole or truth."""
    kind = getattr(dtype, "kind", "")
    if kind not in KINDS:
        raise NoRule(f"a value of dtype {dtype} is not a real number")
    return KINDS[kind]


def known_value(array: Any) -> Value:
    """A known array as a value; a random key stays an array of JAX."""
    return Value(tuple(np.shape(array)), array.dtype, known=array)
