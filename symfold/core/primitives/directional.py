"""Directional derivatives of opaque layers: f''(x)[u, v], the second derivative of f at x in the directions u and v.

    directional(name, input..., direction..., [value])

`arity` is the number of inputs; `slots` gives the input that each direction belongs to. The result is symmetric in the
directions and linear in each. The value f(x) is an argument only if its shape may differ from the first input's.
"""

from __future__ import annotations

from symfold.core.arrays import Array, Namespace
from symfold.core.nodes import Node
from symfold.core.primitives.table import Primitive, primitive
from symfold.core.shapes import Shape
from symfold.errors import NoRule


def _shape(name: Shape, *shapes: Shape, slots: tuple[int, ...], arity: int) -> Shape:
    return shapes[arity + len(slots)] if len(shapes) > arity + len(slots) else shapes[0]


def _no_numbers(xp: Namespace, *args: Array, slots: tuple[int, ...], arity: int) -> Array:
    raise NoRule(
        "derivatives of opaque layers have no numbers (give the layers bodies with net.bind, then "
        "sf.series(net).evaluate)"
    )


def _no_adjoint(node: Node, bar: Node, slots: tuple[int, ...], arity: int) -> list[Node | None]:
    raise NoRule(
        "derivatives of opaque layers have no adjoint (give the layers bodies with net.bind, and differentiate the net)"
    )


directional: Primitive = primitive("directional", _shape, _no_numbers, _no_adjoint, dtypes=("name",))
