"""LLVM's optimizations: all of level 2 for small modules, a few passes for large ones.

Products, vectors and loops are written as they should run, so large modules need little more than the simplification of
addresses. The other passes take 80 % of LLVM's time (5 s for the gradient of a transformer) and gain 0 to 4 % of a run.
"""

from __future__ import annotations

from typing import Any

from symfold.compute.backends.native.processors import llvm

LARGE = 5000  # lines of text
PASSES = ("instruction_combine", "simplify_cfg", "new_gvn", "instruction_combine")


def optimized(text: str, machine: Any) -> Any:
    """A module of LLVM after its optimizations for a machine."""
    module = llvm().parse_assembly(text)
    builder = llvm().create_pass_builder(machine, llvm().create_pipeline_tuning_options(speed_level=2))
    if text.count("\n") < LARGE:
        builder.getModulePassManager().run(module, builder)
        return module
    manager = llvm().create_new_function_pass_manager()
    for name in PASSES:
        getattr(manager, f"add_{name}_pass")()
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, builder)
    return module
