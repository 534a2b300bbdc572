"""Labels of operations, numbers and shapes: plain text, fit for every format."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy as sp

from symfold.base.caching import cached
from symfold.core.functions import Head
from symfold.core.leaves import Constant, FrozenArray
from symfold.core.nodes import Node, Operation
from symfold.core.primitives import Apply
from symfold.core.shapes import NAME, Shape, show

JOINS = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "concatenate": "concat", "stack": "stack"}
COMPARISONS = {"greater": ">", "greater_equal": ">=", "less": "<", "less_equal": "<=", "equal": "==", "not_equal": "!="}
LOGIC = {"logical_and": "and", "logical_or": "or", "logical_xor": "xor", "logical_not": "not"}
SIGNS = {**JOINS, **COMPARISONS, **LOGIC, "Pow": "^", "transpose": "T"}
LONGEST = 40


@cached(None)
def operation_name(op: Operation | Head) -> str:
    """The standard name of an operation: its SymPy class or its primitive.

    >>> operation_name(sp.Add), operation_name(sp.tanh)
    ('Add', 'tanh')
    """
    if isinstance(op, type):
        return op.__name__
    if isinstance(op, Apply):
        return op.primitive.name
    return str(getattr(op, "name", type(op).__name__)).lower()


@cached(4096)
def operation_label(op: Operation | Head) -> str:
    """An operation as it is usually written: + for Add, [2] for an entry."""
    name = operation_name(op)
    if isinstance(op, Apply) and name == "item":
        return f"[{', '.join(map(_slice, dict(op.attributes)['index']))}]"
    return SIGNS.get(name, name)


def _slice(part: Any) -> str:
    if part is ...:
        return "..."
    return ":".join("" if end is None else str(end) for end in part) if isinstance(part, tuple) else str(part)


@lru_cache(maxsize=4096)
def shape_text(shape: Shape) -> str:
    """A shape as text; empty for the name of a layer."""
    return "" if shape[-1:] == (NAME,) else show(shape)


def constant_label(node: Node) -> str:
    """A number as is; an array by its entries if they are few, else by its shape, with zeros and ones by name.

    >>> from symfold.core.conversion import as_node
    >>> constant_label(as_node(2)), constant_label(as_node([1.0, 2.0]))
    ('2', '[1, 2]')
    """
    assert isinstance(node.op, Constant)
    value = node.op.value
    if not isinstance(value, FrozenArray):
        text = (
            sp.sstr(value.xreplace({n: sp.Float(n, 4) for n in value.atoms(sp.Float)}), full_prec=False)
            if value.has(sp.Float)
            else str(value)
        )
        return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    array = value.array
    if array.ndim == 1 and array.size <= 4:
        return f"[{', '.join(f'{entry:.4g}' for entry in array)}]"
    uniform = next(
        (word for number, word in ((0, "zeros"), (1, "ones")) if array.size and (array == number).all()), "array"
    )
    return f"{uniform} {show(value.shape)}"
