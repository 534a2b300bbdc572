"""Primitives in formulas. A primitive is written `name(arguments, attribute=value)`, unless it has a row here.

A pattern is text with `@0:2` for argument 0, bracketed unless it binds at least as tightly as a power (2; an atom is 3),
and `@name` for an attribute.
"""

from __future__ import annotations

import re
from typing import Any

from symfold.core.leaves import Constant
from symfold.core.primitives import Apply
from symfold.core.shapes import Rest, is_known, show
from symfold.show.notation.arithmetic import begins_with_digit
from symfold.show.notation.operations import (
    ATOM,
    POWER,
    PRODUCT,
    ROWS,
    Row,
    bracketed,
    call,
    grouped,
    plain_words,
    separated,
)
from symfold.show.notation.styles import Style, mathml_name
from symfold.show.notation.terms import Name, Part, Term

# the pattern of a style, and how tightly its text binds; Unicode takes the one of text
PATTERNS: dict[str, dict[str, tuple[str, int]]] = {
    "transpose": {"text": ("@0:3.T", ATOM), "latex": (r"@0:3^{\top}", POWER), "mathml": ("<msup>@0:3<mo>⊤</mo></msup>", POWER)},
    **{name: {"text": (f"@0:3[{index}]", ATOM), "latex": (rf"@0:3\left[{index}\right]", ATOM),
              "mathml": (f"<mrow>@0:3<mo>[</mo><mtext>{index}</mtext><mo>]</mo></mrow>", ATOM)}
       for name, index in (("item", "@index"), ("take", "@positions"))},
}  # fmt: skip


def generic(term: Term, style: Style) -> list[Part]:
    """name(argument, ..., attribute=value), with the attributes that are not at their usual values."""
    attributes = [plain_words(attribute, style) for attribute in unusual_attributes(term.op)]
    return call(style.function(term.op.primitive.name), [*term.args, *attributes], style)


def _pattern(term: Term, style: Style) -> tuple[str, int] | None:
    return PATTERNS[term.op.primitive.name].get("text" if style.key == "unicode" else style.key)


def _by_pattern(term: Term, style: Style) -> list[Part]:
    if (pattern := _pattern(term, style)) is None:
        return generic(term, style)
    parts: list[Part] = []
    for literal, position, need, attribute in re.findall(r"([^@]+)|@(\d):(\d)|@([a-z]+)", pattern[0]):
        if position:
            parts += bracketed(term.args[int(position)], int(need), style)
        else:
            parts.append(literal or _index_in(style, show_index(dict(term.op.attributes)[attribute])))
    return parts


def _pattern_level(term: Term, style: Style) -> int:
    pattern = _pattern(term, style)
    return pattern[1] if pattern else ATOM


def _dot(term: Term, style: Style) -> list[Part]:
    """A product of matrices, side by side where a style draws, unless a digit would follow."""
    if not style.fraction:
        return generic(term, style)
    sign = style.dot if begins_with_digit(term.args[1]) else style.times
    left, right = (bracketed(arg, POWER, style) for arg in term.args)
    return grouped([*left, sign, *right], style)


def _sum(term: Term, style: Style) -> list[Part]:
    """A sum over all entries, or over some axes."""
    attributes = dict(term.op.attributes)
    axes = "" if attributes["axis"] is None else ", ".join(map(str, attributes["axis"]))
    if style.key == "latex":
        sign = r"\sum" + (rf"_{{\text{{axis }} {axes}}}" if axes else "") + " "
    elif style.key == "mathml":
        sign = "<mo>∑</mo>" if not axes else f"<munder><mo>∑</mo><mtext>axis {axes}</mtext></munder>"
    else:
        return generic(term, style)
    return grouped([sign, *bracketed(term.args[0], PRODUCT, style)], style)


def _pullback(term: Term, style: Style) -> list[Part]:
    """The transposed Jacobian of a layer at its inputs, applied to a cotangent: `f1'(z1)^T a`.

    For a layer of several inputs, the derivative by the second one is `f1'_2(z1, u)^T a`.
    """
    layer, *inputs, cotangent = term.args
    part = "" if len(inputs) < 2 else str(dict(term.op.attributes).get("argument", 0) + 1)
    name: list[Part]
    if style.key == "latex":
        name, top = ["{", layer, "}", f"'_{{({part})}}"] if part else [layer, "'"], r"^{\top} "
    elif style.key == "mathml":
        name, top = _primed(layer, 1, part), "<mo>\u2062</mo>"
    else:
        name, top = [layer, f"'_{part}" if part else "'"], "ᵀ " if style.key == "unicode" else "^T "
    start, between, end = _argument_signs(style)
    at: list[Part] = [*name, start, *separated(inputs, between), end]
    if style.key == "mathml":
        at = ["<msup><mrow>", *at, "</mrow><mo>⊤</mo></msup>"]
    return grouped([*at, top, *bracketed(cotangent, POWER, style)], style)


def _directional(term: Term, style: Style) -> list[Part]:
    """A derivative of a layer in some directions: `f1'(x)[u]`, `f1''(x)[u, v]`, `f1^(4)(x)[...]`.

    For a layer of several inputs, the index names the input of each direction: `f1''_12(z, y)[u, v]`.
    """
    layer, *args = term.args
    arity, order, part = directions_of(term)
    name: list[Part]
    if style.key == "mathml":
        name = _primed(layer, order, part)
    elif style.key == "latex":
        mark = "'" * order if order <= 3 else f"^{{({order})}}"
        name = ["{", layer, "}", f"{mark}_{{({part})}}"] if part else [layer, mark]
    else:
        name = [layer, ("'" * order if order <= 3 else f"^({order})") + (f"_{part}" if part else "")]
    start, between, end = _argument_signs(style)
    at = [start, *separated(args[:arity], between), end]
    along = [style.square[0], *separated(args[arity : arity + order], between), style.square[1]]
    return grouped([*name, *at, *along], style)


def _primed(layer: Term, order: int, part: str) -> list[Part]:
    """A derivative's name in MathML: a prime belongs to the letter, and is raised already, so it is no exponent."""
    if order > 3:
        mark = f"<mrow><mo>(</mo><mn>{order}</mn><mo>)</mo></mrow>"
        return ["<msubsup>", layer, f"<mn>{part}</mn>{mark}</msubsup>"] if part else ["<msup>", layer, f"{mark}</msup>"]
    mark = f'<mo lspace="0" rspace="0">{" ′″‴"[order]}</mo>'
    name: list[Part] = (
        [mathml_name(layer.op, mark)] if isinstance(layer.op, Name) else ["<mrow>", layer, f"{mark}</mrow>"]
    )
    return ["<msub>", *name, f"<mn>{part}</mn></msub>"] if part else name


def _argument_signs(style: Style) -> tuple[str, str, str]:
    return (r"\left(", ", ", r"\right)") if style.key == "latex" else style.call


def directions_of(term: Term) -> tuple[int, int, str]:
    """The numbers of inputs and of directions of a directional derivative, and the inputs of the directions as text."""
    attributes = dict(term.op.attributes)
    arity, slots = attributes["arity"], attributes["slots"]
    numbers = [str(slot + 1) for slot in slots] if arity > 1 or any(slots) else []
    return arity, len(slots), ("" if all(len(number) == 1 for number in numbers) else ",").join(numbers)


def _spread(term: Term, style: Style) -> list[Part]:
    """A zero broadcast to a shape is shown as 0, and any value broadcast to an unknown shape as itself."""
    value = term.args[0].op
    if not is_known(dict(term.op.attributes).get("shape", ())):
        return [term.args[0]]
    if isinstance(value, Constant) and value.value == 0:
        return ["<mn>0</mn>" if style.key == "mathml" else "0"]
    return generic(term, style)


ONES, ZEROS = {(1,) * rank for rank in range(1, 4)}, {(0,) * rank for rank in range(1, 4)}
WINDOWS: dict[str, Any] = {"stride": ONES, "dilation": ONES, "padding": ZEROS, "groups": {1}, "fill": {0.0}}
USUAL: dict[str, dict[str, Any]] = {
    "softmax": {"axis": {(-1,)}}, "safe_softmax": {"axis": {(-1,)}}, "layer_norm": {"axes": {(-1,)}, "epsilon": {1e-5}},
    "group_norm": {"epsilon": {1e-5}}, "interpolate": {"step": {(None,) * rank for rank in range(1, 4)}}, "pad": {"mode": {"constant"}},
    "transposed_convolution": {**WINDOWS, "extra": ZEROS},
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
    return [
        f"{key}={value if key == 'widths' else show_attribute(value)}"
        for key, value in attributes
        if value not in usual.get(key, ())
    ]


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


def _index_in(style: Style, index: str) -> str:
    r"""An index in a style: in LaTeX, the names of sizes are upright.

    >>> from symfold.show.notation.styles import STYLES
    >>> _index_in(STYLES["latex"], "0:sequence"), _index_in(STYLES["latex"], "0:n"), _index_in(STYLES["text"], "0:size")
    ('0:\\mathrm{sequence}', '0:n', '0:size')
    """
    return re.sub(r"[^\W\d_]\w+", r"\\mathrm{\g<0>}", index) if style.key == "latex" else index


def show_index(value: Any) -> str:
    """The index between the brackets of an entry: `0`, `..., 0:3`."""
    if isinstance(value, tuple) and all(isinstance(part, int) for part in value):
        return ", ".join(map(str, value)) if len(value) <= 8 else f"{value[0]}, ..., {value[-1]}"
    return show_attribute(value)


ROWS |= dict.fromkeys(PATTERNS, Row(_by_pattern, _pattern_level)) | {
    Apply: Row(generic),
    "dot": Row(_dot, lambda term, style: PRODUCT if style.fraction else ATOM),
    "sum": Row(_sum, lambda term, style: PRODUCT if style.fraction else ATOM),
    "pullback": Row(_pullback, PRODUCT),
    "directional": Row(_directional),
    "broadcast_to": Row(_spread),
    "broadcast_like": Row(_spread),
    "tap": Row(lambda term, style: [term.args[0]]),  # a tapped layer output is shown as itself
}
