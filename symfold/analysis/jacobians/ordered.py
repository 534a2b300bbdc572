"""Ordered expressions: linear maps added and multiplied, the order of factors kept. None is the zero map.

SymPy's own noncommutative products are no help here: they differentiate to the wrong order.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symfold.core.operations import Constant
from symfold.show.notation.linear_maps import Composed, EntryAt, Factor, Grid, Raised, Transposed, Unit
from symfold.show.notation.styles import STYLES
from symfold.show.notation.terms import Term, number_of
from symfold.show.notation.writing import stream

Map = Term | None
ZERO = Term(Constant(sp.Integer(0)))


def is_unit(value: Map) -> bool:
    """Whether a map is the identity."""
    return value is not None and isinstance(value.op, Unit)


def is_scalar(value: Map) -> bool:
    """Whether a map is a number times the identity."""
    return value is not None and (is_unit(value) or (value.op is sp.Mul and is_unit(value.args[-1])))


def plus(maps: Sequence[Map]) -> Map:
    """The sum; multiples of the identity stand in front."""
    kept = [one for one in maps if one is not None]
    ordered = sorted(kept, key=lambda one: not is_scalar(one)) if len(kept) > 1 else kept
    return Term(sp.Add, ordered) if len(ordered) > 1 else ordered[0] if ordered else None


def after(left: Map, right: Map) -> Map:
    """The product: `left` applied after `right`."""
    if left is None or right is None:
        return None
    if is_unit(left) or is_unit(right):
        return right if is_unit(left) else left
    if left.op is sp.Mul or right.op is sp.Mul:  # numbers stand in front
        one, other = (left, after(left.args[1], right)) if left.op is sp.Mul else (right, after(left, right.args[1]))
        return None if other is None else scaled(one.args[0], other)
    parts = [arg for one in (left, right) for arg in (one.args if isinstance(one.op, Composed) else (one,))]
    return Term(Composed(), parts)


def scaled(value: Term, one: Term) -> Term:
    """A number times a map."""
    if one.op is sp.Mul and (inner := number_of(one.args[0])) is not None and (outer := number_of(value)) is not None:
        product = Term(Constant(outer * inner))
        return one.args[1] if outer * inner == 1 else Term(sp.Mul, (product, *one.args[1:]))
    return one if number_of(value) == 1 else Term(sp.Mul, (value, one))


def grid(rows: Sequence[Sequence[Map]]) -> Term:
    """A matrix of maps."""
    entries = [ZERO if one is None else one for row in rows for one in row]
    return Term(Grid(len(rows[0])), entries)


def is_identity(rows: Sequence[Sequence[Map]]) -> bool:
    """Whether a square matrix of maps is the identity."""
    return all(is_unit(one) if r == c else one is None for r, row in enumerate(rows) for c, one in enumerate(row))


def entry(value: Map, row: int, column: int = 0) -> Map:
    """One entry of a matrix of maps."""
    if value is None or not _is_matrix(value):
        return value
    if isinstance(value.op, Grid):
        found = value.args[row * value.op.columns + column]
        return None if found is ZERO else found
    return Term(EntryAt(row, column), (value,))


def _is_matrix(value: Term) -> bool:
    """Whether a term is a matrix: products and sums are, where a part is."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part.op, Grid):
            return True
        if not isinstance(part.op, EntryAt):
            waiting += part.args[-1:] if isinstance(part.op, Composed) else part.args
    return False


def transposed(value: Map) -> Map:
    """The transpose: of a product, the transposes in the other order."""
    if value is None or is_scalar(value):
        return value
    if isinstance(value.op, Composed):
        return Term(Composed(), [turned for arg in reversed(value.args) if (turned := transposed(arg)) is not None])
    if value.op is sp.Mul or isinstance(value.op, Raised):
        turned = transposed(value.args[-1])
        return None if turned is None else Term(value.op, (*value.args[:-1], turned))
    return value if getattr(value.op, "kind", "") == "diag" else Term(Transposed(), (value,))


def in_order(root: Term) -> list[Term]:
    """Every map that a term is made of once, each after its own parts; what factors are made of is left out."""
    seen: set[int] = set()
    order: list[Term] = []
    stack: list[tuple[Term, bool]] = [(root, False)]
    while stack:
        part, ready = stack.pop()
        if ready:
            order.append(part)
        elif id(part) not in seen:
            seen.add(id(part))
            stack.append((part, True))
            if not isinstance(part.op, Factor):
                stack.extend((arg, False) for arg in reversed(part.args))
    return order


def size_of(root: Term) -> int:
    """How many operations a term has when it is written out, shared parts as often as they are met."""
    sizes: dict[int, int] = {}
    for part in in_order(root):
        sizes[id(part)] = 1 + sum(sizes.get(id(arg), 1) for arg in part.args)
    return sizes[id(root)]


def plain(value: Map) -> str:
    """A map as text."""
    return "0" if value is None else "".join(stream(value, STYLES["text"]))
