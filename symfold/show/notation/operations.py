"""Operations: the pieces of any one operation, and how tightly it binds."""

from __future__ import annotations

import sympy as sp

from symfold.core.blocks import Call
from symfold.core.leaves import Constant, FrozenArray
from symfold.core.primitives import Apply
from symfold.show.notation.choices import choice_level, choice_pieces
from symfold.show.notation.linear_maps import LinearMap
from symfold.show.notation.pieces import ANY, ATOM, POWER, PRODUCT, SUM, Kind, Pieces, Slot, call_pieces, sympy_pieces
from symfold.show.notation.primitive_rows import plain_words, shown
from symfold.show.notation.styles import Style
from symfold.show.notation.terms import At, Listing, Name, Term, is_negative, number_of, show_size

LOGARITHMS = {"log2": r"\log_{2}", "log10": r"\log_{10}"}


def level(term: Term, style: Style) -> int:
    """How tightly a term binds in a style."""
    op = term.op
    if (chosen := choice_level(op, style)) is not None:
        return chosen
    if op is sp.Add:
        return SUM
    if op is sp.Mul:
        return SUM if is_negative(term) else PRODUCT
    if op is sp.Pow or (op is sp.exp and style.key in ("latex", "mathml")):
        return POWER
    if (value := number_of(term)) is not None:
        if value.is_negative:
            return SUM
        return (
            ATOM if value.is_Integer or value.is_NumberSymbol or (value.is_Float and "e" not in str(value)) else PRODUCT
        )
    if isinstance(op, LinearMap):
        return op.drawn(term, style)[1]
    # a layer, a name, a listing: never bracketed
    return shown(term, style)[1] if isinstance(op, Apply) else ATOM


def function_pieces(term: Term, style: Style) -> Pieces:
    """The pieces of a SymPy function or power."""
    if (chosen := choice_pieces(term, style)) is not None:
        return chosen
    if style.key == "latex" and not term.op.__module__.startswith("sympy."):
        return call_pieces(LOGARITHMS.get(term.op.__name__) or style.word(term.op.__name__), len(term.args), 0, style)
    kinds = tuple(_kind(arg, style) for arg in term.args)
    return sympy_pieces(style.key, term.op, kinds)


def _kind(arg: Term, style: Style) -> Kind:
    if (value := number_of(arg)) is not None:
        return ATOM, value
    # to SymPy a product that begins with a minus sign is still a product; a comparison is bracketed like a sum
    return (PRODUCT if arg.op is sp.Mul else max(level(arg, style), SUM)), None


def pieces(term: Term, style: Style) -> Pieces:
    """The pieces of one operation (`writing` writes sums and products)."""
    op = term.op
    if isinstance(op, Name):
        return (style.name(op),)
    if isinstance(op, Constant):
        return (plain_words(constant_text(op), style) if isinstance(op.value, FrozenArray) else style.print(op.value),)
    if isinstance(op, type):
        return function_pieces(term, style)
    if isinstance(op, Call):
        return _layer_pieces(term, style)
    if isinstance(op, Apply):
        return shown(term, style)[0]
    if isinstance(op, LinearMap):
        return op.drawn(term, style)[0]
    if isinstance(op, At):
        position = plain_words(show_size(op.position), style) if style.key == "mathml" else show_size(op.position)
        return ((0, ATOM), style.square[0], position, style.square[1])
    assert isinstance(op, Listing)
    between = style.call[1]
    listed: list[str | Slot] = []
    for entry in range(len(term.args)):
        listed += [
            *([between] if entry else []),
            *([style.ellipsis, between] if op.elided and entry == 1 else []),
            (entry, ANY),
        ]
    return (style.square[0], *listed, style.square[1])


def _layer_pieces(term: Term, style: Style) -> Pieces:
    """A layer applied to its inputs; its parameters are part of its name."""
    name = term.args[0].op
    arity = term.op.arity
    first = style.word(name.stem) if isinstance(name, Name) and name.index is None else (0, ANY)
    return call_pieces(first, arity, 1, style)


def constant_text(op: Constant) -> str:
    """A constant array in short: its numbers if they are few, else its shape."""
    array = op.value.array
    return str(array.tolist()) if array.size <= 6 else f"array{tuple(array.shape)}".replace(" ", "")
