"""PyTorch's own decompositions, for operations that have no row."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Node as FxNode

ROUNDS = 8  # a decomposition may give operations that are decomposed in turn


def decomposed(torch: ModuleType, program: ExportedProgram, known: Callable[[object], bool]) -> ExportedProgram:
    """A program whose unknown operations are written as others, as far as PyTorch has decompositions for them."""
    for _ in range(ROUNDS):
        unknown = {
            node.target
            for node in program.graph.nodes
            if node.op == "call_function" and node.all_input_nodes and gives_tensors(node) and not known(node.target)
        }
        table = torch.export.default_decompositions() if unknown else {}
        chosen = {target: table[target] for target in sorted(unknown, key=str) if target in table}
        if not chosen:
            break
        program = program.run_decompositions(chosen)
    return program


def gives_tensors(node: FxNode) -> bool:
    """Whether an operation gives tensors, not a size, and not nothing, as a check of sizes does."""
    value = node.meta.get("val")
    return any(hasattr(part, "shape") for part in (value if isinstance(value, (tuple, list)) else [value]))
