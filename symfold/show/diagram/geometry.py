"""From cells to coordinates: widths of columns and heights of rows, line breaks of long nets, paths of arrows.

Lengths are along the flow and across it; only `Turn` knows which is horizontal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from symfold.show.diagram.grid import ABOVE, BELOW, LEFT, RIGHT, Box, Grid, Route
from symfold.show.diagram.lettering import width
from symfold.show.diagram.pen import Pen, Point, Step
from symfold.show.diagram.scene import SMALL, Arrow, Scene, port_room

PAD, GAP, CHANNEL, ROW_GAP = 9.0, 8.0, 22.0, 13.0
HEAD, TRACK, BREAK, LEAD = (
    6.0,
    8.0,
    22.0,
    38.0,
)  # the length of an arrow head; between lines in a margin; between lines; the start of one
WIDEST = {True: 1060.0, False: 1400.0}  # of a picture whose flow is horizontal, or vertical
Net = tuple[str, str]  # arrows that may share a line
ROUNDED = ("join", "state", "input", "output")


@dataclass(frozen=True)
class Turn:
    """The direction of the flow."""

    direction: str

    @property
    def across(self) -> bool:
        return self.direction in ("LR", "RL")

    def size(self, horizontal: float, vertical: float) -> tuple[float, float]:
        """A size, along and across the flow."""
        return (horizontal, vertical) if self.across else (vertical, horizontal)


@dataclass
class Extent:
    """How far the nodes of a column or row reach to both sides of its middle."""

    before: float = 0.0
    after: float = 0.0

    def hold(self, before: float, after: float) -> None:
        self.before, self.after = max(self.before, before), max(self.after, after)


@dataclass(frozen=True)
class Mark:
    """A text at the head of an arrow; `side` is that on which the arrow enters."""

    arrow: Arrow
    side: str
    at: Point
    beside: int = 0  # the side of the line, see `Geometry.text_side`


@dataclass
class Part:
    """One line of a long net: its columns, the middles of its rows, and where it begins across the flow."""

    first: int
    last: int
    rows: dict[int, float] = field(default_factory=dict)
    top: float = 0.0
    bottom: float = 0.0
    begin: float = 0.0
    end: float = 0.0


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
        self.columns = [Extent() for _ in range(self.grid.columns)]
        self.texts_at: dict[int, int] = {}  # on which side of its line the text of an arrow stands, if not as usual
        self.crossed: dict[int, list[tuple[int, int, int]]] = {}
        self.offsets = self._ports()
        self.extents = self._node_extents()
        for name, (column, _) in self.grid.places.items():
            before, after, _, _ = self.extents[name]
            self.columns[column].hold(before, after)
        for box in self.grid.boxes if not self.turn.across else ():  # titles stand beside the first column, or the last
            half = box.frame.height / 2
            self.columns[box.first if self.turn.direction == "TB" else box.last].hold(half, half)
        self._equal_columns()
        whole = Part(0, self.grid.columns - 1)
        self._set_rows(whole)
        self.channels = self._channels(whole)
        self._widen()
        self.middle = self._middles()
        self.part_of = [0] * self.grid.columns
        self.parts = self._parts()
        for number, part in enumerate(self.parts):
            self.part_of[part.first : part.last + 1] = [number] * (part.last + 1 - part.first)
        self._set_parts()
        self._place()

    # -- ports and sizes

    def _came_from(self, k: int) -> int:
        route, arrow = self.grid.routes[k], self.scene.arrows[k]
        return int(route.runs[-1][0]) if route.runs else self.grid.places[arrow.source][1]

    def _ports(self) -> dict[int, float]:
        """How far from the middle of a node's left side each arrow enters it."""
        entering: dict[str, list[int]] = {}
        for k, route in self.grid.routes.items():
            if route.enter == LEFT:
                entering.setdefault(self.scene.arrows[k].end, []).append(k)
        offsets: dict[int, float] = {}
        for name, numbers in entering.items():
            row = self.grid.places[name][1]
            numbers.sort(key=lambda k: (self._came_from(k), self.scene.arrows[k].port))
            shape = self.scene.shapes[name]
            length = self.turn.size(shape.width, shape.height)[1]
            texts = [self.scene.arrows[k].text for k in numbers]
            step = port_room(texts, self.turn.across) if any(texts) else 8.0
            room = length - 12 if shape.kind == "wide join" else length * (0.62 if shape.kind in ROUNDED else 0.8)
            straight = [place for place, k in enumerate(numbers) if self._came_from(k) == row]
            listed = len(numbers) > 2 and any(texts)
            middle = float(straight[0]) if straight and not listed else (len(numbers) - 1) / 2
            if len(numbers) == 2:  # the first with its text above, the second below
                self.texts_at |= {numbers[0]: -1, numbers[1]: 1}
            step = min(step, room / 2 / max(middle, len(numbers) - 1 - middle, 0.5))
            offsets |= {k: (place - middle) * step for place, k in enumerate(numbers)}
        return offsets

    def _node_extents(self) -> dict[str, tuple[float, float, float, float]]:
        """How far each node with its marks reaches: before, after, up, down."""
        extents: dict[str, tuple[float, float, float, float]] = {}
        for name, shape in self.scene.shapes.items():
            along, across = self.turn.size(shape.width, shape.height)
            top = {"TB": (shape.rise, 0.0, 0.0), "BT": (0.0, shape.rise, 0.0)}.get(
                self.turn.direction, (0.0, 0.0, shape.rise)
            )
            extents[name] = (along / 2 + top[0], along / 2 + top[1], across / 2 + top[2], across / 2)
        for k, route in self.grid.routes.items():
            arrow = self.scene.arrows[k]
            if not arrow.text:
                continue
            before, after, up, down = extents[arrow.end]
            along, across = self.turn.size(width(arrow.text, SMALL) + 4, SMALL * 1.25)
            shape = self.scene.shapes[arrow.end]
            half = [length / 2 for length in self.turn.size(shape.width, shape.height)]
            if route.enter == LEFT:
                before = max(before, half[0] + along + (HEAD + 2 if self.turn.across else HEAD))
                if self.text_side(k) < 0:
                    up = max(up, across - self.offsets[k] + (1 if self.turn.across else 5))
                else:
                    down = max(down, across + self.offsets[k] + (1 if self.turn.across else 5))
            else:
                far = half[1] + across + (4 if self.turn.across else HEAD + 2)
                up, down = (max(up, far), down) if route.enter == ABOVE else (up, max(down, far))
                if self.turn.across:
                    after = max(after, along + 3)
                else:
                    before = max(before, along + 1)
            extents[arrow.end] = (before, after, up, down)
        return extents

    def text_side(self, k: int) -> int:
        """On which side of its line the text of an arrow stands: -1 is above or left, 1 below or right."""
        return self.texts_at.get(k, -1 if self.turn.across else 1)

    def _equal_columns(self) -> None:
        """Columns of equal steps get equal widths."""
        alike: dict[tuple[int, int], list[int]] = {}
        for box in self.grid.boxes:
            for column in range(box.first, box.last + 1):
                alike.setdefault((box.like, column - box.first), []).append(column)
        for _ in range(3):
            for columns in alike.values():
                before = max(self.columns[c].before for c in columns)
                after = max(self.columns[c].after for c in columns)
                for c in columns:
                    self.columns[c].hold(before, after)

    def _spans(self) -> list[tuple[int, int, int]]:
        """The pieces of arrows in channels: the channel (by the column after it), the rows before and after."""
        return [piece for k in self.grid.routes for piece in self._pieces(k)]

    def _pieces(self, k: int) -> list[tuple[int, int, int]]:
        """The channels that an arrow crosses, with the rows in which it comes and goes."""
        if k not in self.crossed:
            self.crossed[k] = self._crossed(k)
        return self.crossed[k]

    def _crossed(self, k: int) -> list[tuple[int, int, int]]:
        arrow, route = self.scene.arrows[k], self.grid.routes[k]
        if arrow.kind == "loop":
            return []
        (_, row), (end, last) = self.grid.places[arrow.source], self.grid.places[arrow.end]
        pieces = []
        for run, first, stop in route.runs:
            pieces.append((first, row, run))
            pieces += [(channel, run, run) for channel in range(first + 1, stop + 1)]
            row = run
        if route.enter == LEFT:
            pieces.append((end, row, last))
        return pieces

    def _channels(self, whole: Part) -> list[float]:
        """The widths of the spaces before each column, and after the last."""
        count = self.grid.columns
        widths = [CHANNEL] * (count + 1)
        widths[0] = widths[count] = 0.0
        for channel, before, after in self._spans():
            rise = abs(whole.rows[before] - whole.rows[after])
            widths[channel] = max(widths[channel], min(CHANNEL + 0.22 * max(rise - 20, 0), 60))
        starts, ends = ([set[int]() for _ in range(count + 1)] for _ in range(2))  # how deep the steps are nested
        for box in filter(_is_drawn, self.grid.boxes):
            starts[box.first].add(len(box.frame.path))
            ends[box.last + 1].add(len(box.frame.path))
        loops = [
            k for k, route in self.grid.routes.items() if self.scene.arrows[k].kind == "loop" and route.enter == LEFT
        ]
        risen = [0.0] * (count + 1)  # how far arrows rise or fall beside titles
        for channel, before, after in self._spans():
            if any(self._beside_titles(channel, before, after)):
                risen[channel] = max(risen[channel], abs(whole.rows[before] - whole.rows[after]))
        for channel in range(count + 1):
            if edges := len(starts[channel]) + len(ends[channel]):
                pads = edges * (PAD + (10 if loops else 0)) + (GAP if starts[channel] and ends[channel] else 4)
                widths[channel] = max(widths[channel] + (edges - 2) * PAD, pads)
                if risen[channel]:
                    widths[channel] = max(widths[channel], edges * PAD + min(14 + 0.12 * risen[channel], 36))
        return widths

    def _beside_titles(self, channel: int, before: int, after: int) -> tuple[list[Box], list[Box]]:
        """The steps that end before a channel, and those that begin after it, whose titles an arrow passes there."""
        low, high = min(before, after), max(before, after)
        passed = [box for box in self.grid.boxes if _is_drawn(box) and low <= box.top < high]
        return [box for box in passed if box.last == channel - 1], [box for box in passed if box.first == channel]

    def _widen(self) -> None:
        """Make steps as wide as their titles."""
        if not self.turn.across:
            return
        for box in sorted(self.grid.boxes, key=lambda box: box.last - box.first):
            columns = sum(extent.before + extent.after for extent in self.columns[box.first : box.last + 1])
            lacking = box.frame.width - columns - sum(self.channels[box.first + 1 : box.last + 1])
            if lacking <= 0:
                continue
            for other in self.grid.boxes:
                if other.like != box.like:
                    continue
                inside = range(other.first + 1, other.last + 1)
                for channel in inside:
                    self.channels[channel] += lacking / len(inside)
                if not inside:
                    self.columns[other.first].before += lacking / 2
                    self.columns[other.first].after += lacking / 2

    def _along(self, column: int) -> tuple[float, float]:
        """Where a column begins and ends, before lines are broken."""
        extent, middle = self.columns[column], self.middle[column]
        return middle - extent.before, middle + extent.after

    def _middles(self) -> list[float]:
        middles, at = [], 0.0
        for channel, extent in zip(self.channels, self.columns, strict=False):
            at += channel + extent.before
            middles.append(at)
            at += extent.after
        return middles

    # -- rows and line breaks

    def _set_rows(self, part: Part) -> None:
        """The middles of the rows, from what stands or runs in these columns."""
        count = len(self.grid.rows)
        rows = [Extent() for _ in range(count)]
        used, nodes = [False] * count, [False] * count
        for name, (column, row) in self.grid.places.items():
            if part.first <= column <= part.last:
                rows[row].hold(*self.extents[name][2:])
                used[row] = nodes[row] = True
        for channel, before, after in self._spans():
            if part.first <= channel - 1 <= part.last:
                used[before] = True
            if part.first <= channel <= part.last:
                used[after] = True
        for route in self.grid.routes.values():
            for row, first, last in route.runs:
                if first <= part.last and part.first <= last:
                    used[row] = True
                    rows[row].hold(2, 2)
        nested = [box for box in self.grid.boxes if _is_drawn(box) and len(box.frame.path) > 1]
        closing = [0] * count
        opening = [0] * count
        for box in self.grid.boxes:
            if part.first <= box.first <= part.last and box.frame.title:
                half = self.turn.size(box.frame.width, box.frame.height)[1] / 2
                rows[box.top].hold(half, half)
                used[box.top] = True
                low = any(b.bottom == box.bottom and _is_inside(b, box) for b in nested)
                closing[box.bottom] = max(closing[box.bottom], 2 if low else 1)
                opening[box.top] = 1
        at, previous = 0.0, -1
        shown = [row for row in range(count) if used[row]]
        for row in shown:
            if previous >= 0:
                at += rows[previous].after + (ROW_GAP if nodes[previous] or nodes[row] else 7.0)
            at += rows[row].before
            at += opening[row] * (PAD - 3 + (GAP if previous >= 0 else 0))
            if previous >= 0 and closing[previous]:
                at += closing[previous] * PAD
            part.rows[row] = at
            previous = row
        for row in range(count):
            if row not in part.rows:
                part.rows[row] = max((part.rows[r] for r in shown if r < row), default=0.0)
        last = shown[-1] if shown else 0
        part.bottom = at + rows[last].after + max(closing[last:] or [0]) * PAD if shown else 0.0

    def _parts(self) -> list[Part]:
        """The lines into which a long net is broken, between steps."""
        count = self.grid.columns
        inside = {c for box in self.grid.boxes for c in range(box.first + 1, box.last + 1)}
        inside |= {c for first, last in self.grid.whole for c in range(first + 1, last + 1)}
        inside |= {c for c in range(1, count) if self.scene.shapes and self._glued(c)}
        total, limit = self._along(count - 1)[1] if count else 0.0, WIDEST[self.turn.across]
        if total <= limit * 1.08:
            return [Part(0, count - 1)]
        first = min((box.last + 1 for box in self.grid.boxes if len(box.frame.path) == 1), default=1)
        breaks = [column for column in range(first, count) if column not in inside]
        lines = self._broken(breaks, limit)
        narrower = limit
        while narrower > limit / 2 and len(other := self._broken(breaks, narrower - 20)) == len(lines):
            narrower, lines = narrower - 20, other
        return lines

    def _broken(self, breaks: Sequence[int], target: float) -> list[Part]:
        """The lines if none should be longer than this."""
        parts, first, count = [], 0, self.grid.columns
        for column, following in pairwise([*breaks, count]):
            if self._along(following - 1)[1] - self._along(first)[0] > target:
                parts.append(Part(first, column - 1))
                first = column
        return [*parts, Part(first, count - 1)]

    def _glued(self, column: int) -> bool:
        """Whether a column holds only what belongs to the one before: results of a net."""
        names = [name for name, (c, _) in self.grid.places.items() if c == column]
        return all(self.scene.shapes[name].kind == "output" for name in names)

    def _set_parts(self) -> None:
        self.crossings: list[dict[Net, list[int]]] = []  # by line: for each lane to the next one the rows that it joins
        for part in self.parts:
            self._set_rows(part)
        top = 0.0
        for number, part in enumerate(self.parts):
            crossing: dict[Net, set[int]] = {}
            if number + 1 < len(self.parts):
                for k in self.grid.routes:
                    for channel, before, _ in self._pieces(k):
                        if channel == part.last + 1:
                            crossing.setdefault(self.scene.arrows[k].net, set()).add(before)
            lanes = sorted(crossing, key=lambda net: max(part.rows[row] for row in crossing[net]))
            self.crossings.append({net: sorted(crossing[net], key=part.rows.__getitem__) for net in lanes})
            part.top = top
            begin = self._along(part.first)[0]
            part.begin, part.end = begin, self._along(part.last)[1]
            top += part.bottom + BREAK + TRACK * max(len(crossing), 1)
        margin = max((len(crossing) for crossing in self.crossings), default=0)
        self.margin = LEAD + TRACK * margin if margin else 0.0

    def _part(self, column: int) -> int:
        return self.part_of[column]

    def _point(self, column: int, row: int) -> Point:
        part = self.parts[self._part(column)]
        return self.margin + self.middle[column] - part.begin, part.top + part.rows[row]

    def _edge(self, column: int, after: bool) -> float:
        """Where the nodes of a column begin or end."""
        middle = self._point(column, 0)[0]
        return middle + self.columns[column].after if after else middle - self.columns[column].before

    # -- placing

    def _place(self) -> None:
        for name, (column, row) in self.grid.places.items():
            self.centers[name] = self._point(column, row)
        low_ends = [self._low_ends(part) for part in self.parts]
        bottoms: list[tuple[Box, float]] = []
        for box in sorted(filter(_is_drawn, self.grid.boxes), key=lambda box: -len(box.frame.path)):  # from the inside
            part = self.parts[self._part(box.first)]
            title = self.turn.size(box.frame.width, box.frame.height)[1]
            top = part.top + part.rows[box.top] - title / 2 - PAD + 4
            lowest = part.top + max(low_ends[self._part(box.first)][box.top : box.bottom + 1])
            bottom = PAD + max([lowest, *(low for inner, low in bottoms if _is_inside(inner, box))])
            bottoms.append((box, bottom))
            begin, end = self._sides(box)
            self.frames.append((box, (begin, top), (end, bottom)))
        for k in self.grid.routes:
            self.paths[k] = self._path(k)
        ends = [self.margin + part.end - part.begin for part in self.parts]
        self.size = (
            max(ends, default=0.0) + (self.margin and self.margin - LEAD + 14),
            self.parts[-1].top + self.parts[-1].bottom,
        )

    def _sides(self, box: Box) -> Point:
        """Where a step begins and ends along the flow."""
        inner = [b for b in self.grid.boxes if _is_inside(b, box)]
        outer, closing = sum(b.first == box.first for b in inner), sum(b.last == box.last for b in inner)
        return self._edge(box.first, False) - PAD * (1 + outer), self._edge(box.last, True) + PAD * (1 + closing)

    def _low_ends(self, part: Part) -> list[float]:
        """The lower end of what stands in each row of a line."""
        ends = [part.rows[row] for row in range(len(self.grid.rows))]
        for name, (column, row) in self.grid.places.items():
            if part.first <= column <= part.last:
                ends[row] = max(ends[row], part.rows[row] + self.extents[name][3])
        for route in self.grid.routes.values():
            for row, first, last in route.runs:
                if first <= part.last and part.first <= last:
                    ends[row] = max(ends[row], part.rows[row] + 2)
        return ends

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
        offset = self.offsets.get(k, 0.0)
        pieces = self._pieces(k)
        for number, (channel, before, after) in enumerate(pieces):
            final = offset if number == len(pieces) - 1 and route.enter == LEFT else 0.0
            here, there = self._part(channel - 1), self._part(channel)
            if here != there:
                self._turn_back(pen, here, arrow.net, before)
            y0, y1 = pen.at[1], self.parts[there].top + self.parts[there].rows[after] + final
            left, right = self._edge(channel - 1, True) if here == there else pen.at[0], self._edge(channel, False)
            ending, beginning = self._beside_titles(channel, before, after)
            left = max([left, *(self._sides(box)[1] for box in ending if here == there)])
            right = min([right, *(self._sides(box)[0] for box in beginning)])
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
        part, following, rows = self.parts[here], self.parts[here + 1], self.crossings[here][net]
        place, count = list(self.crossings[here]).index(net), len(self.crossings[here])
        right = self.margin + part.end - part.begin + 12 + TRACK * (count - 1 - place)
        gap = part.top + part.bottom + 8 + TRACK * (count - 1 - place)
        left = self.margin - LEAD - TRACK * place
        levels = [following.top + following.rows[other] for other in rows]
        y = following.top + following.rows[row]
        start = self.margin - LEAD + 8
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
        part = self.parts[self._part(self.grid.places[arrow.end][0])]
        y = part.top + part.rows[row]
        pen = Pen()
        half = [
            [n / 2 for n in self.turn.size(s.width, s.height)]
            for s in map(self.scene.shapes.__getitem__, (arrow.source, arrow.end))
        ]
        if route.enter == LEFT:
            pen.move((begin[0] + half[0][0], begin[1]))
            x, z = (
                self._edge(self.grid.places[arrow.source][0], True) + 12,
                self._edge(self.grid.places[arrow.end][0], False) - 14,
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
            self.marks.append(Mark(arrow, route.enter, tip, self.text_side(k)))


def _is_inside(inner: Box, outer: Box) -> bool:
    columns = outer.first <= inner.first and inner.last <= outer.last
    return columns and outer.top < inner.top and inner.bottom <= outer.bottom


def _is_drawn(box: Box) -> bool:
    return bool(box.frame.title)


def _boundary(kind: str, reach: Sequence[float], offset: float) -> float:
    """How far left of its middle the outline of a node is, this far from the middle across."""
    if kind in ("join", "state"):
        part = min(abs(offset) / reach[1], 0.95)
        return float(reach[0] * (1 - part**2) ** 0.5)
    if kind in ("input", "output", "wide join"):
        return reach[0] - min(8.0, reach[1]) * min(abs(offset) / reach[1], 1.0) * 0.8
    return reach[0]
