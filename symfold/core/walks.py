"""Walks: over everything that some nodes need, once, iteratively; what is rebuilt keeps its sharing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from symfold.core.nodes import Node


def walk(roots: Iterable[Node], stop: Iterable[Node] = ()) -> list[Node]:
    """Every node that the roots need, once, each after its arguments; not below those in `stop`. Iterative."""
    seen = set(stop)
    order: list[Node] = []
    stack: list[Node | None] = [*reversed(tuple(roots))]
    while stack:
        node = stack.pop()
        if node is None:  # the mark above a node whose arguments are done
            order.append(stack.pop())  # type: ignore[arg-type]
        elif node not in seen:
            seen.add(node)
            if node.args:
                stack += (node, None, *node.args[::-1])
            else:
                order.append(node)
    return order


def rebuilt(
    roots: Sequence[Node], rule: Callable[[Node, tuple[Any, ...]], Any], given: Mapping[Node, Any] | None = None
) -> tuple[Node, ...]:
    """The roots with every node made anew by `rule(node, new arguments)`; where it gives None, by the operation itself.

    What a rule makes of a fold may be a node, or a tuple of the fold's results. `given` says what some nodes become.
    """
    new: dict[Node, Any] = dict(given or {})
    for node in walk(roots, stop=new):
        args = tuple(new[arg] for arg in node.args)
        made = rule(node, args)
        new[node] = with_args(node, args) if made is None else made
    return tuple(new[root] for root in roots)


def with_args(node: Node, args: tuple[Any, ...]) -> Any:
    """A node's operation over other arguments; shapes are inferred anew."""
    if args == node.args:
        return node
    rebuild = getattr(node.op, "rebuild", None)
    return rebuild(args) if rebuild else Node(node.op, args)


def substitute(roots: Sequence[Node], replaced: Mapping[Node, Node]) -> tuple[Node, ...]:
    """The roots with some nodes replaced; shapes are inferred anew."""
    return rebuilt(roots, lambda node, args: None, replaced)
