"""Writing: a term as text in a style, in chunks, with an explicit stack: no recursion, memory by depth not length.

A formula shares its terms, and its text repeats them. So each term is taken apart once, into literal text and the terms
in between. Short terms are filled in at once, so a long text is only copied.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from symfold.show.notation.arithmetic import run_parts
from symfold.show.notation.brackets import flat_brackets
from symfold.show.notation.operations import SUM, level, parts_of
from symfold.show.notation.styles import Style
from symfold.show.notation.terms import Part, Run, Term, Written

SHORT = 4096  # characters: the text of a shared term up to this length is written once, then copied


def stream(term: Term | Run, style: Style) -> Iterator[str]:
    """The text of a term, in chunks; every shared term is written once."""
    return _copied(term, _taken_apart(term, style))


def _copied(root: Part, parts: Mapping[Term | Run, Sequence[Part]]) -> Iterator[str]:
    waiting: list[Part] = [root]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        else:
            waiting += parts[part]


def write(term: Term, style: Style) -> str:
    """The text of a term."""
    return "".join(stream(term, style))


def written_out(root: Term | Run, style: Style) -> tuple[str, Collection[Term | Run]]:
    """The text of a term, and all the terms visited for it."""
    parts = _taken_apart(root, style)
    return "".join(_copied(root, parts)), parts


def _taken_apart(root: Term | Run, style: Style) -> dict[Term | Run, Sequence[Part]]:
    """The parts of the root and of all terms in it, last part first; short terms are text already."""
    done: dict[Term | Run, Sequence[Part]] = {}
    opened: dict[Term | Run, list[Part]] = {}
    waiting: list[Term | Run] = [root]
    while waiting:
        task = waiting[-1]
        if task not in opened and task not in done:
            opened[task] = parts = _parts(task, style)
            waiting += [part for part in parts if not isinstance(part, str) and part not in done]
            continue
        waiting.pop()
        if task in opened:
            done[task] = _merged(opened.pop(task), done)
    return done


def _parts(task: Term | Run, style: Style) -> list[Part]:
    if isinstance(task, Run):
        return task.term.parts(task.first) if isinstance(task.term, Written) else run_parts(task, style)
    return task.parts(None) if isinstance(task, Written) else parts_of(task, style)


def _merged(parts: list[Part], done: Mapping[Term | Run, Sequence[Part]]) -> Sequence[Part]:
    """Parts from the last to the first, with short ones as text; neighboring texts are merged."""
    merged: list[Part] = []
    texts: list[str] = []
    for part in parts:
        if not isinstance(part, str):
            inner = done[part]
            if len(inner) == 1 and isinstance(inner[0], str) and len(inner[0]) <= SHORT:
                part = inner[0]
        if isinstance(part, str):
            texts.append(part)
            continue
        if texts:
            merged.append("".join(texts))
            texts = []
        merged.append(part)
    if texts or not merged:
        merged.append("".join(texts))
    return tuple(reversed(merged))


# ---------------------------------------------------------------- equations in lines

MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">'


def framed(
    style: Style, lines: Iterable[Iterable[str]], aligned: bool = True, label: str = "", note: str = ""
) -> Iterator[str]:
    """Lines joined, with a note under them; aligned lines of LaTeX contain an `&` each.

    With a label, LaTeX numbers and labels the lines.
    """
    if style.key == "mathml":
        rows = aligned or bool(note)
        yield MATH + ("<mtable columnalign='left'>" if rows else "")
        for line in (*lines, *([[note]] if note else ())):
            yield "<mtr><mtd>" if rows else ""
            yield flat_brackets("".join(line))
            yield "</mtd></mtr>" if rows else ""
        yield ("</mtable>" if rows else "") + "</math>"
        return
    latex = style.key == "latex" and (aligned or bool(note))
    frame = ("align" if latex else "equation") if label else "aligned" if latex else ""
    yield f"\\begin{{{frame}}}\n" if frame else ""
    for position, line in enumerate(lines):
        yield ("" if not position else " \\\\\n" if latex else "\n")
        yield "& " if latex and not aligned else ""
        yield from line
        yield f" \\label{{{label}-{position + 1}}}" if label and latex else f"\n\\label{{{label}}}" if label else ""
    if note:
        yield f" \\\\\n& {note}" + (r" \notag" if label else "") if latex else f"\n{note}"
    yield f"\n\\end{{{frame}}}" if frame else ""


def equation(name: Term, value: Term, style: Style, aligned: bool = True) -> Iterator[str]:
    """One equation, with LaTeX's alignment mark if it is one of several."""
    yield from stream(name, style)
    yield f" &{style.equals.lstrip()}" if aligned and style.key == "latex" else style.equals
    yield from side(value, style)


def side(term: Term, style: Style) -> Iterator[str]:
    """The text of a term as one side of an equation, where a comparison is bracketed."""
    opening, closing = style.bracket if level(term, style) < SUM else ("", "")
    yield opening
    yield from stream(term, style)
    yield closing
