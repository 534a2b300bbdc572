"""Derivatives of one operation: the cotangents of its arguments from that of its result.

Elementwise functions ask SymPy for the derivative, once; primitives have a rule in their row; an opaque layer gives its
`pullback`, the transposed Jacobian applied to the cotangent: f'(z)^T a.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from symfold.base.caching import cached
from symfold.core.blocks import Call
from symfold.core.conversion import expression_as_node
from symfold.core.functions import Head, row_of, where
from symfold.core.leaves import Formal, number, number_of
from symfold.core.nodes import Node, is_elementwise, walk
from symfold.core.primitives import (
    broadcast_like,
    broadcast_to,
    guarded_product,
    is_apply,
    is_primitive,
    primitive,
    unbroadcast,
)
from symfold.core.shapes import ANY, Shape
from symfold.errors import NoRule
from symfold.transform.autodiff import guarded


def _no_numbers(xp: object, *args: object, argument: int) -> object:
    raise NoRule(
        "the pullback of an opaque layer has no numbers (give the layer a body with net.bind, then differentiate)"
    )


def _pulled_shape(name: Shape, *rest: Shape, argument: int) -> Shape:
    return rest[argument]


def _no_second(node: Node, bar: Node, argument: int) -> list[Node | None]:
    raise NoRule(
        "second derivatives of an opaque layer have no rule (give the layer a body with net.bind, then differentiate)"
    )


pullback = primitive("pullback", _pulled_shape, _no_numbers, _no_second, linear=(-1,), dtypes=("name",))


@cached(4096)
def _derivative(head: Head, fixed: tuple[sp.Expr | None, ...], position: int) -> tuple[sp.Expr, tuple[sp.Symbol, ...]]:
    """The derivative of a function by one argument, over symbols; numeric arguments stay numbers."""
    symbols = tuple(sp.Symbol(f"s_{k}", real=True) for k in range(len(fixed)))
    args = [symbol if value is None else value for symbol, value in zip(symbols, fixed, strict=True)]
    derivative = row_of(head).slope(position, *args)
    if derivative is None:
        derivative = head(*args).diff(symbols[position])
    if derivative.has(sp.Derivative, sp.Subs, sp.DiracDelta):
        raise NoRule(
            f"SymPy knows no derivative of {head.__name__} that can be computed: {derivative} "
            "(give its row `slopes`, one per argument: symfold.extend.function)"
        )
    return derivative, symbols


def partial(node: Node[Head], position: int) -> Node:
    """The partial derivative of an elementwise node by one argument, as a node.

    >>> from symfold.core.leaves import tensor
    >>> import numpy as np
    >>> partial(np.sin(tensor("x")), 0)
    cos(x)
    """
    fixed = tuple(number_of(arg) for arg in node.args)
    values = list(node.args)
    program, result = _program(node.op, fixed, position)
    for op, places in program:
        values.append(Node(op, tuple([values[k] for k in places])))
    return values[result]


@cached(4096)
def _program(
    head: Head, fixed: tuple[sp.Expr | None, ...], position: int
) -> tuple[list[tuple[Any, tuple[int, ...]]], int]:
    """A derivative as operations over numbered values, the arguments first; and the number of its own value."""
    expression, symbols = _derivative(head, fixed, position)
    formals = [Node(Formal(0, k, ())) for k in range(len(symbols))]
    result = expression_as_node(expression, dict(zip(symbols, formals, strict=True)))
    order = walk((result,), stop=formals)
    places = {node: place for place, node in enumerate([*formals, *order])}
    return [(node.op, tuple(places[arg] for arg in node.args)) for node in order], places[result]


def pull(node: Node, bar: Node, wanted: Sequence[bool], is_guarded: bool = False) -> list[Node | None]:
    """The wanted cotangents of a node's arguments from that of its result; guarded below a branch of a choice."""
    op, args = node.op, node.args
    cotangents: list[Node | None]
    if is_elementwise(node):
        cotangents = [
            _pull_head(node, bar, k, guarded_product if is_guarded else times) if want else None
            for k, want in enumerate(wanted)
        ]
        return [None if bar is None else unbroadcast(bar, arg) for bar, arg in zip(cotangents, args, strict=True)]
    if isinstance(op, Call):
        assert op.body is None, "layers with bodies are inlined before they are differentiated"
        cotangents = [None] * len(args)
        for k in range(op.arity):
            if wanted[1 + k]:
                cotangents[1 + k] = pullback(*args, bar, argument=k)
        return cotangents
    assert is_apply(node), op
    pulled = guarded.pull(node, bar) if is_guarded else node.op.pull(node, bar)
    return [bar if want else None for bar, want in zip(pulled, wanted, strict=True)]


def _pull_head(node: Node[Head], bar: Node, position: int, multiply: Callable[[Node, Node], Node]) -> Node | None:
    if node.op is sp.Add:
        return bar
    if node.op is where:
        branches = (bar, number(0)) if position == 1 else (number(0), bar)
        return None if position == 0 else Node(where, (node.args[0], *branches))
    if node.op is sp.Mul:
        others = (*node.args[:position], *node.args[position + 1 :])
        return multiply(bar, others[0] if len(others) == 1 else Node(sp.Mul, others))
    factor = partial(node, position)
    value = number_of(factor)
    return None if value == 0 else bar if value == 1 else multiply(bar, factor)


def times(bar: Node, factor: Node) -> Node:
    """A cotangent times a factor; a cotangent of ones, as that of a sum, gives the factor itself."""
    ones = is_primitive(bar, broadcast_to, broadcast_like) and number_of(bar.args[0]) == 1
    return factor if ones and bar.shape == factor.shape and ANY[0] not in bar.shape else bar * factor
