r"""Letters that LaTeX has commands for, as characters and as words: \mathbf{h} is 𝐡, or h in plain text."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

import sympy as sp
from sympy.printing.pretty.pretty_symbology import greek_unicode

SIGNS = {
    **{name: sign for name, sign in greek_unicode.items() if len(sign) == 1 and name.isalpha()},
    "ell": "ℓ", "phi": "ϕ", "varphi": "φ", "epsilon": "ϵ", "varepsilon": "ε", "vartheta": "ϑ", "varrho": "ϱ",
    "varsigma": "ς", "varpi": "ϖ", "varkappa": "ϰ",
}  # fmt: skip
ALPHABETS = {
    "mathbf": "BOLD", "boldsymbol": "BOLD ITALIC", "bm": "BOLD ITALIC", "mathcal": "SCRIPT", "mathscr": "SCRIPT",
    "mathbb": "DOUBLE-STRUCK", "mathfrak": "FRAKTUR", "mathsf": "SANS-SERIF", "mathtt": "MONOSPACE",
}  # fmt: skip
WORDS = ("mathrm", "mathit", "operatorname", "text", "textrm", "textit")
ACCENTS = {"hat": "\u0302", "tilde": "\u0303", "bar": "\u0304", "dot": "\u0307", "ddot": "\u0308", "vec": "\u20d7"}
OVER = "\u0300-\u036f\u20d7"  # signs set over the letter before
MARKS = {  # in exponents, as signs and as words
    "*": ("∗", "star"), "\\ast": ("∗", "star"), "\\star": ("⋆", "star"), "+": ("+", "plus"), "-": ("−", "minus"),
    "\\prime": ("′", "prime"), "\\dagger": ("†", "dagger"), "\\top": ("⊤", "top"), "\\pm": ("±", "pm"),
}  # fmt: skip

NAMES = {sign: name for name, sign in SIGNS.items()}
COMMANDS = {sign: name.removeprefix("\\") for name, (sign, _) in MARKS.items() if name.startswith("\\")}


class Letter(NamedTuple):
    """A symbol as characters of Unicode, its indices and exponents in braces, and as a plain word."""

    sign: str
    word: str


def letter(symbol: str) -> Letter | None:
    r"""What a symbol of LaTeX, or a word, looks like; None if it is more than a letter or a word.

    >>> letter(r"\mathcal{F}"), letter(r"\boldsymbol\phi"), letter("x + y")
    (Letter(sign='ℱ', word='F'), Letter(sign='𝝓', word='phi'), None)
    >>> letter(r"x_{\mathrm{in}}"), letter("h^{*}")
    (Letter(sign='x_{in}', word='x_in'), Letter(sign='h^{∗}', word='h_star'))
    >>> letter(r"\ell") == letter("ell") == Letter(sign="ℓ", word="ell")
    True
    """
    symbol = symbol.strip()
    if symbol.isidentifier():
        return Letter(SIGNS.get(symbol, symbol), symbol)
    if symbol.startswith("\\") and symbol[1:] in SIGNS:
        return Letter(SIGNS[symbol[1:]], symbol[1:])
    command = re.fullmatch(r"\\([a-z]+)(?:\s*\{([^{}]*(?:\{[^{}]*\})?)\}|\s+(\w)|(\\\w+))", symbol)
    if command is None:
        return _with_indices(symbol)
    inner = letter(next(filter(None, command.groups()[1:]), ""))
    if inner is None or not inner.sign.isidentifier():
        return None
    if command[1] in WORDS:
        return Letter(inner.sign, inner.word)
    if command[1] in ACCENTS and len(inner.sign) == 1:
        return Letter(unicodedata.normalize("NFC", inner.sign + ACCENTS[command[1]]), f"{inner.word}_{command[1]}")
    if command[1] in ALPHABETS:
        signs = [styled(sign, ALPHABETS[command[1]]) for sign in inner.sign]
        return Letter("".join(signs), inner.word) if all(signs) else None
    return None


_SCRIPT = r"([_^])(?:\{((?:[^{}]|\{[^{}]*\})*)\}|(\\[a-z]+(?:\{[^{}]*\})?|[^\\{}_^\s]))"


def _with_indices(symbol: str) -> Letter | None:
    """A letter with an index, an exponent, or both, in either order: the exponent first."""
    found = re.fullmatch(rf"(.+?)((?:{_SCRIPT}){{1,2}})", symbol)
    base = letter(found[1]) if found else None
    if found is None or base is None or not base.sign.isidentifier():
        return None
    scripts = {place: _script((braced or single).strip()) for place, braced, single in re.findall(_SCRIPT, found[2])}
    sign, word = base
    for place in "^_":
        if place in scripts:
            script = scripts[place]
            if script is None:
                return None
            sign, word = f"{sign}{place}{{{script.sign}}}", f"{word}_{script.word}"
    return Letter(sign, word)


def _script(text: str) -> Letter | None:
    """What an index or an exponent holds: a mark, a letter, a word, or numbers."""
    if text in MARKS:
        return Letter(*MARKS[text])
    if re.fullmatch(r"\w+([,+-]\w+)*", text):
        return Letter(text, re.sub(r"\W", "_", text))
    inner = letter(text)
    return inner if inner is not None and inner.sign.isidentifier() else None


def command(sign: str) -> str:
    r"""A letter as LaTeX.

    >>> command("ℓ"), command("ℱ"), command("φ"), command("x̂"), command("h")
    ('\\ell', '\\mathcal{F}', '\\varphi', '\\hat{x}', 'h')
    """
    if (name := NAMES.get(sign)) is not None:
        return str(sp.latex(sp.Symbol(name)))
    parts = unicodedata.normalize("NFD", sign)
    if len(parts) == 2 and parts[1] in ACCENTS.values():
        return f"\\{next(name for name, accent in ACCENTS.items() if accent == parts[1])}{{{command(parts[0])}}}"
    base = unicodedata.normalize("NFKC", sign)
    if base in NAMES:  # the micro sign is a mu
        return command(base)
    alphabets = (name for name, alphabet in ALPHABETS.items() if f"{alphabet} " in unicodedata.name(sign[:1], ""))
    return f"\\{next(alphabets, 'mathrm')}{{{base}}}" if base != sign else sign


def styled(sign: str, alphabet: str) -> str:
    """A letter of an alphabet; empty if Unicode lacks it.

    >>> styled("z", "ITALIC"), styled("h", "ITALIC"), styled("ϵ", "BOLD"), styled("1", "ITALIC")
    ('𝑧', 'ℎ', '𝛜', '')
    """
    if (sign, alphabet) == ("h", "ITALIC"):
        return "\N{PLANCK CONSTANT}"
    words = unicodedata.name(sign, "").removeprefix("LATIN ").removeprefix("GREEK ").removeprefix("LUNATE ")
    words = words.replace("SMALL LETTER", "SMALL").replace("CAPITAL LETTER", "CAPITAL")
    other = {"FRAKTUR": "BLACK-LETTER"}.get(alphabet, alphabet)
    for name in (f"MATHEMATICAL {alphabet} {words}", f"{other} {words}"):
        try:
            return unicodedata.lookup(name)
        except KeyError:
            continue
    return ""
