"""Walks: over everything that some nodes need, once, iteratively; what is rebuilt keeps its sharing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from symfold.nodes import Node


def walk(roots: Iterable[Node], stop: Iterable[Node] = ()) -> list[Node]:
    """Every node that the roots need, once, each after its arguments; not below those in `stop`. Iterative."""
    seen = set(stop)
    order: list[Node] = []
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(tuple(roots))]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args))
    return order


def substitute(roots: Sequence[Node], replaced: Mapping[Node, Node]) -> tuple[Node, ...]:
    """The roots with some nodes replaced; shapes are inferred anew."""
    new: dict[Node, Any] = dict(replaced)
    for node in walk(roots, stop=new):
        if not node.args:
            new[node] = node
            continue
        args = tuple(new[arg] for arg in node.args)
        rebuild = getattr(node.op, "rebuild", None)
        new[node] = node if args == node.args else rebuild(args) if rebuild else Node(node.op, args)
    return tuple(new[root] for root in roots)
