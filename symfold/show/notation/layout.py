"""Layout: equations as one text in a style: lines, an aligned LaTeX block, a MathML table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from symfold.base.trees import LEAF, Form
from symfold.core.stacked_inputs import Numbered
from symfold.show.notation.styles import Style
from symfold.show.notation.terms import Name, Term
from symfold.show.notation.writing import side, stream

MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">'


def framed(style: Style, lines: Iterable[Iterable[str]], aligned: bool = True) -> Iterator[str]:
    """Lines joined; aligned lines of LaTeX contain an `&` each."""
    if style.key == "mathml":
        yield MATH + ("<mtable columnalign='left'>" if aligned else "")
        for line in lines:
            yield "<mtr><mtd>" if aligned else ""
            yield from line
            yield "</mtd></mtr>" if aligned else ""
        yield ("</mtable>" if aligned else "") + "</math>"
        return
    latex = style.key == "latex" and aligned
    yield "\\begin{aligned}\n" if latex else ""
    for position, line in enumerate(lines):
        yield ("" if not position else " \\\\\n" if latex else "\n")
        yield from line
    yield "\n\\end{aligned}" if latex else ""


def equation(name: Term, value: Term, style: Style, aligned: bool = True) -> Iterator[str]:
    """One equation, with LaTeX's alignment mark if it is one of several."""
    yield from stream(name, style)
    yield f" &{style.equals.lstrip()}" if aligned and style.key == "latex" else style.equals
    yield from side(value, style)


def output_names(form: Form, stem: str) -> list[Term]:
    """The names of outputs by position: `y`; `y[0]`, `y[1][W1]` in a tuple that contains a dict."""
    paths: list[str] = []
    waiting: list[tuple[Form, str]] = [(form, stem)]
    while waiting:
        part, path = waiting.pop()
        if part == LEAF:
            paths.append(path)
        else:
            kind, parts = part
            if kind == "named":  # leaves, each with its name or those of its entries
                paths += [f"{path}[{_listed(names)}]" for names in parts]
                continue
            keyed = list(parts) if kind == "dict" else list(enumerate(parts))
            waiting += [(inner, f"{path}[{key}]") for key, inner in reversed(keyed)]
    return [Term(Name(path)) for path in paths]


def _listed(names: Any) -> str:
    if isinstance(names, str):
        return names
    if isinstance(names, Numbered):
        return f"{names[0]}, ..., {names.last}"
    return ", ".join(names) if len(names) < 4 else f"{names[0]}, ..., {names[-1]}"
