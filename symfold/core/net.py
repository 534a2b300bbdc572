"""Nets: what a fold gives and every transformation returns. Immutable, callable, equal by structure.

A net is outputs (nodes) and the form they are held in. What is done with a net (formulas, graphs, numbers, ...) is
attached by the packages that do it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from symfold.base.arguments import place_of, quoted
from symfold.base.trees import LEAF, Form, as_state, flatten, unflatten
from symfold.core.blocks import Block, trace
from symfold.core.conversion import as_node, as_symbol, is_truth
from symfold.core.folds import Fold
from symfold.core.names import check_claims, leaves_of, names_of, reconcile
from symfold.core.nodes import Node
from symfold.core.operations import Formal, Input
from symfold.core.operators import Operators
from symfold.core.sequences import stack
from symfold.core.shapes import Shape
from symfold.core.stacked_inputs import Numbered, StackedInputs
from symfold.core.walks import substitute, walk
from symfold.errors import InvalidType, InvalidValue, UnknownKey, listing

if TYPE_CHECKING:
    import pathlib

    import graphviz
    import networkx as nx
    import sympy as sp

    from symfold.compute.compile import Compiled
    from symfold.compute.parameters import Parameters
    from symfold.show.notation.steps import Equations


def listed(leaf: Node) -> tuple[str, ...]:
    """The names of a leaf; of symbolically many, their prefix."""
    names = names_of(leaf)
    return (names.prefix,) if isinstance(names, Numbered) and not isinstance(names.count, int) else tuple(names)


@dataclass(frozen=True, repr=False)
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
        outputs = reconcile(tuple(map(as_node, leaves)))
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
            lambda formals: substitute(self.outputs, dict(zip(inputs, formals, strict=True))),
            [i.shape for i in inputs],
            len(inputs),
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
                raise InvalidValue(
                    "a value of a mapper's step was used outside of its mapper (return it as part of the state)"
                )
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
                found += (
                    [leaf.op.member(k) for k in range(len(list(leaf.op.names)))]
                    if isinstance(leaf.op, StackedInputs)
                    else [leaf]
                )
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

    # -- other values in place of inputs

    def replaced(self, values: Mapping[str, Node]) -> Any:
        """Inputs and parameters replaced by nodes; families that hold one are stacked anew."""
        replaced: dict[Node, Node] = {}
        for leaf in self.leaves:
            if isinstance(leaf.op, StackedInputs) and any(name in values for name in leaf.op.names):
                members = [leaf.op.member(k) for k in range(len(list(leaf.op.names)))]
                replaced[leaf] = stack([values.get(m.op.name, m) for m in members])
            elif isinstance(leaf.op, Input) and leaf.op.name in values:
                replaced[leaf] = values[leaf.op.name]
        kept = tuple(leaf for leaf in self.signature if leaf not in replaced)
        return Net(reconcile(substitute(self.outputs, replaced)), self.form, kept)

    # -- immutable: a copy is the net itself

    def __copy__(self) -> Net:
        return self

    def __deepcopy__(self, memo: object) -> Net:
        return self

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
        return reconcile((*self.outputs, as_node(value)))[-1] if hasattr(value, "free_symbols") else value

    def __bool__(self) -> bool:
        """True, as any object's; of a comparison, an error: it has no answer before there are numbers."""
        return (
            bool(self._as_node_())
            if self.form == LEAF and is_truth(self.outputs[0]) and not isinstance(self.outputs[0].op, Input)
            else True
        )

    def __iter__(self) -> Iterator[Any]:
        if self.form == LEAF:
            return (self._wrap_(entry) for entry in self._as_node_())
        parts = self.parts
        return iter(parts)

    if TYPE_CHECKING:  # attached by the packages that know more than the core (see core/attach.py)
        # frontend
        def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Net: ...
        def __array_function__(self, function: Any, types: Any, args: Sequence[Any], options: Any) -> Net: ...
        # transform
        def at(self, **depths: int) -> Net: ...
        def bind(self, bodies: Mapping[str, Any]) -> Net: ...
        # show
        @property
        def expr(self) -> sp.Expr: ...
        @property
        def equations(self) -> Equations: ...
        def to_sympy(self, max_ops: int | None = 10_000) -> Any: ...
        def formula(self, form: str = "fold", style: str = "text", max_ops: int | None = 10_000) -> str: ...
        def __str__(self) -> str: ...
        def __repr__(self) -> str: ...
        def _repr_latex_(self) -> str | None: ...
        def _repr_svg_(self) -> str | None: ...
        def graph(self, level: str = "layer") -> nx.MultiDiGraph: ...
        def diagram(self, level: str | None = None, **options: Any) -> graphviz.Digraph: ...
        def draw(self, path: str | pathlib.Path, level: str | None = None, **options: Any) -> pathlib.Path: ...
        # compute
        def __call__(self, *values: Any, **named: Any) -> Any: ...
        def init(self, seed: int = 0) -> Parameters: ...
        def compile(self, backend: str = "auto", dtype: str = "float64") -> Compiled: ...
        def lambdify(self) -> Callable[..., Any]: ...
        # exchange
        def __reduce__(self) -> tuple[Any, ...]: ...
        def to_json(self) -> str: ...
