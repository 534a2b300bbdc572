"""Values that depend on sizes only, such as positions and causal masks: each entry as an expression in its indices.

`torch.arange(n)[None, :] <= torch.arange(n)[:, None]` is `i1 <= i0` of shape (n, n) at every n. SymPy simplifies the
expressions, so masks that hide nothing vanish.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symfold.base.arguments import NumpyArray
from symfold.core import functions
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives import broadcast_to, reshape
from symfold.core.shapes import Shape
from symfold.exchange.reading.creation import filled, positions

if TYPE_CHECKING:
    pass


def index(axis: int) -> sp.Symbol:
    """The symbol of an index; indices count from 0."""
    return sp.Symbol(f"i{axis}", integer=True, nonnegative=True)


@dataclass(frozen=True)
class Entries:
    """A tensor whose entry at the indices i0, i1, ... is an expression in them; a Boolean for truth values."""

    shape: Shape
    entry: Any

    def at(self, indices: Sequence[Any], shape: Shape) -> Entries:
        """The tensor of a shape whose entries are those at some indices, expressions in the new ones."""
        replaced = dict(zip(map(index, range(len(indices))), map(sp.sympify, indices), strict=True))
        return Entries(shape, self.entry.subs(replaced, simultaneous=True))

    @property
    def number(self) -> Any:
        """The entry as a number: 1 or 0 for a truth value."""
        return sp.Piecewise((1, self.entry), (0, True)) if is_truth(self.entry) else self.entry

    @property
    def truth(self) -> Any:
        """The entry as a truth value: whether it is not 0."""
        return compared(sp.Ne, self.entry, sp.S.Zero)

    def node(self) -> Node:
        """The tensor as a node."""
        if self.number.is_number:
            return filled(self.shape, number(self.number))
        counted = {index(axis): _along(axis, self.shape) for axis in range(len(self.shape))}
        result = _node(self.entry, counted)
        return result if result.shape == self.shape else broadcast_to(result, shape=self.shape)


def _along(axis: int, shape: Shape) -> Node:
    """The indices along an axis, in a shape to broadcast."""
    counted = positions(shape[axis])
    return (
        reshape(counted, shape=(*counted.shape, *(1,) * (len(shape) - axis - 1))) if axis < len(shape) - 1 else counted
    )


HEADS: dict[type, Any] = {
    sp.Le: functions.less_equal, sp.Lt: functions.less, sp.Eq: functions.equal, sp.Ne: functions.not_equal, sp.Not: functions.logical_not,
    sp.And: functions.logical_and, sp.Or: functions.logical_or,
}  # fmt: skip


def _node(entry: Any, counted: Mapping[sp.Symbol, Node]) -> Node:
    """An expression in indices as a node over the indices along the axes."""
    if entry in counted:
        return counted[entry]
    if not entry.free_symbols & counted.keys():
        return number(entry)
    if isinstance(entry, sp.Piecewise):
        *choices, (last, _) = entry.args
        result = _node(last, counted)
        for value, condition in reversed(choices):
            result = Node(functions.where, (_node(condition, counted), _node(value, counted), result))
        return result
    if isinstance(entry, (sp.Ge, sp.Gt)):
        entry = entry.reversed
    head = HEADS.get(type(entry), type(entry))
    args = [_node(arg, counted) for arg in entry.args]
    return reduce(lambda a, b: Node(head, (a, b)), args[1:], args[0]) if len(args) > 1 else Node(head, tuple(args))


def is_truth(entry: Any) -> bool:
    """Whether an entry is a truth value."""
    return isinstance(
        entry, (sp.logic.boolalg.BooleanAtom, sp.logic.boolalg.BooleanFunction, sp.core.relational.Relational)
    )


def compared(relation: Any, a: Any, b: Any) -> Any:
    """A relation between two entries, whatever they are chosen by."""
    if relation in (sp.Ge, sp.Gt):
        return compared(sp.Le if relation is sp.Ge else sp.Lt, b, a)
    a, b = (sp.Piecewise((1, side), (0, True)) if is_truth(side) else side for side in (a, b))
    for place, side in enumerate((a, b)):
        if isinstance(side, sp.Piecewise) and len(side.args) == 2:
            (first, condition), (second, _) = side.args
            then, other = (
                (compared(relation, x, b) if place == 0 else compared(relation, a, x)) for x in (first, second)
            )
            return sp.Or(sp.And(condition, then), sp.And(sp.Not(condition), other))
    return relation(a, b)


def entries_of_array(array: NumpyArray) -> Entries | None:
    """A constant array as entries: one number, or evenly spaced numbers along the last axis; None for others."""
    if not array.size or array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        return None
    if array.ndim > 1 and (array == np.tri(*array.shape[-2:])).all():
        return Entries(array.shape, causal(array.shape).number)
    first = array.reshape(-1)[0]
    if array.dtype.kind == "b":
        return Entries(array.shape, sp.true if first else sp.false) if (array == first).all() else None
    step = array[(0,) * (array.ndim - 1)][1] - first if array.ndim and array.shape[-1] > 1 else first * 0
    if float(first) != int(first) or float(step) != int(step):
        return None
    with np.errstate(over="ignore"):
        spaced = first + step * np.arange(array.shape[-1] if array.ndim else 1)
    if (array != spaced).any():
        return None
    along = index(array.ndim - 1) if array.ndim else sp.S.Zero
    return Entries(array.shape, sp.Integer(int(first)) + int(step) * along)


def causal(shape: Shape) -> Entries:
    """The truth values that let each row see the columns up to its own."""
    return Entries(shape, sp.Le(index(len(shape) - 1), index(len(shape) - 2)))


def of_type(value: Entries, dtype: str) -> Entries | None:
    """Entries as numbers or truth values of a dtype; None if it would round them."""
    if dtype == "torch.bool":
        return Entries(value.shape, value.truth)
    return None if "int" in dtype and not value.number.is_integer else Entries(value.shape, value.number)
