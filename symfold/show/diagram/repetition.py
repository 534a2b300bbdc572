"""The layout of a scene: each kind of step is laid out once, on a grid of columns and rows, and repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from symfold.show.diagram.arrangement import Arrangement
from symfold.show.diagram.grid import Grid
from symfold.show.diagram.routes import Blocked, Narrow
from symfold.show.diagram.scene import Frame, Scene


@dataclass
class Layout:
    """The layout of a scene."""

    scene: Scene
    homes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    known: dict[object, tuple[list[str], list[str], list[int], list[Frame], Grid, int]] = field(default_factory=dict)

    backward: list[int] = field(default_factory=list)  # arrows to nodes that stand before their sources

    def __post_init__(self) -> None:
        self._index(self.scene.root)
        self.arrows = self.scene.arrows
        self.into: dict[str, list[int]] = {name: [] for name in self.scene.shapes}
        self.out: dict[str, list[int]] = {name: [] for name in self.scene.shapes}
        for number, arrow in enumerate(self.arrows):
            if arrow.kind != "loop":
                self.into[arrow.end].append(number)
                self.out[arrow.source].append(number)
        self.loops = [number for number, arrow in enumerate(self.arrows) if arrow.kind == "loop"]
        for numbers in self.into.values():
            numbers.sort(key=lambda number: self.arrows[number].port)

    def _index(self, frame: Frame) -> None:
        for name in frame.nodes:
            self.homes[name] = frame.path
        for inner in frame.inner:
            self._index(inner)

    def grid(self) -> Grid:
        """The grid of the whole picture."""
        return self._arranged(self.scene.root, {})

    def _arranged(self, frame: Frame, lanes: Mapping[str, str]) -> Grid:
        """The grid of a frame; a node that cannot be right above or below its reader goes to the left of it.

        A step that lines reach only through titles goes further to the right.
        """
        aside: set[str] = set()
        later: dict[int, int] = {}
        while True:
            try:
                return Arrangement(self, frame, lanes, aside, later).grid()
            except Narrow as narrow:
                later[narrow.step] = later.get(narrow.step, 0) + 1
            except Blocked as blocked:
                aside.add(blocked.source)

    def of(self, frame: Frame, lanes: Mapping[str, str]) -> tuple[Grid, int]:
        """The grid of a step into which the lanes of these sources lead: that of an equal step, with its own names."""
        members, frames = list(frame.members()), list(_frames(frame))
        place = {name: number for number, name in enumerate(members)}
        outside: dict[str, int] = {}
        arrows, key = [], list[object]()
        for name in members:
            for number in self.into[name]:
                arrow = self.arrows[number]
                if arrow.source in place:
                    source: object = place[arrow.source]
                else:
                    source = (outside.setdefault(arrow.source, len(outside)), lanes.get(arrow.source))
                arrows.append(number)
                key.append((source, place[name], arrow.kind, arrow.port, bool(arrow.text)))
        arrows += [number for number in self.loops if self.arrows[number].end in place]
        key += [(self.scene.shapes[name].kind, self.scene.lanes.get(name)) for name in members]
        key += [tuple(place[name] for name in each.nodes) for each in frames]
        key += [tuple(len(inner.inner) for inner in frames)]
        identity = tuple(key)
        if identity not in self.known:
            grid = self._arranged(frame, lanes)
            self.known[identity] = (members, list(outside), arrows, frames, grid, len(self.known))
            return grid, len(self.known) - 1
        known, known_outside, numbers, known_frames, grid, like = self.known[identity]
        names = dict(zip([*known, *known_outside], [*members, *outside], strict=True))
        own = dict(zip(numbers, arrows, strict=True))
        inner = {id(a): b for a, b in zip(known_frames, frames, strict=True)}
        return replace(
            grid,
            places={names[name]: cell for name, cell in grid.places.items()},
            routes={own[number]: route for number, route in grid.routes.items()},
            boxes=tuple(replace(box, frame=inner[id(box.frame)]) for box in grid.boxes),
            taken={cell: names.get(name, name) for cell, name in grid.taken.items()},
        ), like


def _frames(frame: Frame) -> Iterator[Frame]:
    yield frame
    for inner in frame.inner:
        yield from _frames(inner)
