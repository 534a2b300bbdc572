"""From PyTorch: a module as a net. Repeated modules become folds of one step each, which `sf.roll` makes one fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symfold.core.applied_layers import Call
from symfold.core.blocks import Block, trace
from symfold.core.conversion import as_node
from symfold.core.folds import apply_fold
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Fixed, Formal, Input
from symfold.core.primitives import opaque
from symfold.core.sequences import element
from symfold.core.shapes import NAME
from symfold.core.tensors import parameter, tensor
from symfold.errors import InvalidValue, NoRule, SymfoldError
from symfold.exchange.pytorch.chains import Chain, candidates, chains_of, opened
from symfold.exchange.pytorch.dtypes import Types, dtype_of, kind_of
from symfold.exchange.pytorch.export import Exported, Scope, export, name_of
from symfold.exchange.pytorch.modules import fresh, layer_names
from symfold.exchange.pytorch.ops import row_for
from symfold.exchange.pytorch.rows import DrawsOrLearns

Env = dict[Any, Any]
BUFFER = Fixed(1.0, 0.0)  # what PyTorch's optimizers leave alone, `sf.fit` does too


def from_torch(
    module: Any, example_inputs: Any, kwargs: Mapping[str, Any] | None = None, *, partial: bool = False
) -> tuple[Net, dict[str, np.ndarray[Any, Any]]]:
    """A PyTorch module as a net, with its weights: `(net, params)`, the shapes being those of the example inputs.

    Read by `torch.export`. Numbered modules of one class become folds of one step each (`sf.roll` makes them one fold), the
    modules in them layers; a weight is called by its path with `_` for `.`. Buffers of numbers are parameters as well, which `sf.fit` leaves as they are.
    An operation that is not known is an error that names it, or with `partial` an opaque layer. Needs the extra `torch`.

    >>> import torch
    >>> from symfold import formula, roll
    >>> net, params = from_torch(torch.nn.Sequential(*(torch.nn.Linear(3, 3) for _ in range(4))), (torch.zeros(2, 3),))
    >>> formula(roll(net), form="fold"), list(params)[:2]
    ('z_k = linear_{k-1}(z_{k-1}), k = 1..4, z_0 = input', ['p_0_weight', 'p_0_bias'])
    """
    exported = export(module, example_inputs, kwargs)
    kinds = {path: type(part).__name__ for path, part in module.named_modules()}
    reader = Reader(exported, kinds, partial, any(part.training for part in module.modules()), names={})
    taken: set[str] = set()
    inputs: Env = {
        node: tensor(fresh(name, taken), tuple(node.meta["val"].shape)) for node, name in exported.inputs.items()
    }
    called = {path: fresh(path.replace(".", "_"), taken) for path in exported.values}
    env = {
        **inputs,
        **{
            node: parameter(called[path], tuple(node.meta["val"].shape), BUFFER if path in exported.buffers else None)
            for node, path in exported.parameters.items()
        },
    }
    for paths in (
        candidates(exported.root, reader.opened, kinds),
        kinds,
    ):  # the names of what is likely to be a layer come first
        reader.names |= {
            path: fresh(name, taken) for path, name in layer_names(paths).items() if path not in reader.names
        }
    reader.taken = taken
    reader.run(exported.root.items, env)
    outputs = tuple(reader.value(node, env) for node in exported.outputs)
    made = Net.of(outputs if len(outputs) != 1 else outputs[0])
    net = Net(made.outputs, made.form, tuple(inputs.values()))
    read = {node.op.name for node in net.params}
    return net, {name: exported.values[path] for path, name in called.items() if name in read}


@dataclass
class Reader:
    """The operations of an exported module as nodes."""

    exported: Exported
    kinds: Mapping[str, str]
    partial: bool
    training: bool  # whether the module, or one in it, is in training mode
    names: dict[str, str]
    taken: set[str] = field(default_factory=set)
    owners: dict[Any, str] = field(default_factory=dict)  # parameters, with the layers that have them
    bodies: dict[str, Block] = field(default_factory=dict)  # by the name of the layer
    others: dict[str, list[str]] = field(default_factory=dict)  # further names of a module, by its path

    def __post_init__(self) -> None:
        self.opened = frozenset(opened(self.exported.root, self.kinds))

    # -- values

    def value(self, arg: Any, env: Env) -> Any:
        """An argument of an operation: a node for a tensor, the name of what is no tensor of real numbers, all else as it is."""
        if isinstance(arg, (list, tuple)):
            return [self.value(part, env) for part in arg]
        if not hasattr(arg, "all_input_nodes"):
            return arg
        if arg in env:
            return env[arg]
        if not self.is_real(arg):
            return arg.name
        if arg in self.exported.constants:
            return as_node(self.exported.constants[arg])
        raise InvalidValue(f"the value {arg.name!r} is not known here")

    def is_real(self, arg: Any) -> bool:
        """Whether a value is a tensor of real numbers, not a graph or a complex weight, which opaque operations alone can read."""
        return arg.op == "call_function" or (arg.op != "get_attr" and kind_of(dtype_of(arg.meta["val"])) != "other")

    def reads(self, scope: Scope) -> tuple[list[Any], list[Any]]:
        """What a call reads from outside: values, and parameters, in the order of first use."""
        inside = set(scope.nodes())
        found = dict.fromkeys(
            arg
            for node in scope.nodes()
            for arg in node.all_input_nodes
            if arg not in inside and arg not in self.exported.constants and self.is_real(arg)
        )
        return [n for n in found if n not in self.exported.parameters], [
            n for n in found if n in self.exported.parameters
        ]

    def results(self, scope: Scope) -> list[Any]:
        """What of a call is read outside of it."""
        inside = set(scope.nodes())
        return [node for node in scope.nodes() if any(user not in inside for user in self.exported.users[node])]

    # -- calls

    def run(self, items: Sequence[Any], env: Env, flat: bool = False) -> None:
        """Operations and calls in order; what they give is put among the known values. Flat, where it is the body of a layer."""
        chains = chains_of(items, self.kinds, self.exported.users)
        for item in items:
            if not isinstance(item, Scope):
                self.operation(item, env)
            elif id(item) in chains:
                self.step(item, chains[id(item)], env, flat)
            else:
                self.call(item, env, flat)

    def call(self, scope: Scope, env: Env, flat: bool) -> None:
        """A call as a layer, or what is in it."""
        if flat or scope.path in self.opened or not self.layer(scope, env):
            self.run(scope.items, env, flat)

    def step(self, scope: Scope, chain: Chain, env: Env, flat: bool) -> None:
        """A call as a fold of one step; written out where its state changes its shape."""
        nodes = list(scope.nodes())
        first, last = scope is chain.members[0], scope is chain.members[-1]
        if first:
            env |= {own: self.value(start, env) for own, start in chain.starts.items()}
        carried = [result for result, _ in chain.uses]
        inits = list(chain.starts) if first else [chain.before[k] for k in carried]
        chain.before = nodes
        shapes = [_shapes(nodes[k]) for k in carried]
        state = [chain.state[node] if node in chain.state else env[node] for node in inits]
        if [one.shape for one in state] != shapes:
            env |= dict(zip(inits, state, strict=True))
            self.call(scope, env, flat)
            return
        values, weights = self.reads(scope)
        others = [node for node in (*values, *weights) if node not in inits]
        order, args = [*inits, *others], [*state, *(env[node] for node in others)]
        wanted = (*carried, *chain.given)

        def body(formals: Sequence[Node]) -> Sequence[Node]:
            inner: Env = dict(zip(order, formals, strict=True))
            if len(set(wanted)) == 1:
                self.call(scope, inner, flat)
            else:
                self.run(scope.items, inner, flat)
            return [inner[nodes[k]] for k in wanted]

        traced = trace(body, [arg.shape for arg in args], len(args))
        operands = [*args[len(inits) :], *(node for node in traced.operands if isinstance(node, Node))]
        results = apply_fold(traced.block, 1, args[: len(inits)], operands, [False] * len(operands))
        for k, result in zip(carried, results, strict=False):
            (env if last else chain.state)[nodes[k]] = result
        for k, result in zip(chain.given, results[len(inits) :], strict=True):
            if not (last and k in carried):
                env[nodes[k]] = element(result, 0)

    def layer(self, scope: Scope, env: Env, again: str = "") -> bool:
        """A call as an applied layer, where it has parameters, reads something and gives one value.

        A module that does another thing when it is called `again`, as in another shape, is another layer, of the same parameters.
        """
        values, weights = self.reads(scope)
        results = self.results(scope)
        if len(results) != 1 or not values or not weights or isinstance(results[0].meta["val"], (tuple, list)):
            return False
        name = again or self.names[scope.path]
        label = name.rstrip("0123456789")
        own = [node for node in weights if self.owners.setdefault(self.exported.parameters[node], label) == label]
        order = [*values, *own, *(node for node in weights if node not in own)]
        args = [env[node] for node in order]

        def body(formals: Sequence[Node]) -> Sequence[Node]:
            inner: Env = dict(zip(order, formals, strict=True))
            self.run(scope.items, inner, flat=True)
            return [inner[results[0]]]

        traced = trace(body, [arg.shape for arg in args], len(args))
        if isinstance(traced.block.results[0].op, Formal):
            return False
        if self.bodies.setdefault(name, traced.block) != traced.block:
            known = self.others.setdefault(scope.path, [])
            place = known.index(again) + 1 if again else 0
            if place == len(known):
                known.append(fresh(self.names[scope.path], self.taken))
            return self.layer(scope, env, known[place])
        captured = [node for node in traced.operands if isinstance(node, Node)]
        named = Node(Input(name, (NAME,), "layer"))
        env[results[0]] = Node(Call(traced.block, len(values), len(own)), (named, *args, *captured))
        return True

    # -- operations

    def operation(self, node: Any, env: Env) -> None:
        """One operation, by its row."""
        name = name_of(node.target)
        args, named = self.value(node.args, env), {key: self.value(arg, env) for key, arg in node.kwargs.items()}
        if name == "getitem":
            env[node] = args[0][args[1]]
            return
        wanted = _shapes(node)
        if not all(
            isinstance(size, int) for shape in (wanted if isinstance(wanted, list) else [wanted]) for size in shape
        ):
            raise NoRule(
                f"{self.where(node)}: it gives a tensor whose shape depends on values, and a net's shapes do not"
            )
        try:
            made = row_for(name, Types.of(node))(wanted if isinstance(wanted, tuple) else (), *args, **named)
        except (SymfoldError, TypeError) as error:
            if not self.partial:
                advice = (
                    "call .eval() on the module first, or "
                    if self.training and isinstance(error, DrawsOrLearns)
                    else ""
                )
                raise NoRule(
                    f"{self.where(node)}: {error} ({advice}give partial=True to keep it as an opaque layer, or add a row to symfold.exchange.pytorch.ops.OPERATIONS)"
                ) from error
            env[node] = self.unknown(node, args, named)
            return
        found = made.shape if isinstance(made, Node) else [one.shape for one in made]
        if found != wanted:
            raise InvalidValue(f"{self.where(node)} gave shape {found}, PyTorch says {wanted}")
        env[node] = made

    def where(self, node: Any) -> str:
        stack = list((node.meta.get("nn_module_stack") or {"": ("", "")}).values())
        path = stack[-1][0]
        return f"the operation {node.target} in module {path or '(the root)'!r} ({self.kinds.get(path, 'a module')})"

    def unknown(self, node: Any, args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """An operation without a row, as an opaque layer of its tensors; what else it was given stands in its name."""
        tensors: list[Node] = []

        def spoken(arg: Any) -> str:
            if isinstance(arg, (list, tuple)):
                return f"[{', '.join(map(spoken, arg))}]"
            if isinstance(arg, Node):
                tensors.append(arg)
                return f"#{len(tensors)}"
            return str(arg)

        text = (
            f"{node.target}({', '.join([*map(spoken, args), *(f'{key}={spoken(arg)}' for key, arg in named.items())])})"
        )
        wanted = _shapes(node)
        several = wanted if isinstance(wanted, list) else [wanted]
        made = []
        for number, shape in enumerate(several):
            title = fresh(node.name if len(several) == 1 else f"{node.name}_result{number}", self.taken)
            formals = tuple(Node(Formal(0, k, one.shape)) for k, one in enumerate(tensors))
            body = Block(
                tuple(one.shape for one in tensors), (opaque(*formals, operation=text, result=number, shape=shape),)
            )
            made.append(Node(Call(body, len(tensors)), (Node(Input(title, (NAME,), "layer")), *tensors)))
        return made if isinstance(wanted, list) else made[0]


def _shapes(node: Any) -> Any:
    """The shape that an operation gives, or a list of shapes; a number that is computed from tensors has the shape ()."""
    value = node.meta["val"]
    return [_shape(one) for one in value] if isinstance(value, (tuple, list)) else _shape(value)


def _shape(value: Any) -> tuple[Any, ...]:
    return tuple(getattr(value, "shape", ()))
