"""HTML for notebooks: formulas, pictures and words in elements that survive a notebook opened without trust.

JupyterLab removes MathML, SVG, styles and scripts from the outputs of a notebook that it does not trust, and keeps
their text, so that a power reads `(1+t)3`. Hence formulas here are words with `sub` and `sup`, pictures are images.
"""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from html import escape, unescape
from typing import ParamSpec
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

P = ParamSpec("P")

SERIF = "font-family: Latin Modern Roman, STIX Two Text, Cambria, Times New Roman, serif"
BLOCK = f"{SERIF}; font-size: 115%; line-height: 1.6; white-space: nowrap; overflow-x: auto; padding: 2px"
LINE = f"{SERIF}; font-size: 110%"
# limits above and below a sum or a product; JupyterLab without trust drops these styles, and they stand beside the sign
STACK = "display: inline-flex; flex-direction: column; align-items: center; vertical-align: middle; line-height: 1.1"
ABOVE = "order: -1"
LARGE = "font-size: 140%"
PICTURE = "max-width: none; height: auto; background: white"
ENTITY = re.compile(r"&(?!(?:lt|gt|amp|quot);)\w+;")  # of HTML; XML knows only these four
FRAME = "overflow: auto; max-height: 760px"
MOST_IMAGE = 400_000  # bytes of a picture
MOST_MATHML = 20_000  # characters of MathML that a notebook shows

# a name with an index, and primes
NAME = re.compile(r"\b([A-Za-z]|[A-Za-z]\w*?(?=_\{))_(?:\{([^{}<>&]*)\}|([A-Za-z0-9])\b)('*)")

# such a name or a function, with its arguments in brackets; and a letter alone among them
INSIDE = r"[(\[](?:[^()\[\]]|[(\[][^()\[\]]*[)\]])*[)\]]"
FORMULA = re.compile(rf"\b[A-Za-z]\w*?(?:_(?:\{{[^{{}}<>&]*\}}|[A-Za-z0-9]\b))?'*(?:{INSIDE})+|{NAME.pattern}")
LETTER = re.compile(rf"{NAME.pattern}|(?<![\w&])([A-Za-z])(?!\w)")

SPACED = set("=+-−±<>≤≥≠≈→∘⊙∈←∧∨")
OPENING = set("([{|,;")
OPENED, CLOSING = set("([{"), set(")]}")
INVISIBLE = "\u2061\u2062\u2063\u2064"
TIMES = "\u2062"
PRIMES = set("'′″‴")


def shown_safely(display: Callable[P, str | None]) -> Callable[P, str | None]:
    """A display that never raises: where it would, there is nothing to show, and a notebook shows the text."""

    @wraps(display)
    def guarded(*args: P.args, **options: P.kwargs) -> str | None:
        try:
            return display(*args, **options)
        except Exception:  # a display must never raise
            return None

    return guarded


# ---------------------------------------------------------------- words


def element(tag: str, content: str, **attributes: str) -> str:
    """An element around markup; `class_` is the attribute class, and `data_depth` is data-depth.

    >>> element("p", escape("<b>"), class_="lead")
    '<p class="lead">&lt;b&gt;</p>'
    """
    shown = "".join(f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"' for name, value in attributes.items())
    return f"<{tag}{shown}>{content}</{tag}>"


def prose(text: str, class_: str = "") -> str:
    """Plain text, with names such as f_k and z_{k-1}, powers, products, minus signs and epsilon typeset.

    Formulas have the look of formulas, or on a page with a style sheet this class.

    >>> def shown(text):
    ...     return prose(text).replace(LINE, "")
    >>> shown("f_k reads 10^6 & 3*t")
    '<span style=""><i>f</i><sub><i>k</i></sub></span> reads 10<sup>6</sup> &amp; 3\u2009t'
    >>> shown("ln_1_{k-1}")
    '<span style="">ln_1<sub><i>k</i>−1</sub></span>'
    >>> shown("f_2'(x)[v] - 3, of order 2 in epsilon")
    '<span style=""><i>f</i>′<sub>2</sub>(<i>x</i>)[<i>v</i>]</span> − 3, of order 2 in <i>ε</i>'
    """
    look = {"class_": class_} if class_ else {"style": LINE}
    shown = FORMULA.sub(lambda match: _formula(match[0], look), escape(text, quote=False))
    shown = re.sub(r"(?<=[\w)])\*(?=[A-Za-z(])", "\u2009", shown)
    shown = re.sub(r"(?<=\s)-(?=\s|\d)", "−", shown)
    shown = re.sub(r"\bepsilon\b", "<i>ε</i>", shown)
    return re.sub(r"(\w|\)|</i>)\^(\d[\d,]*|\w)", r"\1<sup>\2</sup>", shown)


def _formula(text: str, look: dict[str, str]) -> str:
    """A formula in a text; what has no name with an index is none."""
    return element("span", LETTER.sub(_letter, text), **look) if NAME.search(text) else text


def _letter(match: re.Match[str]) -> str:
    if match[5]:
        return f"<i>{match[5]}</i>"
    name = f"<i>{match[1]}</i>" if len(match[1]) == 1 else match[1]
    primes = "′" * len(match[4])
    index = re.sub(r"(?<!\w)([A-Za-z])(?!\w)", r"<i>\1</i>", (match[2] or match[3]).replace("-", "−"))
    return f"{name}{primes}<sub>{index}</sub>"


def bullets(sentences: Sequence[str], most: int = 20) -> str:
    """Sentences as a list, at most this many.

    >>> bullets(["10^6", "a", "b"], most=2)
    '<ul><li>10<sup>6</sup></li><li>a</li><li>... and 1 more</li></ul>'
    """
    items = [prose(sentence) for sentence in sentences[:most]]
    rest = [f"... and {len(sentences) - most:,} more"] if len(sentences) > most else []
    return element("ul", "".join(element("li", item) for item in items + rest))


# ---------------------------------------------------------------- pictures


def image(svg: str | bytes, description: str) -> str:
    """An SVG as an image with its data in it, which scrolls if it is wide or tall; nothing if it is too large.

    >>> image("<svg/>", "a & b").partition(">")[2][:29]
    '<img alt="a &amp; b" style="m'
    """
    data = svg.encode() if isinstance(svg, str) else svg
    if len(data) > MOST_IMAGE:
        return ""
    encoded = base64.b64encode(data).decode()
    return (
        f'<div style="{FRAME}"><img alt="{escape(description)}" style="{PICTURE}" '
        f'src="data:image/svg+xml;base64,{encoded}"></div>'
    )


# ---------------------------------------------------------------- mathematics


def mathematics(mathml: str, block: bool = True) -> str:
    """MathML as HTML: italic letters, indices, powers, and fractions on one line.

    >>> mathml = "<math><msup><mrow><mo>(</mo><mn>1</mn><mo>+</mo><mi>t</mi><mo>)</mo></mrow><mn>3</mn></msup></math>"
    >>> mathematics(mathml, block=False).partition(">")[2]
    '(1 + <i>t</i>)<sup>3</sup></span>'
    """
    root = ElementTree.fromstring(ENTITY.sub(lambda entity: unescape(entity[0]), mathml))
    rows = [table for table in root if _tag(table) == "mtable"]
    if len(root) == 1 and rows:
        lines = [_joined(cell for cell in row) for row in rows[0]]
    else:
        lines = [_joined(root)]
    if block:
        return element("div", "".join(element("div", line) for line in lines), style=BLOCK)
    return element("span", "<br>".join(lines), style=LINE)


def displayed(mathml: str) -> str | None:
    """MathML as a notebook shows it, or None if it is too long.

    >>> displayed("<mi>x</mi><mo>+</mo><mn>1</mn>").partition("<div>")[2]
    '<i>x</i> + 1</div></div>'
    """
    if len(mathml) > MOST_MATHML:
        return None
    return mathematics(mathml if mathml.startswith("<math") else f"<math>{mathml}</math>")


def _tag(part: Element) -> str:
    return part.tag.rpartition("}")[2]


def _joined(parts: Iterable[Element], tight: bool = False) -> str:
    """Elements in a row, with space around signs between two operands."""
    shown = ""
    before = "("  # the sign before, after which a minus belongs to one operand
    row = deque(parts)
    while row:
        part = row.popleft()
        text = (part.text or "").strip() if _tag(part) == "mo" else ""
        if row and _tag(row[0]) == "mo" and _is_prime(row[0]):
            shown += _primed(part, "".join(row.popleft().itertext()), tight)
            before = ""
        elif text:
            shown += _sign(text, not tight and before not in OPENING and before not in SPACED)
            before = text
        else:
            shown += _part(part, tight)
            before = ""
    return shown


def _sign(text: str, between: bool) -> str:
    if all(letter in INVISIBLE for letter in text):
        return "\u2009" if text == TIMES else ""
    sign = escape(text.replace("-", "−"))
    if text in SPACED and between:  # a long formula is broken after a sum, not at an equals sign
        return f" {sign} " if text in ("+", "-", "−") else f"\N{NO-BREAK SPACE}{sign}\N{NO-BREAK SPACE}"
    return f"{sign} " if text in (",", ";") and between else sign


def _part(part: Element, tight: bool) -> str:
    tag, parts = _tag(part), list(part)
    text = escape((part.text or "").replace("ⅇ", "e"))
    match tag:
        case "mi":
            return f"<i>{text}</i>" if len(part.text or "") == 1 and (part.text or "").isalpha() else text
        case "mn" | "mtext":
            return text.replace("-", "−")
        case "mo":
            return _joined([part], tight)
        case "mspace":
            return "&emsp;" if part.get("width") == "1em" else "\u2009"
        case "msub":
            return f"{_part(parts[0], tight)}<sub>{_part(parts[1], True)}</sub>"
        case "msup" | "mover" if _is_prime(parts[1]):
            return _primed(parts[0], _part(parts[1], True), tight)
        case "msubsup" if _is_prime(parts[2]):
            return f"{_part(parts[0], tight)}{_part(parts[2], True)}<sub>{_part(parts[1], True)}</sub>"
        case "msup" | "mover":
            return f"{_base(parts[0])}<sup>{_part(parts[1], True)}</sup>"
        case "munderover":
            return _limits(parts[0], parts[1], parts[2])
        case "munder":
            return _limits(parts[0], parts[1], None)
        case "msubsup":
            return f"{_part(parts[0], tight)}<sub>{_part(parts[1], True)}</sub><sup>{_part(parts[2], True)}</sup>"
        case "mfrac":
            return f"{_base(parts[0], product=True)}/{_base(parts[1])}"
        case "msqrt":
            return f"√{_base(part)}"
        case "mroot":
            return f"<sup>{_part(parts[1], True)}</sup>√{_base(parts[0])}"
        case "mfenced":
            inside = ", ".join(_part(each, tight) for each in parts)
            return f"{escape(part.get('open', '('))}{inside}{escape(part.get('close', ')'))}"
        case "mtable":
            return "; ".join(_part(row, tight) for row in parts)
        case "mtr":
            return ", ".join(_part(cell, tight) for cell in parts)
        case _:
            return text.strip() + _joined(parts, tight)


def _limits(sign: Element, lower: Element, upper: Element | None) -> str:
    """A sum or a product, its limits below and above."""
    shown = element("span", _part(sign, False), style=LARGE)
    shown += element("sub", _part(lower, True))
    if upper is not None:
        shown += element("sup", _part(upper, True), style=ABOVE)
    return element("span", shown, style=STACK)


def _is_prime(part: Element) -> bool:
    text = "".join(part.itertext())
    return text != "" and set(text) <= PRIMES


def _primed(part: Element, prime: str, tight: bool) -> str:
    """A name with its primes before its index."""
    while len(part) == 1 and _tag(part) in ("mrow", "mstyle"):
        part = part[0]
    if _tag(part) == "msub":
        return f"{_part(part[0], tight)}{prime}<sub>{_part(part[1], True)}</sub>"
    return f"{_part(part, tight)}{prime}"


def _base(part: Element, product: bool = False) -> str:
    """An operand of a power, a root or a fraction: in brackets unless it is one thing; a numerator may be a product."""
    while len(part) == 1 and _tag(part) in ("mrow", "mstyle", "msqrt"):
        part = part[0]
    shown = _joined(part) if _tag(part) in ("msqrt", "mrow", "mstyle") else _part(part, False)
    if _tag(part) in ("mi", "mn", "msub", "mfenced"):
        return shown
    operands, signs = _outside_brackets(part)
    alone = operands == 1 or (product and not SPACED.intersection(signs))
    return shown if alone else f"({shown})"


def _outside_brackets(part: Element) -> tuple[int, list[str]]:
    """The number of operands, a pair of brackets counted as one, and the signs between them."""
    operands, signs, depth = 0, list[str](), 0
    for leaf in part.iter():
        text = (leaf.text or "").strip()
        if len(leaf) or not text or text in INVISIBLE:
            continue
        depth -= text in CLOSING
        if depth == 0 and text not in CLOSING:
            if _tag(leaf) == "mo" and text not in OPENED:
                signs.append(text)
            else:
                operands += 1
        depth += text in OPENED
    return operands + len(signs), signs
