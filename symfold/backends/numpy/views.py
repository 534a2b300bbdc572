"""Values that are seen in another's memory: made once, and on all the steps at once where they are a step's."""

from __future__ import annotations

from typing import Any

from symfold.backends.numpy.writer import Ref, Source
from symfold.nodes import Node
from symfold.primitives import broadcast_to, expand, is_primitive, item, squeeze, swap
from symfold.sequences import reverse_row, take_row

VIEWS = (swap, expand, squeeze, item, broadcast_to, reverse_row)


def is_view(node: Node) -> bool:
    """Whether a node is seen in its argument's memory and needs no computing."""
    if is_primitive(node, take_row):
        return isinstance(dict(node.op.attributes)["positions"], range)
    return is_primitive(node, *VIEWS)


def view(source: Source, node: Node, ref: Ref) -> Ref:
    """A view: made once, on all the steps where the argument is one step's."""
    attributes = dict(node.op.attributes)

    def seen(name: str, stacked: bool) -> str:
        if is_primitive(node, swap):
            return f"{name}.swapaxes(-1, -2)" if len(node.shape) > 1 else name
        if is_primitive(node, expand):
            return f"expand_dims({name}, {attributes['axis']})"
        if is_primitive(node, squeeze):
            return f"{name}.squeeze({attributes['axis']})"
        if is_primitive(node, reverse_row):
            return f"{name}[{':, ' if stacked else ''}::-1]"
        if is_primitive(node, take_row):
            positions = attributes["positions"]
            rows = source.rows(positions)
            return f"{name}[{':, ' if stacked else ''}{rows}]"
        if is_primitive(node, broadcast_to):
            if stacked:
                extra = "None, " * (len(node.shape) - len(ref.shape))
                return f"broadcast_to({name}[:, {extra}...], (len({name}), *{source.shape(node.shape)}))"
            return f"broadcast_to({name}, {source.shape(node.shape)})"
        parts = ", ".join(":" if p == (None, None) else index_text(p) for p in attributes["index"])
        return f"{name}[{':, ' if stacked else ''}{parts}]" if stacked or "..." in parts else f"{name}[{parts}, ...]"

    if ref.level == 0:
        return Ref(source.once("v", seen(ref.name, False)), node.shape)
    if ref.stack is not None:
        stack = source.once("s", seen(ref.stack, True))
        scope = source.scopes[ref.level]
        name = source.name("v")
        scope.bound[name] = stack
        return Ref(name, node.shape, ref.level, stack)
    name = source.name("v")
    source.emit(f"{name} = {seen(ref.name, False)}")
    return Ref(name, node.shape, source.scope.level)


def index_text(part: Any) -> str:
    if part is ...:
        return "..."
    if isinstance(part, tuple):
        return ":".join("" if p is None else str(p) for p in part)
    return str(part)
