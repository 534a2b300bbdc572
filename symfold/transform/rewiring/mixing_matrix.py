"""The mixing matrix of a net whose layers read weighted sums, and the paths that it gives.

v_l = f_l(sum over i < l of A[l, i] v_i),    out = sum over l of a_l v_l,    P(t) = a (I - t A)^{-1} e_0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symfold.base.public import public
from symfold.core.blocks import Call
from symfold.core.folds import Fold
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.leaves import Input, number_of
from symfold.core.names import names_of
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import broadcast_like, broadcast_to, is_primitive
from symfold.core.shapes import NAME
from symfold.errors import InvalidType, NoRule, TooLarge
from symfold.frontend.named_layers import Layer
from symfold.transform.rewiring.mixing import mixing

T = sp.Symbol("t")
MOST = 2_000  # layers of a matrix


@dataclass(frozen=True)
class Mixing:
    """What the layers of a net read: row l of `A` weights x and the layers before layer l; `a` weights the output."""

    A: sp.ImmutableSparseMatrix
    a: sp.ImmutableSparseMatrix
    layers: tuple[str, ...]

    @property
    def polynomial(self) -> sp.Expr:
        """The paths, weighted by A and a, as a polynomial in t: a (I - t A)^{-1} e_0, by substitution.

        >>> import symfold as sf
        >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
        >>> mixing_matrix(net).polynomial
        t**3 + 3*t**2 + 3*t + 1
        """
        values: list[sp.Poly] = [sp.Poly(1, T)]
        rows: list[list[tuple[int, sp.Expr]]] = [[] for _ in range(self.A.rows)]
        for (row, column), weight in sorted(self.A.todok().items()):
            rows[row].append((column, weight))
        for row in rows[1:]:
            total = sum((values[column] * weight for column, weight in row), sp.Poly(0, T))
            values.append(total * sp.Poly(T, T))
        return sum((values[column] * weight for (_, column), weight in self.a.todok().items()), sp.Poly(0, T)).as_expr()

    def net(self, x: object = None) -> Net:
        """The net that has this matrix."""
        return mixing(self.A, self.a, [Layer(name) for name in self.layers], x)


@public
def mixing_matrix(net: object) -> Mixing:
    """The matrix of a net whose layers read weighted sums; for any other net, an error says why there is none.

    >>> import symfold as sf
    >>> x = sf.tensor("x")
    >>> for mapper in (sf.mappers.residual, sf.mappers.boosting(x), sf.mappers.feedforward):
    ...     matrix = mixing_matrix(sf.fold(mapper, sf.layers("f1:3"), x))
    ...     print(matrix.A.tolist(), list(matrix.a))
    [[0, 0, 0], [1, 0, 0], [1, 1, 0]] [1, 1, 1]
    [[0, 0, 0], [1, 0, 0], [1, 0, 0]] [1, 1, 1]
    [[0, 0, 0], [1, 0, 0], [0, 1, 0]] [0, 0, 1]
    """
    base = Net.of(net)
    inputs = [node for node in base.inputs if node.shape != ()] or base.inputs  # scalars next to an input are weights
    if len(base.outputs) != 1 or len(inputs) != 1:
        raise InvalidType(
            f"a mixing matrix belongs to a net of one input and one output, got {len(inputs)} and {len(base.outputs)}"
        )
    if any(isinstance(node.op.count, int) and node.op.count > MOST and _applies(node.op) for node in base.bindings):
        raise too_large()
    reader = Reader(inputs[0])
    (out,) = reader.run(base.outputs)
    size = len(reader.rows)
    weights = {(number, k): weight for number, row in enumerate(reader.rows) for k, weight in row.items()}
    A = sp.ImmutableSparseMatrix(size, size, weights)
    a = sp.ImmutableSparseMatrix(1, size, {(0, k): weight for k, weight in _sum_of(out, "the output").items()})
    return Mixing(A, a, tuple(reader.layers))


def _applies(fold: Fold) -> bool:
    """Whether every step of a fold applies a layer."""
    return any(isinstance(node.op, Call) for node in walk(fold.block.results))


def too_large() -> TooLarge:
    """The error for a net with too many layers."""
    return TooLarge(
        f"a mixing matrix is written out for at most {MOST:,} layers "
        "(for deeper nets, sf.paths and sf.jacobian keep the folded form)"
    )


Weighted = dict[int, sp.Expr]  # a weighted sum, by number: 0 is x, l is layer l


class Reader(Interpreter):
    """Every value as a weighted sum of the input and the layers so far; a scalar as a weight."""

    def __init__(self, source: Node):
        self.source = source
        self.rows: list[Weighted] = [{}]
        self.layers: list[str] = []

    def leaf(self, node: Node) -> Weighted | sp.Expr | str | None:
        if node == self.source:
            return {0: sp.Integer(1)}
        if node.shape[-1:] == (NAME,):
            return names_of(node)[0]
        if isinstance(node.op, Input):
            return sp.Symbol(node.op.name) if node.shape == () else None
        return number_of(node)

    def index(self, value: object, position: int, node: Node) -> None:
        return None

    def collect(self, entries: Entries, node: Node) -> None:
        return None

    def apply(self, node: Node, args: Sequence[Any]) -> Weighted | sp.Expr | str | None:
        if isinstance(node.op, Call):
            return self.layer(node.op, args)
        if node.op is sp.Add:
            return _added(args)
        if node.op is sp.Mul:
            return _multiplied(args)
        if is_primitive(node, broadcast_to, broadcast_like) and not isinstance(args[0], Mapping):
            return args[0]
        if all(isinstance(arg, sp.Expr) for arg in args) and isinstance(node.op, type):
            return node.op(*args)
        raise NoRule(f"the net has no mixing matrix: {node!r} is not a weighted sum of the input and of layers")

    def layer(self, op: Call, args: Sequence[Any]) -> Weighted:
        if op.arity != 1:
            raise NoRule(f"the net has no mixing matrix: layer {args[0]} reads {op.arity} values")
        if len(self.layers) == MOST:
            raise too_large()
        self.rows.append(_sum_of(args[1], f"what layer {args[0]} reads"))
        self.layers.append(args[0])
        return {len(self.layers): sp.Integer(1)}


def _sum_of(value: object, what: str) -> Weighted:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, sp.Expr) and value == 0:
        return {}
    raise NoRule(f"the net has no mixing matrix: {what} is not a weighted sum of the input and of layers")


def _added(args: Sequence[object]) -> Weighted | sp.Expr:
    if all(isinstance(arg, sp.Expr) for arg in args):
        return sp.Add(*args)
    total: Weighted = {}
    for arg in args:
        for number, weight in _sum_of(arg, "a term of a sum").items():
            total[number] = total.get(number, sp.Integer(0)) + weight
    return {number: weight for number, weight in total.items() if weight != 0}


def _multiplied(args: Sequence[object]) -> Weighted | sp.Expr:
    sums = [arg for arg in args if isinstance(arg, Mapping)]
    factors = [arg for arg in args if isinstance(arg, sp.Expr)]
    if len(sums) + len(factors) < len(args) or len(sums) > 1:
        raise NoRule(
            "the net has no mixing matrix: it multiplies states (or gates them), "
            "and a mixing adds them with fixed weights"
        )
    factor = sp.Mul(*factors)
    return {number: factor * weight for number, weight in sums[0].items()} if sums else factor
