"""The rows of chains of nodes: each chain goes where its lines are short and cross little."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from symfold.show.diagram.grid import Row

if TYPE_CHECKING:
    from symfold.show.diagram.arrangement import Arrangement

Cell = tuple[int, int]  # a column and a row
FloatArray = npt.NDArray[np.float64]


@dataclass
class Chain:
    """Nodes side by side in one row, and the cells that they and the line between them take."""

    nodes: list[str]
    first: int = 0
    last: int = 0


class Placement:
    """The search for the rows of chains: each goes where its lines are short and cross little."""

    def __init__(self, arrangement: Arrangement, chains: list[Chain]):
        self.of, self.chains = arrangement, chains
        self.at: dict[str, Row] = {name: arrangement.row_on_lane(name) for name in arrangement.lanes}
        self.row_of: dict[int, Row] = {}
        self.ends = self._ends()
        lines = [(a, b, self._column(a), self._column(b)) for a, b, vertical in self.ends if not vertical]
        self.crossings = Crossings(lines)

    def _ends(self) -> list[tuple[str, str, bool]]:
        """The arrows of this frame: source, end and whether it is vertical; a lane from outside by its letter."""
        ends = []
        for name in self.of.owner:
            for k in self.of.layout.into[name]:
                arrow = self.of.arrows[k]
                inside = arrow.source in self.of.owner
                if not (self.of.tracks.loose(name) or self.of.tracks.loose(arrow.source)):
                    continue
                if inside or arrow.source in self.of.outside:
                    ends.append((arrow.source, name, self.of.vertical.get(arrow.source) == name))
        return ends

    def _column(self, name: str) -> int:
        owner = self.of.owner.get(name)
        if owner is None:
            return -1
        if isinstance(owner, int):
            return self.of.columns[owner] + self.of.inner[owner][0].places[name][0]
        return self.of.columns[name]

    def cell(self, name: str, index: Mapping[int, int]) -> Cell | None:
        """The column and row of a node so far."""
        of = self.of
        owner = of.owner.get(name)
        if owner is None:
            row = of.lane_row(of.outside[name])
        elif isinstance(owner, int):
            row = of.band_rows[owner][of.inner[owner][0].places[name][1]]
        elif name in self.at:
            row = self.at[name]
        else:
            return None
        return self._column(name), index[id(row)]

    def run(self) -> None:
        order = sorted(range(len(self.chains)), key=lambda k: (-len(self.chains[k].nodes), self.chains[k].first, k))
        for number in order:
            self._best(number)
        for _ in range(2 if len(self.chains) <= 24 else 0):
            for number in order:
                self._remove(number)
                self._best(number)

    def _remove(self, number: int) -> None:
        row = self.row_of.pop(number)
        for name in self.chains[number].nodes:
            del self.at[name]
        if row.band is None and not row.lane and row not in self.row_of.values() and row not in self.at.values():
            self.of.rows.remove(row)

    def _put(self, number: int, row: Row) -> None:
        self.row_of[number] = row
        self.at |= dict.fromkeys(self.chains[number].nodes, row)

    def _best(self, number: int) -> None:
        rows = self.of.rows
        best: tuple[float, int, int] | None = None
        for place in range(len(rows) + 1):
            for new in (0, 1):
                row = self._try(number, place, new)
                if row is None:
                    continue
                cost = self.cost()
                if best is None or cost < best[0] - 1e-9:
                    best = (cost, place, new)
                self._remove(number)
        assert best is not None
        self._try(number, best[1], best[2])

    def _try(self, number: int, place: int, new: int) -> Row | None:
        rows, chain = self.of.rows, self.chains[number]
        if new:
            around = [row.band for row in rows[max(0, place - 1) : place + 1]]
            if place == 0 and rows and rows[0].title and self.of.frame.title:
                return None
            if len(around) == 2 and around[0] == around[1] is not None:
                return None
            row = Row()
            rows.insert(place, row)
        elif place < len(rows) and not rows[place].title and self._free(rows[place], chain):
            row = rows[place]
        else:
            return None
        self._put(number, row)
        return row

    def _free(self, row: Row, chain: Chain) -> bool:
        if any(
            self.chains[k].first <= chain.last and chain.first <= self.chains[k].last
            for k, other in self.row_of.items() if other is row
        ):  # fmt: skip
            return False
        if row.band is not None and any(
            self.of.columns[step] <= chain.last and chain.first < self.of.columns[step] + self.of.width(step)
            for step in self.of.bands[row.band]
        ):
            return False
        if row.lane:  # a lane is kept free from its first to its last node, and outside of steps beyond them
            return not self._on_lane(row.lane, chain.first, chain.last)
        return True

    def _on_lane(self, lane: str, first: int, last: int) -> bool:
        of = self.of
        if of.frame.path:
            return True
        columns = [of.columns[name] for name, own in of.lanes.items() if own == lane]
        return bool(columns) and min(columns) <= last and first <= max(columns)

    def cost(self) -> float:
        """How long and tangled the lines of the nodes placed so far are."""
        index = {id(row): k for k, row in enumerate(self.of.rows)}
        taken = self._taken(index)
        total, begins, ends = 0.0, list[float](), list[float]()
        sides: dict[tuple[str, bool], int] = {}
        first_lane = next((k for k, row in enumerate(self.of.rows) if row.lane), 0)
        for source, end, vertical in self.ends:
            a, b = self.cell(source, index), self.cell(end, index)
            if not vertical:
                begins.append(a[1] if a and b else np.nan)
                ends.append(b[1] if a and b else np.nan)
            if a is None or b is None:
                continue
            total += abs(a[1] - b[1])
            if vertical:
                below = a[1] > b[1]
                sides[end, below] = sides.get((end, below), 0) + 1
                low, high = sorted((a[1], b[1]))
                total += 25 * sum((b[0], row) in taken for row in range(low + 1, high))
                total += 25 * (a[1] == b[1])
                total += 4 * sum(1 for row in range(low + 1, high) if self.of.rows[row].lane)
            elif b[0] - a[0] > 1:
                free = [not any((c, r) in taken for c in range(a[0] + 1, b[0])) for r in (a[1], b[1])]
                total += 0 if any(free) else 1.5
        total += 25 * sum(count - 1 for count in sides.values())
        total += 1.2 * self.crossings.count(begins, ends)
        total += 0.4 * len(self.of.rows)
        total += sum(0.3 for row in self.row_of.values() if index[id(row)] < first_lane)
        return total

    def _taken(self, index: Mapping[int, int]) -> set[Cell]:
        taken = {
            (column, index[id(row)])
            for k, row in self.row_of.items()
            for column in range(self.chains[k].first, self.chains[k].last + 1)
        }
        taken |= {(self.of.columns[name], index[id(row)]) for name, row in self.at.items()}
        for step, rows in self.of.band_rows.items():
            band = [index[id(row)] for row in self.of.rows if row.band == rows[0].band]
            span = range(self.of.columns[step], self.of.columns[step] + self.of.width(step))
            taken |= {(column, row) for column in span for row in band}
        return taken


class Crossings:
    """How many lines from left to right cross, by the rows of their ends; their columns are given once."""

    def __init__(self, lines: Sequence[tuple[str, str, int, int]]):
        ends = np.array([(first, last) for _, _, first, last in lines], float).reshape(-1, 2)
        pairs = [
            (i, j)
            for i in range(len(lines))
            for j in range(i)
            if lines[i][0] != lines[j][0] and lines[i][1] != lines[j][1]
        ]
        one, other = np.array(pairs, int).reshape(-1, 2).T
        left, right = np.maximum(ends[one, 0], ends[other, 0]), np.minimum(ends[one, 1], ends[other, 1])
        both = left < right
        self.one, self.other, self.left, self.right = one[both], other[both], left[both], right[both]
        self.first, self.length = ends[:, 0], np.maximum(ends[:, 1] - ends[:, 0], 1)

    def count(self, begin: Sequence[float], end: Sequence[float]) -> int:
        """The crossings for these rows at the beginnings and ends of the lines; nan for a line without a row so far."""
        start, slope = np.array(begin), (np.array(end) - np.array(begin)) / self.length

        def apart(columns: FloatArray) -> FloatArray:
            one, other = (start[k] + slope[k] * (columns - self.first[k]) for k in (self.one, self.other))
            return one - other

        return int((apart(self.left) * apart(self.right) < 0).sum())
