"""Products of matrices and vectors, stacked or not, and the transpose that their adjoint needs."""

from __future__ import annotations

from symfold.core.nodes import Node
from symfold.core.primitives.arrangement import expand, squeeze
from symfold.core.primitives.broadcasting import unbroadcast
from symfold.core.primitives.table import EACH, Primitive, primitive
from symfold.core.shapes import ANY, Shape, broadcast, is_known, show
from symfold.errors import NoRule, ShapeError


def _dot_shape(a: Shape, b: Shape) -> Shape:
    if not (is_known(a) and is_known(b)):
        return ANY
    if not a or not b:
        raise ShapeError(f"cannot multiply {show(a)} and {show(b)} as matrices (use * with numbers)")
    inner, other = a[-1], b[-2] if len(b) > 1 else b[0]
    if isinstance(inner, int) and isinstance(other, int) and inner != other:
        raise ShapeError(f"cannot take the dot product of {show(a)} and {show(b)}: {inner} columns meet {other} rows")
    leading = broadcast(a[:-2], b[:-2])
    if leading is None:
        raise ShapeError(f"cannot take the dot product of {show(a)} and {show(b)}: their leading axes do not broadcast")
    return (*leading, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))


def _dot_adjoint(node: Node, bar: Node) -> list[Node]:
    a, b = node.args
    if not (is_known(a.shape) and is_known(b.shape)):
        raise NoRule(
            "the adjoint of a dot product needs the number of axes of both sides (give the tensors shapes, None where a size is unknown)"
        )
    # a vector is a matrix of one row (left) or one column (right): all cases are the case of two matrices
    rows, columns = len(a.shape) > 1, len(b.shape) > 1
    left = a if rows else expand(a, axis=-2)
    right = b if columns else expand(b, axis=-1)
    full = bar if rows else expand(bar, axis=-2 if columns else -1)
    full = full if columns else expand(full, axis=-1)
    to_left, to_right = dot(full, swap(right)), dot(swap(left), full)
    bar_a = unbroadcast(to_left, left) if rows else squeeze(unbroadcast(to_left, left), axis=-2)
    bar_b = unbroadcast(to_right, right) if columns else squeeze(unbroadcast(to_right, right), axis=-1)
    return [bar_a, bar_b]


dot: Primitive = primitive(
    "dot",
    _dot_shape,
    lambda xp, a, b: xp.matmul(a, b),
    _dot_adjoint,
    linear=EACH,
    examples=((((2, 3), (3, 4)), {}), (((3,), (3, 2)), {}), (((4, 2, 3), (3,)), {}), (((2, 1, 2, 3), (4, 3, 2)), {})),
)


def _swap_shape(a: Shape) -> Shape:
    return ANY if not is_known(a) else (*a[:-2], a[-1], a[-2]) if len(a) > 1 else a


swap: Primitive = primitive(
    "transpose",
    _swap_shape,
    lambda xp, a: xp.swapaxes(a, -1, -2) if len(a.shape) > 1 else a,
    lambda node, bar: [swap(bar)],
    linear=(0,),
    examples=((((2, 3),), {}), (((4, 2, 3),), {})),
)
