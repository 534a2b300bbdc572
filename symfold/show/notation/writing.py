"""Writing: a term as text in a style, in chunks, with an explicit stack: no recursion, memory by depth not length.

A formula shares its parts, and its text repeats them. So each part becomes a template once: literal text with parts in
between. Short parts are filled in at once, so a long text is only copied.

Nested sums are written as one sum, and nested products as one product, in the author's order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import sympy as sp

from symfold.core.leaves import Constant
from symfold.show.notation.choices import cases, is_cases
from symfold.show.notation.operations import level, pieces
from symfold.show.notation.pieces import PRODUCT, SUM
from symfold.show.notation.styles import Style
from symfold.show.notation.terms import Term, Written, is_negative, number_of, opposite


class Run(NamedTuple):
    """A sum within a sum, or a product within a product: continued without brackets, at the start or after others."""

    term: Term
    first: bool


Part = str | Term | Run
Template = Sequence[Part]

SHORT = 4096  # characters: the text of a shared part up to this length is written once, then copied


def stream(term: Term | Run, style: Style) -> Iterator[str]:
    """The text of a term, in chunks; every shared part is written once."""
    return _copied(term, _templates(term, style))


def _copied(root: Part, templates: Mapping[Term | Run, Template]) -> Iterator[str]:
    waiting: list[Part] = [root]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        else:
            waiting += templates[part]


def side(term: Term, style: Style) -> Iterator[str]:
    """The text of a term as one side of an equation, where a comparison is bracketed."""
    opening, closing = style.bracket if level(term, style) < SUM else ("", "")
    yield opening
    yield from stream(term, style)
    yield closing


def write(term: Term, style: Style) -> str:
    """The text of a term."""
    return "".join(stream(term, style))


def written_out(root: Term | Run, style: Style) -> tuple[str, Collection[Term | Run]]:
    """The text of a term, and all the parts visited for it."""
    templates = _templates(root, style)
    return "".join(_copied(root, templates)), templates


def _templates(root: Term | Run, style: Style) -> dict[Term | Run, Template]:
    """The templates of the root and all its parts, last part first; short parts are text already."""
    templates: dict[Term | Run, Template] = {}
    opened: dict[Term | Run, list[Part]] = {}
    waiting: list[Term | Run] = [root]
    while waiting:
        task = waiting[-1]
        if task not in opened and task not in templates:
            opened[task] = parts = _parts_of(task, style) if isinstance(task, Term) else _run(task, style)
            waiting += [part for part in parts if not isinstance(part, str) and part not in templates]
            continue
        waiting.pop()
        if task in opened:
            templates[task] = _joined(opened.pop(task), templates)
    return templates


def _joined(parts: list[Part], templates: dict[Term | Run, Template]) -> Template:
    """Parts from the last to the first, with short ones as text; neighboring texts are merged."""
    merged: list[Part] = []
    texts: list[str] = []
    for part in parts:
        if not isinstance(part, str):
            inner = templates[part]
            if len(inner) == 1 and isinstance(inner[0], str) and len(inner[0]) <= SHORT:
                part = inner[0]
        if isinstance(part, str):
            texts.append(part)
            continue
        if texts:
            merged.append("".join(texts))
            texts = []
        merged.append(part)
    if texts or not merged:
        merged.append("".join(texts))
    return tuple(reversed(merged))


def _parts_of(term: Term, style: Style) -> list[Part]:
    """The parts of a term on its own."""
    if isinstance(term, Written):
        return term.parts(None)
    if term.op is sp.Add:
        return _grouped(_sum(term, True, style), style)
    if term.op is sp.Mul:
        return _product(term, style)
    if is_cases(term, style):
        return [*cases(term, style)]
    parts: list[Part] = []
    for part in pieces(term, style):
        parts += [part] if isinstance(part, str) else _bracketed(term.args[part[0]], part[1], style)
    return parts


def _bracketed(term: Term, need: int, style: Style) -> list[Part]:
    """A term, in brackets if it binds less tightly than needed."""
    return [style.bracket[0], term, style.bracket[1]] if level(term, style) < need else [term]


def _grouped(parts: list[Part], style: Style) -> list[Part]:
    return [style.group[0], *parts, style.group[1]] if style.group[0] else parts


def _run(run: Run, style: Style) -> list[Part]:
    if isinstance(run.term, Written):
        return run.term.parts(run.first)
    return _sum(run.term, run.first, style) if run.term.op is sp.Add else _factors(run.term.args, run.first, style)


def _sum(term: Term, first: bool, style: Style) -> list[Part]:
    parts: list[Part] = []
    for position, arg in enumerate(term.args):
        leads = first and position == 0
        if arg.op is sp.Add:
            parts.append(Run(arg, leads))
        elif leads:
            parts += _bracketed(arg, SUM, style)
        elif is_negative(arg):
            parts += [style.minus, *_bracketed(opposite(arg), PRODUCT, style)]
        else:
            parts += [style.plus, *_bracketed(arg, SUM, style)]
    return parts


# ---------------------------------------------------------------- products: sign, numerator, denominator


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
        return _grouped([style.negative, *_bracketed(opposite(term), PRODUCT, style)], style)
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
        return _grouped(_factors(numerator, True, style), style)
    numerator = numerator or [Term(Constant(sp.Integer(1)))]
    if style.fraction:
        start, middle, end = style.fraction
        return _grouped([start, *_alone(numerator, style), middle, *_alone(denominators, style), end], style)
    divisor = (
        _bracketed(denominators[0], PRODUCT + 1, style)
        if len(denominators) == 1
        else [style.bracket[0], *_factors(denominators, True, style), style.bracket[1]]
    )
    return _grouped([*_factors(numerator, True, style), "/", *divisor], style)


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
        parts += [*sign, *_bracketed(term, PRODUCT if drawn else PRODUCT + 1, style)]
    return parts


def begins_with_digit(term: Term) -> bool:
    """Whether a factor is a number, or a power of one, or a fraction that begins with one."""
    while term.args and term.op in (sp.Pow, sp.Mul):
        term = term.args[0]
    value = number_of(term)
    is_number = value is not None and bool(value.is_Rational or value.is_Float)
    return is_number and not value.is_negative  # a negative number is bracketed
