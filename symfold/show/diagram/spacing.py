"""The spaces between nodes: channels between columns, distances of rows, and the lines of long nets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from symfold.show.diagram.grid import LEFT, Box
from symfold.show.diagram.pen import Point
from symfold.show.diagram.scene import LONGEST
from symfold.show.diagram.sizes import Extent, Sizes, is_drawn, is_inside

PAD, GAP, CHANNEL, ROW_GAP = 9.0, 8.0, 22.0, 13.0
TRACK, BREAK, LEAD = 8.0, 22.0, 38.0  # between lanes in a margin; between lines; the start of a line
WIDEST = {True: 1060.0, False: 1400.0}  # of a picture whose flow is horizontal, or vertical
Net = tuple[str, str]  # arrows that may share a line


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


class Spacing:
    """Where the columns and the rows of a grid are."""

    def __init__(self, sizes: Sizes):
        self.sizes, self.scene, self.grid, self.turn = sizes, sizes.scene, sizes.grid, sizes.turn
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

    def _channels(self, whole: Part) -> list[float]:
        """The widths of the spaces before each column, and after the last."""
        count = self.grid.columns
        widths = [CHANNEL] * (count + 1)
        widths[0] = widths[count] = 0.0
        for channel, before, after in self.sizes.spans():
            rise = abs(whole.rows[before] - whole.rows[after])
            widths[channel] = max(widths[channel], min(CHANNEL + 0.22 * max(rise - 20, 0), 60))
        starts, ends = ([set[int]() for _ in range(count + 1)] for _ in range(2))  # how deep the steps are nested
        for box in filter(is_drawn, self.grid.boxes):
            starts[box.first].add(len(box.frame.path))
            ends[box.last + 1].add(len(box.frame.path))
        loops = [
            k for k, route in self.grid.routes.items() if self.scene.arrows[k].kind == "loop" and route.enter == LEFT
        ]
        risen = [0.0] * (count + 1)  # how far arrows rise or fall beside titles
        for channel, before, after in self.sizes.spans():
            if any(self.sizes.beside_titles(channel, before, after)):
                risen[channel] = max(risen[channel], abs(whole.rows[before] - whole.rows[after]))
        for channel in range(count + 1):
            if edges := len(starts[channel]) + len(ends[channel]):
                pads = edges * (PAD + (10 if loops else 0)) + (GAP if starts[channel] and ends[channel] else 4)
                widths[channel] = max(widths[channel] + (edges - 2) * PAD, pads)
                if risen[channel]:
                    widths[channel] = max(widths[channel], edges * PAD + min(14 + 0.12 * risen[channel], 36))
        return widths

    def _widen(self) -> None:
        """Break titles at the widths of their steps, and make steps as wide as their titles."""
        if not self.turn.across:
            return
        for box in sorted(self.grid.boxes, key=lambda box: box.last - box.first):
            columns = sum(extent.before + extent.after for extent in self.sizes.columns[box.first : box.last + 1])
            room = columns + sum(self.channels[box.first + 1 : box.last + 1])
            if LONGEST < room <= WIDEST[True]:
                box.frame.wrap(room)
            lacking = box.frame.width - room
            if lacking <= 0:
                continue
            for other in self.grid.boxes:
                if other.like != box.like:
                    continue
                inside = range(other.first + 1, other.last + 1)
                for channel in inside:
                    self.channels[channel] += lacking / len(inside)
                if not inside:
                    self.sizes.columns[other.first].before += lacking / 2
                    self.sizes.columns[other.first].after += lacking / 2

    def _along(self, column: int) -> tuple[float, float]:
        """Where a column begins and ends, before lines are broken."""
        extent, middle = self.sizes.columns[column], self.middle[column]
        return middle - extent.before, middle + extent.after

    def _middles(self) -> list[float]:
        middles, at = [], 0.0
        for channel, extent in zip(self.channels, self.sizes.columns, strict=False):
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
                rows[row].hold(*self.sizes.extents[name][2:])
                used[row] = nodes[row] = True
        for channel, before, after in self.sizes.spans():
            if part.first <= channel - 1 <= part.last:
                used[before] = True
            if part.first <= channel <= part.last:
                used[after] = True
        for route in self.grid.routes.values():
            for row, first, last in route.runs:
                if first <= part.last and part.first <= last:
                    used[row] = True
                    rows[row].hold(2, 2)
        nested = [box for box in self.grid.boxes if is_drawn(box) and len(box.frame.path) > 1]
        closing = [0] * count
        opening = [0] * count
        for box in self.grid.boxes:
            if part.first <= box.first <= part.last and box.frame.title:
                half = self.turn.size(box.frame.width, box.frame.height)[1] / 2
                rows[box.top].hold(half, half)
                used[box.top] = True
                low = any(b.bottom == box.bottom and is_inside(b, box) for b in nested)
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
                    for channel, before, _ in self.sizes.pieces(k):
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

    def part(self, column: int) -> int:
        return self.part_of[column]

    def point(self, column: int, row: int) -> Point:
        part = self.parts[self.part(column)]
        return self.margin + self.middle[column] - part.begin, part.top + part.rows[row]

    def edge(self, column: int, after: bool) -> float:
        """Where the nodes of a column begin or end."""
        middle = self.point(column, 0)[0]
        return middle + self.sizes.columns[column].after if after else middle - self.sizes.columns[column].before

    def sides(self, box: Box) -> Point:
        """Where a step begins and ends along the flow."""
        inner = [b for b in self.grid.boxes if is_inside(b, box)]
        outer, closing = sum(b.first == box.first for b in inner), sum(b.last == box.last for b in inner)
        return self.edge(box.first, False) - PAD * (1 + outer), self.edge(box.last, True) + PAD * (1 + closing)

    def low_ends(self, part: Part) -> list[float]:
        """The lower end of what stands in each row of a line."""
        ends = [part.rows[row] for row in range(len(self.grid.rows))]
        for name, (column, row) in self.grid.places.items():
            if part.first <= column <= part.last:
                ends[row] = max(ends[row], part.rows[row] + self.sizes.extents[name][3])
        for route in self.grid.routes.values():
            for row, first, last in route.runs:
                if first <= part.last and part.first <= last:
                    ends[row] = max(ends[row], part.rows[row] + 2)
        return ends
