"""Coupling: virtual weights between layers of the form V_k s(W_k z + b_k).

    boosting:  h_k = s(W_k x + b_k)                                     one hidden layer of width n h
    residual:  h_k = s(W_k x + sum over j < k of W_k V_j h_j + b_k)     the same layer, with lateral couplings

Stacked, the couplings W_k V_j are strictly block lower triangular: later layers read the output of a layer as if they
were connected to it (virtual weights: Elhage et al. 2021).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import arrays_of
from symfold.base.public import public
from symfold.base.results import Result
from symfold.base.tables import MOST as MOST_SHOWN
from symfold.base.tables import Table
from symfold.core.blocks import Block, Call
from symfold.core.names import applied_layers, names_of
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import dot, is_primitive
from symfold.core.stacked_inputs import Numbered
from symfold.errors import InvalidType, NoRule
from symfold.transform.rewiring.mixing_matrix import MOST, mixing_matrix, too_large

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Coupling(Result):
    """The read and write matrices of each layer, acting on columns: W_k is (h, d), V_k is (d, h)."""

    layers: tuple[str, ...]
    read: tuple[Array, ...]
    write: tuple[Array, ...]
    wiring: Array  # row k, column j: the weight with which layer k reads layer j, from the mixing matrix

    def block(self, later: int, earlier: int) -> Array:
        """W_k V_j times the weight with which layer k, counted from 0, reads layer j: zero in boosting."""
        product: Array = self.wiring[later, earlier] * (self.read[later] @ self.write[earlier])
        return product

    @cached_property
    def norms(self) -> Array:
        """The Frobenius norm of W_k V_j in row k and column j, zero on the diagonal and above it."""
        size = len(self.layers)
        return np.array(
            [[float(np.linalg.norm(self.block(k, j))) if j < k else 0.0 for j in range(size)] for k in range(size)]
        )

    @cached_property
    def lateral(self) -> Array:
        """All couplings as one matrix between the hidden units of all layers, strictly block lower triangular."""
        return np.block(
            [
                [
                    self.block(k, j) if j < k else np.zeros((len(self.read[k]), self.write[j].shape[1]))
                    for j in range(len(self.layers))
                ]
                for k in range(len(self.layers))
            ]
        )

    def __repr__(self) -> str:
        return f"Coupling({len(self.layers)} layers, largest block norm {self.norms.max(initial=0.0):.3g})"

    def _repr_html_(self) -> str:
        """The norms, of at most as many columns as rows are shown."""
        layers, more = self.layers[:MOST_SHOWN], ("...",) * (len(self.layers) > MOST_SHOWN)

        def row(k: int) -> tuple[str, ...]:
            return self.layers[k], *(f"{norm:.3g}" for norm in self.norms[k, :MOST_SHOWN]), *more

        return Table(("layer reads", *layers, *more), len(self.layers), row).html()


@public
def coupling(net: Any, params: Mapping[str, Any]) -> Coupling:
    """The virtual weights of a net with layers V s(W z + b), or s(W z + b) (then V is the identity).

    >>> import numpy as np, symfold as sf
    >>> kind = sf.layer("f", lambda z, W, V: np.tanh(z @ W) @ V, W=(2, 5), V=(5, 2)).kind
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4", kind), sf.tensor("x", (None, 2)))
    >>> weights = sf.coupling(net, net.init(seed=0))
    >>> weights.block(2, 0).shape, weights.lateral.shape, bool((np.triu(weights.norms) == 0).all())
    ((5, 5), (15, 15), True)
    """
    net = Net.of(net)
    if not isinstance(params, Mapping):
        raise InvalidType(
            f"params must be a mapping from names to arrays, got {type(params).__name__} (as net.init() gives)"
        )
    if any(
        isinstance(family := names_of(args[0]), Numbered) and isinstance(family.count, int) and family.count > MOST
        for op, args in applied_layers(net.outputs)
        if op.body is not None
    ):
        raise too_large()  # before the search for the parameters of so many layers
    arrays = arrays_of({name: params[name] for name in params}, [node.op.name for node in net.params], what="parameter")
    names: list[str] = []
    read: list[Array] = []
    write: list[Array] = []
    for op, args in applied_layers(net.outputs):
        weights = [tuple(names_of(weight)) for weight in args[1 + op.arity : 1 + op.arity + op.weights]]
        form = _form(op, str(names_of(args[0])[0]))
        for place, name in enumerate(names_of(args[0])):
            names.append(name)
            first, last = (matrix and _as_columns(arrays[weights[matrix[0]][place]], matrix[1]) for matrix in form)
            assert first is not None
            read.append(first)
            write.append(np.eye(first.shape[0]) if last is None else last)
    if not names:
        raise NoRule("the net applies no layers, so there is no coupling between them")
    if any(matrix.shape[1] != read[0].shape[1] for matrix in read) or any(
        matrix.shape[0] != read[0].shape[1] for matrix in write
    ):
        raise NoRule("the layers do not all read and write states of one width, so they have no virtual weights")
    mixed = mixing_matrix(net)
    if sorted(mixed.layers) != sorted(names) or len(set(names)) < len(names):
        raise NoRule("a layer is applied more than once, so it has no single place among the others")
    order = [names.index(name) for name in mixed.layers]
    numbers = {sp.Symbol(name): float(value) for name, value in arrays.items() if np.ndim(value) == 0}
    wiring = np.array(mixed.A[1:, 1:].subs(numbers).tolist(), dtype=float).reshape(len(names), len(names))
    return Coupling(mixed.layers, tuple(read[k] for k in order), tuple(write[k] for k in order), wiring)


def _as_columns(matrix: Array, left: bool) -> Array:
    """A matrix that acts on columns, from a left (W z) or a right factor (z W)."""
    return np.asarray(matrix, dtype=float) if left else np.asarray(matrix, dtype=float).T


Matrix = tuple[int, bool]  # the index of a parameter of the layer, and whether it is the left factor


def _form(op: Call, name: str) -> tuple[Matrix, Matrix | None]:
    """The parameters by which a layer reads and writes, from its body."""
    if op.body is None:
        raise NoRule(
            f"layer {name} is opaque, so it has no weights (give it a body with net.bind, or fold over sf.dense layers)"
        )
    if op.arity != 1:
        raise NoRule(f"layer {name} reads {op.arity} values, so it is not of the form V s(W z + b)")
    source = op.body.formals[0]
    readers = [node for node in walk(op.body.results) if source in node.args]
    read = _product(readers[0], [source], op) if len(readers) == 1 else None
    if read is None:
        raise NoRule(
            f"layer {name} is not of the form V s(W z + b): its body must read z in one product with a parameter"
        )
    return read, _write_matrix(op.body, source, op)


def _write_matrix(body: Block, source: Node, op: Call) -> Matrix | None:
    """The parameter in the last product of a body, ignoring terms that do not depend on z."""
    depends = {source}
    for node in walk(body.results):
        if any(arg in depends for arg in node.args):
            depends.add(node)
    last = body.results[0]
    while last.op is sp.Add:
        terms = [arg for arg in last.args if arg in depends]
        if len(terms) != 1:
            return None
        last = terms[0]
    if source in last.args:  # a linear layer: its only matrix is the read matrix
        return None
    return _product(last, [arg for arg in last.args if arg in depends], op)


def _product(node: Node, inner: Sequence[Node], op: Call) -> Matrix | None:
    """The parameter in a product of a value and a parameter; else None."""
    assert op.body is not None
    weights = op.body.formals[op.arity : op.arity + op.weights]
    if not is_primitive(node, dot) or len(inner) != 1:
        return None
    left, right = node.args
    if right in inner and left in weights:
        return weights.index(left), True
    return (weights.index(right), False) if left in inner and right in weights else None
