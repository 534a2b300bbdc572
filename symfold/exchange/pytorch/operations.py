"""The operations of an exported graph: their names, arguments and lines of code."""

from __future__ import annotations

import operator
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.fx import Graph
    from torch.fx import Node as FxNode

SAME = frozenset({"to", "alias", "contiguous", "type_as"})  # identities, if the type does not change
# operations that read only the shape and type of their argument
LIKE = frozenset({"new_zeros", "new_ones", "new_full", "zeros_like", "ones_like", "full_like"})
TABLES = frozenset({"embedding", "embedding_bag", "index", "index_select", "gather"})  # operations that pick rows


def name_of(target: object) -> str:
    """The name of an ATen operation without its overload, as `add`; for other functions, their own."""
    schema = getattr(target, "_schema", None)
    if schema is None:
        return "getitem" if target is operator.getitem else str(getattr(target, "__name__", target))
    space, _, name = str(schema.name).partition("::")
    name = name.removesuffix("_") if schema.is_mutable else name  # in place, but without visible side effects
    return name if space == "aten" else str(schema.name)


def leaves(node: FxNode) -> list[FxNode]:
    """The flattened arguments of an operation."""
    result: list[FxNode] = []

    def add(arg: object) -> None:
        if isinstance(arg, (list, tuple)):
            for part in arg:
                add(part)
        else:
            result.append(arg)

    add((node.args, tuple(node.kwargs.values())))
    return result


def is_identity(node: FxNode) -> bool:
    """Whether an operation gives its argument."""
    same = node.op == "call_function" and name_of(node.target) in SAME
    return same and bool(node.meta["val"].dtype == node.args[0].meta["val"].dtype)


def bypass_identities(nodes: list[FxNode]) -> None:
    """Replace identity operations by their arguments."""
    for node in nodes:
        if is_identity(node):
            node.replace_all_uses_with(node.args[0])


def drop_empty_copies(graph: Graph) -> None:
    """Drop copies of a value into itself, as `self.table = self.table.to(x.dtype)` makes them."""
    for node in list(graph.nodes):
        if node.op == "call_function" and name_of(node.target) == "copy" and not node.users:
            target, source = node.args
            while is_identity(source):
                source = source.args[0]
            if source is target:
                graph.erase_node(node)


def line_of(trace: str) -> str:
    """The last line of a user's code in a stack trace: file, number and text; empty if there is none.

    >>> line_of('File "/home/me/nets.py", line 7, in forward\\n    return x[x > 0]\\n')
    'nets.py, line 7: return x[x > 0]'
    """
    lines = re.findall(r'File "([^"\n]+)", line (\d+), in [^\n]*\n\s*([^\n]*)', trace)
    own = [line for line in lines if f"{os.sep}torch{os.sep}" not in line[0] and not line[0].startswith("<")]
    return f"{os.path.basename(own[-1][0])}, line {own[-1][1]}: {own[-1][2].strip()}" if own else ""
