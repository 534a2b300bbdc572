"""Tracers: stand-ins for the states and items of all steps, passed to a mapper or a body.

A tracer supports what a node does (operators, NumPy, SymPy), with tracers as results. It cannot be compared, hashed or
looked up: the answer would hold for one step, but the trace is for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from numbers import Number
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.trees import State
from symfold.core.attach import attach
from symfold.core.conversion import as_symbol
from symfold.core.net import Net
from symfold.core.nodes import Node, Truth
from symfold.core.operators import Operators
from symfold.core.shapes import Shape
from symfold.errors import InvalidType
from symfold.frontend.numpy_protocols import node_function, node_ufunc

COMPARED = (
    "a traced value cannot be compared or looked up: it stands for the items (or states) of all steps at once "
    "(make what differs from item to item part of it: give pairs, as (mapper, item), or one fold for each part)"
)


def refused_elsewhere(error: TypeError, where: str = "") -> InvalidType | None:
    """The error for a function of PyTorch or JAX that was given a symbolic value; None if the error is another one."""
    if not re.search(r"not Tracer\b|frontend\.tracer\.Tracer", str(error)):  # both name the type
        return None
    reason = str(error).split("\n")[0].split(". ")[0]
    return InvalidType(
        f"{where}a function of another package does not take symbolic values: {reason} "
        "(write NumPy's or symfold's, as np.tanh or sf.relu)"
    ).with_traceback(error.__traceback__)


class Tracer(Operators["Tracer"]):
    """A node as a mapper sees it."""

    __slots__ = ("node",)

    def __init__(self, node: Node):
        self.node = node

    def _as_node_(self) -> Node:
        return self.node

    def _as_tree_(self) -> Node:
        return self.node

    def _wrap_(self, node: Node) -> Tracer:
        result: Tracer = traced(node)
        return result

    def _operate(self, name: str, *others: object, **options: object) -> State:
        return traced(getattr(self.node, name)(*map(untraced, others), **options))

    def __hash__(self) -> int:
        # worded as by Python, since SymPy then calls its functions without a cache look-up
        raise InvalidType(f"unhashable type: 'Tracer' ({COMPARED})")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        # SymPy compares conditions with `True`
        if isinstance(other, (Node, Tracer, Net, Number, np.ndarray, sp.Expr)) and not isinstance(other, bool):
            raise InvalidType(COMPARED)
        return False

    @property
    def shape(self) -> Shape:
        return self.node.shape

    @property
    def ndim(self) -> int:
        return self.node.ndim

    def __len__(self) -> int:
        return len(self.node)

    def __iter__(self) -> Iterator[Tracer]:
        return map(Tracer, self.node)

    def __bool__(self) -> bool:
        return bool(self.node)

    def __repr__(self) -> str:
        return repr(self.node)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.node, name)


class TruthTracer(Tracer):
    """A tracer of a truth value: SymPy takes it for one of its conditions, as it takes such a node (`Truth`)."""

    __slots__ = ()

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return sp.logic.boolalg.Boolean

    def __hash__(self) -> int:
        return hash(self.node)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TruthTracer) and self.node == other.node  # SymPy simplifies equal conditions


def traced(value: State) -> State:
    """A node as a tracer, also inside a tuple; anything else unchanged."""
    if isinstance(value, tuple):
        return tuple(map(traced, value))
    if not isinstance(value, Node):
        return value
    return TruthTracer(value) if isinstance(value, Truth) else Tracer(value)


def untraced(value: State) -> State:
    """The node of a tracer, also inside lists and tuples; anything else unchanged."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(untraced, value)) if type(value) in (list, tuple) else value
    return value.node if isinstance(value, Tracer) else value


def tracer_ufunc(tracer: Tracer, ufunc: object, method: str, *inputs: object, **options: object) -> State:
    """A NumPy ufunc on a tracer."""
    return traced(node_ufunc(tracer.node, ufunc, method, *map(untraced, inputs), **options))


def tracer_function(
    tracer: Tracer,
    function: Callable[..., object],
    types: Collection[type],
    args: Sequence[object],
    options: Mapping[str, object],
) -> State:
    """Any other NumPy function on a tracer."""
    untraced_options = {name: untraced(value) for name, value in options.items()}
    return traced(node_function(tracer.node, function, types, tuple(map(untraced, args)), untraced_options))


def tracer_symbol(tracer: Tracer) -> sp.Basic:
    """A tracer as a SymPy symbol."""
    return as_symbol(tracer.node)


attach(Tracer, __array_ufunc__=tracer_ufunc, __array_function__=tracer_function, _sympy_=tracer_symbol)
