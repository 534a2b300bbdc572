"""The page: what the widget shows, for some mappers and depths, in one HTML file that needs no server and no Python."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import combinations_with_replacement
from typing import Any

from symfold.apps.explore.answers import ANY, Section, catalogue, compared, sections
from symfold.apps.explore.widget import resource
from symfold.apps.report.page import allowed
from symfold.errors import Advice, InvalidValue, TooLarge
from symfold.mappers import MAPPERS

DEEPEST = 8  # depths of the page, unless others are asked for
MOST_STATES = 400  # mappers times depths; a larger page takes minutes and several megabytes
TITLE = "Mappers, folded"


def page(
    mappers: Sequence[str] = (), depth: int = DEEPEST, told: Callable[[int, int], None] = lambda k, n: None
) -> str:
    """One HTML page with the answers for mappers at the depths 1 to `depth` and n, and for each two of them at depth n.

    Without names, the mappers of the table. `told` hears how many answers of how many are there. Same input, same
    bytes. Errors: UnknownName, ParseError for a mapper, InvalidValue, TooLarge.
    """
    names = list(dict.fromkeys(mappers)) or list(MAPPERS)
    if depth < 1:
        raise InvalidValue(f"a page has at least the depth 1, got {depth}")
    if len(names) * (depth + 1) > MOST_STATES:
        raise TooLarge(
            f"{len(names)} mappers at {depth} depths are more than {MOST_STATES} answers",
            Advice("depth", max(1, MOST_STATES // len(names) - 1), "take fewer depths"),
            Advice("", None, "take fewer mappers"),
        )
    return _document(names, depth, _answers(names, depth, told))


def _answers(names: Sequence[str], depth: int, told: Callable[[int, int], None]) -> dict[str, Any]:
    """The sections by mapper and depth, and the comparisons by the mappers' numbers."""
    depths = [*range(1, depth + 1), ANY]
    pairs = list(combinations_with_replacement(range(len(names)), 2))
    total = len(names) * len(depths) + len(pairs)

    def work() -> Iterator[tuple[str, str, list[Section] | str]]:
        for name in names:
            for each in depths:
                yield "sections", f"{name} {each}", sections(name, each, {})
        for a, b in pairs:
            yield "comparisons", f"{a} {b}", compared(names[a], names[b], ANY, {})

    answers: dict[str, Any] = {"sections": {}, "comparisons": {}}
    for done, (kind, key, answer) in enumerate(work(), 1):
        answers[kind][key] = answer
        told(done, total)
    return answers


def _document(names: Sequence[str], depth: int, answers: dict[str, Any]) -> str:
    rows = {entry.name: asdict(entry) for entry in catalogue({})}
    entries = [rows.get(name, {"name": name, "formula": "", "summary": "typed"}) for name in names]
    start = {"mapper": names[0], "other": names[-1], "depth": min(4, depth)}
    if {"residual", "boosting"} <= set(names):
        start |= {"mapper": "residual", "other": "boosting"}
    content = {"catalogue": entries, "most": depth, "start": start, **answers}
    packed = zlib.compress(json.dumps(content, ensure_ascii=False).encode(), 9)
    data = base64.b64encode(packed).decode()
    style, script = resource("explore.css"), f"{resource('explore.js')}\n{resource('page.js')}"
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{TITLE}</title>
<style>{style}</style>
</head>
<body class="explore-page">
<h1>{TITLE}</h1>
<noscript><p>This page needs JavaScript to show its answers; it loads nothing from outside.</p></noscript>
<main id="explore"></main>
<script type="application/octet-stream" id="answers">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""
