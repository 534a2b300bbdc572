"""A laid-out picture as SVG: plain elements, no style sheet, the same bytes each time."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import hypot

from symfold.show.diagram.geometry import Geometry, Mark
from symfold.show.diagram.grid import BELOW, LEFT
from symfold.show.diagram.lettering import FAMILY, Line, markup, plain, width
from symfold.show.diagram.pen import Pen, Point, Step
from symfold.show.diagram.scene import LEADING, LOOP, SMALL, TEXT, TITLE, Shape, loop_width
from symfold.show.diagram.sizes import HEAD
from symfold.show.diagram.style import CLOSED, CLUSTER, EDGE, EDGES, GAP, GRAPH, INK, KEYS, LINES, NODE, NODES
from symfold.show.graph.names import visible

MARGIN = 8.0  # around the picture
HEADING, KEY = 15.0, 12.0  # the sizes of the title and the legend
SAMPLE, APART = 24.0, 16.0  # of a shape or a line in the legend, and between two meanings
DASHES = {"dashed": "5 3", "dotted": "1.5 2.5"}
BASE = 0.34  # from the middle of a text to its base line, in sizes


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


class Canvas:
    """A picture of a geometry, turned into the direction of its flow."""

    def __init__(self, geometry: Geometry):
        self.geometry, self.turn = geometry, geometry.turn
        self.drawn: set[tuple[tuple[str, str], str, str]] = set()

    def xy(self, point: Point) -> Point:
        """A point of the geometry in the picture."""
        along, across = point
        if self.turn.direction in ("RL", "BT"):
            along = self.geometry.size[0] - along
        return (along, across) if self.turn.across else (across, along)

    def parts(self) -> list[str]:
        """The elements of the picture, those on top last."""
        return [
            *self._frames(),
            *self._arrows(),
            *self._nodes(),
            *(self._mark(mark) for mark in self.geometry.marks),
        ]

    def bounds(self) -> tuple[float, float, float, float]:
        """The smallest rectangle around everything."""
        xs: list[float] = []
        ys: list[float] = []
        for name, center in self.geometry.centers.items():
            x, y = self.xy(center)
            shape = self.geometry.scene.shapes[name]
            xs += [x - shape.width / 2, x + shape.width / 2]
            ys += [y - shape.height / 2 - shape.rise, y + shape.height / 2]
        for _, begin, end in self.geometry.frames:
            corners = [self.xy(begin), self.xy(end)]
            xs += [x for x, _ in corners]
            ys += [y for _, y in corners]
        for steps in self.geometry.paths.values():
            for _, points in steps:
                turned = [self.xy(point) for point in points]
                xs += [x for x, _ in turned]
                ys += [y for _, y in turned]
        for mark in self.geometry.marks:
            at, base, anchor = self._mark_place(mark)
            wide = width(mark.arrow.text, SMALL)
            begin_of_text = at - wide if anchor == "end" else at
            xs += [begin_of_text, begin_of_text + wide]
            ys += [base - SMALL, base + 3]
        return (min(xs), min(ys), max(xs), max(ys)) if xs else (0.0, 0.0, 0.0, 0.0)

    def lead(self) -> float:
        """How far from the left edge the first step begins, in a picture that flows to the right."""
        if self.turn.direction != "LR" or not self.geometry.frames:
            return 0.0
        return min(self.xy(begin)[0] for _, begin, _ in self.geometry.frames) - self.bounds()[0]

    # -- steps

    def _frames(self) -> list[str]:
        parts = []
        for box, begin, end in sorted(
            self.geometry.frames, key=lambda frame: frame[0].last - frame[0].first, reverse=True
        ):
            (a, b), (c, d) = self.xy(begin), self.xy(end)
            x, y, w, h = min(a, c), min(b, d), abs(c - a), abs(d - b)
            color = CLUSTER["fontcolor"] if box.frame.numbered else INK
            title = "".join(
                _text(line, (x + 8, y + (11 if self.turn.across else 16) + k * TITLE * LEADING), TITLE, "start", color)
                for k, line in enumerate(box.frame.title)
            )
            look = {"fill": CLUSTER["fillcolor"], "stroke": CLUSTER["color"], "stroke_width": CLUSTER["penwidth"]}
            parts.append(tag("g", tag("rect", x=x, y=y, width=w, height=h, rx="8", **look) + title, class_="step"))
        return parts

    # -- arrows

    def _arrows(self) -> list[str]:
        numbers = sorted(self.geometry.paths, key=lambda k: (self.geometry.scene.arrows[k].kind == "skip", k))
        loops = [self._loop(name, k) for name, shape in self._shapes() for k in range(len(shape.loops))]
        return [*(self._arrow(k) for k in numbers), *loops]

    def _shapes(self) -> list[tuple[str, Shape]]:
        shapes = self.geometry.scene.shapes
        return [(name, shapes[name]) for name in shapes if name in self.geometry.centers]

    def _arrow(self, k: int) -> str:
        arrow, steps = self.geometry.scene.arrows[k], self.geometry.paths[k]
        turned = [(command, tuple(map(self.xy, points))) for command, points in steps]
        return self._line(turned, arrow.kind, arrow.source)

    def _loop(self, name: str, k: int) -> str:
        """An arrow from a node to itself, above its right half, where no other arrow enters."""
        x, y = self.xy(self.geometry.centers[name])
        shape = self.geometry.scene.shapes[name]
        middle, half = x + shape.width / 4, loop_width(k) / 2
        top = y - shape.height / 2
        bar = top - LOOP * (k + 1) + SMALL
        pen = Pen()
        pen.move((middle + half, top))
        pen.corner((middle + half, bar), (middle - half, bar), stop_early=True)
        pen.corner((middle - half, bar), (middle - half, top))
        text = _text(shape.loops[k], (middle, bar - SMALL * 0.75), SMALL)
        return f'{self._line(pen.steps, "loop", f"{name} {k}")}<g class="mark">{text}</g>'

    def _line(self, turned: list[Step], kind: str, source: str) -> str:
        style = {**EDGE, **EDGES[kind]}
        tip, before = turned[-1][1][-1], _before_last(turned)
        length = hypot(tip[0] - before[0], tip[1] - before[1]) or 1.0
        ahead = ((tip[0] - before[0]) / length, (tip[1] - before[1]) / length)
        thick = float(style["penwidth"])
        size = HEAD + 0.9 * (thick - 1)
        short = size * {"vee": 0.1, "none": 0.0}.get(style.get("arrowhead", ""), 0.8)
        turned[-1] = (turned[-1][0], (*turned[-1][1][:-1], (tip[0] - ahead[0] * short, tip[1] - ahead[1] * short)))
        path = self._path(turned, (source, str(sorted(EDGES[kind].items()))))
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

    def _mark_place(self, mark: Mark) -> tuple[float, float, str]:
        """Where a mark stands: beside the line, right before the node that it enters."""
        x, y = self.xy(mark.at)
        if self.turn.across:
            if mark.side == LEFT:
                ahead = 1 if self.turn.direction == "LR" else -1
                base = y - 3.5 if mark.beside < 0 else y + SMALL * 0.62 + 3
                return x - ahead * (HEAD + 2), base, "end" if ahead > 0 else "start"
            base = y + (SMALL + 1 if mark.side == BELOW else -5)
            return (x + 5, base, "start") if self.turn.direction == "LR" else (x - 5, base, "end")
        if mark.side == LEFT:
            base = y + (-4 if self.turn.direction == "TB" else SMALL)
            return (x + 5, base, "start") if mark.beside > 0 else (x - 5, base, "end")
        base = y - 4 if self.turn.direction == "TB" else y + SMALL * 0.62 + 4
        return (x + HEAD + 1, base, "start") if mark.side == BELOW else (x - HEAD - 1, base, "end")

    def _mark(self, mark: Mark) -> str:
        x, y, anchor = self._mark_place(mark)
        return f'<g class="mark">{_text(mark.arrow.text, (x, y - SMALL * BASE), SMALL, anchor)}</g>'

    # -- nodes

    def _nodes(self) -> list[str]:
        return [self._node(name, shape) for name, shape in self._shapes()]

    def _node(self, name: str, shape: Shape) -> str:
        x, y = self.xy(self.geometry.centers[name])
        style = {**NODE, **NODES[shape.kind], **(CLOSED if shape.closed else {})}
        outline = _outline(style, x, y, shape.width, shape.height)
        first = y - (len(shape.text) - 1) * TEXT * LEADING / 2 + (2 if style["shape"] == "cylinder" else 0)
        size = TEXT + 2 if shape.kind == "join" else TEXT
        lines = [_text(line, (x, first + k * TEXT * LEADING), size) for k, line in enumerate(shape.text)]
        note = escape(visible(f"{name} {shape.note.removeprefix('(...)')}".strip()))
        return f'<g class="node {shape.kind.replace(" ", "-")}"><title>{note}</title>{outline}{"".join(lines)}</g>'


def document(pictures: Sequence[tuple[str, Canvas]], legend: str = "") -> str:
    """Pictures below each other, each below its title if it has one, and a legend at the bottom: an SVG document.

    The first steps begin at the same place, so that equal steps stand below each other.
    """
    parts, at, wide = list[str](), 0.0, 0.0
    first = max((canvas.lead() for _, canvas in pictures), default=0.0)
    for title, canvas in pictures:
        left, top, right, bottom = canvas.bounds()
        left -= first - canvas.lead()
        if at:
            at += MARGIN * 2
        if title:
            parts.append(_text(plain(title), (0, at + HEADING * 0.5), HEADING, "start"))
            wide = max(wide, width(plain(title), HEADING))
            at += HEADING * 1.6
        parts += [f'<g transform="translate({number(-left)} {number(at - top)})">', *canvas.parts(), "</g>"]
        wide, at = max(wide, right - left), at + bottom - top
    for line in filter(None, legend.split("\n")):
        at += KEY * 1.7
        key, across = _key(line, at - KEY * 0.3)
        parts.append(key)
        wide = max(wide, across)
    w, h = number(wide + 2 * MARGIN), number(at + 2 * MARGIN)
    corner = f"{number(-MARGIN)} {number(-MARGIN)}"
    return "\n".join([
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="{corner} {w} {h}" '
        f'font-family="{FAMILY}" font-size="{TEXT:g}" fill="{INK}">',
        f'<rect x="{number(-MARGIN)}" y="{number(-MARGIN)}" width="{w}" height="{h}" fill="{GRAPH["bgcolor"]}"/>',
        *parts,
        "</svg>\n",
    ])  # fmt: skip


def _key(line: str, y: float) -> tuple[str, float]:
    """A line of the legend, and how wide it is: shapes and lines as in the picture, each before its meaning."""
    parts, x = list[str](), 0.0
    for meaning in line.split(GAP):
        text = plain(meaning.split(" ", 1)[1])
        sample = _line_sample if meaning in LINES.values() else _shape_sample
        parts += [sample(KEYS[meaning], x, y), _text(text, (x + SAMPLE + 5, y), KEY, "start")]
        x += SAMPLE + 5 + width(text, KEY) + APART
    return "".join(parts), x - APART


def _shape_sample(kind: str, x: float, y: float) -> str:
    """A shape as in the picture, without a name; a join has its sign."""
    style = {**NODE, **({**NODES["layer"], **CLOSED} if kind == "closed" else NODES[kind])}
    across = 13.0 if kind == "join" else SAMPLE - 4
    sign = _text(plain("+"), (x + SAMPLE / 2, y), KEY) if kind == "join" else ""
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


def _text(line: Line, center: Point, size: float, anchor: str = "middle", color: str = "") -> str:
    x, y = center
    at = f'x="{number(x)}" y="{number(y + BASE * size)}"'
    look = "".join([
        f' font-size="{size:g}"' if size != TEXT else "",
        f' text-anchor="{anchor}"' if anchor != "start" else "",
        f' fill="{color}"' if color else "",
    ])  # fmt: skip
    return f'<text {at}{look} xml:space="preserve">{markup(line, size)}</text>'


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
            cut, rise = (min(8.0, h / 2), h / 2) if name == "hexagon" else (6.0, 6.0)
            above = [(left, top + rise), (left + cut, top), (right - cut, top), (right, top + rise)]
            below = [(right, bottom - rise), (right - cut, bottom), (left + cut, bottom), (left, bottom - rise)]
            return tag("polygon", points=_listed(above + below), **look)
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
