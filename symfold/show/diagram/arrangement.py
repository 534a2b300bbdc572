"""One frame being laid out: nodes that carry a state stand on its lane, the others form chains.

A lane is a row that runs straight through all steps. Each chain takes a row, above or below, that makes its lines short
and lets no line cross a node.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from symfold.show.diagram.columns import columns_of, neighbors
from symfold.show.diagram.grid import ABOVE, BELOW, Box, Grid, Route, Row
from symfold.show.diagram.placement import Chain, Placement
from symfold.show.diagram.routes import Router
from symfold.show.diagram.scene import Frame, rank
from symfold.show.diagram.tracks import Element, Tracks

if TYPE_CHECKING:
    from symfold.show.diagram.repetition import Layout


class Arrangement:
    """One frame being laid out: first the steps inside it, then columns, then rows, then the ways of its arrows."""

    def __init__(
        self,
        layout: Layout,
        frame: Frame,
        outside: Mapping[str, str],
        aside: Collection[str],
        later: Mapping[int, int],
    ):
        self.layout, self.frame, self.outside, self.aside, self.later = layout, frame, outside, aside, later
        self.scene, self.arrows = layout.scene, layout.arrows
        self.tracks = Tracks(layout, frame, outside)
        self.lanes, self.owner, self.rails = self.tracks.lanes, self.tracks.owner, self.tracks.rails
        self.before, self.entering, self.level = self.tracks.before, self.tracks.entering, self.tracks.level
        self.inner = {number: layout.of(inner, self.entering[number]) for number, inner in enumerate(frame.inner)}
        self.columns: dict[Element, int] = {}
        self.rows: list[Row] = []

    def between(self) -> Iterator[tuple[Element, Element, int]]:
        """The arrows between two elements of this frame."""
        for name, element in self.owner.items():
            for k in self.layout.into[name]:
                source = self.owner.get(self.arrows[k].source)
                if source is not None and source != element:
                    yield source, element, k

    def width(self, element: Element) -> int:
        return self.inner[element][0].columns if isinstance(element, int) else 1

    # -- rows

    def _bands(self) -> None:
        """The rows of the lanes and of the steps."""
        if self.frame.title:
            self.rows.append(Row(title=True))
        self.band_rows: dict[int, list[Row]] = {}  # by step
        shown: list[str] = []
        shapes = {number: [row.lane for row in self.inner[number][0].rows if row.lane] for number in self.inner}
        lanes = {number: tuple(self.tracks.lane(lane, number) for lane in shape) for number, shape in shapes.items()}
        levels = [steps for rail in self.rails for steps in self._levels(rail)]
        self.bands = [
            [step for step in steps if lanes[step] == each]
            for steps in levels
            for each in dict.fromkeys(lanes[step] for step in steps)
        ]
        for band, steps in enumerate(self.bands):
            rail = next(rail for rail in self.rails if steps[0] in rail)
            merged: list[Row] = []
            for number in (step for step in rail if lanes[step] == lanes[steps[0]]):
                rows = [
                    replace(row, lane=self.tracks.lane(row.lane, number), band=band)
                    for row in self.inner[number][0].rows
                ]
                merged = _merge(merged, rows)
            self.rows += merged
            shown += [row.lane for row in merged]
            for number in steps:
                rows = [replace(row, lane=self.tracks.lane(row.lane, number)) for row in self.inner[number][0].rows]
                self.band_rows[number] = _fitted(rows, merged)
        own = set(self.lanes.values()) | ({*self.outside.values()} if self.frame.path else set())
        for lane in sorted(own - {*shown}, key=rank):
            self.rows.append(Row(lane=lane))

    def _levels(self, rail: list[int]) -> list[list[int]]:
        """The steps of a rail by depth: in a U, the way back reads the states of the way there, the last one first."""
        pairs = set()
        for source, end, k in self.between():
            if source in rail and end in rail and self.arrows[k].kind == "item":
                pairs.add((rail.index(source), rail.index(end)))
        if len(pairs) < 2 or len({a + b for a, b in pairs}) > 1:
            return [rail]
        depth = [sum(a < place < b for a, b in pairs) for place in range(len(rail))]
        return [[step for step, d in zip(rail, depth, strict=True) if d == level] for level in range(max(depth) + 1)]

    def row_on_lane(self, name: str) -> Row:
        """The row of a node on a lane."""
        lane = self.lanes[name]
        if name in self.level:
            return next(row for row in self.band_rows[self.level[name]] if row.lane == lane)
        return self.lane_row(lane)

    def lane_row(self, lane: str) -> Row:
        return next(row for row in self.rows if row.lane == lane)

    def grid(self) -> Grid:
        """The grid of this frame."""
        beside = neighbors(self)
        self.main, self.following, self.vertical = beside.main, beside.following, beside.vertical
        self.columns = columns_of(self)
        self._bands()
        chains = self._chains()
        placement = Placement(self, chains)
        placement.run()
        router = Router(self, placement.at)
        routes = router.run()
        number = {id(row): k for k, row in enumerate(self.rows)}
        places = {name: (self.columns[name], number[id(row)]) for name, row in placement.at.items()}
        found = {k: route.numbered(number) for k, route in routes.items()}
        boxes: list[Box] = []
        columns = max((self.columns[e] + self.width(e) for e in self.columns), default=0)
        for step, (grid, like) in self.inner.items():
            rows, offset = self.band_rows[step], self.columns[step]
            band = [number[id(row)] for row in self.rows if row.band == rows[0].band]
            places |= {name: (column + offset, number[id(rows[row])]) for name, (column, row) in grid.places.items()}
            found |= {k: route.moved(offset, [number[id(row)] for row in rows]) for k, route in grid.routes.items()
                      if k not in found}  # fmt: skip
            frame = self.frame.inner[step]
            boxes.append(Box(frame, offset, offset + grid.columns - 1, min(band), max(band), like))
            boxes += [
                replace(box, first=box.first + offset, last=box.last + offset, top=number[id(rows[box.top])],
                        bottom=number[id(rows[box.bottom])])
                for box in grid.boxes
            ]  # fmt: skip
        whole = tuple(
            (self.columns[rail[0]], self.columns[rail[-1]] + self.width(rail[-1]) - 1)
            for rail in self.rails
            if rail not in self.bands
        )
        return Grid(columns, tuple(self.rows), places, found, tuple(boxes), whole, self._taken_cells(places, found))

    def _taken_cells(
        self, places: Mapping[str, tuple[int, int]], routes: Mapping[int, Route]
    ) -> dict[tuple[int, int], str]:
        taken = dict.fromkeys(places.values(), "")
        for k, route in routes.items():
            source, ends = self.arrows[k].source, [self.arrows[k].source, self.arrows[k].end]
            cells = [(column, row) for row, first, last in route.runs for column in range(first, last + 1)]
            if route.enter in (ABOVE, BELOW) and ends[1] in places:
                column, row = places[ends[1]]
                begin = route.runs[-1][0] if route.runs else places[source][1]
                cells += [(column, other) for other in range(min(begin, row), max(begin, row))]
            for cell in cells:
                taken.setdefault(cell, source)
        return taken

    def taken(self, step: int) -> Mapping[tuple[int, int], str]:
        """The cells that the inside of a step takes."""
        return self.inner[step][0].taken

    def _chains(self) -> list[Chain]:
        chains: list[Chain] = []
        for name in self.frame.nodes:
            if name in self.lanes or name in self.following.values():
                continue
            nodes = [name]
            while nodes[-1] in self.following:
                nodes.append(self.following[nodes[-1]])
            columns = [self.columns[n] for n in nodes]
            end = self.vertical.get(nodes[-1])
            chains.append(Chain(nodes, min(columns), max(*columns, self.columns[end] if end else columns[-1])))
        return chains


def _merge(first: list[Row], second: list[Row]) -> list[Row]:
    """The rows of two steps on the same lanes, those between the same lanes put together."""
    if not first:
        return second
    if len(first) == len(second) and all(map(Row.alike, first, second)):
        return first
    merged: list[Row] = []
    for a, b in zip(_sections(first), _sections(second), strict=True):
        merged += a if len(a) >= len(b) else b
    return merged


def _sections(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows, cut right before every lane."""
    sections: list[list[Row]] = [[]]
    for row in rows:
        if row.lane:
            sections.append([])
        sections[-1].append(row)
    return sections


def _fitted(rows: list[Row], merged: list[Row]) -> list[Row]:
    """For each row of a step its row in the merged ones."""
    fitted: list[Row] = []
    for number, (a, b) in enumerate(zip(_sections(rows), _sections(merged), strict=True)):
        titles = [row for row in b if row.title]
        if number == 0 and titles:  # titles on top, the others right above the lane
            own = sum(row.title for row in a)
            fitted += [*b[:own], *b[len(b) - (len(a) - own) :]] if len(a) > own else b[:own]
        else:
            fitted += b[: len(a)]
    return fitted
