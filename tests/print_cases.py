"""Nets whose names, keys and operations are hard to print: cases for LaTeX and MathML."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import sympy as sp
from function_points import arity

import symfold as sf
from symfold.core.conversion import as_node
from symfold.core.functions import ROWS
from symfold.core.nodes import Node
from symfold.core.primitives import PRIMITIVES

FORMS = ("fold", "steps", "expanded")
NAMES = (
    "alpha", "x_1_2", "x1y2", "hbar", "name_with__two", "_x", "__x", "x_", "x__", "lambda1", "dot", "xdot", "xhat", "Xbold", "xprime", "x_hat_y", "aleph",
    "tbar_2", "norm", "bm", "xabs", "scr", "é", "ñ_1", "α", "Ω", "µ", "α_1", "π2", "W__a", "frac", "x___y", "a_b_c_d", "_", "_1", "ß",
)  # fmt: skip
KEYS = (
    r"a\b", "a_b_c", "50%", "#1", "{", "}", "$x$", "x^2^3", "~", "a&b", "<b>", "x y", "'''", '"', "é", "\\end{document}", "a\nb", "\x1b[31m", "\x00", "\u202e", "", "[", "]", "a,b",
)  # fmt: skip
x, y = sf.tensor("x"), sf.tensor("y")


def of_names() -> Iterator[sf.Net]:
    """Each name as an input, as a layer, and as the first of a sequence of layers."""
    for name in NAMES:
        p, q = sf.tensor(name), sf.layer(name)
        yield sf.Net.of(p**2 * p * 3 + np.tanh(p) ** 2 - 1 / p)
        yield sf.Net.of(p.T)
        for layers in ([q, sf.layer("g")], sf.layers(name, count=3)):
            net = sf.fold(lambda z, f: f(z) ** 2 + z, layers, x)
            yield net
            yield sf.adjoint(net)


def of_keys() -> Iterator[sf.Net]:
    """Each key in an output of its own, and all together."""
    yield from (sf.Net.of({key: x + 1, "other": y}) for key in KEYS)
    yield sf.Net.of({key: x * k for k, key in enumerate(KEYS)})


def of_functions() -> Iterator[sf.Net]:
    """Each function of operations that bind in different ways, alone and within operations."""
    for head in ROWS:
        for args in ((x, y, x), (x + y, -x, 2), (x * y, x**2, -3), (-0.5, x / y, y), (sp.pi, np.tanh(x), x > 0)):
            node = Node(head, tuple(map(as_node, args[: arity(head)])))
            yield sf.Net.of(2 * node**2 - node / (1 + node) + node * 3**x)


def of_operations() -> Iterator[sf.Net]:
    """Each primitive at its examples, alone and within operations, and its gradient."""
    for row in PRIMITIVES.values():
        for shapes, attributes in row.examples:
            node = row(*(sf.tensor(f"a{k}", shape) for k, shape in enumerate(shapes)), **attributes)
            yield sf.Net.of(node)
            if isinstance(node, Node):
                yield sf.Net.of(2 * node**2 - node / (1 + node))
