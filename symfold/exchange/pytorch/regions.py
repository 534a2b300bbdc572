"""Regions of a module, inlined at their calls: under `torch.no_grad()` or a disabled `autocast`, and `torch.cond`.

`torch.export` gives each a graph of its own. Values computed without gradients are detached where they are read with
gradients. Both branches of a `cond` are written out, and a `where` chooses.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Node as FxNode

GRADIENTS, AUTOCAST, BRANCHES = "wrap_with_set_grad_enabled", "wrap_with_autocast", "cond"


def write_out_regions(torch: ModuleType, program: ExportedProgram) -> None:
    """Inline every region of an exported program."""
    graph = program.graph_module.graph
    writer = Writer(torch, program.graph_module)
    for node in list(graph.nodes):
        if is_region(node):
            writer.replace(node)
    (output,) = (node for node in graph.nodes if node.op == "output")
    for spec, value in zip(program.graph_signature.output_specs, output.args[0], strict=True):
        if hasattr(value, "all_input_nodes"):
            spec.arg.name = value.name


def is_region(node: FxNode) -> bool:
    """Whether a node calls a region to inline; not an enabled autocast, which casts numbers."""
    name = kind_of(node)
    return name in (GRADIENTS, BRANCHES) or (name == AUTOCAST and not node.args[2])


def kind_of(node: FxNode) -> str:
    """The name of the function that a node calls."""
    return getattr(node.target, "__name__", "") if node.op == "call_function" else ""


@dataclass
class Writer:
    """Copies the operations of regions, and records those computed without gradients."""

    torch: ModuleType
    owner: Any
    without: set[FxNode] = field(default_factory=set)

    def replace(self, call: FxNode) -> None:
        """Replace a call by the region's operations."""
        graph = call.graph
        with graph.inserting_before(call):
            results = self.region(call, self.owner, [*call.args], True)
        for part in list(call.users):
            part.replace_all_uses_with(results[part.args[1]])
            graph.erase_node(part)
        inner = [arg for arg in call.args if getattr(arg, "op", "") == "get_attr"]
        graph.erase_node(call)
        for attribute in inner:
            if not attribute.users:
                graph.erase_node(attribute)

    def region(self, call: FxNode, owner: object, args: Sequence[Any], gradients: bool) -> list[Any]:
        """The results of a region's copied operations, as read by a caller with or without gradients."""
        if kind_of(call) == BRANCHES:
            chosen, *branches, operands = args
            both = [self.inlined(getattr(owner, branch.target), operands, gradients, call) for branch in branches]
            return [self.choice(chosen, first, second, call) for first, second in zip(*both, strict=True)]
        before = 1 if kind_of(call) == GRADIENTS else 4
        inside = bool(call.args[0]) if before == 1 else gradients
        operands = [self.read(arg, inside, call) for arg in args[before + 1 :]]
        results = self.inlined(getattr(owner, call.args[before].target), operands, inside, call)
        return [self.read(value, gradients, call) for value in results]

    def inlined(self, body: Any, operands: Sequence[Any], gradients: bool, call: FxNode) -> list[Any]:
        """The results of a graph's operations, copied before a call, with or without gradients."""
        known: dict[Any, Any] = dict(zip(body.graph.find_nodes(op="placeholder"), operands, strict=True))

        def copy_of(arg: Any) -> Any:
            return known.get(arg, arg)

        for node in body.graph.nodes:
            if is_region(node):
                args = [self.torch.fx.map_arg(arg, copy_of) for arg in node.args]
                known[node] = self.region(node, body, args, gradients)
            elif node.target is operator.getitem and isinstance(known[node.args[0]], list):
                known[node] = known[node.args[0]][node.args[1]]
            elif node.op == "get_attr":
                if any(not is_region(user) for user in node.users):
                    known[node] = self.attribute(node, body, call)
            elif node.op == "call_function":
                known[node] = call.graph.node_copy(node, known.__getitem__)
                if not gradients:
                    self.without.add(known[node])
        (output,) = body.graph.find_nodes(op="output")
        return [known.get(value, value) for value in output.args[0]]

    def choice(self, chosen: Any, first: Any, second: Any, call: FxNode) -> Any:
        """The result of one of two branches."""
        if isinstance(chosen, bool):
            return first if chosen else second
        result = call.graph.call_function(self.torch.ops.aten.where.self, (chosen, first, second))
        result.meta = {**call.meta, "val": first.meta["val"]}
        return result

    def read(self, value: Any, gradients: bool, call: FxNode) -> Any:
        """A value as read with or without gradients: detached if it was computed without but is read with."""
        if not gradients or value not in self.without or not value.meta["val"].is_floating_point():
            return value
        detached = value.graph.call_function(self.torch.ops.aten.detach.default, (value,))
        detached.meta = {**call.meta, "val": value.meta["val"]}
        return detached

    def attribute(self, node: FxNode, body: object, call: FxNode) -> Any:
        """A subgraph of the region as one of the program."""
        name = f"{call.name}_{node.target}"
        setattr(self.owner, name, getattr(body, node.target))
        copied = call.graph.get_attr(name)
        copied.meta = dict(node.meta)
        return copied
