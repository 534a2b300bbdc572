"""Choices in formulas: comparisons and logic by their signs, and `where` as cases in LaTeX and MathML.

text      where(x > 0 and y < 1, x, y)      unicode   where(x > 0 ∧ y < 1, x, y)
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symfold.core import functions as f
from symfold.core.functions import row_of
from symfold.core.leaves import Constant
from symfold.show.notation.operations import (
    ATOM,
    LOGIC,
    NEGATION,
    RELATION,
    ROWS,
    SUM,
    Row,
    bracketed,
    call,
    function_parts,
    grouped,
)
from symfold.show.notation.styles import Style
from symfold.show.notation.terms import Part, Term, Written

COLUMNS = ("text", "unicode", "latex", "mathml")
RELATIONS: dict[Any, tuple[str, str, str, str]] = {
    f.greater: (" > ", " > ", " > ", "&gt;"),
    f.greater_equal: (" >= ", " ≥ ", r" \geq ", "≥"),
    f.less: (" < ", " < ", " < ", "&lt;"),
    f.less_equal: (" <= ", " ≤ ", r" \leq ", "≤"),
    f.equal: (" == ", " = ", " = ", "="),
    f.not_equal: (" != ", " ≠ ", r" \neq ", "≠"),
}
JUNCTIONS: dict[Any, tuple[str, str, str, str]] = {
    f.logical_and: (" and ", " ∧ ", r" \wedge ", "∧"),
    f.logical_or: (" or ", " ∨ ", r" \vee ", "∨"),
    f.logical_xor: ("", " ⊻ ", r" \veebar ", "⊻"),
}
NOT = ("not ", "¬", r"\neg ", "¬")
ZERO = Term(Constant(sp.Integer(0)))


def _sign(signs: tuple[str, str, str, str], style: Style) -> str:
    sign = signs[COLUMNS.index(style.key)]
    return f"<mo>{sign}</mo>" if style.key == "mathml" else sign


def _relation(term: Term, style: Style) -> list[Part]:
    left, right = (bracketed(arg, SUM, style) for arg in term.args)
    return grouped([*left, _sign(RELATIONS[term.op], style), *right], style)


def _junction(term: Term, style: Style) -> list[Part]:
    sign = _sign(JUNCTIONS[term.op], style)
    if not sign:  # Python has no word for it
        return call(style.function("xor"), term.args, style)
    chained = term.op is not f.logical_xor
    left, right = (bracketed(arg, LOGIC if chained and arg.op is term.op else NEGATION, style) for arg in term.args)
    return grouped([*left, sign, *right], style)


def _not(term: Term, style: Style) -> list[Part]:
    return grouped([_sign(NOT, style), *bracketed(term.args[0], ATOM, style)], style)


def _where(term: Term, style: Style) -> list[Part]:
    """A choice line by line; a nested choice in the last case continues with its own lines."""
    if style.fraction is None:  # a style that does not draw
        return function_parts(term, style)
    start, middle, line, last, end = (
        ('<mrow><mo>{</mo><mtable columnalign="left"><mtr><mtd>', "</mtd><mtd><mtext>if\N{NO-BREAK SPACE}</mtext>",
         "</mtd></mtr><mtr><mtd>", "</mtd><mtd><mtext>otherwise</mtext></mtd></mtr>", "</mtable></mrow>")
        if style.key == "mathml"
        else (r"\begin{cases} ", r" & \text{if } ", r" \\ ", r" & \text{otherwise}", r" \end{cases}")
    )  # fmt: skip
    parts: list[Part] = [start]
    while term.op is f.where and not isinstance(term, Written):
        condition, value, term = term.args
        parts += [value, middle, condition if _is_truth(condition) else Term(f.not_equal, (condition, ZERO)), line]
    return [*parts, term, last, end]


def _is_truth(term: Term) -> bool:
    return isinstance(term.op, type) and row_of(term.op).truth


ROWS |= dict.fromkeys(RELATIONS, Row(_relation, RELATION))
ROWS |= dict.fromkeys(
    JUNCTIONS, Row(_junction, lambda term, style: LOGIC if _sign(JUNCTIONS[term.op], style) else ATOM)
)
ROWS |= {
    f.logical_not: Row(_not, NEGATION),
    f.where: Row(_where, lambda term, style: SUM if style.fraction else ATOM),
}
