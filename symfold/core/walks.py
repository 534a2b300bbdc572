"""Walks: topological order, rebuilding and substitution; each node is visited once, iteratively, and stays shared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from symfold.core.nodes import Node


def walk(roots: Iterable[Node], stop: Iterable[Node] = ()) -> list[Node]:
    """The nodes that the roots depend on, once each, after their arguments; those in `stop` are left out."""
    seen = set(stop)
    order: list[Node] = []
    stack: list[Node | None] = [*reversed(tuple(roots))]
    while stack:
        node = stack.pop()
        if node is None:  # the marker above a node whose arguments are done
            order.append(stack.pop())  # type: ignore[arg-type]
        elif node not in seen:
            seen.add(node)
            if node.args:
                stack += (node, None, *node.args[::-1])
            else:
                order.append(node)
    return order


def rebuilt(
    roots: Sequence[Node], rule: Callable[[Node, tuple[Any, ...]], Any], replaced: Mapping[Node, Any] | None = None
) -> tuple[Node, ...]:
    """The roots with each node replaced by `rule(node, new arguments)`; if that is None, by the same operation.

    A rule may return a tuple of results for a fold. `replaced` holds replacements that are known beforehand.
    """
    new: dict[Node, Any] = dict(replaced or {})
    for node in walk(roots, stop=new):
        args = tuple(new[arg] for arg in node.args)
        replacement = rule(node, args)
        new[node] = with_args(node, args) if replacement is None else replacement
    return tuple(new[root] for root in roots)


def with_args(node: Node, args: tuple[Any, ...]) -> Any:
    """A node's operation over other arguments; shapes are inferred again."""
    if args == node.args:
        return node
    rebuild = getattr(node.op, "rebuild", None)
    return rebuild(args) if rebuild else Node(node.op, args)


def substitute(roots: Sequence[Node], replaced: Mapping[Node, Node]) -> tuple[Node, ...]:
    """The roots with some nodes replaced; shapes are inferred again."""
    return rebuilt(roots, lambda node, args: None, replaced)
