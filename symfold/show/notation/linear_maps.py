"""Linear maps in formulas: the identity, products, transposes, powers, matrices, and products and sums over steps.

A product of linear maps keeps its order; it binds more tightly than a product of numbers: `0.5*J2 J1`.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symfold.show.notation.pieces import ANY, ATOM, POWER, PRODUCT, Pieces, Slot, call_pieces
from symfold.show.notation.styles import SUPERSCRIPTS, Style, mathml_tokens
from symfold.show.notation.terms import Name, Term


class LinearMap:
    """The operation of a term that is a linear map."""

    def drawn(self, term: Term, style: Style) -> tuple[Pieces, int]:
        """Its pieces, and how tightly it binds."""
        raise NotImplementedError


@dataclass(frozen=True)
class Unit(LinearMap):
    """The identity."""

    letter: str = "I"

    def drawn(self, term: Term, style: Style) -> tuple[Pieces, int]:
        return (style.name(Name(self.letter)),), ATOM


@dataclass(frozen=True)
class Factor(LinearMap):
    """The derivative of one operation at a state: a named `layer` or `operation`, an elementwise `diag`, a `map`.

    The arguments are the name (or the diagonal, or the map), then the point of the derivative. `mark` separates factors
    that are written alike; `argument` counts from 1 if the layer has several inputs.
    """

    kind: str
    argument: int = 0
    mark: str = ""

    def drawn(self, term: Term, style: Style) -> tuple[Pieces, int]:
        if self.kind == "map":
            return ((0, ANY),), ATOM
        if self.kind == "diag":
            return call_pieces(style.word("diag"), 1, 0, style), ATOM
        name: tuple[str | Slot, ...] = ((0, ATOM),)
        if self.argument:
            number = str(self.argument)
            name = {
                "text": (*name, f"[{number}]"),
                "unicode": (*name, f"⁽{number.translate(SUPERSCRIPTS)}⁾"),
                "latex": ("{", *name, f"}}^{{({number})}}"),
                "mathml": ("<msup>", *name, f"<mrow><mo>(</mo><mn>{number}</mn><mo>)</mo></mrow></msup>"),
            }[style.key]
        at = call_pieces("", len(term.args) - 1, 1, style) if len(term.args) > 1 else ()
        return (*name, *at), ATOM


@dataclass(frozen=True)
class Composed(LinearMap):
    """A product in order: the map on the right is applied first."""

    def drawn(self, term: Term, style: Style) -> tuple[Pieces, int]:
        parts: list[str | Slot] = [style.group[0]]
        for position, arg in enumerate(term.args):
            if position:
                brackets_touch = (
                    arg.op is sp.Add and term.args[position - 1].op is sp.Add and style.key in ("text", "unicode")
                )
                parts.append("" if brackets_touch else "<mo>\u2062</mo>" if style.key == "mathml" else " ")
            parts.append((position, POWER))
        return tuple(part for part in (*parts, style.group[1]) if part), POWER


def _raised(upper: dict[str, str], style: Style) -> tuple[Pieces, int]:
    shown = upper[style.key]
    return (("<msup>", (0, ATOM), shown, "</msup>") if style.key == "mathml" else ((0, ATOM), shown)), ATOM


@dataclass(frozen=True)
class Transposed(LinearMap):
    """The transpose."""

    def drawn(self, term: Term, style: Style) -> tuple[Pieces, int]:
        return _raised({"text": "^T", "unicode": "ᵀ", "latex": r"^{\top}", "mathml": "<mo>⊤</mo>"}, style)


@dataclass(frozen=True)
class Raised(LinearMap):
    """A power of a map."""

    exponent: str

    def drawn(self, term: Term, style: Style) -> tuple[Pieces, int]:
        power = self.exponent
        plain = power if power.isalnum() else f"({power})"
        small = power.translate(SUPERSCRIPTS) if power.isdigit() else f"^{plain}"
        shown = {
            "text": f"^{plain}",
            "unicode": small,
            "latex": f"^{{{power}}}",
            "mathml": f"<mrow>{mathml_tokens(power)}</mrow>",
        }
        return _raised(shown, style)[0], POWER


@dataclass(frozen=True)
class Over(LinearMap):
    """A product or a sum over a range of steps, in the written order."""

    kind: str  # "prod" or "sum"
    variable: str
    start: str
    end: str

    def drawn(self, term: Term, style: Style) -> tuple[Pieces, int]:
        need = POWER if self.kind == "prod" else PRODUCT
        sign = "∏" if self.kind == "prod" else "∑"
        if style.key == "latex":
            lead = rf"\{self.kind}_{{{self.variable} = {self.start}}}^{{{self.end}}} "
        elif style.key == "mathml":
            ends = [mathml_tokens(end) for end in (self.start, self.end)]
            lower = f"<mrow><mi>{self.variable}</mi><mo>=</mo>{ends[0]}</mrow>"
            lead = f"<munderover><mo>{sign}</mo>{lower}<mrow>{ends[1]}</mrow></munderover>"
        elif style.key == "unicode":
            lead = f"{sign}_{{{self.variable}={self.start}…{self.end}}} "
        else:
            lead = f"{self.kind}_{{{self.variable}={self.start}..{self.end}}} "
        return tuple(part for part in (style.group[0], lead, (0, need), style.group[1]) if part), PRODUCT


@dataclass(frozen=True)
class Grid(LinearMap):
    """A matrix of maps, its entries row by row."""

    columns: int

    def drawn(self, term: Term, style: Style) -> tuple[Pieces, int]:
        first, between, last, cell = {
            "latex": (r"\begin{pmatrix} ", r" \\ ", r" \end{pmatrix}", (" & ",)),
            "mathml": (
                "<mrow><mo>(</mo><mtable><mtr><mtd>",
                "</mtd></mtr><mtr><mtd>",
                "</mtd></mtr></mtable><mo>)</mo></mrow>",
                ("</mtd><mtd>",),
            ),
        }.get(style.key, ("[[", "], [", "]]", (", ",)))
        parts: list[str | Slot] = [first]
        for position in range(len(term.args)):
            if position:
                parts.append(cell[0] if position % self.columns else between)
            parts.append((position, ANY))
        return (*parts, last), ATOM


@dataclass(frozen=True)
class EntryAt(LinearMap):
    """One entry of a matrix of maps; rows and columns count from 0, as in NumPy."""

    row: int
    column: int = 0

    def drawn(self, term: Term, style: Style) -> tuple[Pieces, int]:
        shown = f"{self.row}, {self.column}"
        return (
            (0, ATOM),
            style.square[0],
            f"<mtext>{shown}</mtext>" if style.key == "mathml" else shown,
            style.square[1],
        ), ATOM
