"""Regions of a module under `torch.no_grad()` or a disabled `autocast`, inlined at their calls.

`torch.export` gives each a graph of its own. Values computed without gradients are detached where they are read with
gradients.
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

GRADIENTS, AUTOCAST = "wrap_with_set_grad_enabled", "wrap_with_autocast"


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
    name = getattr(node.target, "__name__", "") if node.op == "call_function" else ""
    return name == GRADIENTS or (name == AUTOCAST and not node.args[2])


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

    def region(self, call: FxNode, owner: object, args: Sequence[object], gradients: bool) -> list[Any]:
        """The results of a region's copied operations, as read by a caller with or without gradients."""
        before = 1 if call.target.__name__ == GRADIENTS else 4
        inside = bool(call.args[0]) if before == 1 else gradients
        body = getattr(owner, call.args[before].target)
        operands = iter([self.read(arg, inside, call) for arg in args[before + 1 :]])
        known: dict[Any, Any] = {}
        for node in body.graph.nodes:
            if node.op == "placeholder":
                known[node] = next(operands)
            elif is_region(node):
                known[node] = self.region(node, body, [known.get(arg, arg) for arg in node.args], inside)
            elif node.target is operator.getitem and isinstance(known[node.args[0]], list):
                known[node] = known[node.args[0]][node.args[1]]
            elif node.op == "get_attr":
                known[node] = self.attribute(node, body, call)
            elif node.op == "call_function":
                known[node] = call.graph.node_copy(node, known.__getitem__)
                if not inside:
                    self.without.add(known[node])
        (output,) = (node for node in body.graph.nodes if node.op == "output")
        return [self.read(known.get(value, value), gradients, call) for value in output.args[0]]

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
