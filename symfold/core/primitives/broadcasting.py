"""Broadcasting and its adjoint: values broadcast to a shape, cotangents summed back to a shape."""

from __future__ import annotations

import numpy as np

from symfold.core.arrays import Array, Namespace, shape_of
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives.table import Primitive, primitive
from symfold.core.shapes import Shape, broadcast, is_known, must_sum, show
from symfold.errors import ShapeError


def unbroadcast(cotangent: Node, argument: Node) -> Node:
    """The cotangent of an argument that was broadcast: summed over the axes that broadcasting enlarged."""
    enlarged = must_sum(argument.shape, cotangent.shape)
    if enlarged is None:
        return sum_like(cotangent, argument)
    return sum_to(cotangent, shape=argument.shape) if enlarged else cotangent


def spread(value: Node, like: Node) -> Node:
    """A value broadcast to the shape of another, unless it has that shape already."""
    if is_known(like.shape):
        return value if value.shape == like.shape else broadcast_to(value, shape=like.shape)
    return value if must_sum(value.shape, like.shape) is False else broadcast_like(value, like)


def zeros(like: Node) -> Node:
    """Zero in the shape of a node."""
    return spread(number(0), like)


def summed_to(xp: Namespace, array: Array, shape: tuple[int, ...]) -> Array:
    """An array summed over the axes that broadcasting from a shape enlarged."""
    extra = len(array.shape) - len(shape)
    result = xp.sum(array, axis=tuple(range(extra))) if extra else array
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 and result.shape[axis] != 1)
    return xp.reshape(xp.sum(result, axis=axes, keepdims=True), tuple(shape)) if axes else result


def _spread_like(xp: Namespace, a: Array, like: Array) -> Array:
    return xp.broadcast_to(a, np.broadcast_shapes(shape_of(a), shape_of(like)))


sum_to: Primitive = primitive(
    "sum_to",
    lambda a, shape: shape,
    lambda xp, a, shape: summed_to(xp, a, shape),
    lambda node, bar, shape: [spread(bar, node.args[0])],
    linear=(0,),
    examples=((((4, 2, 3),), {"shape": (2, 1)}),),
)
sum_like: Primitive = primitive(
    "sum_like",
    lambda a, like: like,
    lambda xp, a, like: summed_to(xp, a, shape_of(like)),
    lambda node, bar: [spread(bar, node.args[0]), None],
    linear=(0,),
    shape_only=(1,),
    examples=((((4, 2, 3), (1, 3)), {}),),
)


def _broadcast_shape(a: Shape, shape: Shape) -> Shape:
    if broadcast(a, shape) is None:
        raise ShapeError(f"cannot broadcast {show(a)} to {show(shape)}")
    return shape


broadcast_to: Primitive = primitive(
    "broadcast_to",
    _broadcast_shape,
    lambda xp, a, shape: xp.broadcast_to(a, shape),
    lambda node, bar, shape: [unbroadcast(bar, node.args[0])],
    linear=(0,),
    examples=((((2, 1),), {"shape": (4, 2, 3)}),),
)
broadcast_like: Primitive = primitive(
    "broadcast_like",
    lambda a, like: like,
    _spread_like,
    lambda node, bar: [unbroadcast(bar, node.args[0]), None],
    linear=(0,),
    shape_only=(1,),
    examples=((((2, 1), (4, 2, 3)), {}),),
)


def _alike_shape(a: Shape, b: Shape) -> Shape:
    if is_known(a) and is_known(b):
        same = len(a) == len(b) and all(
            m == n or (m != 1 and n != 1 and broadcast((m,), (n,))) for m, n in zip(a, b, strict=True)
        )
        if not same:
            raise ShapeError(
                f"prediction {show(a)} and target {show(b)} must have one shape: a loss does not broadcast "
                "(reshape one of them)"
            )
    return a


# the first argument, whose shape must be that of the second: neither is broadcast
alike = primitive(
    "alike",
    _alike_shape,
    lambda xp, a, b: a,
    lambda node, bar: [bar, None],
    linear=(0,),
    shape_only=(1,),
    examples=((((2, 3), (2, 3)), {}),),
)
