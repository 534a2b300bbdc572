"""From a graph to a `graphviz.Digraph`: a cluster per step, the states between them, a style per kind of edge."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import graphviz

from symfold.base.deferred import nx
from symfold.show.diagram.digraph import Diagram
from symfold.show.diagram.operands import with_operands
from symfold.show.diagram.style import (
    CLOSED,
    CLUSTER,
    EDGE,
    EDGES,
    GRAPH,
    INK,
    MARK,
    NODE,
    NODES,
    SIGNS,
    literal,
    pretty,
)
from symfold.show.graph.names import safe_names

MARKED = ("layer", "primitive", "ends")  # levels at which a node that gives a state gets a state node beside it
ACROSS = ("LR", "RL")
BLANK = "\N{NO-BREAK SPACE}"
LONG = 80  # characters of a title
GIVING = ("join", "primitive", "layer")  # the kinds of nodes that give a state
WEIGHTS = {"skip": "50", "output": "1", "capture": "0", "state": "3"}


@dataclass
class Group:
    """A step: its nodes, and the steps inside it."""

    nodes: list[str] = field(default_factory=list)
    inner: dict[str, Group] = field(default_factory=dict)


class Picture:
    """One graph drawn into a Digraph; `direction` is that of the flow."""

    def __init__(self, graph: nx.MultiDiGraph, direction: str = "LR"):
        graph = with_operands(graph)
        graph = nx.relabel_nodes(graph, safe_names(graph))
        self.graph, self.across = graph, direction in ACROSS
        self.level = graph.graph["level"]
        marked = self.level in MARKED
        self.states = {name: f"{name} state" for name, data in graph.nodes(data=True) if marked and "state" in data}
        self.corner = self._corner(direction)
        self.letters = sorted({part.rstrip("0123456789") for name in graph for part in self.place(name)[:1]})
        self.hidden = {name for name in graph if self._is_whole(name)}
        self.lines = self._lines()
        self.straight = self._straight()
        self.reached = set(self.straight.values())
        self.beside = {name: end for name in graph if (end := self._neighbor(name)) is not None}

    def _corner(self, direction: str) -> str:
        """The corner of a step with room for its title: away from layers and incoming lines."""
        if self.across:
            return "tr" if any("/" in data.get("group", "") for _, data in self.graph.nodes(data=True)) else "tl"
        return "br" if direction == "TB" else "tr"

    def _neighbor(self, name: str) -> str | None:
        """The node in whose column a node is drawn: the join of a layer, the reader of an item."""
        readers = [(end, data["kind"]) for _, end, data in self.graph.out_edges(name, data=True)]
        if len(readers) != 1 or self.graph.nodes[name]["kind"] == "output":
            return None
        end, kind = str(readers[0][0]), readers[0][1]
        if kind in ("item", "parameter", "capture") and not self.graph.in_degree(name) - (
            self.graph.nodes[name]["op"] == "item"
        ):
            return end
        added = (
            self.graph.nodes[name]["kind"] == "layer"
            and not self.line(name)
            and bool(self.line(end))
            and self.place(name) == self.place(end)
        )
        if added and any(
            self._works(source) and self.place(source) == self.place(name) for source in self.graph.predecessors(name)
        ):
            return None  # the end of a bypass, which needs a lane of its own
        return (
            end if added and any(data["kind"] == "skip" for _, _, data in self.graph.in_edges(end, data=True)) else None
        )

    def line(self, name: str) -> str:
        """The straight line that a node is drawn on, if any: that of a state, of its origin, of its start."""
        return self.lines.get(name, "")

    def _lines(self) -> dict[str, str]:
        """The letter of the state, for nodes on its line: from each state back to where the previous one comes in."""
        lines: dict[str, str] = {}
        for name, data in self.graph.nodes(data=True):
            if data["kind"] == "state" or name in self.states:
                (letter,), at = re.findall("^[a-z]*", str(data.get("state", data["label"]))), name
                while at and at not in lines:
                    lines[at], at = letter, self._leads_into(at)
        for name, data in self.graph.nodes(data=True):
            for _, end, kind in self.graph.out_edges(name, data="kind") if data["kind"] == "input" else ():
                if end in lines and (kind in ("skip", "init") or (kind == "state" and end in self.states)):
                    lines[name] = lines[end]
        return lines

    def _straight(self) -> dict[str, str]:
        """For each node on a line the next one: the edge between them is drawn straight."""
        following: dict[str, str] = {}
        for name, end, kind in self.graph.edges(data="kind"):
            if kind in ("state", "init", "data", "output", "skip") and self.line(name) == self.line(end) != "":
                following.setdefault(name, end)
        return following

    def _pull(self, target: graphviz.Digraph, states: list[str], group: Group) -> None:
        """Draw a node that gives a state in line with the previous state, even if no edge connects them."""
        before = {self.line(name): self.states.get(name, name) for name in states}
        for name in group.nodes:
            if self.line(name) in before and self.graph.nodes[name]["kind"] in GIVING and name not in self.reached:
                target.edge(before[self.line(name)], name, style="invis", weight=WEIGHTS["skip"])

    def _leads_into(self, name: str) -> str:
        """The node of the same step through which the previous state reaches this one; empty if it does so directly."""
        before = [(source, kind) for source, _, kind in self.graph.in_edges(name, data="kind") if kind != "loop"]
        skips = [source for source, kind in before if kind == "skip"]
        inside = [
            source
            for source, _ in before
            if self.place(source) == self.place(name) and self.graph.nodes[source]["kind"] in GIVING
        ]
        if skips or len(before) == 1:
            return next((source for source in skips or inside if source in inside), "")
        return next(
            (
                source
                for source in inside
                if any(kind == "skip" for _, _, kind in self.graph.in_edges(source, data="kind"))
            ),
            "",
        )

    def _works(self, name: str) -> bool:
        return self.graph.nodes[name]["kind"] in GIVING and name not in self.states

    def _is_whole(self, name: str) -> bool:
        """Whether a node is only read entry by entry, so that its entries, which bear its name, represent it."""
        data, readers = self.graph.nodes[name], [self.graph.nodes[reader] for reader in self.graph.successors(name)]
        entries = [r for r in readers if r["op"] == "item" and str(r["label"]).startswith(f"{data['label']}[")]
        return data["kind"] == "input" and bool(readers) and entries == readers

    def into(self, target: graphviz.Digraph) -> None:
        """Write all statements in the order of the graph."""
        root = Group()
        for name in self.graph:
            if name not in self.hidden:
                group = root
                for part in self.place(name):
                    group = group.inner.setdefault(part, Group())
                group.nodes.append(name)
        self._group(target, root, ())
        for source, end, data in self.graph.edges(data=True):
            if source not in self.hidden:
                self._edge(target, source, end, data)
        if self.level == "block":
            self._after_its_state(target, root)
        self._in_turn(target, root)

    def _after_its_state(self, target: graphviz.Digraph, group: Group) -> None:
        """Draw the work of a step after its first state, even if nothing reads it: adjacent folds stay level."""
        states = [
            name for name in group.nodes if any(kind == "loop" for _, _, kind in self.graph.in_edges(name, data="kind"))
        ]
        here = set(group.nodes)
        self._pull(target, states, group)
        for name in group.nodes if states else ():
            if (
                self.graph.nodes[name]["kind"] in GIVING
                and name not in self.beside
                and not here.intersection(self.graph.predecessors(name))
            ):
                target.edge(states[0], name, style="invis", weight="0")
        begun = dict.fromkeys(
            source
            for name in states
            for source, _, kind in self.graph.in_edges(name, data="kind")
            if kind == "init" and self.place(source)
        )
        for source in begun if len(begun) > 1 else ():
            for name in states:
                if not self.graph.has_edge(source, name):
                    target.edge(source, name, style="invis", weight="0")
        for inner in group.inner.values():
            self._after_its_state(target, inner)

    def _in_turn(self, target: graphviz.Digraph, root: Group) -> None:
        """Draw a step after the previous state, even if nothing in the step reads that state."""
        if any("/" in data.get("group", "") for _, data in self.graph.nodes(data=True)) or self.level not in MARKED:
            return
        previous_layer, letter = "", ""
        before: list[str] = []
        for part, group in root.inner.items():
            if part.rstrip("0123456789") != letter:  # a new sequence of steps begins on the left
                before, previous_layer, letter = [], "", part.rstrip("0123456789")
            inside = {*group.nodes, *before}
            self._pull(target, before, group)
            for name in group.nodes:
                if name not in self.beside and not inside.intersection(self.graph.predecessors(name)):
                    for state in before:
                        target.edge(self.states[state], name, style="invis", weight="0")
            before = [name for name in group.nodes if name in self.states]
            beside = [name for name in group.nodes if name in self.beside and self.graph.nodes[name]["kind"] == "layer"]
            layer = beside[0] if len(beside) == 1 else ""
            if previous_layer and layer:  # all on one side of the line
                target.edge(previous_layer, layer, style="invis", weight="2")
            previous_layer = layer

    @property
    def kinds(self) -> tuple[set[str], set[str]]:
        """The kinds of the nodes and of the edges that are drawn."""
        nodes = {data["kind"] for name, data in self.graph.nodes(data=True) if name not in self.hidden}
        edges = {kind for source, _, kind in self.graph.edges(data="kind") if source not in self.hidden}
        closed = {"closed" for _, data in self.graph.nodes(data=True) if "inside" in data}
        return nodes | closed | ({"state"} if self.states else set()), edges

    def place(self, name: str) -> tuple[str, ...]:
        """The steps that a node is drawn in; an item is drawn in the only step that reads it."""
        data = self.graph.nodes[name]
        uses = {kind for _, _, kind in self.graph.out_edges(name, data="kind")}
        if "group" not in data and data["op"] != "entry" and uses and uses <= {"item", "parameter"}:
            readers = {self.graph.nodes[r].get("group", "") for r in self.graph.successors(name)}
            group = readers.pop() if len(readers) == 1 else ""
        else:
            group = data.get("group", "")
        parts = tuple(group.split("/")) if group else ()
        return parts if self.level == "block" else () if self.level == "step" else parts[:1]

    def _group(self, target: graphviz.Digraph, group: Group, path: tuple[str, ...]) -> None:
        last = [
            name
            for name in group.nodes
            if not path and self.graph.nodes[name]["kind"] == "input" and not self.line(name)
        ]
        for name in group.nodes:
            if name not in last:
                self._node(target, name)
        here = set(group.nodes)
        for name in group.nodes:
            if self.beside.get(name) in here:
                column = graphviz.Digraph()
                column.attr(rank="same")
                column.node(name)
                column.node(self.beside[name])
                target.subgraph(column)
        for part, inner in group.inner.items():
            where = "/".join((*path, part))
            cluster = graphviz.Digraph(f"cluster {where}")  # `with target.subgraph()` would copy target
            formula = self.graph.graph.get(f"title {where}")
            number = pretty(part) if len(self.letters) > 1 else part.removeprefix(self.letters[0])
            title = pretty(formula) if formula else f"step {number}"
            if formula and len(title) > LONG:  # a long step, whose return edge rises high
                title += f"\n{BLANK}"
            across, along = self.corner[0], self.corner[1]
            if formula and self.across and self._reads((*path, part)):
                across = "b"
            color = {"fontcolor": INK} if formula else {}
            label = {"label": literal(title), "labelloc": across, "labeljust": along}
            cluster.attr(**{**CLUSTER, **label, **color})
            self._group(cluster, inner, (*path, part))
            target.subgraph(cluster)
        for (
            name
        ) in last:  # Graphviz draws the last statements at the bottom: inputs of layers go there, away from titles
            self._node(target, name)

    def _reads(self, where: tuple[str, ...]) -> bool:
        """Whether a step reads the result of another, drawn above it: such lines come in at the top."""
        inside = {name for name in self.graph if self.place(name)[: len(where)] == where}
        given: dict[bool, set[str]] = {True: set(), False: set()}
        for name in inside:
            for source, _, kind in self.graph.in_edges(name, data="kind"):
                if source not in inside and (self.place(source) or self.graph.nodes[source]["op"] == "entry"):
                    given[kind == "init"].add(source)
        return bool(given[False]) and not given[True]  # a fold that continues another is drawn beside it

    def _node(self, target: graphviz.Digraph, name: str) -> None:
        data = self.graph.nodes[name]
        label = str(data["label"])
        kind = "wide join" if data["kind"] == "join" and len(label) > 2 else data["kind"]
        text = label if data["kind"] == "constant" else SIGNS.get(label) or pretty(label)
        line = {"group": self.line(name)} if self.line(name) else {}
        look = {**NODES[kind], **(CLOSED if "inside" in data else {})}
        target.node(name, literal(text), **look, **line)
        if name in self.states:
            target.node(self.states[name], literal(pretty(data["state"])), **NODES["state"], **line)
            target.edge(name, self.states[name], **EDGES["data"], weight="50")

    def _edge(self, target: graphviz.Digraph, source: str, end: str, data: dict[str, Any]) -> None:
        look = dict(EDGES[data["kind"]])
        if data["kind"] in WEIGHTS:
            look["weight"] = WEIGHTS[data["kind"]]
        if self.straight.get(source) == end and data["kind"] in ("state", "init", "data", "output", "skip"):
            look["weight"] = WEIGHTS["skip"]
        if data["kind"] == "item" and () != self.place(source) != self.place(end):
            look["constraint"] = "false"
        if "label" in data:
            look["label"] = literal(pretty(str(data["label"])))
        if "mark" in data:
            below = self.across and self.beside.get(source) == end
            wide = 2 * len(data["mark"]) + 10 if below else 0 if self.across else 2
            mark = BLANK * wide + data["mark"]  # so that it appears to the right of its line
            place = "headlabel" if "constraint" in look else "label"  # an unconstrained line has no middle
            look |= {**MARK, place: mark}
        ends = self.states.get(source, source), end
        target.edge(*(reversed(ends) if data["kind"] == "loop" else ends), **look)


def new_digraph(name: str, **options: str) -> graphviz.Digraph:
    """An empty Digraph in the common look."""
    digraph = Diagram(name)
    digraph.attr("graph", **{**GRAPH, **options})
    digraph.attr("node", **NODE)
    digraph.attr("edge", **EDGE)
    return digraph
