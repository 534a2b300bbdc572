"""The primitives: what is not elementwise. A row says the shape, the adjoint, and how NumPy computes it.

A new primitive is one row here; a backend may add a faster spelling of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from symfold.errors import NoRule, ShapeError
from symfold.functions import softplus
from symfold.nodes import NUMPY, Constant, Node, lift, number
from symfold.shapes import ANY, NAME, Shape, broadcast, is_concrete, is_known, must_sum, show

Attributes = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Primitive:
    """One row of the table. Its name identifies it; the rules take the attributes as keywords."""

    name: str
    shape: Callable[..., Shape] = field(compare=False, repr=False)
    evaluate: Callable[..., Any] = field(compare=False, repr=False)
    adjoint: Callable[..., Sequence[Node | None]] | None = field(default=None, compare=False, repr=False)

    def __call__(self, *args: Any, **attributes: Any) -> Node:
        return Node(Apply(self, tuple(sorted(attributes.items()))), tuple(map(lift, args)))


@dataclass(frozen=True)
class Apply:
    """A primitive with its attributes: the operation of a node."""

    primitive: Primitive
    attributes: Attributes = ()

    def infer(self, args: tuple[Node, ...]) -> Shape:
        return self.primitive.shape(*(arg.shape for arg in args), **dict(self.attributes))

    def pull(self, node: Node, cotangent: Node) -> Sequence[Node | None]:
        """The cotangent of each argument, from the cotangent of the result."""
        if self.primitive.adjoint is None:
            raise NoRule(f"the primitive {self.primitive.name!r} has no adjoint rule (add one to its row)")
        return self.primitive.adjoint(node, cotangent, **dict(self.attributes))

    def evaluate(self, *arrays: Any) -> Any:
        return self.primitive.evaluate(*arrays, **dict(self.attributes))


PRIMITIVES: dict[str, Primitive] = {}


def primitive(name: str, shape: Any, evaluate: Any, adjoint: Any = None) -> Primitive:
    """Add a row to the table."""
    PRIMITIVES[name] = Primitive(name, shape, evaluate, adjoint)
    return PRIMITIVES[name]


def is_primitive(node: Node, *rows: Primitive) -> bool:
    """Whether a node applies one of these rows."""
    return isinstance(node.op, Apply) and node.op.primitive in rows


def axes_of(axis: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """Axes counted from the end and sorted, so that the same axes are the same attribute at any rank."""
    chosen = range(rank) if axis is None else [axis] if isinstance(axis, (int, np.integer)) else axis
    for one in chosen:
        if not -rank <= one < rank:
            raise ShapeError(f"axis {one} is out of bounds for {rank} axes (must be from {-rank} to {rank - 1})")
    return tuple(sorted({int(one) - rank if one >= 0 else int(one) for one in chosen}))


# ---------------------------------------------------------------- broadcasting and its adjoint


def fit(cotangent: Node, argument: Node) -> Node:
    """The cotangent of an argument that was broadcast: summed over the axes that broadcasting added."""
    enlarged = must_sum(argument.shape, cotangent.shape)
    if enlarged is None:
        return sum_like(cotangent, argument)
    return sum_to(cotangent, shape=argument.shape) if enlarged else cotangent


def spread(value: Node, like: Node) -> Node:
    """A value broadcast to the shape of another, where it does not have it already."""
    if is_known(like.shape):
        return value if value.shape == like.shape else broadcast_to(value, shape=like.shape)
    return value if must_sum(value.shape, like.shape) is False else broadcast_like(value, like)


def sum_to_array(array: Any, shape: tuple[int, ...]) -> Any:
    extra = array.ndim - len(shape)
    kept = array.sum(axis=tuple(range(extra))) if extra else array
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 and kept.shape[axis] != 1)
    return np.asarray(kept.sum(axis=axes, keepdims=True)).reshape(shape) if axes else kept


sum_to: Primitive = primitive(
    "sum_to",
    lambda a, shape: shape,
    lambda a, shape: sum_to_array(np.asarray(a), shape),
    lambda node, bar, shape: [spread(bar, node.args[0])],
)
sum_like: Primitive = primitive(
    "sum_like",
    lambda a, like: like,
    lambda a, like: sum_to_array(np.asarray(a), np.shape(like)),
    lambda node, bar: [spread(bar, node.args[0]), None],
)


def _broadcast_shape(a: Shape, shape: Shape) -> Shape:
    if broadcast(a, shape) is None:
        raise ShapeError(f"cannot broadcast {show(a)} to {show(shape)}")
    return shape


broadcast_to: Primitive = primitive(
    "broadcast_to",
    _broadcast_shape,
    lambda a, shape: np.broadcast_to(a, shape),
    lambda node, bar, shape: [fit(bar, node.args[0])],
)
broadcast_like: Primitive = primitive(
    "broadcast_like",
    lambda a, like: like,
    lambda a, like: np.broadcast_to(a, np.broadcast_shapes(np.shape(a), np.shape(like))),
    lambda node, bar: [fit(bar, node.args[0]), None],
)


# ---------------------------------------------------------------- products


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
        raise NoRule("the adjoint of a dot product needs the number of axes of both sides (give the tensors shapes, None where a size is unknown)")
    # a vector is a matrix of one row (left) or one column (right): all cases are the case of two matrices
    rows, columns = len(a.shape) > 1, len(b.shape) > 1
    left = a if rows else expand(a, axis=-2)
    right = b if columns else expand(b, axis=-1)
    full = bar if rows else expand(bar, axis=-2 if columns else -1)
    full = full if columns else expand(full, axis=-1)
    to_left, to_right = dot(full, swap(right)), dot(swap(left), full)
    bar_a = fit(to_left, left) if rows else squeeze(fit(to_left, left), axis=-2)
    bar_b = fit(to_right, right) if columns else squeeze(fit(to_right, right), axis=-1)
    return [bar_a, bar_b]


dot: Primitive = primitive("dot", _dot_shape, lambda a, b: np.matmul(a, b), _dot_adjoint)


def _swap_shape(a: Shape) -> Shape:
    return ANY if not is_known(a) else (*a[:-2], a[-1], a[-2]) if len(a) > 1 else a


swap: Primitive = primitive(
    "transpose",
    _swap_shape,
    lambda a: np.swapaxes(a, -1, -2) if np.ndim(a) > 1 else a,
    lambda node, bar: [swap(bar)],
)


# ---------------------------------------------------------------- sums and arrangement


def _reduced(a: Shape, axis: tuple[int, ...] | None, keepdims: bool) -> Shape:
    if axis is None and not keepdims:
        return ()
    if not is_known(a):
        return ANY
    axes = axes_of(axis, len(a))
    return tuple(1 if k - len(a) in axes else size for k, size in enumerate(a) if keepdims or k - len(a) not in axes)


def _unreduced(node: Node, bar: Node, axis: tuple[int, ...] | None, keepdims: bool) -> Node:
    """A reduced value with the axes that the reduction took away, as axes of size 1."""
    full = node.args[0]
    if keepdims or (axis is None and bar.shape == ()):
        return bar
    if not is_known(full.shape):
        raise NoRule("the adjoint of a reduction over chosen axes needs the number of axes (give the tensor a shape)")
    for one in sorted(axis or ()):
        bar = expand(bar, axis=one)
    return bar


reduce_sum: Primitive = primitive(
    "sum",
    _reduced,
    lambda a, axis, keepdims: np.sum(a, axis=axis, keepdims=keepdims),
    lambda node, bar, axis, keepdims: [spread(_unreduced(node, bar, axis, keepdims), node.args[0])],
)
reduce_mean: Primitive = primitive(
    "mean",
    _reduced,
    lambda a, axis, keepdims: np.sum(a, axis=axis, keepdims=keepdims) / (np.size(a) // max(1, np.size(np.sum(a, axis=axis)))),
    lambda node, bar, axis, keepdims: [
        spread(_unreduced(node, bar, axis, keepdims) * share(node.args[0], axis=axis), node.args[0])
    ],
)
# one over the number of entries that a reduction joins
share: Primitive = primitive(
    "share",
    lambda a, axis: (),
    lambda a, axis: 1.0 / (np.size(a) // max(1, np.size(np.sum(a, axis=axis)))),
    lambda node, bar, axis: [None],
)


def _max_shift(a: Any, axis: Any) -> Any:
    return np.max(a, axis=axis, keepdims=True)


def _softmax(a: Any, axis: tuple[int, ...]) -> Any:
    powers = np.exp(a - _max_shift(a, axis))
    return powers / powers.sum(axis=axis, keepdims=True)


def _logsumexp(a: Any, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    top = _max_shift(a, axis)
    total = np.log(np.exp(a - top).sum(axis=axis, keepdims=True)) + top
    return total if keepdims else np.sum(total, axis=axis)


softmax: Primitive = primitive(
    "softmax",
    lambda a, axis: a,
    _softmax,
    lambda node, bar, axis: [node * (bar - reduce_sum(bar * node, axis=axis, keepdims=True))],
)
logsumexp: Primitive = primitive(
    "logsumexp",
    _reduced,
    _logsumexp,
    lambda node, bar, axis, keepdims: [
        softmax(node.args[0], axis=axis if axis is not None else axes_of(None, node.args[0].ndim))
        * _unreduced(node, bar, axis, keepdims)
    ],
)


def _reshaped(a: Shape, shape: tuple[int, ...]) -> Shape:
    if -1 not in shape:
        if is_concrete(a) and prod(s for s in a if isinstance(s, int)) != prod(shape):
            raise ShapeError(f"cannot reshape {show(a)} into {show(shape)}")
        return shape
    if not is_known(a):
        return tuple(s for s in ANY)
    fixed = prod(s for s in shape if isinstance(s, int) and s != -1)
    total = sp.Integer(1)
    for size in a:
        total = total * size
    rest = total / fixed if fixed else sp.Integer(0)
    if rest.is_Rational and not rest.is_Integer:
        raise ShapeError(f"cannot reshape {show(a)} into {show(shape)}")
    return tuple((int(rest) if rest.is_Integer else rest) if s == -1 else s for s in shape)


def _reshape_adjoint(node: Node, bar: Node, shape: tuple[int, ...]) -> list[Node]:
    before = node.args[0].shape
    if not is_known(before):
        raise NoRule("the adjoint of reshape needs the number of axes (give the tensor a shape)")
    return [reshape(bar, shape=before)]


reshape: Primitive = primitive("reshape", _reshaped, lambda a, shape: np.reshape(a, shape), _reshape_adjoint)
expand: Primitive = primitive(
    "expand",
    lambda a, axis: ANY if not is_known(a) else (*a[: len(a) + 1 + axis], 1, *a[len(a) + 1 + axis :]),
    lambda a, axis: np.expand_dims(a, axis),
    lambda node, bar, axis: [squeeze(bar, axis=axis)],
)
squeeze: Primitive = primitive(
    "squeeze",
    lambda a, axis: ANY if not is_known(a) else tuple(s for k, s in enumerate(a) if k != len(a) + axis),
    lambda a, axis: np.squeeze(a, axis),
    lambda node, bar, axis: [expand(bar, axis=axis)],
)


def _joined(*shapes: Shape, axis: int) -> Shape:
    if not all(map(is_known, shapes)):
        return ANY
    axis = axis - len(shapes[0]) if axis >= 0 else axis
    if len({len(shape) for shape in shapes}) > 1 or not -len(shapes[0]) <= axis < 0:
        raise ShapeError(f"cannot concatenate {' and '.join(map(show, shapes))} along axis {axis}")
    total: Any = 0
    for shape in shapes:
        total = total + shape[axis]
    flat = [broadcast(*(shape[:axis] + shape[len(shape) + axis + 1 :] for shape in shapes))]
    if flat[0] is None:
        raise ShapeError(f"cannot concatenate {' and '.join(map(show, shapes))} along axis {axis}")
    where = len(shapes[0]) + axis
    return (*flat[0][:where], int(total) if getattr(total, "is_Integer", True) else total, *flat[0][where:])


def _split(node: Node, bar: Node, axis: int) -> list[Node]:
    axis = axis - len(node.shape) if axis >= 0 else axis
    parts: list[Node] = []
    start = 0
    for arg in node.args:
        size = arg.shape[axis] if is_known(arg.shape) else None
        if not isinstance(size, int):
            raise NoRule("the adjoint of concatenate needs the sizes along its axis (give the tensors shapes)")
        parts.append(item(bar, index=(..., (start, start + size), *((None, None),) * (-axis - 1))))
        start += size
    return parts


concatenate: Primitive = primitive("concatenate", _joined, lambda *parts, axis: np.concatenate(parts, axis=axis), _split)


# An index is a tuple of ints, pairs (start, stop), and at most one Ellipsis: basic indexing, written without slices
# so that it hashes and prints.


def _as_numpy(index: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(slice(*part) if isinstance(part, tuple) else part for part in index)


def _indexed(a: Shape, index: tuple[Any, ...]) -> Shape:
    if not is_known(a):
        plain = all(isinstance(part, int) for part in index)
        return a[len(index) :] if plain and len(a) > len(index) else ANY
    named = [part for part in index if part is not ...]
    if len(named) > len(a):
        raise ShapeError(f"too many indices for {show(a)}: {len(named)}")
    where = index.index(...) if ... in index else len(index)
    full = [*index[:where], *[(None, None)] * (len(a) - len(named)), *index[where + 1 :]]
    result: list[Any] = []
    for size, part in zip(a, full, strict=True):
        if isinstance(part, int):
            if isinstance(size, int) and not -size <= part < size:
                raise ShapeError(f"index {part} is out of bounds for {show(a)}")
        elif part == (None, None):
            result.append(size)
        elif isinstance(size, int):
            result.append(len(range(*slice(*part).indices(size))))
        elif part[0] in (0, None) and isinstance(part[1], int) and part[1] >= 0:
            result.append(part[1])
        else:
            raise ShapeError(f"cannot slice the unknown size of {show(a)} by {part} (give the size a number)")
    return tuple(result)


def _put(a: Any, like: Any, index: tuple[Any, ...]) -> Any:
    full = np.zeros(np.shape(like), dtype=np.result_type(a))
    full[_as_numpy(index)] = a
    return full


item: Primitive = primitive(
    "item",
    _indexed,
    lambda a, index: np.asarray(a)[_as_numpy(index)],
    lambda node, bar, index: [put(bar, node.args[0], index=index)],
)
put: Primitive = primitive(  # zeros of another's shape, with a value put at an index: the adjoint of `item`
    "put",
    lambda a, like, index: like,
    _put,
    lambda node, bar, index: [item(bar, index=index), None],
)


# ---------------------------------------------------------------- NumPy's spellings


def _dot(a: Any, b: Any) -> Node:
    left, right = lift(a), lift(b)
    if left.shape == () or right.shape == ():
        return left * right
    if is_known(left.shape) and is_known(right.shape) and max(left.ndim, right.ndim) > 2:
        raise ShapeError(f"np.dot of {show(left.shape)} and {show(right.shape)} is ambiguous (use np.matmul or @)")
    return dot(left, right)


def _transpose(a: Any, axes: Any = None) -> Node:
    node = lift(a)
    if axes is not None or (is_known(node.shape) and node.ndim > 2):
        raise NoRule(f"transpose of {show(node.shape)} with axes={axes} does not trace (only the last two axes swap: .T of a matrix)")
    return swap(node)


def _reduction(row: Primitive) -> Callable[..., Node]:
    def apply(a: Any, axis: Any = None, keepdims: bool = False) -> Node:
        node = lift(a)
        if axis is not None:
            if not is_known(node.shape) and not all(one < 0 for one in np.atleast_1d(axis)):
                raise ShapeError(f"axis {axis} of a value of unknown shape (count axes from the end, as -1, or give the shape)")
            axis = axes_of(axis, node.ndim) if is_known(node.shape) else tuple(map(int, np.atleast_1d(axis)))
        return row(node, axis=axis, keepdims=bool(keepdims))

    return apply


def _reshape(a: Any, shape: Any, order: str = "C", **_: Any) -> Node:
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    return reshape(lift(a), shape=tuple(int(size) if isinstance(size, (int, np.integer)) else size for size in sizes))


def _concatenate(parts: Sequence[Any], axis: int = 0) -> Node:
    nodes = tuple(map(lift, parts))
    if len(nodes) == 1:
        return nodes[0]
    ranks = {node.ndim for node in nodes if is_known(node.shape)}
    return concatenate(*nodes, axis=axis if axis < 0 or not ranks else axis - max(ranks))


def _getitem(a: Node, index: Any) -> Node:
    parts = index if isinstance(index, tuple) else (index,)
    plain: list[Any] = []
    for part in parts:
        if isinstance(part, slice):
            plain.append((part.start, part.stop) if part.step in (None, 1) else (part.start, part.stop, part.step))
        elif part is ... or (isinstance(part, (int, np.integer)) and not isinstance(part, bool)):
            plain.append(part if part is ... else int(part))
        else:
            raise NoRule(f"indexing with {part!r} does not trace (integers, slices and ... do)")
    return item(a, index=tuple(plain))


def _expand_dims(a: Any, axis: int) -> Node:
    node = lift(a)
    return expand(node, axis=axis if axis < 0 else axis - node.ndim - 1)


NUMPY.update({
    np.dot: _dot,
    np.matmul: lambda a, b: dot(lift(a), lift(b)),
    np.transpose: _transpose,
    np.sum: _reduction(reduce_sum),
    np.mean: _reduction(reduce_mean),
    np.reshape: _reshape,
    np.concatenate: _concatenate,
    np.ndarray.__getitem__: _getitem,
    np.expand_dims: _expand_dims,
    np.broadcast_to: lambda a, shape: broadcast_to(lift(a), shape=tuple(shape)),
    np.logaddexp: lambda a, b: logaddexp(lift(a), lift(b)),
    np.zeros_like: lambda a, **_: zeros(lift(a)),
})  # fmt: skip


def logaddexp(a: Node, b: Node) -> Node:
    """log(exp(a) + exp(b)), without overflow."""
    return b + Node(softplus, (a - b,))


def zeros(like: Node) -> Node:
    """Zero in the shape of a node."""
    return spread(number(0), like)


def is_zero(node: Node) -> bool:
    """Whether a node is the number 0."""
    return isinstance(node.op, Constant) and node.op.value == 0


def is_name(node: Node) -> bool:
    """Whether a node names a layer (or a sequence of them) and has no number."""
    return node.shape[-1:] == (NAME,)
