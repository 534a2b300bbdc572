"""Labels as LaTeX: letters and indices as mathematics, words as text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from symfold.show.diagram.lettering import Line, Run
from symfold.show.notation.letters import command


def tex(line: Line) -> str:
    """A line of a label in LaTeX, its special characters escaped.

    >>> from symfold.show.diagram.lettering import mathematics
    >>> [tex(mathematics(label)) for label in ("f12", "z_{k-1}", "phi1", "50% & more")]
    ['$f_{12}$', '$z_{k-1}$', '$\\\\phi_{1}$', '50\\\\% \\\\& more']
    """
    joined = re.sub(r"(?<!\\)\$\$(?=[_^])", "", "".join(_parts(line)))  # what stands side by side is one formula
    return re.sub(r"(?<!\\)\$\$", " ", joined)


def _parts(line: Line) -> Iterator[str]:
    for is_formula, runs in itertools.groupby(line, lambda run: run.italic or run.bold or run.level != 0):
        if not is_formula:
            yield from (_sign(sign) for run in runs for sign in run.text)
            continue
        levels = itertools.groupby(runs, lambda run: run.level)
        yield "$" + "".join(_raised("".join(map(_letters, part)), level) for level, part in levels) + "$"


def _sign(sign: str) -> str:
    """A sign in LaTeX's text."""
    shown = command(sign)
    return CODES.get(sign, sign if shown == sign else f"${shown}$")


def _letters(run: Run) -> str:
    """Letters of a formula as LaTeX."""
    if run.italic or run.bold:
        shown = command(run.text)
        if not run.bold:
            return shown
        return rf"\boldsymbol{{{shown}}}" if run.italic or shown != run.text else rf"\mathbf{{{shown}}}"
    text = "".join(INSIDE.get(sign, _sign(sign).removeprefix("$").removesuffix("$")) for sign in run.text)
    return rf"\mathrm{{{text}}}" if run.text.isalpha() and text == run.text else text


def _raised(text: str, level: int) -> str:
    return f"_{{{text}}}" if level < 0 else f"^{{{text}}}" if level > 0 else text


CODES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "\n": r"\\ ", "\t": " ", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
    ">": r"\textgreater{}", '"': r"\textquotedbl{}", "…": "...", "\N{REPLACEMENT CHARACTER}": "?", "−": "$-$",
    "×": r"$\times$", "÷": r"$\div$", "≥": r"$\geq$", "≤": r"$\leq$", "≠": r"$\neq$", "∞": r"$\infty$",
    "·": r"$\cdot$", "⋯": r"$\cdots$",
}  # fmt: skip
INSIDE = {"−": "-", "·": r"\cdot ", "…": r"\ldots ", "×": r"\times ", "∗": "*", "′": r"\prime "}  # in a formula
