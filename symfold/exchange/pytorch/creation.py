"""PyTorch's tensors made from sizes as nodes: constants if the sizes are known, else computed."""

from __future__ import annotations

from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives import broadcast_to, cumulative_sum, expand
from symfold.core.shapes import Shape, Size
from symfold.exchange.pytorch.rows import Row


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


def _range(shape: Shape, *given: Size, **named: object) -> Node:
    start, step = (0, 1) if len(given) == 1 else (given[0], given[2] if len(given) > 2 else 1)
    counted = positions(shape[0])
    scaled = counted if step == 1 else counted * number(step)
    return scaled if start == 0 else scaled + number(start)


def _identity(shape: Shape, *given: Size, **named: object) -> Node:
    rows, columns = shape
    return Node(functions.equal, (positions(columns), expand(positions(rows), axis=-1)))


CREATION: dict[str, Row] = {
    "arange": _range, "eye": _identity,
    **dict.fromkeys(("zeros", "new_zeros", "zeros_like"), lambda shape, *given, **named: filled(shape, 0)),
    **dict.fromkeys(("ones", "new_ones", "ones_like"), lambda shape, *given, **named: filled(shape, 1)),
    "full": lambda shape, size, value, **named: filled(shape, value),
    "new_full": lambda shape, a, size, value, **named: filled(shape, value),
    "full_like": lambda shape, a, value, **named: filled(shape, value),
}  # fmt: skip
