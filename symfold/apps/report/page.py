"""The page: one HTML file with its style and script inside, which loads nothing from outside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path

from symfold.apps.report.comparison import Comparison
from symfold.apps.report.frames import depth_slider
from symfold.apps.report.markup import element, words
from symfold.apps.report.sections import SECTIONS
from symfold.base.files import write_whole
from symfold.core.attach import attach
from symfold.errors import SymfoldError

QUESTION = "How do these two nets differ, in what they compute, in what their layers are taught, and in what they cost?"
FOOTER = "Computed by symfold from the two nets; every number and formula here is derived, none is typed in."
Progress = Callable[[str, int, int], None]  # a step, its number, and the number of steps
MISSING = "Not shown for these nets"


@cache
def resource(name: str) -> str:
    """A file of this package."""
    return files("symfold.apps.report").joinpath(name).read_text(encoding="utf-8")


def allowed(content: str) -> str:
    """The digest by which a Content-Security-Policy allows one style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def page(comparison: Comparison, *, now: Progress | None = None) -> str:
    """The whole report; `now` is told each section as it begins. Same nets, same bytes."""
    style, script = resource("page.css"), resource("page.js")
    policy = (
        f"default-src 'none'; style-src {allowed(style)}; script-src {allowed(script)}; base-uri "
        "'none'; form-action 'none'"
    )
    first, second = map(escape, comparison.titles)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{first} and {second}, compared</title>
<style>{style}</style>
</head>
<body>
<header>
<h1><span class="name-a">{first}</span> and <span class="name-b">{second}</span></h1>
{words(QUESTION, class_="lead")}
</header>
<main>
{content(comparison, now)}
</main>
<footer>{words(FOOTER)}</footer>
<script>{script}</script>
</body>
</html>
"""


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
    text = page(comparison)
    if path is not None:
        write_whole(path, text.encode())
    return text


attach(Comparison, to_html=to_html)
