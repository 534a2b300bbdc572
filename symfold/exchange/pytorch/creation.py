"""PyTorch's tensors made from sizes as nodes."""

from __future__ import annotations

from symfold.core import functions
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives import expand
from symfold.core.shapes import Shape, Size
from symfold.exchange.pytorch.rows import Row
from symfold.exchange.reading.creation import filled, positions


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
    "scalar_tensor": lambda shape, value, **named: filled((), value),
    "full": lambda shape, size, value, **named: filled(shape, value),
    "new_full": lambda shape, a, size, value, **named: filled(shape, value),
    "full_like": lambda shape, a, value, **named: filled(shape, value),
}  # fmt: skip
