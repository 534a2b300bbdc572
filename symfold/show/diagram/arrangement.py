"""The layout of a scene: each kind of step is laid out once, on a grid of columns and rows, and repeated.

Nodes that carry a state stand on its lane, a row that runs straight through all steps. The other nodes form chains:
each takes a row, above or below, that makes its lines short and lets no line cross a node.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import networkx as nx

from symfold.show.diagram.grid import ABOVE, BELOW, Box, Grid, Route, Row
from symfold.show.diagram.placement import Chain, Placement
from symfold.show.diagram.routes import Blocked, Narrow, Router
from symfold.show.diagram.scene import Frame, Scene, rank

LANE_KINDS = ("state", "skip", "init")  # of arrows that may bring a state into a step
Element = str | int  # a node by name, or a step by its place in the frame


@dataclass
class Layout:
    """The layout of a scene."""

    scene: Scene
    homes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    known: dict[object, tuple[list[str], list[str], list[int], list[Frame], Grid, int]] = field(default_factory=dict)

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


def lanes_of(frame: Frame, scene: Scene) -> tuple[str, ...]:
    """The lanes of a step: those of its own nodes, else those of the steps inside."""
    own = {scene.lanes[name] for name in frame.nodes if name in scene.lanes}
    return tuple(sorted(own or {lane for inner in frame.inner for lane in lanes_of(inner, scene)}, key=rank))


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
        self.lanes = {n: self.scene.lanes[n] for n in frame.nodes if frame.path and n in self.scene.lanes}
        self.owner: dict[str, Element] = {name: name for name in frame.nodes}
        for number, inner in enumerate(frame.inner):
            self.owner |= dict.fromkeys(inner.members(), number)
        self.same: dict[tuple[str, int], str] = {}  # lanes of steps that continue another lane
        self.rails = self._rails()
        self.before = {b: a for rail in self.rails for a, b in pairwise(rail)}
        self.entering = {number: self._entering(number) for rail in self.rails for number in rail}
        self.inner = {number: layout.of(inner, self.entering[number]) for number, inner in enumerate(frame.inner)}
        self.level: dict[str, int] = {}  # nodes that stand on a lane right before a step, in the rows of that step
        self._extend()
        self.main: dict[str, str] = {}  # the node whose line enters a node from the left
        self.following: dict[str, str] = {}  # the next node of a chain
        self.vertical: dict[str, str] = {}  # nodes right above or below their only reader
        self.columns: dict[Element, int] = {}
        self.rows: list[Row] = []

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
                continued = self.owner.get(source) == previous or self._is_before_step(source)
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

    def _is_before_step(self, name: str) -> bool:
        """Whether a node is the state behind the dots between steps."""
        sources = [self.arrows[k].source for k in self.layout.into.get(name, ())]
        return self._loose(name) and any(self.scene.shapes[source].kind == "dots" for source in sources)

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

    def _loose(self, name: str) -> bool:
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
                    dots = [self.arrows[k].source for k in self.layout.into[source] if self._is_before_step(source)]
                    self.lanes |= dict.fromkeys(dots, self.lanes.get(source, ""))
                    self.level |= dict.fromkeys(self.lanes.keys() - before, step)
            ends = [name for name in self.frame.inner[rail[-1]].members() if self._ends(name)]
            for name in ends:
                self._extend_on(name, self.lane(self.scene.lanes[name], rail[-1]))
        for lane in dict.fromkeys(self.lanes.values()):
            on = [name for name in self.frame.nodes if self.lanes.get(name) == lane]
            first = next((name for name in on if "data" in self._kinds(name)), on[0])
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
            while self._loose(at) and len(self.layout.into[at]) and at not in self.lanes:
                sources = [self.arrows[j].source for j in self.layout.into[at]]
                length += 1
                if any(self._brings(source, lane) for source in sources):
                    ways.append((0, length, place, self.arrows[k].source))
                    break
                at = sources[0]
            if leaf and self.arrows[k].kind == "skip":
                ways.append((1, 0, place, self.arrows[k].source))
        return min(ways)[3] if ways else ""

    def _kinds(self, name: str) -> list[str]:
        return [self.arrows[k].kind for k in self.layout.into[name]]

    def _ends(self, name: str) -> bool:
        kind, read = self.scene.shapes[name].kind, self._kinds(name)
        return name in self.scene.lanes and (kind == "step" or (kind == "state" and "data" in read))

    def _extend_back(self, name: str, lane: str) -> None:
        while self._loose(name) and name not in self.lanes:
            self.lanes[name] = lane
            before = [self.arrows[k].source for k in self.layout.into[name]]
            inside = bool(self.frame.path)
            found = [n for n in before if self._loose(n) and (not inside or len(self.layout.out[n]) == 1)]
            if any(self._brings(n, lane) for n in before):
                return
            name = next((n for n in found if self.layout.into[n] or not inside), "")

    def _extend_on(self, name: str, lane: str) -> None:
        while True:
            readers = [self.arrows[k].end for k in self.layout.out[name]]
            name = next((n for n in readers if self._loose(n) and n not in self.lanes), "")
            if not name:
                return
            self.lanes[name] = lane

    # -- columns

    def _between(self) -> Iterator[tuple[Element, Element, int]]:
        """The arrows between two elements of this frame."""
        for name, element in self.owner.items():
            for k in self.layout.into[name]:
                source = self.owner.get(self.arrows[k].source)
                if source is not None and source != element:
                    yield source, element, k

    def _choose(self) -> None:
        """For each node the operand on its left, and the operands right above or below it."""
        taken: set[str] = set()
        depth: dict[str, int] = {}
        for name in self.frame.nodes:
            depth[name] = 1 + max((depth.get(self.arrows[k].source, 0) for k in self.layout.into[name]), default=-1)
        for name in self.frame.nodes:
            arrows = [self.arrows[k] for k in self.layout.into[name]]
            lane = self.lanes.get(name)
            on_lane = [
                a.source
                for a in arrows
                if lane and lane in (self.lanes.get(a.source), self.outside.get(a.source), self._lane_inside(a.source))
            ]
            free = [
                a.source for a in arrows
                if self._loose(a.source) and a.source not in self.lanes and a.source not in taken
            ]  # fmt: skip
            others = [a.source for a in arrows if a.source not in free]
            chained = [s for s in free if self.layout.into[s]] or ([] if others else free)
            if on_lane:
                main = on_lane[0]
            elif lane:
                main = ""
            else:
                main = max(chained, key=lambda s: (depth[s], -free.index(s)), default=others[0] if others else "")
            if main:
                self.main[name] = main
            if main in free and not lane:
                self.following[main] = name
                taken.add(main)
            hung = [
                s for s in dict.fromkeys(free) if s != main and s not in self.aside and len(self.layout.out[s]) == 1
            ]
            hung.sort(key=lambda s: -len(self.layout.into[s]))
            if self.scene.shapes[name].kind != "output":
                self.vertical |= dict.fromkeys(hung[:2], name)

    def _lane_inside(self, name: str) -> str | None:
        step = self.owner.get(name)
        return self.lane(self.scene.lanes[name], step) if isinstance(step, int) and name in self.scene.lanes else None

    def _set_columns(self) -> None:
        order: dict[Element, int] = {element: k for k, element in enumerate(dict.fromkeys(self.owner.values()))}
        distance: dict[tuple[Element, Element], int] = {}
        for source, end, k in self._between():
            length = self._width(source)
            if isinstance(source, str) and self.vertical.get(source) == end:
                length = 0
            elif isinstance(source, int) and isinstance(end, int) and self.before.get(end) != source:
                # room for the arrow to enter the step at its left side, below the title
                length = self.inner[source][0].places[self.arrows[k].source][0] + 1
            distance[source, end] = max(length, distance.get((source, end), length))
        for end, source in self.before.items():
            distance[source, end] = max(self._width(source), distance.get((source, end), 0))
        for state in filter(self._comes_in, self.lanes):  # it stands first on its lane
            following = [name for name in self.lanes if self.lanes[name] == self.lanes[state] and name != state]
            distance |= {(state, name): max(1, distance.get((state, name), 1)) for name in following}
        forward = nx.DiGraph()
        forward.add_nodes_from(order)
        forward.add_edges_from(distance)
        if not nx.is_directed_acyclic_graph(forward):
            forward.remove_edges_from([pair for pair in distance if order[pair[0]] > order[pair[1]]])
        sorted_ = list(nx.lexicographical_topological_sort(forward, key=order.__getitem__))
        for element in sorted_:
            self.columns[element] = max(
                (self.columns[a] + distance[a, element] for a in forward.predecessors(element)), default=0
            )
            if isinstance(element, int):
                self.columns[element] += self.later.get(element, 0)
        for element in reversed(sorted_):
            after = [self.columns[b] - distance[element, b] for b in forward.successors(element)]
            if after and not forward.in_degree(element) and isinstance(element, str) and not self._comes_in(element):
                self.columns[element] = min(after)
        last = [
            name for name in self.frame.nodes
            if self._is_last(name)
        ]  # fmt: skip
        end = max((self.columns[e] + self._width(e) - 1 for e in self.columns if e not in last), default=-1) + 1
        end = max((end, *(self.columns[name] for name in last)))
        self.columns |= {name: end for name in last if name in self.lanes or not self.frame.path}

    def _comes_in(self, name: str) -> bool:
        """Whether a node is the state that comes into this step."""
        is_state = name in self.lanes and self.scene.shapes[name].kind == "state"
        return bool(self.frame.path) and is_state and "data" not in self._kinds(name)

    def _is_last(self, name: str) -> bool:
        """Whether a node goes to the end of the frame: a result, or a state that nothing else there reads."""
        if self.scene.shapes[name].kind == "state":
            given = self._ends(name) and not self._is_before_step(name)
            return given and not any(map(self._loose, self._readers(name)))
        return not self.layout.out[name]

    def _readers(self, name: str) -> list[str]:
        return [self.arrows[k].end for k in self.layout.out[name]]

    def _width(self, element: Element) -> int:
        return self.inner[element][0].columns if isinstance(element, int) else 1

    # -- rows

    def _bands(self) -> None:
        """The rows of the lanes and of the steps."""
        if self.frame.title:
            self.rows.append(Row(title=True))
        self.band_rows: dict[int, list[Row]] = {}  # by step
        shown: list[str] = []
        shapes = {number: [row.lane for row in self.inner[number][0].rows if row.lane] for number in self.inner}
        lanes = {number: tuple(self.lane(lane, number) for lane in shape) for number, shape in shapes.items()}
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
                rows = [replace(row, lane=self.lane(row.lane, number), band=band) for row in self.inner[number][0].rows]
                merged = _merge(merged, rows)
            self.rows += merged
            shown += [row.lane for row in merged]
            for number in steps:
                rows = [replace(row, lane=self.lane(row.lane, number)) for row in self.inner[number][0].rows]
                self.band_rows[number] = _fitted(rows, merged)
        own = set(self.lanes.values()) | ({*self.outside.values()} if self.frame.path else set())
        for lane in sorted(own - {*shown}, key=rank):
            self.rows.append(Row(lane=lane))

    def _levels(self, rail: list[int]) -> list[list[int]]:
        """The steps of a rail by depth: in a U, the way back reads the states of the way there, the last one first."""
        pairs = set()
        for source, end, k in self._between():
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
        self._choose()
        self._set_columns()
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
        columns = max((self.columns[e] + self._width(e) for e in self.columns), default=0)
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
            (self.columns[rail[0]], self.columns[rail[-1]] + self._width(rail[-1]) - 1)
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
