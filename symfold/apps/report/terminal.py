"""The comparison as text: a table of a given width; differences are marked by a sign as well as by color."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from symfold.apps.report.cells import line_text, text_of
from symfold.apps.report.comparison import Comparison
from symfold.apps.report.rows import Answered, answers
from symfold.apps.report.story import CLOSING, OPENING, told
from symfold.core.attach import attach

WIDTH = 80
KEY = (
    "Key: t counts the layers on a path; J_k(u) is the derivative of layer k at u, g the "
    "loss gradient; f2'(x)[v] is the derivative of f2 at x along v."
)
SIGNS = {True: "!=", False: "= "}


def plainly(text: str) -> str:
    """No emphasis, for output that is not a terminal."""
    return text


def shown(comparison: Comparison, width: int = WIDTH, strong: Callable[[str], str] = plainly) -> str:
    """The whole comparison, at most `width` characters wide (at least 40); `strong` marks differences."""
    width = max(40, width)
    return "\n".join(line.rstrip() for line in _lines(comparison, width, strong))


def as_data(comparison: Comparison) -> dict[str, Any]:
    """The same as plain data."""
    rows = [
        {
            "label": answered.row.label,
            "question": answered.row.question,
            "a": text_of(answered.cells[0]),
            "b": text_of(answered.cells[1]),
            "differ": answered.differ,
        }
        for answered in answers(comparison)
    ]
    verdict = comparison.verdict
    return {
        "names": list(comparison.names),
        "rows": rows,
        "sentences": list(map(line_text, told(comparison, OPENING + CLOSING))),
        "verdict": {"level": verdict.level, "equal": verdict.equal, "text": verdict.text},
    }


def _lines(comparison: Comparison, width: int, strong: Callable[[str], str]) -> Iterator[str]:
    rows = list(answers(comparison))
    labels = max(len(answered.row.label) for answered in rows)
    column = (width - 3 - labels - 1 - 2) // 2
    yield from _sentences(comparison, OPENING, width)
    yield _joined(["", "", *(wrapped(name, column) for name in comparison.titles)], labels, column)
    yield "-" * width
    for answered in rows:
        yield from _row(answered, labels, column, strong)
    yield "-" * width
    yield wrapped(KEY, width)
    yield from _sentences(comparison, CLOSING, width)


def _sentences(comparison: Comparison, sentences: Any, width: int) -> Iterator[str]:
    """Each sentence on its own line, with long formulas on lines below it."""
    for line in told(comparison, sentences):
        if all(isinstance(part, str) or ("\n" not in part.text and len(part.text) <= width // 2) for part in line):
            yield wrapped(line_text(line), width)
        else:
            yield from (
                wrapped(part, width) if isinstance(part, str) else indented(wrapped(part.text, width - 4))
                for part in line
            )


def indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))


def _row(answered: Answered, labels: int, column: int, strong: Callable[[str], str]) -> Iterator[str]:
    yield _joined(
        [SIGNS[answered.differ], answered.row.label, *(wrapped(text_of(cell), column) for cell in answered.cells)],
        labels, column, strong if answered.differ else plainly,
    )  # fmt: skip


def _joined(parts: list[str], labels: int, column: int, strong: Callable[[str], str] = plainly) -> str:
    """The parts of a row side by side, each of one or more lines."""
    columns = [part.split("\n") for part in parts]
    lines = []
    for k in range(max(map(len, columns))):
        sign, label, a, b = (part[k] if k < len(part) else "" for part in columns)
        lines.append(f"{strong(sign.ljust(2))} {strong(label.ljust(labels))} {a.ljust(column)}  {b}".rstrip())
    return "\n".join(lines)


def wrapped(text: str, width: int) -> str:
    """Text broken at spaces and between brackets into lines of at most this width.

    >>> print(wrapped("(I + J_3)(I + J_2)(I + J_1)", 20))
    (I + J_3)(I + J_2)
    (I + J_1)
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for piece in re.findall(
            r"\S+ = \S+\s*|\((?:[^()]|\([^()]*\)){1,28}\)(?:\^T)?\s*|\S+?\)(?=\()|\S+\s*|\s+", paragraph
        ):
            if line and len(line) + len(piece.rstrip()) > width:
                lines.append(line.rstrip())
                line = ""
            while len(piece.rstrip()) > width:
                lines.append(piece[:width])
                piece = piece[width:]
            line += piece
        lines.append(line.rstrip())
    return "\n".join(lines)


def displayed(comparison: Comparison) -> str:
    """What `print(comparison)` shows."""
    try:
        return shown(comparison)
    except Exception as error:  # a display must never raise
        return f"a comparison that cannot be shown ({error})"


attach(Comparison, __str__=displayed, __repr__=displayed)
