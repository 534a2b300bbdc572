"""Functions that several packages have, and nets write by others."""

from __future__ import annotations

import sympy as sp

from symfold.core.functions import equal, where
from symfold.core.nodes import Node

HALF = sp.Rational(1, 2)


def rounded_to_even(a: Node) -> Node:
    """The nearest whole number; of two, the even one.

    >>> import numpy as np, symfold as sf
    >>> sf.Net.of(rounded_to_even(sf.tensor("x", (4,))))(x=np.array([-0.5, 0.5, 1.5, 2.4])).tolist()
    [0.0, 0.0, 2.0, 2.0]
    """
    up = Node(sp.floor, (a + HALF,))
    even = 2 * Node(sp.floor, (a * HALF + HALF * HALF,))
    return Node(where, (Node(equal, (a + HALF, up)), even, up))
