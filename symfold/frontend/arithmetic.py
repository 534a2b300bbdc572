"""Python's operators on nodes, operands in the author's order."""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np
import sympy as sp

from symfold.core.attach import attach
from symfold.core.conversion import as_symbol, operand, wraps_node
from symfold.core.functions import Head, greater, greater_equal, less, less_equal
from symfold.core.leaves import NEGATIVE_ZERO, number, number_of
from symfold.core.nodes import Node
from symfold.frontend.numpy_functions import call_numpy


def binary(head: Head, left: object, right: object) -> Node:
    """An operator over two values, in the author's order."""
    if wraps_node(left) or wraps_node(right):
        return NotImplemented
    return Node(head, (operand(left), operand(right)))


def negative(node: Node) -> Node:
    """Minus a node; a constant is negated."""
    if node.op == NEGATIVE_ZERO:
        return number(0.0)
    value = number_of(node)
    if value is None:
        return Node(sp.Mul, (number(-1), node))
    return number(-0.0 if value.is_Float and value.is_zero else -value)


def reciprocal(node: Node) -> Node:
    """One over a node; an exact number is inverted (the reciprocal of a float would be rounded)."""
    value = number_of(node)
    if value is None or value == 0 or value.has(sp.Float, sp.Symbol):
        return Node(sp.Pow, (node, number(-1)))
    return number(1 / value)


# by their names in Python, or as array methods
OPERATORS: dict[str, Callable[..., Node]] = {
    "__add__": lambda a, b: binary(sp.Add, a, b),
    "__radd__": lambda a, b: binary(sp.Add, b, a),
    "__mul__": lambda a, b: binary(sp.Mul, a, b),
    "__rmul__": lambda a, b: binary(sp.Mul, b, a),
    "__pow__": lambda a, b: binary(sp.Pow, a, b),
    "__rpow__": lambda a, b: binary(sp.Pow, b, a),
    "__sub__": lambda a, b: NotImplemented if wraps_node(b) else binary(sp.Add, a, negative(operand(b))),
    "__rsub__": lambda a, b: binary(sp.Add, b, negative(a)),
    "__truediv__": lambda a, b: NotImplemented if wraps_node(b) else binary(sp.Mul, a, reciprocal(operand(b))),
    "__rtruediv__": lambda a, b: reciprocal(a) if type(b) is int and b == 1 else binary(sp.Mul, b, reciprocal(a)),
    "__matmul__": lambda a, b: NotImplemented if wraps_node(b) else call_numpy(np.matmul, a, b),
    "__rmatmul__": lambda a, b: call_numpy(np.matmul, b, a),
    "__mod__": lambda a, b: call_numpy(np.remainder, a, b),
    "__rmod__": lambda a, b: call_numpy(np.remainder, b, a),
    "__floordiv__": lambda a, b: call_numpy(np.floor_divide, a, b),
    "__rfloordiv__": lambda a, b: call_numpy(np.floor_divide, b, a),
    "__divmod__": lambda a, b: call_numpy(np.divmod, a, b),
    "__and__": lambda a, b: NotImplemented if wraps_node(b) else call_numpy(np.bitwise_and, a, b),
    "__rand__": lambda a, b: call_numpy(np.bitwise_and, b, a),
    "__or__": lambda a, b: NotImplemented if wraps_node(b) else call_numpy(np.bitwise_or, a, b),
    "__ror__": lambda a, b: call_numpy(np.bitwise_or, b, a),
    "__invert__": lambda a: call_numpy(np.invert, a),
    "__xor__": lambda a, b: NotImplemented if wraps_node(b) else call_numpy(np.bitwise_xor, a, b),
    "__rxor__": lambda a, b: call_numpy(np.bitwise_xor, b, a),
    "__round__": lambda a: call_numpy(np.round, a),
    "__lt__": lambda a, b: binary(less, a, b),
    "__le__": lambda a, b: binary(less_equal, a, b),
    "__gt__": lambda a, b: binary(greater, a, b),
    "__ge__": lambda a, b: binary(greater_equal, a, b),
    "__neg__": lambda a: Node(sp.Mul, (number(-1), a)),
    "__pos__": lambda a: a,
    "__abs__": lambda a: Node(sp.Abs, (a,)),
    "__getitem__": lambda a, index: call_numpy(np.ndarray.__getitem__, a, index),
    "sum": lambda a, **options: call_numpy(np.sum, a, **options),
    "mean": lambda a, **options: call_numpy(np.mean, a, **options),
    "reshape": lambda a, *shape: call_numpy(np.reshape, a, shape[0] if len(shape) == 1 else shape),
    "dot": lambda a, b: call_numpy(np.dot, a, b),
    "transpose": lambda a: call_numpy(np.transpose, a),
}


# of a SymPy expression and a node
REFLECTED: dict[str, Callable[..., Node]] = {
    "__radd__": operator.add, "__rsub__": operator.sub, "__rmul__": operator.mul, "__rtruediv__": operator.truediv,
    "__rpow__": operator.pow, "__rmod__": operator.mod, "__rfloordiv__": operator.floordiv,
}  # fmt: skip


def operate(node: Node, name: str, *others: object, **options: object) -> Node:
    """An operator or array method, by name, on a node; SymPy keeps operations on its own expressions."""
    if name in REFLECTED and isinstance(others[0], sp.Expr) and not others[0].is_number:
        return REFLECTED[name](others[0], as_symbol(node))
    return OPERATORS[name](node, *others, **options)


attach(Node, _operate=operate)
