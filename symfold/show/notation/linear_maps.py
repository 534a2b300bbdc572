"""Linear maps in formulas: the identity, products, transposes, powers, matrices, and products and sums over steps.

A product of linear maps keeps its order; it binds more tightly than a product of numbers: `0.5*J2 J1`.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symfold.show.notation.operations import ATOM, POWER, PRODUCT, ROWS, Row, bracketed, call, grouped, plain_words
from symfold.show.notation.styles import SUPERSCRIPTS, Style, mathml_tokens
from symfold.show.notation.terms import Name, Part, Term

PLACE = Term(Name("·"))  # of the argument of a map


class LinearMap:
    """The operation of a term that is a linear map."""

    level = ATOM  # how tightly it binds

    def parts(self, term: Term, style: Style) -> list[Part]:
        """The parts of the term."""
        raise NotImplementedError


@dataclass(frozen=True)
class Unit(LinearMap):
    """The identity."""

    letter: str = "I"

    def parts(self, term: Term, style: Style) -> list[Part]:
        return [style.name(Name(self.letter))]


@dataclass(frozen=True)
class Factor(LinearMap):
    """The derivative of one operation at a state: a named `layer` or `operation`, an elementwise `diag`, a `map`.

    The arguments are the name (or the diagonal, or the map), then the point of the derivative. `mark` separates factors
    that are written alike; `argument` counts from 1 if the layer has several inputs.
    """

    kind: str
    argument: int = 0
    mark: str = ""

    def parts(self, term: Term, style: Style) -> list[Part]:
        if self.kind == "map":
            return [term.args[0]]
        if self.kind == "diag":
            return call(style.function("diag"), term.args[:1], style)
        name = bracketed(term.args[0], ATOM, style)
        if self.argument:
            number = str(self.argument)
            name = {
                "text": [*name, f"[{number}]"],
                "unicode": [*name, f"⁽{number.translate(SUPERSCRIPTS)}⁾"],
                "latex": ["{", *name, f"}}^{{({number})}}"],
                "mathml": [
                    "<msup>",
                    *grouped(name, style),
                    f"<mrow><mo>(</mo><mn>{number}</mn><mo>)</mo></mrow></msup>",
                ],
            }[style.key]
        return [*name, *call("", term.args[1:], style)] if len(term.args) > 1 else name


@dataclass(frozen=True)
class Composed(LinearMap):
    """A product in order: the map on the right is applied first."""

    level = POWER

    def parts(self, term: Term, style: Style) -> list[Part]:
        parts: list[Part] = []
        for position, arg in enumerate(term.args):
            brackets_touch = position and arg.op is sp.Add and term.args[position - 1].op is sp.Add
            if position and not (brackets_touch and style.key != "latex"):
                parts.append('<mspace width="0.17em"/>' if style.key == "mathml" else " ")
            parts += bracketed(arg, POWER, style)
        return grouped(parts, style)


def _raised(term: Term, upper: dict[str, str], style: Style) -> list[Part]:
    base, shown = grouped(bracketed(term.args[0], ATOM, style), style), upper[style.key]
    return ["<msup>", *base, shown, "</msup>"] if style.key == "mathml" else [*base, shown]


@dataclass(frozen=True)
class Transposed(LinearMap):
    """The transpose."""

    def parts(self, term: Term, style: Style) -> list[Part]:
        return _raised(term, {"text": "^T", "unicode": "ᵀ", "latex": r"^{\top}", "mathml": "<mo>⊤</mo>"}, style)


@dataclass(frozen=True)
class Raised(LinearMap):
    """A power of a map."""

    exponent: str
    level = POWER

    def parts(self, term: Term, style: Style) -> list[Part]:
        power = self.exponent
        plain = power if power.isalnum() else f"({power})"
        small = power.translate(SUPERSCRIPTS) if power.isdigit() else f"^{plain}"
        shown = {
            "text": f"^{plain}",
            "unicode": small,
            "latex": f"^{{{power}}}",
            "mathml": f"<mrow>{mathml_tokens(power)}</mrow>",
        }
        return _raised(term, shown, style)


@dataclass(frozen=True)
class Over(LinearMap):
    """A product or a sum over a range of steps, in the written order."""

    kind: str  # "prod" or "sum"
    variable: str
    start: str
    end: str
    level = PRODUCT

    def parts(self, term: Term, style: Style) -> list[Part]:
        need = POWER if self.kind == "prod" else PRODUCT
        sign = "∏" if self.kind == "prod" else "∑"
        variable, start, end = map(style.size, (self.variable, self.start, self.end))
        if style.key == "latex":
            lead = rf"\{self.kind}_{{{variable} = {start}}}^{{{end}}} "
        elif style.key == "mathml":
            lower = f"<mrow><mi>{variable}</mi><mo>=</mo>{mathml_tokens(start)}</mrow>"
            large = f'<mo movablelimits="false">{sign}</mo>'
            lead = f"<munderover>{large}{lower}<mrow>{mathml_tokens(end)}</mrow></munderover>"
        elif style.key == "unicode":
            lead = f"{sign}_{{{variable}={start}…{end}}} "
        else:
            lead = f"{self.kind}_{{{variable}={start}..{end}}} "
        return grouped([lead, *bracketed(term.args[0], need, style)], style)


@dataclass(frozen=True)
class Grid(LinearMap):
    """A matrix of maps, its entries row by row."""

    columns: int

    def parts(self, term: Term, style: Style) -> list[Part]:
        first, between, last, cell = {
            "latex": (r"\begin{pmatrix} ", r" \\ ", r" \end{pmatrix}", " & "),
            "mathml": (
                "<mrow><mo>(</mo><mtable><mtr><mtd>",
                "</mtd></mtr><mtr><mtd>",
                "</mtd></mtr></mtable><mo>)</mo></mrow>",
                "</mtd><mtd>",
            ),
        }.get(style.key, ("[[", "], [", "]]", ", "))
        parts: list[Part] = []
        for position, arg in enumerate(term.args):
            parts += [cell if position % self.columns else between if position else first, arg]
        return [*parts, last]


@dataclass(frozen=True)
class EntryAt(LinearMap):
    """One entry of a matrix of maps; rows and columns count from 0, as in NumPy."""

    row: int
    column: int = 0

    def parts(self, term: Term, style: Style) -> list[Part]:
        shown = f"{self.row}, {self.column}"
        index = plain_words(shown, style) if style.key == "mathml" else shown
        return [*bracketed(term.args[0], ATOM, style), style.square[0], index, style.square[1]]


ROWS |= {
    kind: Row(lambda term, style: term.op.parts(term, style), kind.level)
    for kind in (Unit, Factor, Composed, Transposed, Raised, Over, Grid, EntryAt)
}
