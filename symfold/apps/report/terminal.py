"""The comparison as text: a table of a given width; differences are marked by a sign as well as by color."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from symfold.analysis.jacobians.taught import taught
from symfold.apps.document import Progress
from symfold.apps.report.cells import Line, form_count, in_full, in_one_form, line_text, text_of
from symfold.apps.report.comparison import Comparison
from symfold.apps.report.rows import Answered, answers
from symfold.apps.report.story import CLOSING, OPENING, told
from symfold.apps.status import Status
from symfold.core.attach import attach

WIDTH = 80
SCREEN = 40  # lines; longer answers are cut
CUTS = range(12, 1, -1)  # lines of a cell, from the longest
ENOUGH = 4  # lines of a cell; before cells are cut below this, the last sentence is left out
BELOW, WORDS = 3, 6  # lines of a formula, and of a sentence, below the table if something is cut
MORE = "Answers that end in ... are shortened; the page (.to_html(), or -o report.html) is whole."
LEFT_OUT = "A · stands for a value."
DIFFERENT, SAME, OPEN = "!=", "= ", "? "


def plainly(text: str) -> str:
    """No emphasis, for output that is not a terminal."""
    return text


def shown(
    comparison: Comparison, width: int = WIDTH, strong: Callable[[str], str] = plainly, now: Progress | None = None
) -> str:
    """The comparison on one screen, at most `width` characters wide (at least 40); `strong` marks differences."""
    width = max(40, width)
    rows = list(answers(comparison, now))
    opening, closing, shorter = (list(told(comparison, each)) for each in (OPENING, CLOSING, CLOSING[:-1]))
    enough = [(most, closing) for most in (None, *CUTS) if most is None or most >= ENOUGH]
    for most, sentences in (*enough, *((most, shorter) for most in CUTS)):
        answer = Screen(comparison.titles, rows, key_to(comparison), width, most, strong)
        lines = answer.lines(opening, sentences)
        if len(lines) <= SCREEN:
            break
    for row in [row for row in rows if not answer.fitted(row)[1]]:  # lines that are left make a row whole
        for more in range(1, SCREEN - len(lines) + 1):
            roomier = replace(answer, more={**answer.more, row.row.label: more})
            if roomier.fitted(row)[1] and len(roomier.lines(opening, sentences)) <= SCREEN:
                answer, lines = roomier, roomier.lines(opening, sentences)
                break
    return "\n".join(lines)


def key_to(comparison: Comparison) -> str:
    """What the letters of the table mean; a net that has a layer g calls the loss gradient otherwise."""
    one, other = (taught(net).letter for net in comparison.rolled)
    letters = one if one == other else f"{one} (in {comparison.spoken[1]}: {other})"
    return (
        f"Key: t counts the layers on a path; J_k(u) is the derivative of layer k at u, {letters} the loss gradient; "
        "f2'(x)[v] is the derivative of f2 at x along v."
    )


def as_data(comparison: Comparison) -> dict[str, Any]:
    """The same as plain data."""
    rows = [
        {
            "label": answered.row.label,
            "question": answered.row.question,
            "a": text_of(in_full(answered.cells[0])),
            "b": text_of(in_full(answered.cells[1])),
            "differ": answered.differ if answered.known else None,
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


@dataclass(frozen=True)
class Screen:
    """The answer in lines of one width, no cell longer than `most` lines."""

    titles: tuple[str, str]
    rows: Sequence[Answered]
    key: str
    width: int
    most: int | None
    strong: Callable[[str], str]
    more: Mapping[str, int] = field(default_factory=dict)  # the lines that a row may have besides, by its label

    @property
    def labels(self) -> int:
        return max(len(answered.row.label) for answered in self.rows)

    @property
    def column(self) -> int:
        return (self.width - 3 - self.labels - 1 - 2) // 2

    def lines(self, opening: Sequence[Line], closing: Sequence[Line]) -> list[str]:
        return [line.rstrip() for part in self.parts(opening, closing) for line in part.split("\n")]

    def parts(self, opening: Sequence[Line], closing: Sequence[Line]) -> Iterator[str]:
        yield from map(self._sentence, opening)
        yield _joined(["", "", *(wrapped(name, self.column) for name in self.titles)], self.labels, self.column)
        yield "-" * self.width
        rows = [self._row(answered) for answered in self.rows]
        yield from rows
        yield "-" * self.width
        left_out = [LEFT_OUT] if any("·" in row for row in rows) else []
        yield wrapped(" ".join([self.key, *left_out, *([] if self.most is None else [MORE])]), self.width)
        yield from map(self._sentence, closing)

    def _sentence(self, line: Line) -> str:
        """A sentence on its own line, with long formulas on lines below it."""
        short = self.width // 2
        if all(isinstance(part, str) or ("\n" not in part.text and len(part.text) <= short) for part in line):
            return self._cut(line_text(line), self.width, self.most and WORDS)
        return "\n".join(
            wrapped(part, self.width)
            if isinstance(part, str)
            else indented(self._cut(_result_first(part.text), self.width - 4, self.most and BELOW))
            for part in line
        )

    def _row(self, answered: Answered) -> str:
        """Both answers side by side; equal ones once, across both columns if they need several lines."""
        texts, _ = self.fitted(answered)
        most = self.most and self.most + self.more.get(answered.row.label, 0)
        cells = [self._cut(*text, most) for text in texts]
        sign = _sign(answered)
        shown_cells = [sign, answered.row.label, *cells, *[""] * (2 - len(cells))]
        return _joined(shown_cells, self.labels, self.column, self.strong if sign == DIFFERENT else plainly)

    def fitted(self, answered: Answered) -> tuple[list[tuple[str, int]], bool]:
        """The texts of a row with the widths of their columns, and whether they fit.

        Formulas stand in the first form that fits, else in the briefest.
        """
        most = self.most and self.most + self.more.get(answered.row.label, 0)
        texts: list[tuple[str, int]] = []
        for form in range(form_count(*answered.cells)):
            a, b = map(text_of, in_one_form(*answered.cells, form))
            across = [(a, self.width - 4 - self.labels)]
            texts = across if a == b else [(a, self.column), (b, self.column)]
            if most is None or all(len(wrapped(*text).split("\n")) <= most for text in texts):
                return texts, True
        return texts, False

    def _cut(self, text: str, width: int, most: int | None) -> str:
        """Text in lines of this width, and an ellipsis at the end of the last that may be shown."""
        lines = wrapped(text, width).split("\n")
        if most is None or len(lines) <= most:
            return "\n".join(lines)
        return "\n".join([*lines[: most - 1], f"{_clipped(lines[:most], width - 4)} ..."])


def _result_first(text: str) -> str:
    """Equations with the last one first: it is the result, and is not to be cut."""
    *recurrences, result = text.split("\n")
    return "\n".join([result, *recurrences])


def _sign(answered: Answered) -> str:
    return OPEN if not answered.known else DIFFERENT if answered.differ else SAME


def _clipped(lines: Sequence[str], width: int) -> str:
    """The last of these lines, cut between two words if it is too long: outside brackets if that is possible.

    >>> _clipped(["a_{k-1} = (I + J_k(z_{k-1}))^T"], 24), _clipped(["(I + J_3) (I +", "J_2) g"], 20)
    ('a_{k-1} =', 'J_2) g')
    """
    line = lines[-1]
    if len(line) <= width:
        return line
    depth, ends = sum(map(_depth, lines[:-1])), {}
    for place, mark in enumerate(line[: width + 1]):
        if mark == " ":
            ends[depth] = place
        depth += _depth(mark)
    return line[: ends[min(ends)] if ends else width].rstrip()


def _depth(text: str) -> int:
    """How many brackets are left open."""
    return sum(map(text.count, "([{")) - sum(map(text.count, ")]}"))


def indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))


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
                place = max(piece.rfind(mark, width // 2, width) + 1 for mark in " (,") or width  # no name is cut
                lines.append(piece[:place].rstrip())
                piece = piece[place:]
            line += piece
        lines.append(line.rstrip())
    return "\n".join(lines)


def displayed(comparison: Comparison) -> str:
    """What `print(comparison)` shows."""
    try:
        with Status("comparing") as status:
            return shown(comparison, now=status.now)
    except Exception as error:  # a display must never raise
        return f"a comparison that cannot be shown ({error})"


attach(Comparison, __str__=displayed, __repr__=displayed)
