"""Spellings of primitives other than `name(arguments, attribute=value)`. A new primitive may have a row here.

A row's pattern is text with `@0`, `@1`, ... for the arguments and `@name` for an attribute; `@0:2` asks argument 0 to
bind at least as tightly as a power.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from symfold.core.leaves import Constant
from symfold.core.primitives import Apply
from symfold.core.shapes import Rest, show
from symfold.show.notation.pieces import ANY, ATOM, POWER, PRODUCT, Pieces, Slot, call_pieces
from symfold.show.notation.styles import Style, escaped
from symfold.show.notation.terms import Term


@dataclass(frozen=True)
class Row:
    """How a primitive is shown: a pattern for each style that has its own, and how tightly the result binds."""

    text: tuple[str, int] | None = None
    latex: tuple[str, int] | None = None
    mathml: tuple[str, int] | None = None

    def of(self, style: Style) -> tuple[str, int] | None:
        pattern: tuple[str, int] | None = getattr(self, "text" if style.key == "unicode" else style.key)
        return pattern


PATTERNS: dict[str, Row] = {
    "dot": Row(latex=("@0:2 @1:2", PRODUCT), mathml=("<mrow>@0:2<mo>\u2062</mo>@1:2</mrow>", PRODUCT)),
    "transpose": Row(text=("@0:3.T", ATOM), latex=(r"@0:3^{\top}", POWER), mathml=("<msup>@0:3<mo>⊤</mo></msup>", POWER)),
    "item": Row(text=("@0:3[@index]", ATOM), latex=(r"@0:3\left[@index\right]", ATOM),
                mathml=("<mrow>@0:3<mo>[</mo><mtext>@index</mtext><mo>]</mo></mrow>", ATOM)),
    "take": Row(text=("@0:3[@positions]", ATOM), latex=(r"@0:3\left[@positions\right]", ATOM),
                mathml=("<mrow>@0:3<mo>[</mo><mtext>@positions</mtext><mo>]</mo></mrow>", ATOM)),
}  # fmt: skip

# primitives whose pattern depends on their attributes or their number of arguments
BUILDERS: dict[str, Callable[[Term, Style], tuple[Pieces, int]]] = {}


def _sum(term: Term, style: Style) -> tuple[Pieces, int]:
    """A sum over all entries, or over some axes."""
    attributes = dict(term.op.attributes)
    axes = "" if attributes["axis"] is None else ", ".join(map(str, attributes["axis"]))
    if style.key == "latex":
        sign = r"\sum" + (rf"_{{\text{{axis }} {axes}}}" if axes else "")
        return (f"{sign} ", (0, PRODUCT)), PRODUCT
    if style.key == "mathml":
        sign = "<mo>∑</mo>" if not axes else f"<munder><mo>∑</mo><mtext>axis {axes}</mtext></munder>"
        return ("<mrow>", sign, (0, PRODUCT), "</mrow>"), PRODUCT
    return generic(term, style)


def _pullback(term: Term, style: Style) -> tuple[Pieces, int]:
    """The transposed Jacobian of a layer at its inputs, applied to a cotangent: `f1'(z1)^T a`.

    For a layer of several inputs, the derivative by the second one is `f1'_2(z1, u)^T a`.
    """
    inputs = len(term.args) - 2
    which = dict(term.op.attributes).get("argument", 0) + 1
    part = "" if inputs < 2 else str(which)
    if style.key == "latex":
        mark = "'" + (f"_{{({part})}}" if part else "")
        name: tuple[str | Slot, ...] = ("{", (0, ANY), "}", mark) if part else ((0, ANY), mark)
        top = (r"^{\top} ",)
    elif style.key == "mathml":
        name = ("<msup>", (0, ANY), f"<mrow><mo>′</mo><mn>{part}</mn></mrow>" if part else "<mo>′</mo>", "</msup>")
        top = ("<mo>\u2062</mo>",)
    else:
        name = ((0, ANY), "'" + (f"_{part}" if part else ""))
        top = ("ᵀ " if style.key == "unicode" else "^T ",)
    start, between, end = ("\\left(", ", ", "\\right)") if style.key == "latex" else style.call
    listed: list[str | Slot] = []
    for position in range(inputs):
        listed += [*([between] if position else []), (1 + position, ANY)]
    at = (*name, start, *listed, end)
    if style.key == "mathml":
        at = ("<msup><mrow>", *at, "</mrow><mo>⊤</mo></msup>")
    return (style.group[0], *at, *top, (inputs + 1, POWER), style.group[1]), PRODUCT


def _directional(term: Term, style: Style) -> tuple[Pieces, int]:
    """A derivative of a layer in some directions: `f1'(x)[u]`, `f1''(x)[u, v]`, `f1^(4)(x)[...]`.

    For a layer of several inputs, the index names the input of each direction: `f1''_12(z, y)[u, v]`.
    """
    arity, order, part = directions_of(term)
    if style.key == "mathml":
        mark = f"<mo>{' ′″‴'[order]}</mo>" if order <= 3 else f"<mrow><mo>(</mo><mn>{order}</mn><mo>)</mo></mrow>"
        name: tuple[str | Slot, ...] = (
            ("<msubsup>", (0, ANY), f"<mn>{part}</mn>{mark}</msubsup>")
            if part
            else ("<msup>", (0, ANY), f"{mark}</msup>")
        )
    else:
        mark = "'" * order if order <= 3 else f"^{{({order})}}" if style.key == "latex" else f"^({order})"
        latex = style.key == "latex"
        name = (
            *(("{", (0, ANY), "}") if latex and part else ((0, ANY),)),
            mark,
            (f"_{{({part})}}" if latex else f"_{part}") if part else "",
        )
    start, between, end = (r"\left(", ", ", r"\right)") if style.key == "latex" else style.call
    at = _between(range(1, 1 + arity), between)
    along = _between(range(1 + arity, 1 + arity + order), between)
    return (style.group[0], *name, start, *at, end, style.square[0], *along, style.square[1], style.group[1]), ATOM


def directions_of(term: Term) -> tuple[int, int, str]:
    """The numbers of inputs and of directions of a directional derivative, and the inputs of the directions as text."""
    attributes = dict(term.op.attributes)
    arity, slots = attributes["arity"], attributes["slots"]
    numbers = [str(slot + 1) for slot in slots] if arity > 1 or any(slots) else []
    return arity, len(slots), ("" if all(len(number) == 1 for number in numbers) else ",").join(numbers)


def _between(positions: range, between: str) -> list[str | Slot]:
    """Slots for arguments, with separators."""
    listed: list[str | Slot] = []
    for position in positions:
        listed += [*([between] if listed else []), (position, ANY)]
    return listed


def _spread(term: Term, style: Style) -> tuple[Pieces, int]:
    """A zero broadcast to a shape is shown as 0."""
    value = term.args[0].op
    if isinstance(value, Constant) and value.value == 0:
        return ("<mn>0</mn>" if style.key == "mathml" else "0",), ATOM
    return generic(term, style)


def _tap(term: Term, style: Style) -> tuple[Pieces, int]:
    """A tapped layer output is shown as itself."""
    return ((0, ANY),), ATOM


BUILDERS["tap"] = _tap
BUILDERS["broadcast_like"] = BUILDERS["broadcast_to"] = _spread
BUILDERS["sum"] = _sum
BUILDERS["pullback"] = _pullback
BUILDERS["directional"] = _directional


def generic(term: Term, style: Style) -> tuple[Pieces, int]:
    """name(argument, ..., attribute=value), with the attributes that are not at their usual values."""
    words = [plain_words(part, style) for part in unusual_attributes(term.op)]
    return call_pieces(style.word(term.op.primitive.name), len(term.args), 0, style, words), ATOM


ONES, ZEROS = {(1,) * rank for rank in range(1, 4)}, {(0,) * rank for rank in range(1, 4)}
WINDOWS: dict[str, Any] = {"stride": ONES, "dilation": ONES, "padding": ZEROS, "groups": {1}, "fill": {0.0}}
USUAL: dict[str, dict[str, Any]] = {
    "softmax": {"axis": {(-1,)}}, "safe_softmax": {"axis": {(-1,)}}, "layer_norm": {"axes": {(-1,)}, "epsilon": {1e-5}},
    **dict.fromkeys(("convolution", "max_pool", "mean_pool", "windows", "add_windows"), WINDOWS),
}  # fmt: skip


def unusual_attributes(op: Apply) -> list[str]:
    """The attributes of a primitive that are not at their usual values.

    >>> from symfold.core.primitives import convolution
    >>> unusual_attributes(Apply(convolution, (("dilation", (1, 1)), ("groups", 2), ("stride", (2, 2)))))
    ['groups=2', 'stride=(2, 2)']
    """
    usual = USUAL.get(op.primitive.name, {})
    attributes = [(key, value) for key, value in op.attributes if value is not None and value is not False]
    return [f"{key}={show_attribute(value)}" for key, value in attributes if value not in usual.get(key, ())]


def plain_words(text: str, style: Style) -> str:
    """Words within formulas."""
    if style.key == "latex":
        return rf"\text{{{escaped(text)}}}"
    return f"<mtext>{text}</mtext>" if style.key == "mathml" else text


def show_attribute(value: Any) -> str:
    """An attribute of a primitive as people write it: an index as NumPy has it, a shape as a shape.

    >>> show_attribute((..., (0, 3))), show_attribute((2, 3)), show_attribute(range(3))
    ('..., 0:3', '(2, 3)', '0:3')
    """
    if isinstance(value, range):
        return f"{value.start}:{value.stop if value.stop >= 0 else ''}" + (f":{value.step}" if value.step != 1 else "")
    if isinstance(value, tuple) and any(part is ... or isinstance(part, tuple) for part in value):
        return ", ".join("..." if part is ... else _show_slice(part) for part in value)
    if isinstance(value, tuple) and any(isinstance(part, Rest) or not isinstance(part, int) for part in value):
        return show(value)
    return str(value)


def _show_slice(part: Any) -> str:
    return ":".join("" if end is None else str(end) for end in part) if isinstance(part, tuple) else str(part)


def show_index(value: Any) -> str:
    """The index between the brackets of an entry: `0`, `..., 0:3`."""
    if isinstance(value, tuple) and all(isinstance(part, int) for part in value):
        return ", ".join(map(str, value)) if len(value) <= 8 else f"{value[0]}, ..., {value[-1]}"
    return show_attribute(value)


@lru_cache(maxsize=4096)
def pattern_pieces(pattern: str, attributes: tuple[tuple[str, Any], ...]) -> Pieces:
    parts: list[str | Slot] = []
    for part in re.split(r"(@\d+(?::\d)?)", pattern):
        if slot := re.fullmatch(r"@(\d+)(?::(\d))?", part):
            parts.append((int(slot[1]), int(slot[2] or ANY)))
        elif part:
            for key, value in attributes:
                part = part.replace(f"@{key}", show_index(value))
            parts.append(part)
    return tuple(parts)


def shown(term: Term, style: Style) -> tuple[Pieces, int]:
    """The pieces of a primitive, and how tightly it binds."""
    name = term.op.primitive.name
    if name in BUILDERS:
        return BUILDERS[name](term, style)
    row = PATTERNS.get(name)
    pattern = row.of(style) if row else None
    return (pattern_pieces(pattern[0], term.op.attributes), pattern[1]) if pattern else generic(term, style)
