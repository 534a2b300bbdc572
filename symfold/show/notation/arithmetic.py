"""Sums and products in formulas: nested sums are written as one sum, and nested products as one product.

The author's order stays. A product has its sign in front, and its denominators below one line.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symfold.core.leaves import Constant
from symfold.show.notation.operations import PRODUCT, ROWS, SUM, Row, bracketed, grouped
from symfold.show.notation.styles import Style
from symfold.show.notation.terms import Part, Run, Term, is_negative, number_of, opposite


def run_parts(run: Run, style: Style) -> list[Part]:
    """The parts of a sum within a sum, or of a product within a product."""
    return _terms(run.term, run.first, style) if run.term.op is sp.Add else _factors(run.term.args, run.first, style)


def _sum(term: Term, style: Style) -> list[Part]:
    return grouped(_terms(term, True, style), style)


def _terms(term: Term, first: bool, style: Style) -> list[Part]:
    parts: list[Part] = []
    for position, arg in enumerate(term.args):
        leads = first and position == 0
        if arg.op is sp.Add:
            parts.append(Run(arg, leads))
        elif leads:
            parts += bracketed(arg, SUM, style)
        elif is_negative(arg):
            parts += [style.minus, *bracketed(opposite(arg), PRODUCT, style)]
        else:
            parts += [style.plus, *bracketed(arg, SUM, style)]
    return parts


def denominator(term: Term) -> Term | None:
    """The denominator of a factor that is a reciprocal."""
    if term.op is sp.Pow and (exponent := number_of(term.args[1])) is not None and exponent.is_negative:
        return term.args[0] if exponent == -1 else Term(sp.Pow, (term.args[0], Term(Constant(-exponent))))
    return None


def is_plain_product(term: Term) -> bool:
    """Whether a term is a product without numbers and fractions, which may be continued as is."""
    return term.op is sp.Mul and all(number_of(arg) is None and denominator(arg) is None for arg in term.args)


def _leads_plain(term: Term) -> bool:
    """The same, but the first factor may be a positive whole number."""
    if term.op is not sp.Mul or len(term.args) < 2:
        return False
    value = number_of(term.args[0])
    if value is None:
        return is_plain_product(term)
    return bool(value.is_positive and not _is_ratio(value)) and all(
        number_of(arg) is None and denominator(arg) is None for arg in term.args[1:]
    )


def _is_ratio(value: sp.Expr) -> bool:
    return bool(value.is_Rational and not value.is_Integer)


def _product(term: Term, style: Style) -> list[Part]:
    if is_negative(term):
        return grouped([style.negative, *bracketed(opposite(term), PRODUCT, style)], style)
    numerator: list[Term] = []
    denominators: list[Term] = []
    for arg in term.args:
        value = number_of(arg)
        if (lower := denominator(arg)) is not None:
            denominators.append(lower)
        elif value is not None and _is_ratio(value) and value.is_positive:
            numerator += [Term(Constant(sp.Integer(value.p)))] if value.p != 1 else []
            denominators.append(Term(Constant(sp.Integer(value.q))))
        else:
            numerator.append(arg)
    if not denominators:
        return grouped(_factors(numerator, True, style), style)
    numerator = numerator or [Term(Constant(sp.Integer(1)))]
    if style.fraction:
        start, middle, end = style.fraction
        return grouped([start, *_alone(numerator, style), middle, *_alone(denominators, style), end], style)
    divisor = (
        bracketed(denominators[0], PRODUCT + 1, style)
        if len(denominators) == 1
        else [style.bracket[0], *_factors(denominators, True, style), style.bracket[1]]
    )
    return grouped([*_factors(numerator, True, style), "/", *divisor], style)


def _alone(terms: list[Term], style: Style) -> list[Part]:
    """A numerator or denominator of a drawn fraction, which needs no brackets."""
    return [terms[0]] if len(terms) == 1 else _factors(terms, True, style)


def _factors(terms: Sequence[Term], first: bool, style: Style) -> list[Part]:
    parts: list[Part] = []
    for position, term in enumerate(terms):
        leads = first and position == 0
        if is_plain_product(term) or (leads and _leads_plain(term)):
            parts.append(Run(term, leads))
            continue
        drawn = (
            style.fraction
            and term.op is sp.Mul
            and not is_negative(term)
            and any(denominator(arg) is not None for arg in term.args)
        )
        sign = [] if leads else [style.dot if begins_with_digit(term) else style.times]
        parts += [*sign, *bracketed(term, PRODUCT if drawn else PRODUCT + 1, style)]
    return parts


def begins_with_digit(term: Term) -> bool:
    """Whether a factor is a number, or a power of one, or a fraction that begins with one."""
    while term.args and term.op in (sp.Pow, sp.Mul):
        term = term.args[0]
    value = number_of(term)
    is_number = value is not None and bool(value.is_Rational or value.is_Float)
    return is_number and not value.is_negative  # a negative number is bracketed


ROWS |= {
    sp.Add: Row(_sum, SUM),
    sp.Mul: Row(_product, lambda term, style: SUM if is_negative(term) else PRODUCT),
}
