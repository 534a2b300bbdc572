"""Styles: how text, Unicode, LaTeX and MathML write names, numbers, signs and brackets. One row per style."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from xml.dom.minidom import Node as Element

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter
from sympy.printing.mathml import MathMLPresentationPrinter
from sympy.printing.pretty.pretty_symbology import greek_unicode
from sympy.printing.str import StrPrinter

from symfold.base.arguments import one_of
from symfold.show.notation.latex import latex_function, latex_name
from symfold.show.notation.terms import Name, letter_and_indices, letter_and_number, show_size


@dataclass(frozen=True)
class Style:
    """How one style writes everything that SymPy's printers do not. Sums and products are signs between their parts."""

    key: str
    print: Callable[[sp.Basic], str]  # SymPy's printer for this style
    name: Callable[[Name], str]
    function: Callable[[str], str]  # the name of a function
    plus: str
    minus: str  # between two terms
    negative: str  # before the first
    times: str
    dot: str  # before a digit, always visible: 2 3^x would read as 23^x
    bracket: tuple[str, str]
    fraction: tuple[str, str, str] | None  # None: a/b, with brackets as needed
    call: tuple[str, str, str]  # after the name of a function: open, between, close
    group: tuple[str, str]
    square: tuple[str, str]
    equals: str
    ellipsis: str
    size: Callable[[str], str] = str  # the letters of an index or a depth, in a reader's symbols


def _text_printer(expression: sp.Basic) -> str:
    return str(StrPrinter({"order": "none", "full_prec": False}).doprint(expression))


def _latex_printer(expression: sp.Basic) -> str:
    return str(LatexPrinter({"order": "none"}).doprint(expression))


class _MathMLPrinter(MathMLPresentationPrinter):
    """SymPy's printer, but an unknown function keeps the case of its name: O is not o."""

    def mathml_tag(self, e: Any) -> str:
        return str(e.func.__name__ if isinstance(e, AppliedUndef) else super().mathml_tag(e))


def _mathml_printer(expression: sp.Basic) -> str:
    printed: Element = _MathMLPrinter({"order": "none"})._print(expression)
    # SymPy writes HTML entities; XML needs the characters, apart from its own three escapes
    shown = str(printed.toxml()).replace("&amp;", "&").replace("<mo>-</mo>", "<mo>−</mo>")
    return re.sub(r"&(?!lt;|gt;|amp;)#?\w+;", lambda entity: html.unescape(entity[0]), shown)


SUBSCRIPTS = str.maketrans("0123456789+-aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def _unicode_printer(expression: sp.Basic) -> str:
    shown = re.sub(r"\*\*(-?\d+)(?![\d.])", lambda power: power[1].translate(SUPERSCRIPTS), _text_printer(expression))
    return re.sub(r"(?<!\*)\*(?!\*)", "·", shown).replace("sqrt(", "√(")


def _unicode_name(name: Name) -> str:
    shown = name.text if name.index is None else _index(name, "")
    if name.index is None:
        stem, digits = re.fullmatch(r"(.*?)_?(\d*)", shown, re.S).groups()  # type: ignore[union-attr]
        return f"{greek_unicode.get(stem, stem)}{digits.translate(SUBSCRIPTS)}" if stem else shown
    if all(ord(letter) in SUBSCRIPTS for letter in shown):
        stem = name.stem.removesuffix("_")
        return f"{greek_unicode.get(stem, stem)}{shown.translate(SUBSCRIPTS)}"
    return Name(name.stem, name.index, joined=False).text


def _index(name: Name, times: str) -> str:
    """An index whose products, as 3*k - 2, are written with this sign."""
    return re.sub(r"(?<=[^*])\*(?=[^*])", times, show_size(name.index))


@lru_cache(maxsize=4096)
def _mathml_word(word: str) -> str:
    return _mathml_printer(sp.Symbol(word)) if word.isalpha() else f"<mi>{html.escape(word, quote=False)}</mi>"


def mathml_name(name: Name, mark: str = "") -> str:
    """A name; a mark, such as a prime, stands between its letter and its indices.

    >>> mathml_name(Name("f", 1), "<mo>′</mo>")
    '<msub><mrow><mi>f</mi><mo>′</mo></mrow><mrow><mn>1</mn></mrow></msub>'
    """
    stem = name.stem.replace("...", "…") if name.index is None else name.stem.removesuffix("_")
    letter, *others = letter_and_indices(stem) if not stem.endswith("_") else (stem,)
    indices = list(map(_mathml_index, others))
    if name.index is not None:
        number = f"<mrow>{mathml_tokens(show_size(name.index))}</mrow>"
        if others and others[-1].isalpha():
            indices[-1] = f"<msub>{indices[-1]}{number}</msub>"
        else:
            indices.append(number)
    base = f"<mrow>{_mathml_word(letter)}{mark}</mrow>" if mark else _mathml_word(letter)
    if not indices:
        return base
    subscript = "<mo>,</mo>".join(indices)
    return f"<msub>{base}{f'<mrow>{subscript}</mrow>' if len(indices) > 1 else subscript}</msub>"


def _mathml_index(name: str) -> str:
    stem, number = letter_and_number(name)
    shown = f"<mn>{stem}</mn>" if stem.isdigit() else _mathml_word(stem)
    return f"<msub>{shown}<mn>{number}</mn></msub>" if number else shown


def mathml_tokens(size: str) -> str:
    """An index or a depth as MathML.

    >>> mathml_tokens("k-1")
    '<mi>k</mi><mo>−</mo><mn>1</mn>'
    """
    return re.sub(r"\d+|[^\W\d]\w*|\*+|.", _mathml_token, size)


def _mathml_token(match: re.Match[str]) -> str:
    part = match[0]
    sign = {"*": "\u2062", "-": "−"}.get(part, html.escape(part, quote=False))  # a product has no visible sign
    return f"<mn>{part}</mn>" if part.isdigit() else f"<mi>{part}</mi>" if part[0].isalpha() else f"<mo>{sign}</mo>"


STYLES: dict[str, Style] = {
    style.key: style
    for style in (
        Style("text", _text_printer, lambda name: name.text, str,
              " + ", " - ", "-", "*", "*", ("(", ")"), None, ("(", ", ", ")"), ("", ""), ("[", "]"), " = ", "..."),
        Style("unicode", _unicode_printer, _unicode_name, lambda word: _unicode_name(Name(word)),
              " + ", " - ", "-", "·", "·", ("(", ")"), None, ("(", ", ", ")"), ("", ""), ("[", "]"), " = ", "…"),
        Style("latex", _latex_printer, latex_name, latex_function,
              " + ", " - ", "- ", " ", r" \cdot ", (r"\left(", r"\right)"), (r"\frac{", "}{", "}"), (r"{\left(", ", ", r" \right)}"),
              ("", ""), (r"\left[", r"\right]"), " = ", r"\ldots"),
        Style("mathml", _mathml_printer, mathml_name, lambda word: mathml_name(Name(word)),
              "<mo>+</mo>", "<mo>−</mo>", "<mo>−</mo>", "<mo>\u2062</mo>", "<mo>·</mo>", ("<mrow><mo>(</mo>", "<mo>)</mo></mrow>"),
              ("<mfrac><mrow>", "</mrow><mrow>", "</mrow></mfrac>"),
              ("<mrow><mo>(</mo>", "<mo>,</mo>", "<mo>)</mo></mrow>"), ("<mrow>", "</mrow>"),
              ("<mrow><mo>[</mo>", "<mo>]</mo></mrow>"), "<mo>=</mo>", "<mo>…</mo>"),
    )
}  # fmt: skip


def style_named(key: str) -> Style:
    """The style with this name; an unknown name is an error that lists them all."""
    return STYLES[one_of("style", key, STYLES)]
