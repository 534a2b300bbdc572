"""NumPy functions on nodes, such as `np.dot(z, W)`: one row each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import quoted, takes, whole
from symfold.core.conversion import as_node, operand
from symfold.core.functions import UFUNCS, row_of
from symfold.core.leaves import Constant, number
from symfold.core.nodes import Node
from symfold.core.primitives import (
    Primitive,
    axes_given,
    axes_of,
    broadcast_to,
    cumulative_sum,
    dot,
    einsum,
    expand,
    item,
    norm,
    reduce_max,
    reduce_mean,
    reduce_sum,
    reshape,
    spread,
    squeeze,
    subscripts_given,
    swap,
    zeros,
)
from symfold.core.sequences import reverse
from symfold.core.shapes import Shape, is_known, show, size_given
from symfold.errors import NoRule, ShapeError, listing, plural
from symfold.frontend.numpy_choices import CHOICES
from symfold.frontend.numpy_instead import INSTEAD
from symfold.frontend.numpy_joins import JOINS


def call_numpy(function: object, *args: object, **options: object) -> Node:
    """Trace a NumPy function that has a row."""
    if function in UFUNCS and not options:
        head = UFUNCS[function]
        return Node(head, tuple(map(as_node if row_of(head).truth else operand, args)))
    rule, name = NUMPY.get(function), getattr(function, "__name__", str(function))
    if rule is None and function in INSTEAD:
        raise NoRule(f"numpy.{name} does not trace (write {INSTEAD[function]})")
    if rule is None:
        traced = ", ".join(sorted({getattr(f, "__name__", str(f)) for f in (*NUMPY, *UFUNCS)} - {"__getitem__"}))
        raise NoRule(f"numpy.{name} does not trace (those that do: {traced})")
    try:
        return rule(*args, **options)
    except TypeError:
        if not takes(rule, *args, **options):
            arguments = [plural(len(args), "value"), *(f"{key}={quoted(value, 20)}" for key, value in options.items())]
            raise NoRule(
                f"numpy.{name} of {', '.join(arguments)} does not trace "
                f"(it takes {listing(inspect.signature(rule).parameters)})"
            ) from None
        raise


def _dot(a: object, b: object) -> Node:
    left, right = as_node(a), as_node(b)
    if left.shape == () or right.shape == ():
        return left * right
    if is_known(left.shape) and is_known(right.shape) and max(left.ndim, right.ndim) > 2:
        raise ShapeError(f"np.dot of {show(left.shape)} and {show(right.shape)} is ambiguous (use np.matmul or @)")
    return dot(left, right)


def _transpose(a: object, axes: object = None) -> Node:
    node = as_node(a)
    if axes is not None or (is_known(node.shape) and node.ndim > 2):
        raise NoRule(
            f"transpose of {show(node.shape)} with axes={axes} does not trace "
            "(only the last two axes swap: .T of a matrix)"
        )
    return swap(node)


def _reduction(row: Primitive) -> Callable[..., Node]:
    def apply(a: object, axis: object = None, keepdims: bool = False) -> Node:
        return row(as_node(a), axis=None if axis is None else axes_given(axis), keepdims=bool(keepdims))

    return apply


def _reshape(a: object, shape: object, order: str = "C") -> Node:
    only(order == "C", "reshape", f"order={order!r}", "order='C'")
    return reshape(as_node(a), shape=sizes_given(shape, -1))


def sizes_given(shape: object, least: int = 0) -> Shape:
    """A shape from one size or several, each a whole number or a SymPy expression."""
    sizes = shape if isinstance(shape, (tuple, list)) else [shape]
    return tuple(size_given("size", size, least) for size in sizes)


def _getitem(a: Node, index: object) -> Node:
    indices: list[Any] = []
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, slice):
            indices.append((part.start, part.stop) if part.step in (None, 1) else (part.start, part.stop, part.step))
        elif part is ... or (isinstance(part, (int, np.integer)) and not isinstance(part, bool)):
            indices.append(part if part is ... else int(part))
        else:
            raise NoRule(
                f"indexing with {part!r} does not trace "
                "(integers, slices and ... do; to choose entries write np.where(z > 0, a, b))"
            )
    return item(a, index=tuple(indices))


def _expand_dims(a: object, axis: int) -> Node:
    return expand(as_node(a), axis=whole("axis", axis, None))


def only(allowed: bool, function: str, option: str, instead: str) -> None:
    """Refuse a NumPy option that has no meaning here."""
    if not allowed:
        raise NoRule(f"numpy.{function} with {option} does not trace ({instead} does)")


def _flip(a: object, axis: int | None = None) -> Node:
    node = as_node(a)
    only(axis == 0 or (is_known(node.shape) and node.ndim == 1), "flip", f"axis={axis}", "axis=0")
    return reverse(node)


def _variance(a: object, axis: object = None, keepdims: bool = False) -> Node:
    node, mean = as_node(a), _reduction(reduce_mean)
    return mean((node - mean(node, axis, True)) ** 2, axis, keepdims)


def _running_sum(a: object, axis: object = None) -> Node:
    node = as_node(a) if axis is not None else _ravel(a)
    return cumulative_sum(node, axis=whole("axis", -1 if axis is None else axis, None), backward=False)


def _norm(a: object, ord: object = None, axis: object = None, keepdims: bool = False) -> Node:
    only(ord is None, "linalg.norm", f"ord={ord!r}", "the Euclidean norm")
    return _reduction(norm)(a, axis, keepdims)


def _root(a: object) -> Node:
    return Node(sp.Pow, (as_node(a), Node(Constant(sp.Rational(1, 2)))))


def _squeeze(a: object, axis: int | None = None) -> Node:
    node = as_node(a)
    only(axis is not None and is_known(node.shape), "squeeze", f"axis={axis}", "one axis of a known shape")
    (position,) = axes_of(whole("axis", axis, None), node.ndim)
    if node.shape[position] != 1:
        raise ShapeError(f"cannot squeeze axis {axis} of {show(node.shape)}: its size is not 1")
    return squeeze(node, axis=position)


def _swapaxes(a: object, first: int, second: int) -> Node:
    node = as_node(a)
    only(
        is_known(node.shape) and axes_of(axes_given((first, second)), node.ndim) == (-2, -1),
        "swapaxes",
        f"axes {first}, {second}",
        "the last two axes",
    )
    return swap(node)


def _outer(a: object, b: object) -> Node:
    return expand(_ravel(a), axis=-1) * expand(_ravel(b), axis=-2)


def _ravel(a: object) -> Node:
    node = as_node(a)
    return node if is_known(node.shape) and node.ndim == 1 else _reshape(node, -1)


# the NumPy functions that are not a single elementwise function; a new one is a row
NUMPY: dict[Any, Callable[..., Node]] = {
    np.subtract: lambda a, b: operand(a) - b,
    np.divide: lambda a, b: operand(a) / b,
    np.negative: lambda a: -as_node(a),
    np.positive: lambda a: as_node(a),
    np.reciprocal: lambda a: 1 / as_node(a),
    np.square: lambda a: as_node(a) ** 2,
    np.sqrt: _root,
    np.dot: _dot,
    np.matmul: lambda a, b: dot(as_node(a), as_node(b)),
    np.transpose: _transpose,
    np.sum: _reduction(reduce_sum),
    np.mean: _reduction(reduce_mean),
    np.max: _reduction(reduce_max),
    np.cumsum: _running_sum,
    np.min: lambda a, axis=None, keepdims=False: -_reduction(reduce_max)(-as_node(a), axis, keepdims),
    np.einsum: lambda subscripts, *values: einsum(
        *map(as_node, values), subscripts=subscripts_given(subscripts, len(values))
    ),
    np.reshape: _reshape,
    np.ndarray.__getitem__: _getitem,
    np.expand_dims: _expand_dims,
    np.broadcast_to: lambda a, shape: broadcast_to(as_node(a), shape=sizes_given(shape)),
    np.zeros_like: lambda a, **_: zeros(as_node(a)),
    np.ones_like: lambda a, **_: spread(number(1), as_node(a)),
    np.flip: _flip,
    np.var: _variance,
    np.std: lambda a, axis=None, keepdims=False: _root(_variance(a, axis, keepdims)),
    np.linalg.norm: _norm,
    np.squeeze: _squeeze,
    np.swapaxes: _swapaxes,
    np.outer: _outer,
    np.inner: lambda a, b: _dot(a, _transpose(b)),
    np.vdot: lambda a, b: dot(_ravel(a), _ravel(b)),
    np.ravel: _ravel,
    **CHOICES,
    **JOINS,
}
