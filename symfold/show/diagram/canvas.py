"""A laid-out picture in shapes, lines and texts, and several of them on a sheet; a language of pictures writes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from symfold.show.diagram.geometry import Geometry, Mark
from symfold.show.diagram.grid import BELOW, LEFT
from symfold.show.diagram.lettering import Line, plain, width
from symfold.show.diagram.pen import Pen, Point, Step
from symfold.show.diagram.scene import LEADING, LOOP, SMALL, TEXT, TITLE, Shape, loop_width
from symfold.show.diagram.sizes import HEAD
from symfold.show.diagram.style import CLUSTER, GAP, INK, KEYS, LINES, NODES

MARGIN = 8.0  # around the picture
BESIDE = 24.0  # between two pictures side by side
HEADING, KEY = 15.0, 12.0  # the sizes of the title and the legend
SAMPLE, APART = 24.0, 16.0  # of a shape or a line in the legend, and between two meanings
BASE = 0.34  # from the middle of a text to its base line, in sizes


def head_size(style: Mapping[str, str]) -> float:
    """The length of an arrow head; thick lines have longer ones."""
    return HEAD + 0.9 * (float(style["penwidth"]) - 1)


def corners(name: str, center: Point, w: float, h: float) -> list[Point]:
    """The corners of a hexagon or an octagon, clockwise from the left."""
    (x, y), (cut, rise) = center, (min(8.0, h / 2), h / 2) if name == "hexagon" else (6.0, 6.0)
    left, right, top, bottom = x - w / 2, x + w / 2, y - h / 2, y + h / 2
    above = [(left, top + rise), (left + cut, top), (right - cut, top), (right, top + rise)]
    below = [(right, bottom - rise), (right - cut, bottom), (left + cut, bottom), (left, bottom - rise)]
    return above + below


@dataclass(frozen=True)
class Text:
    """A line of text around a point; `anchor` is the part of it that stands there."""

    line: Line
    center: Point
    size: float = TEXT
    anchor: str = "middle"
    color: str = ""

    @property
    def base(self) -> float:
        """The height of its base line."""
        return self.center[1] + BASE * self.size


class Canvas(ABC):
    """A picture of a geometry, turned into the direction of its flow."""

    def __init__(self, geometry: Geometry):
        self.geometry, self.turn = geometry, geometry.turn

    # -- what a language writes

    @abstractmethod
    def frame(self, corner: Point, size: Point, title: Sequence[Text]) -> str:
        """A step, with its title."""

    @abstractmethod
    def arrow(self, steps: list[Step], kind: str, source: str) -> str:
        """An arrow from a source."""

    @abstractmethod
    def node(self, name: str, shape: Shape, center: Point, texts: Sequence[Text]) -> str:
        """A node with its label."""

    @abstractmethod
    def mark(self, text: Text) -> str:
        """A text at an arrow."""

    # -- where it stands

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
            *(self.mark(self._mark_text(mark)) for mark in self.geometry.marks),
        ]

    @cached_property
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

    @cached_property
    def lead(self) -> Point:
        """How far from the left edge the first step begins, if the flow is to the right; how far from the top."""
        corners = [self.xy(point) for _, *points in self.geometry.frames for point in points]
        if not corners:
            return 0.0, 0.0
        across = min(x for x, _ in corners) - self.bounds[0] if self.turn.direction == "LR" else 0.0
        return across, min(y for _, y in corners) - self.bounds[1]

    def _frames(self) -> list[str]:
        parts = []
        for box, begin, end in sorted(
            self.geometry.frames, key=lambda frame: frame[0].last - frame[0].first, reverse=True
        ):
            (a, b), (c, d) = self.xy(begin), self.xy(end)
            x, y = min(a, c), min(b, d)
            color = CLUSTER["fontcolor"] if box.frame.numbered else INK
            first = y + (11 if self.turn.across else 16)
            title = [
                Text(line, (x + 8, first + k * TITLE * LEADING), TITLE, "start", color)
                for k, line in enumerate(box.frame.title)
            ]
            parts.append(self.frame((x, y), (abs(c - a), abs(d - b)), title))
        return parts

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
        return self.arrow(turned, arrow.kind, arrow.source)

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
        text = Text(shape.loops[k], (middle, bar - SMALL * 0.75), SMALL)
        return self.arrow(pen.steps, "loop", f"{name} {k}") + self.mark(text)

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

    def _mark_text(self, mark: Mark) -> Text:
        x, y, anchor = self._mark_place(mark)
        return Text(mark.arrow.text, (x, y - SMALL * BASE), SMALL, anchor)

    def _nodes(self) -> list[str]:
        return [self._node(name, shape) for name, shape in self._shapes()]

    def _node(self, name: str, shape: Shape) -> str:
        x, y = self.xy(self.geometry.centers[name])
        is_cylinder = NODES[shape.kind]["shape"] == "cylinder"
        first = y - (len(shape.text) - 1) * TEXT * LEADING / 2 + (2 if is_cylinder else 0)
        size = TEXT + 2 if shape.kind == "join" else TEXT
        texts = [Text(line, (x, first + k * TEXT * LEADING), size) for k, line in enumerate(shape.text)]
        return self.node(name, shape, (x, y), texts)


@dataclass(frozen=True)
class Key:
    """A sample of the legend: a kind of node or of arrow at a point, and its meaning."""

    kind: str
    is_line: bool
    at: Point
    text: Text


@dataclass(frozen=True)
class Sheet:
    """Pictures with their titles and their places, the lines of a legend, and the size of all without margins."""

    pictures: list[tuple[Text | None, Canvas, Point]]
    legend: list[list[Key]]
    size: Point


def sheet(pictures: Sequence[tuple[str, Canvas]], legend: str = "", columns: int = 1) -> Sheet:
    """Pictures in columns, each below its title if it has one, and a legend at the bottom.

    The first steps of a column begin at the same place, so that equal steps stand below each other.
    """
    leads = [max((canvas.lead[0] for _, canvas in pictures[k::columns]), default=0.0) for k in range(columns)]
    widths = [max((_across(*each, lead) for each in pictures[k::columns]), default=0.0) for k, lead in enumerate(leads)]
    lefts = [sum(widths[:k]) + k * BESIDE for k in range(columns)]
    placed: list[tuple[Text | None, Canvas, Point]] = []
    at = 0.0
    for begin in range(0, len(pictures), columns):
        row = pictures[begin : begin + columns]
        at += MARGIN * 2 if at else 0
        heading = at + HEADING * 0.5
        at += HEADING * 1.6 if any(title for title, _ in row) else 0
        lead = max(canvas.lead[1] for _, canvas in row)
        down = 0.0
        for k, (title, canvas) in enumerate(row):
            left, top, _, bottom = canvas.bounds
            low = lead - canvas.lead[1]
            text = Text(plain(title), (lefts[k], heading), HEADING, "start") if title else None
            placed.append((text, canvas, (lefts[k] + leads[k] - canvas.lead[0] - left, at + low - top)))
            down = max(down, low + bottom - top)
        at += down
    wide = sum(widths) + (min(columns, len(pictures)) - 1) * BESIDE
    lines = []
    for line in filter(None, legend.split("\n")):
        at += KEY * 1.7
        keys, across = _keys(line, at - KEY * 0.3)
        lines.append(keys)
        wide = max(wide, across)
    return Sheet(placed, lines, (wide, at))


def _across(title: str, canvas: Canvas, lead: float) -> float:
    """How wide a picture with its title is, if its first step begins this far from the left."""
    left, _, right, _ = canvas.bounds
    return max(right - left + lead - canvas.lead[0], width(plain(title), HEADING) if title else 0.0)


def _keys(line: str, y: float) -> tuple[list[Key], float]:
    """A line of the legend, and how wide it is: shapes and lines as in the picture, each before its meaning."""
    keys, x = list[Key](), 0.0
    for meaning in line.split(GAP):
        text = plain(meaning.split(" ", 1)[1])
        is_line = meaning in LINES.values()
        keys.append(Key(KEYS[meaning], is_line, (x, y), Text(text, (x + SAMPLE + 5, y), KEY, "start")))
        x += SAMPLE + 5 + width(text, KEY) + APART
    return keys, x - APART
