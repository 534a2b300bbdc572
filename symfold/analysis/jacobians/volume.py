"""Volume change at a point: the determinant of the Jacobian of a net, and its divergence as a vector field.

    residual: det J = product of det(I + J_k(z_{k-1}))        boosting: det J = det(I + sum of J_k(x))

A residual net is invertible if each step is; for boosting only the sum counts. With layers of strength epsilon, the two
determinants differ by epsilon**2 times the divergence of the sum over i < j of f_j'(x)[f_i(x)], up to O(epsilon**3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symfold.analysis.jacobians.jacobian import jacobian
from symfold.core.net import Net
from symfold.errors import ShapeError

Array = np.ndarray[Any, Any]


def determinant(net: Any, params: Mapping[str, Any] | None = None, **inputs: Any) -> Array:
    """The determinant of the Jacobian at each row of the input: the local change of volume.

    >>> import numpy as np, symfold as sf
    >>> x = sf.tensor("x", (None, 2))
    >>> kind = sf.layer("f", lambda z, A: z @ A, A=(2, 2)).kind
    >>> values = {"A1": np.array([[0.0, 1.0], [0.0, 0.0]]), "A2": np.array([[0.0, 0.0], [1.0, 0.0]])}
    >>> nets = [sf.fold(m, sf.layers("f1:3", kind), x) for m in (sf.mappers.residual, sf.mappers.boosting(x))]
    >>> [sf.determinant(net, values, x=[[1.0, 2.0]]).tolist() for net in nets]
    [[1.0], [0.0]]
    """
    result: Array = np.linalg.det(row_jacobians(net, params, inputs))
    return result


def divergence(net: Any, params: Mapping[str, Any] | None = None, **inputs: Any) -> Array:
    """The trace of the Jacobian at each row of the input: the growth rate of volume along the net as a vector field.

    >>> import symfold as sf
    >>> sf.divergence(sf.Net.of(sf.tensor("x", (None, 2)) ** 2), x=[[1.0, 3.0]]).tolist()
    [8.0]
    """
    result: Array = np.trace(row_jacobians(net, params, inputs), axis1=-2, axis2=-1)
    return result


def row_jacobians(net: Any, params: Mapping[str, Any] | None, inputs: Mapping[str, Any]) -> Array:
    """A square Jacobian for each row, for a net that maps each row to a row of the same width."""
    net = Net.of(net)
    if len(net.inputs) != 1 or len(net.outputs) != 1:
        raise ShapeError(
            "a square Jacobian belongs to a net of one input and one output, "
            f"got {len(net.inputs)} and {len(net.outputs)}"
        )
    full = np.asarray(jacobian(net).evaluate(params, **inputs))
    rank = full.ndim // 2
    if full.ndim % 2 or full.shape[:rank] != full.shape[rank:] or rank > 2:
        raise ShapeError(
            f"a Jacobian of shape {full.shape} is not square "
            "(the output must have the shape of the input: a row, or rows)"
        )
    if rank < 2:
        return full.reshape(*full.shape[:rank], *full.shape[:rank]) if rank else full.reshape(1, 1)
    rows = full.shape[0]
    across = full[~np.eye(rows, dtype=bool)[:, None, :, None].repeat(full.shape[1], 1).repeat(full.shape[3], 3)]
    if np.any(across != 0):
        raise ShapeError("the net mixes its rows, so they have no separate Jacobians (give one row)")
    diagonal: Array = full[np.arange(rows), :, np.arange(rows), :]
    return diagonal
