"""Random numbers from a key and a counter, the same bits on every backend and in float32.

    key        two whole numbers below 2**24
    scramble   a keyed permutation of the whole numbers below 2**24: a Feistel network (Luby & Rackoff 1988) on two
               halves of 12 bits, whose round adds the middle bits of a square:
               (l, r) -> (r, l + floor((r - k)**2 / 32) modulo 4096)

No number exceeds 2**24, so float32 is exact. A number depends on its key and its own place alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import NumpyArray
from symfold.core.arrays import Array, Namespace, shape_of
from symfold.core.conversion import as_node
from symfold.core.functions import greater_equal, where
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives.arrangement import expand, item
from symfold.core.primitives.broadcasting import spread
from symfold.core.primitives.table import Primitive, primitive
from symfold.core.shapes import ANY, Shape, is_concrete, is_known

HALF = 4096  # 2**12
ROUNDS = 8  # of the numbers of one key; keys differ in a few bits, and take more
KEY_ROUNDS = 12
Halves = tuple[Any, Any]


class Arithmetic:
    """Whole numbers as floating-point numbers or nodes: divided by powers of two, which is exact, and rounded down."""

    def __init__(self, floor: Callable[[Any], Any]):
        self.floor = floor

    def quotient(self, value: Any, bits: int) -> Any:
        """A whole number divided by 2**bits, rounded down."""
        return self.floor(value * 0.5**bits)

    def remainder(self, value: Any) -> Any:
        """A whole number modulo 2**12."""
        return value - self.quotient(value, 12) * HALF

    def halves(self, value: Any) -> Halves:
        """The upper and the lower 12 bits of a whole number."""
        return self.remainder(self.quotient(value, 12)), self.remainder(value)


class Integers(Arithmetic):
    """The same on integers."""

    def __init__(self) -> None:
        super().__init__(lambda value: value)

    def quotient(self, value: Any, bits: int) -> Any:
        return value >> bits

    def remainder(self, value: Any) -> Any:
        return value & (HALF - 1)


INTEGERS = Integers()
NODES = Arithmetic(lambda node: Node(sp.floor, (node,)))


def scramble(key: Sequence[Any], halves: Halves, rounds: int, arithmetic: Arithmetic) -> Halves:
    """The halves of a number, permuted by a key of two numbers.

    >>> left, right = scramble((5, 7), INTEGERS.halves(np.arange(100_000)), 2, INTEGERS)
    >>> len(set(left * HALF + right))
    100000
    """
    left, right = halves
    words = [half for part in key for half in arithmetic.halves(part)]
    for number_of_round in range(rounds):
        word = arithmetic.remainder(words[(1, 3, 0, 2)[number_of_round % 4]] + number_of_round * 2531 % HALF)
        distance = right - word
        left, right = right, arithmetic.remainder(left + arithmetic.quotient(distance * distance, 5))
    return left, right


def _jax() -> Any:
    import jax.numpy

    return jax.numpy


# -- keys from a key


def _keys(xp: Namespace, key: Any, numbers: Any) -> Array:
    counters = xp.asarray(numbers)[..., None] * 2.0 + constant(xp, np.arange(2), key)
    arithmetic = Arithmetic(xp.floor)
    left, right = scramble((key[0] * 1.0, key[1] * 1.0), arithmetic.halves(counters), KEY_ROUNDS, arithmetic)
    result: Array = left * HALF + right
    return result


def _keys_by_integers(xp: Any, key: Any, numbers: Any) -> Array:
    first, second = (xp.asarray(part).astype(np.int32) for part in (key[0], key[1]))
    counters = xp.asarray(numbers).astype(np.int32)[..., None] * 2 + np.arange(2, dtype=np.int32)
    left, right = scramble((first, second), INTEGERS.halves(counters), KEY_ROUNDS, INTEGERS)
    result: Array = (left * HALF + right) * 1.0
    return result


def _keys_body(key: Node, numbers: Node) -> Node:
    counters = 2 * expand(numbers, axis=-1) + np.arange(2.0)
    parts = item(key, index=(0,)), item(key, index=(1,))
    left, right = scramble(parts, NODES.halves(counters), KEY_ROUNDS, NODES)
    return as_node(left * HALF + right)


# the keys that a key gives for whole numbers below 2**23, one for each
random_keys: Primitive = primitive(
    "random_keys",
    lambda key, numbers: (*numbers, 2) if is_known(numbers) else ANY,
    _keys,
    lambda node, bar: [None, None],
    dtypes=("whole", "whole"),
    flat=True,
    body=_keys_body,
    spellings={
        "numpy": lambda key, numbers: _keys_by_integers(np, key, numbers),
        "jax": lambda key, numbers: _keys_by_integers(_jax(), key, numbers),
    },
    examples=((((2,), (3,)), {}),),
)


# -- masks from a key


def drawn(key: Halves, shape: tuple[int, ...], arithmetic: Arithmetic, constant: Callable[[NumpyArray], Any]) -> Any:
    """The numbers below 2**24 of the entries of a shape.

    The leading axis permutes the key, the others count: so each row has its own key.
    """
    rank, rest = len(shape), shape[1:]

    def counted(size: int, axes: tuple[int, ...]) -> tuple[Any, Any]:
        upper, lower = INTEGERS.halves(np.arange(size, dtype=np.int32).reshape(axes))
        return constant(upper), constant(lower)

    if rank:
        left, right = scramble(key, counted(shape[0], (-1, *(1,) * (rank - 1))), ROUNDS, arithmetic)
        key = left * HALF + right, key[1]
    left, right = scramble(key, counted(prod(rest), (1, *rest) if rank else ()), ROUNDS, arithmetic)
    return left * HALF + right


def least_kept(rate: float) -> int:
    """The least number below 2**24 that a rate keeps."""
    return round(rate * 2**24)


def _mask(xp: Namespace, like: Any, key: Any, rate: float) -> Array:
    parts = key[0] * 1.0, key[1] * 1.0
    numbers = drawn(parts, shape_of(like), Arithmetic(xp.floor), lambda array: constant(xp, array, parts[0]))
    kept, dropped = (constant(xp, np.asarray(value), like) for value in (1 / (1 - rate), 0.0))
    result: Array = xp.where(numbers >= least_kept(rate), kept, dropped)
    return result


def _mask_by_integers(xp: Any, like: Any, key: Any, rate: float) -> Array:
    first, second = (xp.asarray(part).astype(np.int32) for part in (key[0], key[1]))
    numbers = drawn((first, second), shape_of(like), INTEGERS, xp.asarray)
    result: Array = (numbers >= least_kept(rate)) * (1 / (1 - rate))
    return result


def _mask_body(like: Node, key: Node, rate: float) -> Node:
    # with unknown sizes, as many operations, for analyses that count them, but no numbers
    known = is_concrete(like.shape)
    shape = tuple(size if isinstance(size, int) else 1 for size in like.shape) if is_known(like.shape) else ()
    parts = item(key, index=(0,)), item(key, index=(1,))
    keeps = Node(greater_equal, (as_node(drawn(parts, shape, NODES, as_node)), number(least_kept(rate))))
    return spread(
        Node(where, (keeps, number(1 / (1 - rate) if known else sp.nan), number(0 if known else sp.nan))), like
    )


def constant(xp: Namespace, array: NumpyArray, like: Any) -> Array:
    """An array in the type of another, on its device."""
    device = {"device": like.device} if hasattr(like, "is_cuda") else {}
    result: Array = xp.asarray(array, dtype=like.dtype, **device)
    return result


# 0 with a probability of `rate`, else 1/(1 - rate), for each entry of a value, of which only the shape is read
random_mask: Primitive = primitive(
    "random_mask",
    lambda like, key, rate: like,
    _mask,
    lambda node, bar, rate: [None, None],
    shape_only=(0,),
    dtypes=("real", "whole"),
    flat=True,
    body=_mask_body,
    sized=True,
    spellings={
        "numpy": lambda like, key, rate: _mask_by_integers(np, like, key, rate),
        "jax": lambda like, key, rate: _mask_by_integers(_jax(), like, key, rate),
    },
    examples=((((6, 5, 4), (2,)), {"rate": 0.25}), (((7,), (2,)), {"rate": 0.5})),
)


def _same(like: Shape, rate: float) -> Shape:
    return like


# a value of which training drops entries: as written, in evaluation, the value itself
dropout: Primitive = primitive(
    "dropout",
    _same,
    lambda xp, value, rate: value,
    linear=(0,),
    body=lambda value, rate: value,
    examples=((((2, 3),), {"rate": 0.5}),),
)
