"""A sheet as TikZ: a standalone LaTeX document, whose letters are those of a paper."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence

from symfold.show.diagram.canvas import HEADING, KEY, MARGIN, SAMPLE, Canvas, Key, Sheet, Text, corners, head_size
from symfold.show.diagram.geometry import Geometry
from symfold.show.diagram.lettering import plain
from symfold.show.diagram.lettering import width as text_width
from symfold.show.diagram.pen import Point, Step
from symfold.show.diagram.scene import SMALL, TEXT, TITLE, Shape
from symfold.show.diagram.style import CLOSED, CLUSTER, EDGE, EDGES, INK, NODE, NODES, QUIET, Style
from symfold.show.diagram.svg import number
from symfold.show.diagram.tex import tex

UNIT = 0.72  # big points of a unit of the picture: its letters of 13 units are those of \small
FONTS = {
    SMALL: r"\scriptsize", TITLE: r"\footnotesize", KEY: r"\footnotesize", TEXT: r"\small", TEXT + 2: r"\normalsize",
    HEADING: r"\normalsize",
}  # fmt: skip
WIDER = 1.12  # small letters of LaTeX, against those by which titles are measured
DASHES = {"dashed": (5.0, 3.0), "dotted": (1.5, 2.5)}
HEADS = {"": "Stealth[length={0}, width={1}]", "vee": "Straight Barb[length={2}, width={1}]", "odot": "Circle[open]"}
ALWAYS = ("every node", "quiet label")  # styles
PREAMBLE = r"""\documentclass{standalone}
\usepackage[T1]{fontenc}
\usepackage{amsmath,amssymb,tikz}
\usetikzlibrary{arrows.meta}
\begin{document}
"""


class TikzCanvas(Canvas):
    """A picture as statements of TikZ; nodes have names, to draw more beside them."""

    def __init__(self, geometry: Geometry, taken: set[str]):
        super().__init__(geometry)
        self.taken = taken  # names of nodes, of all pictures on a sheet

    def frame(self, corner: Point, size: Point, title: Sequence[Text]) -> str:
        (x, y), (w, h) = corner, size
        box = rf"\path[group] {_at((x, y))} rectangle {_at((x + w, y + h))};"
        room = min((x + w - text.center[0] for text in title), default=0.0)
        small = any(text_width(text.line, text.size) * WIDER > room for text in title)
        return "\n".join([box, *(_text(text, SMALL if small else text.size) for text in title)])

    def arrow(self, steps: list[Step], kind: str, source: str) -> str:
        return rf"\path[{kind} edge] {''.join(_path(steps))};"

    def node(self, name: str, shape: Shape, center: Point, texts: Sequence[Text]) -> str:
        label = r" \\ ".join(tex(text.line) for text in texts)
        size = f"minimum width={_length(shape.width)}, minimum height={_length(shape.height)}"
        style = {**NODE, **NODES[shape.kind], **(CLOSED if shape.closed else {})}
        outline = _outline(shape.kind, style, center, shape.width, shape.height)
        large = f", font={FONTS[texts[0].size]}" if texts[0].size != TEXT else ""
        several = ", text height=, text depth=" if len(texts) > 1 else ""
        return "\n".join(
            [*outline, rf"\node[{size}{large}{several}] ({self._name(name)}) at {_at(center)} {{{label}}};"]
        )

    def mark(self, text: Text) -> str:
        return _text(text)

    def _name(self, name: str) -> str:
        """A name of TikZ: letters, digits and hyphens."""
        plain_name = re.sub("[^A-Za-z0-9]+", "-", name).strip("-") or "node"
        others = (f"{plain_name}-{count}" for count in itertools.count(2))
        unique = next(word for word in itertools.chain([plain_name], others) if word not in self.taken)
        self.taken.add(unique)
        return unique


def tikz_of_sheet(drawn: Sheet, color: Callable[[str], str] = str, width: float | None = None) -> str:
    """A LaTeX document with one picture; `color` makes a color another one, `width` is in pixels, 96 to the inch."""
    right, bottom = (size + MARGIN for size in drawn.size)
    page = f"{_at((-MARGIN, -MARGIN))} rectangle {_at((right, bottom))};"
    lines = [rf"\useasboundingbox {page}"]
    if color("#FFFFFF") != "#FFFFFF":
        lines.append(rf"\fill[fill={_color('white', color)}] {page}")
    for title, canvas, shift in drawn.pictures:
        parts = [line for part in canvas.parts() for line in part.split("\n")]
        if title:
            lines.append(_text(title))
        if shift != (0, 0):
            parts = [rf"\begin{{scope}}[shift={{{_at(shift)}}}]", *(f"  {line}" for line in parts), r"\end{scope}"]
        lines += parts
    lines += [line for keys in drawn.legend for key in keys for line in _key(key)]
    used = set(re.findall(r"^ *\\path\[([\w ]+)\]", "\n".join(lines), re.MULTILINE))
    styles = (f"  {name}/.style={{{look}}}," for name, look in _styles(color).items() if name in {*used, *ALWAYS})
    lines = [rf"\begin{{tikzpicture}}[x={UNIT}bp, y=-{UNIT}bp,", *styles, "]", *lines]
    lines.append(r"\end{tikzpicture}")
    if width is not None:
        lines = [rf"\resizebox{{{number(width * 0.75)}bp}}{{!}}{{%", *lines, "}"]
    return PREAMBLE + "\n".join([*lines, "\\end{document}\n"])


def _styles(color: Callable[[str], str]) -> dict[str, str]:
    """The styles of nodes and edges; their names are no keys of TikZ."""
    text = f"align=center, inner sep=0pt, text height=1.4ex, text depth=0.2ex, font=\\small, text={_color(INK, color)}"
    return {
        "every node": text,
        "quiet label": f"text={_color(QUIET, color)}",
        "group": _look({**CLUSTER, "shape": "box"}, color, 8),
        **{
            f"{kind} node": _look({**NODE, **style}, color)
            for kind, style in NODES.items()
            if style["shape"] != "plaintext"
        },
        **{f"{kind} edge": _line({**EDGE, **style}, color) for kind, style in EDGES.items()},
    }


def _look(style: Style, color: Callable[[str], str], radius: float = 2) -> str:
    """The color, the line and the corners of a shape."""
    radius = 5 if style["style"] == "filled,rounded" and radius == 2 else radius
    rounded = f", rounded corners={_length(radius)}" if style["shape"] in ("box", "component") else ""
    drawn, filled = _color(style["color"], color), _color(style["fillcolor"], color)
    return f"draw={drawn}, fill={filled}, line width={_length(float(style['penwidth']))}{rounded}"


def _line(style: Style, color: Callable[[str], str]) -> str:
    """The color, the line and the head of an arrow."""
    size, head = head_size(style), HEADS.get(style.get("arrowhead", ""), "")
    drawn = f"draw={_color(style['color'], color)}, line width={_length(float(style['penwidth']))}"
    on, off = DASHES.get(style.get("style", ""), (0.0, 0.0))
    dashes = f", dash pattern=on {_length(on)} off {_length(off)}" if on else ""
    return f"{drawn}{dashes}, -{{{head.format(*map(_length, (size, size * 0.84, size * 0.6)))}}}"


def _color(name: str, color: Callable[[str], str]) -> str:
    """A color of TikZ."""
    shown = color("#FFFFFF" if name == "white" else name.upper())
    red, green, blue = (int(shown[k : k + 2], 16) for k in (1, 3, 5))
    return f"{{rgb,255:red,{red};green,{green};blue,{blue}}}"


def _at(point: Point) -> str:
    return f"({number(point[0])},{number(point[1])})"


def _length(size: float) -> str:
    return f"{number(size * UNIT)}bp"


def _path(steps: Sequence[Step]) -> Iterator[str]:
    """A path: straight lines, curves, and round corners."""
    at = (0.0, 0.0)
    for command, points in steps:
        if command == "C":
            yield f" .. controls {_at(points[0])} and {_at(points[1])} .. {_at(points[2])}"
        elif command == "Q":  # a quadratic curve as a cubic one
            first, last = (_between(end, points[0]) for end in (at, points[1]))
            yield f" .. controls {_at(first)} and {_at(last)} .. {_at(points[1])}"
        else:
            yield f" -- {_at(points[0])}" if command == "L" else _at(points[0])
        at = points[-1]


def _between(end: Point, corner: Point) -> Point:
    """Two thirds of the way from an end to a corner."""
    return end[0] + (corner[0] - end[0]) * 2 / 3, end[1] + (corner[1] - end[1]) * 2 / 3


def _text(text: Text, size: float | None = None) -> str:
    """A line of text, perhaps in another size."""
    size = text.size if size is None else size
    anchor = {"middle": "base", "start": "base west", "end": "base east"}[text.anchor]
    font = f", font={FONTS[size]}" if size != TEXT else ""
    quiet = ", quiet label" if text.color == QUIET else ""
    return rf"\node[anchor={anchor}{font}{quiet}] at {_at((text.center[0], text.base))} {{{tex(text.line)}}};"


def _outline(kind: str, style: Style, center: Point, w: float, h: float) -> list[str]:
    """The outline of a node by the name of its shape."""
    (x, y), draw = center, rf"\path[{kind} node]"
    left, right, top, bottom = x - w / 2, x + w / 2, y - h / 2, y + h / 2
    match style["shape"]:
        case "plaintext":
            return []
        case "ellipse" | "circle":
            return [f"{draw} {_at(center)} ellipse [x radius={number(w / 2)}, y radius={number(h / 2)}];"]
        case "hexagon" | "octagon" as name:
            return [f"{draw} {' -- '.join(dict.fromkeys(map(_at, corners(name, center, w, h))))} -- cycle;"]
        case "cylinder":
            radii = f"x radius={number(w / 2)}, y radius=3.5"
            a, b = ((left, top + 3.5), (right, bottom - 3.5))
            over, under = (f"arc [start angle={k}, end angle={k + 180}, {radii}]" for k in (180, 0))
            return [
                f"{draw} {_at(a)} {over} -- {_at(b)} {under} -- cycle;",
                f"{draw} [fill=none] {_at(a)} arc [start angle=180, end angle=0, {radii}];",
            ]
    inner = (left + 3, top + 3), (right - 3, bottom - 3)
    double = [f"{draw} [fill=none, line width={_length(0.8)}] {_at(inner[0])} rectangle {_at(inner[1])};"]
    box = f"{draw} {_at((left, top))} rectangle {_at((right, bottom))};"
    return [box, *double] if style.get("peripheries") == "2" else [box]


def _key(key: Key) -> list[str]:
    """A sample of the legend, and its meaning."""
    x, y = key.at
    if key.is_line:
        return [rf"\path[{key.kind} edge] {_at((x, y))} -- {_at((x + SAMPLE, y))};", _text(key.text)]
    kind, closed = ("layer", CLOSED) if key.kind == "closed" else (key.kind, {})
    center, across = (x + SAMPLE / 2, y), 13.0 if kind == "join" else SAMPLE - 4
    sign = [_text(Text(plain("+"), center, KEY))] if kind == "join" else []
    return [*_outline(kind, {**NODE, **NODES[kind], **closed}, center, across, 13.0), *sign, _text(key.text)]
