"""Tracks: the steps that follow each other, and the lanes of the states that run through them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from symfold.show.diagram.scene import Frame, Scene, rank

if TYPE_CHECKING:
    from symfold.show.diagram.repetition import Layout

LANE_KINDS = ("state", "skip", "init")  # of arrows that may bring a state into a step
Element = str | int  # a node by name, or a step by its place in the frame


def lanes_of(frame: Frame, scene: Scene) -> tuple[str, ...]:
    """The lanes of a step: those of its own nodes, else those of the steps inside."""
    own = {scene.lanes[name] for name in frame.nodes if name in scene.lanes}
    return tuple(sorted(own or {lane for inner in frame.inner for lane in lanes_of(inner, scene)}, key=rank))


class Tracks:
    """The rails of one frame, each of steps that follow each other, and the lanes of its nodes."""

    def __init__(self, layout: Layout, frame: Frame, outside: Mapping[str, str]):
        self.layout, self.frame, self.outside = layout, frame, outside
        self.scene, self.arrows = layout.scene, layout.arrows
        self.lanes = {n: self.scene.lanes[n] for n in frame.nodes if frame.path and n in self.scene.lanes}
        self.owner: dict[str, Element] = {name: name for name in frame.nodes}
        for number, inner in enumerate(frame.inner):
            self.owner |= dict.fromkeys(inner.members(), number)
        self.same: dict[tuple[str, int], str] = {}  # lanes of steps that continue another lane
        self.rails = self._rails()
        self.before = {b: a for rail in self.rails for a, b in pairwise(rail)}
        self.entering = {number: self._entering(number) for rail in self.rails for number in rail}
        self.level: dict[str, int] = {}  # nodes that stand on a lane right before a step, in the rows of that step
        self._extend()

    # -- steps in a row

    def _rails(self) -> list[list[int]]:
        """The steps that follow each other on the same lanes."""
        rails: list[list[int]] = []
        for number, inner in enumerate(self.frame.inner):
            lanes, members = lanes_of(inner, self.scene), set(inner.members())
            own = any(name in self.scene.lanes for name in inner.nodes)
            sources = {
                (self.owner.get(self.arrows[k].source), self.scene.lanes.get(self.arrows[k].source), self.arrows[k].end)
                for name in members
                for k in self.layout.into[name]
                if self.arrows[k].kind in LANE_KINDS and self.arrows[k].source not in members
            }
            for rail in rails:
                last = lanes_of(self.frame.inner[rail[-1]], self.scene)
                joined = [lane for owner, lane, _ in sources if owner == rail[-1] and lane]
                if len(last) == len(lanes) and ((own and last == lanes) or (joined and set(joined) <= set(last))):
                    rail.append(number)
                    first = lanes_of(self.frame.inner[rail[0]], self.scene)
                    self.same |= {(b, rails.index(rail)): a for a, b in zip(first, lanes, strict=True) if a != b}
                    break
            else:
                rails.append([number])
        return rails

    def lane(self, letter: str, step: int) -> str:
        """The lane of this frame that a lane of a step is: that of the step's rail, by the letter of its first step."""
        rail = next(number for number, steps in enumerate(self.rails) if step in steps)
        while (letter, rail) in self.same:
            letter = self.same[letter, rail]
        own = letter in self.lanes.values() or letter in self.outside.values()
        return letter if own or not letter else f"{rail} {letter}"

    def _entering(self, number: int) -> dict[str, str]:
        """The lanes into a step, by the nodes outside that they come from."""
        inner = self.frame.inner[number]
        lanes, members = lanes_of(inner, self.scene), set(inner.members())
        sources: dict[str, list[str]] = {}
        for name in inner.members():
            for k in self.layout.into[name]:
                if self.arrows[k].kind in LANE_KINDS and self.arrows[k].source not in members:
                    sources.setdefault(self.arrows[k].source, []).append(name)
        previous = self.before.get(number)
        entering: dict[str, str] = {}
        if previous is not None:
            letters = dict(zip(lanes_of(self.frame.inner[previous], self.scene), lanes, strict=True))
            for source in sources:
                lane = letters.get(self.scene.lanes.get(source, ""), "")
                continued = self.owner.get(source) == previous or self.is_before_step(source)
                if continued and lane and lane not in entering.values():
                    entering[source] = lane
            return entering
        twin = next((b for b, a in self.before.items() if a == number), None)
        if twin is not None:
            following, order = self._entering(twin), self._sources(twin)
            if len(order) == len(sources) and self._shape(number) == self._shape(twin):
                return {a: following[b] for a, b in zip(self._sources(number), order, strict=True) if b in following}
        for source, ends in sources.items():
            wanted = [self.scene.lanes[end] for end in ends if end in self.scene.lanes]
            free = [lane for lane in lanes if lane not in entering.values()]
            lane = next((each for each in (*wanted, self.scene.lanes.get(source, "")) if each in free), "")
            if lane or (free and all(end not in self.scene.lanes for end in ends)):
                entering[source] = lane or free[0]
        return entering

    def is_before_step(self, name: str) -> bool:
        """Whether a node is the state behind the dots between steps."""
        sources = [self.arrows[k].source for k in self.layout.into.get(name, ())]
        return self.loose(name) and any(self.scene.shapes[source].kind == "dots" for source in sources)

    def _sources(self, number: int) -> list[str]:
        members = set(self.frame.inner[number].members())
        found = (
            self.arrows[k].source
            for name in self.frame.inner[number].members()
            for k in self.layout.into[name]
            if self.arrows[k].kind in LANE_KINDS and self.arrows[k].source not in members
        )
        return list(dict.fromkeys(found))

    def _shape(self, number: int) -> list[object]:
        """A step up to the names of its nodes and of what it reads."""
        members = {name: k for k, name in enumerate(self.frame.inner[number].members())}
        sources = {name: k for k, name in enumerate(self._sources(number))}
        return [
            (members.get(a.source, ("from", sources.get(a.source))), members[a.end], a.kind, a.port)
            for name in members
            for a in (self.arrows[k] for k in self.layout.into[name])
        ]

    # -- lanes beyond the steps

    def loose(self, name: str) -> bool:
        return self.owner.get(name) == name

    def _extend(self) -> None:
        """Put what leads to the first step of a lane, and what follows its last, on the lane as well."""
        for rail in self.rails:
            for source, lane in self.entering[rail[0]].items():
                self._extend_back(source, self.lane(lane, rail[0]))
            for step in rail[1:]:
                for source, lane in self.entering[step].items():
                    before = {*self.lanes}
                    self._extend_back(source, self.lane(lane, step))
                    dots = [self.arrows[k].source for k in self.layout.into[source] if self.is_before_step(source)]
                    self.lanes |= dict.fromkeys(dots, self.lanes.get(source, ""))
                    self.level |= dict.fromkeys(self.lanes.keys() - before, step)
            ends = [name for name in self.frame.inner[rail[-1]].members() if self.ends(name)]
            for name in ends:
                self._extend_on(name, self.lane(self.scene.lanes[name], rail[-1]))
        for lane in dict.fromkeys(self.lanes.values()):
            on = [name for name in self.frame.nodes if self.lanes.get(name) == lane]
            first = next((name for name in on if "data" in self.kinds(name)), on[0])
            read = [self.arrows[k] for k in self.layout.into[first]]
            on_lane = [a for a in read if self._brings(a.source, lane)]
            if self.frame.path and read and not on_lane:
                self._extend_back(self._best(first, lane), lane)

    def _brings(self, name: str, lane: str) -> bool:
        """Whether a node brings in the state of a lane, or continues it."""
        return self.outside.get(name) == lane or self.lanes.get(name) == lane

    def _best(self, name: str, lane: str) -> str:
        """The operand through which a lane leads on: that of the shortest way from the lane outside."""
        ways = []
        for place, k in enumerate(self.layout.into[name]):
            length, at, leaf = 0, self.arrows[k].source, not self.layout.into[self.arrows[k].source]
            while self.loose(at) and len(self.layout.into[at]) and at not in self.lanes:
                sources = [self.arrows[j].source for j in self.layout.into[at]]
                length += 1
                if any(self._brings(source, lane) for source in sources):
                    ways.append((0, length, place, self.arrows[k].source))
                    break
                at = sources[0]
            if leaf and self.arrows[k].kind == "skip":
                ways.append((1, 0, place, self.arrows[k].source))
        return min(ways)[3] if ways else ""

    def kinds(self, name: str) -> list[str]:
        return [self.arrows[k].kind for k in self.layout.into[name]]

    def ends(self, name: str) -> bool:
        kind, read = self.scene.shapes[name].kind, self.kinds(name)
        return name in self.scene.lanes and (kind == "step" or (kind == "state" and "data" in read))

    def _extend_back(self, name: str, lane: str) -> None:
        while self.loose(name) and name not in self.lanes:
            self.lanes[name] = lane
            before = [self.arrows[k].source for k in self.layout.into[name]]
            inside = bool(self.frame.path)
            found = [n for n in before if self.loose(n) and (not inside or len(self.layout.out[n]) == 1)]
            if any(self._brings(n, lane) for n in before):
                return
            name = next((n for n in found if self.layout.into[n] or not inside), "")

    def _extend_on(self, name: str, lane: str) -> None:
        while True:
            readers = [self.arrows[k].end for k in self.layout.out[name]]
            name = next((n for n in readers if self.loose(n) and n not in self.lanes), "")
            if not name:
                return
            self.lanes[name] = lane
