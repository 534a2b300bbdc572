"""The two diagrams, laid out as one so that the same nodes stand in the same places, and drawn apart."""

from __future__ import annotations

import re
from html import escape
from typing import Any

import networkx as nx

from symfold.analysis.equality.difference import difference
from symfold.diagram.layout import Picture, new_digraph
from symfold.render import render
from symfold.report.comparison import Comparison

SIDES = {"both": "both", "first": "only-a", "second": "only-b"}  # whose a node or an edge is, as classes of the drawing


class Merged(Picture):
    """Both nets in one layout; each edge is told whose it is by its class, and what only one net has is drawn heavier."""

    def _node(self, target: Any, name: str) -> None:
        super()._node(target, name)
        data = self.graph.nodes[name]
        target.node(name, _attributes={"class": f"node-{data['kind']} {SIDES[data['side']]}"})
        if name in self.states:
            target.node(self.states[name], _attributes={"class": f"node-state {SIDES[data['side']]}"})

    def _edge(self, target: Any, source: str, end: str, data: dict[str, Any]) -> None:
        look = {"weight": {"skip": "50", "output": "1", "capture": "0", "state": "3"}.get(data["kind"], "1")}
        if data["side"] != "both":
            look |= {"penwidth": "2.6", "arrowsize": "0.75"}
        target.edge(self.states.get(source, source), end, **look, _attributes={"class": f"edge-{data['kind']} {SIDES[data['side']]}"})


def diagrams(comparison: Comparison) -> tuple[str, str]:
    """Two drawings with the same nodes in the same places, what is in one net alone marked in it and absent from the other."""
    whole = _drawn(difference(*comparison.nets).graph)
    shown = []
    for side, other, name in (("a", "b", comparison.titles[0]), ("b", "a", comparison.titles[1])):
        kept = re.sub(rf'<g class="(?:node|edge)[^"]* only-{other}">.*?</g>\n?', "", whole, flags=re.S)
        title = f"Diagram of {name}: an arrow leads from each value to what reads it; heavy arrows are in this net alone."
        shown.append(kept.replace("<svg ", f'<svg class="diagram side-{side}" role="img" ', 1).replace(">", f"><title>{escape(title)}</title>", 1))
    return shown[0], shown[1]


def _drawn(both: nx.MultiDiGraph) -> str:
    """The merged graph as SVG: no identifiers, no titles inside, no colours of its own; the page's style sheet has those."""
    digraph = new_digraph("nets", rankdir="TB")
    Merged(both).into(digraph)
    drawn = render(digraph.source, "svg").decode()
    drawn = re.sub(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<title>.*?</title>| xmlns(?::xlink)?=\"[^\"]*\"", "", drawn, flags=re.S)
    drawn = re.sub(r' (?:id|fill|stroke|font-family|font-size|xml:space)="[^"]*"', "", drawn)
    drawn = re.sub(r'(<g class="cluster">.*?)<text.*?</text>', r"\1", drawn, flags=re.S)  # the indices say which step it is
    return re.sub(r"\n+", "\n", drawn.replace("&#45;", "-")).strip()
