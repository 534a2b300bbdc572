"""Shapes: tuples of sizes, some of them unknown until numbers are given.

    shape ::= (size, ..., [rest])      size ::= int | SymPy expression      rest ::= any number of unknown axes

An unknown size is the symbol ``x.shape[0]`` of its input and axis; it is never taken for 1. An unknown shape is one
`Rest`. `NAME` is the shape of a layer's name, which is not an array.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import sympy as sp

from symfold.base.arguments import ordered, quoted, whole
from symfold.base.caching import cached
from symfold.errors import InvalidType, ShapeError, TooLarge


@dataclass(frozen=True)
class Rest:
    """An unknown number of axes: the broadcast of the named inputs' shapes; without names, anything."""

    names: tuple[str, ...] = ()


Size: TypeAlias = "int | sp.Expr"
Shape: TypeAlias = tuple[Any, ...]  # of Size and Rest; SymPy is untyped, hence Any

NAME = Rest(("the name of a layer",))
ANY: Shape = (Rest(),)


def positive_integer(name: str) -> sp.Symbol:
    """The symbol of a depth or of an unknown size. SymPy tells it from a plain symbol of that name.

    >>> n = positive_integer("n")
    >>> n == sp.Symbol("n", integer=True, positive=True), n == sp.Symbol("n")
    (True, False)
    """
    return sp.Symbol(name, integer=True, positive=True)


def size_symbol(name: str, axis: int) -> sp.Symbol:
    """The unknown size of one axis of an input.

    >>> size_symbol("x", 0)
    x.shape[0]
    """
    return positive_integer(f"{name}.shape[{axis}]")


def size_symbols(size: Size) -> list[str]:
    """The names of the symbols in a size or a count.

    >>> size_symbols(sp.Symbol("n") - 1), size_symbols(3)
    (['n'], [])
    """
    return sorted(str(symbol) for symbol in size.free_symbols) if isinstance(size, sp.Basic) else []


def input_shape(name: str, shape: Iterable[int | sp.Expr | None] | None) -> Shape:
    """The shape of an input from the caller's shape: `None` is an unknown size, or an unknown shape.

    >>> input_shape("x", (None, 3)), input_shape("x", None)
    ((x.shape[0], 3), (Rest(names=('x',)),))
    """
    if shape is None:
        return (Rest((name,)),)
    expected = (
        f"the shape of {quoted(name)} must be a tuple of sizes, as (3,) for one axis of size 3, () for a scalar, "
        "(None, 3) if a size is not known yet"
    )
    if getattr(shape, "ndim", 1) != 1:
        raise InvalidType(f"{expected}, got {quoted(shape)} of type {type(shape).__name__}")
    return tuple(
        size_symbol(name, axis)
        if size is None
        else size_given(f"axis {axis} of {quoted(name)}: size", size, others=", or None for an unknown size")
        for axis, size in enumerate(ordered(expected, shape, "tuple"))
    )


def size_given(what: str, size: object, least: int = 0, others: str = "") -> Size:
    """A size from a caller: a whole number, or a SymPy expression that contains a symbol."""
    return size if isinstance(size, sp.Expr) and size.free_symbols else whole(what, size, least, others)


def depth_of(count: Size) -> Size:
    """A number of steps, if it is a symbol or one that a range can count.

    >>> depth_of(10**19)
    Traceback (most recent call last):
    ...
    symfold.errors.TooLarge: 10000000000000000000 steps are too many (at most ...; for any depth: count='n')
    """
    if isinstance(count, int) and count > sys.maxsize:
        raise TooLarge(f"{count} steps are too many (at most {sys.maxsize}; for any depth: count='n')")
    return count


def is_shape(shape: object) -> bool:
    """Whether a rule gave a shape: a tuple of whole numbers, SymPy expressions and `Rest`s."""
    return isinstance(shape, tuple) and all(
        (type(size) is int and size >= 0) or isinstance(size, (sp.Expr, Rest)) for size in shape
    )


def differ(a: Shape, b: Shape) -> bool:
    """Whether two shapes are known to differ: in their number of axes, or in a size that both know.

    >>> differ((3,), (size_symbol("x", 0),)), differ((3,), (1,)), differ((3,), ANY), differ((3,), ())
    (False, True, False, True)
    """
    if a == b or not (is_known(a) and is_known(b)):
        return False
    return len(a) != len(b) or any(
        isinstance(m, int) and isinstance(n, int) and m != n for m, n in zip(a, b, strict=True)
    )


def is_known(shape: Shape) -> bool:
    """Whether the number of axes is known.

    >>> is_known((2, 3)), is_known((2, Rest(("x",))))
    (True, False)
    """
    return Rest not in map(type, shape)


def is_concrete(shape: Shape) -> bool:
    """Whether every size is a number."""
    return all(isinstance(size, int) for size in shape)


def sized(shape: Shape) -> tuple[int, ...]:
    """A shape whose sizes are all numbers, as allocating an array needs it; an error if some are not."""
    if not is_concrete(shape):
        raise ShapeError(
            f"a value of shape {show(shape)} has no fixed size: its size differs between steps "
            "(give the initial state its final shape, so that no step broadcasts it)"
        )
    return tuple(shape)


def show(shape: Shape) -> str:
    """A shape as text, as NumPy writes it.

    >>> show((size_symbol("x", 0), 3)), show((4,)), show((Rest(("x",)),))
    ('(None, 3)', '(4,)', '(...)')
    """
    sizes = [
        "..." if isinstance(size, Rest) else "None" if isinstance(size, sp.Symbol) and "[" in size.name else str(size)
        for size in shape
    ]
    return f"({sizes[0]},)" if len(sizes) == 1 and is_known(shape) else f"({', '.join(sizes)})"


@cached(4096)  # a net has few combinations of shapes, and SymPy compares sizes slowly
def broadcast(*shapes: Shape) -> Shape | None:
    """The shape of an elementwise result, by NumPy's rule; None if the shapes do not fit.

    Sizes of the same axis unify: an unknown size takes the known one's value, which is checked when numbers are given.

    >>> broadcast((size_symbol("x", 0), 3), (1, 3)), broadcast((4,), (3,))
    ((x.shape[0], 3), None)
    """
    distinct = [shape for shape in dict.fromkeys(shapes) if shape]
    if len(distinct) <= 1:
        return distinct[0] if distinct else ()
    if not all(map(is_known, distinct)):
        if all(len(shape) == 1 and isinstance(shape[0], Rest) and shape[0].names for shape in distinct):
            names = {name for shape in distinct for rest in shape if isinstance(rest, Rest) for name in rest.names}
            return (Rest(tuple(sorted(names))),)
        return ANY
    rank = max(map(len, distinct))
    axes = zip(*((1,) * (rank - len(shape)) + shape for shape in distinct), strict=True)
    result: list[Size | Rest] = []
    for sizes in axes:
        larger = [size for size in dict.fromkeys(sizes) if size != 1]
        numbers = [size for size in larger if isinstance(size, int)]
        if len(numbers) > 1:
            return None
        result.append((numbers or larger or [1])[0])
    return tuple(result)


def elementwise(shapes: tuple[Shape, ...], verb: str) -> Shape:
    """The broadcast shape, or an error worded by `verb`, as "cannot add {} to {}"."""
    shape = broadcast(*shapes)
    if shape is None:
        distinct = [shape for shape in dict.fromkeys(shapes) if shape]
        first, clash = next((a, b) for k, a in enumerate(distinct) for b in distinct[k:] if broadcast(a, b) is None)
        raise ShapeError(verb.format(show(first), show(clash)))
    return shape


def must_sum(argument: Shape, result: Shape) -> bool | None:
    """Whether broadcasting enlarges an argument, so that its cotangent must be summed; None if that is unknown.

    >>> must_sum((1, 3), (5, 3)), must_sum((5, 3), (5, 3)), must_sum((Rest(("x",)),), ANY)
    (True, False, None)
    """
    if argument == result and ANY[0] not in argument:
        return False
    if not is_known(argument) or not is_known(result):
        return None if argument else True
    if len(argument) != len(result):
        return True
    return any(small == 1 and large != 1 for small, large in zip(argument, result, strict=True))


def fits(shape: Shape, expected: Shape) -> bool:
    """Whether a value of one shape can be used for another: the shapes are equal as far as they are known.

    >>> fits((size_symbol("x", 0), 3), (size_symbol("t", 0), 3)), fits((4,), (3,))
    (True, False)
    """
    if not (is_known(shape) and is_known(expected)):
        return True
    return len(shape) == len(expected) and all(
        a == b or not (isinstance(a, int) and isinstance(b, int)) for a, b in zip(shape, expected, strict=True)
    )


def settled(before: Shape, after: Shape) -> bool:
    """Whether a state keeps its shape in a step; two unknown sizes are taken to be equal.

    >>> settled((size_symbol("x", 0), 3), (size_symbol("y", 0), 3)), settled((1, 3), (size_symbol("y", 0), 3))
    (True, False)
    """
    return before == after or (
        is_known(before)
        and is_known(after)
        and len(before) == len(after)
        and all(a == b or not (isinstance(a, int) or isinstance(b, int)) for a, b in zip(before, after, strict=True))
    )


def length(shape: Shape) -> Size:
    """The number of entries along the leading axis of a sequence."""
    if not shape or isinstance(shape[0], Rest):
        raise ShapeError(
            f"a value of shape {show(shape)} has no leading axis to iterate over (stack its parts with sf.stack)"
        )
    return shape[0]
