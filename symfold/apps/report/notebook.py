"""What a notebook shows of a comparison: both nets in one picture, the answer, and the table."""

from __future__ import annotations

from html import escape

from symfold.apps.report.cells import Cell, Formula, Line
from symfold.apps.report.comparison import Comparison
from symfold.apps.report.rows import Answered, answers
from symfold.apps.report.story import CLOSING, OPENING, told
from symfold.core.attach import attach
from symfold.errors import SymfoldError
from symfold.show.diagram import svg_of_several
from symfold.show.hypertext import element, image, mathematics, prose, shown_safely

LEFT = "text-align: left; vertical-align: top"
DIFFERENT = "font-weight: bold; color: #D5442F"
MOST = 3_000  # characters of a formula in a cell


def fragment(comparison: Comparison) -> str:
    """The picture, the sentences and the table of the terminal."""
    svg = picture(comparison)
    shown = image(svg, f"Picture of {' and '.join(comparison.titles)}") if svg else ""
    return shown + answer(comparison)


def answer(comparison: Comparison) -> str:
    """The sentences and the table of the terminal."""
    sentences = "".join(element("p", line_html(line)) for line in told(comparison, OPENING + CLOSING))
    return sentences + table(comparison)


def picture(comparison: Comparison) -> str:
    """Both nets as SVG, equal steps below each other; nothing if they are too large for a picture."""
    try:
        return svg_of_several(dict(zip(comparison.titles, comparison.nets, strict=True)))
    except SymfoldError:
        return ""


def table(comparison: Comparison) -> str:
    """The questions, and both answers to each."""
    heads = "".join(element("th", escape(head), style=LEFT) for head in ("", "Question", *comparison.titles))
    rows = "".join(map(_row, answers(comparison)))
    return element("table", f"<thead>{element('tr', heads)}</thead><tbody>{rows}</tbody>")


def _row(answered: Answered) -> str:
    differ = answered.known and answered.differ
    mark = "≠" if differ else "=" if answered.known else "?"
    sign = element("td", mark, style=f"{LEFT}; {DIFFERENT}" if differ else LEFT)
    question = f"{element('b', escape(answered.row.label))}<br>{prose(answered.row.question)}"
    cells = (question, *map(cell_html, answered.cells))
    return element("tr", sign + "".join(element("td", content, style=LEFT) for content in cells))


def cell_html(cell: Cell) -> str:
    return "<br>".join(map(line_html, cell))


def line_html(line: Line) -> str:
    """Words and formulas, one after the other; a long formula as its text, cut."""
    return " ".join(prose(part) if isinstance(part, str) else _formula(part) for part in line)


def _formula(formula: Formula) -> str:
    text = formula.text
    if len(text) > MOST:
        return element("code", escape(f"{text[:MOST]} ..."))
    return ("<br>" if "\n" in text else "") + mathematics(formula.mathml, block=False)


attach(Comparison, _repr_html_=shown_safely(fragment))
