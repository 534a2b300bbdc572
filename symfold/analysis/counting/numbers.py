"""Numbers: what the constants of a net come to, exactly, so that a path that one of them multiplies has its weight.

number ::= constant | SymPy symbol | HEAD(number, ...) | PRIMITIVE(number, ...) | entry of a sequence of numbers
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from symfold.core.nodes import Node
from symfold.core.operations import FrozenArray
from symfold.core.primitives import Apply, alike, broadcast_like, is_primitive
from symfold.core.shapes import is_known
from symfold.errors import NoRule, SymfoldError

MOST_ENTRIES = 4_096  # of an array that is computed with exactly


class NoSingleWeight(NoRule):
    """A number is a weight whose value is not at hand."""


@dataclass(frozen=True, eq=False)
class Number:
    """A value that follows from numbers alone.

    It is an expression if all entries are equal, else an array, and None if it is not worked out. An array may lack
    trailing axes along which its entries are equal, and have size 1 along others of that kind.
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
        return Number(_held(self.value[position if len(self.value) > 1 else 0]), self.symbols)

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
    """The number that a constant is."""
    value = node.op.value
    return Number(_held(value.array) if isinstance(value, FrozenArray) else exact(value))


def exact(value: Any) -> sp.Expr:
    """A number of SymPy; a decimal number is what it says, so that weights that add up to one are found to.

    >>> exact(0.1), exact(sp.pi)
    (1/10, pi)
    """
    known = sp.sympify(value)
    return sp.Rational(str(known)) if known.is_Float and known.is_finite else known


def _held(array: Any) -> Any:
    """An array as a number holds it; a value of its own if all entries are equal."""
    if not isinstance(array, np.ndarray):
        return array if isinstance(array, sp.Expr) else exact(array.item() if isinstance(array, np.generic) else array)
    if array.size == 0:
        return None
    first = array.flat[0]
    return _held(first) if bool(np.all(array == first)) else array


def _objects(array: Any) -> Any:
    """The entries as SymPy's numbers."""
    if array.dtype == object:
        return array
    return np.array([exact(entry) for entry in array.ravel().tolist()], dtype=object).reshape(array.shape)


def stacked(parts: Sequence[Number]) -> Number | None:
    """Numbers as one sequence, if they are each a single one."""
    if not all(part.is_uniform for part in parts):
        return None
    array = np.empty(len(parts), dtype=object)
    array[:] = [part.value for part in parts]
    return Number(_held(array), symbols_of(parts))


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
        whole = [_ranked(arg, part) for arg, part in zip(args, node.args, strict=True)]
        return _held(np.frompyfunc(node.op, len(args), 1)(*whole))
    if is_primitive(node, broadcast_like, alike) and args[0].is_uniform:
        return values[0]
    if not isinstance(node.op, Apply):
        return None
    return _held(node.op.evaluate(*(_spread(arg, part) for arg, part in zip(args, node.args, strict=True))))


def _ranked(number: Number, node: Node) -> Any:
    """The array of a number with all its axes, so that it broadcasts as the node does."""
    if number.is_uniform:
        return number.value
    value = _objects(number.value)
    if not is_known(node.shape) or value.size > MOST_ENTRIES:
        raise NoSingleWeight(f"an array of {value.size} numbers is not worked out")
    return value.reshape(value.shape + (1,) * (len(node.shape) - value.ndim))


def _spread(number: Number, node: Node) -> Any:
    """The array of a number in full."""
    shape = node.shape
    if not all(isinstance(size, int) for size in shape) or prod(shape) > MOST_ENTRIES:
        raise NoSingleWeight("an array of numbers is not worked out")
    array = np.empty(shape, dtype=object)
    array[...] = _ranked(number, node)
    return array


def single(number: Number) -> sp.Expr:
    """The one weight that a number is."""
    if number.is_uniform:
        value: sp.Expr = number.value
        return value
    what = "a number that is not worked out" if number.value is None else f"an array of shape {number.value.shape}"
    raise NoSingleWeight(
        f"a value is multiplied by {what}, which is no single weight (count without weights: sf.paths(net))"
    )
