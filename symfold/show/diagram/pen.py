"""Paths of straight lines, round corners, and curves that start and end along the flow."""

from __future__ import annotations

from dataclasses import dataclass, field

Point = tuple[float, float]
Step = tuple[str, tuple[Point, ...]]  # a command of an SVG path and its points


@dataclass
class Pen:
    """A path being drawn."""

    steps: list[Step] = field(default_factory=list)
    at: Point = (0.0, 0.0)

    def move(self, point: Point) -> None:
        self._add("M", point)

    def line(self, point: Point) -> None:
        if abs(point[0] - self.at[0]) > 0.01 or abs(point[1] - self.at[1]) > 0.01:
            self._add("L", point)

    def curve(self, point: Point) -> None:
        """A curve that starts and ends along the flow."""
        if abs(point[1] - self.at[1]) < 0.01:
            return self.line(point)
        middle = (self.at[0] + point[0]) / 2
        return self._add("C", (middle, self.at[1]), (middle, point[1]), point)

    def corner(self, corner: Point, after: Point, stop_early: bool = False) -> None:
        """To a corner, round it, and on; or, with `stop_early`, only as far as the corner is round."""
        into, out = _distance(self.at, corner), _distance(corner, after)
        radius = min(8.0, into, out / 2 if stop_early else out)
        self.line(_towards(corner, self.at, radius))
        if radius > 0.01:
            self._add("Q", corner, _towards(corner, after, radius))
        if not stop_early:
            self.line(after)

    def _add(self, command: str, *points: Point) -> None:
        self.steps.append((command, points))
        self.at = points[-1]


def _distance(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _towards(begin: Point, end: Point, distance: float) -> Point:
    length = _distance(begin, end) or 1.0
    return begin[0] + (end[0] - begin[0]) * distance / length, begin[1] + (end[1] - begin[1]) * distance / length
