"""Joining values: NumPy's concatenate, stack and their kin on nodes, one row each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symfold.base.arguments import ordered, whole
from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives import concatenate, expand, reshape
from symfold.core.sequences import stack
from symfold.core.shapes import is_known
from symfold.errors import NoRule


def _nodes(function: str, parts: object) -> list[Node]:
    nodes = list(map(as_node, ordered(f"numpy.{function} takes values to join", parts)))
    if not nodes:
        raise NoRule(f"numpy.{function} with no values does not trace (one value or more does)")
    return nodes


def _along(axis: int, nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else concatenate(*nodes, axis=axis)


def _concatenate(parts: object, axis: int | None = 0) -> Node:
    nodes = _nodes("concatenate", parts)
    if axis is None:
        return _along(0, [reshape(node, shape=(-1,)) for node in nodes])
    return _along(whole("axis", axis, None), nodes)


def _stack(parts: object, axis: int = 0) -> Node:
    position, nodes = whole("axis", axis, None), _nodes("stack", parts)
    return stack(nodes) if position == 0 else _along(position, [expand(node, axis=position) for node in nodes])


def _are_known(nodes: list[Node]) -> bool:
    return all(is_known(node.shape) for node in nodes)


def _with_axes(node: Node, least: int, vector: tuple[int, ...]) -> Node:
    """A value of fewer axes, with axes of size 1 added: a number or a vector takes the shape `vector`."""
    if not is_known(node.shape) or node.ndim >= least:
        return node
    return expand(node, axis=-1) if node.ndim == 2 else reshape(node, shape=vector)


def _vstack(parts: object) -> Node:
    nodes = [_with_axes(node, 2, (1, -1)) for node in _nodes("vstack", parts)]
    return _along(0 if _are_known(nodes) else -2, nodes)


def _hstack(parts: object) -> Node:
    nodes = [_with_axes(node, 1, (-1,)) for node in _nodes("hstack", parts)]
    return _along(1 if _are_known(nodes) and nodes[0].ndim > 1 else -1, nodes)


def _dstack(parts: object) -> Node:
    return _along(2, [_with_axes(node, 3, (1, -1, 1)) for node in _nodes("dstack", parts)])


def _column_stack(parts: object) -> Node:
    return _along(1, [_with_axes(node, 2, (-1, 1)) for node in _nodes("column_stack", parts)])


JOINS: dict[Any, Callable[..., Node]] = {
    np.concatenate: _concatenate,
    np.stack: _stack,
    np.vstack: _vstack,
    np.hstack: _hstack,
    np.dstack: _dstack,
    np.column_stack: _column_stack,
    np.atleast_1d: lambda a: _with_axes(as_node(a), 1, (-1,)),
    np.atleast_2d: lambda a: _with_axes(as_node(a), 2, (1, -1)),
    np.atleast_3d: lambda a: _with_axes(as_node(a), 3, (1, -1, 1)),
}
