"""From PyTorch: a module as a net. Repeated modules become folds of one step each, which `sf.roll` makes one fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from symfold.blocks import Block, trace
from symfold.errors import InvalidValue, NoRule, SymfoldError
from symfold.exchange.torch_export import Exported, Scope, export, leaves, name_of, replace
from symfold.exchange.torch_modules import fresh, layer_names, without_number
from symfold.exchange.torch_ops import CASTS, OPERATIONS, WHOLE
from symfold.folds import apply_fold
from symfold.layer_kinds import Call
from symfold.lifting import lift
from symfold.net import Net
from symfold.nodes import Node
from symfold.operations import Formal, Input
from symfold.primitives import opaque
from symfold.sequences import element
from symfold.shapes import NAME
from symfold.tensors import parameter, tensor

Env = dict[Any, Any]


def from_torch(module: Any, example_inputs: Any, kwargs: Mapping[str, Any] | None = None, *, partial: bool = False) -> tuple[Net, dict[str, np.ndarray[Any, Any]]]:
    """A PyTorch module as a net, with its weights: `(net, params)`, the shapes being those of the example inputs.

    Read by `torch.export`. Numbered modules of one class become folds of one step each (`sf.roll` makes them one fold), the
    modules in them layers; a weight is called by its path with `_` for `.`. Buffers of numbers are parameters as well.
    An operation that is not known is an error that names it, or with `partial` an opaque layer. Needs the extra `torch`.
    """
    exported = export(module, example_inputs, kwargs)
    kinds = {path: type(part).__name__ for path, part in module.named_modules()}
    reader = Reader(exported, kinds, partial, names={})
    taken: set[str] = set()
    inputs: Env = {node: tensor(fresh(name, taken), tuple(node.meta["val"].shape)) for node, name in exported.inputs.items()}
    called = {path: fresh(path.replace(".", "_"), taken) for path in exported.values}
    env = {**inputs, **{node: parameter(called[path], tuple(node.meta["val"].shape)) for node, path in exported.parameters.items()}}
    reader.names.update({path: fresh(name, taken) for path, name in layer_names(reader.candidates()).items()})
    reader.taken = taken
    reader.run(exported.root.items, env)
    outputs = tuple(reader.value(node, env) for node in exported.outputs)
    made = Net.of(outputs if len(outputs) != 1 else outputs[0])
    net = Net(made.outputs, made.form, tuple(inputs.values()))
    read = {node.op.name for node in net.params}
    return net, {name: exported.values[path] for path, name in called.items() if name in read}


Uses = tuple[tuple[int, tuple[tuple[int, int], ...]], ...]


@dataclass
class Chain:
    """Calls that do the same, one after the other: what each hands on to the next, and what it gives out besides.

    Operations and their arguments are told by their number in a call, so that they are the same in all.
    """

    members: list[Scope]
    uses: Uses
    given: tuple[int, ...] = ()
    starts: dict[Any, Any] = field(default_factory=dict)  # names for the first state, with what it is
    state: Env = field(default_factory=dict)
    before: list[Any] = field(default_factory=list)  # the operations of the member that came last


@dataclass
class Reader:
    """The operations of an exported module as nodes."""

    exported: Exported
    kinds: Mapping[str, str]
    partial: bool
    names: dict[str, str]
    taken: set[str] = field(default_factory=set)
    owners: dict[Any, str] = field(default_factory=dict)  # parameters, with the layers that have them

    def __post_init__(self) -> None:
        self.opened = frozenset(self.open(self.exported.root))

    # -- values

    def value(self, arg: Any, env: Env) -> Any:
        """An argument of an operation: a node for a tensor, all else as it is."""
        if isinstance(arg, (list, tuple)):
            return [self.value(part, env) for part in arg]
        if not hasattr(arg, "all_input_nodes"):
            return arg
        if arg in env:
            return env[arg]
        if arg in self.exported.constants:
            return lift(self.exported.constants[arg])
        raise InvalidValue(f"the value {arg.name!r} is not known here")

    def reads(self, scope: Scope) -> tuple[list[Any], list[Any]]:
        """What a call reads from outside: values, and parameters, in the order of first use."""
        inside = set(scope.nodes())
        found = dict.fromkeys(arg for node in scope.nodes() for arg in node.all_input_nodes if arg not in inside and arg not in self.exported.constants)
        return [n for n in found if n not in self.exported.parameters], [n for n in found if n in self.exported.parameters]

    def results(self, scope: Scope) -> list[Any]:
        """What of a call is read outside of it."""
        inside = set(scope.nodes())
        return [node for node in scope.nodes() if any(user not in inside for user in self.exported.users[node])]

    # -- calls

    def open(self, scope: Scope) -> set[str]:
        """The modules that are written out: the steps that repeat and have parts, and all that holds such steps."""
        calls = [item for item in scope.items if isinstance(item, Scope)]
        found = {path for call in calls for path in self.open(call)}
        repeats = {call.path for members in self.families(calls) if any(self.uses(*pair) for pair in pairwise(members)) for call in members}
        whole = {path for path in repeats if not any(other.startswith(f"{path}.") for other in self.kinds)}
        return found | (repeats - whole) | ({scope.path} if found or repeats else set())

    def candidates(self) -> dict[str, str]:
        """The modules that may be layers, with their classes: those called by modules that are written out."""
        found: dict[str, str] = {}
        waiting = [self.exported.root]
        while waiting:
            for item in waiting.pop(0).items:
                if isinstance(item, Scope):
                    if item.path in self.opened:
                        waiting.append(item)
                    else:
                        found[item.path] = self.kinds.get(item.path, "layer")
        return found

    def families(self, items: Sequence[Any]) -> list[list[Scope]]:
        """Calls of modules of one class that are numbered in a row, and calls of one module."""
        found: dict[Any, list[Scope]] = {}
        for item in items:
            if isinstance(item, Scope):
                head, number = without_number(item.path)
                found.setdefault((head, self.kinds.get(item.path)) if number else item.path, []).append(item)
        return list(found.values())

    def run(self, items: Sequence[Any], env: Env, flat: bool = False) -> None:
        """Operations and calls in order; what they give is put among the known values. Flat, where it is the body of a layer."""
        chains = self.chains(items)
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

    def chains(self, items: Sequence[Any]) -> dict[int, Chain]:
        """The calls of repeated modules, and of one module again and again, that hand a state on."""
        found: dict[int, Chain] = {}
        for members in self.families(items):
            chain: Chain | None = None
            for before, after in pairwise(members):
                uses = self.uses(before, after)
                if not uses or (chain is not None and chain.uses != uses):
                    chain = None
                    continue
                if chain is None:
                    chain = Chain([before], uses)
                    found[id(before)] = chain
                chain.members.append(after)
                found[id(after)] = chain
        for chain in {id(chain): chain for chain in found.values()}.values():
            if not self.begin(chain):  # what the first one reads is no state: the chain begins after it
                found.pop(id(chain.members.pop(0)))
                self.begin(chain)
            chain.given = self.given(chain)
        return found

    def uses(self, before: Scope, after: Scope) -> Uses:
        """Where a call reads the results of the call before it, if the two do the same: by result, the operations and arguments."""
        first, second = list(before.nodes()), list(after.nodes())
        if [node.target for node in first] != [node.target for node in second]:
            return ()
        place = {node: k for k, node in enumerate(first)}
        found: dict[int, list[tuple[int, int]]] = {}
        for k, node in enumerate(second):
            for at, arg in enumerate(leaves(node)):
                if arg in place:
                    found.setdefault(place[arg], []).append((k, at))
        return tuple((result, tuple(where)) for result, where in sorted(found.items()))

    def begin(self, chain: Chain) -> bool:
        """The first state under names of its own, since it may be constant, or one value twice; or not, where it is several values."""
        nodes = list(chain.members[0].nodes())
        read = [{leaves(nodes[k])[at] for k, at in where} for _, where in chain.uses]
        if not all(len(one) == 1 and hasattr(next(iter(one)), "all_input_nodes") for one in read):
            return False
        for (_, where), (start,) in zip(chain.uses, read, strict=True):
            with start.graph.inserting_before(nodes[0]):
                own = start.graph.create_node("call_function", leaves, (), name=f"{start.name}_start")
            own.meta = dict(start.meta)
            for k in {k for k, _ in where}:
                replace(nodes[k], {at for j, at in where if j == k}, own)
            chain.starts[own] = start
        return True

    def given(self, chain: Chain) -> tuple[int, ...]:
        """What members give out besides the state: all that anybody but the next member reads."""
        carried = {result for result, _ in chain.uses}
        found: set[int] = set()
        for member, following in zip(chain.members, (*chain.members[1:], None), strict=True):
            inside = set(member.nodes()) | (set(following.nodes()) if following else set())
            found |= {
                k for k, node in enumerate(member.nodes())
                if not (following is None and k in carried) and any(user not in inside for user in self.exported.users[node])
            }  # fmt: skip
        return tuple(sorted(found))

    def step(self, scope: Scope, chain: Chain, env: Env, flat: bool) -> None:
        """A call as a fold of one step; written out where its state changes its shape."""
        nodes = list(scope.nodes())
        first, last = scope is chain.members[0], scope is chain.members[-1]
        if first:
            env |= {own: self.value(start, env) for own, start in chain.starts.items()}
        carried = [result for result, _ in chain.uses]
        inits = list(chain.starts) if first else [chain.before[k] for k in carried]
        chain.before = nodes
        shapes = [tuple(nodes[k].meta["val"].shape) for k in carried]
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

    def layer(self, scope: Scope, env: Env) -> bool:
        """A call as an applied layer, where it has parameters, reads something and gives one value."""
        values, weights = self.reads(scope)
        results = self.results(scope)
        if len(results) != 1 or not values or not weights or isinstance(results[0].meta["val"], (tuple, list)):
            return False
        name = self.names[scope.path]
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
        try:
            if name not in OPERATIONS:
                raise NoRule("there is no row for it")
            if not (_is_float(node) or name in WHOLE or (name in CASTS and not _is_float(node.args[0]))):
                raise NoRule("it gives whole numbers or truth values that depend on the inputs")
            made = OPERATIONS[name](wanted if isinstance(wanted, tuple) else (), *args, **named)
        except (SymfoldError, TypeError) as error:
            if not self.partial:
                raise NoRule(f"{self.where(node)}: {error} (give partial=True to keep it as an opaque layer, or add a row to symfold.exchange.torch_ops.OPERATIONS)") from error
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

        text = f"{node.target}({', '.join([*map(spoken, args), *(f'{key}={spoken(arg)}' for key, arg in named.items())])})"
        wanted = _shapes(node)
        several = wanted if isinstance(wanted, list) else [wanted]
        made = []
        for number, shape in enumerate(several):
            title = fresh(node.name if len(several) == 1 else f"{node.name}_result{number}", self.taken)
            formals = tuple(Node(Formal(0, k, one.shape)) for k, one in enumerate(tensors))
            body = Block(tuple(one.shape for one in tensors), (opaque(*formals, operation=text, result=number, shape=shape),))
            made.append(Node(Call(body, len(tensors)), (Node(Input(title, (NAME,), "layer")), *tensors)))
        return made if isinstance(wanted, list) else made[0]


def _is_float(node: Any) -> bool:
    value = node.meta["val"]
    return bool((value[0] if isinstance(value, (tuple, list)) else value).is_floating_point())


def _shapes(node: Any) -> Any:
    """The shape that an operation gives, or a list of shapes."""
    value = node.meta["val"]
    return [tuple(one.shape) for one in value] if isinstance(value, (tuple, list)) else tuple(value.shape)


