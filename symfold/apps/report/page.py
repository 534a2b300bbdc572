"""The page: one HTML file with its style and script inside, which loads nothing from outside."""

from __future__ import annotations

from html import escape
from pathlib import Path

from symfold.apps.document import Progress, document, resource
from symfold.apps.report.comparison import Comparison
from symfold.apps.report.frames import depth_slider
from symfold.apps.report.markup import element, words
from symfold.apps.report.sections import SECTIONS
from symfold.apps.status import Status
from symfold.base.files import path_of, write_whole
from symfold.core.attach import attach
from symfold.errors import InvalidValue, SymfoldError

QUESTION = "How do these two nets differ, in what they compute, in what their layers are taught, and in what they cost?"
FOOTER = "Computed by symfold from the two nets."
MISSING = "Not shown for these nets"


def page(comparison: Comparison, *, now: Progress | None = None) -> str:
    """The whole report; `now` is told each section as it begins. Same nets, same bytes."""
    first, second = comparison.titles
    names = f'<span class="name-a">{escape(first)}</span> and <span class="name-b">{escape(second)}</span>'
    body = f"""<header>
<h1>{names}</h1>
{words(QUESTION, class_="lead")}
</header>
<main>
{content(comparison, now)}
</main>
<footer>{words(FOOTER)}</footer>"""
    title = f"{first} and {second}, compared"
    return document(title, resource("report", "page.css"), body, resource("report", "page.js"))


def content(comparison: Comparison, now: Progress | None = None) -> str:
    """The contents list, the depth slider, and the sections; at the end, what these nets have no answer to, and why."""
    parts: list[str] = []
    shown: list[tuple[str, str]] = []
    reasons: dict[str, list[str]] = {}
    for number, section in enumerate(SECTIONS, start=1):
        if now is not None:
            now(section.heading, number, len(SECTIONS))
        try:
            part = section.html(comparison)
        except SymfoldError as error:
            reasons.setdefault(str(error), []).append(section.heading)
            continue
        if part:
            parts.append(part)
            shown.append((section.key, section.heading))
    if reasons:
        rows = "".join(
            "".join(element("dt", escape(heading)) for heading in headings) + words(why, "dd")
            for why, headings in reasons.items()
        )
        parts.append(
            element(
                "section",
                words(MISSING, "h2", id="missing-head") + element("dl", rows),
                id="missing",
                aria_labelledby="missing-head",
            )
        )
        shown.append(("missing", MISSING))
    links = "".join(element("li", element("a", escape(heading), href=f"#{key}")) for key, heading in shown)
    contents = element("nav", element("ol", links), aria_label="Contents")
    return "\n".join([contents, depth_slider(comparison), *parts])


def to_html(comparison: Comparison, path: str | Path | None = None) -> str:
    """The whole report as one HTML page, which loads nothing from outside; with a path, also written to that file."""
    if path is not None and path_of(path, "comparison.to_html(path)").suffix.lower() not in (".html", ".htm"):
        raise InvalidValue(
            f"cannot write a page to {str(path)!r} (give a name that ends in .html; a browser prints it as PDF)"
        )
    with Status("writing the page") as status:
        text = page(comparison, now=status.now)
    if path is not None:
        write_whole(path, text.encode())
    return text


attach(Comparison, to_html=to_html)
