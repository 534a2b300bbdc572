"""The two diagrams, laid out as one so that the same nodes have the same places, and drawn separately."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import networkx as nx

from symfold.analysis.equality.overlay import merge
from symfold.apps.report.comparison import Comparison
from symfold.show.diagram.layout import Picture, new_digraph
from symfold.show.diagram.style import SIGNS, pretty
from symfold.show.graph.names import visible
from symfold.show.render import render

MOST_NODES = 60  # of both nets at the level of layers; larger ones are drawn folded
SIDES = {"both": "both", "first": "only-a", "second": "only-b"}  # CSS classes of nodes and edges by owner


class Merged(Picture):
    """Both nets in one layout; each edge has the class of its owner, and edges of one net alone are drawn heavier."""

    @property
    def relabelled(self) -> list[str]:
        """The nodes that have another label in the second net."""
        return [name for name, data in self.graph.nodes(data=True) if "second_label" in data]

    @property
    def second(self) -> list[str]:
        """These labels, in the same order."""
        return [visible(str(self.graph.nodes[name]["second_label"])) for name in self.relabelled]

    def _node(self, target: Any, name: str) -> None:
        super()._node(target, name)
        data = self.graph.nodes[name]
        other = f" relabelled-{self.relabelled.index(name)}" if name in self.relabelled else ""
        target.node(name, _attributes={"class": f"node-{data['kind']} {SIDES[data['side']]}{other}"})
        if name in self.states:
            target.node(self.states[name], _attributes={"class": f"node-state {SIDES[data['side']]}"})

    def _edge(self, target: Any, source: str, end: str, data: dict[str, Any]) -> None:
        look = {"weight": {"skip": "50", "output": "1", "capture": "0", "state": "3"}.get(data["kind"], "1")}
        if data["side"] != "both":
            look |= {"penwidth": "2.6", "arrowsize": "0.75"}
        target.edge(
            self.states.get(source, source),
            end,
            **look,
            _attributes={"class": f"edge-{data['kind']} {SIDES[data['side']]}"},
        )


def drawn_graph(comparison: Comparison) -> nx.MultiDiGraph:
    """Both nets as one graph: layer by layer, or large nets with a node for each fold."""
    graph = merge(*comparison.nets)
    if len(graph) > MOST_NODES and all(net.bindings for net in comparison.rolled):
        return merge(*comparison.rolled, level="fold")
    return graph


def diagrams(comparison: Comparison) -> tuple[str, str]:
    """Two drawings with the same nodes in the same places; parts of one net alone are marked in its drawing."""
    graph = drawn_graph(comparison)
    merged = Merged(graph)
    drawing = _drawn(merged)
    reads = {side: _reads(graph, side) for side in ("first", "second")}
    drawings = []
    for side, other, name in (("a", "b", comparison.titles[0]), ("b", "a", comparison.titles[1])):
        side_drawing = re.sub(rf'<g class="(?:node|edge)[^"]* only-{other}">.*?</g>\n?', "", drawing, flags=re.S)
        if side == "b":
            side_drawing = _relabelled(side_drawing, merged.second)
        title = f"Diagram of {name}: an arrow leads from each value to what reads it. {_told(reads)}"
        drawings.append(
            side_drawing.replace("<svg ", f'<svg class="diagram side-{side}" role="img" ', 1).replace(
                ">", f"><title>{escape(title)}</title>", 1
            )
        )
    return drawings[0], drawings[1]


def _reads(graph: nx.MultiDiGraph, side: str) -> list[str]:
    """The edges and joins of one net alone, in words."""
    label = "label" if side == "first" else "second_label"
    joins = [f"{name} is joined by {data[label]}" for name, data in graph.nodes(data=True) if "second_label" in data]
    return [f"{target} reads {source}" for source, target, owner in graph.edges(data="side") if owner == side] + joins


def _told(reads: Mapping[str, Sequence[str]]) -> str:
    parts = [f"in {name} {', '.join(said)}" for name, said in zip("AB", reads.values(), strict=True) if said]
    return f"What differs: {'; '.join(parts)}." if parts else "No arrow is in one net alone."


def _relabelled(drawn: str, labels: Sequence[str]) -> str:
    """The drawing with the second net's labels on nodes that have another label in the first."""
    for k, label in enumerate(labels):
        lines = iter(label.split("\n"))
        drawn = re.sub(
            rf'<g class="node[^"]* relabelled-{k}">.*?</g>',
            lambda node, lines=lines: re.sub(  # type: ignore[misc]
                r"(<text[^>]*>)[^<]*", lambda text: text[1] + _written(next(lines, "")), node[0]
            ),
            drawn,
            count=1,
            flags=re.S,
        )
    return drawn


def _written(label: str) -> str:
    return escape(SIGNS.get(label) or pretty(label))


def _drawn(merged: Merged) -> str:
    """The merged graph as SVG without identifiers, titles and colors, which the page's style sheet supplies."""
    digraph = new_digraph("nets", rankdir="TB")
    merged.into(digraph)
    drawn = render(digraph.source, "svg").decode()
    drawn = re.sub(
        r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<title>.*?</title>| xmlns(?::xlink)?=\"[^\"]*\"", "", drawn, flags=re.S
    )
    drawn = re.sub(r' (?:id|fill|stroke|font-family|font-size|xml:space)="[^"]*"', "", drawn)
    # no step titles: the indices say which step it is
    drawn = re.sub(r'(<g class="cluster">.*?)<text.*?</text>', r"\1", drawn, flags=re.S)
    return re.sub(r"\n+", "\n", drawn.replace("&#45;", "-")).strip()
