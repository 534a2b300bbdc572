"""Names and labels of graph nodes.

Names come from positions and the author's names, so that equal nets give equal names; labels of operations, numbers and
shapes are plain text, fit for every format.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import sympy as sp

from symfold.base.caching import cached
from symfold.base.deferred import nx
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


class Names:
    """A supply of unique names; a name already in use gets the next number: f1, f1_2, f1_3.

    >>> names = Names(reserved=["z1"])
    >>> names.fresh("z1"), names.own("z1"), names.own("f1"), names.own("f1")
    ('z1_2', 'z1', 'f1', 'f1_2')
    """

    def __init__(self, reserved: Iterable[str] = ()):
        self._reserved = frozenset(reserved)
        self._used: set[str] = set()
        self._last: dict[str, int] = {}

    def own(self, base: str) -> str:
        """The name itself if it is free: for a node that the author named."""
        return self._take(base) if base not in self._used else self._numbered(base)

    def fresh(self, base: str) -> str:
        """A name that the author did not use."""
        return self._take(base) if base not in self._used and base not in self._reserved else self._numbered(base)

    def counted(self, base: str) -> str:
        """The next of add1, add2, ...: for a node without a name."""
        number = self._last[base] = self._last.get(base, 0) + 1
        name = f"{base}{number}"
        return name if name == self.fresh(name) else self.counted(base)

    def _numbered(self, base: str) -> str:
        number = self._last.get(base, 1) + 1
        while f"{base}_{number}" in self._used or f"{base}_{number}" in self._reserved:
            number += 1
        self._last[base] = number
        return self._take(f"{base}_{number}")

    def _take(self, name: str) -> str:
        self._used.add(name)
        return name


def plain_name(label: str) -> str:
    """A label with indices as a name.

    >>> plain_name("h_{2,3}"), plain_name("z_{k-1}")
    ('h2_3', 'z_k_before')
    """
    letter, _, index = label.rstrip("}").partition("_{")
    return f"{letter}{'_' if index[:1].isalpha() else ''}{index.replace(',', '_').replace('-1', '_before')}"


def step_title(graph: nx.MultiDiGraph, group: str) -> str:
    """The title of a step: its formula if the graph has one, else its number."""
    return str(graph.graph.get(f"title {group}", f"step {group.lstrip('abcdefghijklmnopqrstuvwxyz')}"))


def safe_names(names: Iterable[str], avoid: Iterable[str] = ()) -> dict[str, str]:
    """For each name one that every format accepts: itself if it is plain, else a number.

    >>> safe_names(["x", 'a"b', "end"], avoid=["end"])
    {'x': 'x', 'a"b': 'node2', 'end': 'node3'}
    """
    all_names, keywords = list(names), set(avoid)
    plain = {name for name in all_names if name.isascii() and name.isidentifier() and name not in keywords}
    safe: dict[str, str] = {}
    for number, name in enumerate(all_names, 1):
        candidate = f"node{number}"
        while candidate in plain:
            candidate += "_"
        safe[name] = name if name in plain else candidate
    return safe


def visible(text: str) -> str:
    """A text in which characters that file formats forbid, or that reorder others, are replaced by a visible sign.

    >>> visible("a" + chr(0) + "b")
    'a�b'
    """
    return "".join(c if c in "\n\t" or _is_shown(c) else "\ufffd" for c in text)


def _is_shown(character: str) -> bool:
    code = ord(character)
    forbidden = code <= 159 or 0xD800 <= code <= 0xDFFF or code & 0xFFFE == 0xFFFE
    reorders = 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
    return character.isprintable() or not (forbidden or reorders)


# ---------------------------------------------------------------- labels


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
