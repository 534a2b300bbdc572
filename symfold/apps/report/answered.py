"""The answer: the sentences and the table of the terminal, and what moved."""

from __future__ import annotations

from html import escape

from symfold.analysis.equality.difference import Change, difference
from symfold.apps.report.comparison import Comparison
from symfold.apps.report.markup import cell, element, sentence, words
from symfold.apps.report.rows import answers
from symfold.apps.report.story import CLOSING, OPENING, told, what_moved

MOST_CHANGES = 24  # rows of what moved


def answer(comparison: Comparison) -> str:
    """The sentences of the terminal; what moved is a table beside the pictures, unless nothing else says it."""
    opening = list(told(comparison, OPENING))
    closing = tuple(each for each in CLOSING if not opening or each is not what_moved)
    return element("div", "".join(map(sentence, [*opening, *told(comparison, closing)])), class_="lead")


def answer_table(comparison: Comparison) -> str:
    """The table of the terminal, its formulas as MathML."""
    names = [escape(name) for name in comparison.titles]
    head = (
        '<tr><th scope="col" class="label">Question</th><th scope="col" '
        f'class="name-a">{names[0]}</th><th scope="col" class="name-b">{names[1]}</th></tr>'
    )
    rows = []
    for answered in answers(comparison):
        told, state = (
            ("not known", "open")
            if not answered.known
            else ("they differ", "differs")
            if answered.differ
            else ("the same", "alike")
        )
        mark = words(told, "span", class_="mark")
        label = element(
            "th",
            f"{words(answered.row.label, 'b')}{words(answered.row.question, 'span')}{mark}",
            scope="row",
            class_="label",
        )
        cells = [element("div", cell(parts), class_="scroll") for parts in answered.cells]
        both = (
            element("td", cells[0], colspan="2", data_name="Both")
            if cells[0] == cells[1]
            else "".join(
                element("td", content, class_=f"of-{side}", data_name=name)
                for side, name, content in zip("ab", comparison.titles, cells, strict=True)
            )
        )
        rows.append(element("tr", label + both, class_=state))
    return f'<table class="answers"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'


def moved_table(comparison: Comparison) -> str:
    """What moved, one row each: where, and what is so in each net."""
    moved = difference(*comparison.rolled, names=comparison.spoken)
    if not moved:
        return ""
    more = len(moved.changes) - MOST_CHANGES
    rows = "".join(map(_moved_row, moved.changes[:MOST_CHANGES]))
    if more > 0:
        rows += element("tr", words(f"and {more:,} more difference{'' if more == 1 else 's'}", "td", colspan="4"))
    heads = "".join(words(head, "th", scope="col") for head in ("Where", "What"))
    heads += "".join(
        words(name, "th", scope="col", class_=f"name-{side}")
        for side, name in zip("ab", comparison.titles, strict=True)
    )
    table = element("table", f"<thead>{element('tr', heads)}</thead><tbody>{rows}</tbody>", class_="moved")
    scrolled = element("div", table, class_="scroll", tabindex="0", role="group", aria_label="What moved")
    return words("What moved", "h3") + scrolled


def _moved_row(change: Change) -> str:
    where = words(change.when, "td")
    if change.values is None:
        return element("tr", where + words(change.subject, "td", colspan="3"))
    values = "".join(words(value, "td") for value in change.values)
    return element("tr", where + words(change.subject, "td") + values)
