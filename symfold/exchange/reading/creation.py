"""Tensors made from sizes: constants if the sizes are known, else computed."""

from __future__ import annotations

import numpy as np

from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives import broadcast_to, cumulative_sum, expand
from symfold.core.shapes import Shape, Size
from symfold.exchange.reading.functions import choose


def filled(shape: Shape, value: object) -> Node:
    """One number in each entry of a shape."""
    entry = as_node(value)
    return broadcast_to(entry, shape=shape) if shape else entry


def positions(count: Size) -> Node:
    """The whole numbers from 0 to count - 1.

    >>> import symfold as sf
    >>> sf.Net.of(positions(4))()
    array([0., 1., 2., 3.])
    """
    return cumulative_sum(filled((count,), 1), axis=-1, backward=False) - 1


def before(rows: Size, columns: Size, diagonal: Size = 0) -> Node:
    """The truth values of the places (row, column) of a matrix with column - row <= diagonal."""
    down, along = expand(positions(rows), axis=-1), positions(columns)
    return Node(functions.less_equal, (along, down if diagonal == 0 else down + number(diagonal)))


def triangle(a: Node, diagonal: int = 0, upper: bool = False) -> Node:
    """The entries of matrices up to a diagonal, or from it on; 0 elsewhere."""
    rows, columns = a.shape[-2:]
    if isinstance(rows, int) and isinstance(columns, int):
        places = np.tri(rows, columns, diagonal - upper, dtype=bool)
        return choose(~places if upper else places, a, 0)
    below = before(rows, columns, diagonal - upper)
    return choose(below, 0, a) if upper else choose(below, a, 0)
