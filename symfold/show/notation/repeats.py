"""Repeats: text of a fold's like steps, made by filling names into the text of one step.

If the text of each step contains that of the previous step once, a fold's text is a prefix per step, last step first,
then a suffix per step. One step is written, with placeholders for the names and the state; the writer looks only a few
operations deep, so after a few steps every step is written alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import sympy as sp

from symfold.core.stacked_inputs import Numbered, StackedInputs
from symfold.show.notation.styles import SUBSCRIPTS, Style
from symfold.show.notation.terms import Name, Part, Run, Term, Written, named, names_layers
from symfold.show.notation.writing import written_out

WARM = 4  # steps at either end that stay terms: deeper than the writer looks
MANY = 32  # with fewer steps it does not pay
ASKED = {None: "\U000f2000", True: "\U000f2001", False: "\U000f2002"}  # the state alone; a run, first or after others
MARKS = 0xF2010  # and above: private characters of Unicode, one for each name of a step

Step = Callable[[Term, Sequence[Term]], Term]  # from the state and the names of a step


class Around(NamedTuple):
    """The text of a step before and after the state, and the form in which it asks for the state.

    A number is the place of a name: which of the families it belongs to.
    """

    before: tuple[str | int, ...]
    behind: tuple[str | int, ...]
    asked: bool | None


def repeated(step: Step, state: Term, families: Sequence[StackedInputs], count: int, style: Style) -> Term | None:
    """The state after `count` steps, the middle ones as text; None if they are few or not written alike."""
    if count < MANY:
        return None
    for k in range(WARM):
        state = step(state, _members(families, k))
    forms = _forms(step, state, families, style)
    if forms is None or forms != _forms(step, step(state, _members(families, WARM)), families, style):
        return None
    result: Term = Written(state.op, state.args, partial(_filled_in, forms, state, families, count - WARM, style))
    for k in range(count - WARM, count):
        result = step(result, _members(families, k))
    return result


def _members(families: Sequence[StackedInputs], position: int) -> list[Term]:
    return [named(family.names[position], layer=names_layers(family)) for family in families]


def _forms(
    step: Step, state: Term, families: Sequence[StackedInputs], style: Style
) -> dict[bool | None, Around] | None:
    """A step, in each form in which its value is asked for; None unless it contains the state once and intact."""
    marks = [chr(MARKS + k) for k in range(len(families))]
    placeholder = Written(state.op, state.args, lambda asked: [ASKED[asked]])
    after = step(placeholder, [Term(Name(mark)) for mark in marks])
    forms: dict[bool | None, Around] = {}
    for asked in (None, True, False) if after.op in (sp.Add, sp.Mul) else (None,):
        text, visited = written_out(after if asked is None else Run(after, asked), style)
        parts = re.split(f"([{''.join(ASKED.values())}])", text)
        if len(parts) != 3 or any(arg.args and arg in visited for arg in state.args):
            return None
        before, behind = (tuple(_split_at_marks(part, marks, style)) for part in (parts[0], parts[2]))
        forms[asked] = Around(before, behind, next(form for form, mark in ASKED.items() if mark == parts[1]))
    inner = {around.asked for around in forms.values()}
    return forms if all(asked in forms and forms[asked].asked == asked for asked in inner) else None


def _split_at_marks(text: str, marks: Sequence[str], style: Style) -> Iterator[str | int]:
    places = {style.name(Name(mark)): k for k, mark in enumerate(marks)}
    for part in re.split(f"({'|'.join(map(re.escape, places))})", text) if places else [text]:
        if part:
            yield places.get(part, part)


def _filled_in(
    forms: Mapping[bool | None, Around],
    state: Term,
    families: Sequence[StackedInputs],
    end: int,
    style: Style,
    asked: bool | None,
) -> list[Part]:
    """The text of the steps up to `end` around the first state: the last in the form asked for, the others in its."""
    last, others = forms[asked], forms[forms[asked].asked]

    def text(parts: Sequence[str | int], start: int, end: int, order: int) -> str:
        """The text of some steps, in order or last step first."""
        if all(isinstance(part, str) for part in parts):
            return "".join(map(str, parts)) * (end - start)
        interleaved = [""] * (len(parts) * (end - start))
        for k, part in enumerate(parts):
            column = [part] * (end - start) if isinstance(part, str) else words(families[part], start, end, style)
            interleaved[k :: len(parts)] = column[::order]
        return "".join(interleaved)

    before = text(last.before, end - 1, end, -1) + text(others.before, WARM, end - 1, -1)
    behind = text(others.behind, WARM, end - 1, 1) + text(last.behind, end - 1, end, 1)
    return [before, state if others.asked is None else Run(state, others.asked), behind]


def words(family: StackedInputs, start: int, end: int, style: Style) -> list[str]:
    """Some names of a family, as written. One number of each length is written, and the others filled into its text.

    >>> from symfold.show.notation.styles import STYLES
    >>> words(StackedInputs(Numbered("W", 1, 100), (3,)), 7, 10, STYLES["latex"])
    ['W_{8}', 'W_{9}', 'W_{10}']
    """
    names, layer = family.names, names_layers(family)

    def write(name: str) -> str:
        return style.name(Name(name, layer=layer))

    if not isinstance(names, Numbered):
        return [write(name) for name in names[start:end]]
    texts: list[str] = []
    first, last = names.start + start, names.start + end
    while first < last:
        stop = min(last, 10 ** len(str(first)))
        digits = str(first)
        shown = write(f"{names.prefix}{digits}")
        lowered = digits not in shown
        before, number, behind = shown.rpartition(digits.translate(SUBSCRIPTS) if lowered else digits)
        if not number:
            return texts + [write(f"{names.prefix}{k}") for k in range(first, last)]
        joined = " ".join(map(str, range(first, stop)))
        numbers = (joined.translate(SUBSCRIPTS) if lowered else joined).split(" ")
        texts += [f"{before}{number}{behind}" for number in numbers]
        first = stop
    return texts
