"""From cells to coordinates: the places of nodes, the frames of steps, the paths of arrows.

Lengths are along the flow and across it; only `Turn` knows which is horizontal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from symfold.show.diagram.grid import BELOW, LEFT, RIGHT, Box, Grid, Route
from symfold.show.diagram.pen import Pen, Point, Step
from symfold.show.diagram.scene import Arrow, Scene
from symfold.show.diagram.sizes import Sizes, Turn, is_drawn, is_inside
from symfold.show.diagram.spacing import LEAD, PAD, TRACK, Net, Spacing


@dataclass(frozen=True)
class Mark:
    """A text at the head of an arrow; `side` is that on which the arrow enters."""

    arrow: Arrow
    side: str
    at: Point
    beside: int = 0  # the side of the line, see `Sizes.text_side`


@dataclass
class Geometry:
    """The coordinates of everything, along and across the flow."""

    scene: Scene
    grid: Grid
    turn: Turn
    centers: dict[str, Point] = field(default_factory=dict)
    paths: dict[int, list[Step]] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    frames: list[tuple[Box, Point, Point]] = field(default_factory=list)
    size: Point = (0.0, 0.0)

    def __post_init__(self) -> None:
        self.sizes = Sizes(self.scene, self.grid, self.turn)
        self.spacing = Spacing(self.sizes)
        self._place()

    def _place(self) -> None:
        for name, (column, row) in self.grid.places.items():
            self.centers[name] = self.spacing.point(column, row)
        low_ends = [self.spacing.low_ends(part) for part in self.spacing.parts]
        bottoms: list[tuple[Box, float]] = []
        for box in sorted(filter(is_drawn, self.grid.boxes), key=lambda box: -len(box.frame.path)):  # from the inside
            part = self.spacing.parts[self.spacing.part(box.first)]
            title = self.turn.size(box.frame.width, box.frame.height)[1]
            top = part.top + part.rows[box.top] - title / 2 - PAD + 4
            lowest = part.top + max(low_ends[self.spacing.part(box.first)][box.top : box.bottom + 1])
            bottom = PAD + max([lowest, *(low for inner, low in bottoms if is_inside(inner, box))])
            bottoms.append((box, bottom))
            begin, end = self.spacing.sides(box)
            self.frames.append((box, (begin, top), (end, bottom)))
        for k in self.grid.routes:
            self.paths[k] = self._path(k)
        ends = [self.spacing.margin + part.end - part.begin for part in self.spacing.parts]
        self.size = (
            max(ends, default=0.0) + (self.spacing.margin and self.spacing.margin - LEAD + 14),
            self.spacing.parts[-1].top + self.spacing.parts[-1].bottom,
        )

    def _path(self, k: int) -> list[Step]:
        """The path of an arrow; its head stands at the last point."""
        arrow, route = self.scene.arrows[k], self.grid.routes[k]
        if arrow.kind == "loop":
            return self._loop(arrow, route)
        begin, end = self.centers[arrow.source], self.centers[arrow.end]
        shape = self.scene.shapes[arrow.source]
        half = [length / 2 for length in self.turn.size(shape.width, shape.height)]
        target = self.scene.shapes[arrow.end]
        reach = [length / 2 for length in self.turn.size(target.width, target.height)]
        pen = Pen()
        if route.leave != RIGHT:
            down = 1 if route.leave == BELOW else -1
            pen.move((begin[0], begin[1] + down * half[1]))
            pen.line((end[0], end[1] - down * reach[1]))
            self._mark(k, (end[0], end[1] - down * reach[1]))
            return pen.steps
        pen.move((begin[0] + half[0], begin[1]))
        offset = self.sizes.offsets.get(k, 0.0)
        pieces = self.sizes.pieces(k)
        for number, (channel, before, after) in enumerate(pieces):
            final = offset if number == len(pieces) - 1 and route.enter == LEFT else 0.0
            here, there = self.spacing.part(channel - 1), self.spacing.part(channel)
            if here != there:
                self._turn_back(pen, here, arrow.net, before)
            y0, y1 = pen.at[1], self.spacing.parts[there].top + self.spacing.parts[there].rows[after] + final
            left, right = (
                self.spacing.edge(channel - 1, True) if here == there else pen.at[0],
                self.spacing.edge(channel, False),
            )
            ending, beginning = self.sizes.beside_titles(channel, before, after)
            left = max([left, *(self.spacing.sides(box)[1] for box in ending if here == there)])
            right = min([right, *(self.spacing.sides(box)[0] for box in beginning)])
            pen.line((max(left, pen.at[0]), y0))
            pen.curve((right, y1))
        if route.enter == LEFT:
            tip = (end[0] - _boundary(target.kind, reach, offset), end[1] + offset)
            pen.line(tip)
            tip = (end[0] - reach[0], tip[1])
        else:
            down = 1 if route.enter == BELOW else -1
            tip = (end[0], end[1] + down * reach[1])
            pen.corner((end[0], pen.at[1]), tip)
        self._mark(k, tip)
        return pen.steps

    def _turn_back(self, pen: Pen, here: int, net: Net, row: int) -> None:
        """From the end of one line of steps to the start of the next, through the margins.

        Arrows that may share a line do so in one lane, which their rows join and leave; a path goes through the points
        at which others join and leave, so that equal pieces are drawn once.
        """
        part, following, rows = (
            self.spacing.parts[here],
            self.spacing.parts[here + 1],
            self.spacing.crossings[here][net],
        )
        place, count = list(self.spacing.crossings[here]).index(net), len(self.spacing.crossings[here])
        right = self.spacing.margin + part.end - part.begin + 12 + TRACK * (count - 1 - place)
        gap = part.top + part.bottom + 8 + TRACK * (count - 1 - place)
        left = self.spacing.margin - LEAD - TRACK * place
        levels = [following.top + following.rows[other] for other in rows]
        y = following.top + following.rows[row]
        start = self.spacing.margin - LEAD + 8
        pen.corner((right, pen.at[1]), (right, gap), stop_early=True)
        for joining in (part.top + part.rows[other] + 8 for other in rows):
            if pen.at[1] < joining < gap - 8:
                pen.line((right, joining))
        pen.corner((right, gap), (left, gap), stop_early=True)
        pen.corner((left, gap), (left, y), stop_early=True)
        for leaving in (level - 8 for level in levels):
            if pen.at[1] < leaving < y - 8:
                pen.line((left, leaving))
        pen.corner((left, y), (start, y), stop_early=True)
        pen.line((start, y))

    def _loop(self, arrow: Arrow, route: Route) -> list[Step]:
        (row, _, _), begin, end = route.runs[0], self.centers[arrow.source], self.centers[arrow.end]
        part = self.spacing.parts[self.spacing.part(self.grid.places[arrow.end][0])]
        y = part.top + part.rows[row]
        pen = Pen()
        half = [
            [n / 2 for n in self.turn.size(s.width, s.height)]
            for s in map(self.scene.shapes.__getitem__, (arrow.source, arrow.end))
        ]
        if route.enter == LEFT:
            pen.move((begin[0] + half[0][0], begin[1]))
            x, z = (
                self.spacing.edge(self.grid.places[arrow.source][0], True) + 12,
                self.spacing.edge(self.grid.places[arrow.end][0], False) - 14,
            )
            for corner, after in (((x, begin[1]), (x, y)), ((x, y), (z, y)), ((z, y), (z, end[1])), ((z, end[1]), end)):
                pen.corner(corner, after, stop_early=True)
            pen.line((end[0] - half[1][0], end[1]))
            return pen.steps
        down = 1 if route.enter == BELOW else -1
        pen.move((begin[0], begin[1] + down * half[0][1]))
        pen.corner((begin[0], y), (end[0], y), stop_early=True)
        pen.corner((end[0], y), (end[0], end[1] + down * half[1][1]))
        return pen.steps

    def _mark(self, k: int, tip: Point) -> None:
        arrow, route = self.scene.arrows[k], self.grid.routes[k]
        if arrow.text:
            self.marks.append(Mark(arrow, route.enter, tip, self.sizes.text_side(k)))


def _boundary(kind: str, reach: Sequence[float], offset: float) -> float:
    """How far left of its middle the outline of a node is, this far from the middle across."""
    if kind in ("join", "state"):
        part = min(abs(offset) / reach[1], 0.95)
        return float(reach[0] * (1 - part**2) ** 0.5)
    if kind in ("input", "output", "wide join"):
        return reach[0] - min(8.0, reach[1]) * min(abs(offset) / reach[1], 1.0) * 0.8
    return reach[0]
