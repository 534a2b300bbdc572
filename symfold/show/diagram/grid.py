"""The grid of a picture: rows, the cells of nodes, the ways of arrows, and the boxes of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from symfold.show.diagram.scene import Frame

LEFT, RIGHT, ABOVE, BELOW = "left", "right", "above", "below"  # sides of nodes


@dataclass(eq=False)
class Row:
    """A row: of the lane of a state, of the titles of steps, or of other nodes; `band` is that of a row of steps."""

    lane: str = ""
    title: bool = False
    band: int | None = None

    def alike(self, other: Row) -> bool:
        return self.title == other.title and self.lane == other.lane


@dataclass(frozen=True)
class Route:
    """Runs along rows, each over some columns; the side on which the arrow leaves its source, and that of its end."""

    runs: tuple[tuple[Any, int, int], ...] = ()
    leave: str = RIGHT
    enter: str = LEFT

    def numbered(self, number: Mapping[int, int]) -> Route:
        """The route with numbers for rows."""
        return replace(self, runs=tuple((number[id(row)], first, last) for row, first, last in self.runs))

    def moved(self, offset: int, rows: Sequence[Any]) -> Route:
        """The route of a step in the frame around it."""
        return replace(self, runs=tuple((rows[row], first + offset, last + offset) for row, first, last in self.runs))


@dataclass(frozen=True)
class Box:
    """The cells that a step takes; steps of one `like` are laid out equally."""

    frame: Frame
    first: int
    last: int
    top: int
    bottom: int
    like: int


@dataclass(frozen=True)
class Grid:
    """The cells of nodes, the ways of arrows (by their numbers), and the boxes of steps."""

    columns: int
    rows: tuple[Row, ...]
    places: Mapping[str, tuple[int, int]]
    routes: Mapping[int, Route]
    boxes: tuple[Box, ...]
    whole: tuple[tuple[int, int], ...]  # columns that stay on one line
    taken: Mapping[tuple[int, int], str]  # the cells of nodes, and those of lines with their sources
