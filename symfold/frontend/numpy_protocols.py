"""NumPy's protocols: NumPy functions called on nodes, nets and SymPy expressions trace."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.trees import State
from symfold.core.attach import attach
from symfold.core.conversion import holds_nodes, wraps_node
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.errors import NoRule
from symfold.frontend.numpy_functions import call_numpy


def node_ufunc(node: Node, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Node:
    """A NumPy ufunc on a node."""
    if any(wraps_node(value) for value in inputs):
        return NotImplemented
    if method != "__call__" or options:
        raise NoRule(
            f"numpy.{ufunc.__name__} with {method if method != '__call__' else sorted(options)} does not trace"
        )
    return call_numpy(ufunc, *inputs)


def node_function(
    node: Node,
    function: Callable[..., object],
    types: Collection[type],
    args: Sequence[object],
    options: Mapping[str, object],
) -> Node:
    """Any other NumPy function on a node."""
    return NotImplemented if any(wraps_node(value) for value in args) else call_numpy(function, *args, **options)


def net_ufunc(net: Net, ufunc: Callable[..., object], method: str, *inputs: object, **options: object) -> Net:
    """A NumPy ufunc on a net, as a net."""
    return net._wrap_(call_numpy(ufunc, *map(net._operand, inputs), **options))


def net_function(
    net: Net,
    function: Callable[..., object],
    types: Collection[type],
    args: Sequence[object],
    options: Mapping[str, object],
) -> Net:
    """Any other NumPy function on a net, as a net."""
    return net._wrap_(call_numpy(function, *map(net._operand, args), **options))


def expression_function(
    expression: sp.Expr,
    function: Callable[..., object],
    types: Collection[type],
    args: Sequence[object],
    options: Mapping[str, object],
) -> State:
    """A NumPy function on a SymPy expression: it traces if the expression holds tensors; otherwise NumPy decides.

    NumPy would take `sp.tanh(z)` for one number, and its sum for the number itself.
    """
    parts = [part for arg in args for part in (arg if isinstance(arg, (list, tuple)) else [arg])]
    if not any(isinstance(part, sp.Basic) and holds_nodes(part) for part in parts):
        return np.ndarray.__array_function__(np.empty(0), function, (), tuple(args), options)
    return NotImplemented if any(wraps_node(value) for value in args) else call_numpy(function, *args, **options)


sp.Expr.__array_function__ = expression_function
attach(Node, __array_ufunc__=node_ufunc, __array_function__=node_function)
attach(Net, __array_ufunc__=net_ufunc, __array_function__=net_function)
