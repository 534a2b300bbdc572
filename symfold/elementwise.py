"""Elementwise functions under their own names: on nodes in the order they are written, on SymPy expressions as SymPy's."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Number
from typing import Any

import sympy as sp

from symfold import functions
from symfold.functions import Head
from symfold.lifting import leads, lift
from symfold.nodes import Node
from symfold.primitives import axes_given
from symfold.primitives import logsumexp as _logsumexp
from symfold.primitives import softmax as _softmax


@dataclass(frozen=True)
class Elementwise:
    """One elementwise function, to be called on nodes, nets, arrays or SymPy expressions.

    >>> sigmoid(sp.Symbol("z")), sigmoid
    (sigmoid(z), sigmoid)
    """

    head: Head

    def __call__(self, value: Any, /) -> Any:
        if isinstance(value, (sp.Expr, Number)) and not isinstance(value, bool):
            return self.head(value)
        node = Node(self.head, (lift(value),))
        return value._wrap_(node) if leads(value) else node

    def __repr__(self) -> str:
        return self.head.__name__


sigmoid = Elementwise(functions.sigmoid)
softplus = Elementwise(functions.softplus)
silu = Elementwise(functions.silu)
gelu = Elementwise(functions.gelu)
relu = Elementwise(functions.relu)
tanh = Elementwise(sp.tanh)
exp = Elementwise(sp.exp)
log = Elementwise(sp.log)
sin = Elementwise(sp.sin)
cos = Elementwise(sp.cos)
erf = Elementwise(sp.erf)


def sqrt(value: Any) -> Any:
    """The square root."""
    symbolic = leads(value) or isinstance(value, (Node, sp.Expr, Number))
    return (value if symbolic else lift(value)) ** sp.Rational(1, 2)


def softmax(value: Any, axis: int | tuple[int, ...] = -1) -> Any:
    """exp(z)/sum(exp(z)) along an axis, without overflow."""
    node = _softmax(lift(value), axis=axes_given(axis))
    return value._wrap_(node) if leads(value) else node


def logsumexp(value: Any, axis: int | tuple[int, ...] = -1, keepdims: bool = False) -> Any:
    """log(sum(exp(z))) along an axis, without overflow."""
    node = _logsumexp(lift(value), axis=axes_given(axis), keepdims=bool(keepdims))
    return value._wrap_(node) if leads(value) else node
