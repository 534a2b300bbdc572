"""The page: what the widget shows, for some mappers and depths, in one HTML file that needs no server and no Python."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations_with_replacement, count, product
from typing import Any

from symfold.apps.document import Progress, document, resource
from symfold.apps.explore.answers import ANY, catalogue, compared, sections
from symfold.errors import Advice, InvalidValue, TooLarge
from symfold.mappers import MAPPERS

DEEPEST = 8  # depths of the page, unless others are asked for
MOST_STATES = 400  # mappers times depths; a larger page takes minutes and several megabytes
MOST_COMPARED = 400  # comparisons; a page with more of them has those at depth n alone
TITLE = "Mappers, folded"


def page(mappers: Sequence[str] = (), depth: int = DEEPEST, now: Progress | None = None) -> str:
    """One HTML page with the answers for mappers, and for each two of them, at the depths 1 to `depth` and n.

    Without names, the mappers of the table. Many mappers are compared at depth n alone. `now` is told each answer as
    it begins. Same input, same bytes.
    Errors: UnknownName, ParseError for a mapper, InvalidValue, TooLarge.
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
    return _document(names, depth, _answers(names, depth, now))


def _answers(names: Sequence[str], depth: int, now: Progress | None) -> dict[str, dict[str, Any]]:
    """The sections by mapper and depth, and the comparisons by the mappers' numbers and the depth."""
    depths = [*range(1, depth + 1), ANY]
    states = list(product(names, depths))
    pairs = list(combinations_with_replacement(range(len(names)), 2))
    compared_at = depths if len(pairs) * len(depths) <= MOST_COMPARED else [ANY]
    number = count(1)

    def began(step: str) -> None:
        if now is not None:
            now(step, next(number), len(states) + len(pairs) * len(compared_at))

    answers: dict[str, dict[str, Any]] = {"sections": {}, "comparisons": {}}
    for name, each in states:
        began(f"{name} at depth {each}")
        answers["sections"][f"{name} {each}"] = sections(name, each, {})
    for (a, b), each in product(pairs, compared_at):
        began(f"{names[a]} and {names[b]} at depth {each}")
        answers["comparisons"][f"{a} {b} {each}"] = compared(names[a], names[b], each, {})
    return answers


def _document(names: Sequence[str], depth: int, answers: dict[str, dict[str, Any]]) -> str:
    rows = {entry.name: asdict(entry) for entry in catalogue({})}
    entries = [rows.get(name, {"name": name, "formula": "", "summary": "typed"}) for name in names]
    start = {"mapper": names[0], "other": names[-1], "depth": min(4, depth)}
    if {"residual", "boosting"} <= set(names):
        start |= {"mapper": "residual", "other": "boosting"}
    content = {"catalogue": entries, "most": depth, "start": start, **answers}
    packed = zlib.compress(json.dumps(content, ensure_ascii=False).encode(), 9)
    data = base64.b64encode(packed).decode()
    body = f"""<h1>{TITLE}</h1>
<noscript><p>This page needs JavaScript to show its answers; it loads nothing from outside.</p></noscript>
<main id="explore"></main>
<script type="application/octet-stream" id="answers">{data}</script>"""
    style = resource("explore", "explore.css") + resource("explore", "page.css")
    script = resource("explore", "explore.js") + resource("explore", "page.js")
    return document(TITLE, style, body, script, module=True, inline=True)
