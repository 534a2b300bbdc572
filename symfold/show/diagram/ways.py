"""The cheapest way of an arrow through several rows, column by column."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import inf

TITLE_CROSSED = 1000.0  # what it costs to run through a title


@dataclass(frozen=True)
class Way:
    """The row in each column, by number; what they cost; and whether the arrow enters its end from above or below."""

    cost: float = inf
    rows: tuple[int, ...] = ()
    hangs: bool = False


@dataclass(frozen=True)
class Field:
    """The columns between two nodes, the places of rows, and what stands in the way."""

    columns: range  # after that of the source, up to that of the end
    places: Sequence[float]  # of the rows
    new: Collection[int]  # the numbers of rows that would have to be added
    free: Callable[[int, int], bool]  # whether the arrow may take a column in a row, by its number
    titles: Callable[[int], Sequence[int]]  # the places of titles that the space before a column crosses

    def cheapest(self, begin: float, end: float, enter: float, hang: Callable[[int], float]) -> Way:
        """The cheapest way from one place to another.

        To enter the end from the left costs `enter` more, and from above or below, along a row, what `hang` says.
        """
        best, before = Way(), [Way(0.0)]
        for column in self.columns:
            titles, last = self.titles(column), column == self.columns[-1]
            ways: list[Way] = []
            before.sort(key=lambda way: (way.cost, way.rows))
            for number, place in enumerate(self.places):
                if not self.free(column, number):
                    continue
                found = self._joined(before, begin, place, titles)
                extra = 0.7 if number in self.new and column == self.columns[0] else 0.1
                ways.append(Way(found.cost + extra, (*found.rows, number)))
                if last and ways[-1].cost + hang(number) < best.cost:
                    best = Way(ways[-1].cost + hang(number), ways[-1].rows, True)
            if last:
                found = self._joined(before, begin, end, titles)
                best = min(best, Way(found.cost + enter, found.rows), key=lambda way: way.cost)
            before = ways
        return best

    def _joined(self, before: Sequence[Way], begin: float, place: float, titles: Sequence[int]) -> Way:
        """The cheapest of the ways so far, sorted by their costs, that goes on at a place."""
        best = Way()
        for way in before:
            if way.cost >= best.cost:
                break
            at = self.places[way.rows[-1]] if way.rows else begin
            low, high = min(at, place), max(at, place)
            crossed = TITLE_CROSSED * any(low <= title < high for title in titles)
            cost = way.cost + high - low + (low != high) + crossed
            if cost < best.cost:
                best = Way(cost, way.rows)
        return best
