"""Nets: immutable, callable, equal by structure. A fold returns a net, and so does every transformation.

A net is output nodes and their form (a tuple, a dict, a single value). Later packages attach what can be done with a
net: formulas, graphs, numbers, ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from symfold.base.arguments import place_of, quoted
from symfold.base.public import public
from symfold.base.trees import LEAF, Form, State, as_state, flatten, unflatten
from symfold.core.blocks import Block, trace
from symfold.core.conversion import as_node, as_symbol, is_truth
from symfold.core.folds import Fold, is_fold, walk_inside
from symfold.core.leaves import Formal, Input
from symfold.core.names import check_claims, leaves_of, names_of, reconcile
from symfold.core.nodes import Node, substitute, walk, walking_once
from symfold.core.operators import Operators
from symfold.core.sequences import stack
from symfold.core.shapes import Shape, is_concrete
from symfold.core.stacked_inputs import Leaf, Numbered, StackedInputs, is_input, known_count
from symfold.errors import InvalidType, InvalidValue, UnknownKey, listing

if TYPE_CHECKING:
    import pathlib

    import graphviz
    import networkx as nx
    import sympy as sp

    from symfold.analysis.record import Record
    from symfold.analysis.summary import Summary
    from symfold.compute.compile import Compiled
    from symfold.compute.parameters import Parameters
    from symfold.show.notation.steps import Equations


def listed(leaf: Node) -> tuple[str, ...]:
    """The names of a leaf; if their number is a symbol, their prefix."""
    names = names_of(leaf)
    return (names.prefix,) if isinstance(names, Numbered) and not isinstance(names.count, int) else tuple(names)


def names_in(leaves: Iterable[Leaf]) -> dict[str, None]:
    """The names of leaves, once each, in order."""
    return dict.fromkeys(chain(*map(listed, leaves)))


def members(leaves: Iterable[Leaf]) -> list[Leaf]:
    """The leaves with each family as its members; one of symbolic size as it is."""
    return [
        node
        for leaf in leaves
        for node in (leaf.op.members if isinstance(leaf.op, StackedInputs) and is_concrete(leaf.shape[:1]) else [leaf])
    ]


def is_arrays(value: object) -> bool:
    """Whether a value is parameters: a mapping from names to arrays."""
    return isinstance(value, Mapping) and bool(value) and all(isinstance(each, np.ndarray) for each in value.values())


@public
@dataclass(frozen=True, repr=False)
class Net(Operators["Net"]):
    """A computation over inputs and parameters.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x"))
    >>> print(net)
    z1 = f1(x) + x
    z2 = f2(z1) + z1
    """

    outputs: tuple[Node, ...]
    form: Form = LEAF
    # leaves that the net takes even if it does not read them: a gradient takes the inputs of its loss, in their order
    signature: tuple[Leaf, ...] = ()

    # -- conversion

    @classmethod
    @walking_once
    def of(cls, value: object) -> Net:
        """The net of a value: a node, a SymPy expression, or tuples and dicts of them.

        Of a net with its parameters, as `sf.from_torch` returns them, it is the net.
        """
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], Net) and is_arrays(value[1]):
            value = value[0]
        if isinstance(value, Net):
            return value
        leaves, form = flatten(as_state(value))
        outputs = reconcile(tuple(map(as_node, leaves)))
        check_claims(outputs)
        return cls(outputs, form)

    def _as_node_(self) -> Node:
        if len(self.outputs) != 1:
            raise InvalidType(f"a net of {len(self.outputs)} outputs is not a single value (take one of net.parts)")
        return self.outputs[0]

    def _as_tree_(self) -> State:
        return unflatten(self.form, self.outputs)

    def _as_function_(self) -> tuple[Block, Form, tuple[Node, ...]]:
        """The net as a block over its inputs, with the form of its results and the nodes that it captures."""
        inputs = self.inputs
        traced = trace(
            lambda formals: substitute(self.outputs, dict(zip(inputs, formals, strict=True))),
            [i.shape for i in inputs],
            len(inputs),
        )
        return traced.block, self.form, tuple(node for node in traced.operands if isinstance(node, Node))

    def with_outputs(self, outputs: Sequence[Node]) -> Net:
        """The net with other outputs in the same form."""
        return Net(tuple(outputs), self.form, self.signature)

    def _wrap_(self, node: Node) -> Net:
        return Net((node,))

    def _sympy_(self) -> sp.Expr:
        return as_symbol(self._as_node_())

    @property
    def parts(self) -> State:
        """The outputs in their form, each as a net."""
        return unflatten(self.form, [Net((output,)) for output in self.outputs])

    # -- structure

    @cached_property
    @walking_once
    def leaves(self) -> tuple[Leaf, ...]:
        """Inputs, parameters and names of layers, stacked or not, in order of first use."""
        for node in walk(self.outputs):
            if isinstance(node.op, Formal):
                raise InvalidValue(
                    "a value of a mapper's step was used outside its mapper (return it as part of the state)"
                )
        check_claims(self.outputs)
        return self._leaves

    @cached_property
    def _leaves(self) -> tuple[Leaf, ...]:
        """The leaves, unchecked."""
        leaves = leaves_of(self.outputs)
        read, declared = set(leaves), set(self.signature)
        if declared <= read:  # nothing has to be listed
            return tuple(dict.fromkeys((*self.signature, *leaves)))
        new_names = set(names_in(leaf for leaf in leaves if leaf not in declared))
        signature = [leaf for leaf in self.signature if leaf in read or new_names.isdisjoint(listed(leaf))]
        return tuple(dict.fromkeys((*signature, *leaves)))

    def _members(self, role: str) -> tuple[Leaf, ...]:
        nodes = members(leaf for leaf in self.leaves if leaf.op.role == role)
        if not self.signature:
            return tuple(dict.fromkeys(nodes))
        declared = members(leaf for leaf in self.signature if leaf.op.role == role)
        place = {node: k for k, node in enumerate(declared)}
        return tuple(sorted(dict.fromkeys(nodes), key=lambda node: place.get(node, len(place))))

    def _one_by_one(self, role: str) -> tuple[Node[Input], ...]:
        leaves = self._members(role)
        for leaf in leaves:
            if isinstance(leaf.op, StackedInputs):
                known_count(leaf.op.count)
        return tuple(leaf for leaf in leaves if is_input(leaf))

    def taking(self, net: Net) -> Net:
        """The outputs as a net that takes what another one takes, read or not: the inputs in their order."""
        if self.outputs == net.outputs and not net.signature:
            return net
        read = Net(self.outputs, self.form)
        if read._leaves == net._leaves:
            return read
        # names are listed of leaves that differ, and of the others only if some name is missing still
        new, old = set(read._leaves), set(net._leaves)
        differing, params = [leaf for leaf in old - new if leaf.op.role == "parameter"], set[str]()
        for leaves in (new - old, new & old):
            if differing:
                params.update(names_in(leaf for leaf in leaves if leaf.op.role == "parameter"))
                differing = [leaf for leaf in differing if not params.issuperset(listed(leaf))]
        unread = [member for member in members(differing) if params.isdisjoint(listed(member))]
        if not unread and read._takes_inputs_of(net):
            return read
        return Net(self.outputs, self.form, (*net._members("input"), *sorted(unread, key=listed)))

    def _takes_inputs_of(self, net: Net) -> bool:
        """Whether two nets have the same inputs in the same order."""
        mine, others = ([leaf for leaf in taken._leaves if leaf.op.role == "input"] for taken in (self, net))
        return mine == others or tuple(names_in(mine)) == tuple(names_in(others))

    @cached_property
    def inputs(self) -> tuple[Node[Input], ...]:
        """The inputs, in order of first use, which is the order of positional values."""
        return self._one_by_one("input")

    @cached_property
    def params(self) -> tuple[Node[Input], ...]:
        """The parameters, in order of first use."""
        return self._one_by_one("parameter")

    @property
    def shape(self) -> Shape:
        """The shape of the output."""
        return self._as_node_().shape

    @cached_property
    def bindings(self) -> tuple[Node[Fold], ...]:
        """The folds outside other folds, in the order of computation."""
        return tuple(filter(is_fold, walk(self.outputs)))

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The distinct blocks of all folds, each before the blocks nested in it."""
        return tuple(dict.fromkeys(fold.op.block for fold in filter(is_fold, walk_inside(self.outputs))))

    # -- substitution

    def replaced(self, values: Mapping[str, Node]) -> Net:
        """The net with inputs and parameters replaced by nodes, given by name."""
        replaced: dict[Node, Node] = {}
        for leaf in self.leaves:
            if isinstance(leaf.op, StackedInputs) and any(name in values for name in leaf.op.names):
                replaced[leaf] = stack([values.get(member.op.name, member) for member in leaf.op.members])
            elif isinstance(leaf.op, Input) and leaf.op.name in values:
                replaced[leaf] = values[leaf.op.name]
        signature = tuple(leaf for leaf in self.signature if leaf not in replaced)
        return Net(reconcile(substitute(self.outputs, replaced)), self.form, signature)

    # -- immutable: a copy is the net itself

    def __copy__(self) -> Net:
        return self

    def __deepcopy__(self, memo: object) -> Net:
        return self

    # -- arithmetic gives nets

    def __getitem__(self, index: object) -> State:
        """An entry of the value; if the outputs are a tuple or a dict, one of its parts."""
        parts = self.parts
        if isinstance(parts, tuple):
            position = place_of("part", index, len(parts))
            return tuple(parts[k] for k in position) if isinstance(position, range) else parts[position]
        if isinstance(parts, dict):
            if index not in parts:
                raise UnknownKey(f"the net has no part {quoted(index)} (its parts: {listing(map(repr, parts))})")
            return parts[index]
        return self._operate("__getitem__", index)

    def _operate(self, name: str, *others: object, **options: object) -> Net:
        return self._wrap_(getattr(self._as_node_(), name)(*map(self._operand, others), **options))

    def _operand(self, value: object) -> object:
        """An operand for the net's node; in a SymPy expression, a symbol is the net's tensor of that name."""
        if hasattr(value, "_as_node_"):
            return value._as_node_()
        return reconcile((*self.outputs, as_node(value)))[-1] if hasattr(value, "free_symbols") else value

    def __bool__(self) -> bool:
        """True, as for any object; an error for a comparison, whose truth value is not known yet."""
        if self.form == LEAF and is_truth(self.outputs[0]) and not isinstance(self.outputs[0].op, Input):
            return bool(self.outputs[0])
        return True

    def __iter__(self) -> Iterator[State]:
        if self.form == LEAF:
            return (self._wrap_(entry) for entry in self._as_node_())
        return iter(self.parts)

    if TYPE_CHECKING:  # attached by later packages (see core/attach.py)
        # frontend
        def __array_ufunc__(
            self, ufunc: Callable[..., object], method: str, *inputs: object, **options: object
        ) -> Net: ...
        def __array_function__(
            self, function: object, types: object, args: Sequence[object], options: object
        ) -> Net: ...
        # transform
        def at(self, **depths: int) -> Net: ...
        def bind(self, bodies: Mapping[str, object]) -> Net: ...
        # show
        @property
        def expr(self) -> sp.Expr: ...
        @property
        def equations(self) -> Equations: ...
        def to_sympy(self, max_ops: int | None = 10_000) -> State: ...
        def formula(
            self,
            form: str = "fold",
            style: str = "text",
            max_ops: int | None = 10_000,
            inline: bool = False,
            names: Mapping[str, str] | None = None,
            label: str | None = None,
        ) -> str: ...
        def __str__(self) -> str: ...
        def __repr__(self) -> str: ...
        def _repr_latex_(self) -> str | None: ...
        def _repr_html_(self) -> str | None: ...
        def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]: ...
        def graph(self, level: str = "layer") -> nx.MultiDiGraph: ...
        def diagram(self, level: str | None = None, **options: object) -> graphviz.Digraph: ...
        def draw(self, path: str | pathlib.Path, level: str | None = None, **options: object) -> pathlib.Path: ...
        # compute
        def __call__(self, *values: object, **named: object) -> State: ...
        def init(self, seed: int = 0, by: str | Mapping[str, str] | None = None) -> Parameters: ...
        def compile(self, backend: str = "auto", dtype: str = "float64") -> Compiled: ...
        def lambdify(self) -> Callable[..., State]: ...
        # analysis
        def summary(self, *, shapes: Mapping[str, Sequence[int | None]] | None = None) -> Summary: ...
        def record(self, params: Mapping[str, object] | None = None, /, **inputs: object) -> Record: ...
        # exchange
        def __reduce__(self) -> tuple[object, ...]: ...
        def to_json(self) -> str: ...
        def to_code(self, target: str = "numpy", name: str = "net") -> str: ...
