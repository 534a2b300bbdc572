"""Choices between values: NumPy's functions and Python's operators on truth values, one row each.

A truth value is the number 1 or 0. Every choice becomes `where`, so its gradient flows only through the branch taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import ordered, quoted, real
from symfold.core.conversion import as_node, is_truth
from symfold.core.functions import (
    Head,
    clip,
    greater,
    isinf,
    isnan,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
    row_of,
    where,
)
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives import axes_given, reduce_max, reduce_sum
from symfold.errors import InvalidValue, NoRule


def choose(condition: object, a: object, b: object) -> Node:
    """a wherever the condition holds, else b."""
    if isinstance(condition, (bool, np.bool_)):
        raise NoRule(
            f"the condition of a choice is {condition}: == and != compare structures "
            "(write np.equal(z, 2), np.not_equal(z, 2))"
        )
    return Node(where, (as_node(condition), as_node(a), as_node(b)))


def _where(condition: object, a: object = None, b: object = None) -> Node:
    if a is None or b is None:
        raise NoRule(
            "numpy.where with a condition alone gives positions, which depend on values and do not trace "
            "(give both branches)"
        )
    return choose(condition, a, b)


def _select(conditions: Sequence[object], choices: Sequence[object], default: object = 0) -> Node:
    tests, values = ordered("numpy.select takes conditions", conditions), ordered("numpy.select takes choices", choices)
    if len(tests) != len(values):
        raise InvalidValue(
            f"numpy.select got {len(tests)} conditions and {len(values)} choices (give one choice for each condition)"
        )
    result = as_node(default)
    for condition, value in zip(reversed(tests), reversed(values), strict=True):
        result = choose(condition, value, result)
    return result


def _piecewise(a: object, conditions: object, functions: Sequence[object], *args: object, **named: object) -> Node:
    tests = [conditions] if isinstance(conditions, Node) else ordered("numpy.piecewise takes conditions", conditions)
    values = [
        f(as_node(a), *args, **named) if callable(f) else f
        for f in ordered("numpy.piecewise takes functions", functions)
    ]
    if len(values) not in (len(tests), len(tests) + 1):
        raise InvalidValue(
            f"numpy.piecewise got {len(tests)} conditions and {len(values)} functions "
            "(give one function per condition, and optionally one more for all else)"
        )
    result = as_node(values[-1] if len(values) > len(tests) else 0)
    for condition, value in zip(tests, values, strict=False):  # if several hold, the last one decides
        result = choose(condition, value, result)
    return result


def _clip(a: object, low: object = None, high: object = None, *, min: object = None, max: object = None) -> Node:
    below, above = low if min is None else min, high if max is None else max
    return Node(
        clip, (as_node(a), as_node(-sp.oo if below is None else below), as_node(sp.oo if above is None else above))
    )


def _nan_to_num(a: object, copy: bool = True, nan: object = 0.0, posinf: object = None, neginf: object = None) -> Node:
    node, most = as_node(a), float(np.finfo(np.float64).max)
    high, low = most if posinf is None else real("posinf", posinf), -most if neginf is None else real("neginf", neginf)
    bounded = choose(Node(isinf, (node,)), choose(Node(greater, (node, number(0))), high, low), node)
    return choose(Node(isnan, (node,)), nan, bounded)


def _truths(name: str, *values: object) -> list[Node]:
    nodes = list(map(as_node, values))
    for node in nodes:
        if not is_truth(node):
            power = "; a power is a**b" if name == "^" else ""
            raise NoRule(
                f"{name} joins truth values, and {quoted(str(node))} is a number (compare first, as (a > 0) & (b > 0), "
                f"or write np.logical_and, np.logical_or, np.logical_not{power})"
            )
    return nodes


def bitwise(name: str, head: Head) -> Callable[..., Node]:
    """A Python operator on truth values."""
    return lambda *values: Node(head, tuple(_truths(name, *values)))


def _true(a: object) -> Node:
    node = as_node(a)
    return node if isinstance(node.op, type) and row_of(node.op).truth else Node(not_equal, (node, number(0)))


def _any(a: object, axis: object = None, keepdims: bool = False) -> Node:
    return reduce_max(_true(a), axis=None if axis is None else axes_given(axis), keepdims=bool(keepdims))


def _all(a: object, axis: object = None, keepdims: bool = False) -> Node:
    return Node(logical_not, (_any(Node(logical_not, (_true(a),)), axis, keepdims),))


def _count(a: object, axis: object = None, *, keepdims: bool = False) -> Node:
    return reduce_sum(_true(a), axis=None if axis is None else axes_given(axis), keepdims=bool(keepdims))


CHOICES: dict[Any, Callable[..., Node]] = {
    np.where: _where,
    np.select: _select,
    np.piecewise: _piecewise,
    np.clip: _clip,
    np.nan_to_num: _nan_to_num,
    np.any: _any,
    np.all: _all,
    np.count_nonzero: _count,
    np.bitwise_and: bitwise("&", logical_and),
    np.bitwise_or: bitwise("|", logical_or),
    np.bitwise_xor: bitwise("^", logical_xor),
    np.invert: bitwise("~", logical_not),
}
