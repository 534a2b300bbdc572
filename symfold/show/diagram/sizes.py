"""How far nodes and their texts reach: the ports of arrows, and the widths of columns.

Lengths are along the flow and across it; only `Turn` knows which is horizontal.
"""

from __future__ import annotations

from dataclasses import dataclass

from symfold.show.diagram.grid import ABOVE, LEFT, Box, Grid
from symfold.show.diagram.lettering import width
from symfold.show.diagram.scene import SMALL, Scene, port_room

HEAD = 6.0  # the length of an arrow head
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


class Sizes:
    """What the nodes, the texts and the arrows of a grid need."""

    def __init__(self, scene: Scene, grid: Grid, turn: Turn):
        self.scene, self.grid, self.turn = scene, grid, turn
        self.columns = [Extent() for _ in range(grid.columns)]
        self.texts_at: dict[int, int] = {}  # on which side of its line the text of an arrow stands, if not as usual
        self.crossed: dict[int, list[tuple[int, int, int]]] = {}
        self.offsets = self._ports()
        self.extents = self._node_extents()
        for name, (column, _) in grid.places.items():
            before, after, _, _ = self.extents[name]
            self.columns[column].hold(before, after)
        for box in grid.boxes if not turn.across else ():  # titles stand beside the first column, or the last
            half = box.frame.height / 2
            self.columns[box.first if turn.direction == "TB" else box.last].hold(half, half)
        self._equal_columns()

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

    def spans(self) -> list[tuple[int, int, int]]:
        """The pieces of all arrows in channels: the channel (by the column after it), the rows before and after."""
        return [piece for k in self.grid.routes for piece in self.pieces(k)]

    def pieces(self, k: int) -> list[tuple[int, int, int]]:
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

    def beside_titles(self, channel: int, before: int, after: int) -> tuple[list[Box], list[Box]]:
        """The steps that end before a channel, and those that begin after it, whose titles an arrow passes there."""
        low, high = min(before, after), max(before, after)
        passed = [box for box in self.grid.boxes if is_drawn(box) and low <= box.top < high]
        return [box for box in passed if box.last == channel - 1], [box for box in passed if box.first == channel]


def is_inside(inner: Box, outer: Box) -> bool:
    columns = outer.first <= inner.first and inner.last <= outer.last
    return columns and outer.top < inner.top and inner.bottom <= outer.bottom


def is_drawn(box: Box) -> bool:
    return bool(box.frame.title)
