"""HTML in small pieces: everything but our formulas and drawings is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symfold.apps.report.cells import Cell, Formula, Line
from symfold.errors import shortened
from symfold.show.hypertext import element as element
from symfold.show.hypertext import prose as prose_of

LONG = 40  # characters; a longer formula fits neither a line of words nor a column of a printed table
WIDE = 130  # characters; a longer formula is wider than paper
FOLDED, LINES = 300, 20  # characters of a line, and lines; a longer formula opens at a click
SUMMARY = 60  # characters of its beginning


def prose(text: str) -> str:
    """Plain text; its formulas have the class `math`."""
    return prose_of(text, "math")


def words(text: str, tag: str = "p", **attributes: str) -> str:
    """A paragraph of plain text."""
    return element(tag, prose(text), **attributes)


def cell(lines: Cell) -> str:
    """A cell of the table: words as is, formulas as MathML."""
    return "".join(map(sentence, lines))


def sentence(parts: Line) -> str:
    """A sentence: short formulas in the line, a long one in a box under it."""
    if any(isinstance(part, Formula) and (len(part.text) > LONG or "\n" in part.text) for part in parts):
        return "".join(formula(part) if isinstance(part, Formula) else words(part) for part in parts)
    return element(
        "p",
        " ".join(
            part.mathml.replace(' display="block"', "", 1) if isinstance(part, Formula) else prose(part)
            for part in parts
        ),
    )


def formula(shown: Formula) -> str:
    """A formula; an abbreviated one with the whole under it, a long one folded under its beginning."""
    if shown.whole is not None:
        return boxed(shown) + folded(f"In full ({len(shown.whole.text):,} characters)", boxed(shown.whole))
    lines = shown.text.split("\n")
    if max(map(len, lines)) > FOLDED or len(lines) > LINES:
        start = shortened(" ".join(shown.text.split()), SUMMARY)
        return folded(f"{start} ({len(shown.text):,} characters)", boxed(shown))
    return boxed(shown)


def folded(summary: str, content: str) -> str:
    """Content that opens at a click."""
    return element("details", words(summary, "summary") + content)


def boxed(shown: Formula) -> str:
    """A formula in its own box, which scrolls on narrow pages and can be reached by keyboard."""
    text = shown.text
    width = max(map(len, text.replace("epsilon", "e").replace("*", "").split("\n")))  # as it is set
    # MathML breaks no lines: on paper such formulas are text
    sizes = "formula" + " long" * (width > LONG) + " wide" * (width > WIDE)
    return element(
        "div", shown.mathml, class_=sizes, tabindex="0", role="group", aria_label="formula: " + text, data_text=text
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of plain texts, the first of each row its head."""
    top = element("tr", "".join(words(head, "th", scope="col") for head in heads))
    body = "".join(
        element("tr", words(row[0], "th", scope="row") + "".join(words(text, "td") for text in row[1:])) for row in rows
    )
    return element("table", f"<thead>{top}</thead><tbody>{body}</tbody>", class_="numbers")


def figure(
    drawing: str, caption: str, numbers: str = "", legend: Sequence[str] = (), note: str = "", unfolded: bool = False
) -> str:
    """A drawing, a note under it, its caption, and its numbers, collapsed: the alternative for who cannot see it."""
    keys = "".join(
        element("li", f'<span class="key s{k}" aria-hidden="true"></span>{prose(name)}')
        for k, name in enumerate(legend, 1)
    )
    shown = (element("ul", keys, class_="legend") if keys else "") + drawing + note + words(caption, "figcaption")
    return element(
        "figure",
        shown
        + (
            f'<details{" open" * unfolded}><summary>The numbers</summary><div class="scroll">{numbers}</div></details>'
            if numbers
            else ""
        ),
    )
