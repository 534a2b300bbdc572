"""The result of `torch.export`: the operations of a module in order, constants folded, grouped by module call."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from symfold.base.arguments import NumpyArray, quoted
from symfold.errors import InvalidType, InvalidValue, listing
from symfold.exchange.pytorch.entries import Entries
from symfold.exchange.pytorch.entry_rules import entries_in
from symfold.exchange.pytorch.operations import LIKE, TABLES, bypass_identities, name_of
from symfold.exchange.pytorch.sizes import Example, Sizes, sizes_of
from symfold.exchange.pytorch.tracing import torch_package, traced

if TYPE_CHECKING:
    from torch import Tensor
    from torch.export import ExportedProgram
    from torch.fx import Node as FxNode
    from torch.nn import Module


@dataclass
class Scope:
    """One call of a module: its path, operations and nested calls, in order."""

    path: str
    items: list[Any] = field(default_factory=list)

    def nodes(self) -> Iterator[FxNode]:
        """The operations of the call, including nested ones."""
        for item in self.items:
            if isinstance(item, Scope):
                yield from item.nodes()
            else:
                yield item


@dataclass(frozen=True)
class Exported:
    """A module as operations: the tree of its calls, constants, and leaves by node."""

    root: Scope
    constants: dict[FxNode, NumpyArray]
    inputs: dict[FxNode, str]
    parameters: dict[FxNode, str]
    values: dict[str, NumpyArray]
    buffers: frozenset[str]  # parameters that optimizers do not move
    outputs: tuple[FxNode, ...]
    names: tuple[str, ...]  # of the outputs, if the module returns a dict of tensors
    users: dict[FxNode, list[FxNode]]
    real: frozenset[FxNode]  # values that carry numbers from the inputs
    sizes: Sizes  # the unknown ones
    entries: dict[FxNode, Entries]  # values that depend on sizes only
    fixed: frozenset[FxNode]  # others that depend on sizes and constants only


def export(
    module: Module,
    args: object,
    kwargs: Mapping[str, object] | None,
    known: Callable[[str], bool] | None = None,
    marks: Callable[[ModuleType, Module, Example], Example] | None = None,
) -> Exported:
    """A module traced at example inputs, with constants folded, and operations that are not known decomposed.

    `marks` says which sizes of the example inputs are unknown.
    """
    torch = torch_package()
    if not isinstance(module, torch.nn.Module):
        hint = f" (call it: {module.__name__}(...))" if isinstance(module, type) else ""
        raise InvalidType(f"{quoted(module)} of type {type(module).__name__} is not a torch.nn.Module{hint}")
    if isinstance(args, torch.Tensor):
        args = (args,)
    if not isinstance(args, (tuple, list)):
        raise InvalidType(
            f"example inputs must be a tuple of tensors, got {quoted(args)} of type {type(args).__name__} "
            "(as (torch.zeros(2, 3),))"
        )
    example = Example(tuple(args), dict(kwargs or {}))
    if marks is not None:
        example = marks(torch, module, example)
    program = traced(torch, module, example, known)
    signature = program.graph_signature
    mutated = [*signature.buffers_to_mutate.values(), *signature.user_inputs_to_mutate.values()]
    if mutated:
        raise InvalidValue(
            f"the module changes {listing(mutated)} in place, which a net cannot "
            "(call .eval() on it first, if it is in training mode; else give it a copy)"
        )
    fixed = set(signature.inputs_to_buffers.values()) - _statistics(torch, module)
    constants: dict[FxNode, Tensor] = {}
    inputs, parameters, values = {}, {}, {}
    first_names: dict[object, str] = {}
    targets = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    nodes = list(program.graph.nodes)
    for node in nodes:
        if node.op != "placeholder":
            continue
        if node.name not in targets:
            if isinstance(node.meta.get("val"), torch.Tensor):
                inputs[node] = node.name
            continue
        target = targets[node.name]
        value = program.state_dict[target] if target in program.state_dict else program.constants[target]
        if target in program.state_dict and value.is_floating_point() and target not in fixed:
            parameters[node] = first_names.setdefault(identity(value), target)
            values[parameters[node]] = value
        elif not isinstance(value, torch.nn.Parameter):  # a parameter of another type can be trained
            constants[node] = value.detach()
    sizes = sizes_of([(name, node.meta["val"].shape) for node, name in inputs.items()], example.axes, example.named)
    counts = {node for node in nodes if node.op == "call_function" and sizes.known(node.meta.get("val"))}
    output = nodes[-1]
    bypass_identities(nodes)
    results = output.args[0]
    outputs = tuple(value for value in results if isinstance(value, torch.fx.Node) and value not in counts)
    if None in results[: max((place for place, value in enumerate(results) if value is not None), default=0)]:
        raise InvalidValue(
            f"result {results.index(None) + 1} of {len(results)} is None, and a net's results are tensors "
            "(let the module return its tensors alone)"
        )
    live = _live(nodes, outputs)
    for node in nodes:
        if node.op == "call_function" and node in live and _is_constant(torch, node, constants):
            constants[node] = _computed(torch, node, constants)
    arrays = {n: as_array(torch, v) for n, v in constants.items() if isinstance(v, torch.Tensor)}
    entries = entries_in([node for node in nodes if node in live], arrays, sizes) if sizes.symbols else {}
    skipped = {*constants, *counts, *entries}
    fixed_values: set[FxNode] = set()
    for node in [node for node in nodes if sizes.symbols and node in live and node.op == "call_function"]:
        read: list[FxNode] = node.all_input_nodes
        if node not in skipped and read and skipped.issuperset(read) and not _draws(torch, node):
            fixed_values.add(node)
            skipped.add(node)
    operations = [node for node in nodes if node in live and node.op == "call_function" and node not in skipped]
    users = {
        node: [user for user in node.users if user is output or (user in live and user not in skipped)]
        for node in nodes
    }
    return Exported(
        _tree(operations),
        arrays,
        inputs,
        parameters,
        {name: as_array(torch, value) for name, value in values.items()},
        frozenset(signature.inputs_to_buffers.values()),
        outputs,
        _names_of_results(program, len(outputs)),
        users,
        real_values([node for node in nodes if node not in constants], inputs, {*skipped, *parameters}),
        sizes,
        entries,
        frozenset(fixed_values),
    )


def _statistics(torch: ModuleType, module: Module) -> set[str]:
    """The buffers that training changes: statistics of norms, and those of a net that was a net of symfold before."""
    return {
        f"{path}.{name}" if path else name
        for path, part in module.named_modules()
        if isinstance(part, torch.nn.modules.batchnorm._NormBase) or type(part).__module__.startswith("symfold.")
        for name, _ in part.named_buffers(recurse=False)
    }


def identity(value: Tensor) -> tuple[object, ...]:
    """What two tensors have in common if they are one: tied weights have several names."""
    return value.data_ptr(), tuple(value.shape), value.stride()


def _names_of_results(program: ExportedProgram, count: int) -> tuple[str, ...]:
    spec = program.call_spec.out_spec
    keys = tuple(spec.context) if spec is not None and spec.type is dict else ()
    return keys if len(keys) == count and all(isinstance(key, str) for key in keys) else ()


def as_array(torch: ModuleType, value: Any) -> NumpyArray:
    """A tensor as an array; bfloat16, which NumPy lacks, as float32."""
    if value.is_meta:  # a shape without numbers
        return np.full(tuple(value.shape), np.nan)
    plain = value.detach().cpu()
    array: NumpyArray = (plain.float() if plain.dtype in (torch.bfloat16,) else plain).numpy().copy()
    return array


def real_values(nodes: Sequence[FxNode], inputs: Mapping[FxNode, str], fixed: Collection[FxNode]) -> frozenset[FxNode]:
    """The values that carry numbers from the inputs, as rows of a table do; not masks, computed from whole numbers."""
    real: set[FxNode] = set()
    for node in nodes:
        if not _is_float(node.meta.get("val")):
            continue
        picked = node.op == "call_function" and name_of(node.target) in TABLES and any(
            arg not in fixed for arg in node.all_input_nodes[1:]
        )  # fmt: skip
        if node in inputs or picked or any(arg in real for arg in node.all_input_nodes):
            real.add(node)
    return frozenset(real)


def _is_float(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return any(map(_is_float, value))
    dtype = getattr(value, "dtype", None)
    return bool(dtype is not None and (dtype.is_floating_point or dtype.is_complex))


def _live(nodes: list[FxNode], outputs: tuple[FxNode, ...]) -> set[FxNode]:
    """The nodes that the outputs need, with all results of operations that have several."""
    live: set[FxNode] = set()
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node not in live:
            live.add(node)
            stack += node.all_input_nodes
    live.update(
        node
        for node in nodes
        if node.op == "call_function" and node.target is operator.getitem and node.args[0] in live
    )
    return live


def _draws(torch: ModuleType, node: FxNode) -> bool:
    """Whether an operation draws random numbers."""
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())


def _is_constant(torch: ModuleType, node: FxNode, constants: dict[FxNode, Tensor]) -> bool:
    if _draws(torch, node):
        return False
    value = node.meta.get("val")
    sizes = getattr(value, "shape", ()) if name_of(node.target) in LIKE else None
    if sizes is not None and all(isinstance(size, int) for size in sizes):
        return True
    return all(arg in constants for arg in node.all_input_nodes)


def _computed(torch: ModuleType, node: FxNode, constants: dict[FxNode, Tensor]) -> Tensor:
    def value(arg: Any) -> Any:
        if arg in constants:
            return constants[arg]
        like = arg.meta["val"]  # of a value that is read for its type, and perhaps its shape
        known = all(isinstance(size, int) for size in like.shape)
        return torch.zeros(like.shape if known else (1,) * like.ndim, dtype=like.dtype)

    args, kwargs = torch.fx.map_arg((node.args, dict(node.kwargs)), value)
    view, reshape = torch.ops.aten.view.default, torch.ops.aten.reshape.default
    compute = reshape if node.target is view else node.target  # a `contiguous` before it may be bypassed
    with torch.no_grad():
        return compute(*args, **kwargs)


def _tree(nodes: list[FxNode]) -> Scope:
    """The operations grouped by module call."""
    root = Scope("")
    open_: list[tuple[str, Scope]] = []
    for node in nodes:
        stack = [(key, entry[0]) for key, entry in (node.meta.get("nn_module_stack") or {}).items() if entry[0]]
        depth = 0
        while depth < min(len(open_), len(stack)) and open_[depth][0] == stack[depth][0]:
            depth += 1
        del open_[depth:]
        for key, path in stack[depth:]:
            scope = Scope(path)
            (open_[-1][1] if open_ else root).items.append(scope)
            open_.append((key, scope))
        (open_[-1][1] if open_ else root).items.append(node)
    return root
