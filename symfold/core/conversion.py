"""Conversion: Python's, NumPy's and SymPy's values as nodes, and nodes as SymPy symbols."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import array_of, quoted
from symfold.core.attach import attach
from symfold.core.functions import (
    Head,
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
    row_of,
    where,
)
from symfold.core.leaves import Constant, FrozenArray, Input, number, number_of
from symfold.core.nodes import Node, digest
from symfold.core.shapes import input_shape
from symfold.errors import InvalidType, NoRule


def wraps_node(value: object) -> bool:
    """Whether a value wraps a node, as a net does: it then takes over the operation and wraps the result."""
    return not isinstance(value, Node) and hasattr(value, "_as_node_")  # in this order: a node looks up names slowly


class NodeSymbol(sp.Symbol):
    """A node inside a SymPy expression that a mapper builds."""

    __slots__ = ("node",)
    node: Node

    def __new__(cls, node: Node) -> NodeSymbol:
        # named by digest: SymPy sorts and caches by name, so equal names must mean equal nodes
        self: NodeSymbol = sp.Symbol.__xnew__(cls, f"z_{digest(node).hex()[:16]}")
        self.node = node
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return NodeSymbol, (self.node,)

    def _sympystr(self, printer: object) -> str:
        return repr(self.node)

    def __getnewargs_ex__(self) -> tuple[object, ...]:
        return ((self.node,), {})


_tensors: set[sp.Symbol] = set()  # the symbols of inputs that SymPy has seen


def holds_nodes(expression: sp.Basic) -> bool:
    """Whether a SymPy expression contains tensors."""
    return any(isinstance(symbol, NodeSymbol) or symbol in _tensors for symbol in expression.free_symbols)


def as_symbol(node: Node) -> sp.Basic:
    """A node as SymPy sees it: a symbol for an input, a number for a number, else a `NodeSymbol`."""
    if isinstance(node.op, Input):
        symbol = sp.Symbol(node.op.name)
        _tensors.add(symbol)
        return symbol
    value = number_of(node)
    return NodeSymbol(node) if value is None else value


def is_truth(node: Node) -> bool:
    """Whether a node may hold truth values: a comparison, a combination of comparisons, or an input.

    >>> from symfold.core.leaves import tensor
    >>> x = tensor("x")
    >>> is_truth(x > 0), is_truth(x + 1)
    (True, False)
    """
    op = node.op
    if isinstance(op, type):
        return row_of(op).truth or (op is where and all(map(is_truth, node.args[1:])))
    if isinstance(op, Constant):
        return op.value.dtype == "|b1" if isinstance(op.value, FrozenArray) else op.value in (0, 1)
    return isinstance(op, Input)


def is_module(value: object) -> bool:
    """Whether a value is a module of PyTorch, which need not be installed."""
    return any(
        (base.__module__, base.__name__) == ("torch.nn.modules.module", "Module") for base in type(value).__mro__
    )


def refuse_module(value: object) -> None:
    """Raise an error for a module of PyTorch, which says how to read it."""
    if is_module(value):
        raise InvalidType(
            f"{quoted(value)} is a module of PyTorch, not a net "
            "(read it: net, params = sf.from_torch(module, (example,)))"
        )


def as_node(value: object) -> Node:
    """A value as a node: a number, an array, a SymPy expression, a net of one output, or a list of them.

    >>> as_node(2).shape, as_node([1.0, 2.0]).shape, as_node(sp.Symbol("x"))
    ((), (2,), x)
    """
    if isinstance(value, Node):
        return value
    if hasattr(value, "_as_node_"):
        node: Node = value._as_node_()
        return node
    if isinstance(value, sp.Basic):
        return expression_as_node(value)
    if isinstance(value, (bool, np.bool_)):
        return number(int(value))
    if isinstance(value, (int, float, np.integer, np.floating)):
        return number(value.item() if isinstance(value, np.generic) else value)
    if isinstance(value, Fraction):
        return number(sp.Rational(value.numerator, value.denominator))
    if isinstance(value, (list, tuple)) and any(isinstance(part, Node) or hasattr(part, "_as_node_") for part in value):
        stacked: Any = np.stack([*map(as_node, value)])  # NumPy dispatches to the nodes
        return stacked
    if isinstance(value, (np.ndarray, list)):
        array = array_of("a value in a net", value)
        return Node(Constant(FrozenArray.of(array))) if array.ndim else as_node(array.item())
    refuse_module(value)
    if callable(value) and isinstance(value, Sequence):
        raise InvalidType(f"{quoted(value)} are layers, not a net (fold them: sf.fold(mapper, layers, x))")
    if callable(value):
        raise InvalidType(f"{quoted(value)} is a function, not a value (call it, as f(z))")
    raise InvalidType(
        f"cannot make {quoted(value)} of type {type(value).__name__} part of a net "
        "(give a tensor, a SymPy expression, a number or an array)"
    )


def operand(value: object) -> Node:
    """A value in arithmetic as a node; True and False are refused, since `x == 2` is one of them."""
    if isinstance(value, bool):
        raise InvalidType(
            f"cannot compute with {value}: == and != compare structures "
            "(write np.equal(z, 2), np.not_equal(z, 2); as a number, a flag is int(flag))"
        )
    return as_node(value)


# `named_layers` adds the rule for an applied undefined SymPy function: an opaque layer
APPLIED: list[Callable[[str, tuple[Node, ...]], Node]] = []


TRACEABLE = (
    sp.Add,
    sp.Mul,
    sp.Pow,
    sp.Function,
    sp.Max,
    sp.Min,
    sp.core.relational.Relational,
    sp.And,
    sp.Or,
    sp.Xor,
    sp.Not,
    sp.Implies,
    sp.ITE,
)
RELATIONS: dict[type[sp.Basic], Head] = {
    sp.StrictGreaterThan: greater, sp.GreaterThan: greater_equal, sp.StrictLessThan: less, sp.LessThan: less_equal,
    sp.Equality: equal, sp.Unequality: not_equal, sp.And: logical_and, sp.Or: logical_or, sp.Xor: logical_xor,
    sp.Not: logical_not,
    sp.Implies: logical_or, sp.ITE: where,
}  # fmt: skip


def _relation(kind: type[sp.Basic], args: tuple[Node, ...]) -> Node:
    """A SymPy relation or logical operation as nodes."""
    head = RELATIONS[kind]
    if kind is sp.Implies:
        args = (Node(logical_not, args[:1]), *args[1:])
    return Node(head, args) if kind in (sp.Not, sp.ITE) else reduce(lambda a, b: Node(head, (a, b)), args)


def _piecewise(pairs: Sequence[tuple[Node, Node]]) -> Node:
    """The first value whose condition is true; NaN if none is."""
    result: Node = number(sp.nan)
    for value, condition in reversed(pairs):
        result = value if condition == number(1) else Node(where, (condition, value, result))
    return result


def expression_as_node(expression: sp.Basic, symbols: Mapping[sp.Symbol, Node] | None = None) -> Node:
    """A SymPy expression as a node, in the order of its arguments; `symbols` gives the nodes of some of them."""
    nodes: dict[sp.Basic, Node] = dict(symbols or {})
    stack: list[sp.Basic] = [expression]
    while stack:
        part = stack[-1]
        if part in nodes:
            stack.pop()
        elif isinstance(part, NodeSymbol):
            nodes[part] = part.node
        elif isinstance(part, sp.Symbol) and part.name.endswith("]"):
            raise NoRule(
                f"the unknown size {part} cannot be used as a value (np.mean divides by it; or give the size a number)"
            )
        elif isinstance(part, sp.Symbol):
            nodes[part] = Node(Input(part.name, input_shape(part.name, None), named=True))
        elif isinstance(part, sp.Expr) and (part.is_Number or part.is_NumberSymbol) and part is not sp.zoo:
            nodes[part] = Node(Constant(part))
        elif part in (sp.true, sp.false):
            nodes[part] = number(int(part == sp.true))
        elif isinstance(part, sp.Equivalent):
            normal_form = part.to_nnf(simplify=False)  # with "and", "or" and "not" only
            if normal_form not in nodes:
                stack.append(normal_form)
                continue
            nodes[part] = nodes[normal_form]
        elif isinstance(part, sp.Piecewise):
            waiting = [arg for pair in part.args for arg in pair.args if arg not in nodes]
            if waiting:
                stack += waiting
                continue
            nodes[part] = _piecewise([(nodes[value], nodes[condition]) for value, condition in part.args])
        elif isinstance(part, TRACEABLE):
            waiting = [arg for arg in part.args if arg not in nodes]
            if waiting:
                stack += waiting
                continue
            args = tuple(nodes[arg] for arg in part.args)
            if type(part) in RELATIONS:
                nodes[part] = _relation(type(part), args)
            elif isinstance(part, sp.core.function.AppliedUndef):
                nodes[part] = APPLIED[0](part.func.__name__, args)
            else:
                nodes[part] = Node(part.func, args)
        else:
            raise NoRule(
                f"a SymPy {type(part).__name__} cannot be part of a net: {str(part)[:60]} "
                "(use sf.tensor for arrays, and elementwise functions)"
            )
    return nodes[expression]


attach(Node, _sympy_=as_symbol)
