"""From a graph to a `graphviz.Digraph`: a cluster a step, the states between them, a line for each kind of edge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import graphviz
import networkx as nx

from symfold.diagram.style import CLUSTER, EDGE, EDGES, GRAPH, NODE, NODES, SIGNS
from symfold.diagram.text import pretty

MARKED = ("layer", "primitive")  # the levels at which a node that gives a state gets a node for the state beside it


@dataclass
class Group:
    """A step: its nodes, and the steps inside of it."""

    nodes: list[str] = field(default_factory=list)
    inner: dict[str, Group] = field(default_factory=dict)


class Picture:
    """One graph drawn into a Digraph; `prefix` keeps apart the names of several."""

    def __init__(self, graph: nx.MultiDiGraph, prefix: str = ""):
        self.graph, self.prefix = graph, prefix
        self.level = graph.graph["level"]
        marked = self.level in MARKED
        self.states = {name: f"state {name}" for name, data in graph.nodes(data=True) if marked and "state" in data}
        self.hidden = {name for name in graph if self._is_whole(name)}

    def _is_whole(self, name: str) -> bool:
        """Whether a node is only there to be read entry by entry: its entries stand for it."""
        readers = list(self.graph.successors(name))
        data = self.graph.nodes[name]
        return data["kind"] == "input" and bool(readers) and all(self.graph.nodes[r]["op"] == "item" for r in readers)

    def into(self, target: graphviz.Digraph) -> None:
        """Write all the statements, in the graph's own order."""
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

    def place(self, name: str) -> tuple[str, ...]:
        """The steps that a node is drawn in; an item goes with the one step that reads it."""
        data = self.graph.nodes[name]
        if "group" not in data and (data["op"] == "item" or data["kind"] in ("layer", "parameter")):
            readers = {self.graph.nodes[r].get("group", "") for r in self.graph.successors(name)}
            group = readers.pop() if len(readers) == 1 else ""
        else:
            group = data.get("group", "")
        parts = tuple(group.split("/")) if group else ()
        return parts if self.level == "block" else () if self.level == "step" else parts[:1]

    def _group(self, target: graphviz.Digraph, group: Group, path: tuple[str, ...]) -> None:
        for name in group.nodes:
            self._node(target, name)
        for part, inner in group.inner.items():
            where = "/".join((*path, part))
            with target.subgraph(name=f"cluster {self.prefix}{where}") as cluster:
                title = self.graph.graph.get(f"title {where}") or f"step {part.lstrip('abcdefghijklmnopqrstuvwxyz')}"
                cluster.attr(label=graphviz.escape(title.replace("...", "…")), **CLUSTER)
                self._group(cluster, inner, (*path, part))

    def _node(self, target: graphviz.Digraph, name: str) -> None:
        data = self.graph.nodes[name]
        label = str(data["label"])
        kind = "wide join" if data["kind"] == "join" and len(label) > 2 else data["kind"]
        text = label if data["kind"] == "constant" else SIGNS.get(label) or pretty(label)
        target.node(self.prefix + name, graphviz.escape(text), **NODES[kind])
        if name in self.states:
            target.node(self.prefix + self.states[name], graphviz.escape(pretty(data["state"])), **NODES["state"])
            target.edge(self.prefix + name, self.prefix + self.states[name], **EDGES["data"], weight="20")

    def _edge(self, target: graphviz.Digraph, source: str, end: str, data: dict[str, Any]) -> None:
        look = dict(EDGES[data["kind"]])
        if data["kind"] in ("skip", "output"):
            look["weight"] = "10"
        if data["kind"] == "capture":
            look["weight"] = "0"
        if data["kind"] == "loop":
            look["constraint"] = "false"
        if "label" in data:
            look["label"] = graphviz.escape(pretty(str(data["label"])))
        target.edge(self.prefix + self.states.get(source, source), self.prefix + end, **look)


def new_digraph(name: str, **options: str) -> graphviz.Digraph:
    """An empty Digraph in the common look."""
    digraph = graphviz.Digraph(name)
    digraph.attr("graph", **{**GRAPH, **options})
    digraph.attr("node", **NODE)
    digraph.attr("edge", **EDGE)
    return digraph
