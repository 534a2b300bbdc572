"""Tensors, parameters and numbers: the leaves of a net."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from symfold.base.arguments import quoted
from symfold.core.nodes import Node
from symfold.core.operations import Constant, Input, Normal
from symfold.core.shapes import Shape, input_shape
from symfold.errors import InvalidType, InvalidValue


def tensor(name: str, shape: Iterable[int | None] | None = None) -> Node:
    """An input by name. A size may be None (unknown until numbers are given), and so may the whole shape.

    >>> tensor("x", (None, 3)).shape, tensor("x") == tensor("x")
    ((x.shape[0], 3), True)
    """
    return Node(Input(checked_name(name), input_shape(name, shape)))


def parameter(name: str, shape: Iterable[int] = (), start: Normal | None = None) -> Node:
    """A trainable input by name; `start` is the distribution that `init` draws it from.

    SymPy sees its name only: in `sp.tanh(w) + w` the symbol is the parameter, in `sp.tanh(w)` alone it is an input `w`
    (write `sf.tanh(w)` or `np.tanh(w)`).

    >>> parameter("W", (3, 3)).shape
    (3, 3)
    """
    sizes = input_shape(name, shape)
    if start is not None and not isinstance(start, Normal):
        raise InvalidType(
            f"the start of parameter {name!r} must be a sf.Normal, got {quoted(start)} "
            "(as sf.Normal(0.0, 0.1): mean and deviation)"
        )
    return Node(Input(checked_name(name), sizes, "parameter", start or default_start(sizes)))


def default_start(shape: Shape) -> Normal:
    """Zero for biases (at most one axis longer than 1); else normal, with deviation 1/sqrt(number of inputs)."""
    long = [size for size in shape if size != 1]
    inputs = next((size for size in shape if isinstance(size, int) and size > 1), 1)
    return Normal(0.0, inputs**-0.5) if len(long) > 1 else Normal(0.0, 0.0)


def checked_name(name: str) -> str:
    """A name that is an identifier, so that every printer can show it."""
    if not isinstance(name, str):
        raise InvalidType(f"{quoted(name)} of type {type(name).__name__} is not a name (give a string, as 'x')")
    if not name.isidentifier():
        raise InvalidValue(f"{name!r} is not a name (use letters, digits and underscores, and begin with a letter)")
    return name


def number(value: int | float | sp.Expr) -> Node:
    """A number as a node."""
    return Node(Constant(sp.Float(value) if isinstance(value, float) else sp.sympify(value)))
