"""Labels set as mathematics: italic letters, upright words, lowered indices; and how wide they are.

The widths are those of a wide serif font, so that a label fits its box in any font that a reader may have.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape

from symfold.show.graph.names import visible
from symfold.show.notation.letters import OVER, SIGNS
from symfold.show.notation.terms import letter_and_indices

FAMILY = "STIX Two Text, Latin Modern Roman, Times New Roman, Times, DejaVu Serif, serif"
LOWERED, SHIFT = 0.7, 0.22  # the size of an index and how far it is moved, as parts of the size of the text
# of the characters from the space to the tilde, in hundredths of the size of the text
WIDTHS = (
    32, 40, 46, 84, 64, 95, 89, 27, 39, 39, 50, 84, 32, 34, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84,
    84, 84, 54, 100, 72, 73, 77, 80, 73, 69, 80, 87, 40, 40, 75, 66, 102, 88, 82, 67, 82, 75, 69, 67, 84, 72, 103, 71,
    66, 69, 39, 34, 39, 84, 50, 50, 60, 64, 56, 64, 59, 37, 64, 64, 32, 31, 61, 32, 95, 64, 60, 64, 64, 48, 51, 40, 64,
    56, 86, 56, 56, 53, 64, 34, 64, 84,
)  # fmt: skip
WIDEST = 84  # of any other character, but for those of East Asia

_TOKEN = re.compile(
    rf"_\{{(?P<index>[^{{}}]*)\}}|(?P<name>(?<![\w.])[^\W\d_](?:[^\W_]|[{OVER}]|_(?!\{{))*)(?P<path>(?:\.\w*[^\W_])*)|(?P<other>.)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Run:
    """Characters in one style; `level` is -1 for an index and 1 for an exponent."""

    text: str
    italic: bool = False
    level: int = 0
    bold: bool = field(default=False, repr=False)

    @property
    def width(self) -> float:
        """The width at size 1."""
        return sum(map(_width, self.text)) / 100 * (LOWERED if self.level else 1)


Line = tuple[Run, ...]


def _width(character: str) -> int:
    code = ord(character)
    if 32 <= code < 127:
        return WIDTHS[code - 32]
    if unicodedata.combining(character):
        return 0
    return 100 if unicodedata.east_asian_width(character) in "WF" or code > 0xFFFF or character in "…⋯" else WIDEST


def width(line: Line, size: float) -> float:
    """The width of a line of text.

    >>> width((Run("x", italic=True), Run("1", level=-1)), 10)
    10.08
    """
    return round(size * sum(run.width for run in line), 2)


def plain(text: str) -> Line:
    """A line of words, as they are."""
    return (Run(visible(text)),)


def mathematics(text: str) -> Line:
    """A label as mathematics: names of one letter in italics, their numbers and indices lowered, `*` as a dot.

    >>> [run.text for run in mathematics("z_{k-1}")], [run.text for run in mathematics("0.1*f12(x)")]
    (['z', 'k', '−1'], ['0.1·', 'f', '12', '(', 'x', ')'])
    >>> [run.text for run in mathematics("fc2_{k-1}")], [run.text for run in mathematics("my_layer1")]
    (['fc', '2,', 'k', '−1'], ['my_layer', '1'])
    >>> [run.text for run in mathematics("x̂1")]
    ['x̂', '1']
    >>> mathematics("relu"), mathematics("alpha")
    ((Run(text='relu', italic=False, level=0),), (Run(text='α', italic=True, level=0),))
    >>> [run.text for run in mathematics("W^T a")], mathematics("W^T")[1].level
    (['W', 'T', ' ', 'a'], 1)
    """
    text = re.sub(r"\*\*(\w+)", r"^{\1}", visible(text).replace("...", "…"))
    runs: list[Run] = []
    place = 0
    while place < len(text):
        if raised := re.match(r"\^\{([^{}]+)\}|\^(T)(?!\w)|ᵀ", text[place:]):
            runs += _letters(raised[1] or raised[2] or "T", 1)
            place += raised.end()
            continue
        match = _TOKEN.match(text, place)
        assert match is not None  # any character is a token
        place = match.end()
        if match["index"] is not None:
            runs += _letters(match["index"], -1)
        elif match["path"]:
            runs.append(Run(match["name"] + match["path"]))
        elif match["name"]:
            letter, *indices = letter_and_indices(match["name"])
            more = "," if indices and text.startswith("_{", place) else ""  # fc2 at k: one index, 2,k
            runs += [_name(letter), *_letters(",".join(indices) + more, -1)]
        else:
            runs.append(Run({"*": "·", "-": "−"}.get(match["other"], match["other"])))
    return _merged(runs)


def _name(word: str, level: int = 0) -> Run:
    word = SIGNS.get(word, word)
    name = unicodedata.name(word[0])
    if " BOLD " in name:  # not every font has the bold letters of Unicode, and each has a bold face
        return Run("".join(map(_base, word)), italic=" ITALIC " in name, level=level, bold=True)
    one_letter = sum(not unicodedata.combining(sign) for sign in word) == 1
    return Run(word, italic=one_letter and unicodedata.decomposition(word[0])[:6] != "<font>", level=level)


def _base(sign: str) -> str:
    """The letter that a styled letter is made of: of a bold ϕ it is ϕ, and not φ."""
    parts = unicodedata.decomposition(sign).split()
    return chr(int(parts[1], 16)) if parts[:1] == ["<font>"] else sign


def _letters(text: str, level: int) -> list[Run]:
    """An index or exponent, sign by sign."""
    parts = re.findall(rf"(?:[^\W\d_][{OVER}]?)+|.", text.replace("-", "−").replace("*", "·"))
    return [_name(part, level) if part[0].isalpha() else Run(part, level=level) for part in parts]


def _merged(runs: Sequence[Run]) -> Line:
    merged: list[Run] = []
    for run in runs:
        if merged and (merged[-1].italic, merged[-1].level, merged[-1].bold) == (run.italic, run.level, run.bold):
            merged[-1] = replace(merged[-1], text=merged[-1].text + run.text)
        else:
            merged.append(run)
    return tuple(merged)


def markup(line: Line, size: float) -> str:
    """The content of an SVG text element.

    >>> markup((Run("z", italic=True), Run("1", level=-1)), 10)
    '<tspan font-style="italic">z</tspan><tspan dy="2.2" font-size="7">1</tspan>'
    """
    parts, height = [], 0.0
    for run in line:
        target = -run.level * SHIFT * size * (1.6 if run.level > 0 else 1)
        look = {
            "dy": f"{target - height:.4g}" if target != height else "",
            "font-size": f"{LOWERED * size:.4g}" if run.level else "",
            "font-style": "italic" if run.italic else "",
            "font-weight": "bold" if run.bold else "",
        }
        attributes = "".join(f' {name}="{value}"' for name, value in look.items() if value)
        text = escape(run.text, quote=False)
        parts.append(f"<tspan{attributes}>{text}</tspan>" if attributes else text)
        height = target
    return "".join(parts)


def wrapped(line: Line, size: float, widest: float) -> list[Line]:
    """A line, broken at spaces so that no part is wider than this, if its words allow."""
    words: list[list[Run]] = [[]]
    for run in line:
        first, *others = run.text.split(" ")
        words[-1].append(replace(run, text=first))
        words += [[replace(run, text=part)] for part in others]
    lines: list[Line] = []
    for word in words:
        longer = (*lines[-1], Run(" "), *word) if lines else tuple(word)
        if lines and width(longer, size) <= widest:
            lines[-1] = longer
        else:
            lines.append(tuple(word))
    return [_merged(part) for part in lines]
