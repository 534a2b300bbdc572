"""From PyTorch: a module as a net, with what repeats as folds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial as bind
from typing import TYPE_CHECKING, Any

import sympy as sp

from symfold.base.arguments import NumpyArray, whole
from symfold.base.public import public
from symfold.core.blocks import Block, Call, trace
from symfold.core.conversion import as_node
from symfold.core.leaves import Fixed, Formal, Input, number, parameter, tensor
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.shapes import NAME
from symfold.errors import Advice, InvalidValue, NoRule, OutOfRange, SymfoldError
from symfold.exchange.pytorch.agreement import difference
from symfold.exchange.pytorch.complex_numbers import Complex, complex_constant, is_complex
from symfold.exchange.pytorch.dtypes import Types, dtype_of, kind_of
from symfold.exchange.pytorch.export import Exported, Scope, export
from symfold.exchange.pytorch.opaque import opaque_layers
from symfold.exchange.pytorch.opening import candidates, opened, results_of
from symfold.exchange.pytorch.operations import line_of, name_of
from symfold.exchange.pytorch.ops import computes_with_numbers, is_known, row_for
from symfold.exchange.pytorch.rows import DrawsOrLearns
from symfold.exchange.pytorch.sizes import Example, guessed, marked, unknown_sizes
from symfold.exchange.pytorch.tracing import torch_package
from symfold.exchange.reading.indexing import counted_up
from symfold.exchange.reading.naming import fresh, layer_names
from symfold.exchange.reading.result import net_read

if TYPE_CHECKING:
    from torch.fx import Node as FxNode
    from torch.nn import Module

Env = dict[Any, Any]
BUFFER = Fixed(1.0, 0.0)  # like PyTorch's optimizers, `sf.fit` leaves buffers alone


@public
def from_torch(
    module: Module,
    example_inputs: object,
    kwargs: Mapping[str, object] | None = None,
    *,
    dynamic_shapes: object = None,
    partial: bool = False,
    depth: int | None = None,
) -> tuple[Net, dict[str, NumpyArray]]:
    """A PyTorch module as a net with its weights, `(net, params)`, from example inputs.

    The module is read by `torch.export`, and what repeats becomes a fold, as by `sf.roll`. Modules become layers; those
    with a skip connection inside are written out, at any depth. `depth` opens modules to a depth instead: 0 makes the
    module one layer, 1 the modules that it calls. A weight is named by its path with `_` for `.` (`sf.to_state_dict`
    gives it back to the module). The statistics of norms become parameters that `sf.fit` does not train, other buffers
    constants. Results in a dict keep their names. An unknown operation raises an error, or with `partial` becomes an
    opaque layer. Needs the extra `torch`.

    The sizes of a batch (the first axis of each input) and of a sequence (the second axis of whole numbers, or of three
    axes) are unknown in the net if the module allows it; all others are those of the example. `dynamic_shapes` marks
    unknown sizes instead, as `torch.export` has them or by name: `{"x": {0: "batch"}}`; `{}` marks none.

    >>> import torch
    >>> from symfold import formula
    >>> net, params = from_torch(torch.nn.Sequential(*(torch.nn.Linear(3, 3) for _ in range(4))), (torch.zeros(2, 3),))
    >>> formula(net, form="fold"), list(params)[:2]
    ('z_k = linear_{k-1}(z_{k-1}), k = 1..4, z_0 = input', ['p_0_weight', 'p_0_bias'])
    """
    levels = None if depth is None else whole("depth", depth)

    def net_of(partial: bool, marks: Callable[..., Example] | None) -> tuple[Net, dict[str, NumpyArray], str]:
        exported = export(module, example_inputs, kwargs, is_known, marks)
        kinds = {path: type(part).__name__ for path, part in module.named_modules(remove_duplicate=False)}
        training = any(part.training for part in module.modules())
        net, params = Reader(exported, kinds, partial, training, opened(exported, kinds, levels)).net()
        return net, params, difference(net, params, module, example_inputs, kwargs, exported.sizes)

    if dynamic_shapes is not None:
        net, params, differs = net_of(partial, bind(marked, given=dynamic_shapes))
        if differs:
            raise InvalidValue(
                f"{type(module).__name__} computes something else at {differs} than at the sizes of the example, "
                "and a net does not choose by sizes (leave that size out of dynamic_shapes)"
            )
        return net, params
    for unknown in unknown_sizes(torch_package(), (example_inputs, kwargs)):
        try:
            net, params, differs = net_of(False, bind(guessed, unknown=unknown))
            if not differs:
                return net, params
        except Exception:  # whatever it is: with the sizes of the example, it may not occur, or has a better message
            pass
    return net_of(partial, None)[:2]


@dataclass
class Reader:
    """The operations of an exported module as nodes."""

    exported: Exported
    kinds: Mapping[str, str]
    partial: bool
    training: bool  # whether the module or a submodule is in training mode
    opened: frozenset[str]  # the modules that are written out
    names: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    owners: dict[str, str] = field(default_factory=dict)  # parameter -> its layer
    bodies: dict[str, Block] = field(default_factory=dict)  # by the name of the layer
    fixed: Env = field(default_factory=dict)  # values that depend on sizes and constants only
    variants: dict[str, list[str]] = field(default_factory=dict)  # further layer names of a module, by its path

    def net(self) -> tuple[Net, dict[str, NumpyArray]]:
        """The net of the module, and its weights."""
        exported, taken = self.exported, self.taken
        inputs: Env = {
            node: tensor(fresh(name, taken), exported.sizes.shape(node.meta["val"]))
            for node, name in exported.inputs.items()
        }
        weight_names = {path: fresh(path, taken) for path in exported.values}
        weights = {
            node: parameter(
                weight_names[path], tuple(node.meta["val"].shape), BUFFER if path in exported.buffers else None
            )
            for node, path in exported.parameters.items()
        }
        env = {**inputs, **weights}
        # likely layers choose their names first
        for paths in (candidates(exported.root, self.opened, self.kinds), self.kinds):
            self.names |= {
                path: fresh(name, taken) for path, name in layer_names(paths).items() if path not in self.names
            }
        self.call(exported.root, env, flat=False)
        outputs = tuple(self.value(node, env) for node in exported.outputs)
        if exported.names:
            results: Any = dict(zip(exported.names, outputs, strict=True))
        else:
            results = outputs if len(outputs) != 1 else outputs[0]
        weights_by_name = {name: exported.values[path] for path, name in weight_names.items()}
        return net_read(results, tuple(inputs.values()), weights_by_name)

    # -- values

    def value(self, arg: Any, env: Env) -> Any:
        """An argument of an operation: a node for a real tensor, the name of any other, everything else unchanged."""
        if isinstance(arg, (list, tuple)):
            return [self.value(part, env) for part in arg]
        if not hasattr(arg, "all_input_nodes"):
            return arg
        if arg in env:
            return env[arg]
        if self.exported.sizes.known(arg.meta.get("val")):
            return self.exported.sizes.of(arg.meta["val"])
        if not self.is_real(arg):
            return arg.name
        if arg in self.exported.fixed:
            if arg not in self.fixed:
                self.operation(arg, self.fixed)
            return self.fixed[arg]
        if arg in self.exported.entries:
            return self.exported.entries[arg].node()
        if arg in self.exported.constants:
            array = self.exported.constants[arg]
            return complex_constant(array) if array.dtype.kind == "c" else as_node(array)
        raise InvalidValue(f"the value {arg.name!r} is not known here")

    def is_real(self, arg: Any) -> bool:
        """Whether a value is a real tensor; only opaque operations read others, such as graphs and complex weights."""
        if arg.op != "placeholder":
            return arg.op == "call_function"
        dtype = dtype_of(arg.meta["val"])
        return kind_of(dtype) != "other" or (is_complex(dtype) and arg in self.exported.constants)

    def is_operand(self, arg: FxNode) -> bool:
        """Whether a value depends on the inputs or is a parameter."""
        exported = self.exported
        fixed = any(
            arg in known for known in (exported.constants, exported.entries, exported.fixed)
        ) or exported.sizes.known(arg.meta.get("val"))
        return not fixed and self.is_real(arg)

    def reads(self, scope: Scope) -> tuple[list[FxNode], list[FxNode]]:
        """The values and the parameters that a call reads from outside, in order of first use."""
        inside = set(scope.nodes())
        operands = dict.fromkeys(
            arg for node in scope.nodes() for arg in node.all_input_nodes if arg not in inside and self.is_operand(arg)
        )
        parameters = self.exported.parameters
        return [n for n in operands if n not in parameters], [n for n in operands if n in parameters]

    # -- calls

    def run(self, items: Sequence[object], env: Env, flat: bool = False) -> None:
        """Read operations and calls in order, adding their results to `env`; `flat` in the body of a layer."""
        for item in items:
            if isinstance(item, Scope):
                self.call(item, env, flat)
            else:
                self.operation(item, env)

    def call(self, scope: Scope, env: Env, flat: bool) -> None:
        """A call as a layer, or else as its operations."""
        if flat or scope.path in self.opened or not self.layer(scope, env):
            self.run(scope.items, env, flat)

    def layer(self, scope: Scope, env: Env, again: str = "") -> bool:
        """Read a call as an applied layer, if it has parameters, operands and one result; else return False.

        A module that is called again with another body, as for another shape, is another layer with the same
        parameters, under the name `again`.
        """
        values, weights = self.reads(scope)
        results = results_of(scope, self.exported)
        if len(results) != 1 or not values or not weights or isinstance(results[0].meta["val"], (tuple, list)):
            return False
        if any(is_complex(dtype_of(node.meta["val"])) for node in (*values, *results)):
            return False
        name = again or self.names[scope.path]
        label = name.rstrip("0123456789")
        owned = [node for node in weights if self.owners.setdefault(self.exported.parameters[node], label) == label]
        order = [*values, *owned, *(node for node in weights if node not in owned)]
        args = [env[node] for node in order]

        def body(formals: Sequence[Node]) -> Sequence[Node]:
            inner: Env = dict(zip(order, formals, strict=True))
            self.run(scope.items, inner, flat=True)
            return [inner[results[0]]]

        traced = trace(body, [arg.shape for arg in args], len(args))
        if isinstance(traced.block.results[0].op, Formal):
            return False
        if self.bodies.setdefault(name, traced.block) != traced.block:
            variants = self.variants.setdefault(scope.path, [])
            place = variants.index(again) + 1 if again else 0
            if place == len(variants):
                variants.append(fresh(self.names[scope.path], self.taken))
            return self.layer(scope, env, variants[place])
        captured = [node for node in traced.operands if isinstance(node, Node)]
        layer_name = Node(Input(name, (NAME,), "layer"))
        env[results[0]] = Node(Call(traced.block, len(values), len(owned)), (layer_name, *args, *captured))
        return True

    # -- operations

    def operation(self, node: FxNode, env: Env) -> None:
        """Read an operation by its row."""
        name = name_of(node.target)
        args, named = self.value(node.args, env), {key: self.value(arg, env) for key, arg in node.kwargs.items()}
        if name == "getitem":
            env[node] = args[0][args[1]]
            return
        if computes_with_numbers(name):
            args, named = numbered(args), {key: numbered(arg) for key, arg in named.items()}
        torch_shape = self.shapes(node)
        torch_shapes = torch_shape if isinstance(torch_shape, list) else [torch_shape]
        if not all(isinstance(size, (int, sp.Expr)) for shape in torch_shapes for size in shape):
            raise NoRule(
                f"{self.where(node)}: it gives a tensor whose shape depends on values, and a net's shapes do not"
            )
        try:
            if name == "embedding":
                check_rows(args[0], args[1], node.args[1].meta["val"].shape)
            for arg in node.all_input_nodes:
                if is_complex(dtype := dtype_of(arg.meta.get("val"))) and not isinstance(self.value(arg, env), Complex):
                    raise NoRule(f"it computes with numbers of type {dtype}, and a net's numbers are real")
            row = row_for(name, Types.of(node, self.exported.sizes.known))
            result = row(torch_shape if isinstance(torch_shape, tuple) else (), *args, **named)
        except OutOfRange as error:  # the module itself would fail
            raise OutOfRange(f"{self.where(node)}: {error}") from None
        except (SymfoldError, TypeError) as error:
            if not self.partial:
                not_evaluated = self.training and isinstance(error, DrawsOrLearns)
                first = [Advice("eval", None, "call .eval() on the module first,")] if not_evaluated else []
                partial = Advice("partial", True, "give partial=True to keep it as an opaque layer,")
                add = Advice("row", None, "add a row to symfold.exchange.pytorch.ops.OPERATIONS")
                raise NoRule(f"{self.where(node)}: {error}", *first, partial, add) from error
            opaque_results = opaque_layers(node, args, named, torch_shapes, self.taken)
            env[node] = opaque_results if isinstance(torch_shape, list) else opaque_results[0]
            return
        single = isinstance(result, (Node, Complex))
        if not single and len(result) < len(torch_shapes):  # the rest is known by name only
            result = [*result, *opaque_layers(node, args, named, torch_shapes, self.taken)[len(result) :]]
        shape = result.shape if single else [part.shape for part in result]
        if not same_sizes(shape, torch_shape):
            raise InvalidValue(f"{self.where(node)} gave shape {shape}, PyTorch says {torch_shape}")
        env[node] = result

    def shapes(self, node: FxNode) -> Any:
        """The shape of an operation's result, or a list of shapes."""
        value, shape = node.meta["val"], self.exported.sizes.shape
        return [*map(shape, value)] if isinstance(value, (tuple, list)) else shape(value)

    def where(self, node: FxNode) -> str:
        stack = list((node.meta.get("nn_module_stack") or {"": ("", "")}).values())
        path = stack[-1][0]
        line = line_of(node.meta.get("stack_trace") or "")
        module = f"module {path or '(the root)'!r} ({self.kinds.get(path, 'a module')})"
        return f"the operation {node.target} in {module}{line and f', at {line}'}"


def check_rows(table: Node, positions: Node, example: Sequence[Any]) -> None:
    """Raise an error if the example has more positions than a table has rows."""
    rows = table.shape[0]
    most = max((getattr(getattr(size, "node", None), "hint", size) or 0 for size in example), default=0)
    if isinstance(rows, int) and counted_up(positions) is not None and most > rows:
        raise OutOfRange(f"it reads row {rows} of a table of {rows} rows (give a shorter example)")


def numbered(arg: Any) -> Any:
    """An argument with sizes as numbers of the net."""
    if isinstance(arg, list):
        return [numbered(part) for part in arg]
    return number(arg) if isinstance(arg, sp.Expr) else arg


def same_sizes(a: Any, b: Any) -> bool:
    """Whether two shapes, or lists of shapes, are equal, however their sizes are written."""
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(same_sizes, a, b))
    return bool(a == b) or bool(sp.simplify(one_floor(a) - one_floor(b)) == 0)


def one_floor(size: Any) -> sp.Expr:
    """A size without floors in floors: a whole number added, or divided by a whole number, may be rounded later.

    >>> n = sp.Symbol("n", integer=True)
    >>> one_floor(sp.floor(sp.floor(n / 2 - sp.S.Half) / 2) + 1)
    floor(n/4 - 1/4) + 1
    """
    size = sp.sympify(size)
    if not size.args:
        return size
    size = size.func(*map(one_floor, size.args))
    if isinstance(size, sp.floor):
        divided = size.args[0].as_numer_denom()[1]
        inner = size.args[0].atoms(sp.floor)
        for floor in inner:
            if sp.expand(size.args[0] - floor / divided).is_Rational and divided.is_Integer:
                return sp.floor(sp.expand(size.args[0].xreplace({floor: floor.args[0]})))
    return size
