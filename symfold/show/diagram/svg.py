"""A laid-out picture as SVG: plain elements, no style sheet, the same bytes each time."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import hypot

from symfold.show.diagram.canvas import KEY, MARGIN, SAMPLE, Canvas, Key, Sheet, Text, corners, head_size
from symfold.show.diagram.geometry import Geometry
from symfold.show.diagram.lettering import FAMILY, markup, plain
from symfold.show.diagram.pen import Point, Step
from symfold.show.diagram.scene import TEXT, Shape
from symfold.show.diagram.sizes import HEAD
from symfold.show.diagram.style import CLOSED, CLUSTER, EDGE, EDGES, GRAPH, INK, NODE, NODES
from symfold.show.graph.names import visible

DASHES = {"dashed": "5 3", "dotted": "1.5 2.5"}


def number(value: float) -> str:
    """A coordinate, to a hundredth.

    >>> number(3.0), number(-0.001), number(2.345)
    ('3', '0', '2.35')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def tag(name: str, content: str = "", **attributes: float | str) -> str:
    """An SVG element; numbers are coordinates, empty attributes are left out.

    >>> tag("rect", x=1.0, stroke_width="2", fill="")
    '<rect x="1" stroke-width="2"/>'
    """
    shown = {key: value if isinstance(value, str) else number(value) for key, value in attributes.items()}
    text = "".join(f' {key.rstrip("_").replace("_", "-")}="{value}"' for key, value in shown.items() if value)
    return f"<{name}{text}>{content}</{name}>" if content else f"<{name}{text}/>"


class SvgCanvas(Canvas):
    """A picture as elements of SVG."""

    def __init__(self, geometry: Geometry):
        super().__init__(geometry)
        self.drawn: set[tuple[tuple[str, str], str, str]] = set()

    def frame(self, corner: Point, size: Point, title: Sequence[Text]) -> str:
        (x, y), (w, h) = corner, size
        look = {"fill": CLUSTER["fillcolor"], "stroke": CLUSTER["color"], "stroke_width": CLUSTER["penwidth"]}
        box = tag("rect", x=x, y=y, width=w, height=h, rx="8", **look)
        return tag("g", box + "".join(map(_text, title)), class_="step")

    def arrow(self, steps: list[Step], kind: str, source: str) -> str:
        style = {**EDGE, **EDGES[kind]}
        tip, before = steps[-1][1][-1], _before_last(steps)
        length = hypot(tip[0] - before[0], tip[1] - before[1]) or 1.0
        ahead = ((tip[0] - before[0]) / length, (tip[1] - before[1]) / length)
        size = head_size(style)
        short = size * {"vee": 0.1, "none": 0.0}.get(style.get("arrowhead", ""), 0.8)
        end = (tip[0] - ahead[0] * short, tip[1] - ahead[1] * short)
        shortened = [*steps[:-1], (steps[-1][0], (*steps[-1][1][:-1], end))]
        path = self._path(shortened, (source, str(sorted(EDGES[kind].items()))))
        line = tag("path", d=path, fill="none", stroke=style["color"], stroke_width=style["penwidth"],
                   stroke_dasharray=DASHES.get(style.get("style", ""), ""))  # fmt: skip
        head = _head(style.get("arrowhead", ""), tip, ahead, size, style["color"])
        return tag("g", (line if path else "") + head, class_=f"edge {kind}")

    def _path(self, steps: Sequence[Step], net: tuple[str, str]) -> str:
        """The path of an arrow, without what arrows from the same source have drawn already."""
        parts, at = [], ""
        moved = True
        for command, points in steps:
            text = command + " ".join(f"{number(x)},{number(y)}" for x, y in points)
            if command != "M" and (net, at, text) not in self.drawn:
                self.drawn.add((net, at, text))
                parts.append(f"M{at}{text}" if moved else text)
            moved = command == "M" or not parts or not parts[-1].endswith(text)
            at = text[1:].split(" ")[-1]
        return "".join(parts)

    def node(self, name: str, shape: Shape, center: Point, texts: Sequence[Text]) -> str:
        style = {**NODE, **NODES[shape.kind], **(CLOSED if shape.closed else {})}
        outline = _outline(style, *center, shape.width, shape.height)
        note = escape(visible(f"{name} {shape.note.removeprefix('(...)')}".strip()))
        label = "".join(map(_text, texts))
        return f'<g class="node {shape.kind.replace(" ", "-")}"><title>{note}</title>{outline}{label}</g>'

    def mark(self, text: Text) -> str:
        return f'<g class="mark">{_text(text)}</g>'


def svg_of_sheet(drawn: Sheet) -> str:
    """An SVG document."""
    parts: list[str] = []
    for title, canvas, (x, y) in drawn.pictures:
        parts += [_text(title)] if title else []
        parts += [f'<g transform="translate({number(x)} {number(y)})">', *canvas.parts(), "</g>"]
    parts += ["".join(map(_key, line)) for line in drawn.legend]
    w, h = (number(size + 2 * MARGIN) for size in drawn.size)
    corner = f"{number(-MARGIN)} {number(-MARGIN)}"
    return "\n".join([
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="{corner} {w} {h}" '
        f'font-family="{FAMILY}" font-size="{TEXT:g}" fill="{INK}">',
        f'<rect x="{number(-MARGIN)}" y="{number(-MARGIN)}" width="{w}" height="{h}" fill="{GRAPH["bgcolor"]}"/>',
        *parts,
        "</svg>\n",
    ])  # fmt: skip


def _key(key: Key) -> str:
    return (_line_sample if key.is_line else _shape_sample)(key.kind, *key.at) + _text(key.text)


def _shape_sample(kind: str, x: float, y: float) -> str:
    """A shape as in the picture, without a name; a join has its sign."""
    style = {**NODE, **({**NODES["layer"], **CLOSED} if kind == "closed" else NODES[kind])}
    across = 13.0 if kind == "join" else SAMPLE - 4
    sign = _text(Text(plain("+"), (x + SAMPLE / 2, y), KEY)) if kind == "join" else ""
    return _outline(style, x + SAMPLE / 2, y, across, 13.0) + sign


def _line_sample(kind: str, x: float, y: float) -> str:
    """An arrow as in the picture."""
    style = {**EDGE, **EDGES[kind]}
    tip = x + SAMPLE
    line = tag("path", d=f"M{number(x)},{number(y)}H{number(tip - HEAD / 2)}", fill="none", stroke=style["color"],
               stroke_width=style["penwidth"], stroke_dasharray=DASHES.get(style.get("style", ""), ""))  # fmt: skip
    return line + _head(style.get("arrowhead", ""), (tip, y), (1.0, 0.0), HEAD, style["color"])


def _before_last(steps: Sequence[Step]) -> Point:
    """The point from which a path goes straight to its end."""
    points = [point for _, each in steps for point in each]
    tip = points[-1]
    return next((point for point in reversed(points[:-1]) if hypot(point[0] - tip[0], point[1] - tip[1]) > 0.01), tip)


def _head(kind: str, tip: Point, ahead: Point, size: float, color: str) -> str:
    (x, y), (u, v) = tip, ahead
    if kind == "none":
        return ""
    if kind == "odot":
        return tag("circle", cx=x - 3 * u, cy=y - 3 * v, r="2.6", fill="white", stroke=color, stroke_width="1.1")
    back, half = (x - size * u, y - size * v), size * 0.42
    left, right = (back[0] - half * v, back[1] + half * u), (back[0] + half * v, back[1] - half * u)
    if kind == "vee":
        return tag("polyline", points=_listed((left, tip, right)), fill="none", stroke=color, stroke_width="1.4")
    return tag("polygon", points=_listed((tip, left, right)), fill=color)


def _listed(points: Sequence[Point]) -> str:
    return " ".join(dict.fromkeys(f"{number(x)},{number(y)}" for x, y in points))


def _text(text: Text) -> str:
    look = "".join([
        f' font-size="{text.size:g}"' if text.size != TEXT else "",
        f' text-anchor="{text.anchor}"' if text.anchor != "start" else "",
        f' fill="{text.color}"' if text.color else "",
    ])  # fmt: skip
    at = f'x="{number(text.center[0])}" y="{number(text.base)}"'
    return f'<text {at}{look} xml:space="preserve">{markup(text.line, text.size)}</text>'


def _outline(style: dict[str, str], x: float, y: float, w: float, h: float) -> str:
    """The outline of a node by the name of its shape."""
    look = {"fill": style["fillcolor"], "stroke": style["color"], "stroke_width": style["penwidth"]}
    left, right, top, bottom = x - w / 2, x + w / 2, y - h / 2, y + h / 2
    match style["shape"]:
        case "plaintext":
            return ""
        case "ellipse" | "circle":
            return tag("ellipse", cx=x, cy=y, rx=w / 2, ry=h / 2, **look)
        case "hexagon" | "octagon" as name:
            return tag("polygon", points=_listed(corners(name, (x, y), w, h)), **look)
        case "cylinder":
            a, b, d, e, half = map(number, (left, right, top + 3.5, bottom - 3.5, w / 2))
            rim = tag("path", d=f"M{a},{d}A{half},3.5 0 0 0 {b},{d}", fill="none", stroke=style["color"])
            body = f"M{a},{d}A{half},3.5 0 0 1 {b},{d}V{e}A{half},3.5 0 0 1 {a},{e}Z"
            return tag("path", d=body, **look) + rim
    rounded = "rounded" in style.get("style", "")
    outline = tag("rect", x=left, y=top, width=w, height=h, rx="5" if rounded else "2", **look)
    if style.get("peripheries") == "2":
        line = {"stroke": style["color"], "stroke_width": "0.8"}
        outline += tag("rect", x=left + 3, y=top + 3, width=w - 6, height=h - 6, rx="1", fill="none", **line)
    return outline
