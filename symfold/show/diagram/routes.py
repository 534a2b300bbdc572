"""The ways of arrows through the grid: along free cells of a row, and between columns from row to row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from symfold.show.diagram.grid import ABOVE, BELOW, LEFT, RIGHT, Route, Row
from symfold.show.diagram.scene import Arrow
from symfold.show.diagram.ways import TITLE_CROSSED, Field, Way

if TYPE_CHECKING:
    from symfold.show.diagram.arrangement import Arrangement

Net = tuple[str, str]
MOST_LATER = 3  # columns that a step goes to the right, for lines to reach it


class Blocked(Exception):
    """No way leads from a node right above or below its reader."""

    def __init__(self, source: str):
        super().__init__(source)
        self.source = source


class Narrow(Exception):
    """No way leads to a step but through titles; there is one if the step stands further to the right."""

    def __init__(self, step: int):
        super().__init__(step)
        self.step = step


@dataclass
class Vertical:
    """A piece of an arrow in a column, between two rows."""

    top: Row
    bottom: Row
    net: Net


class Router:
    """The routes of the arrows of one frame."""

    def __init__(self, of: Arrangement, at: Mapping[str, Row]):
        self.of, self.at = of, at
        self.cells: dict[tuple[int, int], Net] = {}  # by column and row
        self.steps = {
            (band, column): step
            for band, steps in enumerate(of.bands)
            for step in steps
            for column in range(of.columns[step], of.columns[step] + of.width(step))
        }
        self.verticals: dict[int, list[Vertical]] = {}  # by column
        self.sides: dict[tuple[str, str], Net] = {}
        self.index: dict[int, int] = {}
        for name, row in at.items():
            self.cells[of.columns[name], id(row)] = (name, "node")
        self.titles = list(self._titles())
        self._renumber()
        self._keep_lanes()

    def _renumber(self) -> None:
        self.index = {id(row): k for k, row in enumerate(self.of.rows)}

    def _titles(self) -> Iterator[tuple[Row, int, int]]:
        """The rows of the titles of steps, with the columns of those steps."""
        for step, (grid, _) in self.of.inner.items():
            rows, offset = self.of.band_rows[step], self.of.columns[step]
            if self.of.frame.inner[step].title:
                yield rows[0], offset, offset + grid.columns - 1
            for box in grid.boxes:
                if box.frame.title:
                    yield rows[box.top], box.first + offset, box.last + offset

    def _keep_lanes(self) -> None:
        """Keep the lane of a state free, from its last node to the right end of a step."""
        if not self.of.frame.path:
            return
        end = max((self.of.columns[e] + self.of.width(e) for e in self.of.columns), default=0)
        for lane in dict.fromkeys(self.of.lanes.values()):
            name = max((n for n in self.of.lanes if self.of.lanes[n] == lane), key=lambda n: self.of.columns[n])
            row = self.at[name]
            for column in range(self.of.columns[name] + 1, end):
                self.cells.setdefault((column, id(row)), (name, ""))

    def run(self) -> dict[int, Route]:
        """The routes, by arrow; those along lanes first, then the short ones."""
        of = self.of
        numbers = [k for k, arrow in enumerate(of.arrows) if arrow.kind != "loop" and self._is_ours(arrow)]
        ends = {k: self._ends(k) for k in numbers}

        def order(k: int) -> tuple[bool, bool, int, int]:
            (a, first), (b, second) = ends[k]
            arrow = of.arrows[k]
            straight = first is second and of.main.get(arrow.end) == arrow.source and arrow.kind != "capture"
            return not straight, of.vertical.get(arrow.source) != arrow.end, b - a, k

        routes: dict[int, Route] = {}
        for k in sorted(numbers, key=order):
            routes[k] = self._joined(k, self._route(k, *ends[k]))
        for k, arrow in enumerate(of.arrows):
            if arrow.kind == "loop" and of.owner.get(arrow.end) == arrow.end:
                routes[k] = self._loop(arrow)
        return routes

    def _is_ours(self, arrow: Arrow) -> bool:
        owner = self.of.owner
        if arrow.end not in owner:
            return False
        if arrow.source in owner:
            return owner[arrow.source] != owner[arrow.end]
        return (
            arrow.source in self.of.outside
            and owner[arrow.end] == arrow.end
            and arrow.kind in ("state", "skip", "init")
        )

    def _inner_route(self, k: int) -> Route | None:
        """The rest of a route along the lane into a step."""
        step = self.of.owner[self.of.arrows[k].end]
        if not isinstance(step, int) or self.of.arrows[k].source not in self.of.entering[step]:
            return None
        route = self.of.inner[step][0].routes.get(k)
        return route.moved(self.of.columns[step], self.of.band_rows[step]) if route else None

    def _ends(self, k: int) -> tuple[tuple[int, Row], tuple[int, Row]]:
        """The cells from which to which an arrow is to be led in this frame."""
        arrow, of = self.of.arrows[k], self.of
        begin = self._cell(arrow.source) if arrow.source in of.owner else (-1, of.lane_row(of.outside[arrow.source]))
        step = of.owner[arrow.end]
        if self._inner_route(k) is not None and isinstance(step, int):
            lane = of.tracks.lane(of.entering[step][arrow.source], step)
            row = next(row for row in of.band_rows[step] if row.lane == lane)
            return begin, (of.columns[step], row)
        return begin, self._cell(arrow.end)

    def _cell(self, name: str) -> tuple[int, Row]:
        owner = self.of.owner[name]
        if isinstance(owner, int):
            column, row = self.of.inner[owner][0].places[name]
            return self.of.columns[owner] + column, self.of.band_rows[owner][row]
        return self.of.columns[name], self.at[name]

    def _joined(self, k: int, route: Route) -> Route:
        inner = self._inner_route(k)
        return Route((*route.runs, *inner.runs), route.leave, inner.enter) if inner else route

    # -- one arrow

    def _route(self, k: int, begin: tuple[int, Row], end: tuple[int, Row]) -> Route:
        arrow, ports = self.of.arrows[k], self._inner_route(k) is not None
        (a, first), (b, last) = begin, end
        if self.of.vertical.get(arrow.source) == arrow.end and first is not last:
            side = BELOW if self.index[id(first)] > self.index[id(last)] else ABOVE
            between = self._between(first, last)
            if all(self._free(b, row, arrow, k) for row in between) and self._side_free(arrow, side):
                if a == b:
                    return self._take(arrow, Route((), ABOVE if side == BELOW else BELOW, side), b, first, last)
                if all(self._free(column, first, arrow, k) for column in range(a + 1, b + 1)):
                    return self._take(arrow, Route(((first, a + 1, b),), RIGHT, side), b, first, last)
        best: tuple[float, int, int | None, Route] | None = None
        for number, (cost, new, route) in enumerate(self._options(k, arrow, begin, end, ports)):
            if best is None or (cost, number) < best[:2]:
                best = (cost, number, new, route)
        if best is None:
            route = self._search(k, arrow, begin, end, ports)
        else:
            _, _, new, route = best
            if new is not None:
                self.of.rows.insert(new, route.runs[-1][0])
                self._renumber()
        return self._take(arrow, route, b, route.runs[-1][0] if route.runs else first, last)

    def _options(
        self, k: int, arrow: Arrow, begin: tuple[int, Row], end: tuple[int, Row], ports: bool
    ) -> Iterator[tuple[float, int | None, Route]]:
        """The ways along one row, if they cross no title."""
        (a, first), (b, last) = begin, end
        low, high = self.index[id(first)], self.index[id(last)]
        bus = self._bus(arrow)
        if b == a + 1 and self._crosses_no_title(b, low, high):
            yield abs(low - high) + bus, None, Route()
        floor = self._floor(arrow)
        hangs = self._hangs(arrow, ports)
        for row, place, new in self._candidates():
            if place < floor and row is not first and row is not last:
                continue
            if not self._crosses_no_title(a + 1, low, place):
                continue
            shared = any(self.cells.get((column, id(row))) == arrow.net for column in range(a + 1, b))
            away = abs(place - high) + (-0.3 if shared else abs(place - low))
            cost = away + (0.0 if row in (first, last) else 0.5) + (0.0 if new is None else 0.7)
            free = b > a + 1 and (new is not None or self._run_free(row, a + 1, b - 1, arrow, k, (first, last)))
            if free and self._crosses_no_title(b, place, high):
                yield cost + bus, new, Route(((row, a + 1, b - 1),))
            side = BELOW if place > high else ABOVE
            if hangs and place != high and b > a and self._side_free(arrow, side):
                if new is None and not self._run_free(row, a + 1, b, arrow, k, (first, last)):
                    continue
                if self._falls(b, place, high, arrow, k):
                    drawn = arrow.kind in ("capture", "item", "parameter")
                    extra = -0.6 if drawn else 2.0
                    yield cost + extra, new, Route(((row, a + 1, b),), RIGHT, side)

    def _bus(self, arrow: Arrow) -> float:
        """What a capture costs for entering a node from the left, where lines of the state enter."""
        readers = [n for n in self.of.layout.out[arrow.source] if self.of.arrows[n].kind == "capture"]
        return (5.0 if len(readers) > 1 else 1.5) if arrow.kind == "capture" else 0.0

    def _hangs(self, arrow: Arrow, ports: bool) -> bool:
        """Whether an arrow may enter its end from above or below."""
        return not ports and self.of.scene.shapes[arrow.end].kind not in ("output", "state")

    def _candidates(self) -> list[tuple[Row, float, int | None]]:
        """The rows that there are, and those that may be added: their places, and where to add them."""
        rows: list[tuple[Row, float, int | None]] = [
            (row, float(n), None) for n, row in enumerate(self.of.rows) if not row.title
        ]
        return rows + [(Row(), place - 0.5, place) for place in self._new_places()]

    def _falls(self, column: int, place: float, high: int, arrow: Arrow, k: int) -> bool:
        """Whether an arrow may run up or down a column from a row to that of its end."""
        passed = [other for n, other in enumerate(self.of.rows) if min(place, high) < n < max(place, high)]
        return all(self._free(column, other, arrow, k) for other in passed) and not any(row.title for row in passed)

    def _titles_across(self, channel: int) -> list[int]:
        """The titles of the steps that reach over the space right before a column."""
        return [self.index[id(row)] for row, first, last in self.titles if first < channel <= last]

    def _crosses_no_title(self, channel: int, one: float, other: float) -> bool:
        """Whether a piece of an arrow right before a column crosses no title."""
        low, high = min(one, other), max(one, other)
        return not any(low <= title < high for title in self._titles_across(channel))

    def _search(self, k: int, arrow: Arrow, begin: tuple[int, Row], end: tuple[int, Row], ports: bool) -> Route:
        """The best way along several rows, from column to column; some of them are added."""
        (a, first), (b, last) = begin, end
        low, high = self.index[id(first)], self.index[id(last)]
        rows, hangs = self._candidates(), self._hangs(arrow, ports)

        def free(column: int, number: int) -> bool:
            row, _, new = rows[number]
            return new is not None or self._free(column, row, arrow, k)

        def hang(number: int) -> float:
            place = rows[number][1]
            side = BELOW if place > high else ABOVE
            allowed = hangs and place != high and self._side_free(arrow, side)
            return abs(place - high) + 2 if allowed and self._falls(b, place, high, arrow, k) else inf

        new = [number for number, (_, _, place) in enumerate(rows) if place is not None]
        field = Field(range(a + 1, b + 1), [place for _, place, _ in rows], new, free, self._titles_across)
        way = field.cheapest(low, high, self._bus(arrow), hang)
        self._check(arrow, way)
        if way.cost == inf:  # the end stands before the source
            self.of.layout.backward.append(k)
            return Route()
        side = LEFT if not way.hangs else BELOW if rows[way.rows[-1]][1] > high else ABOVE
        for number in sorted(set(way.rows), key=lambda n: -rows[n][1]):
            if (added := rows[number][2]) is not None:
                self.of.rows.insert(added, rows[number][0])
        self._renumber()
        runs: list[tuple[Row, int, int]] = []
        for column, number in enumerate(way.rows, a + 1):
            row = rows[number][0]
            runs = (
                [*runs[:-1], (row, runs[-1][1], column)]
                if runs and runs[-1][0] is row
                else [*runs, (row, column, column)]
            )
        return Route(tuple(runs), RIGHT, side)

    def _check(self, arrow: Arrow, way: Way) -> None:
        """Ask for another layout if there is no way, or none but through a title."""
        hung = arrow.source in self.of.vertical
        if arrow.source not in self.of.aside and (way.cost == inf or (way.cost >= TITLE_CROSSED and hung)):
            raise Blocked(arrow.source)
        step = self.of.owner[arrow.end]
        if way.cost >= TITLE_CROSSED and isinstance(step, int) and self.of.later.get(step, 0) < MOST_LATER:
            raise Narrow(step)

    def _floor(self, arrow: Arrow) -> int:
        """The first row that an arrow into or out of a step may take: lines do not cross titles."""
        steps = [owner for end in (arrow.source, arrow.end) if isinstance(owner := self.of.owner.get(end), int)]
        tops = [
            min(self.index[id(row)] for row in self.of.rows if row.band == self.of.band_rows[s][0].band) for s in steps
        ]
        return max(tops, default=0)

    def _new_places(self) -> list[int]:
        """Where a row may be added: not between the rows of the same steps."""
        rows = self.of.rows
        return [
            place
            for place in range(1 if self.of.frame.title else 0, len(rows) + 1)
            if not (0 < place < len(rows) and rows[place - 1].band == rows[place].band is not None)
        ]

    def _between(self, one: Row, other: Row) -> list[Row]:
        low, high = sorted((self.index[id(one)], self.index[id(other)]))
        return self.of.rows[low + 1 : high]

    def _side_free(self, arrow: Arrow, side: str) -> bool:
        return self.sides.get((arrow.end, side), arrow.net) == arrow.net

    def _free(self, column: int, row: Row, arrow: Arrow, k: int) -> bool:
        """Whether an arrow may pass a cell."""
        if row.title:
            return False
        if self.cells.get((column, id(row)), arrow.net) not in (arrow.net, (arrow.source, "")):
            return False
        if any(v.net != arrow.net and self._passes(v, row) for v in self.verticals.get(column, ())):
            return False
        step = self._step_at(column, row)
        if step is None:
            return True
        ours = step in (self.of.owner.get(arrow.source), self.of.owner.get(arrow.end))
        if not ours or row not in self.of.band_rows[step]:
            return False
        cell = column - self.of.columns[step], self.of.band_rows[step].index(row)
        return self.of.taken(step).get(cell, arrow.source) == arrow.source

    def _run_free(self, row: Row, first: int, last: int, arrow: Arrow, k: int, own: tuple[Row, Row]) -> bool:
        """Whether an arrow may run along a row; inside steps it does so only in its own rows."""
        cells = range(first, last + 1)
        return all(self._free(c, row, arrow, k) for c in cells) and (
            row in own or all(self._step_at(c, row) is None for c in cells)
        )

    def _passes(self, vertical: Vertical, row: Row) -> bool:
        low, high = sorted((self.index[id(vertical.top)], self.index[id(vertical.bottom)]))
        return low < self.index[id(row)] < high

    def _step_at(self, column: int, row: Row) -> int | None:
        return None if row.band is None else self.steps.get((row.band, column))

    def _take(self, arrow: Arrow, route: Route, column: int, begin: Row, end: Row) -> Route:
        for row, first, last in route.runs:
            for c in range(first, last + 1):
                self.cells.setdefault((c, id(row)), arrow.net)
        if route.enter in (ABOVE, BELOW):
            self.sides[arrow.end, route.enter] = arrow.net
            self.verticals.setdefault(column, []).append(Vertical(begin, end, arrow.net))
        return route

    # -- back to the start of a step

    def _loop(self, arrow: Arrow) -> Route:
        """The way back from the state after a step to the state before it: over the step, or under it."""
        (a, first), (b, last) = self._cell(arrow.source), self._cell(arrow.end)
        width = max(self.of.columns[e] + self.of.width(e) for e in self.of.columns)
        low = min(self.index[id(first)], self.index[id(last)])
        above = all(
            self._free(c, row, arrow, -1) for c in (a, b) for row in self.of.rows[1 if self.of.frame.title else 0 : low]
        )
        under = self.of.rows[max(self.index[id(first)], self.index[id(last)]) + 1 :]
        below = all(self._free(c, row, arrow, -1) for c in (a, b) for row in under)
        lanes = [row for row in self.of.rows if row.lane and row.band is None]
        top = above and (not below or lanes.index(last) * 2 < len(lanes))
        new = Row()
        self.of.rows.insert((1 if self.of.frame.title else 0) if top or not below else len(self.of.rows), new)
        self._renumber()
        if above or below:
            side = ABOVE if top else BELOW
            route = Route(((new, b, a),), side, side)
            for column, row in ((a, first), (b, last)):
                self.verticals.setdefault(column, []).append(Vertical(new, row, arrow.net))
        else:
            route = Route(((new, 0, width - 1),))
        return self._take(arrow, replace(route), b, new, last)
