"""Ordered expressions: sums and products of linear maps, with the order of factors kept. None is the zero map.

SymPy's noncommutative products do not serve: their derivatives have the wrong order.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symfold.core.leaves import Constant
from symfold.show.notation.linear_maps import PLACE, Composed, EntryAt, Factor, Grid, Raised, Transposed, Unit
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
    """The sum; multiples of the identity come first."""
    addends = [addend for addend in maps if addend is not None]
    ordered = sorted(addends, key=lambda addend: not is_scalar(addend)) if len(addends) > 1 else addends
    return Term(sp.Add, ordered) if len(ordered) > 1 else ordered[0] if ordered else None


def after(left: Map, right: Map) -> Map:
    """The product: `left` applied after `right`."""
    if left is None or right is None:
        return None
    if is_unit(left) or is_unit(right):
        return right if is_unit(left) else left
    if left.op is sp.Mul:  # numbers come first
        product = after(left.args[1], right)
        return None if product is None else scaled(left.args[0], product)
    if right.op is sp.Mul:
        product = after(left, right.args[1])
        return None if product is None else scaled(right.args[0], product)
    parts = [arg for side in (left, right) for arg in (side.args if isinstance(side.op, Composed) else (side,))]
    return Term(Composed(), parts)


def scaled(value: Term, term: Term) -> Term:
    """A number times a map."""
    if term.op is sp.Mul and (inner := number_of(term.args[0])) is not None and (outer := number_of(value)) is not None:
        product = Term(Constant(outer * inner))
        return term.args[1] if outer * inner == 1 else Term(sp.Mul, (product, *term.args[1:]))
    return term if number_of(value) == 1 else Term(sp.Mul, (value, term))


def grid(rows: Sequence[Sequence[Map]]) -> Term:
    """A matrix of maps."""
    entries = [ZERO if value is None else value for row in rows for value in row]
    return Term(Grid(len(rows[0])), entries)


def is_identity(rows: Sequence[Sequence[Map]]) -> bool:
    """Whether a square matrix of maps is the identity."""
    return all(is_unit(value) if r == c else value is None for r, row in enumerate(rows) for c, value in enumerate(row))


def entry(value: Map, row: int, column: int = 0) -> Map:
    """One entry of a matrix of maps."""
    if value is None or not _is_matrix(value):
        return value
    if isinstance(value.op, Grid):
        selected = value.args[row * value.op.columns + column]
        return None if selected is ZERO else selected
    return Term(EntryAt(row, column), (value,))


def _is_matrix(value: Term) -> bool:
    """Whether a term is a matrix, or a product or sum of matrices."""
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part.op, Grid):
            return True
        if not isinstance(part.op, EntryAt):
            pending += part.args[-1:] if isinstance(part.op, Composed) else part.args
    return False


def transposed(value: Map) -> Map:
    """The transpose; that of a product has the transposed factors in reverse order."""
    if value is None or is_scalar(value):
        return value
    if isinstance(value.op, Composed):
        return Term(
            Composed(), [transpose for arg in reversed(value.args) if (transpose := transposed(arg)) is not None]
        )
    if value.op is sp.Mul or isinstance(value.op, Raised):
        transpose = transposed(value.args[-1])
        return None if transpose is None else Term(value.op, (*value.args[:-1], transpose))
    return value if getattr(value.op, "kind", "") == "diag" else Term(Transposed(), (value,))


def in_order(root: Term) -> list[Term]:
    """Every map in a term once, each after its parts; the parts of factors are left out."""
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
    """The number of operations of a term as written, with shared parts repeated."""
    sizes: dict[int, int] = {}
    for part in in_order(root):
        sizes[id(part)] = 1 + sum(sizes.get(id(arg), 1) for arg in part.args)
    return sizes[id(root)]


def without_states(root: Term) -> Term:
    """The same maps without the states of their derivatives: J1 for J1(x), diag(step(·)) for diag(step(x))."""
    done: dict[int, Term] = {}
    for part in in_order(root):
        args = tuple(done.get(id(arg), arg) for arg in part.args)
        if isinstance(part.op, Factor) and part.op.kind == "diag":
            inner = args[0]
            args = (Term(inner.op, [PLACE] * len(inner.args)),)
        elif isinstance(part.op, Factor):
            args = args[:1]
        done[id(part)] = Term(part.op, args)
    return done[id(root)]


def plain(value: Map) -> str:
    """A map as text."""
    return "0" if value is None else "".join(stream(value, STYLES["text"]))
