"""Exact values of the constants of a net, which weight the paths that they multiply.

number ::= constant | SymPy symbol | HEAD(number, ...) | PRIMITIVE(number, ...) | entry of a sequence of numbers
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from symfold.core.leaves import Constant, FrozenArray
from symfold.core.nodes import Node
from symfold.core.primitives import Apply, alike, broadcast_like, is_primitive
from symfold.core.shapes import is_known
from symfold.errors import NoRule, SymfoldError

MOST_ENTRIES = 4_096  # of an array in exact arithmetic


class NoSingleWeight(NoRule):
    """A factor has no single known value."""


@dataclass(frozen=True, eq=False)
class Number:
    """A value that depends on numbers alone.

    `value` is an expression if all entries are equal, else an array, and None if it is unknown. Along an axis on which
    all entries are equal, an array may have size 1, or lack the axis if it is trailing.
    """

    value: Any
    symbols: frozenset[str] = frozenset()

    @property
    def is_uniform(self) -> bool:
        return isinstance(self.value, sp.Expr)

    def entry(self, position: int) -> Number:
        """One entry of a sequence."""
        if not isinstance(self.value, np.ndarray):
            return self
        return Number(_uniform(self.value[position if len(self.value) > 1 else 0]), self.symbols)

    def equals(self, other: Number) -> bool:
        if isinstance(self.value, np.ndarray) and isinstance(other.value, np.ndarray):
            return bool(np.array_equal(self.value, other.value))
        return self.value is other.value or (self.is_uniform and other.is_uniform and bool(self.value == other.value))

    @property
    def changes(self) -> list[int]:
        """The positions at which an entry of a sequence differs from the one before."""
        if not isinstance(self.value, np.ndarray):
            return []
        rows = self.value.reshape(len(self.value), -1)
        return [int(k) + 1 for k in np.flatnonzero((rows[1:] != rows[:-1]).any(axis=1))]


def number_of(node: Node) -> Number:
    """A constant as a number."""
    assert isinstance(node.op, Constant)
    value = node.op.value
    return Number(_uniform(value.array) if isinstance(value, FrozenArray) else exact(value))


def exact(value: Any) -> sp.Expr:
    """A SymPy number; a float is the decimal fraction that it prints, so that weights of 0.1 add up to 1.

    >>> exact(0.1), exact(sp.pi)
    (1/10, pi)
    """
    number = sp.sympify(value)
    return sp.Rational(str(number)) if number.is_Float and number.is_finite else number


def _uniform(array: Any) -> Any:
    """The value of a `Number` for an array: its entry if all are equal."""
    if not isinstance(array, np.ndarray):
        return array if isinstance(array, sp.Expr) else exact(array.item() if isinstance(array, np.generic) else array)
    if array.size == 0:
        return None
    first = array.flat[0]
    return _uniform(first) if bool(np.all(array == first)) else array


def _objects(array: Any) -> Any:
    """An array of SymPy numbers."""
    if array.dtype == object:
        return array
    return np.array([exact(entry) for entry in array.ravel().tolist()], dtype=object).reshape(array.shape)


def stacked(parts: Sequence[Number]) -> Number | None:
    """A sequence of numbers, if each is uniform."""
    if not all(part.is_uniform for part in parts):
        return None
    array = np.empty(len(parts), dtype=object)
    array[:] = [part.value for part in parts]
    return Number(_uniform(array), symbols_of(parts))


def symbols_of(parts: Iterable[Number]) -> frozenset[str]:
    return frozenset().union(*(part.symbols for part in parts))


def computed(node: Node, args: Sequence[Number]) -> Number:
    """An operation over numbers alone."""
    try:
        return Number(_computed(node, args), symbols_of(args))
    except (SymfoldError, TypeError, ValueError, AttributeError, IndexError):  # a row without exact numbers
        return Number(None, symbols_of(args))


def _computed(node: Node, args: Sequence[Number]) -> Any:
    values = [arg.value for arg in args]
    if any(value is None for value in values):
        return None
    if isinstance(node.op, type):
        if all(arg.is_uniform for arg in args):
            return exact(node.op(*values))
        arrays = [_ranked(arg, part) for arg, part in zip(args, node.args, strict=True)]
        return _uniform(np.frompyfunc(node.op, len(args), 1)(*arrays))
    if is_primitive(node, broadcast_like, alike) and args[0].is_uniform:
        return values[0]
    if not isinstance(node.op, Apply):
        return None
    return _uniform(node.op.evaluate(*(_spread(arg, part) for arg, part in zip(args, node.args, strict=True))))


def _ranked(number: Number, node: Node) -> Any:
    """The array of a number with the axes of its node, so that it broadcasts alike."""
    if number.is_uniform:
        return number.value
    value = _objects(number.value)
    if not is_known(node.shape) or value.size > MOST_ENTRIES:
        raise NoSingleWeight(f"an array of {value.size} numbers is too large for exact arithmetic")
    return value.reshape(value.shape + (1,) * (len(node.shape) - value.ndim))


def _spread(number: Number, node: Node) -> Any:
    """The array of a number in full."""
    shape = node.shape
    if not all(isinstance(size, int) for size in shape) or prod(shape) > MOST_ENTRIES:
        raise NoSingleWeight("an array of numbers is too large for exact arithmetic, or of unknown shape")
    array = np.empty(shape, dtype=object)
    array[...] = _ranked(number, node)
    return array


def single(number: Number) -> sp.Expr:
    """The one weight that a number is."""
    if number.is_uniform:
        value: sp.Expr = number.value
        return value
    what = "an unknown number" if number.value is None else f"an array of shape {number.value.shape}"
    raise NoSingleWeight(
        f"a value is multiplied by {what}, which is not a single weight (count without weights: sf.paths(net))"
    )
