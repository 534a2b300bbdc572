"""Repeats: the like steps of a fold, written by filling names into the text of one step.

Where a step's text holds the text before it once, a fold's text is what its steps write in front, last step first, and what
they write behind. A step is written once, with marks for the names and for the state; the writer looks but a few operations
deep, so after a few steps every step is written alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import sympy as sp

from symfold.core.stacked_inputs import Names, Numbered
from symfold.show.notation.styles import SUBSCRIPTS, Style
from symfold.show.notation.terms import Name, Term, Written
from symfold.show.notation.writing import Run, written_out

WARM = 4  # steps at either end that are terms: deeper than the writer looks
MANY = 32  # steps from which on it is worth while
ASKED = {
    None: "\U000f2000",
    True: "\U000f2001",
    False: "\U000f2002",
}  # the state on its own, or a run from the start or after others
MARKS = 0xF2010  # and after: private characters of Unicode, which no name holds; a mark for each name of a step

Step = Callable[[Term, Sequence[Term]], Term]  # from the state and the names of a step
Place = tuple[int, str]  # which of a step's names, and whether it is written as a name or as a word


class Around(NamedTuple):
    """What a step writes in front of the state and behind it, and how the state is asked for."""

    before: tuple[str | Place, ...]
    behind: tuple[str | Place, ...]
    asked: bool | None


def repeated(step: Step, state: Term, families: Sequence[Names], count: int, style: Style) -> Term | None:
    """The state after so many steps, with the text of those in the middle; None where they are few, or not written alike."""
    if count < MANY:
        return None
    for k in range(WARM):
        state = step(state, _members(families, k))
    ways = _ways(step, state, families, style)
    if ways is None or ways != _ways(step, step(state, _members(families, WARM)), families, style):
        return None
    found: Term = Written(state.op, state.args, partial(_filled, ways, state, families, count - WARM, style))
    for k in range(count - WARM, count):
        found = step(found, _members(families, k))
    return found


def _members(families: Sequence[Names], position: int) -> list[Term]:
    return [Term(Name(names[position])) for names in families]


def _ways(step: Step, state: Term, families: Sequence[Names], style: Style) -> dict[bool | None, Around] | None:
    """A step, in every way that its value is asked for; None where it holds the state not once, or takes it apart."""
    marks = [chr(MARKS + k) for k in range(len(families))]
    hole = Written(state.op, state.args, lambda asked: [ASKED[asked]])
    after = step(hole, [Term(Name(mark)) for mark in marks])
    found: dict[bool | None, Around] = {}
    for asked in (None, True, False) if after.op in (sp.Add, sp.Mul) else (None,):
        text, seen = written_out(after if asked is None else Run(after, asked), style)
        parts = re.split(f"([{''.join(ASKED.values())}])", text)
        if len(parts) != 3 or any(arg.args and arg in seen for arg in state.args):
            return None
        before, behind = (tuple(_taken_apart(part, marks, style)) for part in (parts[0], parts[2]))
        found[asked] = Around(before, behind, next(way for way, mark in ASKED.items() if mark == parts[1]))
    inner = {around.asked for around in found.values()}
    return found if all(asked in found and found[asked].asked == asked for asked in inner) else None


def _taken_apart(text: str, marks: Sequence[str], style: Style) -> Iterator[str | Place]:
    places: dict[str, Place] = {style.name(Name(mark)): (k, "name") for k, mark in enumerate(marks)}
    places |= {style.word(mark): (k, "word") for k, mark in enumerate(marks)}
    longest = sorted(places, key=len, reverse=True)
    for part in re.split(f"({'|'.join(map(re.escape, longest))})", text) if places else [text]:
        if part:
            yield places.get(part, part)


def _filled(
    ways: Mapping[bool | None, Around],
    state: Term,
    families: Sequence[Names],
    end: int,
    style: Style,
    asked: bool | None,
) -> list[str | Term | Run]:
    """The text of the steps up to `end` around the state after the first: the last is asked for in one way, the others in that of a step."""
    last, others = ways[asked], ways[ways[asked].asked]

    def text(parts: Sequence[str | Place], start: int, end: int, order: int) -> str:
        """What some steps write, in order or last step first."""
        if all(isinstance(part, str) for part in parts):
            return "".join(map(str, parts)) * (end - start)
        interleaved = [""] * (len(parts) * (end - start))
        for k, part in enumerate(parts):
            column = (
                [part] * (end - start)
                if isinstance(part, str)
                else words(families[part[0]], start, end, part[1], style)
            )
            interleaved[k :: len(parts)] = column[::order]
        return "".join(interleaved)

    before = text(last.before, end - 1, end, -1) + text(others.before, WARM, end - 1, -1)
    behind = text(others.behind, WARM, end - 1, 1) + text(last.behind, end - 1, end, 1)
    return [before, state if others.asked is None else Run(state, others.asked), behind]


def words(names: Names, start: int, end: int, kind: str, style: Style) -> list[str]:
    """Some of the names as they are written. Numbers of as many digits are written alike: one is, the others are filled in.

    >>> from symfold.show.notation.styles import STYLES
    >>> words(Numbered("W", 1, 100), 7, 10, "name", STYLES["latex"])
    ['W_{8}', 'W_{9}', 'W_{10}']
    """
    write: Callable[[str], str] = style.word if kind == "word" else lambda word: style.name(Name(word))
    if not isinstance(names, Numbered):
        return [write(name) for name in names[start:end]]
    found: list[str] = []
    first, last = names.start + start, names.start + end
    while first < last:
        stop = min(last, 10 ** len(str(first)))
        digits = str(first)
        shown = write(f"{names.prefix}{digits}")
        lowered = digits not in shown
        before, number, behind = shown.rpartition(digits.translate(SUBSCRIPTS) if lowered else digits)
        if not number:
            return found + [write(f"{names.prefix}{k}") for k in range(first, last)]
        joined = " ".join(map(str, range(first, stop)))
        numbers = (joined.translate(SUBSCRIPTS) if lowered else joined).split(" ")
        found += [f"{before}{number}{behind}" for number in numbers]
        first = stop
    return found
