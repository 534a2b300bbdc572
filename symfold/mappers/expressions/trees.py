"""Expressions as trees of numbers, names and operations, and the nets that they build."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symfold.base.trees import Layered, State
from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.functions import Head, head_named
from symfold.core.leaves import Constant, number
from symfold.core.nodes import Node

NAMES = ("z", "x")


def is_layer(name: str) -> bool:
    """Whether a name is one of a layer: a single letter that is no other name.

    >>> [name for name in ("f", "G", "z", "x", "tanh", "f1") if is_layer(name)]
    ['f', 'G']
    """
    return len(name) == 1 and name.isascii() and name.isalpha() and name not in NAMES


@dataclass(frozen=True)
class Number:
    """A literal number."""

    value: int | float


@dataclass(frozen=True)
class Name:
    """The state z or the input x."""

    name: str


@dataclass(frozen=True)
class Part:
    """A part of the state z, which is a tuple."""

    position: int


@dataclass(frozen=True)
class Operation:
    """An operator by its symbol, or a function or layer by its name, over expressions; `,` makes a tuple."""

    symbol: str
    args: tuple[Tree, ...]


Tree = Number | Name | Part | Operation


def bottom_up(tree: Tree, rule: Callable[[Tree, list[Any]], Any]) -> State:
    """A rule applied bottom-up, `rule(node, results of its parts)`; iterative, since a long sum is a deep tree.

    >>> bottom_up(Operation("+", (Name("z"), Number(1))), lambda node, parts: 1 + max(parts, default=0))
    2
    """
    todo: list[tuple[Tree, bool]] = [(tree, False)]
    results: list[Any] = []
    while todo:
        node, ready = todo.pop()
        count = len(node.args) if isinstance(node, Operation) else 0
        if ready or not count:
            parts = results[len(results) - count :]
            del results[len(results) - count :]
            results.append(rule(node, parts))
        elif isinstance(node, Operation):
            todo.append((node, True))
            todo += [(arg, False) for arg in reversed(node.args)]
    return results[0]


def names_in(tree: Tree) -> frozenset[str]:
    """The names in an expression, those of functions and operators too.

    >>> sorted(names_in(Operation("f", (Operation("+", (Name("z"), Number(1))),))))
    ['+', 'f', 'z']
    """

    def names(node: Tree, parts: list[frozenset[str]]) -> frozenset[str]:
        own = [node.name] if isinstance(node, Name) else [node.symbol] if isinstance(node, Operation) else []
        return frozenset(own).union(*parts)

    return bottom_up(tree, names)


def _applied(head: Head) -> Callable[..., Node]:
    return lambda *args: Node(head, tuple(map(as_node, args)))


_SAME_NAME = (
    *("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "asinh", "acosh", "atanh"),
    *("sech", "sign", "floor", "erf", "erfc"),
)
SIGNS: dict[str, Any] = {
    ">": functions.greater, ">=": functions.greater_equal, "<": functions.less, "<=": functions.less_equal,
    "==": functions.equal, "!=": functions.not_equal,
    "and": functions.logical_and, "or": functions.logical_or, "not": functions.logical_not,
}  # fmt: skip
_OURS = {
    head.__name__: head
    for head in functions.ROWS
    if head.__module__ == functions.Inert.__module__ and head not in SIGNS.values()
}
_SPELLED: dict[str, Any] = {
    "abs": sp.Abs, "max": sp.Max, "min": sp.Min, "xor": _OURS.pop("logical_xor"),
    **{name: head_named(name) for name in _SAME_NAME}, **_OURS,
}  # fmt: skip


def _arity(head: Head) -> int | None:
    """The number of arguments of a function; None for any number."""
    return (
        next(iter(head.nargs))
        if isinstance(getattr(head, "nargs", None), sp.FiniteSet) and len(head.nargs) == 1
        else None
    )


# the functions besides the layer, with their number of arguments; a new function is one row
FUNCTIONS: dict[str, tuple[Callable[..., Node], int | None]] = {
    **{name: (_applied(head), _arity(head)) for name, head in _SPELLED.items()},
    "log": (_applied(sp.log), 1),
    "sqrt": (lambda a: a ** sp.Rational(1, 2), 1),
}

_BUILD: dict[tuple[str, int], Callable[..., Node]] = {
    ("+", 2): lambda a, b: a + b, ("-", 2): lambda a, b: a - b, ("*", 2): lambda a, b: a * b,
    ("/", 2): lambda a, b: _quotient(a, b), ("**", 2): lambda a, b: a**b, ("@", 2): lambda a, b: a @ b,
    ("-", 1): lambda a: -a,
    **{(sign, 1 if sign == "not" else 2): _applied(head) for sign, head in SIGNS.items()},
}  # fmt: skip


def _quotient(a: State, b: State) -> State:
    """The exact quotient of two numbers, so that z**(1/2) is the square root; otherwise a division as written."""
    numbers: list[Any] = [part.op.value for part in (a, b) if isinstance(part, Node) and isinstance(part.op, Constant)]
    return number(numbers[0] / numbers[1]) if len(numbers) == 2 else a / b


def build(tree: Tree, values: Mapping[str, Any], layers: Mapping[str, Layered]) -> State:
    """The expression over values for its names and layers, in the order as typed."""

    def built(node: Tree, args: list[Any]) -> State:
        if isinstance(node, Number):
            return number(node.value)
        if isinstance(node, Name):
            return values[node.name]
        if isinstance(node, Part):
            return values["z"][node.position]
        if node.symbol == ",":
            return tuple(args)
        if is_layer(node.symbol):
            return layers[node.symbol](*args)
        if (node.symbol, len(args)) in _BUILD:
            return _BUILD[node.symbol, len(args)](*args)
        return FUNCTIONS[node.symbol][0](*args)

    return bottom_up(tree, built)
