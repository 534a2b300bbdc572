"""PyTorch's complex tensors: a net's numbers are real, so each is a pair of nodes, its real and its imaginary part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symfold.base.arguments import NumpyArray
from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives import concatenate, expand
from symfold.core.shapes import Shape
from symfold.exchange.pytorch.arrangement import ARRANGEMENT, select
from symfold.exchange.pytorch.elementwise import ELEMENTWISE
from symfold.exchange.pytorch.products import PRODUCTS
from symfold.exchange.pytorch.rows import Row
from symfold.exchange.reading.checks import covered
from symfold.exchange.reading.functions import apply


@dataclass(frozen=True)
class Complex:
    """A complex tensor: its real and its imaginary part."""

    re: Node
    im: Node

    @property
    def shape(self) -> Shape:
        """The shape of both parts."""
        return self.re.shape


def is_complex(dtype: str) -> bool:
    """Whether a dtype's numbers are complex."""
    return dtype.startswith("complex")


def complex_constant(array: NumpyArray) -> Complex:
    """An array of complex numbers."""
    return Complex(as_node(array.real.copy()), as_node(array.imag.copy()))


def parts_of(value: Any) -> tuple[Node, Node]:
    """The real and the imaginary part of a tensor or a number."""
    if isinstance(value, Complex):
        return value.re, value.im
    return (number(value.real), number(value.imag)) if isinstance(value, complex) else (as_node(value), number(0))


def _by_parts(row: Row) -> Row:
    """The row of an operation that moves or adds the entries of tensors, for complex ones."""

    def of(place: int, value: Any) -> Any:
        if isinstance(value, list):
            return [of(place, each) for each in value]
        return parts_of(value)[place] if isinstance(value, (Complex, Node)) else value

    def complex_row(shape: Any, *args: Any, **named: Any) -> Any:
        re, im = (row(shape, *(of(place, arg) for arg in args), **named) for place in (0, 1))
        return Complex(re, im) if isinstance(re, Node) else [Complex(a, b) for a, b in zip(re, im, strict=True)]

    return complex_row


def _sum(row: Row) -> Row:
    def complex_row(shape: Shape, a: Any, b: Any, alpha: float = 1) -> Complex:
        return Complex(*(row(shape, x, y, alpha) for x, y in zip(parts_of(a), parts_of(b), strict=True)))

    return complex_row


def _product(row: Row) -> Row:
    def complex_row(shape: Shape, a: Any, b: Any) -> Complex:
        if not isinstance(a, (Complex, complex)):
            return Complex(*(row(shape, a, each) for each in parts_of(b)))
        if not isinstance(b, (Complex, complex)):
            return Complex(*(row(shape, each, b) for each in parts_of(a)))
        (p, q), (r, s) = parts_of(a), parts_of(b)
        return Complex(row(shape, p, r) - row(shape, q, s), row(shape, p, s) + row(shape, q, r))

    return complex_row


def _einsum(shape: Shape, equation: str, operands: Sequence[Any], path: object = None) -> Complex:
    covered(len(operands) == 2, "an einsum of other than two complex tensors")
    product = _product(lambda shape, a, b: PRODUCTS["einsum"](shape, equation, [a, b]))
    return product(shape, *operands)


def _quotient(shape: Shape, a: Any, b: Any) -> Complex:
    if isinstance(b, Complex):
        scale = b.re**2 + b.im**2
        a, b = _product(ELEMENTWISE["mul"])(shape, a, Complex(b.re, -b.im)), scale
    return Complex(*(each / b for each in parts_of(a)))


def _exp(shape: Shape, a: Complex) -> Complex:
    size = apply(sp.exp, a.re)
    return Complex(size * apply(sp.cos, a.im), size * apply(sp.sin, a.im))


MOVES = (
    "view", "reshape", "_unsafe_view", "flatten", "unflatten", "unsqueeze", "squeeze", "permute", "transpose", "t", "mT", "expand", "select", "slice", "narrow",
    "split", "split_with_sizes", "chunk", "unbind", "cat", "concat", "stack", "contiguous", "clone", "alias", "flip", "roll", "repeat", "movedim", "slice_scatter",
)  # fmt: skip
COMPLEX_NUMBERS: dict[str, Row] = {
    **{name: _by_parts(ARRANGEMENT[name]) for name in MOVES},
    **{name: _by_parts(PRODUCTS[name]) for name in ("sum", "mean", "cumsum")}, "neg": _by_parts(ELEMENTWISE["neg"]),
    **{name: _sum(ELEMENTWISE[name]) for name in ("add", "sub")}, "mul": _product(ELEMENTWISE["mul"]), "div": _quotient, "exp": _exp, "einsum": _einsum,
    **{name: _product(PRODUCTS[name]) for name in ("matmul", "mm", "bmm")},
    "real": lambda shape, a: a.re, "imag": lambda shape, a: a.im, "abs": lambda shape, a: Node(functions.hypot, (a.re, a.im)),
    "angle": lambda shape, a: Node(sp.atan2, (a.im, a.re)), "complex": lambda shape, re, im: Complex(re, im),
    "polar": lambda shape, size, angle: Complex(size * apply(sp.cos, angle), size * apply(sp.sin, angle)),
    **dict.fromkeys(("conj", "_conj", "conj_physical"), lambda shape, a: Complex(a.re, -a.im)), "resolve_conj": lambda shape, a: a,
    "view_as_real": lambda shape, a: concatenate(expand(a.re, axis=-1), expand(a.im, axis=-1), axis=-1),
    "view_as_complex": lambda shape, a: Complex(select(shape, a, -1, 0), select(shape, a, -1, 1)),
}  # fmt: skip
