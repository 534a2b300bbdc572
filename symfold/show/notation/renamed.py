"""Symbols of a reader's own: names that a formula writes in place of its names and letters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import sympy as sp

from symfold.base.arguments import quoted
from symfold.core.leaves import checked_name
from symfold.core.net import Net
from symfold.core.shapes import Size
from symfold.errors import InvalidType, InvalidValue, UnknownKey, listing
from symfold.show.notation.distinct_names import class_of
from symfold.show.notation.foldform import Line, fold_lines
from symfold.show.notation.latex import latex_size
from symfold.show.notation.letters import letter
from symfold.show.notation.loops import INDICES, scope_of
from symfold.show.notation.styles import Style
from symfold.show.notation.terms import Name

USUAL = frozenset((*INDICES[:4], "n"))  # letters that a net may lack, as n at a fixed depth
WORDS = ("out", "step", "J", "g")  # of pictures, and of derivatives


@dataclass(frozen=True)
class Renaming:
    """The symbols to write by name, and what is written: each symbol with the names that it stands for."""

    names: Mapping[str, str]
    given: Mapping[str, str] = field(default_factory=dict)  # as the reader typed them
    written: dict[str, set[str]] = field(default_factory=dict)

    def symbol(self, word: str) -> str:
        """The symbol for a name."""
        symbol = self.names.get(word, word)
        self.written.setdefault(class_of(Name(symbol)), set()).add(word if word in self.names else class_of(Name(word)))
        return symbol

    def size(self, size: Size) -> Size:
        """An index or a depth in the reader's symbols."""
        if not isinstance(size, sp.Expr):
            return size
        return size.xreplace({letter: sp.Symbol(self.symbol(letter.name)) for letter in size.free_symbols})

    def line(self, line: Line) -> Line:
        """A line whose range is in the reader's symbols."""
        if not line.variable:
            return line
        return replace(
            line, variable=self.symbol(line.variable), first=self.size(line.first), last=self.size(line.last)
        )

    def style(self, style: Style) -> Style:
        """A style that writes the reader's symbols."""

        def write_name(name: Name) -> str:
            return self._written(name, style)

        def write_expression(expression: sp.Basic) -> str:
            letters = {letter: sp.Symbol(self.symbol(letter.name)) for letter in expression.free_symbols}
            return style.print(expression.xreplace(letters) if letters else expression)

        def write_size(size: str) -> str:
            return re.sub(r"[^\W\d_]\w*", lambda word: self.symbol(word[0]), size)

        return replace(style, name=write_name, print=write_expression, size=write_size)

    def _written(self, name: Name, style: Style) -> str:
        if not name.stem.isidentifier():  # a mark, or a derivative
            return style.name(name)
        index = None if name.index is None else self.size(name.index)
        stem, digits = name.stem, ""
        numbered = re.fullmatch(r"(.*?)_?(\d*)_?", stem)  # layers ln1_0, ln1_1, ... have the stem ln1_
        if stem not in self.names and numbered:
            stem = next((word for word in (stem.rstrip("_"), numbered[1]) if word in self.names), stem)
            digits = numbered[2] if stem == numbered[1] else ""
        symbol = self.symbol(stem)
        if symbol.isidentifier():
            return style.name(replace(name, stem=symbol + digits, index=index))
        number = ",".join(filter(None, (digits, "" if index is None else latex_size(index))))
        return (f"{{{symbol}}}" if "_" in symbol else symbol) + (f"_{{{number}}}" if number else "")

    def check(self, net: Net) -> None:
        """Raise if no form of a net has a name, or if a symbol stands for two things."""
        written = {name for names in self.written.values() for name in names}
        for name, symbol in self.names.items():
            what = f"names={{{name!r}: {self.given.get(name, symbol)!r}}}"
            if name not in written and name not in (*USUAL, *WORDS) and name not in letters_of(net):
                shown = sorted({word.rstrip("_") for word in written})
                raise UnknownKey(f"{what}: the net has no {name!r} (its names: {listing(shown, 20)})")
            others = self.written.get(class_of(Name(symbol)), {name}) - {name}
            if others and name in written:
                raise InvalidValue(
                    f"{what}: the formula writes {self.given.get(name, symbol)!r} for {min(others)!r} already "
                    "(give another symbol)"
                )


def letters_of(net: Net) -> set[str]:
    """The names of a net, and the letters of its states, indices and values, whether a form shows them or not."""
    scope, letters = scope_of(net)
    found, waiting = set(letters.taken), [scope]
    while waiting:
        loops = list(waiting.pop().loops.values())
        found.update(loop.variable for loop in loops)
        waiting += [loop.scope for loop in loops]
    found.update(line.name.op.stem for line in fold_lines(net) if isinstance(line.name.op, Name))
    return found


def renaming(names: object, style: str) -> Renaming:
    r"""The renaming of checked names in a style, or in pictures ("picture").

    A symbol is a name, a letter of LaTeX with an index or an exponent, or in LaTeX any formula.

    >>> renaming({"z": r"\mathbf{h}"}, "unicode").names, renaming({"z": r"\mathbf{h}"}, "text").names
    ({'z': '𝐡'}, {'z': 'h'})
    >>> renaming({"z": "h t"}, "text")
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidValue: 'h t' is not a name (use letters, digits and underscores, and begin with a letter)
    """
    if not isinstance(names, Mapping):
        raise InvalidType(f"names={quoted(names)} is not a dict (give symbols by name, as names={{'z': 'h'}})")
    shown: dict[str, str] = {}
    for name, symbol in names.items():
        checked_name(name)
        if not isinstance(symbol, str) or (style != "latex" and not re.search(r"[\\_^]", symbol)):
            checked_name(symbol)
        known = letter(symbol)
        if known is None and style != "latex":
            raise InvalidValue(
                f"names={{{name!r}: {symbol!r}}}: outside LaTeX a symbol is a name or a letter "
                r"(as 'phi', r'\phi', r'\mathbf{h}', r'\mathcal{F}', r'\hat{x}', r'x_{\mathrm{in}}' or 'h^{*}')"
            )
        if style == "latex" and not is_formula(symbol):
            raise InvalidValue(
                f"names={{{name!r}: {symbol!r}}} is no symbol "
                "(give a name, or LaTeX with closed braces and none of $ % & # and \\\\)"
            )
        if style == "latex" or known is None:
            shown[name] = symbol
        else:
            simple = style == "picture" or known.sign.isidentifier()
            shown[name] = known.sign if style != "text" and simple else known.word
    return Renaming(shown, dict(names))


def checked_label(label: str | None, style: str) -> str:
    """A label of LaTeX, `eq:` in front of it; empty if none is asked for."""
    if label is None:
        return ""
    if style != "latex":
        raise InvalidValue(f'label={label!r}: the style {style!r} has no labels (give style="latex")')
    if not isinstance(label, str) or not re.fullmatch(r"[A-Za-z0-9:._-]+", label):
        raise InvalidValue(f"label={quoted(label)} is no label (use letters, digits and : . _ -, as 'resnet')")
    return label if ":" in label else f"eq:{label}"


def is_formula(text: str) -> bool:
    """Whether a text can stand in the middle of a LaTeX formula.

    >>> is_formula(r"\\hat{x}"), is_formula("{x"), is_formula("x & y")
    (True, False, False)
    """
    depths = [0]
    for sign in re.sub(r"\\[{}]", "", text):
        depths.append(depths[-1] + (sign == "{") - (sign == "}"))
    closed = min(depths) == depths[-1] == 0
    return bool(text.strip()) and closed and not re.search(r"[$%&#\n]|\\\\|\\$", text)
