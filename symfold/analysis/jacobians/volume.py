"""Volume change at a point: the determinant of the Jacobian of a net, and its divergence as a vector field.

    residual: det J = product of det(I + J_k(z_{k-1}))        boosting: det J = det(I + sum of J_k(x))

A residual net is invertible if each step is; for boosting only the sum counts. With layers of strength epsilon, the two
determinants differ by epsilon**2 times the divergence of the sum over i < j of f_j'(x)[f_i(x)], up to O(epsilon**3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from symfold.analysis.jacobians.closed_volume import closed_determinant
from symfold.analysis.jacobians.jacobian import jacobian
from symfold.base.public import public
from symfold.core.net import Net
from symfold.errors import ShapeError, plural
from symfold.transform.rolling import depth_symbols

Array = np.ndarray[Any, Any]
MOST_EXACT = 64  # the widest matrix of whole numbers whose determinant is computed exactly


@public
def determinant(net: Any, params: Mapping[str, Any] | None = None, **inputs: Any) -> Array | sp.Expr:
    """The determinant of the Jacobian at each row of the input: the local change of volume.

    >>> import numpy as np, symfold as sf
    >>> x = sf.tensor("x", (None, 2))
    >>> kind = sf.layer("f", lambda z, A: z @ A, A=(2, 2)).kind
    >>> values = {"A1": np.array([[0.0, 1.0], [0.0, 0.0]]), "A2": np.array([[0.0, 0.0], [1.0, 0.0]])}
    >>> nets = [sf.fold(m, sf.layers("f1:3", kind), x) for m in (sf.mappers.residual, sf.mappers.boosting(x))]
    >>> [sf.determinant(net, values, x=[[1.0, 2.0]]).tolist() for net in nets]
    [[1.0], [0.0]]

    A state of several parts has one Jacobian: an additive coupling keeps the volume.

    >>> f, g = (sf.layers(f"{letter}1:4", lambda z: 3 * z) for letter in "fg")
    >>> def coupling(state, item):
    ...     a = state[0] + item[0](state[1])
    ...     return a, state[1] + item[1](a)
    >>> state = sf.tensor("a", (2,)), sf.tensor("b", (2,))
    >>> sf.determinant(sf.fold(coupling, list(zip(f, g)), state), a=[1.0, 2.0], b=[3.0, 4.0]).item()
    1.0

    In a symbolic depth it is a formula, if the steps have one that does not depend on their layers.

    >>> deep = sf.zipped(sf.layers("f", count="n"), sf.layers("g", count="n"))
    >>> sf.determinant(sf.fold(coupling, deep, state))
    1
    >>> sf.determinant(sf.fold(lambda z, _: 2 * z + 1, sf.repeat(1, "n"), sf.tensor("x", (3,))))
    8**n
    """
    net = Net.of(net)
    if depths := depth_symbols(net):
        return closed_determinant(net, depths)
    jacobians = row_jacobians(net, params, inputs)
    whole = np.all(jacobians == np.rint(jacobians)) and jacobians.shape[-1] <= MOST_EXACT
    result: Array = np.linalg.det(jacobians)
    if not whole:
        return result
    exact = [float(exact_determinant(matrix)) for matrix in jacobians.reshape(-1, *jacobians.shape[-2:])]
    return np.reshape(np.array(exact), result.shape)


def exact_determinant(matrix: Array) -> int:
    """The determinant of a matrix of whole numbers, by elimination without fractions (Bareiss 1968)."""
    rows, last, sign = [[int(entry) for entry in row] for row in matrix], 1, 1
    for k in range(len(rows) - 1):
        pivot = next((place for place in range(k, len(rows)) if rows[place][k]), None)
        if pivot is None:
            return 0
        if pivot != k:
            rows[k], rows[pivot], sign = rows[pivot], rows[k], -sign
        for row in rows[k + 1 :]:
            row[k + 1 :] = [(rows[k][k] * row[j] - row[k] * rows[k][j]) // last for j in range(k + 1, len(rows))]
        last = rows[k][k]
    return sign * rows[-1][-1] if rows else 1


@public
def divergence(net: Any, params: Mapping[str, Any] | None = None, **inputs: Any) -> Array:
    """The trace of the Jacobian at each row of the input: the growth rate of volume along the net as a vector field.

    >>> import symfold as sf
    >>> sf.divergence(sf.Net.of(sf.tensor("x", (None, 2)) ** 2), x=[[1.0, 3.0]]).tolist()
    [8.0]
    """
    result: Array = np.trace(row_jacobians(net, params, inputs), axis1=-2, axis2=-1)
    return result


def row_jacobians(net: Any, params: Mapping[str, Any] | None, inputs: Mapping[str, Any]) -> Array:
    """A square Jacobian for each row, for a net that maps each input to an output of its shape."""
    net = Net.of(net)
    if len(net.inputs) != len(net.outputs):
        raise ShapeError(
            "a square Jacobian belongs to a net with as many outputs as inputs, "
            f"got {plural(len(net.inputs), 'input')} and {plural(len(net.outputs), 'output')}"
        )
    names = [node.op.name for node in net.inputs]
    blocks = jacobian(net).blocks(params, inputs)
    full = [[np.asarray(row[name]) for name in names] for row in blocks]
    shapes = [np.shape(inputs[name]) for name in names]
    rank = len(shapes[0])
    for k, row in enumerate(full):
        for source, block in zip(shapes, row, strict=True):
            if block.shape != (*shapes[k], *source) or len(source) != rank or rank > 2 or source[:-1] != shapes[0][:-1]:
                raise ShapeError(
                    f"a Jacobian of shape {block.shape} is not square "
                    "(each output must have the shape of its input: a row, or as many rows)"
                )
    return np.block([[_by_rows(block, rank) for block in row] for row in full])


def _by_rows(block: Array, rank: int) -> Array:
    """A block of a Jacobian as one matrix for each row; rows must not mix."""
    if rank < 2:
        return block if rank else block.reshape(1, 1)
    rows = block.shape[0]
    across = block[~np.eye(rows, dtype=bool)[:, None, :, None].repeat(block.shape[1], 1).repeat(block.shape[3], 3)]
    if np.any(across != 0):
        raise ShapeError("the net mixes its rows, so they have no separate Jacobians (give one row)")
    diagonal: Array = block[np.arange(rows), :, np.arange(rows), :]
    return diagonal
