"""Writing: a term as text in a style, chunk by chunk, with a stack of its own: no recursion, memory by depth not length.

Nested sums are written as one sum, and nested products as one product, in the author's order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import sympy as sp

from symfold.notation.operations import level, pieces
from symfold.notation.pieces import PRODUCT, SUM
from symfold.notation.styles import Style
from symfold.notation.terms import Term, is_negative, number_of, opposite
from symfold.operations import Constant


class _Whole(NamedTuple):
    """A term on its own, in brackets if it holds together less tightly than asked."""

    term: Term
    need: int = SUM


class _Addend(NamedTuple):
    """A term of a sum that is being written."""

    term: Term
    first: bool


class _Factor(NamedTuple):
    """A factor of a product that is being written."""

    term: Term
    first: bool


Task = str | _Whole | _Addend | _Factor


def stream(term: Term, style: Style) -> Iterator[str]:
    """The text of a term, in small chunks."""
    waiting: list[Task] = [_Whole(term)]
    while waiting:
        task = waiting.pop()
        if isinstance(task, str):
            yield task
        elif isinstance(task, _Whole):
            waiting += reversed(_whole(task, style))
        elif isinstance(task, _Addend):
            waiting += reversed(_addend(task, style))
        else:
            waiting += reversed(_factor(task, style))


def write(term: Term, style: Style) -> str:
    """The text of a term."""
    return "".join(stream(term, style))


def _whole(task: _Whole, style: Style) -> list[Task]:
    term, need = task
    if need and level(term, style) < need:
        return [style.bracket[0], _Whole(term), style.bracket[1]]
    if term.op is sp.Add:
        return _grouped(_terms(term, True), style)
    if term.op is sp.Mul:
        return _product(term, style)
    return [part if isinstance(part, str) else _Whole(term.args[part[0]], part[1]) for part in pieces(term, style)]


def _grouped(tasks: list[Task], style: Style) -> list[Task]:
    return [style.group[0], *tasks, style.group[1]] if style.group[0] else tasks


def _terms(term: Term, first: bool) -> list[Task]:
    return [_Addend(arg, first and position == 0) for position, arg in enumerate(term.args)]


def _addend(task: _Addend, style: Style) -> list[Task]:
    term, first = task
    if term.op is sp.Add:
        return _terms(term, first)
    if first:
        return [_Whole(term)]
    if is_negative(term):
        return [style.minus, _Whole(opposite(term), PRODUCT)]
    return [style.plus, _Whole(term)]


# ---------------------------------------------------------------- products: a sign, what is above the line, what is below


def below(term: Term) -> Term | None:
    """What a factor puts below the fraction line, if it is one over something."""
    if term.op is sp.Pow and (exponent := number_of(term.args[1])) is not None and exponent.is_negative:
        return term.args[0] if exponent == -1 else Term(sp.Pow, (term.args[0], Term(Constant(-exponent))))
    return None


def is_plain(term: Term) -> bool:
    """Whether a term is a product of factors without numbers and fractions, which may be written on as it stands."""
    return term.op is sp.Mul and all(number_of(arg) is None and below(arg) is None for arg in term.args)


def _leads_plain(term: Term) -> bool:
    """The same, but the first factor may be a positive whole number."""
    if term.op is not sp.Mul or len(term.args) < 2:
        return False
    value = number_of(term.args[0])
    if value is None:
        return is_plain(term)
    return bool(value.is_positive and not _is_ratio(value)) and all(
        number_of(arg) is None and below(arg) is None for arg in term.args[1:]
    )


def _is_ratio(value: sp.Expr) -> bool:
    return bool(value.is_Rational and not value.is_Integer)


def _product(term: Term, style: Style) -> list[Task]:
    if is_negative(term):
        return _grouped([style.negative, _Whole(opposite(term), PRODUCT)], style)
    above: list[Term] = []
    under: list[Term] = []
    for arg in term.args:
        value = number_of(arg)
        if (lower := below(arg)) is not None:
            under.append(lower)
        elif value is not None and _is_ratio(value) and value.is_positive:
            above += [Term(Constant(sp.Integer(value.p)))] if value.p != 1 else []
            under.append(Term(Constant(sp.Integer(value.q))))
        else:
            above.append(arg)
    if not under:
        return _grouped(_factors(above), style)
    above = above or [Term(Constant(sp.Integer(1)))]
    if style.fraction:
        start, middle, end = style.fraction
        return _grouped([start, *_alone(above), middle, *_alone(under), end], style)
    divisor: list[Task] = (
        [_Whole(under[0], PRODUCT + 1)] if len(under) == 1 else [style.bracket[0], *_factors(under), style.bracket[1]]
    )
    return _grouped([*_factors(above), "/", *divisor], style)


def _alone(terms: list[Term]) -> list[Task]:
    """What stands above or below a drawn fraction line, which brackets it."""
    return [_Whole(terms[0])] if len(terms) == 1 else _factors(terms)


def _factors(terms: list[Term]) -> list[Task]:
    return [_Factor(term, position == 0) for position, term in enumerate(terms)]


def _factor(task: _Factor, style: Style) -> list[Task]:
    term, first = task
    if is_plain(term) or (first and _leads_plain(term)):
        return [_Factor(arg, first and position == 0) for position, arg in enumerate(term.args)]
    drawn = style.fraction and term.op is sp.Mul and not is_negative(term) and any(below(arg) is not None for arg in term.args)
    return [*([] if first else [style.times]), _Whole(term, PRODUCT if drawn else PRODUCT + 1)]
