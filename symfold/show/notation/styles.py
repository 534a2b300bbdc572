"""Styles: how text, Unicode, LaTeX and MathML write names, numbers, signs and brackets. One row per style.

The style of a net separates names that would be written alike. The plainest keeps its form, the others appear as typed:
x1 - x_1 is in Unicode x₁ - x_1, in LaTeX x_{1} - \\mathrm{x\\_1}.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from xml.dom.minidom import Node as Element
from xml.sax.saxutils import escape

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter
from sympy.printing.mathml import MathMLPresentationPrinter
from sympy.printing.pretty.pretty_symbology import greek_unicode
from sympy.printing.str import StrPrinter

from symfold.base.arguments import one_of
from symfold.core.names import leaves_of
from symfold.core.net import Net
from symfold.core.shapes import NAME
from symfold.core.stacked_inputs import Leaf, Numbered
from symfold.show.notation.latex import escaped, latex_function, latex_name, text_inside
from symfold.show.notation.terms import Name, show_size


@dataclass(frozen=True)
class Style:
    """How one style writes everything that SymPy's printers do not. Sums and products are signs between their parts."""

    key: str
    print: Callable[[sp.Basic], str]  # SymPy's printer for this style
    name: Callable[[Name], str]
    word: Callable[[str], str]  # plain words and function names
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
    shown = str(printed.toxml()).replace("&amp;", "&")
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
    return _mathml_printer(sp.Symbol(word)) if word.isalpha() else f"<mi>{escape(word)}</mi>"


def _mathml_name(name: Name) -> str:
    if name.index is None:
        numbered = re.fullmatch(r"([^\W\d_]+)_?(\d+)", name.stem)
        return (
            f"<msub>{_mathml_word(numbered[1])}<mn>{numbered[2]}</mn></msub>"
            if numbered
            else _mathml_word(name.stem.replace("...", "…"))
        )
    return (
        f"<msub>{_mathml_word(name.stem.removesuffix('_'))}<mrow>{mathml_tokens(show_size(name.index))}</mrow></msub>"
    )


def mathml_tokens(size: str) -> str:
    """An index or a depth as MathML.

    >>> mathml_tokens("k-1")
    '<mi>k</mi><mo>-</mo><mn>1</mn>'
    """
    return re.sub(r"\d+|[^\W\d]\w*|\*+|.", _mathml_token, size)


def _mathml_token(match: re.Match[str]) -> str:
    part = match[0]
    sign = "\u2062" if part == "*" else escape(part)  # a product has no visible sign
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
        Style("mathml", _mathml_printer, _mathml_name, lambda word: _mathml_name(Name(word)),
              "<mo>+</mo>", "<mo>-</mo>", "<mo>-</mo>", "<mo>\u2062</mo>", "<mo>·</mo>", ("<mrow><mo>(</mo>", "<mo>)</mo></mrow>"),
              ("<mfrac><mrow>", "</mrow><mrow>", "</mrow></mfrac>"),
              ("<mrow><mo>(</mo>", "<mo>,</mo>", "<mo>)</mo></mrow>"), ("<mrow>", "</mrow>"),
              ("<mrow><mo>[</mo>", "<mo>]</mo></mrow>"), "<mo>=</mo>", "<mo>…</mo>"),
    )
}  # fmt: skip


def style_named(key: str) -> Style:
    """The style with this name; an unknown name is an error that lists them all."""
    return STYLES[one_of("style", key, STYLES)]


# ---------------------------------------------------------------- names that would be written alike

ENTRY = sp.Symbol("k") - 1


def style_of(net: Net, key: str) -> Style:
    """A style that writes no two names of a net alike.

    >>> import symfold as sf
    >>> style_of(sf.Net.of(sf.tensor("x1") - sf.tensor("x_1")), "unicode").name(Name("x_1"))
    'x_1'
    """
    return distinct_names(style_named(key), leaves_of(net.outputs))


def distinct_names(style: Style, leaves: Iterable[Leaf]) -> Style:
    """The style, changed so that it writes no two names of these leaves alike."""
    seen: dict[str, dict[str, str]] = {}  # by written form: each class of names, with one of them as typed
    for leaf in leaves:
        layer = leaf.shape[-1:] == (NAME,)
        for name in _names(leaf):
            word = name.stem if name.index is None else typed(name)
            written = style.word(word) if layer and name.index is None else style.name(name)
            seen.setdefault(_look(written, style), {}).setdefault(class_of(name), word)
    raw = _runs_of_letters(seen) if style.key == "latex" else set()
    for written, classes in seen.items():
        plainest = min(classes, key=lambda key: (classes[key] != written, len(key), key))
        raw |= {key for key in classes if key != plainest}
    return _raw(style, frozenset(raw)) if raw else style


def _look(written: str, style: Style) -> str:
    """What is seen of a written name: LaTeX ignores spaces and empty indices."""
    return re.sub(r"\s|[_^]\{\}|[{}]", "", written) if style.key == "latex" else written


def _runs_of_letters(seen: Mapping[str, object]) -> set[str]:
    """The names that LaTeX writes like a product of others: xy beside x and y."""
    return {word for word in seen if word.isalpha() and len(word) > 1 and all(letter in seen for letter in word)}


def class_of(name: Name) -> str:
    """A name without its number, since all numbers are written alike; for a derivative dy/dx_1, that of x_1."""
    word = name.stem.rpartition("/d")[2]
    return word if name.index is not None else word.rstrip("0123456789") or word


def typed(name: Name) -> str:
    """A name as typed; an entry of numbered names has its index after their full prefix."""
    if name.index is None or (name.joined and isinstance(name.index, int)):
        return f"{name.stem}{'' if name.index is None else name.index}"
    return f"{name.stem}_{{{show_size(name.index)}}}"


def _names(leaf: Leaf) -> list[Name]:
    """The names of a leaf; for numbered names, one representative and the entry at an index."""
    if isinstance(leaf.op.names, Numbered):
        prefix = leaf.op.names.prefix
        return [Name(f"{prefix}1"), Name(prefix, ENTRY, joined=False)]
    return list(map(_stand_in, leaf.op.names))


def _stand_in(word: str) -> Name:
    plain = class_of(Name(word))
    return Name(word if plain == word else f"{plain}1")


def _raw(style: Style, classes: frozenset[str]) -> Style:
    """A style that writes the names of these classes as typed."""

    def write_name(name: Name) -> str:
        return spelled(name, style.key) if class_of(name) in classes else style.name(name)

    def write_word(word: str) -> str:
        return spelled(Name(word), style.key) if class_of(Name(word)) in classes else style.word(word)

    return replace(style, name=write_name, word=write_word)


SPELLED: dict[str, Callable[[str], str]] = {
    "latex": lambda word: rf"\mathrm{{{text_inside(escaped(word))}}}",
    "mathml": lambda word: f"<mi>{escape(word)}</mi>",
}


def spelled(name: Name, key: str) -> str:
    """A name as typed, in a style."""
    return SPELLED.get(key, str)(typed(name))
