"""Choices in formulas: comparisons and logic by their signs, and `where` as cases in LaTeX and MathML.

text      where(x > 0 and y < 1, x, y)      unicode   where(x > 0 ∧ y < 1, x, y)
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symfold.core import functions as f
from symfold.core.functions import row_of
from symfold.core.leaves import Constant
from symfold.show.notation.pieces import ATOM, LOGIC, NEGATION, RELATION, SUM, Pieces, Slot, call_pieces
from symfold.show.notation.styles import Style
from symfold.show.notation.terms import Term, Written

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


def choice_level(op: Any, style: Style) -> int | None:
    """How tightly a comparison, logic or a choice binds in a style; None for other operations."""
    if op in RELATIONS:
        return RELATION
    if op in JUNCTIONS:
        return LOGIC if JUNCTIONS[op][COLUMNS.index(style.key)] else ATOM
    if op is f.logical_not:
        return NEGATION
    return (SUM if style.fraction else ATOM) if op is f.where else None


def choice_pieces(term: Term, style: Style) -> Pieces | None:
    """The pieces of a comparison or of logic; None for other operations."""
    column = COLUMNS.index(style.key)
    if term.op is f.logical_not:
        return (style.group[0], _sign(NOT[column], style), (0, ATOM), style.group[1])
    if term.op in RELATIONS:
        return _infix(term, RELATIONS[term.op][column], (SUM, SUM), style)
    if term.op is f.logical_xor and not JUNCTIONS[term.op][column]:  # Python has no word for it
        return call_pieces(style.word("xor"), 2, 0, style)
    if term.op in JUNCTIONS:
        chained = term.op is not f.logical_xor
        needs = [LOGIC if chained and arg.op is term.op else NEGATION for arg in term.args]
        return _infix(term, JUNCTIONS[term.op][column], needs, style)
    return None


def _infix(term: Term, sign: str, needs: Any, style: Style) -> Pieces:
    slots: list[Slot] = [(place, needs[place]) for place in range(2)]
    return (style.group[0], slots[0], _sign(sign, style), slots[1], style.group[1])


def _sign(sign: str, style: Style) -> str:
    return f"<mo>{sign}</mo>" if style.key == "mathml" else sign


def is_cases(term: Term, style: Style) -> bool:
    """Whether a term is drawn as cases: a choice, in a style that draws."""
    return term.op is f.where and style.fraction is not None and not isinstance(term, Written)


def cases(term: Term, style: Style) -> list[str | Term]:
    """A choice line by line; a nested choice in the last case continues with its own lines."""
    start, middle, line, last, end = (
        ('<mrow><mo>{</mo><mtable columnalign="left"><mtr><mtd>', "</mtd><mtd><mtext>if\N{NO-BREAK SPACE}</mtext>",
         "</mtd></mtr><mtr><mtd>", "</mtd><mtd><mtext>otherwise</mtext></mtd></mtr>", "</mtable></mrow>")
        if style.key == "mathml"
        else (r"\begin{cases} ", r" & \text{if } ", r" \\ ", r" & \text{otherwise}", r" \end{cases}")
    )  # fmt: skip
    parts: list[str | Term] = [start]
    while is_cases(term, style):
        condition, value, term = term.args
        parts += [value, middle, condition if _is_truth(condition) else Term(f.not_equal, (condition, ZERO)), line]
    return [*parts, term, last, end]


def _is_truth(term: Term) -> bool:
    return isinstance(term.op, type) and row_of(term.op).truth
