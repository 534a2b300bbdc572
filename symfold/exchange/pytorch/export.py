"""What `torch.export` makes of a module: its operations in order, what is constant among them, and whose they are."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from symfold.base.arguments import quoted
from symfold.errors import InvalidType, InvalidValue, MissingPackage
from symfold.exchange.pytorch.regions import write_out_regions

# operations that read the shape and the type of their argument only
SAME = frozenset({"to", "alias", "contiguous", "type_as"})  # where type and shape stay, the value itself
LIKE = frozenset({"new_zeros", "new_ones", "new_full", "zeros_like", "ones_like", "full_like"})


@dataclass
class Scope:
    """One call of a module: its path, and its operations and the calls in it, in order."""

    path: str
    items: list[Any] = field(default_factory=list)

    def nodes(self) -> Iterator[Any]:
        """The operations in it, also those of the calls in it."""
        for item in self.items:
            if isinstance(item, Scope):
                yield from item.nodes()
            else:
                yield item


@dataclass(frozen=True)
class Exported:
    """A module as a list of operations: the tree of its calls, the values known beforehand, and the leaves by node."""

    root: Scope
    constants: dict[Any, Any]
    inputs: dict[Any, str]
    parameters: dict[Any, str]
    values: dict[str, np.ndarray[Any, Any]]
    buffers: frozenset[str]  # of the parameters those that PyTorch's optimizers do not move
    outputs: tuple[Any, ...]
    users: dict[Any, list[Any]]


def torch_package() -> Any:
    """PyTorch, or the error that says how to get it."""
    try:
        import torch
    except ImportError:
        raise MissingPackage("PyTorch is not installed (pip install 'symfold[torch]')") from None
    return torch


def export(module: Any, args: Any, kwargs: Any) -> Exported:
    """A module traced at example inputs, with everything that does not depend on them computed."""
    torch = torch_package()
    if not isinstance(module, torch.nn.Module):
        raise InvalidType(f"{quoted(module)} of type {type(module).__name__} is no torch.nn.Module")
    if isinstance(args, torch.Tensor):
        args = (args,)
    if not isinstance(args, (tuple, list)):
        raise InvalidType(
            f"example inputs must be a tuple of tensors, got {quoted(args)} of type {type(args).__name__} (as (torch.zeros(2, 3),))"
        )
    program = _program(torch, module, tuple(args), dict(kwargs or {}))
    signature = program.graph_signature
    mutated = [*signature.buffers_to_mutate.values(), *signature.user_inputs_to_mutate.values()]
    if mutated:
        raise InvalidValue(
            f"the module changes {', '.join(mutated)} in place, which a net cannot (call .eval() on it first, if it is in training mode; else give it a copy)"
        )
    constants: dict[Any, Any] = {}
    inputs, parameters, values = {}, {}, {}
    known: dict[Any, str] = {}
    held = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    nodes = list(program.graph.nodes)
    for node in nodes:
        if node.op != "placeholder":
            continue
        if node.name not in held:
            if isinstance(node.meta.get("val"), torch.Tensor):
                inputs[node] = node.name
            continue
        target = held[node.name]
        value = program.state_dict[target] if target in program.state_dict else program.constants[target]
        if target in program.state_dict and value.is_floating_point():
            same = (value.data_ptr(), tuple(value.shape), value.stride())  # tied weights are one tensor under two names
            parameters[node] = known.setdefault(same, target)
            values[known[same]] = value
        elif not isinstance(value, torch.nn.Parameter):  # a parameter of another type can be trained: it is no constant
            constants[node] = value.detach()
    output = nodes[-1]
    pass_over(nodes)
    outputs = tuple(value for value in output.args[0] if isinstance(value, torch.fx.Node))
    live = _live(nodes, outputs)
    for node in nodes:
        if node.op == "call_function" and node in live and _is_constant(torch, node, constants):
            constants[node] = _computed(torch, node, constants)
    kept = [node for node in nodes if node in live and node.op == "call_function" and node not in constants]
    users = {
        node: [user for user in node.users if user is output or (user in live and user not in constants)]
        for node in nodes
    }
    arrays = {name: as_array(torch, value) for name, value in values.items()}
    return Exported(
        _tree(kept),
        {n: as_array(torch, v) for n, v in constants.items() if isinstance(v, torch.Tensor)},
        inputs,
        parameters,
        arrays,
        frozenset(signature.inputs_to_buffers.values()),
        outputs,
        users,
    )


def _program(torch: Any, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        with (
            warnings.catch_warnings()
        ):  # export warns of what it does itself, as of the weights that recurrent modules flatten
            warnings.simplefilter("ignore")
            program = torch.export.export(module, args, kwargs)
            write_out_regions(torch, program)
            return program if all(map(_reads_only, program.graph.nodes)) else program.run_decompositions({})
    except Exception as error:  # whatever export says, in its first line: its errors are of many kinds
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InvalidValue(
            f"torch.export cannot read {type(module).__name__}: {first.strip()} (control flow that depends on values, and types of its own, cannot be exported)"
        ) from error


def _reads_only(node: Any) -> bool:
    """Whether an operation changes nothing that is read after it: it is no change in place, or one of a value of its own."""
    schema = getattr(node.target, "_schema", None)
    if schema is None or not schema.is_mutable:
        return True
    changed = node.args[0]
    made = getattr(changed.target, "_schema", None)
    owned = made is not None and all(one.alias_info is None for one in made.returns)
    return owned and schema.name.endswith("_") and list(changed.users) == [node]


def as_array(torch: Any, value: Any) -> np.ndarray[Any, Any]:
    """A tensor as an array; types that NumPy does not have as float32."""
    plain = value.detach().cpu()
    array: np.ndarray[Any, Any] = (plain.float() if plain.dtype in (torch.bfloat16,) else plain).numpy().copy()
    return array


def name_of(target: Any) -> str:
    """The name of an operation for all its overloads, as `add`; of a function that is none of ATen's, its own."""
    schema = getattr(target, "_schema", None)
    if schema is None:
        return "getitem" if target is operator.getitem else str(getattr(target, "__name__", target))
    space, _, name = str(schema.name).partition("::")
    name = name.removesuffix("_") if schema.is_mutable else name  # a change in place of what nobody else reads
    return name if space == "aten" else str(schema.name)


def leaves(node: Any) -> list[Any]:
    """The arguments of an operation in a row, out of their lists."""
    found: list[Any] = []

    def put(arg: Any) -> None:
        if isinstance(arg, (list, tuple)):
            for part in arg:
                put(part)
        else:
            found.append(arg)

    put((node.args, tuple(node.kwargs.values())))
    return found


def replace(node: Any, places: Collection[int], by: Any) -> None:
    """Other values for some of the arguments of an operation, which are told by their number in the row."""
    at = count()

    def new(arg: Any) -> Any:
        if isinstance(arg, (list, tuple)):
            return [new(part) for part in arg]
        return by if next(at) in places else arg

    node.args = tuple(new(arg) for arg in node.args)
    node.kwargs = {key: new(arg) for key, arg in node.kwargs.items()}


def pass_over(nodes: list[Any]) -> None:
    """Let others read the argument of an operation that hands it on as it is: by whom, tells not whose it is."""
    for node in nodes:
        if (
            node.op == "call_function"
            and name_of(node.target) in SAME
            and node.meta["val"].dtype == node.args[0].meta["val"].dtype
        ):
            node.replace_all_uses_with(node.args[0])


def _live(nodes: list[Any], outputs: tuple[Any, ...]) -> set[Any]:
    """What the outputs need; of an operation with several results also those that nobody reads."""
    live: set[Any] = set()
    waiting = list(outputs)
    while waiting:
        node = waiting.pop()
        if node not in live:
            live.add(node)
            waiting += node.all_input_nodes
    live.update(
        node
        for node in nodes
        if node.op == "call_function" and node.target is operator.getitem and node.args[0] in live
    )
    return live


def _is_constant(torch: Any, node: Any, constants: dict[Any, Any]) -> bool:
    tags = getattr(node.target, "tags", ())
    if torch.Tag.nondeterministic_seeded in tags:
        return False
    return name_of(node.target) in LIKE or all(arg in constants for arg in node.all_input_nodes)


def _computed(torch: Any, node: Any, constants: dict[Any, Any]) -> Any:
    def value(arg: Any) -> Any:
        return constants[arg] if arg in constants else torch.zeros(arg.meta["val"].shape, dtype=arg.meta["val"].dtype)

    args, kwargs = torch.fx.map_arg((node.args, dict(node.kwargs)), value)
    with torch.no_grad():
        return node.target(*args, **kwargs)


def _tree(nodes: list[Any]) -> Scope:
    """The operations under the calls that they were made in."""
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
