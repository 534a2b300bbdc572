"""The answer at the top of the page: the sentences and the table of the terminal, and the slider of depths."""

from __future__ import annotations

from html import escape

from symfold.apps.report.cells import said
from symfold.apps.report.comparison import Comparison
from symfold.apps.report.markup import cell, element, sentence, words
from symfold.apps.report.rows import answers
from symfold.apps.report.story import CLOSING, OPENING, told


def answer(comparison: Comparison) -> str:
    """The sentences of the terminal."""
    return element("div", "".join(sentence(cell) for cell in told(comparison, OPENING + CLOSING)), class_="lead")


def answer_table(comparison: Comparison) -> str:
    """The table of the terminal, its formulas as MathML."""
    names = [escape(name) for name in comparison.titles]
    head = (
        '<tr><th scope="col" class="label">Question</th><th scope="col" '
        f'class="name-a">{names[0]}</th><th scope="col" class="name-b">{names[1]}</th></tr>'
    )
    rows = []
    for answered in answers(comparison):
        mark = words("they differ" if answered.differ else "the same", "span", class_="mark")
        label = element(
            "th",
            f"{words(answered.row.label, 'b')}{words(answered.row.question, 'span')}{mark}",
            scope="row",
            class_="label",
        )
        both = "".join(
            element("td", element("div", cell(parts), class_="scroll"), data_name=name)
            for name, parts in zip(comparison.titles, answered.cells, strict=True)
        )
        rows.append(element("tr", label + both, class_="differs" if answered.differ else "alike"))
    return f'<table class="answers"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'


def depth_slider(comparison: Comparison) -> str:
    if not comparison.frames:
        return ""
    shown = comparison.shown
    deep = comparison.steps != shown
    told = words(
        f"The nets compared have {_depth_of(comparison)} layers; the pictures below show nets of "
        f"{shown}, and the slider other depths up to {len(comparison.frames)}.",
        class_="quiet",
    )
    return (told if deep else "") + (
        '<div class="controls" data-needs-script hidden><div class="slider"><label for="depth">Depth (layers)</label>'
        f'<input type="range" id="depth" min="1" max="{len(comparison.frames)}" step="1" value="{comparison.shown}">'
        f'<output for="depth">n = <span data-depth-shown>{comparison.shown}</span></output></div></div>'
    )


def _depth_of(comparison: Comparison) -> str:
    return str(comparison.symbol) if comparison.symbol is not None else said(int(comparison.steps))
