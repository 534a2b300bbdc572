"""What a picture shows, before it is laid out: shapes with their text, arrows between them, steps as frames."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from symfold.show.diagram.layout import Picture
from symfold.show.diagram.lettering import Line, mathematics, width, wrapped
from symfold.show.diagram.style import SIGNS
from symfold.show.diagram.symbols import is_named, renamed
from symfold.show.notation.loops import STATES
from symfold.show.notation.renamed import Renaming

TEXT, SMALL, TITLE = 13.0, 10.0, 11.0  # sizes of labels, of marks at lines, of the titles of steps
AIR = 5.0  # between a text and the outline around it
ROUND = 20.0  # the size of a join
LONGEST = 400.0  # a line of a title, if its words allow
LOOP = 19.0  # from one loop above a node to the next, with its text
LEADING = 1.3  # from one line of text to the next, in sizes


@dataclass(frozen=True)
class Shape:
    """A node: its look, its text and its size."""

    kind: str
    text: tuple[Line, ...]
    width: float
    height: float
    note: str = ""
    loops: tuple[Line, ...] = ()  # the texts of the arrows from the node to itself, drawn above it
    closed: bool = False  # a layer that holds several

    @property
    def rise(self) -> float:
        """The height of the loops."""
        return LOOP * len(self.loops) + (SMALL if self.loops else 0.0)


@dataclass(frozen=True)
class Arrow:
    """An edge, with a text at its head."""

    source: str
    end: str
    kind: str
    port: int = 0
    text: Line = ()

    @property
    def net(self) -> tuple[str, str]:
        """Arrows that may share a line: those from one source that look alike."""
        return self.source, self.kind if self.kind in ("skip", "capture", "item", "parameter", "loop") else ""


@dataclass
class Frame:
    """A step, or the whole picture: its nodes, and the steps inside it."""

    path: tuple[str, ...] = ()
    title: tuple[Line, ...] = ()
    nodes: list[str] = field(default_factory=list)
    inner: list[Frame] = field(default_factory=list)
    numbered: bool = False  # whether the title is a number and no formula
    texts: tuple[str, ...] = ()  # of the title, before it is broken into lines

    def wrap(self, widest: float) -> None:
        """Break the title into lines of at most this width."""
        self.title = tuple(line for text in self.texts for line in _wrapped(text, widest))

    @property
    def width(self) -> float:
        """The width of the title."""
        return max((width(line, TITLE) for line in self.title), default=0.0)

    @property
    def height(self) -> float:
        """The height of the title."""
        return TITLE * LEADING * len(self.title)

    def members(self) -> Iterator[str]:
        """All nodes inside, in order."""
        yield from self.nodes
        for frame in self.inner:
            yield from frame.members()


@dataclass
class Scene:
    """A picture: shapes by name, arrows, the outermost frame, and the lane of each node that carries a state."""

    shapes: dict[str, Shape]
    arrows: list[Arrow]
    root: Frame
    lanes: dict[str, str]
    level: str


def scene_of(picture: Picture, names: Renaming | None = None) -> Scene:
    """The scene of a graph, in a reader's symbols."""
    graph, states = picture.graph, picture.states
    symbols = Renaming({}) if names is None else names
    shapes: dict[str, Shape] = {}
    lanes: dict[str, str] = {}
    frames: dict[tuple[str, ...], Frame] = {(): Frame()}
    arrows: list[Arrow] = []
    marks: dict[str, list[Line]] = {}

    def shape(name: str) -> Shape:
        data = graph.nodes[name]
        label = renamed(str(data["label"]), symbols) if is_named(data) else str(data["label"])
        found = shape_of(data["kind"], label, str(data["shape"]))
        if "inside" not in data:
            return found
        note = f"{data['shape']}, {data['inside']} layers inside"
        return replace(found, width=found.width + 6, note=note, closed=True)

    for _, end, data in graph.edges(data=True):
        marks.setdefault(end, []).append(mathematics(renamed(str(data.get("mark", "")), symbols)))
    for name, data in graph.nodes(data=True):
        if name in picture.hidden or _is_repeated(picture, name):
            continue
        frame = _frame(frames, picture, _place(picture, name), symbols)
        frame.nodes.append(name)
        shapes[name] = shape(name)
        if len(listed := [mark for mark in marks.get(name, []) if mark]) > 2:
            shapes[name] = with_ports(shapes[name], port_room(listed, picture.across) * len(listed), picture.across)
        if data["kind"] == "step":
            lanes[name] = re.match("[^\\W\\d_]*", str(data["state"]))[0]  # type: ignore[index]
        elif picture.line(name):
            lanes[name] = picture.line(name)
        if name in states:
            frame.nodes.append(states[name])
            shapes[states[name]] = shape_of("state", renamed(str(data["state"]), symbols), str(data["shape"]))
            lanes[states[name]] = picture.line(name)
            arrows.append(Arrow(name, states[name], "data"))
    copies: dict[tuple[str, tuple[str, ...]], str] = {}
    for source, end, data in graph.edges(data=True):
        if source not in picture.hidden:
            if _is_repeated(picture, source):
                place = _place(picture, end)
                if (source, place) not in copies:
                    copies[source, place] = copy = f"{source} {len(copies) + 1}"
                    _frame(frames, picture, place, symbols).nodes.append(copy)
                    shapes[copy] = shape(source)
                source = copies[source, place]
            text = mathematics(renamed(str(data.get("label", data.get("mark", ""))), symbols))
            if source == end:
                loops = (*shapes[end].loops, text)
                wide = max(shapes[end].width, 2 * loop_width(len(loops) - 1) + 12)
                shapes[end] = replace(shapes[end], loops=loops, width=round(wide, 2))
                continue
            arrows.append(Arrow(states.get(source, source), end, data["kind"], int(data["port"]), text))
    return Scene(shapes, arrows, frames[()], lanes, picture.level)


def _is_repeated(picture: Picture, name: str) -> bool:
    """Whether a parameter, or an entry of an input, is read in several steps: each of them shows it."""
    graph, data = picture.graph, picture.graph.nodes[name]
    uses = {kind for _, _, kind in graph.out_edges(name, data="kind")}
    if picture.level == "step" or not (data["kind"] == "parameter" or (data["kind"] == "input" and uses == {"item"})):
        return False
    inward = [source for source in graph.predecessors(name) if source not in picture.hidden]
    around = {graph.nodes[other].get("group", "") for other in graph.successors(name)}
    return not inward and len(around) > 1 and "" not in around


def _place(picture: Picture, name: str) -> tuple[str, ...]:
    """The steps around a node; what one step alone reads, or picks, is drawn in it."""
    graph, data = picture.graph, picture.graph.nodes[name]
    group = data.get("group", "")
    if not group and data["kind"] != "output" and data["op"] != "entry":
        around = {graph.nodes[other].get("group", "") for other in graph.successors(name)}
        inward = [source for source in graph.predecessors(name) if source not in picture.hidden]
        uses = {kind for _, _, kind in graph.out_edges(name, data="kind")}
        if len(around) == 1 and (not inward and uses <= {"item", "parameter"}):
            group = around.pop()
    return tuple(group.split("/")) if group else ()


def _frame(frames: dict[tuple[str, ...], Frame], picture: Picture, path: tuple[str, ...], symbols: Renaming) -> Frame:
    if path not in frames:
        formula = str(picture.graph.graph.get(f"title {'/'.join(path)}", ""))
        letters = {name.rstrip("0123456789") for name in picture.letters}
        number = path[-1] if len(letters) > 1 else path[-1].lstrip("abcdefghijklmnopqrstuvwxyz")
        texts = () if picture.level == "step" else (formula or f"step {number}").split("\n")
        title = tuple(renamed(text, symbols) for text in texts)
        frames[path] = Frame(path, numbered=formula[:5] in ("", "step "), texts=title)
        frames[path].wrap(LONGEST)
        _frame(frames, picture, path[:-1], symbols).inner.append(frames[path])
    return frames[path]


def _wrapped(title: str, widest: float) -> list[Line]:
    """The lines of a title: a range of an index, as k = 1, ..., 4, stays on one line."""
    whole = re.sub(r"\w+ = [^ ]+(, [^ =]+)+$", lambda part: part[0].replace(" ", "\xa0"), title)
    lines = wrapped(mathematics(whole), TITLE, widest)
    return [tuple(replace(run, text=run.text.replace("\xa0", " ")) for run in line) for line in lines]


def with_ports(shape: Shape, length: float, across: bool) -> Shape:
    """A shape long enough for the arrows that enter it side by side."""
    kind = "wide join" if shape.kind == "join" else shape.kind
    if across:
        return replace(shape, kind=kind, height=round(max(shape.height, length + 4), 2))
    return replace(shape, kind=kind, width=round(max(shape.width, length + 4), 2))


def shape_of(kind: str, label: str, note: str = "") -> Shape:
    """The shape of a node of a kind with a label, as large as its text needs."""
    kind = "wide join" if kind == "join" and len(label) > 2 else kind
    sign = SIGNS.get(label, label)
    text = tuple(mathematics(part) for part in sign.split("\n"))
    across = max(width(line, TEXT) for line in text)
    down = TEXT * LEADING * len(text)
    if kind == "join":
        return Shape(kind, text, ROUND, ROUND, note)
    if kind == "constant":
        return Shape(kind, text, across + 4, down, note)
    slant = {"input": 8, "output": 8, "wide join": 4, "parameter": 0, "state": 3}.get(kind, 2)
    across, down = max(across + 2 * (AIR + slant), 26), down + (11 if kind in ("parameter", "fold", "step") else 7)
    return Shape(kind, text, round(across, 2), round(down, 2), note)


def port_room(texts: Sequence[Line], across: bool) -> float:
    """The room that each of several arrows needs side by side, with their texts."""
    return 12.5 if across else max(width(text, SMALL) for text in texts) + 9


def loop_width(k: int) -> float:
    """The width of the loop number k above a node, around those before it."""
    return 24.0 + 14 * k


def rank(letter: str) -> tuple[int, str]:
    """Where a lane stands among others: the first part of the state on top."""
    return (STATES.find(letter) if letter in STATES else len(STATES), letter)
