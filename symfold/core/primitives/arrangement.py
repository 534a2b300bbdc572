"""Arrangement: entries in another shape, concatenated, or selected by an index."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import prod
from typing import Any

import sympy as sp

from symfold.core.arrays import set_at, zeros_like
from symfold.core.nodes import Node
from symfold.core.primitives.table import TOGETHER, Primitive, is_primitive, primitive
from symfold.core.shapes import ANY, Shape, broadcast, fits, is_concrete, is_known, show
from symfold.errors import NoRule, ShapeError


def _reshaped(a: Shape, shape: tuple[int, ...]) -> Shape:
    if -1 not in shape:
        if is_concrete(a) and is_concrete(shape) and prod(s for s in a if isinstance(s, int)) != prod(shape):
            raise ShapeError(f"cannot reshape {show(a)} into {show(shape)}")
        return shape
    if not is_known(a):
        return ANY
    fixed = prod(s for s in shape if isinstance(s, int) and s != -1)
    size = prod(a, start=sp.Integer(1)) / fixed if fixed else sp.Integer(0)
    if size.is_Rational and not size.is_Integer:
        raise ShapeError(f"cannot reshape {show(a)} into {show(shape)}")
    return tuple((int(size) if size.is_Integer else size) if s == -1 else s for s in shape)


def _reshape_adjoint(node: Node, bar: Node, shape: tuple[int, ...]) -> list[Node]:
    shape_before = node.args[0].shape
    if not is_known(shape_before):
        raise NoRule("the adjoint of reshape needs the number of axes (give the tensor a shape)")
    return [reshape(bar, shape=shape_before)]


reshape: Primitive = primitive(
    "reshape",
    _reshaped,
    lambda xp, a, shape: xp.reshape(a, shape),
    _reshape_adjoint,
    linear=(0,),
    examples=((((2, 6),), {"shape": (3, 4)}),),
)


def splits_leading_axis(node: Node) -> bool:
    """Whether a node is a reshape that only splits the leading axis: rows into groups of rows, a view in any layout."""
    return is_primitive(node, reshape) and _are_groups(node.shape, node.args[0].shape)


def merges_leading_axes(node: Node) -> bool:
    """Whether a node is a reshape that only merges the two leading axes: groups of rows into rows."""
    return is_primitive(node, reshape) and _are_groups(node.args[0].shape, node.shape)


def _are_groups(groups: Shape, rows: Shape) -> bool:
    known = is_known(rows) and len(groups) == len(rows) + 1 > 1 and groups[2:] == rows[1:]
    return known and is_concrete((*groups[:2], rows[0])) and groups[0] * groups[1] == rows[0]


expand: Primitive = primitive(
    "expand",
    lambda a, axis: ANY if not is_known(a) else (*a[: len(a) + 1 + axis], 1, *a[len(a) + 1 + axis :]),
    lambda xp, a, axis: xp.expand_dims(a, axis=axis),
    lambda node, bar, axis: [squeeze(bar, axis=axis)],
    linear=(0,),
    examples=((((2, 3),), {"axis": -2}),),
)
squeeze: Primitive = primitive(
    "squeeze",
    lambda a, axis: ANY if not is_known(a) else tuple(s for k, s in enumerate(a) if k != len(a) + axis),
    lambda xp, a, axis: xp.squeeze(a, axis=axis),
    lambda node, bar, axis: [expand(bar, axis=axis)],
    linear=(0,),
    examples=((((2, 1, 3),), {"axis": -2}),),
)


def _concatenated_shape(*shapes: Shape, axis: int) -> Shape:
    if not all(map(is_known, shapes)):
        return ANY
    axis = axis - len(shapes[0]) if axis >= 0 else axis
    if len({len(shape) for shape in shapes}) > 1 or not -len(shapes[0]) <= axis < 0:
        raise ShapeError(f"cannot concatenate {' and '.join(map(show, shapes))} along axis {axis}")
    total: Any = sum(shape[axis] for shape in shapes)
    others = [shape[:axis] + shape[len(shape) + axis + 1 :] for shape in shapes]
    if not all(fits(a, b) for a, b in combinations(dict.fromkeys(others), 2)):
        raise ShapeError(
            f"cannot concatenate {' and '.join(map(show, shapes))} along axis {axis}: their other sizes must be equal "
            "(np.broadcast_to gives a part its shape)"
        )
    known = [next((size for size in sizes if isinstance(size, int)), sizes[0]) for sizes in zip(*others, strict=True)]
    position = len(shapes[0]) + axis
    return (*known[:position], int(total) if getattr(total, "is_Integer", True) else total, *known[position:])


def _split(node: Node, bar: Node, axis: int) -> list[Node]:
    axis = axis - len(node.shape) if axis >= 0 else axis
    parts: list[Node] = []
    start = 0
    for arg in node.args:
        if not is_known(arg.shape):
            raise NoRule("the adjoint of concatenate needs the number of axes (give the tensors shapes)")
        size = arg.shape[axis]
        parts.append(item(bar, index=(..., (start, start + size), *((None, None),) * (-axis - 1))))
        start += size
    return parts


concatenate: Primitive = primitive(
    "concatenate",
    _concatenated_shape,
    lambda xp, *parts, axis: xp.concat(parts, axis=axis),
    _split,
    linear=TOGETHER,
    examples=((((2, 3), (2, 1)), {"axis": -1}),),
)


def _as_numpy(index: tuple[object, ...]) -> tuple[Any, ...]:
    return tuple(slice(*part) if isinstance(part, tuple) else part for part in index)


def forward_index(index: Sequence[Any], shape: Sequence[int]) -> tuple[tuple[Any, ...], list[int]]:
    """An index without backward slices, which PyTorch lacks, and the axes of the result to reverse.

    >>> forward_index((0, ..., (3, 0, -2)), (2, 5, 6))
    ((0, (None, None), (1, 4, 2)), [1])
    """
    place = index.index(...) if ... in index else len(index)
    between = len(shape) - sum(part is not ... for part in index)
    parts: list[Any] = [*index[:place], *((None, None),) * between, *index[place + 1 :]]
    reverse, axis = [], 0
    for k, part in enumerate(parts):
        if isinstance(part, tuple):
            if len(part) > 2 and (part[2] or 1) < 0:
                read = range(*slice(*part).indices(shape[k]))
                parts[k] = (read[-1], read[0] + 1, -read.step) if read else (0, 0)
                reverse.append(axis)
            axis += 1
    return tuple(parts), reverse


def _length(start: int | None, stop: int | None, step: int = 1) -> int | None:
    """The length of a slice of an axis of any sufficient size, if both of its bounds count from the same end.

    >>> _length(1, 3), _length(-1, None), _length(-2, -5, -1), _length(1, None), _length(1, -1)
    (2, 1, 3, None, None)
    """
    if step > 0 and start is None:
        start = 0
    if step > 0 and stop is None and start is not None and start < 0:
        return len(range(start, 0, step))
    if start is None or stop is None or (start < 0) != (stop < 0):
        return None
    return len(range(start, stop, step))


def _indexed(a: Shape, index: tuple[Any, ...]) -> Shape:
    if not is_known(a):
        only_integers = all(isinstance(part, int) for part in index)
        return a[len(index) :] if only_integers and len(a) > len(index) else ANY
    count = sum(part is not ... for part in index)
    if count > len(a):
        raise ShapeError(f"too many indices for {show(a)}: {count}")
    ellipsis = index.index(...) if ... in index else len(index)
    full = [*index[:ellipsis], *[(None, None)] * (len(a) - count), *index[ellipsis + 1 :]]
    result: list[Any] = []
    for size, part in zip(a, full, strict=True):
        if isinstance(part, int):
            if isinstance(size, int) and not -size <= part < size:
                raise ShapeError(f"index {part} is out of bounds for {show(a)}")
        elif part in ((None, None), (None, None, -1)):
            result.append(size)
        elif any(isinstance(end, sp.Expr) for end in part):  # its bounds are unknown sizes
            step = part[2] if len(part) > 2 else 1
            result.append(part[1] - part[0] if step == 1 else sp.floor((part[1] - part[0] - 1) / step) + 1)
        elif isinstance(size, int):
            result.append(len(range(*slice(*part).indices(size))))
        elif (length := _length(*part)) is not None:
            result.append(length)
        else:
            raise ShapeError(f"cannot slice the unknown size of {show(a)} by {part} (give the size a number)")
    return tuple(result)


def _put_shape(a: Shape, like: Shape, index: tuple[Any, ...]) -> Shape:
    place = _indexed(like, index)
    whole = broadcast(a, place)
    if whole is None or not fits(whole, place):
        raise ShapeError(f"cannot put {show(a)} in a place of {show(place)}")
    return like


def _put(xp: Any, a: Any, like: Any, index: tuple[Any, ...]) -> Any:
    return set_at(zeros_like(xp, like, a), _as_numpy(index), a)


item: Primitive = primitive(
    "item",
    _indexed,
    lambda xp, a, index: a[_as_numpy(index)],
    lambda node, bar, index: [put(bar, node.args[0], index=index)],
    linear=(0,),
    examples=((((4, 3),), {"index": (1,)}), (((4, 3, 2),), {"index": (..., (1, 3), (None, None))})),
)
put: Primitive = primitive(  # the adjoint of `item`: zeros of a shape, with a value put at an index
    "put",
    _put_shape,
    _put,
    lambda node, bar, index: [item(bar, index=index), None],
    linear=(0,),
    shape_only=(1,),
    examples=((((2, 2), (4, 2)), {"index": ((1, 3),)}),),
)
