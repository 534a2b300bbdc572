"""Nets: what a fold gives and every transformation returns. Immutable, callable, equal by structure.

A net is outputs (nodes) and the form they are held in. Everything else is a door: a method that hands the net on to
the room that does the work, so that importing a net imports none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from symfold.base.arguments import place_of, quoted
from symfold.base.trees import LEAF, Form, as_state, flatten, unflatten
from symfold.core.blocks import Block, trace
from symfold.core.conversion import as_symbol, lift
from symfold.core.folds import Fold
from symfold.core.functions import UFUNCS
from symfold.core.names import check_claims, leaves_of, names_of, reconcile
from symfold.core.nodes import Node
from symfold.core.operations import Formal, Input
from symfold.core.operators import Operators
from symfold.core.shapes import Shape, fits, show
from symfold.core.stacked_inputs import Family, Numbered
from symfold.core.walks import substitute, walk
from symfold.errors import InvalidType, InvalidValue, ShapeError, UnknownKey, listing
from symfold.frontend.numpy_choices import is_truth
from symfold.frontend.numpy_functions import call_numpy

if TYPE_CHECKING:
    import pathlib

    import graphviz
    import networkx as nx
    import sympy as sp

    from symfold.compute.compile import Compiled
    from symfold.show.notation.steps import Equations


def listed(leaf: Node) -> tuple[str, ...]:
    """The names of a leaf; of symbolically many, their prefix."""
    names = names_of(leaf)
    return (names.prefix,) if isinstance(names, Numbered) and not isinstance(names.count, int) else tuple(names)


@dataclass(frozen=True, eq=True)
class Net(Operators):
    """A computation over inputs and parameters.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x"))
    >>> print(net)
    z1 = f1(x) + x
    z2 = f2(z1) + z1
    """

    outputs: tuple[Node, ...]
    form: Form = LEAF
    # what it was made to take, whether it reads it or not: a gradient takes the inputs of its loss, in their order
    signature: tuple[Node, ...] = ()

    # -- made and taken apart

    @classmethod
    def of(cls, value: Any) -> Net:
        """The net of a value: a node, a SymPy expression, or tuples and dicts of them. One name means one thing in it."""
        if isinstance(value, Net):
            return value
        leaves, form = flatten(as_state(value))
        outputs = reconcile(tuple(map(lift, leaves)))
        check_claims(outputs)
        return cls(outputs, form)

    def _as_node_(self) -> Node:
        if len(self.outputs) != 1:
            raise InvalidType(f"a net of {len(self.outputs)} outputs is no single value (take one of net.parts)")
        return self.outputs[0]

    def _as_tree_(self) -> Any:
        return unflatten(self.form, self.outputs)

    def _as_function_(self) -> tuple[Block, Form, tuple[Node, ...]]:
        """The net as a block over its inputs, with what it needs besides."""
        inputs = self.inputs
        traced = trace(
            lambda formals: substitute(self.outputs, dict(zip(inputs, formals, strict=True))), [i.shape for i in inputs], len(inputs)
        )
        return traced.block, self.form, tuple(node for node in traced.operands if isinstance(node, Node))

    def with_outputs(self, outputs: Sequence[Node]) -> Net:
        """The same net over outputs that were rebuilt."""
        return Net(tuple(outputs), self.form, self.signature)

    def _wrap_(self, node: Node) -> Net:
        return Net((node,))

    def _sympy_(self) -> sp.Expr:
        return as_symbol(self._as_node_())

    @property
    def parts(self) -> Any:
        """The outputs in their form, each a net of its own."""
        return unflatten(self.form, [Net((output,)) for output in self.outputs])

    # -- what it is made of

    @cached_property
    def leaves(self) -> tuple[Node, ...]:
        """Inputs and families of inputs, in order of first use: what `inputs`, `params` and `layers` list."""
        for node in walk(self.outputs):
            if isinstance(node.op, Formal):
                raise InvalidValue("a value of a mapper's step was used outside of its mapper (return it as part of the state)")
        check_claims(self.outputs)
        found = leaves_of(self.outputs)
        read, made_for = set(found), set(self.signature)
        loose = {name for leaf in found if leaf not in made_for for name in listed(leaf)} if made_for else set()
        taken = [leaf for leaf in self.signature if leaf in read or loose.isdisjoint(listed(leaf))]
        return tuple(dict.fromkeys((*taken, *found)))

    def _members(self, role: str) -> tuple[Node, ...]:
        found: list[Node] = []
        for leaf in self.leaves:
            if leaf.op.role == role:
                found += [leaf.op.member(k) for k in range(len(list(leaf.op.names)))] if isinstance(leaf.op, Family) else [leaf]
        return tuple(dict.fromkeys(found))

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        """The inputs, in order of first use; positional values follow it."""
        return self._members("input")

    @cached_property
    def params(self) -> tuple[Node, ...]:
        """The parameters, in order of first use."""
        return self._members("parameter")

    @property
    def shape(self) -> Shape:
        """The shape of the output."""
        return self._as_node_().shape

    @cached_property
    def bindings(self) -> tuple[Node, ...]:
        """The folds that are held, each a block and a count, in the order of computation."""
        return tuple(node for node in walk(self.outputs) if isinstance(node.op, Fold))

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The distinct blocks of the folds, nested ones after those that hold them."""
        found: dict[Block, None] = {}
        waiting = [node.op.block for node in self.bindings]
        while waiting:
            block = waiting.pop(0)
            if block not in found:
                found[block] = None
                waiting += [node.op.block for node in walk(block.results) if isinstance(node.op, Fold)]
        return tuple(found)

    # -- used as a function

    def __call__(self, *values: Any, **named: Any) -> Any:
        """Evaluate at numbers, or put nodes, nets or SymPy expressions in the place of inputs (a net again).

        Positional values follow `inputs`, after a dict of parameters if the first value is a mapping.
        """
        params: Mapping[str, Any] = {}
        if values and isinstance(values[0], Mapping):
            params, values = values[0], values[1:]
        if len(values) > len(self.inputs):
            raise InvalidType(f"{len(values)} values given for {len(self.inputs)} input(s): {', '.join(i.op.name for i in self.inputs) or 'none'}")
        given = {**params, **{i.op.name: value for i, value in zip(self.inputs, values, strict=False)}, **named}
        known = {node.op.name: node for node in (*self.inputs, *self.params)}
        for name in given:
            if name not in known and name not in params:  # parameters may be more than this net needs: a gradient needs fewer
                raise InvalidType(f"the net has no input or parameter {name!r} (it has {', '.join(map(repr, known)) or 'none'})")
        if any(isinstance(value, Node) or hasattr(value, "_as_node_") or hasattr(value, "free_symbols") for value in given.values()):
            placed = {name: lift(value) for name, value in given.items() if name in known}
            for name, value in placed.items():
                if not fits(value.shape, known[name].shape):
                    raise ShapeError(f"{known[name].op.role} {name!r} has shape {show(known[name].shape)}, got {value} of shape {show(value.shape)}")
            return self._placed(placed)
        from symfold.compute.evaluate import Evaluator, as_numbers
        from symfold.core.interpreter import Entries
        from symfold.transform.inlining import divided
        from symfold.transform.specialise import match, with_shapes

        numbers = {name: as_numbers(name, value) for name, value in given.items() if name in known}
        for node in self.params:
            if node.op.name in numbers and not fits(numbers[node.op.name].shape, node.shape):
                raise ShapeError(f"parameter {node.op.name!r} has shape {show(node.shape)}, got {numbers[node.op.name].shape}")
        for name, value in numbers.items():
            match(known[name], value.shape, {})
        evaluator = Evaluator(numbers)
        outputs = divided(with_shapes(self, {name: value.shape for name, value in numbers.items()}).outputs)
        with np.errstate(all="ignore"):  # as compiled nets have it: infinite and undefined numbers are results
            results = evaluator.run(outputs)
        whole = [evaluator.collect(r, o) if isinstance(r, Entries) else r for r, o in zip(results, outputs, strict=True)]
        return unflatten(self.form, [np.asarray(value) for value in whole])

    def _placed(self, values: Mapping[str, Node]) -> Any:
        """Inputs and parameters replaced by nodes; families that hold one are stacked anew."""
        from symfold.core.sequences import stack

        replaced: dict[Node, Node] = {}
        for leaf in self.leaves:
            if isinstance(leaf.op, Family) and any(name in values for name in leaf.op.names):
                members = [leaf.op.member(k) for k in range(len(list(leaf.op.names)))]
                replaced[leaf] = stack([values.get(m.op.name, m) for m in members])
            elif isinstance(leaf.op, Input) and leaf.op.name in values:
                replaced[leaf] = values[leaf.op.name]
        kept = tuple(leaf for leaf in self.signature if leaf not in replaced)
        return Net(reconcile(substitute(self.outputs, replaced)), self.form, kept)

    def at(self, **depths: int) -> Net:
        """The net at given depths, where a depth is a symbol."""
        from symfold.transform.rolling import at_depth

        return at_depth(self, depths)

    def bind(self, bodies: Mapping[str, Any]) -> Net:
        """The net with bodies given to opaque layers, by name.

        >>> import symfold as sf
        >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x"))
        >>> net.bind({"f1": lambda z: z**2, "f2": lambda z: 2 * z})(3.0).item()
        36.0
        """
        from symfold.transform.bind import bind

        return bind(self, bodies)

    # -- doors: formula

    @property
    def expr(self) -> sp.Expr:
        """The whole net as one SymPy expression (bounded; `to_sympy(max_ops=None)` lifts the bound)."""
        return self.to_sympy()

    def to_sympy(self, max_ops: int | None = 10_000) -> Any:
        from symfold.show.notation.expanded import to_sympy

        return to_sympy(self, max_ops=max_ops)

    @property
    def equations(self) -> Equations:
        """The steps: pairs (symbol, expression), made when asked for."""
        from symfold.show.notation.steps import equations

        return equations(self)

    def __str__(self) -> str:
        from symfold.show.notation import describe

        return describe(self)

    def __repr__(self) -> str:
        from symfold.show.notation import describe

        return describe(self)

    def _repr_latex_(self) -> str | None:
        from symfold.show.notation import display_latex

        return display_latex(self)

    def _repr_svg_(self) -> str | None:
        from symfold.show.diagram import display_svg

        return display_svg(self)

    # -- doors: graph and picture

    def graph(self, level: str = "layer") -> nx.MultiDiGraph:
        from symfold.show.graph import graph

        return graph(self, level)

    def diagram(self, level: str | None = None, **options: Any) -> graphviz.Digraph:
        from symfold.show.diagram import diagram

        return diagram(self, level, **options)

    def draw(self, path: str | pathlib.Path, level: str | None = None, **options: Any) -> pathlib.Path:
        from symfold.show.diagram import draw

        return draw(self, path, level, **options)

    # -- doors: numbers

    def init(self, seed: int = 0) -> Any:
        from symfold.compute.parameters import init

        return init(self, seed)

    def compile(self, backend: str = "auto", dtype: str = "float64") -> Compiled:
        from symfold.compute.compile import compile_net

        return compile_net(self, backend, dtype)

    def lambdify(self) -> Callable[..., Any]:
        """A function of the inputs, then the parameters, in their order, as `sympy.lambdify` would give it."""
        from symfold.compute.compile import lambdify

        return lambdify(self)

    # -- keeping

    def __reduce__(self) -> tuple[Any, ...]:
        from symfold.exchange.plain_data.json import net_from_data, net_to_data

        return net_from_data, (net_to_data(self),)

    def __copy__(self) -> Net:
        return self

    def __deepcopy__(self, memo: object) -> Net:
        return self

    def to_json(self) -> str:
        from symfold.exchange.plain_data.json import net_to_json

        return net_to_json(self)

    # -- arithmetic gives nets

    def __getitem__(self, index: Any) -> Any:
        """An entry of the value; of several outputs the part, as unpacking gives it."""
        parts = self.parts
        if isinstance(parts, tuple):
            place = place_of("part", index, len(parts))
            return tuple(parts[k] for k in place) if isinstance(place, range) else parts[place]
        if isinstance(parts, dict):
            if index not in parts:
                raise UnknownKey(f"the net has no part {quoted(index)} (its parts: {listing(map(repr, parts))})")
            return parts[index]
        return self._operate("__getitem__", index)

    def _operate(self, name: str, *others: Any, **options: Any) -> Net:
        return self._wrap_(getattr(self._as_node_(), name)(*map(self._operand, others), **options))

    def _operand(self, value: Any) -> Any:
        """What a net is combined with: a net's node; in a SymPy expression, a symbol is the net's input of its name."""
        if isinstance(value, Net):
            return value._as_node_()
        return reconcile((*self.outputs, lift(value)))[-1] if hasattr(value, "free_symbols") else value

    def __bool__(self) -> bool:
        """True, as any object's; of a comparison, an error: it has no answer before there are numbers."""
        return bool(self._as_node_()) if self.form == LEAF and is_truth(self.outputs[0]) and not isinstance(self.outputs[0].op, Input) else True

    def __iter__(self) -> Iterator[Any]:
        if self.form == LEAF:
            return (self._wrap_(entry) for entry in self._as_node_())
        parts = self.parts
        return iter(parts)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain = list(map(self._operand, inputs))
        if ufunc in UFUNCS and method == "__call__" and not options:
            return self._wrap_(Node(UFUNCS[ufunc], tuple(map(lift, plain))))
        return self._wrap_(call_numpy(ufunc, *plain, **options))

    def __array_function__(self, function: Any, types: Any, args: Sequence[Any], options: Any) -> Any:
        plain = list(map(self._operand, args))
        return self._wrap_(call_numpy(function, *plain, **options))
