"""Mixing: the net of a depth-mixing matrix. Every layer reads a weighted sum of the input and the earlier layers.

    v_0 = x,    v_l = f_l(sum over i < l of A[l, i] v_i),    out = sum over l of a_l v_l

Row 0 of A is zero. All ones below the diagonal with a all ones is the residual net; ones in the first column with a all
ones is boosting from x; ones on the subdiagonal with a the last unit vector is feedforward; trained weights are
DenseFormer (Pagliardini et al. 2024). `mixing_matrix` reads the matrix off a net.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import ordered, quoted
from symfold.base.public import public
from symfold.core.conversion import as_node, expression_as_node
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.shapes import show
from symfold.errors import InvalidType, InvalidValue, ShapeError
from symfold.frontend import named_layers


@public
def mixing(A: Any, a: Any = None, layers: Any = None, x: Any = None) -> Net:
    """The net whose layer l reads the sum of A[l, i] v_i. Weights are numbers or scalars, as `sf.parameter("w", ())`.

    A is (n + 1, n + 1) and strictly lower triangular; its row 0 belongs to the input x. `a` has n + 1 entries, by
    default all ones; the layers are by default f1, f2, ...

    >>> import symfold as sf
    >>> print(sf.formula(sf.mixing([[0, 0, 0], [1, 0, 0], [1, 1, 0]]), form="expanded"))
    x + f1(x) + f2(x + f1(x))
    """
    rows = _rows(A)
    size = len(rows)
    out = [1] * size if a is None else _row(a)
    if len(out) != size or any(len(row) != size for row in rows):
        raise ShapeError(
            f"A of {size} rows takes {size} columns and {size} output weights, "
            f"got rows of {sorted({len(row) for row in rows})} and {len(out)} weights"
        )
    for number, row in enumerate(rows):
        if any(not _is_zero(weight) for weight in row[number:]):
            raise InvalidValue(
                f"row {number} of A reads layer {number} or a later one (A must be strictly lower triangular)"
            )
    applied = list(named_layers.layers("f", count=size - 1) if layers is None else layers)
    if len(applied) != size - 1:
        raise InvalidValue(f"A of {size} rows takes {size - 1} layers, got {len(applied)}")
    values = [as_node(tensor("x") if x is None else x)]
    summed = Sums(values)
    for row, layer in zip(rows[1:], applied, strict=True):
        values.append(as_node(layer(summed.of(row))))
    return Net.of(summed.of(out))


class Sums:
    """Weighted sums of values; a sum that extends the previous one reuses it, as in a residual net."""

    def __init__(self, values: list[Node]):
        self.values = values
        self.last: tuple[list[Any], Node] | None = None

    def of(self, weights: Sequence[object]) -> Node:
        row = list(weights[: len(self.values)])
        last_row, total = self.last or ([], None)
        if total is None or last_row != row[: len(last_row)]:
            last_row = []
        terms = [
            self.term(weight, value)
            for weight, value in zip(row[len(last_row) :], self.values[len(last_row) :], strict=True)
            if not _is_zero(weight)
        ]
        parts = [total, *terms] if last_row and total is not None else terms
        if not parts:
            raise InvalidValue("a row of A (or a) without a weight reads nothing (give each layer something to read)")
        node = parts[0] if len(parts) == 1 else Node(sp.Add, tuple(parts))
        self.last = (row, node)
        return node

    @staticmethod
    def term(weight: object, value: Node) -> Node:
        return value if not isinstance(weight, Node) and weight == 1 else Node(sp.Mul, (as_node(weight), value))


def _is_zero(weight: object) -> bool:
    return not isinstance(weight, Node) and bool(weight == 0)


def _rows(A: object) -> list[list[object]]:
    return [
        _row(row) for row in ordered("A must be a matrix", A.tolist() if hasattr(A, "tolist") else A, "list of rows")
    ]


def _row(row: object) -> list[object]:
    entries = row.tolist() if isinstance(row, np.ndarray) else row.flat() if isinstance(row, sp.MatrixBase) else row
    return [_weight(entry) for entry in ordered("weights must be a list", entries)]


def _weight(entry: object) -> sp.Expr | Node:
    """A weight as a node or as a number."""
    if isinstance(entry, sp.Expr) and entry.free_symbols:
        entry = expression_as_node(entry, {symbol: tensor(symbol.name, ()) for symbol in entry.free_symbols})
    if isinstance(entry, (Node, Net)):
        node = as_node(entry)
        if node.shape != ():
            raise ShapeError(
                f"the weight {node!r} has the shape {show(node.shape)} "
                f"(a weight is a scalar, as sf.parameter({str(node)!r}, ()))"
            )
        return node
    if isinstance(entry, (int, float, np.number, sp.Expr)):
        return entry
    raise InvalidType(f"{quoted(entry)} is not a weight (give a number, a SymPy expression, or a scalar parameter)")
