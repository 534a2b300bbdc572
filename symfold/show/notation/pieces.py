"""Pieces: one operation in a style, as literal text with slots for its arguments.

SymPy's printers print each operation once, over stand-ins: SymPy objects of the arguments' kind that each print as one
token. So functions, powers, roots and brackets are SymPy's, and SymPy never sees a deep expression.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sympy as sp

from symfold.show.notation.styles import Style, style_named

# binding strength of a term; an argument that binds less tightly than its slot asks is bracketed; ANY asks for nothing
ANY, LOGIC, NEGATION, RELATION, SUM, PRODUCT, POWER, ATOM = range(-4, 4)

Slot = tuple[int, int]  # which argument, and how tightly it must bind
Pieces = tuple["str | Slot", ...]

FIRST_TOKEN = 0xF0000  # private characters of Unicode, which occur in no name or number


class _Token:
    """A SymPy object that prints as one character in every style."""

    args: tuple[Any, ...]

    def _sympystr(self, printer: Any) -> str:
        return str(self.args[0].name)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return str(self.args[0].name) + (f"^{{{exp}}}" if exp else "")

    def _mathml_presentation(self, printer: Any) -> Any:
        element = printer.dom.createElement("mi")
        element.appendChild(printer.dom.createTextNode(self.args[0].name))
        return element


class _SumToken(_Token, sp.Add):
    pass


class _ProductToken(_Token, sp.Mul):
    pass


class _PowerToken(_Token, sp.Pow):
    pass


_OTHER = sp.Symbol("other")


Kind = tuple[int, "sp.Expr | None"]  # how tightly an argument binds, or the number that it is


def _stand_in(position: int, kind: Kind) -> sp.Basic:
    token = sp.Symbol(chr(FIRST_TOKEN + position))
    if kind[1] is not None:
        return kind[1]
    token_class = {SUM: _SumToken, PRODUCT: _ProductToken, POWER: _PowerToken}.get(kind[0])
    return token if token_class is None else token_class(token, _OTHER, evaluate=False)


@lru_cache(maxsize=4096)
def sympy_pieces(style_key: str, head: Any, kinds: tuple[Kind, ...]) -> Pieces:
    """How SymPy prints a function or a power of arguments of these kinds.

    >>> sympy_pieces("text", sp.Pow, ((SUM, None), (ATOM, sp.Integer(2))))
    ('(', (0, -4), ')**2')
    """
    stand_ins = [_stand_in(position, kind) for position, kind in enumerate(kinds)]
    printed = style_named(style_key).print(head(*stand_ins, evaluate=False))
    token = f"[{chr(FIRST_TOKEN)}-{chr(FIRST_TOKEN + len(kinds))}]"
    if style_key == "mathml":
        token = f"<mi>{token}</mi>"
    parts: list[str | Slot] = []
    for part in re.split(f"({token})", printed):
        mark = re.search(f"[{chr(FIRST_TOKEN)}-{chr(FIRST_TOKEN + len(kinds))}]", part)
        if mark:
            parts.append((ord(mark[0]) - FIRST_TOKEN, ANY))  # SymPy has already written the brackets
        elif part:
            parts.append(part)
    return tuple(parts)


def call_pieces(name: str | Slot, count: int, first: int, style: Style, extra: Sequence[str] = ()) -> Pieces:
    """The pieces of `name(argument, ...)`."""
    start, between, end = style.call
    parts: list[str | Slot] = [style.group[0], name, start]
    for position in range(count):
        parts += [*([between] if position else []), (first + position, ANY)]
    for position, text in enumerate(extra):
        parts += [*([between] if position or count else []), text]
    return tuple(part for part in (*parts, end, style.group[1]) if part)
