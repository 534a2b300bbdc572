"""Operations: the parts of one operation, and how tightly it binds. `ROWS` has a row for each operation or kind.

SymPy's printers print each function once, over stand-ins: SymPy objects of the arguments' kind that each print as one
token. So functions, powers, roots and brackets are SymPy's, and SymPy never sees a deep expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from html import escape
from typing import Any, NamedTuple

import sympy as sp

from symfold.core.blocks import Call
from symfold.core.leaves import NEGATIVE_ZERO, Constant, FrozenArray
from symfold.core.primitives import Apply
from symfold.show.notation.latex import escaped, latex_size
from symfold.show.notation.styles import Style, style_named
from symfold.show.notation.terms import At, Listing, Name, Part, Term, number_of, show_size

# how tightly a term binds; one that binds less tightly than its place demands is bracketed; ANY demands nothing
ANY, LOGIC, NEGATION, RELATION, SUM, PRODUCT, POWER, ATOM = range(-4, 4)


class Row(NamedTuple):
    """How an operation is written, and how tightly its text binds."""

    parts: Callable[[Term, Style], list[Part]]
    level: int | Callable[[Term, Style], int] = ATOM


# by SymPy class, by name of a primitive, by class of other operations; `type` stands for any function
ROWS: dict[Any, Row] = {}


def _row(op: Any) -> Row:
    if isinstance(op, type):
        return ROWS.get(op) or ROWS[type]
    if isinstance(op, Apply):
        return ROWS.get(op.primitive.name) or ROWS[Apply]
    return ROWS[type(op)]


def parts_of(term: Term, style: Style) -> list[Part]:
    """The parts of a term."""
    return _row(term.op).parts(term, style)


def level(term: Term, style: Style) -> int:
    """How tightly a term binds in a style."""
    binds = _row(term.op).level
    return binds if isinstance(binds, int) else binds(term, style)


def bracketed(term: Term, need: int, style: Style) -> list[Part]:
    """A term, in brackets if it binds less tightly than needed."""
    return [style.bracket[0], term, style.bracket[1]] if level(term, style) < need else [term]


def grouped(parts: list[Part], style: Style) -> list[Part]:
    return [style.group[0], *parts, style.group[1]] if style.group[0] else parts


def separated(parts: Iterable[Part], between: str) -> list[Part]:
    """Parts with a separator between them."""
    return [text for part in parts for text in (between, part)][1:]


def call(name: Part, arguments: Sequence[Part], style: Style) -> list[Part]:
    """The parts of `name(argument, ...)`."""
    start, between, end = style.call
    return grouped([name, start, *separated(arguments, between), end], style)


def plain_words(text: str, style: Style) -> str:
    """Words within formulas."""
    if style.key == "latex":
        return rf"\text{{{escaped(text)}}}"
    return f"<mtext>{escape(text, quote=False)}</mtext>" if style.key == "mathml" else text


# ---------------------------------------------------------------- functions, by SymPy's printers

LOGARITHMS = {"log2": r"\log_{2}", "log10": r"\log_{10}"}
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


TOKENS = {SUM: _SumToken, PRODUCT: _ProductToken, POWER: _PowerToken}
_OTHER = sp.Symbol("other")

Kind = tuple[int, "sp.Expr | None"]  # how tightly an argument binds, or the number that it is


def _stand_in(position: int, kind: Kind) -> sp.Basic:
    token = sp.Symbol(chr(FIRST_TOKEN + position))
    if kind[1] is not None:
        return kind[1]
    return TOKENS[kind[0]](token, _OTHER, evaluate=False) if kind[0] in TOKENS else token


@lru_cache(maxsize=4096)
def printed(style_key: str, head: Any, kinds: tuple[Kind, ...]) -> tuple[str | int, ...]:
    """A function or a power of arguments of these kinds as SymPy prints it, with the arguments by position.

    >>> printed("text", sp.Pow, ((SUM, None), (ATOM, sp.Integer(2))))
    ('(', 0, ')**2')
    """
    stand_ins = [_stand_in(position, kind) for position, kind in enumerate(kinds)]
    text = style_named(style_key).print(head(*stand_ins, evaluate=False))
    token = f"([{chr(FIRST_TOKEN)}-{chr(FIRST_TOKEN + len(kinds))}])"
    split = re.split(f"<mi>{token}</mi>" if style_key == "mathml" else token, text)
    return tuple(ord(part) - FIRST_TOKEN if place % 2 else part for place, part in enumerate(split) if part)


def function_parts(term: Term, style: Style) -> list[Part]:
    """The parts of a SymPy function or power."""
    name = term.op.__name__
    if style.key == "latex" and not term.op.__module__.startswith("sympy."):
        return call(LOGARITHMS.get(name) or style.function(name), term.args, style)
    kinds = tuple(_kind(arg, style) for arg in term.args)
    return [part if isinstance(part, str) else term.args[part] for part in printed(style.key, term.op, kinds)]


def _kind(arg: Term, style: Style) -> Kind:
    if (value := number_of(arg)) is not None:
        return ATOM, value
    # to SymPy a product that begins with a minus sign is still a product; a comparison is bracketed like a sum
    return (PRODUCT if arg.op is sp.Mul else max(level(arg, style), SUM)), None


# ---------------------------------------------------------------- names, constants, layers, entries


def constant_text(op: Constant) -> str:
    """A constant array in short: its numbers if they are few, else its shape."""
    array = op.value.array
    return str(array.tolist()) if array.size <= 6 else f"array{tuple(array.shape)}".replace(" ", "")


def _constant(term: Term, style: Style) -> list[Part]:
    op = term.op
    if op == NEGATIVE_ZERO:
        return grouped([style.negative, style.print(sp.Float(0.0))], style)
    return [plain_words(constant_text(op), style) if isinstance(op.value, FrozenArray) else style.print(op.value)]


def _constant_level(term: Term, style: Style) -> int:
    value = number_of(term)
    if value is None:
        return SUM if term.op == NEGATIVE_ZERO else ATOM
    if value.is_negative:
        return SUM
    plain = value.is_Integer or value.is_NumberSymbol or value.is_Symbol or (value.is_Float and "e" not in str(value))
    return ATOM if plain else PRODUCT


def _layer(term: Term, style: Style) -> list[Part]:
    """A layer applied to its inputs; its parameters are part of its name."""
    name, *args = term.args
    return call(name, args[: term.op.arity], style)


def _at(term: Term, style: Style) -> list[Part]:
    position = show_size(term.op.position)
    if style.key == "mathml":
        position = plain_words(position, style)
    elif style.key == "latex":
        position = latex_size(term.op.position)
    return [*bracketed(term.args[0], ATOM, style), style.square[0], position, style.square[1]]


def _listing(term: Term, style: Style) -> list[Part]:
    elided = [style.ellipsis] if term.op.elided else []
    return [style.square[0], *separated([*term.args[:-1], *elided, *term.args[-1:]], style.call[1]), style.square[1]]


ROWS |= {
    type: Row(function_parts),
    sp.Pow: Row(function_parts, POWER),
    sp.exp: Row(function_parts, lambda term, style: POWER if style.fraction else ATOM),
    Name: Row(lambda term, style: [style.name(term.op)]),
    Constant: Row(_constant, _constant_level),
    Call: Row(_layer),
    At: Row(_at),
    Listing: Row(_listing),
}
